//! WAV: uncompressed audio and the logarithmic codings of telephony.
//!
//! Read here and not by a library, for the two at hand panic or know no A-law and mu-law.

use super::Mono;
use crate::media::audio::{AudioError, VoiceCodec};

/// Codings by the tag of the format chunk.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The tag is in the sub-format at the end of the chunk.
const EXTENSIBLE: u16 = 0xfffe;

/// How the samples are laid out.
struct Format {
    rate: u32,
    channels: usize,
    /// Bytes of a sample, and of the room it has.
    width: usize,
    room: usize,
    sample: fn(&[u8]) -> i16,
}

/// Decodes `file`, which begins with the twelve bytes of RIFF and WAVE.
pub(super) fn decode(file: &[u8]) -> Result<Mono, AudioError> {
    let mut rest = file.get(12..).ok_or(AudioError::Truncated)?;
    let mut format = None;
    loop {
        let (&[a, b, c, d, s0, s1, s2, s3], body) = rest.split_first_chunk().ok_or(AudioError::Truncated)?;
        let len = u32::from_le_bytes([s0, s1, s2, s3]);
        let whole = usize::try_from(len).ok().and_then(|len| body.get(..len));
        match &[a, b, c, d] {
            b"fmt " => format = Some(Format::parse(whole.ok_or(AudioError::Truncated)?)?),
            b"data" => {
                // A writer that could not go back leaves a size that says nothing: the rest of the file is meant.
                let unknown = len == 0 || len == u32::MAX;
                let data = if unknown { body } else { whole.ok_or(AudioError::Truncated)? };
                return format.ok_or(AudioError::Damaged)?.decode(data);
            }
            _ => {}
        }
        // Chunks begin at even places.
        let next = whole.ok_or(AudioError::Truncated)?.len().next_multiple_of(2);
        rest = body.get(next..).unwrap_or_default();
    }
}

impl Format {
    fn parse(chunk: &[u8]) -> Result<Self, AudioError> {
        let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, a0, a1, b0, b1] =
            chunk.first_chunk().ok_or(AudioError::Damaged)?;
        let mut tag = u16::from_le_bytes([t0, t1]);
        if tag == EXTENSIBLE {
            let [t0, t1] = chunk.get(24..).and_then(<[u8]>::first_chunk).ok_or(AudioError::Damaged)?;
            tag = u16::from_le_bytes([*t0, *t1]);
        }
        let (width, sample): (usize, fn(&[u8]) -> i16) = match (tag, u16::from_le_bytes([b0, b1])) {
            (PCM, 8) => (1, |bytes| bytes.first().map_or(0, |byte| (i16::from(*byte) - 128) << 8)),
            (PCM, 16) => (2, upper_bytes),
            (PCM, 24) => (3, upper_bytes),
            (PCM, 32) => (4, upper_bytes),
            (FLOAT, 32) => {
                (4, |bytes| bytes.first_chunk().map_or(0, |bytes| scaled(f64::from(f32::from_le_bytes(*bytes)))))
            }
            (FLOAT, 64) => (8, |bytes| bytes.first_chunk().map_or(0, |bytes| scaled(f64::from_le_bytes(*bytes)))),
            (A_LAW, 8) => (1, |bytes| companded(VoiceCodec::Pcma, bytes)),
            (MU_LAW, 8) => (1, |bytes| companded(VoiceCodec::Pcmu, bytes)),
            _ => return Err(AudioError::Unsupported("WAV of this coding")),
        };
        let channels = usize::from(u16::from_le_bytes([c0, c1]));
        let rate = u32::from_le_bytes([r0, r1, r2, r3]);
        let block = usize::from(u16::from_le_bytes([a0, a1]));
        // Samples of 24 bits may lie in the lower bytes of 32.
        let room = block.checked_div(channels).ok_or(AudioError::Damaged)?;
        if room < width { Err(AudioError::Damaged) } else { Ok(Self { rate, channels, width, room, sample }) }
    }

    fn decode(&self, data: &[u8]) -> Result<Mono, AudioError> {
        let mut mono = Mono::new(self.rate)?;
        let frames = data.chunks_exact(self.channels * self.room);
        mono.check(frames.len())?;
        mono.samples.extend(frames.map(|frame| {
            let samples =
                frame.chunks_exact(self.room).map(|room| (self.sample)(room.get(..self.width).unwrap_or(room)));
            (samples.map(i32::from).sum::<i32>() / self.channels as i32) as i16
        }));
        Ok(mono)
    }
}

/// The two highest bytes of a sample of any width.
fn upper_bytes(bytes: &[u8]) -> i16 {
    bytes.last_chunk().map_or(0, |bytes| i16::from_le_bytes(*bytes))
}

/// -1 to 1 as a sample; what is not a number is silent.
fn scaled(value: f64) -> i16 {
    (value * 32_768.0) as i16
}

fn companded(codec: VoiceCodec, bytes: &[u8]) -> i16 {
    bytes.first().map_or(0, |code| codec.expand(*code))
}
