//! What happens to a call, as call control reports it.

use serde::{Deserialize, Serialize};

use super::{Hangup, LegKind};
use crate::id::{FlowId, QueueId, UserId};
use crate::queue::{Decision, SkillNeed, Stood};

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
    /// The agent could not be claimed: another process has them in hand, or the store did not say. Nothing rang.
    Unclaimed,
}

/// Whom a call was transferred to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum TransferTarget {
    /// An agent.
    Agent {
        /// Who.
        agent: UserId,
    },
    /// A queue, where the caller waits.
    Queue {
        /// Which.
        queue: QueueId,
    },
    /// A number outside.
    Number {
        /// Which.
        number: String,
    },
}

/// Why a caller waits in a queue no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeaveReason {
    /// The caller hung up.
    Abandoned,
    /// They waited as long as the queue allows.
    TimedOut,
    /// No member was there.
    NoAgents,
    /// As many callers waited as the queue allows.
    Full,
    /// The queue was closed.
    Closed,
    /// The queue was removed.
    NoQueue,
    /// The next step of the queue's overflow chain was due.
    SentOn,
    /// They pressed the key for it.
    Key,
    /// The caller's flow had something else in mind.
    Flow,
    /// The system ended the call.
    Ended,
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
        /// One more than the callers who waited there already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u32>,
        /// Its priority there, -100 to 100.
        #[serde(default, skip_serializing_if = "is_zero")]
        priority: i8,
        /// What it needs in an agent besides what the queue needs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        needs: Vec<SkillNeed>,
    },
    /// The caller waits in the queue no more, and no agent of it has the call.
    LeftQueue {
        /// The queue.
        queue: QueueId,
        /// Why.
        reason: LeaveReason,
        /// The place in the queue at that time, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u32>,
        /// The key that the caller pressed, where that was why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<char>,
        /// How the members stood, where the call was never offered to anybody there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stood: Option<Box<Stood>>,
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
        /// Why to them, where the queue's router chose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Box<Decision>>,
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
    /// A party has handed its place in the call to somebody else.
    Transferred {
        /// The leg that did, and leaves.
        leg: u32,
        /// The agent at its end.
        agent: Option<UserId>,
        /// Who takes the place.
        to: TransferTarget,
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

const fn is_zero(number: &i8) -> bool {
    *number == 0
}

impl Change {
    /// A caller comes into a queue without a priority or needs of their own.
    #[must_use]
    pub const fn queued(queue: QueueId, position: Option<u32>) -> Self {
        Self::Queued { queue, position, priority: 0, needs: Vec::new() }
    }

    /// The event's name in the timeline.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LegAdded { .. } => "leg_added",
            Self::InFlow { .. } => "in_flow",
            Self::Tagged { .. } => "tagged",
            Self::CallbackRequested { .. } => "callback_requested",
            Self::Queued { .. } => "queued",
            Self::LeftQueue { .. } => "left_queue",
            Self::Overflowed { .. } => "overflowed",
            Self::Offered { .. } => "offered",
            Self::OfferFailed { .. } => "offer_failed",
            Self::Ringing { .. } => "ringing",
            Self::EarlyMedia { .. } => "early_media",
            Self::Answered { .. } => "answered",
            Self::Bridged { .. } => "bridged",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::Transferred { .. } => "transferred",
            Self::LegEnded { .. } => "leg_ended",
            Self::Ended { .. } => "ended",
        }
    }
}
