//! Opus in Ogg (RFC 7845).

use std::io::{Cursor, ErrorKind};

use ogg::{OggReadError, PacketReader};
use ropus::{Channels, DecodeMode, Decoder};

use super::Mono;
use crate::media::audio::{AudioError, SAMPLE_RATE};

/// Samples of the longest packet, 120 ms.
const PACKET_MAX: usize = SAMPLE_RATE as usize * 120 / 1_000;
/// Positions in Ogg Opus count samples of 48 kHz, whatever is decoded to.
const POSITIONS_A_SAMPLE: u64 = 48_000 / SAMPLE_RATE as u64;

/// The identification header (§5.1), as far as it says how to decode.
struct Head {
    skip: u64,
    gain: i16,
}

fn head(packet: &[u8]) -> Result<Head, AudioError> {
    let (b"OpusHead", rest) = packet.split_first_chunk().ok_or(AudioError::Damaged)? else {
        return Err(AudioError::Damaged);
    };
    let &[version, _channels, s0, s1, _, _, _, _, g0, g1, mapping] = rest.first_chunk().ok_or(AudioError::Damaged)?;
    if version >> 4 != 0 {
        return Err(AudioError::Unsupported("Opus of another version"));
    }
    if mapping != 0 {
        return Err(AudioError::Unsupported("Opus with more than two channels"));
    }
    let skip = u64::from(u16::from_le_bytes([s0, s1])) / POSITIONS_A_SAMPLE;
    Ok(Head { skip, gain: i16::from_le_bytes([g0, g1]) })
}

/// Decodes the first stream of `file`.
pub(super) fn decode(file: &[u8]) -> Result<Mono, AudioError> {
    let mut reader = PacketReader::new(Cursor::new(file));
    let first = reader.read_packet().map_err(refused)?.ok_or(AudioError::Truncated)?;
    let (stream, head) = (first.stream_serial(), head(&first.data)?);
    // Whatever the stream's channels: Opus itself mixes them to the decoder's (RFC 6716 §2.1.2).
    let mut decoder = Decoder::new(SAMPLE_RATE, Channels::Mono).map_err(|_| AudioError::Damaged)?;
    decoder.set_gain(i32::from(head.gain)).map_err(|_| AudioError::Damaged)?;
    let mut mono = Mono::new(SAMPLE_RATE)?;
    let mut decoded = [0; PACKET_MAX];
    let mut tags = true;
    let mut end = None;
    while let Some(packet) = reader.read_packet().map_err(refused)? {
        if packet.stream_serial() != stream {
            continue;
        }
        // The second packet holds comments (§5.2).
        if std::mem::take(&mut tags) {
            continue;
        }
        // An empty packet would be taken for a lost one.
        if !packet.data.is_empty() {
            let count =
                decoder.decode(&packet.data, &mut decoded, DecodeMode::Normal).map_err(|_| AudioError::Damaged)?;
            mono.add(decoded.get(..count).unwrap_or_default(), 1)?;
        }
        if packet.last_in_stream() {
            end = Some(packet.absgp_page() / POSITIONS_A_SAMPLE);
            break;
        }
    }
    // A stream ends with a page that says so (RFC 3533 §6), and its position may lie before the end of the last packet (§4.4).
    let end = end.ok_or(AudioError::Truncated)?;
    mono.samples.truncate(usize::try_from(end).unwrap_or(usize::MAX));
    let skip = usize::try_from(head.skip).unwrap_or(usize::MAX).min(mono.samples.len());
    mono.samples.drain(..skip);
    Ok(mono)
}

fn refused(error: OggReadError) -> AudioError {
    match error {
        OggReadError::ReadError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::Truncated,
        _ => AudioError::Damaged,
    }
}
