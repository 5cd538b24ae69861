//! What a call tells the host.

use std::time::Duration;

#[cfg(doc)]
use super::Input;
use super::{HangupCause, LegId, Remote, SessionDescription, Side};

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
    /// Nobody answered an offer. Unless it was [`OfferFailure::Withdrawn`], or others ring, answer with [`Input::Ring`] or
    /// [`Input::NoRoute`].
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
    /// The other party hung up; the caller stays, and nobody is connected to it.
    PartyLeft {
        /// The leg that is gone.
        leg: LegId,
        /// Why.
        cause: HangupCause,
    },
    /// Somebody has answered who takes the place of a party, which is being hung up.
    Transferred {
        /// The leg that goes.
        leg: LegId,
    },
    /// A party that transfers the call is gone before anybody has taken its place. The other one waits.
    Released {
        /// The leg that is gone.
        leg: LegId,
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
