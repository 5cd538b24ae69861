//! Placeholder front page.

pub mod net;
pub mod sip;
