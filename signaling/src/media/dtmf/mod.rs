//! Keys pressed on a telephone: as events beside the audio (RFC 4733) and as tones in it (ITU-T Q.23, Q.24).
//!
//! A party that describes telephone events sends its keys that way; only from one that does not, the audio is searched for tones. Some
//! gateways do both. [`Keys`] tells each key once whichever way it came.

mod event;
mod tone;

pub use event::{EventPacket, EventReceiver, EventSender, Report};
pub use tone::ToneDetector;

use crate::media::audio::{Tone, VoiceCodec};
use crate::media::rtp::{CLOCK_8K, Header};

/// The sixteen keys, by their event codes (RFC 4733 §3.2).
pub const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Frequencies of the rows of the keypad in Hz (Q.23).
const ROWS: [u16; 4] = [697, 770, 852, 941];
/// Frequencies of its columns.
const COLUMNS: [u16; 4] = [1_209, 1_336, 1_477, 1_633];
/// The keypad, row by row.
const KEYPAD: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The event code of a key.
pub fn event_of(key: char) -> Option<u8> {
    KEYS.iter().position(|k| *k == key).and_then(|n| u8::try_from(n).ok())
}

/// The key of an event code; `None` for events that are no keys.
pub fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).copied()
}

/// The tone of a key: `level` dBm0 for each of its two frequencies.
pub fn tone_of(key: char, level: f64, length: std::time::Duration) -> Option<Tone> {
    let place = |(row, keys): (&u16, &[char; 4])| {
        keys.iter().zip(COLUMNS).find(|(k, _)| **k == key).map(|(_, column)| [*row, column])
    };
    ROWS.iter().zip(&KEYPAD).find_map(place).map(|hertz| Tone { hertz, level, length })
}

/// How far the beginning of an event and of a tone may lie apart and still be one key pressed once. A gateway lets the tone through
/// until it has recognised it.
const SAME_KEY_TICKS: u32 = CLOCK_8K / 5;

/// The keys of one party.
#[derive(Debug)]
pub struct Keys {
    events: EventReceiver,
    /// Until the party's first event.
    tones: Option<ToneDetector>,
    /// The last key heard as a tone, and the RTP time at which the tone began.
    heard: Option<(char, u32)>,
}

impl Keys {
    /// Listens for events, and with `inband` for tones as well until the first event.
    pub fn new(inband: bool) -> Self {
        Self { events: EventReceiver::default(), tones: inband.then(ToneDetector::default), heard: None }
    }

    /// Whether audio is worth decoding for [`Keys::audio`].
    pub fn wants_audio(&self) -> bool {
        self.tones.is_some()
    }

    /// Takes the payload of a telephone-event packet; a key is told when its event begins.
    pub fn event(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let key = self.events.packet(header, payload)?;
        self.tones = None;
        let twice = |(heard, began): (char, u32)| {
            let apart = header.timestamp.wrapping_sub(began) as i32;
            heard == key && apart.unsigned_abs() <= SAME_KEY_TICKS
        };
        if self.heard.take().is_some_and(twice) { None } else { Some(key) }
    }

    /// Takes decoded audio of `codec`. Hands each key to `told`.
    pub fn audio(&mut self, codec: VoiceCodec, timestamp: u32, samples: &[i16], mut told: impl FnMut(char)) {
        let Some(tones) = &mut self.tones else { return };
        let per_tick = codec.sample_rate() / CLOCK_8K;
        tones.listen(codec.sample_rate(), samples, |key, began| {
            let ago = (samples.len() as i64 - began) / i64::from(per_tick);
            let length = samples.len() as u32 / per_tick;
            self.heard = Some((key, timestamp.wrapping_add(length).wrapping_sub(ago as u32)));
            told(key);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn header(timestamp: u32) -> Header {
        Header { payload_type: 101, marker: true, sequence: 1, timestamp, ssrc: 1, payload_start: 12, payload_end: 16 }
    }

    fn told(keys: &mut Keys, timestamp: u32, samples: &[i16]) -> String {
        let mut told = String::new();
        for (n, frame) in samples.chunks(160).enumerate() {
            keys.audio(VoiceCodec::Pcmu, timestamp + 160 * n as u32, frame, |key| told.push(key));
        }
        told
    }

    #[test]
    fn every_key_has_an_event_and_a_tone() {
        for (code, key) in (0u8..).zip(KEYS) {
            assert_eq!((event_of(key), key_of(code)), (Some(code), Some(key)));
            assert!(tone_of(key, -10.0, Duration::ZERO).is_some());
        }
        assert_eq!((event_of('x'), key_of(16)), (None, None));
        assert_eq!(tone_of('6', -10.0, Duration::ZERO).map(|tone| tone.hertz), Some([770, 1_477]));
    }

    #[test]
    fn a_key_that_leaks_as_a_tone_before_its_event_is_told_once() {
        let tone = tone_of('5', -10.0, Duration::from_millis(80)).unwrap().samples(8_000);
        let mut keys = Keys::new(true);
        assert_eq!(told(&mut keys, 10_000, &tone), "5");
        assert_eq!(keys.event(&header(10_000), &[5, 10, 0, 160]), None);
        assert_eq!(keys.event(&header(20_000), &[5, 10, 0, 160]), Some('5'), "the second time it is pressed");
        assert!(!keys.wants_audio());
        assert_eq!(told(&mut keys, 20_000, &tone), "", "a party that has sent an event sends all keys that way");
    }

    #[test]
    fn another_key_or_a_later_one_is_told() {
        let tone = tone_of('5', -10.0, Duration::from_millis(80)).unwrap().samples(8_000);
        for (timestamp, event, expected) in [(10_000, 6, '6'), (18_000, 5, '5')] {
            let mut keys = Keys::new(true);
            assert_eq!(told(&mut keys, 10_000, &tone), "5");
            assert_eq!(keys.event(&header(timestamp), &[event, 10, 0, 160]), Some(expected));
        }
    }

    #[test]
    fn without_leave_tones_are_not_listened_to() {
        let tone = tone_of('5', -10.0, Duration::from_millis(80)).unwrap().samples(8_000);
        assert_eq!(told(&mut Keys::new(false), 0, &tone), "");
    }
}
