//! Placeholder front page.

pub mod sip;
