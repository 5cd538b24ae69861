//! The tests of the PostgreSQL store, in one binary. They need a server: see `database`.

#[path = "it/conformance.rs"]
mod conformance;
#[path = "it/database.rs"]
mod database;
