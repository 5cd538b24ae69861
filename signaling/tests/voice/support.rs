//! A relay, parties that speak RTP, and signals to compare.

use std::f64::consts::TAU;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_signaling::media::audio::{Audio, Clip, FRAME_BYTES, FRAME_TICKS, VoiceCodec};
use dialplane_signaling::media::dtmf::EventSender;
use dialplane_signaling::media::relay::{
    Relay, RelayConfig, RelayHandle, Remote, Segment, Session, Side, VoiceConfig, VoiceEvent, VoiceEventKind,
};
use dialplane_signaling::media::rtp::{Header, PacketBuilder};
use tokio::sync::mpsc::{Receiver, channel};

pub(super) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const EVENT_TYPE: u8 = 101;

/// Every test has ports of its own, because tests run at the same time.
pub(super) fn start(first: u16) -> RelayHandle {
    let config = RelayConfig { bind: LOCALHOST, ports: first..=first + 99, ..RelayConfig::default() };
    Relay::start(config, None).unwrap()
}

pub(super) fn config(codec: VoiceCodec) -> VoiceConfig {
    VoiceConfig { codec, payload_type: codec.static_type(), event_payload_type: Some(EVENT_TYPE), inband: false }
}

/// A packet a party heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

/// A party with a telephone.
pub(super) struct Phone {
    pub(super) rtp: UdpSocket,
    pub(super) stream: PacketBuilder,
    to: SocketAddr,
    joined: Option<(RelayHandle, Session, Side)>,
    sent: u64,
}

