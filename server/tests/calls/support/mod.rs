//! The peers: the server, real phones, a phone made for tests, and what sets them up and measures them.

pub(crate) mod audio;
pub(crate) mod company;
pub(crate) mod event_stream;
pub(crate) mod http;
pub(crate) mod message;
pub(crate) mod peer;
pub(crate) mod phone;
pub(crate) mod ports;
#[path = "../../shared/postgres.rs"]
pub(crate) mod postgres;
pub(crate) mod server;
pub(crate) mod shop;
pub(crate) mod sipp;
pub(crate) mod sockets;
pub(crate) mod wait;
