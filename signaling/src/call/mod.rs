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
//! 2. Every [`Input::Ring`] is settled exactly once: answered, or [`Command::OfferFailed`].
//! 3. Media that was opened is closed exactly once; [`CallEvent::Ended`] comes exactly once, last of all events.
//! 4. At most one leg of side B is connected.

mod cause;
mod end;
mod machine;
mod reoffer;
mod setup;

use std::time::Duration;

pub use cause::{HangupCause, ResultBucket};
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

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<T> {
    /// An INVITE came; its leg is [`CALLER`]. Without a description the caller wants us to offer.
    Incoming {
        /// The caller's offer.
        offer: Option<SessionDescription>,
    },
    /// We are to connect two parties: ring `first` (side A), and once it has answered, `then` (side B).
    Originate {
        /// Usually the agent.
        first: Offer<T>,
        /// Usually the customer.
        then: Offer<T>,
    },
    /// The relay session is open at these addresses.
    MediaReady {
        /// Our address towards side A.
        a: LocalMedia,
        /// Our address towards side B.
        b: LocalMedia,
    },
    /// No relay session could be opened.
    MediaFailed,
    /// Ring these phones next.
    Ring(Offer<T>),
    /// Nobody is left to ring.
    NoRoute {
        /// Why the caller is turned away.
        cause: HangupCause,
    },
    /// Answer the caller now, before anyone else does: for an announcement or a queue.
    AnswerCaller,
    /// A provisional response came on a leg we invited.
    Provisional {
        /// The leg.
        leg: LegId,
        /// 101..=199.
        status: u16,
        /// Early media.
        sdp: Option<SessionDescription>,
    },
    /// A 2xx came on a leg we invited.
    Answered {
        /// The leg.
        leg: LegId,
        /// Its answer to our offer.
        sdp: Option<SessionDescription>,
    },
    /// A final response other than 2xx came on a leg we invited, or a connected leg broke (481, 408: its requests go unanswered).
    Failed {
        /// The leg.
        leg: LegId,
        /// 300..=699.
        status: u16,
    },
    /// The ACK of a leg we answered came.
    Acked {
        /// The leg.
        leg: LegId,
        /// The answer, if our response carried an offer.
        sdp: Option<SessionDescription>,
    },
    /// The caller's CANCEL came.
    Cancelled {
        /// The leg.
        leg: LegId,
    },
    /// A BYE came.
    HungUp {
        /// The leg.
        leg: LegId,
        /// The Q.850 number of its Reason header.
        q850: Option<u8>,
    },
    /// A re-INVITE or UPDATE came.
    Reoffer {
        /// The leg.
        leg: LegId,
        /// The new offer.
        sdp: Option<SessionDescription>,
    },
    /// Our re-INVITE was answered.
    ReofferAnswered {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: Option<SessionDescription>,
    },
    /// Our re-INVITE was refused.
    ReofferFailed {
        /// The leg.
        leg: LegId,
        /// 300..=699.
        status: u16,
    },
    /// A key was pressed and told by INFO.
    Digit {
        /// The leg.
        leg: LegId,
        /// `0`..=`9`, `*`, `#`, `A`..=`D`.
        digit: char,
    },
    /// End the call: the server stops, or an operator wants it.
    EndAll {
        /// Why.
        cause: HangupCause,
    },
}

