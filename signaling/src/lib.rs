//! Signalling and media of the contact centre: protocol machines without I/O, and the small shells that drive them.

pub mod call;
pub mod media;
