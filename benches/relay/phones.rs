//! The phones of all calls: they send at the pace of G.711 and count what arrives.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dialplane_signaling::media::rtp::PacketBuilder;

use crate::LOCALHOST;

/// Where a phone sends to.
pub(crate) type Target = SocketAddr;

/// Packets a second of one stream: 20 ms each.
const PACE: f64 = 50.0;
/// Samples of a packet.
const SAMPLES: u32 = 160;
/// How long a tick of the sender sleeps at least.
const TICK: Duration = Duration::from_micros(500);
/// How long stragglers are waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// What became of the packets of one measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heard {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// The longest a packet of the first call took; the phones' own lateness in reading is part of it.
    pub(crate) latest: Duration,
}

/// Two phones a call.
pub(crate) struct Phones {
    sockets: Vec<[UdpSocket; 2]>,
    addresses: Vec<[SocketAddr; 2]>,
}

impl Phones {
    pub(crate) fn new(calls: usize) -> io::Result<Self> {
        let sockets: Vec<[UdpSocket; 2]> = (0..calls).map(|_| Ok([socket()?, socket()?])).collect::<io::Result<_>>()?;
        let addresses =
            sockets.iter().map(|[a, b]| Ok([a.local_addr()?, b.local_addr()?])).collect::<io::Result<_>>()?;
        Ok(Self { sockets, addresses })
    }

    pub(crate) fn addresses(&self) -> &[[SocketAddr; 2]] {
        &self.addresses
    }

    /// Talks for `time`, streams evenly spread over the 20 ms of a packet.
    pub(crate) fn talk(&self, targets: &[[Target; 2]], time: Duration) -> io::Result<Heard> {
        let mut streams: Vec<(&UdpSocket, SocketAddr, PacketBuilder)> = Vec::new();
        for (n, (phones, targets)) in self.sockets.iter().zip(targets).enumerate() {
            for (side, (phone, target)) in phones.iter().zip(targets).enumerate() {
                streams.push((phone, *target, PacketBuilder::new(0, (2 * n + side) as u32)));
            }
        }
        let count = streams.len();
        let a_second = PACE * count as f64;
        let total = (time.as_secs_f64() * a_second) as u64;
        let (start, mut heard, mut next) = (Instant::now(), Heard::default(), 0);
        while heard.sent < total {
            let due = ((start.elapsed().as_secs_f64() * a_second) as u64).min(total);
            while heard.sent < due {
                let Some((phone, target, stream)) = streams.get_mut(next) else { break };
                let packet = stream.next_packet(&stamped(start), SAMPLES);
                phone.send_to(&packet, *target)?;
                heard.sent += 1;
                // What was sent half a packet's time ago has arrived; reading it now takes one look at each socket a packet.
                if let Some((other, ..)) = streams.get((next + count / 2) % count) {
                    heard.received += listen(other, start)?.0;
                }
                next = (next + 1) % count;
            }
            self.probe(start, &mut heard)?;
            std::thread::sleep(TICK);
        }
        let deadline = Instant::now() + PATIENCE;
        while heard.received < heard.sent && Instant::now() < deadline {
            for phone in self.sockets.iter().flatten() {
                heard.received += listen(phone, start)?.0;
            }
            std::thread::sleep(TICK);
        }
        Ok(heard)
    }

    /// Reads the phones of the first call at once, to see how late packets are.
    fn probe(&self, start: Instant, heard: &mut Heard) -> io::Result<()> {
        for phone in self.sockets.iter().take(1).flatten() {
            let (received, latest) = listen(phone, start)?;
            heard.received += received;
            heard.latest = heard.latest.max(latest);
        }
        Ok(())
    }
}

/// Reads all that waits at a phone: how many packets, and the age of the oldest.
fn listen(phone: &UdpSocket, start: Instant) -> io::Result<(u64, Duration)> {
    let mut buffer = [0; 2_048];
    let (mut received, mut oldest) = (0, Duration::ZERO);
    loop {
        match phone.recv(&mut buffer) {
            Ok(_) => {
                received += 1;
                oldest = oldest.max(age(start, &buffer));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((received, oldest)),
            Err(error) => return Err(error),
        }
    }
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The length of an RTP header without extras (RFC 3550 §5.1).
const HEADER: usize = 12;
/// The length of the time in front of the audio.
const STAMP: usize = 8;

/// 20 ms of audio that begins with the time it was sent.
fn stamped(start: Instant) -> [u8; SAMPLES as usize] {
    let mut payload = [0x55; SAMPLES as usize];
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    payload[..STAMP].copy_from_slice(&micros.to_be_bytes());
    payload
}

fn age(start: Instant, packet: &[u8]) -> Duration {
    let stamp = packet.get(HEADER..HEADER + STAMP).and_then(|stamp| stamp.try_into().ok()).map(u64::from_be_bytes);
    start.elapsed().saturating_sub(Duration::from_micros(stamp.unwrap_or_default()))
}
