//! Calls end to end: the real server, real phones (baresip), a carrier, and phones that do what no phone would.

#![allow(clippy::print_stderr, reason = "traces explain a failed test")]

mod accounts;
mod allowance;
mod callbacks;
mod claims;
mod crash;
mod crowd;
mod explained;
mod figures;
mod flows;
mod hold;
mod hostile;
mod inbound;
mod live_sockets;
mod live_streams;
mod load;
mod media;
mod outbound;
mod privacy;
mod races;
mod registration;
mod ring_all;
mod shadows;
mod support;
mod sync;
mod transfers;
mod unanswered;
mod waiting;

/// The company's number in these tests.
const NUMBER: &str = "+12025550100";
/// A number in the world.
const CUSTOMER: &str = "+12025550177";
