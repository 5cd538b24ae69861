//! How everything stands at a moment, for those who look on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::agent::{AgentState, Rest};
use super::call::CallState;
use super::pool::CallIx;
use super::{QueueNow, Router};
use crate::id::{CallId, QueueId, UserId};

/// The most calls of a queue that are told one by one.
pub const LISTED_MAX: usize = 200;
/// A place in a queue is counted no further than this.
const COUNTED_MAX: usize = 1_000;

/// A call that has no agent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNow {
    /// Which.
    pub call: CallId,
    /// Its place in the queue, from 1, by its turn; an agent who fits may be found for a later one first.
    pub position: u32,
    /// How long it has waited.
    pub waited: Duration,
    /// Its priority.
    pub priority: i8,
    /// Whose phones ring for it.
    pub ringing: Vec<UserId>,
}

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentNow {
    /// Who.
    pub agent: UserId,
    /// What.
    pub state: AgentState,
    /// For how long.
    pub since: Duration,
    /// Calls in hand.
    pub calls: u32,
    /// Calls at once.
    pub capacity: u8,
    /// Calls that ring.
    pub offered: Vec<CallId>,
    /// Queue calls taken today.
    pub taken: u32,
    /// Time talked in them.
    pub talked: Duration,
}

impl AgentNow {
    /// Whether they are in the wrap-up after a call.
    #[must_use]
    pub const fn wraps_up(&self) -> bool {
        matches!(self.state, AgentState::Resting(Rest::WrapUp, _))
    }
}

/// How a queue and its calls stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStand {
    /// Which.
    pub queue: QueueId,
    /// How it stands.
    pub now: QueueNow,
    /// How many members do what, by the word for it.
    pub members: BTreeMap<&'static str, u32>,
    /// Calls that ring somewhere.
    pub ringing: u32,
    /// The call without an agent that has waited longest, whether it rings or not.
    pub oldest: Option<CallId>,
    /// Its calls that have no agent yet, the first [`LISTED_MAX`] by their turn.
    pub calls: Vec<CallNow>,
}

/// How a company's queues and agents stand.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The queues, by id.
    pub queues: Vec<QueueStand>,
    /// The agents, by id.
    pub agents: Vec<AgentNow>,
}

impl Router {
    /// How everything stands. Costs O(agents + members + n log n of the calls).
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut calls: FxHashMap<u32, Vec<(i64, CallIx)>> = FxHashMap::default();
        for (at, call) in &self.calls {
            if !matches!(call.state, CallState::Taken { .. }) {
                calls.entry(call.queue).or_default().push((call.turn, at as CallIx));
            }
        }
        let mut queues: Vec<QueueStand> = self
            .queues
            .iter()
            .map(|(at, queue)| {
                let mut own = calls.remove(&(at as u32)).unwrap_or_default();
                own.sort_unstable();
                let waits = |call: &&(i64, CallIx)| self.calls[call.1 as usize].state == CallState::Waiting;
                let oldest = own.iter().map(|call| &self.calls[call.1 as usize]);
                let oldest = oldest.min_by_key(|call| (call.since, call.id)).map(|call| (call.id, call.since));
                let mut members = BTreeMap::new();
                for place in &queue.places {
                    *members.entry(self.agents[place.agent as usize].state(now).as_str()).or_default() += 1;
                }
                let ringing = own.len() - own.iter().filter(waits).count();
                let state = QueueNow {
                    free: queue.free,
                    present: queue.present,
                    waiting: queue.waiting,
                    oldest: oldest.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since)),
                };
                let listed = own.iter().take(LISTED_MAX).enumerate();
                let listed = listed.map(|(place, (_, call))| self.call_now(now, *call, place as u32 + 1)).collect();
                QueueStand {
                    queue: queue.id,
                    now: state,
                    members,
                    ringing: ringing as u32,
                    oldest: oldest.map(|(call, _)| call),
                    calls: listed,
                }
            })
            .collect();
        queues.sort_unstable_by_key(|queue| queue.queue);
        let mut agents: Vec<AgentNow> = self.agents.iter().map(|(at, _)| self.agent_now(now, at as u32)).collect();
        agents.sort_unstable_by_key(|agent| agent.agent);
        Snapshot { queues, agents }
    }

    /// What an agent is doing; `None` for somebody the router was not told of.
    #[must_use]
    pub fn agent(&self, now: Instant, agent: UserId) -> Option<AgentNow> {
        self.agent_ix.get(&agent).map(|at| self.agent_now(now, *at))
    }

    /// A call that has no agent yet, and its queue. A place beyond the first thousand is told as the one after them.
    #[must_use]
    pub fn call(&self, now: Instant, call: CallId) -> Option<(QueueId, CallNow)> {
        let at = *self.call_ix.get(&call)?;
        let found = self.calls.get(at as usize).filter(|call| !matches!(call.state, CallState::Taken { .. }))?;
        let queue = self.queues.get(found.queue as usize)?;
        let before = (found.turn, at);
        let lines = queue.pools.iter().map(|(_, pool)| pool.line.range(..before).take(COUNTED_MAX).count());
        let earlier = lines.sum::<usize>().min(COUNTED_MAX) as u32;
        Some((queue.id, self.call_now(now, at, earlier + 1)))
    }

    /// The first call by its turn that waits: of a queue, or of all.
    #[must_use]
    pub fn first_waiting(&self, queue: Option<QueueId>) -> Option<CallId> {
        let asked = queue.map(|queue| self.queue_ix.get(&queue).copied());
        let fits = |at: u32| asked.is_none_or(|asked| asked == Some(at));
        let queues = self.queues.iter().filter(|(at, _)| fits(*at as u32));
        let lines = queues.flat_map(|(_, queue)| &queue.pools).filter_map(|(_, pool)| pool.line.first());
        let own = self.agents.iter().flat_map(|(_, agent)| &agent.own_line);
        let own = own.filter(|(_, call)| fits(self.calls[*call as usize].queue));
        lines.chain(own).min().map(|(_, call)| self.calls[*call as usize].id)
    }

    fn call_now(&self, now: Instant, at: CallIx, position: u32) -> CallNow {
        let call = &self.calls[at as usize];
        CallNow {
            call: call.id,
            position,
            waited: now.saturating_duration_since(call.since),
            priority: call.priority,
            ringing: call.offers.iter().map(|agent| self.agents[*agent as usize].id).collect(),
        }
    }

    fn agent_now(&self, now: Instant, at: u32) -> AgentNow {
        let agent = &self.agents[at as usize];
        let state = agent.state(now);
        // A rest whose end was not noticed yet has ended all the same.
        let since =
            if state.is_like(agent.shown.0) { now.saturating_duration_since(agent.shown.1) } else { Duration::ZERO };
        AgentNow {
            agent: agent.id,
            state,
            since,
            calls: agent.engaged,
            capacity: agent.capacity,
            offered: agent.offers.iter().map(|call| self.calls[*call as usize].id).collect(),
            taken: agent.calls_taken,
            talked: agent.talked,
        }
    }
}
