//! The relay over real loopback sockets.

use std::f64::consts::TAU;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dialplane_signaling::media::relay::{
    Flow, Relay, RelayConfig, RelayError, RelayHandle, Remote, Session, SessionStats, Side,
};
use dialplane_signaling::media::rtp::{Header, PacketBuilder};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(5);

/// Every test has ports of its own, because tests run at the same time.
fn start(first: u16, change: impl FnOnce(&mut RelayConfig)) -> RelayHandle {
    let mut config = RelayConfig { bind: LOCALHOST, ports: first..=first + 99, ..RelayConfig::default() };
    change(&mut config);
    Relay::start(config, None).unwrap()
}

/// One party with an RTP and an RTCP socket.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    stream: PacketBuilder,
}

impl Phone {
    fn new(ssrc: u32) -> Self {
        let [rtp, rtcp] = [(); 2].map(|()| {
            let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        });
        Self { rtp, rtcp, stream: PacketBuilder::new(0, ssrc) }
    }

    fn remote(&self) -> Remote {
        Remote { rtp: self.rtp.local_addr().unwrap(), rtcp: self.rtcp.local_addr().unwrap() }
    }

    fn say(&mut self, to: SocketAddr, payload: &[u8]) {
        let packet = self.stream.next_packet(payload, 160);
        self.rtp.send_to(&packet, to).unwrap();
    }

    /// The payload of the next packet and where it came from.
    fn hear(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_048];
        let (len, source) = self.rtp.recv_from(&mut buffer).unwrap();
        let header = Header::parse(&buffer[..len]).unwrap();
        (buffer[header.payload_start..header.payload_end].to_vec(), source)
    }

    fn hears_nothing(&self) -> bool {
        self.rtp.set_nonblocking(true).unwrap();
        let nothing = self.rtp.recv_from(&mut [0; 64]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        self.rtp.set_nonblocking(false).unwrap();
        nothing
    }
}

