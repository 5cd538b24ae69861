//! All sockets of one edge loop.

use super::link::{Gate, Handle, Link, LinkEvent};
use super::stream::{prepare, serve_stream};
use super::udp::Udp;
use super::{Event, Options, Received, SendError};
use crate::sip::flow::{ConnectionId, Flow, Protocol, Transmit};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::coop::poll_proceed;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_535;
/// Connections waiting to be accepted.
const BACKLOG: u32 = 1024;
/// Keep-alives passed over before something else has its turn.
const KEEP_ALIVES_MAX: usize = 64;

/// Opens connections of a protocol that is not known here, TLS above all: it is given the link to serve and the address.
/// It must not block; dropping the link reports a failure to everything that waits for the connection.
pub type Dialer = Box<dyn FnMut(Link, SocketAddr) + Send>;

#[derive(Debug)]
struct Connection {
    flow: Flow,
    handle: Handle,
    /// Accepted ones count against the limit per address.
    accepted: bool,
}

/// The sockets; see the [module](super). Must be used inside a tokio runtime.
pub struct Sockets {
    options: Options,
    udp: Vec<Udp>,
    listeners: Vec<TcpListener>,
    connections: HashMap<ConnectionId, Connection>,
    by_remote: HashMap<(Protocol, SocketAddr), ConnectionId>,
    accepted_per_ip: HashMap<IpAddr, usize>,
    gate: Gate,
    inbox: mpsc::Receiver<LinkEvent>,
    ready: VecDeque<Event>,
    buffer: Box<[u8]>,
    dialer: Option<Dialer>,
    /// Lets streams go first every other time, so that a flood of datagrams cannot starve them.
    streams_first: bool,
    /// Set while connections cannot be accepted, so that it is logged once.
    accept_fails: bool,
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Sockets");
        shown.field("udp", &self.udp).field("listeners", &self.listeners);
        shown.field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}

