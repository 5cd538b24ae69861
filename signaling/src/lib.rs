//! Signalling and media of the contact centre: protocol machines without I/O, and the small shells that drive them.

#![forbid(unsafe_code)]

pub mod call;
pub mod edge;
pub mod media;
pub mod net;
pub mod sip;
