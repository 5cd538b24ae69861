//! Music for whoever waits or is held.
//!
//! It is made by rule, so it is nobody's work and needs no licence: slow broken chords, each note a few sine partials that die
//! away like those of a plucked string. The pedal is lifted at the end of each round, so the next one begins out of silence and no
//! seam is heard.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{Audio, Clip, SAMPLE_RATE};

static MUSIC: LazyLock<Arc<Clip>> = LazyLock::new(|| Arc::new(Clip::new(&Audio::music())));

impl Clip {
    /// A round of [music](Audio::music), ready to be played again and again: the same for all. The first to ask waits some tens of
    /// milliseconds until it is made.
    #[must_use]
    pub fn music() -> Arc<Self> {
        Arc::clone(&MUSIC)
    }
}

/// How long a round lasts.
pub const MUSIC_LENGTH: Duration = Duration::from_secs(24);

/// Root mean square of the whole round, as a share of full scale: -20 dB. Speech on a telephone is about as loud.
const LEVEL: f64 = 0.1;

/// Notes follow each other in this time; eight of them are a bar.
const STEP: f64 = 0.5;

/// Chords by their notes in semitones above A4 (440 Hz), low to high, a bar each. All lie where a telephone carries them.
const CHORDS: [[i32; 4]; 6] = [
    [-9, -5, -2, 2],   // C major seventh
    [-12, -9, -5, -2], // A minor seventh
    [-16, -9, -5, 0],  // F major seventh
    [-14, -10, -5, 2], // G sixth
    [-17, -10, -5, 2], // E, fifth and octaves
    [-16, -12, -9, 0], // F major
];

/// The order in which the notes of a chord are played: up, and down again.
const PATTERN: [usize; 8] = [0, 1, 2, 3, 2, 3, 2, 1];

/// Partials: how many times the frequency, how loud, and after how many seconds a third is left.
const PARTIALS: [(f64, f64, f64); 4] = [(1.0, 1.0, 1.1), (2.0, 0.4, 0.7), (3.0, 0.15, 0.45), (4.0, 0.06, 0.3)];

/// How long a note takes to sound; shorter is heard as a click.
const ATTACK: f64 = 0.012;

/// How long a note is followed; it has fallen by more than 25 dB then, and is faded out.
const RING: f64 = 3.5;

/// How long the strings take to fall silent once the pedal is lifted.
const DAMPING: f64 = 0.1;

/// The rest before the next round: what a decoder of G.722 remembers of the last one dies away in it.
const REST: f64 = 0.06;

impl Audio {
    /// A round of music, to be repeated.
    #[must_use]
    pub fn music() -> Self {
        let rate = f64::from(SAMPLE_RATE);
        let mut mix = vec![0.0; (MUSIC_LENGTH.as_secs_f64() * rate) as usize];
        let notes = CHORDS.iter().flat_map(|chord| PATTERN.iter().filter_map(|place| chord.get(*place)));
        for (n, semitones) in notes.enumerate() {
            let begin = (n as f64 * STEP * rate) as usize;
            // The first of a bar carries it, the others are lighter.
            let strength = if n % PATTERN.len() == 0 { 1.0 } else { 0.7 };
            let hertz = 440.0 * 2f64.powf(f64::from(*semitones) / 12.0);
            pluck(mix.get_mut(begin..).unwrap_or_default(), hertz / rate, strength);
        }
        let end = mix.len() as f64;
        for (n, sample) in mix.iter_mut().enumerate() {
            *sample *= (((end - n as f64) / rate - REST) / DAMPING).clamp(0.0, 1.0);
        }
        let square: f64 = mix.iter().map(|sample| sample * sample).sum();
        let gain = f64::from(i16::MAX) * LEVEL / (square / end).sqrt();
        Self { samples: mix.iter().map(|sample| (sample * gain) as i16).collect() }
    }
}

/// Adds a note to what follows it. `turn` is its frequency in turns a sample.
fn pluck(mix: &mut [f64], turn: f64, strength: f64) {
    let rate = f64::from(SAMPLE_RATE);
    let (attack, ring) = (ATTACK * rate, RING * rate);
    for (multiple, share, decay) in PARTIALS {
        // Each sample of a sine that dies away follows from the two before it, which is cheaper by far than the sine itself.
        let (angle, shrink) = (TAU * turn * multiple, (-1.0 / (decay * rate)).exp());
        let (factor, square) = (2.0 * shrink * angle.cos(), shrink * shrink);
        let (mut before, mut wave) = (0.0, strength * share * shrink * angle.sin());
        for (n, sample) in mix.iter_mut().take(ring as usize).enumerate() {
            let n = n as f64;
            *sample += before * (n / attack).min(1.0) * (1.0 - n / ring);
            (before, wave) = (wave, factor * wave - square * before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::{FRAME, VoiceCodec};

    fn level(samples: &[i16]) -> f64 {
        let square: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        20.0 * ((square / samples.len() as f64).sqrt() / f64::from(i16::MAX)).log10()
    }

    #[test]
    fn music_has_its_length_and_level_and_is_never_silent_nor_clipped() {
        let music = Audio::music();
        assert_eq!(music.length(), MUSIC_LENGTH);
        let whole = level(music.samples());
        assert!((-20.1..-19.9).contains(&whole), "{whole} dB");
        let peak = music.samples().iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((8_000..24_000).contains(&peak), "{peak}");
        for (n, quarter) in music.samples().chunks(SAMPLE_RATE as usize / 4).enumerate() {
            assert!(level(quarter) > -32.0, "{} dB in quarter {n}", level(quarter));
        }
    }

    #[test]
    fn the_end_meets_the_beginning_in_every_codec() {
        assert!(MUSIC_LENGTH.as_millis().is_multiple_of(FRAME.as_millis()), "no frame is filled up with silence");
        let music = Audio::music();
        let samples = music.samples();
        let (first, last) = (samples[0], samples[samples.len() - 1]);
        assert!(first.abs_diff(last) < 50, "{last} is followed by {first}");
        let clip = Clip::music();
        let frames = (clip.play_time().as_millis() / FRAME.as_millis()) as usize;
        for codec in VoiceCodec::ALL {
            let mut round = Vec::new();
            (0..frames).for_each(|n| round.extend(clip.frame(codec, n).unwrap()));
            let twice = codec.decode(&[&round[..], &round[..]].concat());
            let seam = twice.len() / 2;
            let near = 2 * codec.sample_rate() as usize / 1_000;
            let step = twice[seam - near..seam + near].windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
            assert!(step < Some(500), "{codec:?}: a step of {step:?}");
        }
    }
}
