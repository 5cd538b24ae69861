//! The SIP endpoint seen from outside: matching, routing, limits, a lossy network, real sockets.

mod cancel;
mod client;
mod edge;
mod hostile;
mod limits;
mod lossy;
mod server;
mod sockets;
mod support;
