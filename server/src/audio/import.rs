//! Uploaded audio becomes the form that is kept and played.

use std::time::Duration;

use dialplane_signaling::media::audio::{Audio, AudioError};

/// Audio in the form that is kept and played.
#[derive(Debug)]
pub(crate) struct Imported {
    /// A WAV file: mono, 16 bits, 16 kHz.
    pub(crate) wav: Vec<u8>,
    /// How long it plays.
    pub(crate) length: Duration,
    /// What the upload was.
    pub(crate) media_type: &'static str,
}

/// Reads an uploaded file: WAV, MP3, or Opus in Ogg. Takes up to some seconds.
///
/// # Errors
/// [`AudioError`] says what is wrong with it.
pub(crate) fn import(file: &[u8]) -> Result<Imported, AudioError> {
    let audio = Audio::import(file)?;
    // It could be read, so that its kind is one of three.
    let media_type = match file {
        [b'R', ..] => "audio/wav",
        [b'O', ..] => "audio/ogg",
        _ => "audio/mpeg",
    };
    Ok(Imported { wav: audio.to_wav(), length: audio.length(), media_type })
}
