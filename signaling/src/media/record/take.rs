//! A recording in progress: of one party, or of both parties of a call.

use std::time::{Duration, Instant};

use super::speech::Speech;
use super::tape::{Ending, Gone, Tape};
use super::timeline::Timeline;
use super::{MAX_RECORDING, RecordEnd, RecordLimits};
use crate::media::audio::{VoiceCodec, VoiceDecoder};
use crate::media::rtp::Header;

/// Samples of 20 ms at the higher rate.
const FRAME_MAX: usize = 320;
/// What is kept before the first word and after the last one, so that neither is clipped.
const MARGIN: Duration = Duration::from_millis(200);
const FRAME: Duration = crate::media::audio::FRAME;

/// When a recording began and how time is told in it.
#[derive(Debug, Clone, Copy)]
struct Clock {
    began: Instant,
    rate: u32,
}

impl Clock {
    /// Samples since the beginning.
    fn at(self, now: Instant) -> u64 {
        let micros = u64::try_from(now.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        micros.saturating_mul(u64::from(self.rate)) / 1_000_000
    }

    fn frame(self) -> usize {
        self.rate as usize / 50
    }
}

/// Places a decoded packet in time, at the rate of the recording whatever that of the codec.
fn place(timeline: &mut Timeline, clock: Clock, now: Instant, header: &Header, codec: VoiceCodec, samples: &[i16]) {
    let now = clock.at(now);
    match (codec.sample_rate(), clock.rate) {
        (8_000, 16_000) => {
            let doubled = (0..2 * samples.len()).map(|n| samples.get(n / 2).copied().unwrap_or_default());
            timeline.write(now, header, doubled);
        }
        (16_000, 8_000) => {
            let (pairs, _) = samples.as_chunks();
            timeline.write(now, header, pairs.iter().map(|[a, b]| ((i32::from(*a) + i32::from(*b)) / 2) as i16));
        }
        _ => timeline.write(now, header, samples.iter().copied()),
    }
}

/// One party, as voicemail records it.
#[derive(Debug)]
pub(crate) struct Take {
    clock: Clock,
    timeline: Timeline,
    speech: Speech,
    tape: Tape,
    /// Audio before the first word, at most [`MARGIN`] and what it takes to notice a word.
    before: Vec<i16>,
    /// Time recorded so far, and when the last word ended.
    lasted: Duration,
    spoken: Option<Duration>,
    /// What of the beginning is not on the tape.
    trimmed: Duration,
    limits: RecordLimits,
}

impl Take {
    pub(crate) fn new(tape: Tape, limits: RecordLimits, now: Instant) -> Self {
        let clock = Clock { began: now, rate: tape.rate() };
        Self {
            clock,
            timeline: Timeline::new(clock.rate),
            speech: Speech::default(),
            tape,
            before: Vec::new(),
            lasted: Duration::ZERO,
            spoken: None,
            trimmed: Duration::ZERO,
            limits: RecordLimits { max: limits.max.min(MAX_RECORDING), ..limits },
        }
    }

    /// Takes a decoded packet.
    pub(crate) fn hear(&mut self, now: Instant, header: &Header, codec: VoiceCodec, samples: &[i16]) {
        place(&mut self.timeline, self.clock, now, header, codec, samples);
    }

    /// Records what is complete at `now`; why the recording is over, if it is. (Of a file that cannot be written the
    /// [`Ending`] tells.)
    pub(crate) fn advance(&mut self, now: Instant) -> Option<RecordEnd> {
        let at = self.clock.at(now);
        while self.timeline.is_ready(at, self.clock.frame()) {
            if let Err(Gone) = self.frame() {
                return Some(RecordEnd::Stopped);
            }
            if self.lasted >= self.limits.max {
                return Some(RecordEnd::MaxLength);
            }
            let silent = self.lasted - self.spoken.unwrap_or_default();
            if self.limits.silence_after.is_some_and(|limit| silent >= limit) {
                return Some(RecordEnd::Silence);
            }
        }
        None
    }

