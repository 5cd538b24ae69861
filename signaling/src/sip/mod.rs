//! SIP: the wire format, and what stands on it.

pub mod wire;
