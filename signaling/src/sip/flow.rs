//! Where a message came from or goes to, as the I/O-free parts name it. [`crate::net`] maps it to sockets.

use super::transaction::Transport;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// The transport protocol of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 3261 §18.
    Udp,
    /// RFC 3261 §18.
    Tcp,
    /// RFC 3261 §26.2.1.
    Tls,
    /// RFC 7118.
    Ws,
    /// RFC 7118 over TLS.
    Wss,
}

impl Protocol {
    /// The token in a Via header.
    #[must_use]
    pub fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of a `transport` URI parameter (lower case; TLS is `tcp` with `sips`, written `tls` by most phones).
    #[must_use]
    pub fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Reads a Via or URI token, in any case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|protocol| protocol.via_token().eq_ignore_ascii_case(token))
    }

    /// Whether the protocol delivers, which decides about retransmission (§17).
    #[must_use]
    pub fn reliability(self) -> Transport {
        if self == Self::Udp { Transport::Unreliable } else { Transport::Reliable }
    }

    /// The port of a URI that names none (§19.1.2, the WebSocket ports are those of HTTP).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.via_token())
    }
}

/// Names one connection of a stream transport for the life of the process; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub NonZeroU64);

/// One way to a peer: the protocol, its address and, on stream transports, the connection.
///
/// A flow that came with a message is the way back to its sender, through any NAT (RFC 5626's idea of a flow).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The peer's address as seen on the network.
    pub remote: SocketAddr,
    /// The address of ours that the message used; what goes into Via and Contact of messages on this flow.
    pub local: SocketAddr,
    /// The connection, when there is one; `None` lets the transport reuse or open one to `remote`.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// A flow to `remote` from our address `local`, without a connection yet.
    #[must_use]
    pub fn to(protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol, remote, local, connection: None }
    }
}

/// Names one transaction of an [`Endpoint`](super::endpoint::Endpoint); never used again after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Bytes to send, and the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Transmit {
    /// The flow to use.
    pub flow: Flow,
    /// Where to open a connection when the flow's own has closed (§18.2.2); `None`: then sending fails.
    pub fallback: Option<SocketAddr>,
    /// One whole message.
    pub bytes: bytes::Bytes,
    /// Whom to tell when it cannot be sent.
    pub tx: Option<TxId>,
}
