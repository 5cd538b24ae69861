//! Our own voice on a side of a session.
//!
//! - **Sending.** A frame leaves every 20 ms on a schedule of absolute times, so that lateness of one frame does not delay the next. Sequence
//!   numbers and timestamps are those of one stream over all that is played. When nothing is, silence is sent for a moment and then a
//!   frame a second, which keeps address translators and carriers from closing the path; the first frame after a pause has the marker
//!   bit (RFC 3551 §4.1).
//! - **Receiving.** Keys come as telephone events or as tones, see [`dtmf`](crate::media::dtmf).
//! - **Recording.** A party alone, as voicemail does, or both parties of a session, with or without a voice; see
//!   [`record`](crate::media::record).

mod attached;
mod call;
mod handle;
mod player;
mod schedule;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::media::audio::{Audio, Clip, Tone, VoiceCodec};
use crate::media::record::RecordEnd;

use super::{SessionId, Side};
pub(super) use attached::Voice;
pub(super) use call::{CallOrder, CallRecording};
pub(super) use work::{VoiceOrder, Voices};

/// How a party is spoken to and listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceConfig {
    /// What is sent, and what is understood besides the codecs with payload types of their own.
    pub codec: VoiceCodec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of the party's telephone events, of clock 8 kHz; `None` when it does not send them.
    pub event_payload_type: Option<u8>,
    /// Whether keys are looked for in the audio as well, until the party's first telephone event.
    pub inband: bool,
}

impl VoiceConfig {
    /// The codec of a packet the party sent; `None` when it is not audio we understand.
    pub fn codec_of(&self, payload_type: u8) -> Option<VoiceCodec> {
        let own = (self.payload_type == payload_type).then_some(self.codec);
        own.or_else(|| VoiceCodec::of_static_type(payload_type))
    }
}

/// What is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Audio made ready before.
    Clip(Arc<Clip>),
    /// A pause, rounded up to whole frames.
    Silence(Duration),
}

impl From<Arc<Clip>> for Segment {
    fn from(clip: Arc<Clip>) -> Self {
        Self::Clip(clip)
    }
}

impl From<&Tone> for Segment {
    /// Renders the tone. One that is played often is better kept as a [`Clip`].
    fn from(tone: &Tone) -> Self {
        Self::Clip(Arc::new(Clip::new(&Audio::from(tone))))
    }
}

/// How often the segments are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// This often.
    Times(u32),
    /// Until it is stopped.
    Forever,
}

impl Repeat {
    /// Played once.
    pub const ONCE: Self = Self::Times(1);
}

/// Something happened on a side that has a voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceEvent {
    /// The session.
    pub session: SessionId,
    /// The side the voice is attached to; `None` for a recording of the whole call.
    pub side: Option<Side>,
    /// What happened.
    pub kind: VoiceEventKind,
}

/// What happened to a voice or its party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoiceEventKind {
    /// The party pressed a key: one of [`KEYS`](crate::media::dtmf::KEYS).
    Digit(char),
    /// All was played to the end.
    Played {
        /// The token it was played with.
        token: u64,
    },
    /// Playing was cut short: stopped, replaced by something else to play, or the voice was detached.
    Stopped {
        /// The token it was played with.
        token: u64,
    },
    /// A recording has ended and its file is complete.
    Recorded {
        /// The token it was recorded with.
        token: u64,
        /// Why it ended.
        ended: RecordEnd,
        /// How long it is. Zero when nothing was kept.
        length: Duration,
        /// How much of it is silent because the disk was too slow to take it.
        lost: Duration,
    },
}

/// Where a voice tells what happens.
pub type VoiceListener = tokio::sync::mpsc::Sender<VoiceEvent>;

/// How evenly the voices of a relay were sent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VoiceStats {
    /// Frames sent.
    pub frames: u64,
    /// Frames that followed the one before, within one stretch of sound, by more than 30 ms.
    pub gaps: u64,
    /// The longest time between two such frames.
    pub longest: Duration,
}

impl VoiceStats {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            gaps: self.gaps + other.gaps,
            longest: self.longest.max(other.longest),
        }
    }
}

/// [`VoiceStats`] of one worker, which writes them.
#[derive(Debug, Default)]
pub(super) struct VoiceCounters {
    frames: AtomicU64,
    gaps: AtomicU64,
    longest_micros: AtomicU64,
}

/// Time between two frames that counts as a gap.
const GAP: Duration = Duration::from_millis(30);

impl VoiceCounters {
    /// A frame was sent, `since` the one before in the same stretch of sound.
    fn note(&self, since: Option<Duration>) {
        super::stats::add(&self.frames, 1);
        let Some(since) = since else { return };
        super::stats::add(&self.gaps, u64::from(since > GAP));
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.longest_micros.store(self.longest_micros.load(Relaxed).max(micros), Relaxed);
    }

    pub(super) fn read(&self) -> VoiceStats {
        VoiceStats {
            frames: self.frames.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            longest: Duration::from_micros(self.longest_micros.load(Relaxed)),
        }
    }
}