/// A linear sample as G.711 mu-law (ITU-T G.711 table 2a).
fn mu_law(sample: f64) -> u8 {
    let magnitude = ((sample.abs() * 8_031.0) as u32).min(8_158) + 33;
    let exponent = magnitude.ilog2() - 5;
    let mantissa = (magnitude >> (exponent + 1)) & 0x0f;
    let sign = if sample < 0.0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// A linear sample from mu-law.
fn linear(code: u8) -> f64 {
    let code = !code;
    let magnitude = (f64::from(code & 0x0f) * 2.0 + 33.0) * f64::from(1u32 << ((code >> 4) & 7)) - 33.0;
    if code & 0x80 != 0 { -magnitude / 8_031.0 } else { magnitude / 8_031.0 }
}

/// 20 ms of a tone of `hertz`, frame `n`.
fn tone(hertz: f64, n: usize) -> Vec<f64> {
    (0..160).map(|i| 0.5 * (TAU * hertz * (n * 160 + i) as f64 / 8_000.0).sin()).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn connect(relay: &RelayHandle, a: &Phone, b: &Phone) -> Session {
    let session = relay.open().unwrap();
    relay.set_remote(session.id, Side::A, Some(a.remote())).unwrap();
    relay.set_remote(session.id, Side::B, Some(b.remote())).unwrap();
    session
}

/// Waits for the worker to have counted what the test sent.
fn stats_when(relay: &RelayHandle, session: Session, reached: impl Fn(&SessionStats) -> bool) -> SessionStats {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = relay.stats(session.id).unwrap();
        if reached(&stats) {
            return stats;
        }
        assert!(Instant::now() < deadline, "never reached: {stats:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_tone_each_way_arrives_as_it_was_sent() {
    let relay = start(21_000, |_| {});
    let (mut a, mut b) = (Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    let (mut said, mut heard) = ([vec![], vec![]], [vec![], vec![]]);
    for n in 0..50 {
        let frames = [tone(1_004.0, n), tone(440.0, n)];
        let [from_a, from_b] = frames.each_ref().map(|frame| frame.iter().copied().map(mu_law).collect::<Vec<_>>());
        a.say(session.a, &from_a);
        b.say(session.b, &from_b);
        let (at_b, source) = b.hear();
        assert_eq!(source, session.b, "symmetric: B hears from the address it sends to");
        let (at_a, source) = a.hear();
        assert_eq!(source, session.a);
        for (side, (frame, codes)) in frames.into_iter().zip([at_b, at_a]).enumerate() {
            said[side].extend(frame);
            heard[side].extend(codes.into_iter().map(linear));
        }
    }
    for side in 0..2 {
        assert_eq!(heard[side].len(), 8_000);
        let likeness = correlation(&said[side], &heard[side]);
        assert!(likeness >= 0.99, "side {side}: {likeness}");
    }
    let stats = relay.close(session.id).unwrap();
    assert_eq!((stats.a.packets, stats.b.packets), (50, 50));
    assert_eq!((stats.a.bytes, stats.a.lost, stats.a.dropped_foreign, stats.a.dropped_other), (50 * 172, 0, 0, 0));
    assert!(stats.a.last_packet_at.is_some_and(|at| at <= Instant::now()));
}

#[test]
fn a_stranger_is_dropped_and_receives_nothing() {
    let relay = start(21_100, |_| {});
    let (mut a, mut b, mut thief) = (Phone::new(1), Phone::new(2), Phone::new(3));
    let session = connect(&relay, &a, &b);
    b.say(session.b, b"b");
    a.hear();
    a.say(session.a, b"first");
    assert_eq!(b.hear().0, b"first");
    for _ in 0..200 {
        thief.say(session.a, b"noise");
        thief.say(session.b, b"noise");
    }
    stats_when(&relay, session, |s| s.a.dropped_foreign + s.b.dropped_foreign == 400);
    for _ in 0..20 {
        a.say(session.a, b"voice");
        assert_eq!(b.hear().0, b"voice");
        b.say(session.b, b"reply");
        assert_eq!(a.hear().0, b"reply");
    }
    assert!(thief.hears_nothing());
}

/// The worst case: the stranger is on another host than the description says, sends a proper stream, and sends it before the party's
/// first packet. 127.0.0.2 is another host as far as addresses tell.
#[test]
fn a_stranger_who_comes_first_gets_no_packet_once_the_party_speaks() {
    let relay = start(21_200, |config| config.bind = IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let (mut a, mut b) = (Phone::new(1), Phone::new(2));
    let mut thief = Phone { rtp: UdpSocket::bind("127.0.0.2:0").unwrap(), ..Phone::new(3) };
    let session = connect(&relay, &a, &b);
    let (to_a, to_b) = (SocketAddr::new(LOCALHOST, session.a.port()), SocketAddr::new(LOCALHOST, session.b.port()));
    for _ in 0..4 {
        thief.say(to_a, b"noise");
    }
    stats_when(&relay, session, |s| s.a.dropped_foreign == 4);
    b.say(to_b, b"secret");
    assert_eq!(a.hear().0, b"secret", "before anyone is trusted, media goes to the described address");
    a.say(to_a, b"voice");
    assert_eq!(b.hear().0, b"voice");
    for _ in 0..50 {
        thief.say(to_a, b"noise");
        b.say(to_b, b"secret");
        assert_eq!(a.hear().0, b"secret");
    }
    assert!(thief.hears_nothing());
    assert!(b.hears_nothing());
}

#[test]
fn a_new_description_moves_the_stream() {
    let relay = start(21_300, |_| {});
    let (mut a, mut b, mut moved) = (Phone::new(1), Phone::new(2), Phone::new(3));
    let session = connect(&relay, &a, &b);
    a.say(session.a, b"here");
    assert_eq!(b.hear().0, b"here");
    relay.set_remote(session.id, Side::A, Some(moved.remote())).unwrap();
    b.say(session.b, b"there");
    assert_eq!(moved.hear().0, b"there");
    moved.say(session.a, b"now");
    assert_eq!(b.hear().0, b"now");
    assert!(a.hears_nothing());
}

#[test]
fn muting_one_direction_leaves_the_other() {
    let relay = start(21_400, |_| {});
    let (mut a, mut b) = (Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    relay.set_flow(session.id, Side::B, Flow::Muted).unwrap();
    a.say(session.a, b"unheard");
    stats_when(&relay, session, |s| s.a.packets == 1);
    b.say(session.b, b"heard");
    assert_eq!(a.hear().0, b"heard");
    assert!(b.hears_nothing());
    relay.set_flow(session.id, Side::B, Flow::Open).unwrap();
    a.say(session.a, b"again");
    assert_eq!(b.hear().0, b"again");
}

#[test]
fn rtcp_goes_over_its_own_port_or_the_shared_one() {
    let relay = start(21_500, |_| {});
    let (a, b) = (Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let control = SocketAddr::new(session.a.ip(), session.a.port() + 1);
    a.rtcp.send_to(&report, control).unwrap();
    let mut buffer = [0; 64];
    let (len, source) = b.rtcp.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], source.port()), (&report[..], session.b.port() + 1));

    let muxed = Remote { rtp: b.remote().rtp, rtcp: b.remote().rtp };
    relay.set_remote(session.id, Side::B, Some(muxed)).unwrap();
    a.rtcp.send_to(&report, control).unwrap();
    let (len, source) = b.rtp.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], source), (&report[..], session.b));
}

#[test]
fn loss_reordering_and_duplicates_are_passed_on_and_counted() {
    let relay = start(21_600, |_| {});
    let (a, b) = (Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    let mut stream = PacketBuilder::new(0, 9);
    let packets: Vec<_> = (0..100u8).map(|n| stream.next_packet(&[n; 160], 160)).collect();
    let mut sent = vec![];
    for n in (0..100usize).filter(|n| n % 20 != 7) {
        let n = if n % 10 == 2 {
            n + 1
        } else if n % 10 == 3 {
            n - 1
        } else {
            n
        };
        sent.push(n);
        if n == 50 {
            sent.push(n);
        }
    }
    for n in &sent {
        a.rtp.send_to(&packets[*n], session.a).unwrap();
        assert_eq!(usize::from(b.hear().0[0]), *n);
    }
    let stats = relay.close(session.id).unwrap();
    assert_eq!(stats.a.packets, sent.len() as u64);
    assert_eq!(stats.a.lost, 4, "five lost, one hidden by the duplicate (RFC 3550 A.3)");
}

#[test]
fn garbage_is_dropped_and_floods_are_cut() {
    let relay = start(21_700, |_| {});
    let (mut a, mut b) = (Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    a.rtp.send_to(b"REGISTER sip:x SIP/2.0", session.a).unwrap();
    a.rtp.send_to(&[], session.a).unwrap();
    a.rtp.send_to(&[0x80; 3_000], session.a).unwrap();
    let stats = stats_when(&relay, session, |s| s.a.dropped_other == 3);
    assert_eq!(stats.a.packets, 0);
    for n in 0..40 {
        for _ in 0..50 {
            a.say(session.a, b"flood");
        }
        stats_when(&relay, session, |s| s.a.packets == 50 * (n + 1));
    }
    assert!(relay.stats(session.id).unwrap().a.dropped_other > 500);
    b.say(session.b, b"still");
    assert_eq!(a.hear().0, b"still");
}

#[test]
fn closing_frees_the_ports_and_the_session() {
    let relay = start(21_800, |config| {
        config.ports = 21_800..=21_803;
        config.quarantine = Duration::ZERO;
    });
    let session = relay.open().unwrap();
    assert!(matches!(relay.open(), Err(RelayError::Port(_))));
    assert!(relay.close(session.id).is_some());
    assert!(relay.close(session.id).is_none());
    assert!(relay.stats(session.id).is_none());
    assert!(matches!(relay.set_remote(session.id, Side::A, None), Err(RelayError::NoSession(_))));
    let deadline = Instant::now() + PATIENCE;
    while relay.pairs_in_use() > 0 {
        assert!(Instant::now() < deadline, "ports were not freed");
        std::thread::yield_now();
    }
    for port in 21_800..=21_803 {
        UdpSocket::bind((LOCALHOST, port)).unwrap();
    }
    relay.open().unwrap();
}

#[test]
fn a_port_held_by_another_program_is_skipped() {
    let relay = start(21_900, |_| {});
    let _held = UdpSocket::bind((LOCALHOST, 21_901)).unwrap();
    let session = relay.open().unwrap();
    assert_eq!((session.a.port(), session.b.port()), (21_902, 21_904));
}

#[test]
fn sessions_are_bounded_and_loops_and_the_wrong_ip_version_refused() {
    let relay = start(22_000, |config| config.max_sessions = 1);
    let session = relay.open().unwrap();
    assert!(matches!(relay.open(), Err(RelayError::Full(1))));
    for port in [session.a.port(), session.b.port(), session.b.port() + 1] {
        let own = SocketAddr::new(LOCALHOST, port);
        let looped = relay.set_remote(session.id, Side::A, Some(Remote::at(own)));
        assert!(matches!(looped, Err(RelayError::Loop(_))));
    }
    for many in ["224.0.0.1:4000", "255.255.255.255:4000", "0.0.0.0:4000", "127.0.0.1:0"] {
        let refused = relay.set_remote(session.id, Side::A, Some(Remote::at(many.parse().unwrap())));
        assert!(matches!(refused, Err(RelayError::NotUnicast(_))), "{many}");
    }
    let six = Remote::at("[::1]:4000".parse().unwrap());
    assert!(matches!(relay.set_remote(session.id, Side::A, Some(six)), Err(RelayError::Version(_))));
}

#[tokio::test]
async fn a_party_that_falls_silent_is_reported_once_and_one_that_never_spoke_is_not() {
    let (listener, mut idle) = tokio::sync::mpsc::channel(8);
    let config = RelayConfig {
        bind: LOCALHOST,
        ports: 22_100..=22_199,
        idle_after: Some(Duration::from_millis(10)),
        ..RelayConfig::default()
    };
    let relay = Relay::start(config, Some(listener)).unwrap();
    let (_never_speaks, mut a, b) = (relay.open().unwrap(), Phone::new(1), Phone::new(2));
    let session = connect(&relay, &a, &b);
    a.say(session.a, b"the last word");
    assert_eq!(tokio::time::timeout(PATIENCE, idle.recv()).await.unwrap(), Some(session.id));
    drop(relay);
    assert_eq!(tokio::time::timeout(PATIENCE, idle.recv()).await.unwrap(), None, "the worker ends with its handle");
}