impl Sockets {
    /// No socket yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let (sender, inbox) = mpsc::channel(options.inbox.max(1));
        Self {
            options,
            udp: Vec::new(),
            listeners: Vec::new(),
            connections: HashMap::new(),
            by_remote: HashMap::new(),
            accepted_per_ip: HashMap::new(),
            gate: Gate::new(sender, options.write_queue.max(1)),
            inbox,
            ready: VecDeque::new(),
            buffer: vec![0; DATAGRAM_MAX].into_boxed_slice(),
            dialer: None,
            streams_first: false,
            accept_fails: false,
        }
    }

    /// Opens a UDP socket; gives the address it is bound to.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn listen_udp(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let udp = Udp::bind(address, self.options.socket_buffer)?;
        let local = udp.local();
        self.udp.push(udp);
        Ok(local)
    }

    /// Accepts TCP connections; gives the address it is bound to.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn listen_tcp(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let local = listener.local_addr()?;
        self.listeners.push(listener);
        Ok(local)
    }

    /// Sets who opens connections that are not TCP. Without one they cannot be opened, only used when they are there.
    pub fn dial_with(&mut self, dialer: Dialer) {
        self.dialer = Some(dialer);
    }

    /// Lets others bring connections in, of whatever protocol.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The next event. Cancel-safe: nothing is taken unless it is returned.
    pub async fn recv(&mut self) -> Event {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// An event that is there already; for draining before the edge loop sleeps.
    pub fn try_recv(&mut self) -> Option<Event> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        self.streams_first = !self.streams_first;
        if self.streams_first {
            self.try_recv_stream().or_else(|| self.try_recv_udp())
        } else {
            self.try_recv_udp().or_else(|| self.try_recv_stream())
        }
    }

    /// Polls for the next event; registers the task's waker with every socket that has none.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        // Under a flood there is always something; the other tasks of this thread must have their turn all the same.
        let budget = ready!(poll_proceed(cx));
        if let Some(event) = self.try_recv() {
            budget.made_progress();
            return Poll::Ready(event);
        }
        drop(budget);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(event);
            }
            if let Poll::Ready(Some(event)) = self.inbox.poll_recv(cx) {
                self.take(event);
                continue;
            }
            if self.poll_accept(cx) {
                continue;
            }
            break;
        }
        for udp in &self.udp {
            let mut left = KEEP_ALIVES_MAX;
            while let Poll::Ready((length, remote)) = udp.poll_recv(cx, &mut self.buffer) {
                if let Some(event) = datagram(udp, self.buffer.get(..length), remote) {
                    return Poll::Ready(event);
                }
                left -= 1;
                if left == 0 {
                    // There may be more, and no waker has been registered.
                    cx.waker().wake_by_ref();
                    break;
                }
            }
        }
        Poll::Pending
    }

    /// Sends a message, or queues it on its connection, without waiting.
    ///
    /// # Errors
    /// [`SendError`]; what fails later is told by [`Event::SendFailed`].
    pub fn send(&mut self, transmit: Transmit) -> Result<(), SendError> {
        let flow = transmit.flow;
        if flow.protocol == Protocol::Udp {
            let bound = |udp: &&Udp| udp.local() == flow.local;
            let family = |udp: &&Udp| udp.local().is_ipv4() == flow.remote.is_ipv4();
            let udp = self.udp.iter().find(bound).or_else(|| self.udp.iter().find(family));
            let udp = udp.ok_or(SendError::NoSocket(flow.protocol))?;
            return Ok(udp.send(flow.remote, &transmit.bytes)?);
        }
        let known = flow.connection.filter(|id| self.connections.contains_key(id));
        let id = match (known, flow.connection, transmit.fallback) {
            (Some(id), ..) => id,
            (None, Some(_), None) => return Err(SendError::Closed),
            (None, Some(_), Some(fallback)) => self.reuse_or_open(flow.protocol, flow.local, fallback)?,
            (None, None, _) => self.reuse_or_open(flow.protocol, flow.local, flow.remote)?,
        };
        let connection = self.connections.get(&id).ok_or(SendError::Closed)?;
        match connection.handle.queue.try_send((transmit.tx, transmit.bytes)) {
            Ok(()) => Ok(()),
            Err(refused) => {
                self.close(id);
                Err(match refused {
                    mpsc::error::TrySendError::Full(_) => SendError::TooSlow,
                    mpsc::error::TrySendError::Closed(_) => SendError::Closed,
                })
            }
        }
    }

    /// Cuts a connection; messages still queued on it fail.
    pub fn close(&mut self, id: ConnectionId) {
        if self.forget(id) {
            self.ready.push_back(Event::Closed(id));
        }
    }

    fn try_recv_udp(&mut self) -> Option<Event> {
        for udp in &self.udp {
            for _ in 0..KEEP_ALIVES_MAX {
                let Some((length, remote)) = udp.try_recv(&mut self.buffer) else { break };
                if let Some(event) = datagram(udp, self.buffer.get(..length), remote) {
                    return Some(event);
                }
            }
        }
        None
    }

    fn try_recv_stream(&mut self) -> Option<Event> {
        while let Ok(event) = self.inbox.try_recv() {
            self.take(event);
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
        }
        None
    }

    fn take(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Message(flow, bytes) => {
                // What a connection sent before it was cut is still valid, only the way back is gone.
                self.ready.push_back(Event::Received(Received { flow, bytes }));
            }
            LinkEvent::Opened(flow, handle) => {
                if self.admits(flow.remote.ip()) {
                    self.enter(flow, handle, true);
                }
            }
            LinkEvent::Closed(id, unsent) => {
                self.ready.extend(unsent.into_iter().map(Event::SendFailed));
                self.close(id);
            }
        }
    }

    /// True when a connection was taken from a backlog, whether it was admitted or not.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> bool {
        for index in 0..self.listeners.len() {
            let Some(listener) = self.listeners.get(index) else { continue };
            match listener.poll_accept(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok((stream, remote))) => {
                    self.accept_fails = false;
                    self.accept(stream, remote);
                    return true;
                }
                Poll::Ready(Err(error)) => {
                    // Out of descriptors, most often. Trying again at once would spin, so it waits until the task is
                    // woken by something else, which the end of a connection is.
                    if !std::mem::replace(&mut self.accept_fails, true) {
                        tracing::warn!(%error, "tcp accept");
                    }
                }
            }
        }
        false
    }

    fn accept(&mut self, stream: TcpStream, remote: SocketAddr) {
        if !self.admits(remote.ip()) {
            tracing::debug!("connection refused by limit");
            return;
        }
        let Ok(local) = stream.local_addr() else { return };
        prepare(&stream);
        let (link, handle) = self.gate.pair(Protocol::Tcp, local, remote);
        self.enter(link.flow(), handle, true);
        tokio::spawn(serve_stream(link, stream, self.options));
    }

    fn admits(&self, ip: IpAddr) -> bool {
        self.connections.len() < self.options.connections
            && self.accepted_per_ip.get(&ip).copied().unwrap_or(0) < self.options.connections_per_ip
    }

    fn reuse_or_open(
        &mut self,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<ConnectionId, SendError> {
        if let Some(id) = self.by_remote.get(&(protocol, remote)) {
            return Ok(*id);
        }
        if protocol != Protocol::Tcp && self.dialer.is_none() {
            return Err(SendError::NoSocket(protocol));
        }
        if self.connections.len() >= self.options.connections {
            return Err(SendError::TooManyConnections);
        }
        let (link, handle) = self.gate.pair(protocol, local, remote);
        let flow = link.flow();
        self.enter(flow, handle, false);
        match &mut self.dialer {
            Some(dialer) if protocol != Protocol::Tcp => dialer(link, remote),
            _ => drop(tokio::spawn(connect(link, remote, self.options))),
        }
        flow.connection.ok_or(SendError::Closed)
    }

    fn enter(&mut self, flow: Flow, handle: Handle, accepted: bool) {
        let Some(id) = flow.connection else { return };
        if accepted {
            *self.accepted_per_ip.entry(flow.remote.ip()).or_default() += 1;
        }
        self.by_remote.insert((flow.protocol, flow.remote), id);
        self.connections.insert(id, Connection { flow, handle, accepted });
    }

    fn forget(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.remove(&id) else { return false };
        let flow = connection.flow;
        if self.by_remote.get(&(flow.protocol, flow.remote)) == Some(&id) {
            self.by_remote.remove(&(flow.protocol, flow.remote));
        }
        if connection.accepted
            && let Some(count) = self.accepted_per_ip.get_mut(&flow.remote.ip())
        {
            *count -= 1;
            if *count == 0 {
                self.accepted_per_ip.remove(&flow.remote.ip());
            }
        }
        true
    }
}

/// A datagram as an event; keep-alives (RFC 5626 §3.5.1 and phones that send a zero byte) are none.
fn datagram(udp: &Udp, bytes: Option<&[u8]>, remote: SocketAddr) -> Option<Event> {
    let bytes = bytes?;
    if bytes.len() <= 4 {
        return None;
    }
    let flow = Flow::to(Protocol::Udp, udp.local(), remote);
    Some(Event::Received(Received { flow, bytes: Bytes::copy_from_slice(bytes) }))
}

/// Opens a connection and serves it. A failure drops the link, which reports all that was queued on it.
async fn connect(mut link: Link, remote: SocketAddr, options: Options) {
    let opened = tokio::select! {
        opened = tokio::time::timeout(options.connect_timeout, TcpStream::connect(remote)) => opened,
        () = link.cut() => return,
    };
    match opened {
        Ok(Ok(stream)) => {
            prepare(&stream);
            serve_stream(link, stream, options).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "tcp connect"),
        Err(_) => tracing::debug!("tcp connect timed out"),
    }
}
