//! SIP: messages, transactions, dialogs, registrations. Everything in here is without I/O; the sockets are in [`crate::net`].

pub mod flow;
pub mod registrar;
pub mod transaction;
