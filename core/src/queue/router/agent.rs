//! What the router knows of an agent. Whether a call can be offered is worked out from it, never stored by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::pool::{CallIx, Seat, SkillIx};
use crate::id::UserId;
use crate::people::Availability;

/// Why an agent is offered nothing for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rest {
    /// After a call.
    WrapUp,
    /// A phone was busy.
    Busy,
    /// The agent declined.
    Declined,
    /// The agent did not answer.
    NoAnswer,
    /// No phone could be reached.
    Unreachable,
    /// Another process has them in hand, or it is not known whether.
    Unclaimed,
}

/// What an agent is doing. It follows from what was chosen, from phones, offers and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgentState {
    /// Chose to be off work.
    Offline,
    /// Chose a break.
    OnBreak,
    /// No phone can be reached.
    Unreachable,
    /// On as many calls as they take.
    OnCall,
    /// A call is being offered.
    Offered,
    /// Rests until then.
    Resting(Rest, Instant),
    /// Can be offered a call.
    Idle,
}

impl AgentState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::OnBreak => "on_break",
            Self::Unreachable => "unreachable",
            Self::OnCall => "on_call",
            Self::Offered => "offered",
            Self::Resting(Rest::WrapUp, _) => "wrap_up",
            Self::Resting(Rest::Busy, _) => "busy",
            Self::Resting(Rest::Declined, _) => "declined",
            Self::Resting(Rest::NoAnswer, _) => "no_answer",
            Self::Resting(Rest::Unreachable, _) => "not_rung",
            Self::Resting(Rest::Unclaimed, _) => "unclaimed",
            Self::Idle => "idle",
        }
    }

    /// When it ends by itself, where it does.
    #[must_use]
    pub const fn until(self) -> Option<Instant> {
        match self {
            Self::Resting(_, until) => Some(until),
            _ => None,
        }
    }

    /// Whether it is the same, whenever a rest ends.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Resting(rest, _), Self::Resting(other, _)) => rest == other,
            _ => self == other,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) id: UserId,
    pub(super) chosen: Availability,
    pub(super) reachable: bool,
    /// Whether they take part in the pools.
    pub(super) free: bool,
    pub(super) capacity: u8,
    pub(super) missed_max: u8,
    pub(super) missed: u8,
    pub(super) wrap_up: Option<u32>,
    /// Calls in hand.
    pub(super) engaged: u32,
    pub(super) calls_taken: u32,
    pub(super) talked: Duration,
    /// When their last call ended, in milliseconds since the router began.
    pub(super) idle_since: u64,
    pub(super) rest: Option<(Rest, Instant)>,
    pub(super) skills: Vec<(SkillIx, u8)>,
    pub(super) offers: SmallVec<[CallIx; 1]>,
    pub(super) seats: SmallVec<[Seat; 1]>,
    /// The queues they are a member of, and the place among the members of each.
    pub(super) member_of: SmallVec<[(u32, u32); 2]>,
    /// Calls that wait for this agent alone, by their turn.
    pub(super) own_line: BTreeSet<(i64, CallIx)>,
    /// What they were doing when it changed last, and when that was.
    pub(super) shown: (AgentState, Instant),
}

impl Agent {
    pub(super) fn new(id: UserId, now: Instant, idle_since: u64) -> Self {
        Self {
            id,
            chosen: Availability::default(),
            reachable: false,
            free: false,
            capacity: 1,
            missed_max: 0,
            missed: 0,
            wrap_up: None,
            engaged: 0,
            calls_taken: 0,
            talked: Duration::ZERO,
            idle_since,
            rest: None,
            skills: Vec::new(),
            offers: SmallVec::new(),
            seats: SmallVec::new(),
            member_of: SmallVec::new(),
            own_line: BTreeSet::new(),
            shown: (AgentState::Offline, now),
        }
    }

    pub(super) fn seat_in(&self, queue: u32, pool: u32) -> Option<Seat> {
        self.seats.iter().find(|seat| (seat.queue, seat.pool) == (queue, pool)).copied()
    }

    /// Whether they chose to take calls.
    pub(super) fn takes_calls(&self) -> bool {
        matches!(self.chosen, Availability::Available | Availability::OnDemand)
    }

    pub(super) fn is_present(&self) -> bool {
        self.takes_calls() && self.reachable
    }

    /// Calls at once: who asked for one call is offered no second one beside it.
    fn room(&self) -> u32 {
        if self.chosen == Availability::OnDemand { 1 } else { self.capacity.into() }
    }

    pub(super) fn state(&self, now: Instant) -> AgentState {
        match (self.chosen, self.rest) {
            // Who is on a call is on a call, whatever they chose meanwhile.
            _ if self.engaged >= self.room() => AgentState::OnCall,
            _ if !self.offers.is_empty() => AgentState::Offered,
            (Availability::Offline, _) => AgentState::Offline,
            (Availability::Break, _) => AgentState::OnBreak,
            _ if !self.reachable => AgentState::Unreachable,
            (_, Some((rest, until))) if until > now => AgentState::Resting(rest, until),
            _ => AgentState::Idle,
        }
    }
}
