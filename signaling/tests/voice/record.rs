//! What is recorded of parties.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dialplane_signaling::media::audio::{FRAME, FRAME_BYTES, VoiceCodec};
use dialplane_signaling::media::record::{RecordEnd, RecordLimits};
use dialplane_signaling::media::relay::{RelayError, Side, VoiceEventKind};
use tempfile::TempDir;

use super::support::{Booth, PATIENCE, Phone, config, speech, start};

const LIMITS: RecordLimits =
    RecordLimits { max: Duration::from_secs(60), min: Duration::ZERO, silence_after: Some(Duration::from_secs(1)) };

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("message.wav");
    (folder, path)
}

/// The rate and the samples of each channel, read by another library than the one that wrote them.
fn read(path: &Path) -> (u32, Vec<Vec<i16>>) {
    let reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.bits_per_sample, spec.sample_format), (16, hound::SampleFormat::Int));
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    let channels = usize::from(spec.channels);
    (spec.sample_rate, (0..channels).map(|n| samples.iter().skip(n).step_by(channels).copied().collect()).collect())
}

/// Silence, two and a half seconds of speech, and more silence.
fn message(codec: VoiceCodec, silent_after: f64) -> Vec<u8> {
    let rate = codec.sample_rate();
    let silence = |seconds: f64| vec![0; (f64::from(rate) * seconds) as usize];
    codec.encode(&[silence(0.6), speech(2.5, rate), silence(silent_after)].concat())
}

/// Speaks in real time, leaving out or delaying packets as `order` says.
async fn speak(phone: &mut Phone, coded: &[u8], order: impl Fn(usize) -> Vec<usize>) {
    let packets: Vec<_> = coded.chunks(FRAME_BYTES).map(|frame| phone.stream.next_packet(frame, 160)).collect();
    let mut clock = tokio::time::interval(FRAME);
    for n in 0..packets.len() {
        clock.tick().await;
        order(n).into_iter().filter_map(|n| packets.get(n)).for_each(|packet| phone.send(packet));
    }
}

/// Where `part` lies within `whole`.
fn found(part: &[i16], whole: &[i16]) -> usize {
    whole.windows(part.len()).position(|window| window == part).expect("the recording is a part of what was said")
}

async fn recorded(booth: &mut Booth) -> (RecordEnd, Duration) {
    match booth.told().await {
        VoiceEventKind::Recorded { token: 5, ended, length, lost: Duration::ZERO } => (ended, length),
        other => panic!("{other:?}"),
    }
}

fn seconds(samples: usize, rate: u32) -> f64 {
    samples as f64 / f64::from(rate)
}

/// A message of `codec`, left and compared with what was said.
async fn leaves_a_message(codec: VoiceCodec, first_port: u16) {
    let mut booth = Booth::open(first_port, config(codec));
    let (_folder, path) = file();
    booth.relay.record(booth.session.id, Side::A, 5, File::create(&path).unwrap(), LIMITS).unwrap();
    let coded = message(codec, 2.0);
    speak(&mut booth.phone, &coded, |n| vec![n]).await;
    let (ended, length) = recorded(&mut booth).await;
    assert_eq!(ended, RecordEnd::Silence, "{codec:?}");
    let (rate, channels) = read(&path);
    assert_eq!((rate, channels.len()), (codec.sample_rate(), 1));
    assert!((length.as_secs_f64() - seconds(channels[0].len(), rate)).abs() < 0.001);
    let said = codec.decode(&coded);
    let before = seconds(found(&channels[0], &said), rate);
    let after = before + length.as_secs_f64();
    assert!((0.3..=0.6).contains(&before), "{codec:?}: begins {before} s after the beginning of the silence");
    assert!((2.8..=3.5).contains(&after), "{codec:?}: ends at {after} s");
}

#[tokio::test]
async fn a_message_is_recorded_as_it_was_said_without_the_silence_around_it() {
    tokio::join!(
        leaves_a_message(VoiceCodec::Pcmu, 26_000),
        leaves_a_message(VoiceCodec::Pcma, 26_100),
        leaves_a_message(VoiceCodec::G722, 26_200),
    );
}

#[tokio::test]
async fn lost_packets_are_silence_in_their_place_and_overtaken_ones_are_put_right() {
    let mut booth = Booth::open(26_300, config(VoiceCodec::Pcmu));
    let (_folder, path) = file();
    booth.relay.record(booth.session.id, Side::A, 5, File::create(&path).unwrap(), LIMITS).unwrap();
    let coded = message(VoiceCodec::Pcmu, 2.0);
    speak(&mut booth.phone, &coded, |n| match n % 10 {
        3 => vec![],
        5 => vec![],
        6 => vec![n, n - 1],
        8 => vec![n, n],
        _ => vec![n],
    })
    .await;
    assert_eq!(recorded(&mut booth).await.0, RecordEnd::Silence);
    let mut expected = VoiceCodec::Pcmu.decode(&coded);
    expected.chunks_mut(160).skip(3).step_by(10).for_each(|frame| frame.fill(0));
    let (_, channels) = read(&path);
    assert!(channels[0].len() > 8_000 * 2);
    found(&channels[0], &expected);
}

