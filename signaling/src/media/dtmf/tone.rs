//! Keys heard as tones, by Goertzel's algorithm, within the limits of ITU-T Q.24.
//!
//! The audio is cut into blocks of 12.75 ms. A block holds a key when one row and one column are loud enough, of similar level (twist),
//! well above the other rows and columns, hold nearly all energy of the block, and the column has no second harmonic, which voices have
//! and keypads have not. (Those of the rows fall among the columns, where they are too close to be told apart.) Two blocks in a row make
//! a key: a tone of 40 ms always fills two, one of 20 ms never does. Three blocks without it end the key: a pause of 40 ms always spoils
//! three and separates equal keys, a drop-out of 10 ms never does.

use std::f32::consts::TAU;

use super::{COLUMNS, KEYPAD, ROWS};

/// Samples of a block at 8 kHz; the classic size, at which the eight frequencies fall near the middle of a bin.
const BLOCK_8K: usize = 102;
/// The same at 16 kHz.
const BLOCK_MAX: usize = 2 * BLOCK_8K;

/// The softest amplitude of each tone: about -33 dBm0, which is 4 dB below what Q.24 asks to accept.
const SOFTEST: f32 = 510.0;
/// How much louder the column may be than the row: 8 dB, as energy (Q.24 asks for at least 4).
const TWIST: f32 = 6.31;
/// How much louder the row may be than the column: 8 dB too, since networks dampen high frequencies most.
const REVERSE_TWIST: f32 = 6.31;
/// How far the other rows and columns must lie below: 8 dB.
const APART: f32 = 6.31;
/// Share of the block's energy the two tones must hold.
const PURITY: f32 = 0.82;
/// How far the column's second harmonic must lie below it: 12 dB.
const HARMONIC: f32 = 15.8;

/// Blocks that make a key.
const CONFIRM: u8 = 2;
/// Blocks without it that end it.
const RELEASE: u8 = 3;

/// Listens to one party.
#[derive(Clone)]
pub struct ToneDetector {
    rate: u32,
    block: [f32; BLOCK_MAX],
    filled: usize,
    /// The key the last blocks hold, and how many.
    seen: Option<(char, u8)>,
    /// The key that was told and is still held, and how many blocks it has been missing for.
    held: Option<(char, u8)>,
}

impl Default for ToneDetector {
    fn default() -> Self {
        Self { rate: 8_000, block: [0.0; BLOCK_MAX], filled: 0, seen: None, held: None }
    }
}

impl std::fmt::Debug for ToneDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToneDetector").field("held", &self.held).finish_non_exhaustive()
    }
}

impl ToneDetector {
    /// Takes `samples`, `rate` a second (8,000 or 16,000; others are not listened to). Tells each key as soon as it is certain, with the
    /// sample at which its tone began, counted from the first one of `samples`.
    pub fn listen(&mut self, rate: u32, samples: &[i16], mut told: impl FnMut(char, i64)) {
        let size = match rate {
            8_000 => BLOCK_8K,
            16_000 => BLOCK_MAX,
            _ => return,
        };
        if rate != self.rate {
            *self = Self { rate, ..Self::default() };
        }
        for (n, sample) in samples.iter().enumerate() {
            if let Some(place) = self.block.get_mut(self.filled) {
                *place = f32::from(*sample);
            }
            self.filled += 1;
            if self.filled >= size {
                self.filled = 0;
                let found = self.block.get(..size).and_then(|block| key_in(block, rate as f32));
                if let Some(key) = self.judge(found) {
                    told(key, n as i64 + 1 - (size * usize::from(CONFIRM)) as i64);
                }
            }
        }
    }

    /// Takes what a block holds; the key that becomes certain by it.
    fn judge(&mut self, found: Option<char>) -> Option<char> {
        self.seen = found.map(|key| match self.seen {
            Some((before, times)) if before == key => (key, times.saturating_add(1)),
            _ => (key, 1),
        });
        self.held = match self.held {
            Some((key, _)) if found == Some(key) => Some((key, 0)),
            Some((key, missing)) if missing + 1 < RELEASE => Some((key, missing + 1)),
            _ => None,
        };
        let (key, _) =
            self.seen.filter(|(key, times)| *times >= CONFIRM && self.held.is_none_or(|(h, _)| h != *key))?;
        self.held = Some((key, 0));
        Some(key)
    }
}

/// The key whose tone fills `block`.
fn key_in(block: &[f32], rate: f32) -> Option<char> {
    let total: f32 = block.iter().map(|s| s * s).sum();
    let softest = SOFTEST * SOFTEST * block.len() as f32 / 2.0;
    if total < 2.0 * softest {
        return None;
    }
    let energies = |hertz: [u16; 4]| hertz.map(|f| energy(block, f32::from(f), rate));
    let (row, row_energy) = loudest(energies(ROWS))?;
    let (column, column_energy) = loudest(energies(COLUMNS))?;
    let loud = row_energy >= softest && column_energy >= softest;
    let twisted = column_energy > row_energy * TWIST || row_energy > column_energy * REVERSE_TWIST;
    if !loud || twisted || row_energy + column_energy < PURITY * total {
        return None;
    }
    let harmonic = energy(block, 2.0 * f32::from(*COLUMNS.get(column)?), rate);
    if harmonic * HARMONIC < column_energy { KEYPAD.get(row)?.get(column).copied() } else { None }
}

