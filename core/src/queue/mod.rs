//! Queues of waiting calls, and the router that offers them to agents.

mod config;
pub mod router;

pub use config::{MEMBERS_MAX, Member, Queue, QueueRefused, QueueSettings, Strategy};
