//! What ties a connection to the owner of the sockets.

use crate::sip::flow::{ConnectionId, Flow, Protocol, TxId};
use bytes::Bytes;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// A message on its way to a connection's task.
pub(super) type Outgoing = (Option<TxId>, Bytes);

/// What a connection tells the owner.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Opened(Flow, Handle),
    Message(Flow, Bytes),
    /// The connection ended; these messages were never written.
    Closed(ConnectionId, Vec<TxId>),
}

/// The owner's end of a connection. Dropping it cuts the connection.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) queue: mpsc::Sender<Outgoing>,
    _alive: oneshot::Sender<()>,
}

/// Opens connections that something else accepted (TLS, the WebSocket route of the HTTP server). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    inbox: mpsc::Sender<LinkEvent>,
    ids: Arc<AtomicU64>,
    write_queue: usize,
}

impl Gate {
    pub(super) fn new(inbox: mpsc::Sender<LinkEvent>, write_queue: usize) -> Self {
        Self { inbox, ids: Arc::new(AtomicU64::new(1)), write_queue }
    }

    /// Announces a connection to the owner of the sockets. When that one has too many, the link closes at once:
    /// [`Link::next`] gives `None`. `None` when the owner is gone.
    pub async fn open(&self, protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Option<Link> {
        let (link, handle) = self.pair(protocol, local, remote);
        self.inbox.send(LinkEvent::Opened(link.flow, handle)).await.ok()?;
        Some(link)
    }

    pub(super) fn pair(&self, protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> (Link, Handle) {
        let id = NonZeroU64::new(self.ids.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MAX);
        let connection = ConnectionId(id);
        let flow = Flow { protocol, remote, local, connection: Some(connection) };
        let (queue, outgoing) = mpsc::channel(self.write_queue);
        let (alive, cut) = oneshot::channel();
        let inbox = self.inbox.clone();
        let link = Link { flow, connection, inbox, outgoing, cut, cut_seen: false, unsent: Vec::new() };
        (link, Handle { queue, _alive: alive })
    }
}

/// A connection's end: hands received messages in and takes messages to send out.
#[derive(Debug)]
pub struct Link {
    flow: Flow,
    connection: ConnectionId,
    inbox: mpsc::Sender<LinkEvent>,
    outgoing: mpsc::Receiver<Outgoing>,
    cut: oneshot::Receiver<()>,
    cut_seen: bool,
    unsent: Vec<TxId>,
}

/// Hands received messages in; the half of a [`Link`] that a reader needs.
#[derive(Clone, Debug)]
pub struct Inlet {
    flow: Flow,
    inbox: mpsc::Sender<LinkEvent>,
}

impl Inlet {
    /// Hands in one whole message. Waits while the edge loop is behind. False when the owner is gone.
    pub async fn received(&self, message: Bytes) -> bool {
        self.inbox.send(LinkEvent::Message(self.flow, message)).await.is_ok()
    }
}

impl Link {
    /// The connection's flow.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// The half for a reader.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        Inlet { flow: self.flow, inbox: self.inbox.clone() }
    }

    /// The next message to write; `None` when the owner has cut the connection. Cancel-safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.next_tagged().await.map(|(_, bytes)| bytes)
    }

    /// The next message with the transaction to blame when writing it fails.
    pub(super) async fn next_tagged(&mut self) -> Option<Outgoing> {
        if self.cut_seen {
            return None;
        }
        tokio::select! {
            biased;
            _ = &mut self.cut => {
                self.cut_seen = true;
                None
            }
            message = self.outgoing.recv() => message,
        }
    }

    /// Completes when the owner cuts the connection.
    pub(super) async fn cut(&mut self) {
        if !self.cut_seen {
            (&mut self.cut).await.ok();
            self.cut_seen = true;
        }
    }

    /// Notes a message that was taken and not written.
    pub(super) fn failed(&mut self, tx: Option<TxId>) {
        self.unsent.extend(tx);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.outgoing.close();
        while let Ok((tx, _)) = self.outgoing.try_recv() {
            self.unsent.extend(tx);
        }
        let closed = LinkEvent::Closed(self.connection, std::mem::take(&mut self.unsent));
        let Err(mpsc::error::TrySendError::Full(closed)) = self.inbox.try_send(closed) else { return };
        // The end of a connection must not be lost, or its slot would be; without a runtime there is no owner either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let inbox = self.inbox.clone();
            runtime.spawn(async move { inbox.send(closed).await });
        }
    }
}
