//! What a party hears of us.

use std::time::{Duration, Instant};

use dialplane_signaling::media::audio::{Tone, VoiceCodec};
use dialplane_signaling::media::relay::{Flow, RelayError, Repeat, Segment, Side, VoiceEventKind};

use super::support::{Booth, Heard, Phone, clip_of, config, decoded, likeness, speech};

/// Sequence numbers and timestamps count on, from one source, and only the first packet has the marker.
fn assert_one_stream(heard: &[Heard], payload_type: u8) {
    for (n, pair) in heard.windows(2).enumerate() {
        let [before, after] = [&pair[0].header, &pair[1].header];
        assert_eq!(after.sequence, before.sequence.wrapping_add(1), "at {n}");
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(160), "at {n}");
        assert_eq!((after.ssrc, after.marker), (before.ssrc, false), "at {n}");
    }
    assert!(heard.iter().all(|packet| packet.header.payload_type == payload_type));
    assert!(heard[0].header.marker, "the first packet of a talk spurt is marked");
}

#[tokio::test]
async fn a_prompt_is_heard_as_it_was_made_in_every_codec() {
    for (codec, first_port) in VoiceCodec::ALL.into_iter().zip([23_000, 23_100, 23_200]) {
        let mut booth = Booth::open(first_port, config(codec));
        let prompt = speech(1.5, 16_000);
        booth.relay.play(booth.session.id, Side::A, 1, vec![clip_of(&prompt, 16_000)], Repeat::ONCE).unwrap();
        assert_eq!(booth.told().await, VoiceEventKind::Played { token: 1 });
        let heard = booth.phone.heard_so_far();
        assert!(heard.len() >= 75, "{codec:?}: {} packets", heard.len());
        assert_one_stream(&heard, codec.static_type());
        let said: Vec<i16> = prompt.iter().step_by(16_000 / codec.sample_rate() as usize).copied().collect();
        let likeness = likeness(&decoded(codec, &heard), &said, 64);
        assert!(likeness > 0.95, "{codec:?}: {likeness}");
    }
}

#[tokio::test]
async fn segments_follow_each_other_in_one_stream() {
    let mut booth = Booth::open(23_300, config(VoiceCodec::Pcmu));
    let beep = Tone { length: Duration::from_millis(100), ..Tone::beep() };
    let pause = Segment::Silence(Duration::from_millis(200));
    let segments = vec![Segment::from(&beep), pause, Segment::from(&beep)];
    booth.relay.play(booth.session.id, Side::A, 7, segments, Repeat::Times(2)).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 7 });
    let heard = booth.phone.heard_so_far();
    assert_one_stream(&heard, 0);
    let loud = |packet: &Heard| VoiceCodec::Pcmu.decode(&packet.payload).into_iter().any(|s| s.unsigned_abs() > 2_000);
    let text: String = heard.iter().take(40).map(|packet| if loud(packet) { 'b' } else { '.' }).collect();
    assert_eq!(text, "bbbbb..........bbbbbbbbbb..........bbbbb");
}

#[tokio::test]
async fn between_prompts_the_stream_pauses_and_time_goes_on() {
    let mut booth = Booth::open(23_400, config(VoiceCodec::Pcma));
    let beep = || vec![Segment::from(&Tone { length: Duration::from_millis(40), ..Tone::beep() })];
    booth.relay.play(booth.session.id, Side::A, 1, beep(), Repeat::ONCE).unwrap();
    let mut heard = vec![booth.phone.hear()];
    let started = Instant::now();
    let again = loop {
        let packet = booth.phone.hear();
        if packet.header.marker {
            break packet;
        }
        heard.push(packet);
    };
    assert_one_stream(&heard, 8);
    assert!(heard.len() <= 8, "two frames of sound and a short tail, not {}", heard.len());
    let (last, now) = (heard.last().unwrap().header, again.header);
    assert_eq!(now.sequence, last.sequence.wrapping_add(1));
    let since = now.timestamp.wrapping_sub(heard[0].header.timestamp);
    assert_eq!(since % 160, 0);
    let elapsed = started.elapsed().as_secs_f64();
    assert!((f64::from(since) / 8_000.0 - elapsed).abs() < 0.3, "{since} ticks in {elapsed} s");
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 1 });
    booth.relay.play(booth.session.id, Side::A, 2, beep(), Repeat::ONCE).unwrap();
    let next = booth.phone.hear().header;
    let paused = next.timestamp != now.timestamp.wrapping_add(160);
    assert_eq!(next.marker, paused, "sound after a pause is marked, and only that");
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 2 });
}

