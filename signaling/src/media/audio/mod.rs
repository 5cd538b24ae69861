//! Audio of our own: what is said to a caller, and what is kept of one.
//!
//! [`Audio`] is the form in which audio is held: mono, 16 bits, 16 kHz. It is made from samples, from an uploaded file
//! ([`Audio::import`]), from a [`Tone`], or from the file it was stored in. A [`Clip`] is what is played: the same audio encoded
//! once for every codec, so that playing costs no more than copying bytes.

mod clip;
mod codec;
mod import;
mod music;
mod resample;
mod tone;
pub(crate) mod wav;

use std::time::Duration;

pub use clip::Clip;
pub(crate) use codec::VoiceDecoder;
pub use codec::{FRAME, FRAME_BYTES, FRAME_TICKS, VoiceCodec};
pub use import::MAX_FILE;
pub use music::MUSIC_LENGTH;
pub use tone::Tone;

/// Samples a second of [`Audio`].
pub const SAMPLE_RATE: u32 = 16_000;

/// The longest audio there is.
pub const MAX_LENGTH: Duration = Duration::from_secs(600);

/// Sample rates that are converted, in Hz.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=96_000;

/// Why there is no audio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The sample rate is outside [`SAMPLE_RATES`].
    #[error("{0} samples a second instead of 8,000 to 96,000")]
    Rate(u32),
    /// It lasts longer than [`MAX_LENGTH`].
    #[error("longer than {} minutes", MAX_LENGTH.as_secs() / 60)]
    TooLong,
    /// The file is larger than [`MAX_FILE`].
    #[error("larger than {} MB", MAX_FILE >> 20)]
    TooLarge,
    /// The file is nothing we know to hold audio.
    #[error("not an audio file")]
    NotAudio,
    /// The file holds audio of a kind that is not taken.
    #[error("{0} is not supported; WAV, MP3 and Ogg Opus are")]
    Unsupported(&'static str),
    /// The file ends before its audio does.
    #[error("cut off before its end")]
    Truncated,
    /// The file contradicts itself or its audio cannot be decoded.
    #[error("damaged")]
    Damaged,
    /// The file holds no sound at all.
    #[error("without any sound")]
    Empty,
}

/// Mono audio of [`SAMPLE_RATE`], at most [`MAX_LENGTH`].
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Audio {
    samples: Vec<i16>,
}

impl Audio {
    /// Audio of `samples` taken `rate` times a second.
    ///
    /// # Errors
    ///
    /// [`AudioError::Rate`] and [`AudioError::TooLong`].
    pub fn from_samples(samples: &[i16], rate: u32) -> Result<Self, AudioError> {
        if !SAMPLE_RATES.contains(&rate) {
            return Err(AudioError::Rate(rate));
        }
        if samples.len() as u64 > u64::from(rate) * MAX_LENGTH.as_secs() {
            return Err(AudioError::TooLong);
        }
        Ok(Self { samples: resample::resample(samples, rate, SAMPLE_RATE) })
    }

    /// The samples, [`SAMPLE_RATE`] a second.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it lasts.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
    }
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audio").field("length", &self.length()).finish_non_exhaustive()
    }
}
