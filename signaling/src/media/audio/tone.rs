//! Tones: beeps, call progress, keys.

use std::f64::consts::TAU;
use std::time::Duration;

use super::{Audio, MAX_LENGTH, SAMPLE_RATE};

/// A full-scale sine has this level: the load capacity of mu-law (G.711 §4).
const FULL_SCALE_DBM0: f64 = 3.17;

/// How long a tone takes to reach its level and to leave it: shorter is heard as a click.
const RAMP: Duration = Duration::from_millis(4);

/// One or two sine waves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Frequencies in Hz; equal ones are one tone.
    pub hertz: [u16; 2],
    /// Level of each in dBm0; 3.17 is the loudest sine there is.
    pub level: f64,
    /// How long it lasts, at most [`MAX_LENGTH`].
    pub length: Duration,
}

impl Tone {
    /// The beep after which a caller speaks: 1 kHz, 400 ms, -12 dBm0.
    pub const fn beep() -> Self {
        Self { hertz: [1_000, 1_000], level: -12.0, length: Duration::from_millis(400) }
    }

    /// The amplitude of a sine of `level` dBm0.
    pub(crate) fn amplitude(level: f64) -> f64 {
        f64::from(i16::MAX) * 10f64.powf((level - FULL_SCALE_DBM0) / 20.0)
    }

    /// The tone as samples of `rate`.
    pub(crate) fn samples(&self, rate: u32) -> Vec<i16> {
        let rate = f64::from(rate);
        let count = self.length.min(MAX_LENGTH).as_secs_f64() * rate;
        let ramp = RAMP.as_secs_f64() * rate;
        let [first, second] = self.hertz.map(f64::from);
        let amplitude = Self::amplitude(self.level);
        let wave = |n: f64| match first == second {
            true => (TAU * first * n / rate).sin(),
            false => (TAU * first * n / rate).sin() + (TAU * second * n / rate).sin(),
        };
        let sample = |n: u32| {
            let n = f64::from(n);
            (amplitude * wave(n) * (n / ramp).min((count - n) / ramp).clamp(0.0, 1.0)) as i16
        };
        (0..count as u32).map(sample).collect()
    }
}

impl From<&Tone> for Audio {
    fn from(tone: &Tone) -> Self {
        Self { samples: tone.samples(SAMPLE_RATE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_level_and_begins_and_ends_softly() {
        let audio = Audio::from(&Tone::beep());
        let peak = f64::from(audio.samples().iter().copied().max().unwrap());
        assert!((peak / Tone::amplitude(-12.0) - 1.0).abs() < 0.01, "{peak}");
        assert_eq!(audio.length(), Duration::from_millis(400));
        let [first, .., last] = audio.samples() else { panic!("there are samples") };
        assert!(first.abs() < 200 && last.abs() < 200, "{first} {last}");
    }
}