#[tokio::test]
async fn whatever_ends_a_prompt_is_told_once() {
    let mut booth = Booth::open(23_500, config(VoiceCodec::Pcmu));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    let music = || vec![Segment::Silence(Duration::from_secs(3_600))];
    relay.play(id, Side::A, 1, music(), Repeat::Forever).unwrap();
    relay.stop_play(id, Side::A, 9).unwrap();
    relay.play(id, Side::A, 2, music(), Repeat::ONCE).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Stopped { token: 1 }, "replaced; the wrong token stopped nothing");
    relay.stop_play(id, Side::A, 2).unwrap();
    relay.stop_play(id, Side::A, 2).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Stopped { token: 2 });
    relay.play(id, Side::A, 3, vec![], Repeat::Forever).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 3 }, "nothing is played quickly");
    relay.play(id, Side::A, 4, music(), Repeat::ONCE).unwrap();
    relay.detach_voice(id, Side::A).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Stopped { token: 4 });
    assert!(matches!(
        relay.play(id, Side::A, 5, music(), Repeat::ONCE),
        Err(RelayError::NoVoice { side: Side::A, .. })
    ));
    relay.detach_voice(id, Side::A).unwrap();

    let (listener, events) = tokio::sync::mpsc::channel(4);
    booth.events = events;
    relay.attach_voice(id, Side::A, config(VoiceCodec::Pcmu), listener).unwrap();
    relay.play(id, Side::A, 6, music(), Repeat::ONCE).unwrap();
    relay.close(id);
    assert_eq!(booth.told().await, VoiceEventKind::Stopped { token: 6 });
    assert!(booth.events.recv().await.is_none(), "nothing is told of a closed session");
    assert!(matches!(relay.stop_play(id, Side::A, 6), Err(RelayError::NoSession(_))));
}

#[tokio::test]
async fn who_talks_with_us_and_the_other_party_do_not_hear_each_other() {
    let mut booth = Booth::open(23_600, config(VoiceCodec::Pcmu));
    let (relay, session) = (booth.relay.clone(), booth.session);
    let mut other = Phone::new(VoiceCodec::Pcmu, 8);
    other.join(&relay, session, Side::B);
    for _ in 0..10 {
        booth.phone.say(b"a secret");
        other.say(b"hello?");
    }
    booth.phone.press('4');
    assert_eq!(booth.digits(1).await, "4");
    // A key is told by its first packet; those that repeat its end (RFC 4733 §2.5.1.4) are said to us as well.
    booth.phone.settled();
    relay.detach_voice(session.id, Side::A).unwrap();
    // Until the order is carried out nothing is passed on; a frame that kept the path open may be on its way.
    let heard = loop {
        other.say(b"now");
        other.settled();
        let heard = booth.phone.heard_so_far().into_iter().find(|heard| heard.payload.len() != 160);
        if let Some(heard) = heard {
            break heard;
        }
    };
    assert_eq!(heard.payload, b"now", "the first of the other party that is heard");
    booth.phone.say(b"back");
    assert_eq!(other.hear().payload, b"back", "nothing that was said to us is heard");
}

#[tokio::test]
async fn a_prompt_goes_on_unheard_while_the_party_holds() {
    let mut booth = Booth::open(23_700, config(VoiceCodec::Pcmu));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    relay.set_flow(id, Side::A, Flow::Muted).unwrap();
    relay.play(id, Side::A, 1, vec![Segment::Silence(Duration::from_millis(200))], Repeat::ONCE).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 1 });
    assert!(booth.phone.heard_so_far().is_empty());
    relay.set_flow(id, Side::A, Flow::Open).unwrap();
    relay.play(id, Side::A, 2, vec![Segment::Silence(Duration::from_millis(60))], Repeat::ONCE).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Played { token: 2 });
    assert_one_stream(&booth.phone.heard_so_far(), 0);
}

#[tokio::test]
async fn another_config_goes_on_with_the_same_stream() {
    let mut booth = Booth::open(23_800, config(VoiceCodec::Pcmu));
    let (relay, id) = (booth.relay.clone(), booth.session.id);
    relay.play(id, Side::A, 1, vec![Segment::Silence(Duration::from_secs(60))], Repeat::ONCE).unwrap();
    let mut before = booth.phone.hear().header;
    let (listener, events) = tokio::sync::mpsc::channel(4);
    booth.events = events;
    relay.attach_voice(id, Side::A, config(VoiceCodec::G722), listener).unwrap();
    let after = loop {
        let packet = booth.phone.hear().header;
        if packet.payload_type == 9 {
            break packet;
        }
        before = packet;
    };
    assert_eq!((after.ssrc, after.marker), (before.ssrc, false));
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(160));
    relay.stop_play(id, Side::A, 1).unwrap();
    assert_eq!(booth.told().await, VoiceEventKind::Stopped { token: 1 });
}
