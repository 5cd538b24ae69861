//! The call: a back-to-back user agent as a machine without I/O.
//!
//! A call has two sides. Side A is who calls, or the agent of a call we originate; side B is who is called. Every party is a leg: one
//! INVITE of its own and, once answered, one dialog. Media is anchored in a relay session with a side for each.
//!
//! The host feeds [`Input`]s, drains [`Command`]s fully after each, and calls [`Call::handle_timeout`] at [`Call::poll_timeout`].
//! Commands speak of legs; turning them into SIP requests and responses is the dialog layer's work, and so are retransmissions,
//! acknowledgements, waiting with a CANCEL until a provisional response came (RFC 3261 §9.1), and answering requests on legs that are
//! gone.
//!
//! Whom to ring is not decided here: the host answers [`Command::Route`] and [`Command::OfferFailed`] with [`Input::Ring`] or
//! [`Input::NoRoute`].
//!
//! # Invariants (each guarded by `tests/call_machine.rs` over random histories)
//!
//! 1. Every leg that was begun is ended exactly once: rejected, cancelled, hung up by us, or gone by itself. A cancelled leg that
//!    answers nevertheless is hung up.
//! 2. Every [`Input::Ring`] is settled exactly once: answered, or [`Command::OfferFailed`]. Of several that ring at once the first to be
//!    answered wins; the others are cancelled and given back before anyone is connected.
//! 3. Media that was opened is closed exactly once; [`CallEvent::Ended`] comes exactly once, last of all events.
//! 4. At most one leg of side B is connected.

mod command;
mod end;
mod input;
mod machine;
mod reoffer;
mod setup;

use std::time::Duration;

pub use command::{CallEvent, Command, HangupSide, OfferFailure};
pub use dialplane_core::call::{HangupCause, ResultBucket};
pub use input::Input;
pub use machine::Call;

pub use crate::media::relay::{Remote, Side};
pub use crate::media::sdp::{LocalMedia, SessionDescription};

/// Names a leg within its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u32);

/// The leg of the caller of an incoming call.
pub const CALLER: LegId = LegId(0);

/// Limits of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long it may take until both parties are connected. [`Input::AnswerCaller`] ends this limit: how long an answered caller
    /// waits is the queue's business.
    pub setup: Duration,
    /// How long a call may last from its first answer on; `None` as long as it likes.
    pub max_duration: Option<Duration>,
}

impl Default for Settings {
    /// Three minutes to connect (timer C of RFC 3261 §16.6), no cap on talking.
    fn default() -> Self {
        Self { setup: Duration::from_secs(180), max_duration: None }
    }
}

/// Someone to ring: one agent with all their phones, or one number on a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer<T> {
    /// The host's name for this attempt, given back in commands and events.
    pub key: u64,
    /// Where to send INVITEs, all at once; the first to answer wins. At most [`MAX_CONTACTS`] are rung.
    pub contacts: Vec<T>,
    /// How long to ring.
    pub ring: Duration,
}

/// Phones of one agent that are rung at once at most.
pub const MAX_CONTACTS: usize = 16;

/// Offers of a call that ring at once at most.
pub const MAX_OFFERS: usize = dialplane_core::queue::router::RINGING_MAX;

/// An input that makes no sense; the call is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// The call has no such leg.
    #[error("the call has no leg {0:?}")]
    UnknownLeg(LegId),
    /// A call begins once.
    #[error("the call has begun already")]
    AlreadyBegun,
    /// A call has to begin first.
    #[error("the call has not begun")]
    NotBegun,
    /// Others are being rung, or nobody needs to be.
    #[error("nobody is to be rung now")]
    NotRouting,
    /// The leg is not of the kind the input is about.
    #[error("leg {0:?} cannot do this")]
    WrongLeg(LegId),
    /// Media was not asked for, or is there already.
    #[error("no media session was asked for")]
    MediaNotWanted,
}
