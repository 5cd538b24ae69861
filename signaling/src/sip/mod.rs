//! SIP: the wire format, and what stands on it.

pub mod digest;
pub mod message;
pub mod nonce;
pub mod validate;
pub mod wire;
