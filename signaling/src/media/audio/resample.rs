//! Changing the sample rate of a whole recording, once, with a filter long enough that nothing is heard of it.
//!
//! The resampler of `audio-codec` is made for live frames: its 24 taps let the upper half of a 48 kHz file fold into a telephone's
//! band. Here the windowed sinc grows with the ratio.

use std::f64::consts::PI;

/// Zero crossings of the filter on either side, counted at the lower of the two rates.
const CROSSINGS: usize = 32;

/// Shape of the Kaiser window; 8 keeps the side lobes 80 dB down.
const BETA: f64 = 8.0;

/// Where the filter halves the amplitude, as a share of the lower rate: far enough below one half that what folds back is gone.
const CUT_OFF: f64 = 0.47;

/// `samples` of rate `from` at rate `to`, both in Hz and not zero.
pub(super) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    let common = gcd(from, to);
    let (up, down) = ((to / common) as usize, (from / common) as usize);
    let filter = Filter::new(up, f64::from(from.max(to)) / f64::from(to), f64::from(to.min(from)) / f64::from(from));
    let count = (samples.len() * up).div_ceil(down);
    (0..count).map(|n| filter.apply(samples, n * down / up, n * down % up)).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A filter for each place an output sample can have between two input samples.
struct Filter {
    taps: usize,
    phases: Vec<f32>,
}

impl Filter {
    /// `stretch` widens the filter when the rate goes down; `share` is the part of the input's band that is kept.
    fn new(up: usize, stretch: f64, share: f64) -> Self {
        let half = (CROSSINGS as f64 * stretch).ceil();
        let taps = 2 * half as usize;
        let cut_off = CUT_OFF * share;
        let mut phases = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let from = phases.len();
            let offset = phase as f64 / up as f64;
            phases.extend((0..taps).map(|tap| {
                let x = tap as f64 + 1.0 - half - offset;
                (sinc(2.0 * cut_off * x) * kaiser(x / half)) as f32
            }));
            // Each phase passes a constant unchanged.
            let sum: f32 = phases.iter().skip(from).sum();
            phases.iter_mut().skip(from).for_each(|tap| *tap /= sum);
        }
        Self { taps, phases }
    }

    /// The output sample that lies `phase` after input sample `at`.
    fn apply(&self, samples: &[i16], at: usize, phase: usize) -> i16 {
        let taps = self.phases.iter().skip(phase * self.taps).take(self.taps);
        let before = self.taps / 2 - 1;
        let sum: f32 = match at.checked_sub(before) {
            Some(first) => taps.zip(samples.iter().skip(first)).map(|(tap, s)| tap * f32::from(*s)).sum(),
            None => taps.skip(before - at).zip(samples).map(|(tap, s)| tap * f32::from(*s)).sum(),
        };
        sum.round() as i16
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The Kaiser window at `x` of -1 to 1.
fn kaiser(x: f64) -> f64 {
    let inside = 1.0 - x * x;
    if inside < 0.0 { 0.0 } else { bessel(BETA * inside.sqrt()) / bessel(BETA) }
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= (x / (2.0 * n)).powi(2);
        sum += term;
        n += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, rate: u32, amplitude: f64) -> Vec<i16> {
        (0..rate / 2).map(|n| (amplitude * (2.0 * PI * hertz * f64::from(n) / f64::from(rate)).sin()) as i16).collect()
    }

    /// Root of the mean square of the middle, where the ends do not matter.
    fn level(samples: &[i16]) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        (middle.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / middle.len() as f64).sqrt()
    }

    #[test]
    fn a_voice_keeps_its_level_at_every_rate() {
        for from in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000] {
            for to in [8_000, 16_000] {
                for hertz in [300.0, 1_000.0, 3_300.0] {
                    let before = tone(hertz, from, 10_000.0);
                    let after = resample(&before, from, to);
                    assert_eq!(after.len(), (before.len() as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize);
                    let change = 20.0 * (level(&after) / level(&before)).log10();
                    assert!(change.abs() < 0.2, "{hertz} Hz from {from} to {to}: {change} dB");
                }
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_does_not_fold_back() {
        for (from, hertz) in [(16_000, 4_400.0), (16_000, 7_000.0), (44_100, 5_000.0), (48_000, 7_000.0)] {
            let before = tone(hertz, from, 20_000.0);
            let left = 20.0 * (level(&resample(&before, from, 8_000)).max(0.1) / level(&before)).log10();
            assert!(left < -60.0, "{hertz} Hz from {from}: {left} dB");
        }
    }

    #[test]
    fn the_loudest_audio_is_clipped_not_wrapped() {
        let square: Vec<i16> = (0..8_000).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let after = resample(&square, 8_000, 16_000);
        let same_sign = after.iter().zip(square.iter().flat_map(|s| [s, s])).filter(|(a, b)| a.signum() == b.signum());
        assert!(same_sign.count() > 15_000);
        assert!(resample(&[], 8_000, 16_000).is_empty());
        assert_eq!(resample(&[1], 96_000, 8_000).len(), 1);
    }
}
