//! How the members of a queue stand, a word for each, kept as it changes: to tell it with an offer costs one copy of the words, and they are
//! read when somebody wants to know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Router;
use super::agent::{AgentState, Rest};
use super::explain::{Candidate, Standing};
use super::pool::{AgentIx, Pool};
use super::queue::{Place, Queue};
use super::setup::order;
use crate::id::UserId;

/// Bits of a word below its tag.
const BITS: u32 = 56;
const MASK: u64 = (1 << BITS) - 1;

/// What a member is doing: a tag, and below it when a rest ends, in microseconds since the router began, or what the strategy compares of
/// who is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand(u64);

/// The tag of those who take part in the pools.
const FREE: u64 = 12;

const fn tag(state: AgentState) -> u64 {
    match state {
        AgentState::Offline => 0,
        AgentState::OnBreak => 1,
        AgentState::Unreachable => 2,
        AgentState::OnCall => 3,
        AgentState::Offered => 4,
        AgentState::Idle => 5,
        AgentState::Resting(Rest::WrapUp, _) => 6,
        AgentState::Resting(Rest::Busy, _) => 7,
        AgentState::Resting(Rest::Declined, _) => 8,
        AgentState::Resting(Rest::NoAnswer, _) => 9,
        AgentState::Resting(Rest::Unreachable, _) => 10,
        AgentState::Resting(Rest::Unclaimed, _) => 11,
    }
}

impl Stand {
    /// Somebody who takes part in the pools, and what the strategy compares of them.
    pub(super) const fn free(order: u64) -> Self {
        Self((FREE << BITS) | if order > MASK { MASK } else { order })
    }

    fn of(state: AgentState, micros: impl FnOnce(Instant) -> i64) -> Self {
        let until = state.until().map_or(0, |until| micros(until).max(0) as u64);
        Self((tag(state) << BITS) | (until & MASK))
    }

    /// What it says `at` a moment that is so many `micros` after the router began, and what is compared of who is free.
    fn read(self, at: Instant, micros: i64) -> (AgentState, Option<u64>) {
        let (tag, below) = (self.0 >> BITS, self.0 & MASK);
        let rest = match tag {
            0 => return (AgentState::Offline, None),
            1 => return (AgentState::OnBreak, None),
            2 => return (AgentState::Unreachable, None),
            3 => return (AgentState::OnCall, None),
            4 => return (AgentState::Offered, None),
            5 => return (AgentState::Idle, None),
            6 => Rest::WrapUp,
            7 => Rest::Busy,
            8 => Rest::Declined,
            9 => Rest::NoAnswer,
            10 => Rest::Unreachable,
            11 => Rest::Unclaimed,
            _ => return (AgentState::Idle, Some(below)),
        };
        match u64::try_from(below as i64 - micros) {
            Ok(left) if left > 0 => (AgentState::Resting(rest, at + Duration::from_micros(left)), None),
            _ => (AgentState::Idle, None),
        }
    }
}

/// What does not change of a member while a pool exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rostered {
    pub(super) at: AgentIx,
    pub(super) agent: UserId,
    pub(super) tier: u16,
    pub(super) fit: u16,
    /// Why they do not sit in the pool, where they do not.
    pub(super) out: Option<Standing>,
}

/// The members of a queue, as a pool sees them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Roster {
    pub(super) members: Vec<Rostered>,
    /// See [`Router::needed`].
    pub(super) needed: Option<String>,
}

/// How the members of a queue stood to a call when it was offered to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    roster: Arc<Roster>,
    /// A word for each of them; then the microseconds between the router's beginning and the offer, and who had been asked in vain.
    words: Box<[u64]>,
}

impl Stands {
    /// The skills that somebody had to have to be asked, as a rule reads; `None` where nobody had to have any.
    #[must_use]
    pub fn needed(&self) -> Option<&str> {
        self.roster.needed.as_deref()
    }

    /// Each of them, in the order of tier and position; `chosen` is who was offered the call, and `at` when.
    pub fn candidates(&self, chosen: UserId, at: Instant) -> impl Iterator<Item = Candidate> {
        let (words, rest) = self.words.split_at(self.roster.members.len().min(self.words.len()));
        let (micros, tried) = rest.split_first().map_or((0, rest), |(micros, tried)| (*micros as i64, tried));
        self.roster.members.iter().zip(words).map(move |(member, word)| {
            let (state, order) = Stand(*word).read(at, micros);
            let standing = match member.out {
                _ if member.agent == chosen => Standing::Chosen,
                Some(out) => out,
                None => Standing::of(state, tried.contains(&member.at.into())),
            };
            let order = order.filter(|_| member.out.is_none());
            Candidate { agent: member.agent, tier: member.tier, standing, fit: member.fit, order }
        })
    }
}

