//! Recording what parties say.
//!
//! The relay's worker places decoded audio in time, finds out whether somebody speaks and hands over half
//! seconds of samples to a thread of the recording's own, which writes the file. A disk that is slow for some seconds delays
//! nothing; one that is slower still costs the recording what it could not take, which is counted and told.

mod speech;
mod take;
mod tape;
mod timeline;

pub(crate) use take::{CallTake, Take};
pub(crate) use tape::{Ending, Tape};

use std::time::Duration;

/// The longest recording; well below what a WAV file can hold.
pub const MAX_RECORDING: Duration = Duration::from_secs(12 * 3_600);

/// How long a party is recorded, as voicemail does: silence at both ends is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Time after which it ends, silence before the first word included.
    pub max: Duration,
    /// What lasts shorter than this, without silence at its ends, is not kept: the file is left without audio.
    pub min: Duration,
    /// Ends the recording when nobody has spoken for so long, from its beginning on; `None` never does.
    pub silence_after: Option<Duration>,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEnd {
    /// Nobody spoke any more.
    Silence,
    /// It was as long as it may be.
    MaxLength,
    /// It was stopped, replaced by another one, or the voice or session is gone.
    Stopped,
    /// The file could not be written.
    Failed(std::io::ErrorKind),
}
