//! The router: which waiting call is offered to which agent. One per company, no I/O, time passed in.
//!
//! It knows the queues, what agents chose ([`Availability`]), whether a phone of theirs can be reached and whether they are
//! on a call; it is told of calls that wait and of what became of its offers. Its commands are drained with
//! [`Router::poll_command`] after every input. Calls of one queue are served first come first served, and among queues the
//! longest waiting caller that fits a free agent comes first; an agent holds one offer or call at a time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use super::{QueueSettings, Strategy};
use crate::call::OfferFailure;
use crate::id::{CallId, QueueId, UserId};
use crate::people::Availability;

/// No offer for this long after a phone was busy.
pub const BUSY_DELAY: Duration = Duration::from_secs(10);
/// No offer for this long after an agent declined.
pub const DECLINED_DELAY: Duration = Duration::from_secs(10);
/// No offer for this long after an agent did not answer.
pub const NO_ANSWER_DELAY: Duration = Duration::from_secs(5);
/// No offer for this long after no phone could be reached.
pub const UNREACHABLE_DELAY: Duration = Duration::from_secs(5);

/// What the router is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// A queue is new or has changed.
    QueueConfigured {
        /// Which.
        queue: QueueId,
        /// Its settings.
        settings: QueueSettings,
    },
    /// A queue is gone; its callers overflow.
    QueueRemoved {
        /// Which.
        queue: QueueId,
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
    /// A call waits.
    CallQueued {
        /// Which.
        call: CallId,
        /// Where.
        queue: QueueId,
    },
    /// A waiting or offered call is gone: its caller hung up.
    CallGone {
        /// Which.
        call: CallId,
    },
    /// The agent answered the offer.
    OfferAccepted {
        /// Which call.
        call: CallId,
    },
    /// The offer came to nothing; the caller still waits.
    OfferFailed {
        /// Which call.
        call: CallId,
        /// Why.
        reason: OfferFailure,
    },
    /// A call that an agent had accepted ended.
    CallEnded {
        /// Which.
        call: CallId,
    },
}

/// What the router wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    },
    /// The call leaves the queue without an agent.
    Overflow {
        /// Which call.
        call: CallId,
        /// Why.
        reason: OverflowReason,
    },
}

/// Why a call leaves its queue without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverflowReason {
    /// It waited as long as the queue allows.
    MaxWait,
    /// There is no such queue (any more).
    NoQueue,
}

#[derive(Debug)]
struct Agent {
    availability: Availability,
    reachable: bool,
    /// Offers and calls in hand.
    engaged: u32,
    idle_since: Instant,
    not_before: Option<Instant>,
}

impl Agent {
    fn new(now: Instant) -> Self {
        let availability = Availability::default();
        Self { availability, reachable: false, engaged: 0, idle_since: now, not_before: None }
    }

    fn is_present(&self) -> bool {
        matches!(self.availability, Availability::Available | Availability::OnDemand) && self.reachable
    }

    fn is_free(&self, now: Instant) -> bool {
        self.is_present() && self.engaged == 0 && self.not_before.is_none_or(|until| until <= now)
    }
}

#[derive(Debug)]
enum CallState {
    Waiting,
    Offered { agent: UserId },
    Accepted { agent: UserId },
}

#[derive(Debug)]
struct Call {
    queue: QueueId,
    since: Instant,
    state: CallState,
    deadline: Option<Instant>,
    /// Whom it was offered to in vain: they are asked again only when nobody else is free.
    tried: Vec<UserId>,
}

