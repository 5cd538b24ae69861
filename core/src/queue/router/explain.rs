//! Why an agent is, or is not, offered a call: worked out when it is asked for, from what the router knows at that moment.

use std::time::Instant;

use rustc_hash::FxHashMap;

use super::agent::AgentState;
use super::call::{Call, CallState};
use super::pool::{Alternative, CallIx, Requirement, SkillIx};
use super::queue::{NumberedRule, Place, Queue};
use super::setup::{fit, order};
use super::{AgentIx, Router};
use crate::id::{CallId, UserId};

/// An agent, seen from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub agent: UserId,
    /// The tier; 0 for those who are no members.
    pub tier: u16,
    /// How the agent stands to the call.
    pub standing: Standing,
    /// How well they fit, before anything else is compared: with the strategy `best_skill` the sum of their levels of what the call needs,
    /// else how much of what it prefers they have.
    pub fit: u16,
    /// What the queue's strategy compares of those who are free, or were: lower goes first. Milliseconds since the router began, turns,
    /// calls or seconds by the strategy.
    pub order: Option<u64>,
}

/// How an agent stands to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The call rings here, or was taken here.
    Chosen,
    /// Could be offered the call.
    Free,
    /// Could be, and was asked in vain before.
    Tried,
    /// Could be, but the call waits for another agent, whom it should go to.
    Kept,
    /// Does not have what the call needs now.
    Unfit,
    /// Belongs to a tier that is not asked yet.
    LaterTier,
    /// Is no member of the queue.
    NoMember,
    /// Cannot take a call now.
    Unavailable(AgentState),
}

impl Standing {
    /// How somebody stands who could be asked; `tried` is who was asked in vain.
    pub(super) const fn of(state: AgentState, tried: bool) -> Self {
        match state {
            AgentState::Idle if tried => Self::Tried,
            AgentState::Idle => Self::Free,
            state => Self::Unavailable(state),
        }
    }

    const fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::Tried)
    }
}

impl Requirement {
    /// See [`Router::needed`].
    pub(super) fn needed(&self, rules: &[NumberedRule], skills: &FxHashMap<String, SkillIx>) -> Option<String> {
        let level = |(skill, least): &(SkillIx, u8)| {
            #[expect(clippy::disallowed_methods, reason = "a number is one name's, in whatever order they come")]
            let name = skills.iter().find(|(_, number)| *number == skill).map(|(name, _)| name.as_str());
            format!("{} >= {least}", name.unwrap_or_default())
        };
        let words = |alternative: &Alternative| {
            let rule = alternative.rule.and_then(|rule| rules.get(usize::from(rule)));
            let levels = alternative.skills.iter().map(level);
            let parts: Vec<String> = levels.chain(rule.map(|rule| rule.text.clone())).collect();
            if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(") && (")) }
        };
        let each: Vec<String> = self.alternatives.iter().map(words).collect();
        match each.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(format!("({})", several.join(") || ("))),
        }
    }
}

impl Router {
    /// How every member of a call's queue stands to it, in the order of tier and position. Costs O(members). Empty for a call that the
    /// router does not know.
    #[must_use]
    pub fn candidates(&self, now: Instant, call: CallId) -> Vec<Candidate> {
        let Some(at) = self.call_ix.get(&call).copied() else { return Vec::new() };
        let view = self.view(now, at);
        let places = view.queue.map(|queue| queue.places.as_slice()).unwrap_or_default();
        places.iter().map(|place| self.candidate(&view, place.agent, Some(place))).collect()
    }

    /// The same where the router [tells it with its offers](Router::explaining); empty for a call of a larger queue.
    #[must_use]
    pub fn explained(&self, now: Instant, call: CallId) -> Vec<Candidate> {
        let at = self.call_ix.get(&call).map(|at| self.calls[*at as usize].queue);
        let queue = at.and_then(|at| self.queues.get(at as usize));
        let is_told = queue.is_some_and(|queue| queue.places.len() <= self.explained_max);
        if is_told { self.candidates(now, call) } else { Vec::new() }
    }

    /// How one agent stands to a call; `None` for a call or an agent that the router does not know.
    #[must_use]
    pub fn standing(&self, now: Instant, call: CallId, agent: UserId) -> Option<Candidate> {
        let (call, agent) = (*self.call_ix.get(&call)?, *self.agent_ix.get(&agent)?);
        let view = self.view(now, call);
        let place = view.queue.and_then(|queue| queue.places.iter().find(|place| place.agent == agent));
        Some(self.candidate(&view, agent, place))
    }

    /// The skills that somebody has to have to be offered a call now, as a rule reads: `german >= 5 && english >= 2`. `None` where nobody has
    /// to have any, and for a call that the router does not know.
    #[must_use]
    pub fn needed(&self, now: Instant, call: CallId) -> Option<String> {
        let view = self.view(now, *self.call_ix.get(&call)?);
        view.requirement.needed(&view.queue?.rules, &self.skills)
    }

    fn view(&self, now: Instant, at: CallIx) -> View<'_> {
        let call = &self.calls[at as usize];
        let queue = self.queues.get(call.queue as usize);
        let waited = now.saturating_duration_since(call.since);
        let requirement = queue.map(|queue| queue.requirement(call.needs.as_deref(), waited)).unwrap_or_default();
        View { now, call, queue, requirement }
    }

    fn candidate(&self, view: &View<'_>, agent_at: AgentIx, place: Option<&Place>) -> Candidate {
        let (call, agent) = (view.call, &self.agents[agent_at as usize]);
        let chosen = matches!(call.state, CallState::Taken { agent, .. } if agent == agent_at)
            || call.offers.contains(&agent_at);
        let kept = call.state == CallState::Waiting && call.wish.is_some_and(|wish| wish.agent != agent_at);
        let standing = match (view.queue, place) {
            _ if chosen => Standing::Chosen,
            (Some(queue), Some(place)) => {
                let out = view.requirement.keeps_out(place.tier, &queue.rules, &agent.skills);
                let standing = Standing::of(agent.state(view.now), call.tried.contains(&agent_at));
                out.unwrap_or(if standing.is_free() && kept { Standing::Kept } else { standing })
            }
            _ => Standing::NoMember,
        };
        let strategy = view.queue.map(|queue| queue.settings.strategy).unwrap_or_default();
        let is_compared = standing.is_free() || matches!(standing, Standing::Chosen | Standing::Kept);
        let order = is_compared.then(|| order(strategy, agent, place));
        let rules = view.queue.map(|queue| queue.rules.as_slice()).unwrap_or_default();
        let fit = fit(strategy, &view.requirement, rules, &agent.skills);
        Candidate { agent: agent.id, tier: place.map_or(0, |place| place.tier), standing, fit, order }
    }
}

/// A call, seen at a moment.
struct View<'a> {
    now: Instant,
    call: &'a Call,
    queue: Option<&'a Queue>,
    requirement: Requirement,
}
