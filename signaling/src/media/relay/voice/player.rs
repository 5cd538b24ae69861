//! What is being played to a party, frame by frame.

use std::time::Duration;

use crate::media::audio::{FRAME, FRAME_BYTES, VoiceCodec};

use super::{Repeat, Segment};

/// Segments on their way, told by their token.
#[derive(Debug)]
pub(super) struct Playlist {
    pub(super) token: u64,
    segments: Vec<Segment>,
    /// The segment played next, and the frame of it.
    at: (usize, usize),
    /// Times left, the present one included; `None` for ever.
    left: Option<u32>,
    /// Whether the present time through has had a frame: one without any would go round for ever.
    sounded: bool,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due<'a> {
    Audio(&'a [u8; FRAME_BYTES]),
    Silence,
    /// All was played.
    End,
}

impl Playlist {
    pub(super) fn new(token: u64, segments: Vec<Segment>, repeat: Repeat) -> Self {
        let left = match repeat {
            Repeat::Times(times) => Some(times),
            Repeat::Forever => None,
        };
        Self { token, segments, at: (0, 0), left, sounded: false }
    }

    /// The next frame for `codec`.
    pub(super) fn next(&mut self, codec: VoiceCodec) -> Due<'_> {
        if self.left == Some(0) {
            return Due::End;
        }
        // At most to the end and once more from the beginning.
        for _ in 0..=2 * self.segments.len() {
            let (segment, frame) = self.at;
            match self.segments.get(segment) {
                Some(Segment::Clip(clip)) if clip.frame(codec, frame).is_some() => break,
                Some(Segment::Silence(length)) if frame < frames(*length) => break,
                Some(_) => self.at = (segment + 1, 0),
                None => {
                    self.at = (0, 0);
                    self.left = self.left.map(|times| times - 1);
                    if !std::mem::take(&mut self.sounded) || self.left == Some(0) {
                        self.left = Some(0);
                        return Due::End;
                    }
                }
            }
        }
        self.sounded = true;
        let (segment, frame) = self.at;
        self.at.1 += 1;
        match self.segments.get(segment) {
            Some(Segment::Clip(clip)) => clip.frame(codec, frame).map_or(Due::End, Due::Audio),
            Some(Segment::Silence(_)) => Due::Silence,
            None => Due::End,
        }
    }
}

fn frames(length: Duration) -> usize {
    usize::try_from(length.as_micros().div_ceil(FRAME.as_micros())).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::audio::{Audio, Clip};

    fn clip(milliseconds: usize) -> Segment {
        let samples = vec![8_000; 16 * milliseconds];
        Segment::Clip(Arc::new(Clip::new(&Audio::from_samples(&samples, 16_000).unwrap())))
    }

    /// One letter for each frame: `a`udio, `s`ilence; `...` when it does not end.
    fn played(segments: Vec<Segment>, repeat: Repeat) -> String {
        let mut list = Playlist::new(1, segments, repeat);
        let mut text = String::new();
        while text.len() < 40 {
            match list.next(VoiceCodec::Pcmu) {
                Due::Audio(_) => text.push('a'),
                Due::Silence => text.push('s'),
                Due::End => {
                    assert_eq!(list.next(VoiceCodec::Pcmu), Due::End, "an end stays the end");
                    return text;
                }
            }
        }
        text + "..."
    }

    #[test]
    fn segments_follow_each_other_without_a_gap() {
        let pause = Segment::Silence(Duration::from_millis(41));
        assert_eq!(played(vec![clip(50), pause, clip(20)], Repeat::ONCE), "aaasssa");
    }

    #[test]
    fn repeats_are_counted() {
        let once = || vec![clip(20), Segment::Silence(FRAME)];
        assert_eq!(played(once(), Repeat::Times(3)), "asasas");
        assert_eq!(played(once(), Repeat::Times(0)), "");
        assert_eq!(played(once(), Repeat::Forever), "as".repeat(20) + "...");
    }

    #[test]
    fn segments_without_a_frame_end_at_once_even_for_ever() {
        for repeat in [Repeat::ONCE, Repeat::Forever] {
            assert_eq!(played(vec![], repeat), "");
            assert_eq!(played(vec![clip(0), Segment::Silence(Duration::ZERO)], repeat), "");
        }
        assert_eq!(played(vec![clip(0), clip(20), clip(0)], Repeat::Times(2)), "aa");
        assert_eq!(played(vec![Segment::Silence(Duration::MAX)], Repeat::ONCE), "s".repeat(40) + "...");
    }
}
