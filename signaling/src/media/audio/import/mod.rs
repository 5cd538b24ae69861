//! Audio from an uploaded file.
//!
//! The kind of file is told by its first bytes, never by its name. Every size a file claims is checked against what is there, and decoding
//! stops at the longest audio we take, so that a small file cannot become a large one.

mod mp3;
mod opus;
mod wav;

use super::{Audio, AudioError, MAX_LENGTH};

/// The largest file that is imported: ten minutes of uncompressed stereo at 48 kHz and room for what surrounds it.
pub const MAX_FILE: usize = 120 << 20;

/// The kinds of files that are imported.
enum Kind {
    Wav,
    Mp3,
    OggOpus,
}

impl Audio {
    /// Decodes an uploaded file: WAV (PCM, float, A-law, mu-law), MP3, or Opus in Ogg. Several channels are mixed to one.
    ///
    /// Takes up to some seconds for long files: not for a thread that serves others.
    ///
    /// # Errors
    ///
    /// Every [`AudioError`].
    pub fn import(file: &[u8]) -> Result<Self, AudioError> {
        if file.len() > MAX_FILE {
            return Err(AudioError::TooLarge);
        }
        if let Some(own) = Self::from_wav(file) {
            return if own.samples.is_empty() { Err(AudioError::Empty) } else { Ok(own) };
        }
        let mono = match kind(file)? {
            Kind::Wav => wav::decode(file)?,
            Kind::Mp3 => mp3::decode(after_id3(file))?,
            Kind::OggOpus => opus::decode(file)?,
        };
        if mono.samples.is_empty() { Err(AudioError::Empty) } else { Self::from_samples(&mono.samples, mono.rate) }
    }
}

/// Tells the kind of a file by its first bytes.
fn kind(file: &[u8]) -> Result<Kind, AudioError> {
    let unsupported = |what| Err(AudioError::Unsupported(what));
    match file {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok(Kind::Wav),
        [b'R', b'F', b'6', b'4', ..] => unsupported("WAV of more than 4 GB"),
        [b'O', b'g', b'g', b'S', rest @ ..] => {
            let begins = |mark: &[u8]| {
                rest.get(..60.min(rest.len())).is_some_and(|head| head.windows(mark.len()).any(|w| w == mark))
            };
            if begins(b"OpusHead") { Ok(Kind::OggOpus) } else { unsupported("Ogg with something else than Opus") }
        }
        [b'I', b'D', b'3', ..] => Ok(Kind::Mp3),
        // Eleven bits of synchronisation, not the reserved version, layer III.
        [0xff, second, ..] if second & 0xe6 == 0xe2 && second & 0x18 != 0x08 => Ok(Kind::Mp3),
        [0xff, second, ..] if second & 0xf6 == 0xf0 => unsupported("AAC"),
        [b'f', b'L', b'a', b'C', ..] => unsupported("FLAC"),
        [b'F', b'O', b'R', b'M', ..] => unsupported("AIFF"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => unsupported("MP4"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => unsupported("Matroska or WebM"),
        [b'#', b'!', b'A', b'M', b'R', ..] => unsupported("AMR"),
        _ => Err(AudioError::NotAudio),
    }
}

/// The file behind its ID3 tags (ID3v2.4 §3.1: ten bytes, the last four of which tell the size in seven bits each).
fn after_id3(mut file: &[u8]) -> &[u8] {
    while let Some((&[b'I', b'D', b'3', _, _, flags, a, b, c, d], rest)) = file.split_first_chunk() {
        let size = [a, b, c, d].into_iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        file = rest.get(size + footer..).unwrap_or_default();
    }
    file
}

/// Samples decoded so far, mixed to one channel.
struct Mono {
    samples: Vec<i16>,
    rate: u32,
    max: usize,
}

impl Mono {
    fn new(rate: u32) -> Result<Self, AudioError> {
        if !super::SAMPLE_RATES.contains(&rate) {
            return Err(AudioError::Rate(rate));
        }
        Ok(Self { samples: Vec::new(), rate, max: rate as usize * MAX_LENGTH.as_secs() as usize })
    }

    /// Adds interleaved samples of `channels`.
    fn add(&mut self, interleaved: &[i16], channels: usize) -> Result<(), AudioError> {
        let channels = channels.max(1);
        let mixed = interleaved.chunks_exact(channels).map(|frame| {
            let sum: i32 = frame.iter().map(|sample| i32::from(*sample)).sum();
            (sum / channels as i32) as i16
        });
        self.check(mixed.len())?;
        self.samples.extend(mixed);
        Ok(())
    }

    /// Whether `more` samples are not too many.
    fn check(&self, more: usize) -> Result<(), AudioError> {
        if self.samples.len().saturating_add(more) > self.max { Err(AudioError::TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
