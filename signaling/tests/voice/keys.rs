//! The keys a party presses.

use std::time::Duration;

use dialplane_signaling::media::audio::{Audio, FRAME_BYTES, VoiceCodec};
use dialplane_signaling::media::dtmf::{EventSender, KEYS, tone_of};
use dialplane_signaling::media::relay::{Side, VoiceConfig};

use super::support::{Booth, EVENT_TYPE, config, speech};

fn listening(codec: VoiceCodec) -> VoiceConfig {
    VoiceConfig { event_payload_type: None, inband: true, ..config(codec) }
}

/// Keys pressed for 60 ms each, 60 ms apart, encoded.
fn dialled(codec: VoiceCodec, keys: &str) -> Vec<u8> {
    let mut samples = Vec::new();
    for key in keys.chars() {
        let tone = tone_of(key, -12.0, Duration::from_millis(60)).unwrap();
        samples.extend_from_slice(Audio::from(&tone).samples());
        samples.extend([0; 960]);
    }
    let step = 16_000 / codec.sample_rate() as usize;
    codec.encode(&samples.into_iter().step_by(step).collect::<Vec<_>>())
}

#[tokio::test]
async fn events_are_told_once_each_whatever_is_lost() {
    let mut booth = Booth::open(24_000, config(VoiceCodec::Pcmu));
    let keys: String = KEYS.iter().collect::<String>() + "1122";
    for (n, key) in keys.chars().enumerate() {
        let phone = &mut booth.phone;
        let packets = EventSender::new(key, phone.stream.timestamp, Duration::from_millis(60)).unwrap();
        for (place, packet) in packets.enumerate() {
            // One key loses its beginning, the next its end, the third all but one packet.
            let lost = match n % 3 {
                0 => place < 2,
                1 => place > 2,
                _ => place != 1,
            };
            if !lost {
                phone.send(&packet.to_rtp(EVENT_TYPE, phone.stream.sequence, phone.stream.ssrc));
            }
            phone.stream.sequence += 1;
        }
        phone.stream.timestamp += 960;
    }
    assert_eq!(booth.digits(20).await, keys);
}

#[tokio::test]
async fn tones_are_told_in_every_codec() {
    for (codec, first_port) in VoiceCodec::ALL.into_iter().zip([24_100, 24_200, 24_300]) {
        let mut booth = Booth::open(first_port, listening(codec));
        for frame in dialled(codec, "0123456789*#ABCD").chunks(FRAME_BYTES) {
            booth.phone.say(frame);
        }
        assert_eq!(booth.digits(16).await, "0123456789*#ABCD", "{codec:?}");
    }
}

#[tokio::test]
async fn a_key_that_comes_both_ways_is_told_once() {
    let both = VoiceConfig { inband: true, ..config(VoiceCodec::Pcma) };
    let mut booth = Booth::open(24_400, both);
    for key in ["7", "3", "3"] {
        let began = booth.phone.stream.timestamp;
        for frame in dialled(VoiceCodec::Pcma, key).chunks(FRAME_BYTES) {
            booth.phone.say(frame);
        }
        for packet in EventSender::new(key.chars().next().unwrap(), began, Duration::from_millis(60)).unwrap() {
            let phone = &mut booth.phone;
            phone.send(&packet.to_rtp(EVENT_TYPE, phone.stream.sequence, phone.stream.ssrc));
            phone.stream.sequence += 1;
        }
    }
    booth.phone.press('#');
    assert_eq!(booth.digits(4).await, "733#");
}

#[tokio::test]
async fn speech_presses_no_key_and_tones_do_not_count_beside_events() {
    let mut listening = Booth::open(24_500, listening(VoiceCodec::Pcmu));
    for frame in VoiceCodec::Pcmu.encode(&speech(8.0, 8_000)).chunks(FRAME_BYTES) {
        listening.phone.say(frame);
    }
    for frame in dialled(VoiceCodec::Pcmu, "9").chunks(FRAME_BYTES) {
        listening.phone.say(frame);
    }
    assert_eq!(listening.digits(1).await, "9", "the first thing that is told");

    let mut agreed = Booth::open(24_600, config(VoiceCodec::Pcmu));
    for frame in dialled(VoiceCodec::Pcmu, "123").chunks(FRAME_BYTES) {
        agreed.phone.say(frame);
    }
    agreed.phone.press('9');
    assert_eq!(agreed.digits(1).await, "9");
}

#[tokio::test]
async fn a_listener_who_is_slow_loses_nothing() {
    let mut booth = Booth::with_room(24_700, config(VoiceCodec::Pcmu), 1);
    let keys = "0123456789".repeat(5);
    keys.chars().for_each(|key| booth.phone.press(key));
    assert_eq!(booth.digits(20).await, keys[..20]);
    booth.relay.detach_voice(booth.session.id, Side::A).unwrap();
    assert_eq!(booth.digits(30).await, keys[20..], "nor when the voice is gone");
    assert!(booth.events.recv().await.is_none());
}
