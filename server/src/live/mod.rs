//! Live events for browsers and programs: Socket.IO at `/socket.io` and server-sent events at `/api/events`.
//!
//! Both are fed alike. The outbox's bus wakes the [`Hub`], which reads the followed company's events from the store in the order
//! of their `seq` and hands each to the streams that may see it ([`Envelope::visible_to`]). A [`Feed`](feed::Feed) is one client's stream: first
//! what it has missed, then what comes. As both are read from one ordered table, there is no gap and nothing twice between them,
//! and events that another node delivered are told as well.
//!
//! [`Envelope::visible_to`]: dialplane_core::event::Envelope::visible_to

mod board;
mod choice;
mod feed;
mod follow;
mod hub;
mod message;
mod socket_io;
mod sse;

pub(crate) use board::run as show_boards;
pub(crate) use follow::{close, run};
pub(crate) use hub::Hub;
pub(crate) use socket_io::{handshakes, sockets};
pub(crate) use sse::routes;