impl Phone {
    pub(super) fn new(codec: VoiceCodec, ssrc: u32) -> Self {
        let rtp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
        rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            rtp,
            stream: PacketBuilder::new(codec.static_type(), ssrc),
            to: SocketAddr::new(LOCALHOST, 9),
            joined: None,
            sent: 0,
        }
    }

    /// Joins `side` of a session.
    pub(super) fn join(&mut self, relay: &RelayHandle, session: Session, side: Side) {
        self.to = if side == Side::A { session.a } else { session.b };
        self.joined = Some((relay.clone(), session, side));
        relay.set_remote(session.id, side, Some(Remote::at(self.rtp.local_addr().unwrap()))).unwrap();
    }

    /// Sends a packet, no faster than they are taken in: what a socket has no room for is lost.
    pub(super) fn send(&mut self, packet: &[u8]) {
        self.rtp.send_to(packet, self.to).unwrap();
        self.sent += 1;
        if self.sent.is_multiple_of(32) {
            self.settled();
        }
    }

    /// Waits until the relay has taken in what was sent.
    pub(super) fn settled(&self) {
        let Some((relay, session, side)) = &self.joined else { return };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = relay.stats(session.id).unwrap();
            let taken = if *side == Side::A { stats.a.packets } else { stats.b.packets };
            if taken >= self.sent {
                return;
            }
            assert!(Instant::now() < deadline, "{taken} of {} packets were taken in", self.sent);
            std::thread::yield_now();
        }
    }

    /// Sends 20 ms of audio.
    pub(super) fn say(&mut self, payload: &[u8]) {
        let packet = self.stream.next_packet(payload, FRAME_TICKS);
        self.send(&packet);
    }

    /// Presses a key for 60 ms, as an event.
    pub(super) fn press(&mut self, key: char) {
        for event in EventSender::new(key, self.stream.timestamp, Duration::from_millis(60)).unwrap() {
            self.send(&event.to_rtp(EVENT_TYPE, self.stream.sequence, self.stream.ssrc));
            self.stream.sequence = self.stream.sequence.wrapping_add(1);
        }
        self.stream.timestamp += 5 * FRAME_TICKS;
    }

    /// The next packet.
    pub(super) fn hear(&self) -> Heard {
        let mut buffer = [0; 2_048];
        let (len, source) = self.rtp.recv_from(&mut buffer).unwrap();
        assert_eq!(source, self.to, "symmetric: a party hears from where it sends to");
        heard(&buffer[..len])
    }

    /// What has arrived so far.
    pub(super) fn heard_so_far(&self) -> Vec<Heard> {
        self.rtp.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 2_048];
        loop {
            match self.rtp.recv_from(&mut buffer) {
                Ok((len, _)) => all.push(heard(&buffer[..len])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.rtp.set_nonblocking(false).unwrap();
        all
    }
}

fn heard(packet: &[u8]) -> Heard {
    let header = Header::parse(packet).unwrap();
    Heard { header, payload: packet[header.payload_start..header.payload_end].to_vec() }
}

/// A session whose side A has a party and a voice.
pub(super) struct Booth {
    pub(super) relay: RelayHandle,
    pub(super) session: Session,
    pub(super) phone: Phone,
    pub(super) events: Receiver<VoiceEvent>,
}

impl Booth {
    pub(super) fn open(first_port: u16, config: VoiceConfig) -> Self {
        Self::with_room(first_port, config, 64)
    }

    pub(super) fn with_room(first_port: u16, config: VoiceConfig, room: usize) -> Self {
        let relay = start(first_port);
        let session = relay.open().unwrap();
        let mut phone = Phone::new(config.codec, 7);
        phone.join(&relay, session, Side::A);
        let (listener, events) = channel(room);
        relay.attach_voice(session.id, Side::A, config, listener).unwrap();
        Self { relay, session, phone, events }
    }

    /// The next event.
    pub(super) async fn told(&mut self) -> VoiceEventKind {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event comes").unwrap();
        assert_eq!((event.session, event.side), (self.session.id, Some(Side::A)));
        event.kind
    }

    pub(super) async fn digits(&mut self, count: usize) -> String {
        let mut digits = String::new();
        while digits.len() < count {
            match self.told().await {
                VoiceEventKind::Digit(digit) => digits.push(digit),
                other => panic!("{other:?} after {digits:?}"),
            }
        }
        digits
    }
}

/// Something with the rise and fall, the pitch and the pauses of speech, `rate` samples a second.
pub(super) fn speech(seconds: f64, rate: u32) -> Vec<i16> {
    let count = (seconds * f64::from(rate)) as u32;
    let mut phase = 0.0;
    let sample = |n: u32| {
        let t = f64::from(n) / f64::from(rate);
        let pitch = 150.0 + 50.0 * (TAU * 0.7 * t).sin();
        phase += TAU * pitch / f64::from(rate);
        let voice: f64 = (1..20).map(|h| (phase * f64::from(h)).sin() / f64::from(h).sqrt()).sum();
        let syllables = (TAU * 2.3 * t).sin().max(0.0);
        (voice * syllables * 4_000.0) as i16
    };
    (0..count).map(sample).collect()
}

pub(super) fn clip_of(samples: &[i16], rate: u32) -> Segment {
    Segment::Clip(Arc::new(Clip::new(&Audio::from_samples(samples, rate).unwrap())))
}

/// The audio of packets one after another.
pub(super) fn decoded(codec: VoiceCodec, heard: &[Heard]) -> Vec<i16> {
    let bytes: Vec<u8> = heard.iter().flat_map(|packet| packet.payload.iter().copied()).collect();
    assert_eq!(bytes.len(), heard.len() * FRAME_BYTES);
    codec.decode(&bytes)
}

/// How alike two signals are at the delay at which they are most alike, up to `within` samples: 1 when they are the same but for level.
pub(super) fn likeness(a: &[i16], b: &[i16], within: usize) -> f64 {
    let dot = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let alike = |a: &[i16], b: &[i16]| {
        let shared = a.len().min(b.len());
        let (a, b) = (&a[..shared], &b[..shared]);
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    (0..=within).flat_map(|lag| [alike(&a[lag..], b), alike(a, &b[lag..])]).fold(-1.0, f64::max)
}