#[tokio::test]
async fn a_recording_ends_at_its_longest_and_when_it_is_stopped() {
    let mut booth = Booth::open(26_400, config(VoiceCodec::Pcma));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    let coded = VoiceCodec::Pcma.encode(&speech(1.2, 8_000));
    for stop in [false, true] {
        let (_folder, path) = file();
        let limits = RecordLimits { max: Duration::from_secs(1), silence_after: None, ..LIMITS };
        relay.record(id, Side::A, 5, File::create(&path).unwrap(), limits).unwrap();
        let spoken = if stop { &coded[..6_400] } else { &coded[..] };
        speak(&mut booth.phone, spoken, |n| vec![n]).await;
        if stop {
            booth.phone.settled();
            relay.stop_record(id, Side::A, 4).unwrap();
            relay.stop_record(id, Side::A, 5).unwrap();
        }
        let (ended, length) = recorded(&mut booth).await;
        let (expected, longest) = if stop { (RecordEnd::Stopped, 850) } else { (RecordEnd::MaxLength, 1_000) };
        assert_eq!(ended, expected);
        assert!((longest - 350..=longest).contains(&length.as_millis()), "{length:?}");
        let (_, channels) = read(&path);
        assert_eq!(channels[0].len() as u128, length.as_millis() * 8);
    }
}

#[tokio::test]
async fn who_says_nothing_or_too_little_leaves_an_empty_file() {
    let mut booth = Booth::open(26_500, config(VoiceCodec::Pcmu));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    let (_folder, path) = file();
    let limits = RecordLimits { silence_after: Some(Duration::from_millis(300)), ..LIMITS };
    relay.record(id, Side::A, 5, File::create(&path).unwrap(), limits).unwrap();
    assert_eq!(recorded(&mut booth).await, (RecordEnd::Silence, Duration::ZERO));
    assert!(read(&path).1[0].is_empty());

    let limits = RecordLimits { min: Duration::from_secs(2), ..limits };
    relay.record(id, Side::A, 5, File::create(&path).unwrap(), limits).unwrap();
    let coded = VoiceCodec::Pcmu.encode(&[speech(0.4, 8_000), vec![0; 6_400]].concat());
    speak(&mut booth.phone, &coded, |n| vec![n]).await;
    assert_eq!(recorded(&mut booth).await, (RecordEnd::Silence, Duration::ZERO));
    assert!(read(&path).1[0].is_empty());
}

#[tokio::test]
async fn a_recording_ends_with_its_voice_and_a_bad_file_is_told() {
    let mut booth = Booth::open(26_600, config(VoiceCodec::Pcmu));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    let (_folder, path) = file();
    relay.record(id, Side::A, 5, File::create(&path).unwrap(), LIMITS).unwrap();
    let read_only = File::open(&path).unwrap();
    relay.record(id, Side::A, 5, read_only, LIMITS).unwrap();
    assert_eq!(recorded(&mut booth).await, (RecordEnd::Stopped, Duration::ZERO), "replaced");
    relay.detach_voice(id, Side::A).unwrap();
    let (ended, _) = recorded(&mut booth).await;
    assert!(matches!(ended, RecordEnd::Failed(kind) if kind != ErrorKind::Interrupted), "{ended:?}");
    let nobody = relay.record(id, Side::A, 5, File::create(&path).unwrap(), LIMITS);
    assert!(matches!(nobody, Err(RelayError::NoVoice { .. })));
}

#[tokio::test]
async fn both_parties_of_a_call_are_recorded_while_they_talk() {
    for (codec, first_port) in [(VoiceCodec::Pcma, 26_700), (VoiceCodec::G722, 26_800)] {
        let relay = start(first_port);
        let session = relay.open().unwrap();
        let (mut a, mut b) = (Phone::new(codec, 1), Phone::new(codec, 2));
        a.join(&relay, session, Side::A);
        b.join(&relay, session, Side::B);
        let (_folder, path) = file();
        let (listener, mut events) = tokio::sync::mpsc::channel(4);
        let (to, max) = (File::create(&path).unwrap(), Duration::from_secs(60));
        relay.record_call(session.id, 9, to, max, [config(codec); 2], listener).unwrap();
        let rate = codec.sample_rate();
        let said_a = codec.encode(&speech(2.0, rate));
        let said_b = codec.encode(&[vec![0; rate as usize / 5], speech(1.5, rate)].concat());
        let whole = |n| vec![n];
        tokio::join!(speak(&mut a, &said_a, whole), speak(&mut b, &said_b, whole));
        a.settled();
        b.settled();
        relay.stop_record_call(session.id, 8).unwrap();
        relay.stop_record_call(session.id, 9).unwrap();
        let event = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert_eq!((event.session, event.side), (session.id, None));
        let VoiceEventKind::Recorded { token: 9, ended: RecordEnd::Stopped, length, .. } = event.kind else {
            panic!("{event:?}")
        };
        let (file_rate, channels) = read(&path);
        assert_eq!((file_rate, channels.len()), (rate, 2));
        assert!((length.as_secs_f64() - seconds(channels[0].len(), rate)).abs() < 0.001);
        let mut offsets = vec![];
        for (channel, coded) in channels.iter().zip([&said_a, &said_b]) {
            let said = codec.decode(coded);
            offsets.push(found(&said, channel) as i64);
        }
        let apart = (offsets[0] - offsets[1]).unsigned_abs();
        assert!(apart < u64::from(rate) / 10, "both began at the same time: {offsets:?}");
        let heard: Vec<_> = b.heard_so_far().into_iter().flat_map(|packet| packet.payload).collect();
        assert_eq!(heard, said_a, "and they heard each other all the while");
    }
}
