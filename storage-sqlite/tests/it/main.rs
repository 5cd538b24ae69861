//! The SQLite store from outside.

mod conformance;
