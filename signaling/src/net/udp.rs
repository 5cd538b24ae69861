//! A UDP socket with large buffers.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// A bound socket.
#[derive(Debug)]
pub(super) struct Udp {
    socket: UdpSocket,
    local: SocketAddr,
}

impl Udp {
    pub(super) fn bind(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The kernel caps these at net.core.{r,w}mem_max; a smaller buffer is no reason not to start.
        socket.set_recv_buffer_size(buffer).ok();
        socket.set_send_buffer_size(buffer).ok();
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// A datagram without waiting; `None` when there is none.
    pub(super) fn try_recv(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.try_recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // ICMP errors of earlier sends surface here; they say nothing about the next datagram.
                Err(error) => tracing::debug!(%error, "udp receive"),
            }
        }
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(usize, SocketAddr)> {
        loop {
            let mut read = ReadBuf::new(buffer);
            match ready!(self.socket.poll_recv_from(cx, &mut read)) {
                Ok(from) => return Poll::Ready((read.filled().len(), from)),
                Err(error) => tracing::debug!(%error, "udp receive"),
            }
        }
    }

    /// Sends without waiting. When the socket's buffer is full the datagram is lost, as it may be anywhere in the network;
    /// retransmission heals both.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.socket.try_send_to(bytes, to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tracing::debug!("udp send buffer full");
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // The ICMP error of an earlier datagram, perhaps to somebody else; the kernel reports it once.
                self.socket.try_send_to(bytes, to).map(drop)
            }
            other => other.map(drop),
        }
    }
}