    fn frame(&mut self) -> Result<(), Gone> {
        let mut frame = [0; FRAME_MAX];
        let Some(frame) = frame.get_mut(..self.clock.frame()) else { return Ok(()) };
        self.timeline.read(frame);
        self.lasted += FRAME;
        if self.speech.is_in(frame) {
            self.spoken = Some(self.lasted);
        }
        if self.spoken.is_some() {
            let before = std::mem::take(&mut self.before);
            self.tape.put(&before)?;
            return self.tape.put(frame);
        }
        self.before.extend_from_slice(frame);
        let keep = MARGIN + FRAME * Speech::NOTICED_AFTER as u32;
        if FRAME * (self.before.len() / frame.len()) as u32 > keep {
            self.before.drain(..frame.len());
            self.trimmed += FRAME;
        }
        Ok(())
    }

    /// Ends it: what was heard up to now is recorded, and silence at the end cut off.
    pub(crate) fn end(mut self) -> Ending {
        while self.timeline.has_more() && self.lasted < self.limits.max && self.frame().is_ok() {}
        let spoken = self.spoken.map_or(Duration::ZERO, |end| (end + MARGIN).min(self.lasted) - self.trimmed);
        let keep = if spoken < self.limits.min { Duration::ZERO } else { spoken };
        self.tape.end(keep)
    }
}

/// Both parties of a call: A is heard left, B right.
#[derive(Debug)]
pub(crate) struct CallTake {
    clock: Clock,
    parties: [(Timeline, VoiceDecoder); 2],
    tape: Tape,
    max: Duration,
}

impl CallTake {
    pub(crate) fn new(tape: Tape, max: Duration, now: Instant) -> Self {
        let clock = Clock { began: now, rate: tape.rate() };
        let party = || (Timeline::new(clock.rate), VoiceDecoder::new());
        Self { clock, parties: [party(), party()], tape, max: max.min(MAX_RECORDING) }
    }

    /// Takes a packet of a party: `second` tells which.
    pub(crate) fn hear(&mut self, now: Instant, second: bool, header: &Header, codec: VoiceCodec, payload: &[u8]) {
        let [a, b] = &mut self.parties;
        let (timeline, decoder) = if second { b } else { a };
        place(timeline, self.clock, now, header, codec, decoder.decode(codec, payload));
    }

    /// Records what is complete at `now`; why the recording is over, if it is. (Of a file that cannot be written the
    /// [`Ending`] tells.)
    pub(crate) fn advance(&mut self, now: Instant) -> Option<RecordEnd> {
        let at = self.clock.at(now);
        let count = self.clock.frame();
        while self.parties.iter().all(|(timeline, _)| timeline.is_ready(at, count)) {
            if let Err(Gone) = self.frame() {
                return Some(RecordEnd::Stopped);
            }
            if self.tape.put_length() >= self.max {
                return Some(RecordEnd::MaxLength);
            }
        }
        None
    }

    fn frame(&mut self) -> Result<(), Gone> {
        let (mut sides, mut both) = ([[0; FRAME_MAX]; 2], [0; 2 * FRAME_MAX]);
        let count = self.clock.frame();
        for ((timeline, _), side) in self.parties.iter_mut().zip(&mut sides) {
            timeline.read(side.get_mut(..count).unwrap_or_default());
        }
        let [left, right] = &sides;
        let (pairs, _) = both.as_chunks_mut();
        for (pair, (left, right)) in pairs.iter_mut().zip(left.iter().zip(right)) {
            *pair = [*left, *right];
        }
        self.tape.put(both.get(..2 * count).unwrap_or_default())
    }

    /// Ends it: what was heard up to now is recorded.
    pub(crate) fn end(mut self) -> Ending {
        while self.parties.iter().any(|(timeline, _)| timeline.has_more())
            && self.tape.put_length() < self.max
            && self.frame().is_ok()
        {}
        let length = self.tape.put_length();
        self.tape.end(length)
    }
}
