//! The flow engine of Dialplane: what a caller hears and which keys lead where.
//!
//! A [`Flow`] is a versioned JSON document. [`check::check`] tells everything that is wrong with one, at once. It is a leaf: it knows no domain, no
//! store, no clock.

#![forbid(unsafe_code)]
// What `clippy.toml` bans by method misses the plain loop over a hash map, whose order is as random.
#![warn(clippy::iter_over_hash_type)]

pub mod calendar;
pub mod check;
mod env;
pub mod expr;
pub mod flow;
pub mod machine;
mod program;
pub mod simulate;
pub mod suite;
pub mod template;

pub use calendar::Calendar;
pub use check::{Problem, Severity, Surroundings};
pub use env::CallInfo;
pub use flow::{DOCUMENT_VERSION, Flow, Node};
pub use machine::Machine;
pub use program::Program;
