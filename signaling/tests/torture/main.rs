//! The wire format against everyday messages, against messages that hurt, and against chance.

mod build;
mod conversion;
mod digest;
mod draft;
mod everyday;
mod framing;
mod ipv6;
mod mutation;
mod properties;
mod torture;
mod validation;
mod values;