#[derive(Debug)]
struct QueueState {
    settings: QueueSettings,
    waiting: VecDeque<CallId>,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueNow {
    /// Members who could take a call now.
    pub free: u32,
    /// Members who are there: available and reachable, busy or not.
    pub present: u32,
    /// Calls that wait.
    pub waiting: u32,
    /// How long the one has waited that waits longest.
    pub oldest: Duration,
}

/// The router of one company.
#[derive(Debug, Default)]
pub struct Router {
    agents: BTreeMap<UserId, Agent>,
    queues: BTreeMap<QueueId, QueueState>,
    calls: BTreeMap<CallId, Call>,
    commands: VecDeque<Command>,
    timers: BinaryHeap<Reverse<Instant>>,
}

impl Router {
    /// A router that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of what happened. Inputs about calls and queues it does not know are passed over: they are late.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::QueueConfigured { queue, settings } => self.configure(now, queue, settings),
            Input::QueueRemoved { queue } => self.remove_queue(queue),
            Input::AgentChose { agent, availability } => self.agent(now, agent).availability = availability,
            Input::AgentReachable { agent, reachable } => self.agent(now, agent).reachable = reachable,
            Input::AgentEngaged { agent } => self.agent(now, agent).engaged += 1,
            Input::AgentReleased { agent } => self.release(now, agent, None),
            Input::CallQueued { call, queue } => self.enqueue(now, call, queue),
            Input::CallGone { call } | Input::CallEnded { call } => self.forget(now, call),
            Input::OfferAccepted { call } => self.accepted(call),
            Input::OfferFailed { call, reason } => self.failed(now, call, reason),
        }
        self.dispatch(now);
    }

    /// Does what is due. Calling it too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.timers.peek().is_some_and(|Reverse(at)| *at <= now) {
            self.timers.pop();
        }
        let late = |call: &Call| matches!(call.state, CallState::Waiting) && call.deadline.is_some_and(|at| at <= now);
        let late: Vec<CallId> = self.calls.iter().filter(|(_, call)| late(call)).map(|(id, _)| *id).collect();
        for call in late {
            self.overflow(call, OverflowReason::MaxWait);
        }
        self.dispatch(now);
    }

    /// The next thing to do; drained after every input.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Router::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse(at)| *at)
    }

    /// How many calls wait or are offered in a queue.
    #[must_use]
    pub fn waiting(&self, queue: QueueId) -> usize {
        self.calls
            .values()
            .filter(|call| call.queue == queue && !matches!(call.state, CallState::Accepted { .. }))
            .count()
    }

    /// How a queue stands; `None` when there is none.
    #[must_use]
    pub fn state(&self, now: Instant, queue: QueueId) -> Option<QueueNow> {
        let found = self.queues.get(&queue)?;
        let members = || found.settings.members.iter().filter_map(|member| self.agents.get(&member.agent_id));
        let count = |is: &dyn Fn(&&Agent) -> bool| u32::try_from(members().filter(is).count()).unwrap_or(u32::MAX);
        let oldest = found.waiting.iter().filter_map(|call| self.calls.get(call)).map(|call| call.since).min();
        Some(QueueNow {
            free: count(&|agent| agent.is_free(now)),
            present: count(&|agent| agent.is_present()),
            waiting: u32::try_from(found.waiting.len()).unwrap_or(u32::MAX),
            oldest: oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        })
    }

    /// How many calls the router knows, in any state.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    fn agent(&mut self, now: Instant, agent: UserId) -> &mut Agent {
        self.agents.entry(agent).or_insert_with(|| Agent::new(now))
    }

    fn configure(&mut self, now: Instant, queue: QueueId, settings: QueueSettings) {
        for member in &settings.members {
            self.agent(now, member.agent_id);
        }
        match self.queues.get_mut(&queue) {
            Some(state) => state.settings = settings,
            None => {
                self.queues.insert(queue, QueueState { settings, waiting: VecDeque::new() });
            }
        }
    }

    fn remove_queue(&mut self, queue: QueueId) {
        let Some(state) = self.queues.remove(&queue) else { return };
        for call in state.waiting {
            self.calls.remove(&call);
            self.commands.push_back(Command::Overflow { call, reason: OverflowReason::NoQueue });
        }
    }

    fn enqueue(&mut self, now: Instant, call: CallId, queue: QueueId) {
        let Some(state) = self.queues.get_mut(&queue) else {
            self.commands.push_back(Command::Overflow { call, reason: OverflowReason::NoQueue });
            return;
        };
        if self.calls.contains_key(&call) {
            return;
        }
        let wait = u64::from(state.settings.max_wait_seconds);
        let deadline = (wait > 0).then(|| now + Duration::from_secs(wait));
        state.waiting.push_back(call);
        self.timers.extend(deadline.map(Reverse));
        self.calls.insert(call, Call { queue, since: now, state: CallState::Waiting, deadline, tried: Vec::new() });
    }

    /// The agent's hands are free again; `rest` is how long no offer is made.
    fn release(&mut self, now: Instant, agent: UserId, rest: Option<Duration>) {
        let state = self.agent(now, agent);
        state.engaged = state.engaged.saturating_sub(1);
        if let Some(until) = rest.filter(|rest| !rest.is_zero()).map(|rest| now + rest) {
            state.not_before = Some(until);
            self.timers.push(Reverse(until));
        }
    }

    fn forget(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.remove(&id) else { return };
        match call.state {
            CallState::Waiting => self.leave_line(call.queue, id),
            // Being rung in vain costs the agent neither place nor rest.
            CallState::Offered { agent } => self.release(now, agent, None),
            CallState::Accepted { agent } => {
                let wrap_up = self.queues.get(&call.queue).map_or(0, |queue| queue.settings.wrap_up_seconds);
                self.release(now, agent, Some(Duration::from_secs(u64::from(wrap_up))));
                let state = self.agent(now, agent);
                state.idle_since = now;
                if state.availability == Availability::OnDemand {
                    // One call was asked for; the next one is asked for anew.
                    state.availability = Availability::Break;
                }
            }
        }
    }

    fn leave_line(&mut self, queue: QueueId, call: CallId) {
        if let Some(state) = self.queues.get_mut(&queue) {
            state.waiting.retain(|waiting| *waiting != call);
        }
    }

    fn accepted(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id)
            && let CallState::Offered { agent } = call.state
        {
            call.state = CallState::Accepted { agent };
        }
    }

    fn failed(&mut self, now: Instant, id: CallId, reason: OfferFailure) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let CallState::Offered { agent } = call.state else { return };
        call.state = CallState::Waiting;
        call.tried.push(agent);
        let (queue, since, late) = (call.queue, call.since, call.deadline.is_some_and(|at| at <= now));
        self.release(now, agent, Some(delay(reason)));
        if late {
            self.overflow(id, OverflowReason::MaxWait);
            return;
        }
        let calls = &self.calls;
        match self.queues.get_mut(&queue) {
            Some(state) => {
                // Back to where it stood: an offer in vain costs the caller no place.
                let place = state.waiting.partition_point(|other| calls.get(other).is_some_and(|c| c.since < since));
                state.waiting.insert(place, id);
            }
            None => {
                self.calls.remove(&id);
                self.commands.push_back(Command::Overflow { call: id, reason: OverflowReason::NoQueue });
            }
        }
    }

    fn overflow(&mut self, id: CallId, reason: OverflowReason) {
        if let Some(call) = self.calls.remove(&id) {
            self.leave_line(call.queue, id);
            self.commands.push_back(Command::Overflow { call: id, reason });
        }
    }

    /// Offers calls as long as a caller and a free agent fit.
    fn dispatch(&mut self, now: Instant) {
        while let Some((queue, call, agent)) = self.next_match(now) {
            let Some(state) = self.queues.get_mut(&queue) else { break };
            state.waiting.retain(|waiting| *waiting != call);
            let ring = Duration::from_secs(u64::from(state.settings.ring_seconds));
            self.agent(now, agent).engaged += 1;
            if let Some(found) = self.calls.get_mut(&call) {
                found.state = CallState::Offered { agent };
            }
            self.commands.push_back(Command::Offer { call, queue, agent, ring });
        }
        debug_assert!(self.agents.values().all(|agent| agent.engaged < 1_000), "engagements leak");
    }

    /// The longest waiting caller at the head of a queue that has a free agent, with the agent that fits best.
    fn next_match(&self, now: Instant) -> Option<(QueueId, CallId, UserId)> {
        let mut heads: Vec<(Instant, QueueId, CallId)> = self
            .queues
            .iter()
            .filter_map(|(id, queue)| queue.waiting.front().map(|call| (*id, *call)))
            .filter_map(|(queue, call)| self.calls.get(&call).map(|state| (state.since, queue, call)))
            .collect();
        heads.sort_unstable();
        heads
            .into_iter()
            .find_map(|(_, queue, call)| self.best_agent(now, queue, call).map(|agent| (queue, call, agent)))
    }

    fn best_agent(&self, now: Instant, queue: QueueId, call: CallId) -> Option<UserId> {
        let settings = &self.queues.get(&queue)?.settings;
        let tried = &self.calls.get(&call)?.tried;
        let free = settings.members.iter().filter_map(|member| {
            let agent = self.agents.get(&member.agent_id).filter(|agent| agent.is_free(now))?;
            let times = tried.iter().filter(|id| **id == member.agent_id).count();
            let idle = match settings.strategy {
                Strategy::LongestIdle => Some(agent.idle_since),
                Strategy::TopDown => None,
            };
            Some((times, member.tier, idle, member.position, member.agent_id))
        });
        free.min().map(|(.., agent)| agent)
    }
}

const fn delay(reason: OfferFailure) -> Duration {
    match reason {
        OfferFailure::Busy => BUSY_DELAY,
        OfferFailure::Declined => DECLINED_DELAY,
        OfferFailure::NoAnswer => NO_ANSWER_DELAY,
        OfferFailure::Unreachable => UNREACHABLE_DELAY,
        OfferFailure::Rescinded => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
