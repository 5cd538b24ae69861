//! Whether somebody speaks.

/// What is softer than this is silence however quiet the line: -48 dB below full scale, as the square of the amplitude.
const SOFTEST: f32 = 1.585e-5;
/// How far speech stands out from the background: 9 dB.
const ABOVE: f32 = 8.0;
/// The background that is assumed at first: 9 dB below [`SOFTEST`].
const QUIET: f32 = SOFTEST / ABOVE;
/// A louder background than this is somebody who speaks without a pause: -35 dB.
const LOUDEST_BACKGROUND: f32 = 3.16e-4;
/// How quickly the background is believed to have grown: 6 dB a second, for frames of 20 ms.
const GROWTH: f32 = 1.028;
/// Frames in a row that are speech and not a click.
const RUN: u8 = 3;

/// Compares the level of frames of 20 ms with the background, which it learns: it follows the softest frames at once and grows slowly.
#[derive(Debug)]
pub(super) struct Speech {
    background: f32,
    run: u8,
}

impl Default for Speech {
    fn default() -> Self {
        Self { background: QUIET, run: 0 }
    }
}

impl Speech {
    /// Frames that pass before speech is noticed.
    pub(super) const NOTICED_AFTER: u64 = RUN as u64;

    /// Whether `frame` belongs to speech.
    pub(super) fn is_in(&mut self, frame: &[i16]) -> bool {
        let square = |sample: &i16| (f32::from(*sample) / 32_768.0).powi(2);
        let power = frame.iter().map(square).sum::<f32>() / frame.len().max(1) as f32;
        let loud = power > (self.background * ABOVE).max(SOFTEST);
        self.background = match power < self.background {
            // Digital silence between words says nothing of the room.
            true => power.max(QUIET),
            false => (self.background * GROWTH).min(power).min(LOUDEST_BACKGROUND),
        };
        self.run = if loud { (self.run + 1).min(RUN) } else { 0 };
        self.run == RUN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::Tone;

    /// Frames of noise of `level` dBm0 or of a syllable, told by letters.
    fn judged(script: &[(f64, bool, usize)]) -> Vec<usize> {
        let (mut speech, mut state) = (Speech::default(), 1u32);
        let part = |&(level, voiced, frames): &(f64, bool, usize)| {
            let amplitude = Tone::amplitude(level);
            let spoken = (0..frames).filter(|n| {
                // Syllables of 160 ms with 60 ms between them.
                let loud = voiced && n % 11 < 8;
                let frame: Vec<i16> = (0..160)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let noise = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
                        ((if voiced && !loud { amplitude / 30.0 } else { amplitude }) * noise) as i16
                    })
                    .collect();
                speech.is_in(&frame)
            });
            spoken.count()
        };
        script.iter().map(part).collect()
    }

    #[test]
    fn speech_is_told_from_quiet_and_from_noise() {
        for background in [-90.0, -55.0, -40.0] {
            let spoken =
                judged(&[(background, false, 100), (-15.0, true, 110), (background, false, 100), (-15.0, true, 110)]);
            assert_eq!(spoken[0], 0, "{background}");
            assert!(spoken[1] >= 55 && spoken[3] >= 55, "{background}: {spoken:?}");
            assert_eq!(spoken[2], 0, "{background}");
        }
    }

    #[test]
    fn a_background_that_grows_loud_is_learned() {
        let spoken = judged(&[(-60.0, false, 100), (-33.0, false, 300), (-33.0, false, 500)]);
        assert!(spoken[1] < 200 && spoken[2] == 0, "{spoken:?}");
    }

    #[test]
    fn who_never_pauses_is_still_heard() {
        let spoken = judged(&[(-12.0, false, 1_500)]);
        assert!(spoken[0] > 1_490, "{spoken:?}");
    }

    #[test]
    fn a_click_is_not_speech() {
        assert_eq!(judged(&[(-70.0, false, 50), (-10.0, false, 2), (-70.0, false, 50)]), [0, 0, 0]);
        assert!(!Speech::default().is_in(&[]));
    }
}
