//! What the host tells a call.

#[cfg(doc)]
use super::{CALLER, Call, CallEvent, OfferFailure};
use super::{HangupCause, LegId, LocalMedia, Offer, SessionDescription};

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
        /// Usually the customer. Without it the host is asked whom to ring, as for a caller we have answered.
        then: Option<Offer<T>>,
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
    /// Ring these phones next, or besides those that are being rung for a caller.
    Ring(Offer<T>),
    /// Ring these phones; whoever answers takes the place of a connected party, which is hung up then. When nobody does, the parties go
    /// on as they were. When it hangs up before, the other party waits for the answer.
    Transfer {
        /// The party that goes.
        leg: LegId,
        /// Who is to come.
        offer: Offer<T>,
    },
    /// Hang up a connected party; the other one waits for an [`Input::Ring`] or [`Input::NoRoute`].
    Release {
        /// The party that goes.
        leg: LegId,
    },
    /// Nobody is left to ring.
    NoRoute {
        /// Why the caller is turned away.
        cause: HangupCause,
    },
    /// Answer the caller now, before anyone else does: for an announcement or a queue. One whom we have called has answered already.
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
    /// A final response other than 2xx came on a leg we invited, or a connected leg broke (481 or 408 to a request of ours, or no ACK to
    /// our answer, after which the dialog layer sends the BYE that RFC 3261 §13.3.1.4 asks for).
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
    /// A re-INVITE, or an UPDATE with a description, came. An UPDATE without one only refreshes the session; the dialog layer answers it.
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
    /// Whether the caller, once answered, stays when the other party has hung up: for a flow that goes on afterwards. The host then
    /// hears [`CallEvent::PartyLeft`] and says what comes next.
    KeepCaller(bool),
    /// Stop ringing: the caller no longer waits for anyone. The offer comes back as [`OfferFailure::Withdrawn`].
    Withdraw,
    /// Stop ringing one offer: whoever rings there is not to have the call. The offer comes back as [`OfferFailure::Unreachable`].
    Revoke {
        /// The key of the offer.
        key: u64,
    },
    /// End the call: the server stops, or an operator wants it.
    EndAll {
        /// Why.
        cause: HangupCause,
    },
}
