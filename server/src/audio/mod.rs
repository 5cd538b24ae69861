//! Audio that is kept in files: recordings and voicemails of calls, prompts of flows.

mod files;
mod import;

use dialplane_signaling::media::audio::Clip;

pub(crate) use files::{AudioFiles, Draft, StoreFailed};
pub(crate) use import::{Imported, import};

/// A second takes so many bytes in all codecs together.
const BYTES_A_SECOND: u64 = 24_000;

/// What a clip takes of the memory, in bytes, for caches that are bounded by it.
pub(crate) fn weight(clip: &Clip) -> u32 {
    u32::try_from(clip.length().as_secs().saturating_add(1) * BYTES_A_SECOND).unwrap_or(u32::MAX)
}
