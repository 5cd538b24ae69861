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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::media::audio::{FRAME_TICKS, Tone};

    const LIMITS: RecordLimits =
        RecordLimits { max: Duration::from_secs(60), min: Duration::ZERO, silence_after: Some(Duration::from_secs(2)) };

    fn tape(folder: &Path, channels: u16, rate: u32) -> (PathBuf, Tape) {
        let path = folder.join("take.wav");
        let tape = Tape::start(File::create(&path).unwrap(), channels, rate).unwrap();
        (path, tape)
    }

    /// The samples of the file once it is complete.
    fn finished(mut ending: Ending, path: &Path) -> Vec<i16> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while ending.written().is_none() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        hound::WavReader::open(path).unwrap().into_samples().collect::<Result<_, _>>().unwrap()
    }

    fn header(n: u32) -> Header {
        let timestamp = n * FRAME_TICKS;
        Header { payload_type: 0, marker: false, sequence: 0, timestamp, ssrc: 1, payload_start: 0, payload_end: 0 }
    }

    /// 20 ms of a voice, or of silence.
    fn frame(rate: u32, loud: bool) -> Vec<i16> {
        if loud { Tone { length: FRAME, ..Tone::beep() }.samples(rate) } else { vec![0; rate as usize / 50] }
    }

    /// Plays a script of frames in virtual time; when and why the take ended.
    fn run(take: &mut Take, codec: VoiceCodec, script: impl Fn(u32) -> bool) -> (Duration, RecordEnd) {
        let began = take.clock.began;
        for n in 0.. {
            let now = began + FRAME * n;
            take.hear(now, &header(n), codec, &frame(codec.sample_rate(), script(n)));
            if let Some(end) = take.advance(now) {
                return (FRAME * n, end);
            }
        }
        unreachable!("every take ends")
    }

    #[test]
    fn silence_is_measured_from_the_last_word_and_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let (path, tape) = tape(folder.path(), 1, 8_000);
        let mut take = Take::new(tape, LIMITS, Instant::now());
        // A second of silence, a word, a pause, a word, and silence.
        let (at, end) = run(&mut take, VoiceCodec::Pcmu, |n| (50..100).contains(&n) || (150..200).contains(&n));
        assert_eq!(end, RecordEnd::Silence);
        assert!((6_000..=6_200).contains(&at.as_millis()), "{at:?}");
        let ending = take.end();
        let length = ending.length.as_millis();
        assert!((3_200..=3_500).contains(&length), "three seconds and the margins, not {length} ms");
        assert_eq!(finished(ending, &path).len() as u128, length * 8);
    }

    #[test]
    fn the_longest_time_holds_to_the_frame_and_the_shortest_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for (limits, kept) in [
            (RecordLimits { max: Duration::from_millis(1_510), ..LIMITS }, 1_520),
            (RecordLimits { max: Duration::from_millis(1_510), min: Duration::from_secs(2), ..LIMITS }, 0),
        ] {
            let (path, tape) = tape(folder.path(), 1, 16_000);
            let mut take = Take::new(tape, limits, Instant::now());
            assert_eq!(run(&mut take, VoiceCodec::G722, |_| true).1, RecordEnd::MaxLength);
            let ending = take.end();
            assert_eq!(ending.length.as_millis(), kept);
            assert_eq!(finished(ending, &path).len() as u128, kept * 16);
        }
    }

    #[test]
    fn a_codec_of_another_rate_keeps_its_speed() {
        let folder = tempfile::tempdir().unwrap();
        for (codec, rate) in [(VoiceCodec::Pcma, 16_000), (VoiceCodec::G722, 8_000)] {
            let (path, tape) = tape(folder.path(), 1, rate);
            let mut take = Take::new(tape, RecordLimits { max: Duration::from_secs(1), ..LIMITS }, Instant::now());
            run(&mut take, codec, |_| true);
            let samples = finished(take.end(), &path);
            assert_eq!(samples.len(), rate as usize);
            let rising = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
            assert!((950..=1_050).contains(&rising), "a tone of 1 kHz, not of {rising} Hz");
        }
    }

    #[test]
    fn both_parties_of_a_call_keep_their_places_whatever_they_send() {
        let folder = tempfile::tempdir().unwrap();
        let (path, tape) = tape(folder.path(), 2, 16_000);
        let began = Instant::now();
        let mut take = CallTake::new(tape, Duration::from_secs(1), began);
        let narrow = VoiceCodec::Pcmu.encode(&frame(8_000, true));
        // A speaks for the first 400 ms in G.711, B sends nothing until 500 ms and then G.722 that is loud.
        let wide = VoiceCodec::G722.encode(&Tone { length: Duration::from_secs(1), ..Tone::beep() }.samples(16_000));
        let mut end = None;
        for n in 0..200 {
            let now = began + FRAME * n;
            if n < 20 {
                take.hear(now, false, &header(n), VoiceCodec::Pcmu, &narrow);
            }
            if let Some(payload) = n.checked_sub(25).and_then(|n| wide.chunks(160).nth(n as usize)) {
                take.hear(now, true, &header(n), VoiceCodec::G722, payload);
            }
            end = take.advance(now);
            if end.is_some() {
                break;
            }
        }
        assert_eq!(end, Some(RecordEnd::MaxLength));
        let both = finished(take.end(), &path);
        assert_eq!(both.len(), 32_000);
        let loud = |side: usize| {
            let side: Vec<i16> = both.iter().skip(side).step_by(2).copied().collect();
            let frames: Vec<_> = side.chunks(320).map(|frame| frame.iter().any(|s| s.unsigned_abs() > 2_000)).collect();
            (frames.iter().position(|loud| *loud), frames.iter().rposition(|loud| *loud))
        };
        assert_eq!(loud(0), (Some(0), Some(19)));
        assert_eq!(loud(1), (Some(25), Some(49)));
    }
}