/// What the host has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<T> {
    /// Open a relay session; answer with [`Input::MediaReady`] or [`Input::MediaFailed`].
    MediaOpen,
    /// Tell the relay where a side wants its media.
    MediaRemote {
        /// The side.
        side: Side,
        /// `None` while it wants none.
        remote: Option<Remote>,
    },
    /// Close the relay session, also one that is still being opened.
    MediaClose,
    /// Someone has to be rung; answer with [`Input::Ring`] or [`Input::NoRoute`].
    Route,
    /// Send an INVITE.
    Invite {
        /// The new leg.
        leg: LegId,
        /// To whom.
        target: T,
        /// Our offer.
        offer: SessionDescription,
    },
    /// Send the caller a provisional response.
    Progress {
        /// The leg.
        leg: LegId,
        /// 180..=199.
        status: u16,
        /// Early media.
        sdp: Option<SessionDescription>,
    },
    /// Answer the caller with 200.
    Answer {
        /// The leg.
        leg: LegId,
        /// Our answer, or our offer if the caller made none.
        sdp: SessionDescription,
    },
    /// Answer the caller with a final refusal.
    Reject {
        /// The leg.
        leg: LegId,
        /// 400..=699.
        status: u16,
        /// For the Reason header.
        cause: HangupCause,
    },
    /// Cancel an INVITE of ours.
    Cancel {
        /// The leg.
        leg: LegId,
        /// For the Reason header; with [`HangupCause::AnsweredElsewhere`] the phone shows no missed call (RFC 3326 §2).
        cause: HangupCause,
    },
    /// Hang up a connected leg.
    Bye {
        /// The leg.
        leg: LegId,
        /// For the Reason header.
        cause: HangupCause,
    },
    /// Send a re-INVITE; answer with [`Input::ReofferAnswered`] or [`Input::ReofferFailed`].
    Reinvite {
        /// The leg.
        leg: LegId,
        /// Our offer.
        sdp: SessionDescription,
    },
    /// Answer a re-INVITE with 200.
    AnswerReinvite {
        /// The leg.
        leg: LegId,
        /// Our answer, or our offer if the re-INVITE had none.
        sdp: SessionDescription,
    },
    /// Refuse a re-INVITE.
    RejectReinvite {
        /// The leg.
        leg: LegId,
        /// 400..=699.
        status: u16,
    },
    /// Pass a key on by INFO.
    SendDigit {
        /// The leg.
        leg: LegId,
        /// The key.
        digit: char,
    },
    /// Nobody answered an offer. Unless it was [`OfferFailure::Withdrawn`], answer with [`Input::Ring`] or [`Input::NoRoute`].
    OfferFailed {
        /// The host's name for the attempt.
        key: u64,
        /// Why.
        reason: OfferFailure,
        /// The final status behind it, if a phone sent one.
        status: Option<u16>,
    },
    /// Something worth telling happened.
    Emit(CallEvent),
}

/// Why an offer came to nothing. When several phones failed differently, the one furthest down this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfferFailure {
    /// No phone could be reached.
    Unreachable,
    /// Nobody answered in time.
    NoAnswer,
    /// Busy.
    Busy,
    /// Declined by a person.
    Declined,
    /// The call ended while it rang, or before: nobody's fault.
    Withdrawn,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HangupSide {
    /// The party on side A.
    A,
    /// The party on side B.
    B,
    /// We did: a timer, no route, the server stopping.
    System,
}

/// What a call tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// The call began.
    Created {
        /// Whether we originated it.
        originated: bool,
    },
    /// Phones are being rung.
    Offered {
        /// The host's name for the attempt.
        key: u64,
        /// The legs.
        legs: Vec<LegId>,
    },
    /// A phone rings.
    Ringing {
        /// The leg.
        leg: LegId,
        /// The host's name for the attempt.
        key: u64,
    },
    /// A party sends media before it answers.
    EarlyMedia {
        /// The leg.
        leg: LegId,
    },
    /// An offer came to nothing.
    OfferFailed {
        /// The host's name for the attempt.
        key: u64,
        /// Why.
        reason: OfferFailure,
    },
    /// A party answered; without a key it is the caller being answered by us.
    Answered {
        /// The leg.
        leg: LegId,
        /// The host's name for the attempt.
        key: Option<u64>,
    },
    /// Both parties hear each other.
    Bridged {
        /// The leg of side A.
        a: LegId,
        /// The leg of side B.
        b: LegId,
    },
    /// A party put the other one on hold.
    Held {
        /// The leg that holds.
        leg: LegId,
    },
    /// A party took the other one back.
    Resumed {
        /// The leg that held.
        leg: LegId,
    },
    /// A party pressed a key.
    Digit {
        /// The leg.
        leg: LegId,
        /// The key.
        digit: char,
    },
    /// Someone ended the call.
    HungUp {
        /// Who.
        side: HangupSide,
        /// Why.
        cause: HangupCause,
        /// The SIP status behind it, if there was one.
        status: Option<u16>,
    },
    /// The call is over.
    Ended {
        /// Why.
        cause: HangupCause,
        /// How long both parties were connected; `None` if they never were.
        talked: Option<Duration>,
    },
}

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
