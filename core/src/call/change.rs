//! What happens to a call, as call control reports it.

use serde::{Deserialize, Serialize};

use super::{Hangup, LegKind};
use crate::id::{FlowId, QueueId, UserId};

/// Why an offer of a call to an agent came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFailure {
    /// It rang until the ring time was over.
    NoAnswer,
    /// The phone is busy.
    Busy,
    /// The agent declined.
    Declined,
    /// No phone could be reached.
    Unreachable,
    /// The caller hung up, or somebody else answered.
    Rescinded,
}

/// One step in the life of a call. `leg` numbers the legs of a call from 0, which is the leg of whoever placed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum Change {
    /// A leg was added: a phone or a carrier is being called, or called us.
    LegAdded {
        /// The leg.
        leg: u32,
        /// What carries it.
        kind: LegKind,
        /// Who is at its end: a number or a SIP user name.
        party: String,
        /// The agent at its end, when it is one.
        agent: Option<UserId>,
    },
    /// A flow talks with the caller: from its beginning, and again after a queue or somebody it called.
    InFlow {
        /// The flow.
        flow: FlowId,
        /// Its version.
        version: u32,
    },
    /// The flow noted something.
    Tagged {
        /// Words the call can be found by.
        tags: Vec<String>,
        /// Its outcome, when the flow says one.
        outcome: Option<String>,
    },
    /// The caller is to be called back by agents of a queue.
    CallbackRequested {
        /// The number.
        number: String,
        /// The queue.
        queue: QueueId,
        /// How long to wait before the first attempt, in seconds.
        #[serde(rename = "delaySeconds")]
        delay_seconds: u64,
        /// How often to try.
        attempts: u8,
        /// How long to wait between attempts, in seconds.
        #[serde(rename = "retrySeconds")]
        retry_seconds: u64,
    },
    /// The caller waits in a queue.
    Queued {
        /// The queue.
        queue: QueueId,
    },
    /// The caller left the queue without an agent of it, and goes elsewhere.
    Overflowed {
        /// The queue.
        queue: QueueId,
        /// Why, in the router's word, or `key` for a key that was pressed.
        reason: String,
        /// The kind of place where to, such as `queue` or `voicemail`.
        to: String,
    },
    /// The call is offered to an agent.
    Offered {
        /// The agent.
        agent: UserId,
    },
    /// An offer came to nothing.
    OfferFailed {
        /// The agent.
        agent: UserId,
        /// Why.
        reason: OfferFailure,
    },
    /// A phone rings.
    Ringing {
        /// The leg.
        leg: u32,
    },
    /// The caller hears the other side before an answer.
    EarlyMedia {
        /// The leg it comes from.
        leg: u32,
    },
    /// A leg was answered.
    Answered {
        /// The leg.
        leg: u32,
        /// The codec, such as `PCMU`.
        codec: Option<String>,
    },
    /// Two legs talk to each other.
    Bridged {
        /// One.
        a: u32,
        /// The other.
        b: u32,
    },
    /// A side put the other on hold.
    Held {
        /// The leg that holds.
        leg: u32,
    },
    /// The hold is over.
    Resumed {
        /// The leg that held.
        leg: u32,
    },
    /// A leg ended.
    LegEnded {
        /// The leg.
        leg: u32,
        /// The SIP status it ended with, when there was one.
        #[serde(rename = "sipStatus")]
        sip_status: Option<u16>,
    },
    /// The call is over.
    Ended {
        /// How.
        hangup: Hangup,
    },
}

impl Change {
    /// The event's name in the timeline.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LegAdded { .. } => "leg_added",
            Self::InFlow { .. } => "in_flow",
            Self::Tagged { .. } => "tagged",
            Self::CallbackRequested { .. } => "callback_requested",
            Self::Queued { .. } => "queued",
            Self::Overflowed { .. } => "overflowed",
            Self::Offered { .. } => "offered",
            Self::OfferFailed { .. } => "offer_failed",
            Self::Ringing { .. } => "ringing",
            Self::EarlyMedia { .. } => "early_media",
            Self::Answered { .. } => "answered",
            Self::Bridged { .. } => "bridged",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::LegEnded { .. } => "leg_ended",
            Self::Ended { .. } => "ended",
        }
    }
}
