//! The sockets below SIP: what has to be asynchronous, and nothing else.
//!
//! Owns: UDP sockets, TCP listeners, connections with their framing, keep-alive answers, bounds. Does not own: any SIP
//! state. [`Sockets`] belongs to *one* task, the edge loop, which also owns the endpoint, dialogs and calls: no lock is
//! needed and none is taken. Connections run in tasks of their own and are tied to the owner by bounded queues in both
//! directions: a full inbox slows the connection's reading down, a full write queue cuts the connection.
//!
//! Syscalls per message: one `recvfrom` and one `sendto` over UDP (`epoll_wait` once per batch, since the edge loop
//! drains with [`Sockets::try_recv`] before it sleeps). Per datagram one allocation of its length is made; the receive
//! buffer is reused.
//!
//! ```no_run
//! use dialplane_signaling::net::{Event, Options, Sockets};
//! # async fn edge() -> std::io::Result<()> {
//! let mut sockets = Sockets::new(Options::default());
//! let address = sockets.listen_udp(([127, 0, 0, 1], 5060).into())?;
//! sockets.listen_tcp(address)?;
//! loop {
//!     let deadline = tokio::time::sleep(std::time::Duration::from_secs(1)); // endpoint.poll_timeout()
//!     tokio::select! {
//!         event = sockets.recv() => {
//!             let mut next = Some(event);
//!             for _ in 0..64 {
//!                 match next {
//!                     Some(Event::Received(_received)) => { /* endpoint.receive(now, flow, bytes) */ }
//!                     Some(_) => { /* endpoint.transport_failed(now, tx), registrar.connection_closed(now, id) */ }
//!                     None => break,
//!                 }
//!                 next = sockets.try_recv();
//!             }
//!         }
//!         () = deadline => { /* endpoint.handle_timeout(now) */ }
//!     }
//!     // while let Some(transmit) = endpoint.poll_transmit() { sockets.send(transmit) }
//! }
//! # }
//! ```

mod link;
mod sockets;
mod stream;
mod udp;

use crate::sip::flow::{ConnectionId, Flow, TxId};
use crate::sip::wire;
use bytes::Bytes;
use std::time::Duration;

pub use link::{Gate, Inlet, Link};
pub use sockets::{Dialer, Sockets};
pub use stream::serve_stream;

/// Bounds of [`Sockets`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// SO_RCVBUF and SO_SNDBUF of UDP sockets in bytes; the kernel may grant less.
    pub socket_buffer: usize,
    /// Connections in all.
    pub connections: usize,
    /// Accepted connections per address of a peer.
    pub connections_per_ip: usize,
    /// Messages that wait to be written on one connection; one more cuts it.
    pub write_queue: usize,
    /// Messages that wait for the edge loop from all connections together.
    pub inbox: usize,
    /// A message that has begun must be complete within this.
    pub message_timeout: Duration,
    /// A connection without any traffic is closed after this.
    pub idle_timeout: Duration,
    /// One message must have been written within this.
    pub write_timeout: Duration,
    /// A connection must have been opened within this.
    pub connect_timeout: Duration,
    /// Sizes of messages.
    pub limits: wire::Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            socket_buffer: 4 * 1024 * 1024,
            connections: 20_000,
            // A whole office may sit behind one address.
            connections_per_ip: 2048,
            // A trunk's single connection carries the bursts of all its calls.
            write_queue: 1024,
            inbox: 1024,
            message_timeout: Duration::from_secs(30),
            // Longer than the longest registration, so that a phone that only refreshes keeps its flow.
            idle_timeout: Duration::from_secs(3700),
            write_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            limits: wire::Limits::default(),
        }
    }
}

/// One whole message from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The way it came, and the way back.
    pub flow: Flow,
    /// The datagram, or one framed message of a stream.
    pub bytes: Bytes,
}

/// What the sockets report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message came.
    Received(Received),
    /// A connection has ended, whoever ended it.
    Closed(ConnectionId),
    /// A message that [`Sockets::send`] had taken could not be sent after all.
    SendFailed(TxId),
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has closed and there is no other way to the peer.
    #[error("the connection has closed")]
    Closed,
    /// The peer reads too slowly; its connection was cut.
    #[error("the peer reads too slowly")]
    TooSlow,
    /// There are too many connections to open another.
    #[error("too many connections")]
    TooManyConnections,
    /// No socket of this protocol and address family is open.
    #[error("no socket for {0}")]
    NoSocket(crate::sip::flow::Protocol),
    /// The operating system refused.
    #[error("the socket failed: {0}")]
    Io(#[from] std::io::Error),
}
