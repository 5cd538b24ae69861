//! Audio in the form it is played.

use std::time::Duration;

use super::codec::{FRAME, FRAME_BYTES, VoiceCodec};
use super::{Audio, SAMPLE_RATE, resample};

/// Audio encoded once for every codec, cut into frames of 20 ms. Share it by `Arc`: a minute takes 1.4 MB.
///
/// G.722 remembers what came before, so the first milliseconds of a clip after another one are heard by a decoder that is still adapted
/// to the former. It adapts within a few of them, which nobody hears.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    /// In the order of [`VoiceCodec::ALL`]; whole frames, the last one filled up with silence.
    encoded: [Box<[u8]>; 3],
    length: Duration,
}

impl Clip {
    /// Encodes `audio`. Takes some milliseconds for a second of audio: not for a thread that serves others.
    pub fn new(audio: &Audio) -> Self {
        let frames = audio.samples.len().div_ceil(SAMPLE_RATE as usize / 50);
        let at = |rate: u32| {
            let mut samples = resample::resample(&audio.samples, SAMPLE_RATE, rate);
            samples.resize(frames * rate as usize / 50, 0);
            samples
        };
        let (narrow, wide) = (at(SAMPLE_RATE / 2), at(SAMPLE_RATE));
        let encoded = VoiceCodec::ALL.map(|codec| {
            let samples = if codec.sample_rate() == SAMPLE_RATE { &wide } else { &narrow };
            codec.encode(samples).into_boxed_slice()
        });
        Self { encoded, length: audio.length() }
    }

    /// How long the audio lasts, without the silence that fills the last frame.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// How long it takes to play: whole frames.
    pub fn play_time(&self) -> Duration {
        let frames = self.encoded.first().map_or(0, |bytes| bytes.len() / FRAME_BYTES);
        FRAME * u32::try_from(frames).unwrap_or(u32::MAX)
    }

    /// Frame `n` for `codec`; `None` past the end.
    pub fn frame(&self, codec: VoiceCodec, n: usize) -> Option<&[u8; FRAME_BYTES]> {
        let [pcmu, pcma, g722] = &self.encoded;
        let bytes = match codec {
            VoiceCodec::Pcmu => pcmu,
            VoiceCodec::Pcma => pcma,
            VoiceCodec::G722 => g722,
        };
        bytes.get(n.checked_mul(FRAME_BYTES)?..)?.first_chunk()
    }
}

impl From<&Audio> for Clip {
    fn from(audio: &Audio) -> Self {
        Self::new(audio)
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clip").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::Tone;

    #[test]
    fn frames_hold_the_audio_in_every_codec_and_nothing_else() {
        let tone = Tone { length: Duration::from_millis(505), ..Tone::beep() };
        let audio = Audio::from(&tone);
        let clip = Clip::new(&audio);
        assert_eq!((clip.length(), clip.play_time()), (Duration::from_millis(505), Duration::from_millis(520)));
        for codec in VoiceCodec::ALL {
            let mut coded = Vec::new();
            let mut n = 0;
            while let Some(frame) = clip.frame(codec, n) {
                coded.extend(frame);
                n += 1;
            }
            assert_eq!(n, 26);
            let heard = codec.decode(&coded);
            let loud =
                heard.chunks(codec.sample_rate() as usize / 1_000).filter(|ms| ms.iter().any(|s| *s > 3_000)).count();
            let seconds = loud as f64 / 1_000.0;
            assert!((0.49..0.51).contains(&seconds), "{codec:?}: {seconds}");
        }
    }

    #[test]
    fn an_empty_clip_has_no_frame() {
        let clip = Clip::new(&Audio::default());
        assert_eq!((clip.frame(VoiceCodec::Pcmu, 0), clip.play_time()), (None, Duration::ZERO));
        assert_eq!(clip.frame(VoiceCodec::G722, usize::MAX), None);
    }
}
