//! Uploaded audio becomes the form that is kept and played.

use std::time::Duration;

/// The longest audio.
const LENGTH_MAX: Duration = Duration::from_secs(600);
/// Sample rates that are taken.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Audio in the form that is kept and played.
#[derive(Debug)]
pub(crate) struct Imported {
    /// A WAV file.
    pub(crate) wav: Vec<u8>,
    /// How long it plays.
    pub(crate) length: Duration,
    /// What the upload was.
    pub(crate) media_type: &'static str,
}

/// Why an upload was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportFailed {
    /// It is not of a kind that is read.
    #[error("this is not audio that can be read: {0}")]
    Kind(&'static str),
    /// It is of a kind that is read, but cannot be used.
    #[error("this audio cannot be used: {0}")]
    Damaged(&'static str),
}

/// Reads an uploaded file.
///
/// # Errors
/// [`ImportFailed`] says what is wrong with it.
pub(crate) fn import(file: &[u8]) -> Result<Imported, ImportFailed> {
    let (head, mut rest) = file.split_first_chunk::<12>().ok_or(ImportFailed::Kind("it is too short"))?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Err(ImportFailed::Kind("it is not a WAV file"));
    }
    let mut bytes_a_second = None;
    while let Some((id, length, after)) = chunk(rest) {
        let body = after.get(..length).ok_or(ImportFailed::Damaged("it ends too early"))?;
        match (id, bytes_a_second) {
            (b"fmt ", _) => bytes_a_second = Some(format(body)?),
            (b"data", Some(rate)) => {
                let length = Duration::from_micros(length as u64 * 1_000_000 / u64::from(rate));
                return match length {
                    Duration::ZERO => Err(ImportFailed::Damaged("there is nothing to hear in it")),
                    length if length > LENGTH_MAX => Err(ImportFailed::Damaged("it is longer than 10 minutes")),
                    length => Ok(Imported { wav: file.to_vec(), length, media_type: "audio/wav" }),
                };
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    Err(ImportFailed::Damaged("there is no audio in it"))
}

/// The name and the length of the first chunk, and what follows them.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    Some((id, u32::from_le_bytes(*length) as usize, rest))
}

/// How many bytes a second takes: of mono PCM with 16 bits.
fn format(body: &[u8]) -> Result<u32, ImportFailed> {
    let Some((&[1, 0, 1, 0, a, b, c, d, _, _, _, _, _, _, 16, 0], _)) = body.split_first_chunk::<16>() else {
        return Err(ImportFailed::Kind("of WAV files, mono PCM with 16 bits is read"));
    };
    let rate = u32::from_le_bytes([a, b, c, d]);
    if RATES.contains(&rate) { Ok(rate * 2) } else { Err(ImportFailed::Kind("its sample rate is not 8 to 48 kHz")) }
}
