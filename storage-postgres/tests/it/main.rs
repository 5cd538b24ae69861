//! The tests of the PostgreSQL store, in one binary. They need a server: see `database`.

#![allow(unreachable_pub)]

mod caller_faults;
mod conformance;
mod database;
mod embedding;
mod failures;
mod locking;
mod offers;
mod opening;
mod plans;
mod rows;
mod values;
