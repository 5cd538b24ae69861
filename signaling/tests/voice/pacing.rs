//! Many voices on one worker.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dialplane_signaling::media::audio::VoiceCodec;
use dialplane_signaling::media::relay::{Relay, RelayConfig, Remote, Repeat, Side, VoiceEventKind};
use dialplane_signaling::media::rtp::Header;

use super::support::{LOCALHOST, Phone, clip_of, config, speech};

const VOICES: usize = 100;
const SECONDS: u32 = 4;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures are worth reading")]
async fn a_hundred_voices_keep_their_pace_on_one_worker() {
    let config_of_relay = RelayConfig { bind: LOCALHOST, ports: 25_000..=25_999, ..RelayConfig::default() };
    let relay = Relay::start(config_of_relay, None).unwrap();
    let phone = Phone::new(VoiceCodec::Pcmu, 1);
    socket2::SockRef::from(&phone.rtp).set_recv_buffer_size(4 << 20).unwrap();
    let prompt = clip_of(&speech(f64::from(SECONDS), 8_000), 8_000);
    let (listener, mut events) = tokio::sync::mpsc::channel(2 * VOICES);
    for n in 0..VOICES {
        let session = relay.open().unwrap();
        relay.set_remote(session.id, Side::A, Some(Remote::at(phone.rtp.local_addr().unwrap()))).unwrap();
        let codec = VoiceCodec::ALL[n % 3];
        relay.attach_voice(session.id, Side::A, config(codec), listener.clone()).unwrap();
        relay.play(session.id, Side::A, n as u64, vec![prompt.clone()], Repeat::ONCE).unwrap();
    }
    let frames = (SECONDS * 50) as usize;
    let receiver = std::thread::spawn(move || {
        let mut arrivals: HashMap<SocketAddr, Vec<(Instant, Header)>> = HashMap::new();
        let mut buffer = [0; 2_048];
        for _ in 0..VOICES * frames {
            let (len, source) = phone.rtp.recv_from(&mut buffer).unwrap();
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
    let mut gaps: Vec<Duration> = Vec::new();
    for packets in arrivals.into_values() {
        for pair in packets.windows(2) {
            assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1), "nothing is left out");
            assert_eq!(pair[1].1.timestamp, pair[0].1.timestamp.wrapping_add(160));
            gaps.push(pair[1].0 - pair[0].0);
        }
    }
    gaps.sort();
    let at = |share: f64| gaps[(share * (gaps.len() - 1) as f64) as usize];
    let stats = relay.voice_stats();
    println!(
        "{VOICES} voices, arrivals apart: median {:?}, 99 % {:?}, 99.9 % {:?}, most {:?}; sent: {stats:?}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    assert!(stats.frames as usize >= VOICES * frames);
    // A machine that is busy with other tests may hold up any thread. What the schedule itself does would show in every round.
    assert!(stats.gaps * 200 <= stats.frames, "{stats:?}");
    assert!((19..=21).contains(&at(0.5).as_millis()), "{:?}", at(0.5));
}
