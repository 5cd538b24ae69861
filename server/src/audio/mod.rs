//! Audio that is kept in files: recordings and voicemails of calls, prompts of flows.

mod files;
mod import;

pub(crate) use files::{AudioFiles, Draft, StoreFailed};
pub(crate) use import::{Imported, import};
