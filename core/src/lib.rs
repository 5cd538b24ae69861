//! Dialplane's core: who may call whom with which number, and who gets the next call.
//!
//! Nothing in this crate does I/O, reads a clock or knows a database: rules are pure functions on values, commands run
//! them inside a unit of work of a [`store::Store`], and time and randomness are passed in.

#![forbid(unsafe_code)]

pub mod call;
pub mod clock;
pub mod command;
pub mod company;
pub mod engine;
pub mod error;
pub mod event;
pub mod id;
pub mod people;
pub mod phone;
pub mod pii;
pub mod queue;
pub mod scope;
pub mod store;

pub use engine::{Command, Context, Engine};
pub use error::{Error, Failure, Kind, Refusal};
pub use scope::{Actor, Permission, Scope};
