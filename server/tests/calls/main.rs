//! Calls end to end: the real server, real phones (baresip), a carrier, and phones that do what no phone would.

#![allow(clippy::print_stderr, reason = "traces explain a failed test")]

mod support;