impl Router {
    /// Notes since when an agent has been doing what they do, and in the queues that tell of their members what that is.
    pub(super) fn note_state(&mut self, now: Instant, at: AgentIx) {
        let agent = &mut self.agents[at as usize];
        let state = agent.state(now);
        if !state.is_like(agent.shown.0) {
            agent.shown = (state, now);
        }
        // How those stand who take part in the pools was noted when they began to.
        if self.explained_max == 0 || (agent.free && state == AgentState::Idle) {
            return;
        }
        let agent = &self.agents[at as usize];
        let word = Stand::of(state, |until| self.micros(until));
        for (queue, member) in &agent.member_of {
            if let Some(stand) = self.queues[*queue as usize].stands.get_mut(*member as usize) {
                *stand = word;
            }
        }
    }

    /// How every member of a queue stands now, where the router tells it with offers.
    pub(super) fn stands_of(&self, now: Instant, queue: &Queue) -> Vec<Stand> {
        if queue.places.len() > self.explained_max {
            return Vec::new();
        }
        let of = |place: &Place| match &self.agents[place.agent as usize] {
            agent if agent.free => Stand::free(order(queue.settings.strategy, agent, Some(place))),
            agent => Stand::of(agent.state(now), |until| self.micros(until)),
        };
        queue.places.iter().map(of).collect()
    }

    /// The same, as it is told with an offer from a pool.
    pub(super) fn stands(&self, now: Instant, queue: &Queue, pool: &Pool, tried: &[AgentIx]) -> Option<Stands> {
        let roster = Arc::clone(pool.roster.as_ref()?);
        let mut words = Vec::with_capacity(queue.stands.len() + 1 + tried.len());
        words.extend(queue.stands.iter().map(|stand| stand.0));
        words.push(self.micros(now) as u64);
        words.extend(tried.iter().map(|tried| u64::from(*tried)));
        Some(Stands { roster, words: words.into() })
    }

    /// Whether what is noted of the members of a queue is so.
    pub(super) fn stands_are_sound(&self, now: Instant, queue: &Queue) -> bool {
        if queue.places.len() > self.explained_max {
            return true;
        }
        let micros = self.micros(now);
        queue.stands.len() == queue.places.len()
            && queue.places.iter().zip(&queue.stands).all(|(place, stand)| {
                let agent = &self.agents[place.agent as usize];
                let (state, compared) = stand.read(now, micros);
                let own = order(queue.settings.strategy, agent, Some(place));
                let sits = agent.free && queue.pools.iter().any(|(_, pool)| pool.agents.contains(&place.agent));
                state.is_like(agent.state(now))
                    && (!sits || compared == Some(own))
                    && (agent.free || compared.is_none())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only distances from it matter")]
    fn every_state_is_read_as_it_was_written_until_a_rest_is_over() {
        let (epoch, second) = (Instant::now(), Duration::from_secs(1));
        let micros = |at: Instant| at.duration_since(epoch).as_micros() as i64;
        let (now, until) = (epoch + 5 * second, epoch + 7 * second);
        let rests = [Rest::WrapUp, Rest::Busy, Rest::Declined, Rest::NoAnswer, Rest::Unreachable, Rest::Unclaimed];
        let rests = rests.map(|rest| AgentState::Resting(rest, until));
        let states = [
            AgentState::Offline,
            AgentState::OnBreak,
            AgentState::Unreachable,
            AgentState::OnCall,
            AgentState::Offered,
            AgentState::Idle,
        ];
        for state in states.into_iter().chain(rests) {
            let word = Stand::of(state, micros);
            assert_eq!(word.read(now, micros(now)), (state, None));
            let later = if state.until().is_some() { AgentState::Idle } else { state };
            assert_eq!(word.read(until, micros(until)), (later, None));
        }
        assert_eq!(Stand::free(77).read(now, micros(now)), (AgentState::Idle, Some(77)));
        assert_eq!(Stand::free(u64::MAX).read(now, micros(now)), (AgentState::Idle, Some(MASK)));
    }
}
