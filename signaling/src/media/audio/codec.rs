//! The codecs our own voice speaks and understands.

use std::time::Duration;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder, Encoder};

/// How much audio a packet of ours carries.
pub const FRAME: Duration = Duration::from_millis(20);

/// Bytes of a [`FRAME`]: all three codecs have 64 kbit/s.
pub const FRAME_BYTES: usize = 160;

/// RTP clock ticks of a [`FRAME`]. The clock of G.722 is 8 kHz as well, though it samples at 16 kHz (RFC 3551 §4.5.2).
pub const FRAME_TICKS: u32 = 160;

/// A codec our own voice speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoiceCodec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s, wide band.
    G722,
}

impl VoiceCodec {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pcmu, Self::Pcma, Self::G722];

    /// Samples a second.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
        }
    }

    /// The payload type RFC 3551 §6 gives it.
    pub const fn static_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
        }
    }

    /// The codec that has `payload_type` by RFC 3551 §6.
    pub fn of_static_type(payload_type: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.static_type() == payload_type)
    }

    /// Encodes `samples` of [`VoiceCodec::sample_rate`].
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Pcmu => PcmuEncoder::new().encode(samples),
            Self::Pcma => PcmaEncoder::new().encode(samples),
            Self::G722 => G722Encoder::new().encode(samples),
        }
    }

    /// Decodes one stretch of audio to samples of [`VoiceCodec::sample_rate`].
    pub fn decode(self, payload: &[u8]) -> Vec<i16> {
        match self {
            Self::Pcmu => PcmuDecoder::new().decode(payload),
            Self::Pcma => PcmaDecoder::new().decode(payload),
            Self::G722 => G722Decoder::new().decode(payload),
        }
    }

    /// One byte of G.711 as a sample; silence for G.722, which has no sample in a byte.
    pub(crate) fn expand(self, code: u8) -> i16 {
        let mut sample = [0];
        let _ = match self {
            Self::Pcmu => PcmuDecoder::new().decode_into(&[code], &mut sample),
            Self::Pcma => PcmaDecoder::new().decode_into(&[code], &mut sample),
            Self::G722 => Ok(0),
        };
        let [sample] = sample;
        sample
    }

    /// A frame of silence.
    pub(crate) fn silence(self) -> [u8; FRAME_BYTES] {
        let mut frame = [0xff; FRAME_BYTES];
        let samples = vec![0; self.sample_rate() as usize / 50];
        frame.iter_mut().zip(self.encode(&samples)).for_each(|(place, byte)| *place = byte);
        frame
    }
}

/// Payloads of one party one after another, without allocation. G.722 remembers what came before.
pub(crate) struct VoiceDecoder {
    g722: Box<G722Decoder>,
    samples: Box<[i16; MAX_SAMPLES]>,
}

/// Samples of the longest payload decoded: 60 ms of G.722. The rest of a longer one is cut off.
const MAX_SAMPLES: usize = 960;

impl VoiceDecoder {
    pub(crate) fn new() -> Self {
        Self { g722: Box::default(), samples: Box::new([0; MAX_SAMPLES]) }
    }

    /// The samples of a payload of `codec`, at its own rate.
    pub(crate) fn decode(&mut self, codec: VoiceCodec, payload: &[u8]) -> &[i16] {
        let per_byte = codec.sample_rate() as usize / 8_000;
        let payload = payload.get(..MAX_SAMPLES / per_byte).unwrap_or(payload);
        let out = self.samples.as_mut_slice();
        let decoded = match codec {
            VoiceCodec::Pcmu => PcmuDecoder::new().decode_into(payload, out),
            VoiceCodec::Pcma => PcmaDecoder::new().decode_into(payload, out),
            VoiceCodec::G722 => self.g722.decode_into(payload, out),
        };
        decoded.ok().and_then(|count| self.samples.get(..count)).unwrap_or_default()
    }
}

impl std::fmt::Debug for VoiceDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceDecoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_heard_as_silence() {
        for codec in VoiceCodec::ALL {
            let loudest = codec.decode(&codec.silence()).into_iter().map(i16::unsigned_abs).max().unwrap();
            assert!(loudest <= 8, "{codec:?}: {loudest}");
        }
    }

    #[test]
    fn companding_follows_the_tables_of_g711() {
        // Pairs of G.711 tables 1a and 2a: the largest values, the decision around zero, and one of each segment.
        let mu_law = [(0, 0xff), (32_124, 0x80), (-32_124, 0x00), (8_316, 0x9f), (988, 0xce), (-988, 0x4e)];
        let a_law = [(8, 0xd5), (-24, 0x54), (32_256, 0xaa), (-32_256, 0x2a), (8_064, 0x8a), (1_008, 0xfa)];
        for (codec, pairs) in [(VoiceCodec::Pcmu, mu_law), (VoiceCodec::Pcma, a_law)] {
            for (sample, code) in pairs {
                assert_eq!(codec.encode(&[sample]), [code], "{codec:?} of {sample}");
                assert_eq!(codec.decode(&[code]), [sample], "{codec:?} of {code:#x}");
            }
            for code in 0..=255 {
                let [sample] = codec.decode(&[code])[..] else { panic!("one sample a byte") };
                let [again] = codec.decode(&codec.encode(&[sample]))[..] else { panic!("one sample a byte") };
                assert!(again.abs_diff(sample) <= 16, "{codec:?} of {code:#x}: {sample} became {again}");
            }
        }
    }

    #[test]
    fn a_payload_of_any_length_is_decoded_as_far_as_there_is_room() {
        let mut decoder = VoiceDecoder::new();
        for codec in VoiceCodec::ALL {
            for len in [0, 1, 159, 160, 480, 1_500] {
                let per_byte = codec.sample_rate() as usize / 8_000;
                assert_eq!(decoder.decode(codec, &vec![0x55; len]).len(), (len * per_byte).min(MAX_SAMPLES));
            }
        }
    }
}
