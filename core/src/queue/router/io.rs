//! What goes into a router and what comes out.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::explain::Candidate;
use super::stand::Stands;
use crate::call::OfferFailure;
use crate::id::{CallId, QueueId, UserId};
use crate::people::Availability;
use crate::queue::{AgentSettings, QueueSettings, SkillNeed, Strategy};

/// What the router is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A queue is new or has changed.
    QueueConfigured {
        /// Which.
        queue: QueueId,
        /// Its settings.
        settings: QueueSettings,
        /// Their version, named by explanations.
        version: u32,
    },
    /// A queue is gone; its callers overflow.
    QueueRemoved {
        /// Which.
        queue: QueueId,
    },
    /// What is set about an agent.
    AgentConfigured {
        /// Who.
        agent: UserId,
        /// What.
        settings: AgentSettings,
    },
    /// What an agent chose.
    AgentChose {
        /// Who.
        agent: UserId,
        /// What.
        availability: Availability,
    },
    /// Whether a phone of the agent can be reached.
    AgentReachable {
        /// Who.
        agent: UserId,
        /// Whether.
        reachable: bool,
    },
    /// The agent began a call that the router did not offer.
    AgentEngaged {
        /// Who.
        agent: UserId,
    },
    /// The agent ended a call that the router did not offer.
    AgentReleased {
        /// Who.
        agent: UserId,
    },
    /// The agent is done with the wrap-up before its time, or wants so much more of it.
    WrapUpChanged {
        /// Who.
        agent: UserId,
        /// From now on; zero ends it.
        left: Duration,
    },
    /// A day begins: what agents did the day before counts no more.
    DayBegan,
    /// What an agent did today: counts instead of what the router has counted.
    AgentWorked {
        /// Who.
        agent: UserId,
        /// Calls they took.
        calls: u32,
        /// How long they talked.
        talked: Duration,
    },
    /// A call waits.
    CallQueued(Arrival),
    /// A waiting or offered call is gone: its caller hung up.
    CallGone {
        /// Which.
        call: CallId,
    },
    /// An agent answered an offer.
    OfferAccepted {
        /// Which call.
        call: CallId,
        /// Who.
        agent: UserId,
    },
    /// An offer came to nothing; the caller still waits.
    OfferFailed {
        /// Which call.
        call: CallId,
        /// Who.
        agent: UserId,
        /// Why.
        reason: OfferFailure,
    },
    /// A call that an agent had accepted ended, at least for the agent.
    CallEnded {
        /// Which.
        call: CallId,
    },
}

/// A call that comes into a queue.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Which.
    pub call: CallId,
    /// Where.
    pub queue: QueueId,
    /// Since when it waits, where that is not now: it keeps the place of a call that was cut off, or of a callback.
    pub since: Option<Instant>,
    /// Higher goes first: -100 to 100.
    pub priority: i8,
    /// What it needs besides the queue.
    pub skills: Vec<SkillNeed>,
    /// Whom it should go to, and how long to wait for them.
    pub wish: Option<(UserId, Duration)>,
    /// When it leaves for where the overflow chain leads, unless it rings.
    pub overflow_at: Option<Instant>,
    /// Whether somebody is on the line: the length of a queue is limited for those, and not for who waits to be called back.
    pub on_line: bool,
}

impl Arrival {
    /// A call without wishes.
    #[must_use]
    pub const fn new(call: CallId, queue: QueueId) -> Self {
        Self { call, queue, since: None, priority: 0, skills: Vec::new(), wish: None, overflow_at: None, on_line: true }
    }
}

/// What the router wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Ring the agent's phones for the call.
    Offer {
        /// Which call.
        call: CallId,
        /// From which queue.
        queue: QueueId,
        /// Whom.
        agent: UserId,
        /// How long to ring.
        ring: Duration,
        /// Why this agent and this call.
        why: Why,
        /// How the members of the queue stood to the call at that moment, where the router [explains](super::Router::explaining) and
        /// there are not too many of them.
        stands: Option<Stands>,
    },
    /// Ring the agent no more: somebody else has the call.
    Rescind {
        /// Which call.
        call: CallId,
        /// Whom.
        agent: UserId,
    },
    /// The call leaves the queue without an agent.
    Overflow {
        /// Which call.
        call: CallId,
        /// Why.
        reason: OverflowReason,
        /// How the members of the queue stood to a call that was offered to nobody, as with [`Command::Offer`].
        candidates: Vec<Candidate>,
    },
    /// The agent is on a break from now on.
    Pause {
        /// Who.
        agent: UserId,
        /// Why.
        reason: PauseReason,
    },
}

/// Why a call leaves its queue without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverflowReason {
    /// It waited as long as the queue allows.
    MaxWait,
    /// There is no such queue (any more).
    NoQueue,
    /// As many calls wait as the queue allows.
    Full,
    /// No member is there.
    NoAgents,
    /// The time of the next step of its overflow chain has come.
    Chain,
    /// The queue is closed. The router does not know the time of day: whoever leads calls to it says so.
    Closed,
}

impl OverflowReason {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxWait => "max_wait",
            Self::NoQueue => "no_queue",
            Self::Full => "full",
            Self::NoAgents => "no_agents",
            Self::Chain => "chain",
            Self::Closed => "closed",
        }
    }
}

/// Why the router puts an agent on a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PauseReason {
    /// One call was asked for and has been had.
    Served,
    /// As many offers in a row went unanswered as are allowed.
    Missed,
}

/// Why a call was offered to an agent: enough to explain the decision, and small enough to be told with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why {
    /// What brought them together.
    pub occasion: Occasion,
    /// How long the call had waited.
    pub waited: Duration,
    /// Members of the queue.
    pub members: u32,
    /// Members who fit what the call needed then.
    pub fitting: u32,
    /// Fitting members who were free, this one included.
    pub free: u32,
    /// The tier of the agent.
    pub tier: u16,
    /// What the strategy compared, of this agent: lower goes first. Milliseconds, turns, calls or seconds by the strategy.
    pub order: u64,
    /// Who would have been next, and what was compared of them.
    pub next: Option<(UserId, u64)>,
    /// Agents who had been asked in vain.
    pub tried: u8,
    /// What decided between this agent and the next one; nothing did where the agent was not chosen among others.
    pub tie_break: Option<TieBreak>,
    /// The queue's strategy.
    pub strategy: Strategy,
    /// The version of the queue's settings.
    pub version: u32,
}

/// What decided between the agent who is offered a call and the one who would have been next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TieBreak {
    /// Nobody else was free.
    Alone,
    /// The other one had been asked in vain.
    Untried,
    /// A lower tier.
    Tier,
    /// Better skills for the call.
    Skills,
    /// What the strategy compares.
    Order,
    /// All of that was equal: the place among the members.
    Position,
    /// Chance.
    Chance,
}

/// What brought a call and an agent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Occasion {
    /// The call looked for an agent, and this was the first by the queue's strategy.
    CallSought,
    /// The agent became free, and this was the first call by its turn of those that waited for them.
    AgentFreed,
    /// The call was waiting for this agent.
    Wished,
    /// The agent joined others whose phones ring.
    Joined,
    /// Somebody gave the call to the agent by hand.
    Assigned,
}