/// The position and energy of the one that is [`APART`] from all others.
fn loudest(energies: [f32; 4]) -> Option<(usize, f32)> {
    let (position, most) = energies.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let apart = energies.into_iter().enumerate().all(|(n, energy)| n == position || energy * APART < most);
    apart.then_some((position, most))
}

/// The energy of `block` at `hertz`, on the scale of the sum of squares.
fn energy(block: &[f32], hertz: f32, rate: f32) -> f32 {
    let coefficient = 2.0 * (TAU * hertz / rate).cos();
    let (last, before) =
        block.iter().fold((0.0f32, 0.0f32), |(last, before), s| (coefficient * last - before + s, last));
    (last * last + before * before - coefficient * last * before) * 2.0 / block.len() as f32
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::time::Duration;

    use super::*;
    use crate::media::audio::{Tone, VoiceCodec};
    use crate::media::dtmf::{KEYS, tone_of};

    /// A sequence of numbers that look random and are the same every time: -1 to 1.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
        }
    }

    fn told(rate: u32, samples: &[i16]) -> String {
        let (mut detector, mut text) = (ToneDetector::default(), String::new());
        // Uneven pieces: where packets begin must not matter.
        for piece in samples.chunks(237) {
            detector.listen(rate, piece, |key, _| text.push(key));
        }
        text
    }

    fn silence(rate: u32, milliseconds: u32) -> Vec<i16> {
        vec![0; (rate / 1_000 * milliseconds) as usize]
    }

    /// `keys` pressed and released, after `offset` samples.
    fn dialled(keys: &str, rate: u32, level: f64, [on, off]: [u32; 2], offset: usize) -> Vec<i16> {
        let mut samples = vec![0; offset];
        for key in keys.chars() {
            // The ramps of our own tones are time in which a key is not heard fully.
            let tone = tone_of(key, level, Duration::from_millis(u64::from(on))).unwrap();
            samples.extend(tone.samples(rate));
            samples.extend(silence(rate, off));
        }
        samples.extend(silence(rate, 100));
        samples
    }

    fn two(hertz: [f64; 2], levels: [f64; 2], milliseconds: u32) -> Vec<i16> {
        let wave = |n: f64, hertz: f64, level: f64| Tone::amplitude(level) * (TAU * hertz * n / 8_000.0).sin();
        let sample = |n| (wave(n, hertz[0], levels[0]) + wave(n, hertz[1], levels[1])) as i16;
        (0..8 * milliseconds).map(|n| sample(f64::from(n))).chain(silence(8_000, 100)).collect()
    }

    fn all() -> String {
        KEYS.iter().collect()
    }

    #[test]
    fn every_key_is_heard_at_every_level_rate_and_offset() {
        for rate in [8_000, 16_000] {
            for level in [-27.0, -20.0, -10.0, -3.0] {
                for offset in (0..102).step_by(13) {
                    let samples = dialled(&all(), rate, level, [48, 40], offset);
                    assert_eq!(told(rate, &samples), all(), "{level} dBm0 at {rate} Hz after {offset}");
                }
            }
        }
    }

    #[test]
    fn keys_survive_the_codecs() {
        for codec in VoiceCodec::ALL {
            let samples = dialled(&all(), codec.sample_rate(), -15.0, [60, 60], 7);
            assert_eq!(told(codec.sample_rate(), &codec.decode(&codec.encode(&samples))), all(), "{codec:?}");
        }
    }

    #[test]
    fn forty_milliseconds_make_a_key_and_twenty_do_not() {
        for offset in (0..102).step_by(5) {
            let silent = vec![0; offset];
            let with = |milliseconds| [silent.clone(), two([770.0, 1_336.0], [-10.0; 2], milliseconds)].concat();
            assert_eq!(told(8_000, &with(40)), "5", "after {offset}");
            assert_eq!(told(8_000, &with(20)), "", "after {offset}");
        }
    }

    #[test]
    fn a_pause_separates_equal_keys_and_a_dropout_does_not() {
        assert_eq!(told(8_000, &dialled("7777", 8_000, -10.0, [60, 40], 3)), "7777");
        for at in 400..502 {
            let mut samples = two([852.0, 1_209.0], [-10.0; 2], 150);
            samples[at..at + 80].fill(0);
            assert_eq!(told(8_000, &samples), "7", "dropped out at {at}");
        }
    }

    #[test]
    fn twist_and_detuning_are_borne_within_limits() {
        let five = |detune: f64, levels| told(8_000, &two([770.0 * detune, 1_336.0 * detune], levels, 60));
        for levels in [[-10.0, -10.0], [-12.0, -6.0], [-6.0, -12.0]] {
            for detune in [0.985, 1.0, 1.015] {
                assert_eq!(five(detune, levels), "5", "{levels:?} detuned {detune}");
            }
        }
        for levels in [[-20.0, -8.0], [-8.0, -20.0]] {
            assert_eq!(five(1.0, levels), "", "{levels:?}");
        }
        for detune in [0.96, 1.04] {
            assert_eq!(five(detune, [-10.0; 2]), "", "detuned {detune}");
        }
        assert_eq!(five(1.0, [-45.0; 2]), "", "too soft");
    }

    #[test]
    fn noise_hides_no_key_and_is_none() {
        let mut random = Random(1);
        let mut samples = dialled(&all().repeat(5), 8_000, -10.0, [60, 60], 0);
        let loudness = Tone::amplitude(-22.0) * 3f64.sqrt();
        for sample in &mut samples {
            *sample = (f64::from(*sample) + loudness * random.next()) as i16;
        }
        assert_eq!(told(8_000, &samples), all().repeat(5));
        for loudness in [300.0, 3_000.0, 30_000.0] {
            let noise: Vec<_> = (0..8_000 * 120).map(|_| (loudness * random.next()) as i16).collect();
            assert_eq!(told(8_000, &noise), "");
        }
    }

    /// Vowels of changing pitch: pulses of the glottis through three resonances, which is where false keys come from.
    fn speech(seconds: u32, random: &mut Random) -> Vec<i16> {
        let mut samples = Vec::new();
        let (mut phase, mut states) = (0.0, [[0.0f64; 2]; 3]);
        let (mut pitch, mut formants) = (120.0, [500.0, 1_500.0, 2_500.0]);
        for n in 0..seconds * 8_000 {
            if n % 700 == 0 {
                pitch = 170.0 + 90.0 * random.next();
                formants =
                    [550.0 + 300.0 * random.next(), 1_500.0 + 700.0 * random.next(), 2_600.0 + 500.0 * random.next()];
            }
            phase += pitch / 8_000.0;
            let mut pulse = 0.02 * random.next();
            if phase >= 1.0 {
                phase -= 1.0;
                pulse += 1.0;
            }
            let mut sum = 0.0;
            for (state, formant) in states.iter_mut().zip(formants) {
                let radius: f64 = 0.97;
                let out = pulse + 2.0 * radius * (TAU * formant / 8_000.0).cos() * state[0] - radius.powi(2) * state[1];
                *state = [out, state[0]];
                sum += out;
            }
            samples.push((sum * 1_800.0).clamp(-32_000.0, 32_000.0) as i16);
        }
        samples
    }

    #[test]
    fn speech_is_no_key() {
        let speech = speech(300, &mut Random(7));
        assert!(speech.iter().any(|s| *s > 8_000));
        assert_eq!(told(8_000, &speech), "");
    }

    #[test]
    fn music_and_call_progress_tones_are_no_keys() {
        let mut random = Random(3);
        let mut music = Vec::new();
        while music.len() < 8_000 * 120 {
            let root = 110.0 * 2f64.powf(((random.next() + 1.0) * 18.0).floor() / 12.0);
            let third = if random.next() > 0.0 { 4.0 } else { 3.0 };
            let notes = [0.0, third, 7.0, 12.0].map(|step: f64| root * 2f64.powf(step / 12.0));
            music.extend((0..2_400).map(|n| {
                let t = f64::from(n) / 8_000.0;
                let strings =
                    |hertz: f64| (1..6).map(|h| (TAU * hertz * f64::from(h) * t).sin() / f64::from(h)).sum::<f64>();
                (notes.into_iter().map(strings).sum::<f64>() * 3_500.0 * (-2.0 * t).exp()) as i16
            }));
        }
        assert_eq!(told(8_000, &music), "");
        for hertz in
            [[350.0, 440.0], [440.0, 480.0], [480.0, 620.0], [425.0, 425.0], [1_400.0, 2_060.0], [1_209.0, 1_209.0]]
        {
            assert_eq!(told(8_000, &two(hertz, [-10.0; 2], 2_000)), "", "{hertz:?}");
        }
    }

    #[test]
    fn the_beginning_of_the_tone_is_told() {
        let mut began = None;
        let samples = [vec![0; 1_000], two([697.0, 1_209.0], [-10.0; 2], 100)].concat();
        ToneDetector::default().listen(8_000, &samples, |_, at| began = Some(at));
        assert!(began.is_some_and(|at| (950..=1_102).contains(&at)), "{began:?}");
    }

    #[test]
    fn other_rates_and_any_samples_are_harmless() {
        let mut random = Random(11);
        let wild: Vec<_> = (0..9_999).map(|_| if random.next() > 0.0 { i16::MAX } else { i16::MIN }).collect();
        for rate in [0, 8_000, 16_000, 48_000, u32::MAX] {
            assert_eq!(told(rate, &wild), "");
        }
    }
}
