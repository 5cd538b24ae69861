//! The SQLite store from outside.

mod caller_faults;
mod conformance;
mod crash;
mod host;
mod offers;
mod opening;
mod reading;
mod sharing;
mod work;
