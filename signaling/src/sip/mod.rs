//! SIP: the wire format, and what stands on it. Everything in here is without I/O; the sockets are in [`crate::net`].

pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod flow;
pub mod message;
pub mod nonce;
pub mod registrar;
pub mod registration;
pub mod transaction;
pub mod validate;
pub mod wire;
