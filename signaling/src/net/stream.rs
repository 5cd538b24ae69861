//! One connection of a stream transport: framing, keep-alive answers, timeouts.

use super::Options;
use super::link::{Inlet, Link};
use crate::sip::wire::{Frame, Framer};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes read by one call.
const CHUNK: usize = 4096;
/// Silence before the kernel probes a connection, and the time between probes.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// The answer to a double CRLF (RFC 5626 §3.5.1).
const PONG: &[u8] = b"\r\n";
/// Up to this many bytes may be the beginning of a keep-alive rather than of a message.
const KEEP_ALIVE_PREFIX: usize = 3;

/// Reads and writes SIP on `stream` until either side ends it. The link is dropped at the end, which tells the owner.
pub async fn serve_stream<S>(mut link: Link, stream: S, options: Options)
where
    S: AsyncRead + AsyncWrite,
{
    let (reader, writer) = tokio::io::split(stream);
    let (pong, pongs) = mpsc::channel(1);
    let inlet = link.inlet();
    let ended = tokio::select! {
        ended = read(reader, inlet, pong, &options) => ended,
        ended = write(writer, &mut link, pongs, &options) => ended,
    };
    match ended {
        Ok(()) => tracing::trace!("connection ended"),
        Err(error) => tracing::debug!(%error, "connection ended"),
    }
}

async fn read(reader: impl AsyncRead, inlet: Inlet, pong: mpsc::Sender<()>, options: &Options) -> io::Result<()> {
    tokio::pin!(reader);
    let mut framer = Framer::new(&options.limits);
    let mut chunk = [0; CHUNK];
    // Set when a message begins and not moved by further bytes of it: one byte a second is not progress.
    let mut complete_by: Option<Instant> = None;
    loop {
        let until = complete_by.unwrap_or_else(|| Instant::now() + options.idle_timeout);
        let length = timeout_at(until, reader.read(&mut chunk)).await.map_err(|_| timed_out("reading"))??;
        if length == 0 {
            return Ok(());
        }
        framer.push(chunk.get(..length).unwrap_or(&[]));
        let mut framed = false;
        while let Some(frame) = framer.next_frame().map_err(io::Error::other)? {
            framed = true;
            match frame {
                Frame::Message(message) => {
                    if !inlet.received(message).await {
                        return Ok(());
                    }
                }
                // One answer that is already waiting will do for both.
                Frame::Ping => drop(pong.try_send(())),
                Frame::Pong => {}
            }
        }
        if framer.buffered() <= KEEP_ALIVE_PREFIX {
            complete_by = None;
        } else if framed || complete_by.is_none() {
            complete_by = Some(Instant::now() + options.message_timeout);
        }
    }
}

async fn write(
    writer: impl AsyncWrite,
    link: &mut Link,
    mut pongs: mpsc::Receiver<()>,
    options: &Options,
) -> io::Result<()> {
    tokio::pin!(writer);
    loop {
        let (tx, bytes) = tokio::select! {
            next = link.next_tagged() => match next {
                Some(next) => next,
                None => return Ok(()),
            },
            Some(()) = pongs.recv() => (None, Bytes::from_static(PONG)),
        };
        // A cut must not wait for a peer that does not read.
        let written = tokio::select! {
            written = timeout(options.write_timeout, writer.write_all(&bytes)) => {
                written.unwrap_or_else(|_| Err(timed_out("writing")))
            }
            () = link.cut() => Err(io::Error::other("cut by its owner")),
        };
        if let Err(error) = written {
            link.failed(tx);
            return Err(error);
        }
    }
}

/// Sets what every TCP connection here has: no delay for small messages, and probes that find a peer that vanished without
/// a word long before the idle timeout.
pub(super) fn prepare(stream: &TcpStream) {
    let probes = socket2::TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
    // A connection without them still works.
    stream.set_nodelay(true).ok();
    socket2::SockRef::from(stream).set_tcp_keepalive(&probes).ok();
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
