//! MP3, decoded by `symphonia`.

use std::io::{Cursor, ErrorKind};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::default::codecs::MpaDecoder;
use symphonia::default::formats::MpaReader;

use super::Mono;
use crate::media::audio::AudioError;

/// One packet of so many may be damaged; a file with more of them is not worth keeping.
const DAMAGED_SHARE: u64 = 20;

/// Samples of a frame, at most.
const FRAME_MAX: u64 = 1_152;

/// Decodes `file`, which begins with a frame.
pub(super) fn decode(file: &[u8]) -> Result<Mono, AudioError> {
    // Read without seeking: otherwise a length that the file does not tell is guessed.
    let source = MediaSourceStream::new(Box::new(ReadOnlySource::new(Cursor::new(file))), Default::default());
    let mut reader = match MpaReader::try_new(source, FormatOptions::default()) {
        // Bytes that merely look like the beginning of a frame.
        Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Err(AudioError::NotAudio),
        read => read.map_err(refused)?,
    };
    let track = reader.default_track(TrackType::Audio).ok_or(AudioError::NotAudio)?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(AudioError::NotAudio)?;
    let (claimed, rate) = (track.num_frames, parameters.sample_rate.unwrap_or(0));
    let mut decoder = MpaDecoder::try_new(parameters, &AudioDecoderOptions::default()).map_err(refused)?;
    let mut mono = Mono::new(rate)?;
    let (mut interleaved, mut packets, mut damaged) = (Vec::<i16>::new(), 0u64, 0u64);
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(refused(error)),
        };
        packets += 1;
        match decoder.decode(&packet) {
            Ok(audio) => {
                if audio.spec().rate() != rate {
                    return Err(AudioError::Unsupported("MP3 whose sample rate changes"));
                }
                audio.copy_to_vec_interleaved(&mut interleaved);
                mono.add(&interleaved, audio.num_planes())?;
            }
            Err(Error::DecodeError(_)) => damaged += 1,
            Err(error) => return Err(refused(error)),
        }
    }
    if damaged * DAMAGED_SHARE > packets {
        return Err(AudioError::Damaged);
    }
    // Damaged frames apart, and one that encoders count differently, all that the file claims to hold must be there.
    let there = mono.samples.len() as u64 + (damaged + 1) * FRAME_MAX;
    if claimed.is_some_and(|claimed| there < claimed) { Err(AudioError::Truncated) } else { Ok(mono) }
}

fn refused(error: Error) -> AudioError {
    match error {
        Error::Unsupported(_) => AudioError::Unsupported("MPEG audio of another layer"),
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => AudioError::Truncated,
        _ => AudioError::Damaged,
    }
}
