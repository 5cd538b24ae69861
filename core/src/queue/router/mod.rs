//! The router: which waiting call is offered to which agent. One per company, no I/O, time passed in, chance from a seed.
//!
//! It knows the queues, what agents chose ([`Availability`](crate::people::Availability)), whether a phone of theirs can be reached and whether they are on a call;
//! it is told of calls that wait and of what became of its offers. Its commands are drained with [`Router::poll_command`] after every
//! input.
//!
//! # Turns
//!
//! Calls are served by their *turn*: the time they came, less [`POINT_SECONDS`] for each point of their priority (-100 to 100) and of
//! their queue's weight (0 to 100). The turn never changes while a call waits, so a call is passed only by calls that fit the same
//! agents and came less than [`CREDIT_MAX`] after it: nobody starves.
//!
//! # What it costs
//!
//! A call waits in one pool (members of a queue who fit what it needs); an agent sits in the pools they fit. A new call looks at the first of
//! its pool, a free agent at the heads of the lines of theirs: each event costs O(log n) for each pool the agent sits in, whatever the
//! number of agents and calls. A pool is made once for each requirement in use and costs O(members) then.

mod agent;
mod assign;
mod call;
mod explain;
mod impose;
mod io;
mod pool;
mod preview;
mod queue;
mod setup;
mod snapshot;
mod stand;
mod tournament;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use slab::Slab;

pub use super::AgentSettings;
pub use agent::{AgentState, Rest};
pub use assign::{AssignRefused, RINGING_MAX};
pub use explain::{Candidate, Standing};
pub use io::{Arrival, Command, Input, Occasion, OverflowReason, PauseReason, TieBreak, Why};
pub use preview::{PreviewStep, preview};
pub use queue::POINT_SECONDS;
pub use setup::IN_HAND;
pub use snapshot::{AgentNow, CallNow, LISTED_MAX, QueueStand, Snapshot};
pub use stand::Stands;

use crate::id::{CallId, QueueId, UserId};
use crate::queue::chance::Chance;
use agent::Agent;
use call::{Call, CallState};
use pool::{AgentIx, CallIx, SkillIx};
use queue::Queue;

/// No offer for this long after a phone was busy.
pub const BUSY_DELAY: Duration = Duration::from_secs(10);
/// No offer for this long after an agent declined.
pub const DECLINED_DELAY: Duration = Duration::from_secs(10);
/// No offer for this long after an agent did not answer.
pub const NO_ANSWER_DELAY: Duration = Duration::from_secs(5);
/// No offer for this long after no phone could be reached.
pub const UNREACHABLE_DELAY: Duration = Duration::from_secs(5);
/// No offer for this long after an agent could not be claimed: the router does not see when another process is done with them.
pub const UNCLAIMED_DELAY: Duration = Duration::from_secs(2);
/// The most that one call may gain on another: both the highest priority and weight against the lowest.
pub const CREDIT_MAX: Duration = Duration::from_secs(300 * POINT_SECONDS as u64);

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueNow {
    /// Members who could take a call now.
    pub free: u32,
    /// Members who are there: available and reachable, busy or not.
    pub present: u32,
    /// Calls that wait.
    pub waiting: u32,
    /// How long the one has waited that has waited longest: those that ring still wait for their caller.
    pub oldest: Duration,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Agent(AgentIx),
    Call(CallIx),
    Queue(u32),
}

/// Moves the timer of something to another time, or takes it away.
fn retime(timers: &mut BTreeSet<(Instant, Due)>, timer: &mut Option<Instant>, wanted: Option<Instant>, due: Due) {
    if *timer != wanted {
        if let Some(before) = std::mem::replace(timer, wanted) {
            timers.remove(&(before, due));
        }
        timers.extend(wanted.map(|wanted| (wanted, due)));
    }
}

