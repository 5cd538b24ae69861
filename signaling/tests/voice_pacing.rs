//! Many voices on one worker, in a program of its own: tests that run beside it would hold up its threads.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dialplane_signaling::media::audio::{Audio, Clip, Tone, VoiceCodec};
use dialplane_signaling::media::relay::{
    Relay, RelayConfig, Remote, Repeat, Segment, Side, VoiceConfig, VoiceEventKind, VoiceStats,
};
use dialplane_signaling::media::rtp::Header;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const VOICES: usize = 100;
const SECONDS: usize = 3;
const FRAMES: usize = SECONDS * 50;
const ROUNDS: usize = 5;

/// A thread that does nothing but wake every 5 ms: how often it is late shows how much the machine holds up any thread.
struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Bystander {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut due, mut wakes, mut late) = (Instant::now(), 0u32, 0u32);
            while !stopped.load(Ordering::Relaxed) {
                due += Duration::from_millis(5);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                wakes += 1;
                late += u32::from(due.elapsed() > Duration::from_millis(10));
            }
            f64::from(late) / f64::from(wakes.max(1))
        });
        Self { stop, thread }
    }

    /// The share of its wake-ups that were more than 10 ms late: what makes a gap of 20 ms one of over 30 ms.
    fn late(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// A hundred prompts at the same time, and how far apart their packets arrived.
async fn round() -> (VoiceStats, Vec<Duration>) {
    let config = RelayConfig { bind: LOCALHOST, ports: 25_000..=25_999, ..RelayConfig::default() };
    let relay = Relay::start(config, None).unwrap();
    let phone = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    phone.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket2::SockRef::from(&phone).set_recv_buffer_size(4 << 20).unwrap();
    let remote = Remote::at(phone.local_addr().unwrap());
    let prompt = Tone { length: Duration::from_secs(SECONDS as u64), ..Tone::beep() };
    let prompt = Segment::Clip(Arc::new(Clip::new(&Audio::from(&prompt))));
    let (listener, mut events) = tokio::sync::mpsc::channel(2 * VOICES);
    for n in 0..VOICES {
        let session = relay.open().unwrap();
        relay.set_remote(session.id, Side::A, Some(remote)).unwrap();
        let codec = VoiceCodec::ALL[n % 3];
        let config = VoiceConfig { codec, payload_type: codec.static_type(), event_payload_type: None, inband: true };
        relay.attach_voice(session.id, Side::A, config, listener.clone()).unwrap();
        relay.play(session.id, Side::A, n as u64, vec![prompt.clone()], Repeat::ONCE).unwrap();
    }
    let receiver = std::thread::spawn(move || {
        let mut arrivals: HashMap<SocketAddr, Vec<(Instant, Header)>> = HashMap::new();
        let mut buffer = [0; 2_048];
        for _ in 0..VOICES * FRAMES {
            let (len, source) = phone.recv_from(&mut buffer).unwrap();
            arrivals.entry(source).or_default().push((Instant::now(), Header::parse(&buffer[..len]).unwrap()));
        }
        arrivals
    });
    for _ in 0..VOICES {
        let event = tokio::time::timeout(Duration::from_secs(30), events.recv()).await.unwrap().unwrap();
        assert!(matches!(event.kind, VoiceEventKind::Played { .. }), "{event:?}");
    }
    let arrivals = receiver.join().unwrap();
    assert_eq!(arrivals.len(), VOICES);
    let mut apart: Vec<Duration> = Vec::new();
    for packets in arrivals.into_values() {
        for pair in packets.windows(2) {
            assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1), "nothing is left out");
            assert_eq!(pair[1].1.timestamp, pair[0].1.timestamp.wrapping_add(160));
            apart.push(pair[1].0 - pair[0].0);
        }
    }
    apart.sort();
    (relay.voice_stats(), apart)
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are worth reading")]
async fn a_hundred_voices_have_no_gap_that_is_not_the_machines() {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bystander = Bystander::start();
        let (stats, apart) = round().await;
        let late = bystander.late();
        let at = |share: f64| apart[(share * (apart.len() - 1) as f64) as usize];
        let shares = [0.5, 0.99, 0.999, 1.0].map(at);
        println!(
            "{VOICES} voices: arrivals apart by {shares:?} (median, 99 %, 99.9 %, most); sent: {stats:?}; {:.2} % of a \
             bystander's wake-ups were late",
            100.0 * late
        );
        assert!(stats.frames as usize >= VOICES * FRAMES);
        let gaps = stats.gaps as f64 / stats.frames as f64;
        if gaps <= 2.0 * late {
            return;
        }
        rounds.push((gaps, late));
    }
    panic!("in each round a larger share of frames had a gap than of a bystander's wake-ups were late: {rounds:?}");
}
