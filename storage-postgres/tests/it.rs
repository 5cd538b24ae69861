//! The tests of the PostgreSQL store, in one binary. They need a server: see `database`.

#![allow(unreachable_pub)]

#[path = "it/conformance.rs"]
mod conformance;
#[path = "it/database.rs"]
mod database;
#[path = "it/embedding.rs"]
mod embedding;
#[path = "it/failures.rs"]
mod failures;
#[path = "it/locking.rs"]
mod locking;
#[path = "it/opening.rs"]
mod opening;
#[path = "it/plans.rs"]
mod plans;
#[path = "it/rows.rs"]
mod rows;
#[path = "it/values.rs"]
mod values;