/// The router of one company.
#[derive(Debug, Clone)]
pub struct Router {
    agents: Slab<Agent>,
    agent_ix: FxHashMap<UserId, AgentIx>,
    queues: Slab<Queue>,
    queue_ix: FxHashMap<QueueId, u32>,
    calls: Slab<Call>,
    call_ix: FxHashMap<CallId, CallIx>,
    skills: FxHashMap<String, SkillIx>,
    commands: VecDeque<Command>,
    timers: BTreeSet<(Instant, Due)>,
    chance: Chance,
    /// What turns and orders are counted from: the first instant it was told.
    epoch: Option<Instant>,
    /// Counts offers and uses of pools.
    count: u64,
    /// The most members of a queue whose standing is told with its offers.
    explained_max: usize,
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl Router {
    /// A router that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// The same; the seed decides chance.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self {
            agents: Slab::new(),
            agent_ix: FxHashMap::default(),
            queues: Slab::new(),
            queue_ix: FxHashMap::default(),
            calls: Slab::new(),
            call_ix: FxHashMap::default(),
            skills: FxHashMap::default(),
            commands: VecDeque::new(),
            timers: BTreeSet::new(),
            chance: Chance(seed),
            epoch: None,
            count: 0,
            explained_max: 0,
        }
    }

    /// The same, telling with each offer how every member of the queue stood to the call, where it has `members` at most: that costs
    /// a copy of 8 bytes a member an offer. Said before the first queue is.
    #[must_use]
    pub fn explaining(self, members: usize) -> Self {
        Self { explained_max: members, ..self }
    }

    /// Takes note of what happened. Inputs about calls and queues it does not know are passed over: they are late.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.epoch.get_or_insert(now);
        match input {
            Input::QueueConfigured { queue, settings, version } => self.configure(now, queue, settings, version),
            Input::QueueRemoved { queue } => self.remove_queue(now, queue),
            Input::AgentConfigured { agent, settings } => self.configure_agent(now, agent, &settings),
            Input::AgentChose { agent, availability } => {
                let at = self.agent_at(now, agent);
                self.change_presence(now, at, |agent| agent.chosen = availability);
            }
            Input::AgentReachable { agent, reachable } => {
                let at = self.agent_at(now, agent);
                self.change_presence(now, at, |agent| agent.reachable = reachable);
            }
            Input::AgentEngaged { agent } => {
                let at = self.agent_at(now, agent);
                // Who has room for another call sits elsewhere with one in hand.
                self.withdraw(at);
                self.agents[at as usize].engaged += 1;
                self.review(now, at);
            }
            Input::AgentReleased { agent } => {
                let at = self.agent_at(now, agent);
                self.withdraw(at);
                let engaged = &mut self.agents[at as usize].engaged;
                *engaged = engaged.saturating_sub(1);
                self.review(now, at);
            }
            Input::WrapUpChanged { agent, left } => {
                let at = self.agent_at(now, agent);
                let wraps = matches!(self.agents[at as usize].rest, Some((Rest::WrapUp, until)) if until > now);
                if wraps {
                    self.set_rest(at, (!left.is_zero()).then_some((Rest::WrapUp, now + left)));
                    self.review(now, at);
                }
            }
            Input::DayBegan => self.begin_day(),
            Input::AgentWorked { agent, calls, talked } => {
                let at = self.agent_at(now, agent);
                self.set_worked(at, calls, talked);
            }
            Input::CallQueued(arrival) => self.enqueue(now, arrival),
            Input::CallGone { call } | Input::CallEnded { call } => self.forget(now, call),
            Input::OfferAccepted { call, agent } => self.accepted(now, call, agent),
            Input::OfferFailed { call, agent, reason } => self.failed(now, call, agent, reason),
        }
        debug_assert!(self.is_sound(now), "the router's indexes disagree with its agents and calls");
    }

    /// Does what is due. Calling it too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, due)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, due));
            match due {
                Due::Agent(agent) => self.rested(now, agent),
                Due::Call(call) => self.call_due(now, call),
                Due::Queue(queue) => self.queue_due(now, queue),
            }
        }
        debug_assert!(self.is_sound(now), "the router's indexes disagree with its agents and calls");
    }

    /// The next thing to do; drained after every input.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Router::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How many calls an agent takes at once.
    #[must_use]
    pub fn capacity(&self, agent: UserId) -> u8 {
        self.agent_ix.get(&agent).map_or(1, |at| self.agents[*at as usize].capacity)
    }

    /// How many calls wait in a queue.
    #[must_use]
    pub fn waiting(&self, queue: QueueId) -> usize {
        self.queue(queue).map_or(0, |queue| queue.waiting as usize)
    }

    /// How many members of a queue are free.
    #[must_use]
    pub fn free(&self, queue: QueueId) -> usize {
        self.queue(queue).map_or(0, |queue| queue.free as usize)
    }

    /// How a queue stands; `None` when there is none.
    #[must_use]
    pub fn state(&self, now: Instant, queue: QueueId) -> Option<QueueNow> {
        let at = *self.queue_ix.get(&queue)?;
        let found = self.queue(queue)?;
        let untaken = |call: &&Call| call.queue == at && !matches!(call.state, CallState::Taken { .. });
        let oldest = self.calls.iter().map(|(_, call)| call).filter(untaken).map(|call| call.since).min();
        Some(QueueNow {
            free: found.free,
            present: found.present,
            waiting: found.waiting,
            oldest: oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        })
    }

    /// The place of a call that waits, among those of its queue: 1 is next. Calls of other queues with the same agents are not seen, as
    /// their callers are told nothing of this queue either. Counting costs time for each place, so it ends at `most`. `None` for a call
    /// that does not wait, or rings.
    #[must_use]
    pub fn position(&self, call: CallId, most: u32) -> Option<u32> {
        let at = *self.call_ix.get(&call)?;
        let found = &self.calls[at as usize];
        let queue = self.queues.get(found.queue as usize).filter(|_| found.state == CallState::Waiting)?;
        let lines = queue.pools.iter().map(|(_, pool)| &pool.line);
        let before = lines.flat_map(|line| line.range(..(found.turn, at)));
        Some(before.take(most as usize).count() as u32 + 1)
    }

    /// Since when a call waits, as its place goes; `None` for one that is not known.
    #[must_use]
    pub fn since(&self, call: CallId) -> Option<Instant> {
        self.call_ix.get(&call).map(|at| self.calls[*at as usize].since)
    }

    /// How many calls the router knows, in any state.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// What an agent is doing; `None` for somebody the router was not told of.
    #[must_use]
    pub fn agent_state(&self, now: Instant, agent: UserId) -> Option<AgentState> {
        self.agent_ix.get(&agent).map(|at| self.agents[*at as usize].state(now))
    }

    fn queue(&self, queue: QueueId) -> Option<&Queue> {
        self.queue_ix.get(&queue).and_then(|at| self.queues.get(*at as usize))
    }

    fn agent_at(&mut self, now: Instant, agent: UserId) -> AgentIx {
        match self.agent_ix.get(&agent) {
            Some(at) => *at,
            None => {
                let idle_since = self.millis(now);
                let at = self.agents.insert(Agent::new(agent, now, idle_since)) as AgentIx;
                self.agent_ix.insert(agent, at);
                at
            }
        }
    }

    /// Microseconds since the router began; before that they are negative.
    fn micros(&self, at: Instant) -> i64 {
        let Some(epoch) = self.epoch else { return 0 };
        match at.checked_duration_since(epoch) {
            Some(after) => after.as_micros() as i64,
            None => -(epoch.duration_since(at).as_micros() as i64),
        }
    }

    /// Milliseconds since the router began.
    fn millis(&self, at: Instant) -> u64 {
        self.epoch.map_or(0, |epoch| at.saturating_duration_since(epoch).as_millis() as u64)
    }

    /// The invariants: who is free sits in all their pools, who waits is in one line, nobody waits while somebody fitting is free.
    fn is_sound(&self, now: Instant) -> bool {
        // Looking at everything after each event would make tests of many agents take squares of time.
        if self.agents.len() > 64 || self.calls.len() > 256 {
            return true;
        }
        let agents = self.agents.iter().all(|(_, agent)| {
            let fits = !agent.free || agent.state(now) == AgentState::Idle;
            let offers = agent.offers.iter().all(|call| {
                self.calls.get(*call as usize).is_some_and(|call| {
                    matches!(call.state, CallState::Offered)
                        && call.offers.iter().any(|offer| self.agents[*offer as usize].id == agent.id)
                })
            });
            fits && offers
        });
        let pools = self.queues.iter().flat_map(|(_, queue)| &queue.pools).all(|(_, pool)| {
            let free = pool.agents.iter().filter(|agent| self.agents[**agent as usize].free).count();
            pool.free as usize == free && (pool.line.is_empty() || free == 0)
        });
        let calls = self.calls.iter().all(|(at, call)| {
            let lines = self.queues.iter().flat_map(|(_, queue)| &queue.pools).map(|(_, pool)| &pool.line);
            let own = self.agents.iter().map(|(_, agent)| &agent.own_line);
            let places = lines.chain(own).filter(|line| line.contains(&(call.turn, at as CallIx))).count();
            places == usize::from(call.state == CallState::Waiting)
                && (call.state == CallState::Offered) != call.offers.is_empty()
        });
        let stands = self.queues.iter().all(|(_, queue)| self.stands_are_sound(now, queue));
        agents && pools && calls && stands
    }
}

#[cfg(test)]
mod tests;
