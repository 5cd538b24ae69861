//! The four transaction machines of RFC 3261 §17, as amended by RFC 6026.
//!
//! Owns: states, retransmission, timeouts. Does not own: sockets, the clock, matching of messages to transactions
//! ([`super::endpoint`] does that) or the reading of messages; a machine only learns the *class* of a message.
//!
//! Each machine has the same four methods: `handle` takes an input at a time, `handle_timeout` lets due timers fire
//! (spurious calls are harmless), `poll_command` is drained after each of them, `poll_timeout` says when to come back.
//! Retransmissions clone the same [`Bytes`], which copies no data.
//!
//! ```
//! use bytes::Bytes;
//! use dialplane_signaling::sip::transaction::{Command, NonInviteClient, NonInviteClientInput, Transport, timers};
//! use std::time::Instant;
//!
//! let now = Instant::now();
//! let request = Bytes::from_static(b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n");
//! let mut tx = NonInviteClient::new(now, request.clone(), Transport::Unreliable);
//! assert_eq!(tx.poll_command(), Some(Command::Send(request.clone())));
//! tx.handle_timeout(now + timers::T1);
//! assert_eq!(tx.poll_command(), Some(Command::Send(request)));
//! tx.handle(now + timers::T1, NonInviteClientInput::Final);
//! assert_eq!(tx.poll_command(), Some(Command::Deliver));
//! ```

mod invite_client;
mod invite_server;
mod non_invite_client;
mod non_invite_server;
pub mod timers;

use bytes::Bytes;
use smallvec::SmallVec;

pub use invite_client::{InviteClient, InviteClientInput, InviteClientState};
pub use invite_server::{InviteServer, InviteServerInput, InviteServerState};
pub use non_invite_client::{NonInviteClient, NonInviteClientInput, NonInviteClientState};
pub use non_invite_server::{NonInviteServer, NonInviteServerInput, NonInviteServerState};

/// Whether the transport below loses messages; decides which timers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP: the transaction retransmits and absorbs retransmissions.
    Unreliable,
    /// TCP, TLS, WebSocket: nothing is retransmitted but the 2xx of an INVITE.
    Reliable,
}

impl Transport {
    /// `time` on unreliable transports, zero on reliable ones (Timers D, I, J, K).
    fn linger(self, time: std::time::Duration) -> std::time::Duration {
        match self {
            Self::Unreliable => time,
            Self::Reliable => std::time::Duration::ZERO,
        }
    }
}

/// What a machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Command {
    /// Send these bytes to the peer of the transaction.
    Send(Bytes),
    /// Pass the message of the input just handled to the user. Machines keep no messages.
    Deliver,
    /// The peer did not answer in time (Timers B, F, H; a 2xx that was never acknowledged).
    Timeout,
    /// The transport could not send; the user is told (§17.1.4, §17.2.4).
    TransportFailed,
    /// The transaction is over; forget it. Always the last command.
    Terminated,
}

/// A request of the user that the state of the transaction does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// A final response has already been sent.
    #[error("the transaction has already been answered with a final response")]
    AlreadyAnswered,
    /// The transaction no longer exists.
    #[error("the transaction is over")]
    Terminated,
}

/// Commands waiting to be polled. At most three per input, so they stay in place.
#[derive(Debug, Default)]
struct Queue(SmallVec<[Command; 3]>);

impl Queue {
    fn push(&mut self, command: Command) {
        self.0.push(command);
    }

    fn pop(&mut self) -> Option<Command> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }
}
