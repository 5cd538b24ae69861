//! The SQLite store from outside.

mod conformance;
mod crash;
mod host;
mod opening;
mod reading;
mod sharing;
mod work;
