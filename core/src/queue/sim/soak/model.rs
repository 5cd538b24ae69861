//! What is so: agents, queues and calls as plain lists. Everything is worked out anew whenever it is asked for.

use std::collections::BTreeMap;

use crate::id::{CallId, QueueId, UserId};
use crate::people::Availability;
use crate::queue::router::{AgentSettings, POINT_SECONDS, PauseReason, Rest};
use crate::queue::{Mode, QueueSettings, Rule, SkillNeed};

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: UserId,
    pub(super) settings: AgentSettings,
    pub(super) chosen: Availability,
    pub(super) reachable: bool,
    /// Calls in hand that no queue gave them.
    pub(super) elsewhere: u32,
    pub(super) missed: u8,
    /// Why and until when they rest.
    pub(super) rest: Option<(Rest, u64)>,
    /// The break that is to come.
    pub(super) pause: Option<PauseReason>,
}

impl Agent {
    pub(super) fn works(&self) -> bool {
        matches!(self.chosen, Availability::Available | Availability::OnDemand)
    }

    pub(super) fn is_present(&self) -> bool {
        self.works() && self.reachable
    }

    /// Calls at once.
    pub(super) fn room(&self) -> usize {
        if self.chosen == Availability::OnDemand { 1 } else { usize::from(self.settings.capacity) }
    }

    pub(super) fn rests(&self, now: u64) -> Option<Rest> {
        self.rest.filter(|(_, until)| *until > now).map(|(rest, _)| rest)
    }

    /// Of two rests the longer one counts.
    pub(super) fn rest(&mut self, now: u64, rest: Rest, length: u64) {
        if length > 0 && self.rest.is_none_or(|(_, until)| until < now + length) {
            self.rest = Some((rest, now + length));
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) exists: bool,
    pub(super) settings: QueueSettings,
    pub(super) version: u32,
    /// Since when no member is there.
    pub(super) empty_since: Option<u64>,
    /// What it needs at first and after how many milliseconds of waiting.
    steps: Vec<Step>,
    tiers: Vec<u16>,
}

#[derive(Debug)]
struct Step {
    after: u64,
    replaces: bool,
    skills: Vec<SkillNeed>,
    rule: Option<Rule>,
}

impl Queue {
    pub(super) fn new(id: QueueId, settings: QueueSettings, version: u32) -> Self {
        let step = |after: u32, mode, skills: &[SkillNeed], rule: Option<&String>| Step {
            after: u64::from(after) * 1_000,
            replaces: mode == Mode::Replace,
            skills: skills.iter().filter(|need| need.required).cloned().collect(),
            rule: rule.map(|text| Rule::compile(text).unwrap_or_else(|_| Rule::never())),
        };
        let mut steps = vec![step(0, Mode::Replace, &settings.skills, settings.rule.as_ref())];
        steps.extend(settings.relax.iter().map(|r| step(r.after_seconds, r.mode, &r.skills, r.rule.as_ref())));
        let mut tiers: Vec<u16> = settings.members.iter().map(|member| member.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        Self { id, exists: true, settings, version, empty_since: None, steps, tiers }
    }

    /// The last tier that is asked after so long a wait.
    fn last_tier(&self, waited: u64) -> u16 {
        let every = u64::from(self.settings.tier_wait_seconds) * 1_000;
        let open = waited.checked_div(every).map_or(self.tiers.len(), |open| open as usize);
        self.tiers.get(open).or(self.tiers.last()).copied().unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// At these agents.
    Rings(Vec<usize>),
    Talks {
        agent: usize,
        /// Seconds of wrap-up that the queue wants after it.
        wrap_up: u32,
    },
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u64,
    /// Its queue; `None` when that is gone.
    pub(super) queue: Option<usize>,
    /// Since when it waits, as its place goes.
    pub(super) since: u64,
    /// When it came, or came back.
    pub(super) entered: u64,
    pub(super) priority: i8,
    pub(super) needs: Vec<SkillNeed>,
    /// The agent it waits for, and until when.
    pub(super) wish: Option<(usize, u64)>,
    pub(super) stage: Stage,
    /// Who rang in vain and has not been told.
    pub(super) losers: Vec<usize>,
    /// When it began to ring, up to when all had been done then (a step of what it needs may be due at that instant), and when settings
    /// have changed since.
    pub(super) sought: Vec<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    /// Up to when all that was due has been done.
    pub(super) handled: u64,
    pub(super) agents: Vec<Agent>,
    pub(super) queues: Vec<Queue>,
    pub(super) calls: BTreeMap<CallId, Call>,
}

impl Model {
    pub(super) fn agent_at(&self, id: UserId) -> Option<usize> {
        self.agents.iter().position(|agent| agent.id == id)
    }

    /// The queues that are not removed.
    pub(super) fn existing(&self) -> Vec<usize> {
        (0..self.queues.len()).filter(|queue| self.queues[*queue].exists).collect()
    }

    /// Calls in hand.
    pub(super) fn engaged(&self, agent: usize) -> usize {
        let talks = |call: &&Call| matches!(call.stage, Stage::Talks { agent: other, .. } if other == agent);
        self.agents[agent].elsewhere as usize + self.calls.values().filter(talks).count()
    }

    /// Calls that ring.
    pub(super) fn rung(&self, agent: usize) -> usize {
        let rings = |call: &&Call| {
            call.losers.contains(&agent) || matches!(&call.stage, Stage::Rings(agents) if agents.contains(&agent))
        };
        self.calls.values().filter(rings).count()
    }

    /// Who can be offered a call.
    pub(super) fn is_idle(&self, at: usize) -> bool {
        let agent = &self.agents[at];
        agent.is_present() && agent.rests(self.now).is_none() && self.engaged(at) < agent.room() && self.rung(at) == 0
    }

    /// Whether a call may go to somebody by its queue, at some time.
    pub(super) fn fits(&self, call: &Call, agent: usize, at: u64) -> bool {
        let Some(queue) = call.queue.map(|queue| &self.queues[queue]) else { return false };
        let agent = &self.agents[agent];
        let Some(member) = queue.settings.members.iter().find(|member| member.agent_id == agent.id) else {
            return false;
        };
        let waited = at.saturating_sub(call.since);
        let has = |need: &SkillNeed| {
            let own = agent.settings.skills.iter().find(|skill| skill.name == need.name);
            own.is_some_and(|skill| skill.level >= need.level)
        };
        let mut fits = false;
        for (n, step) in queue.steps.iter().enumerate().take_while(|(_, step)| step.after <= waited) {
            let own = call.needs.iter().filter(|need| n == 0 && need.required);
            let fits_this = step.skills.iter().chain(own).all(has)
                && step.rule.as_ref().is_none_or(|rule| rule.admits(&agent.settings.skills));
            fits = fits_this || (fits && !step.replaces);
        }
        fits && member.tier <= queue.last_tier(waited)
    }

    /// What it is served by: lower goes first.
    pub(super) fn turn(&self, call: &Call) -> i64 {
        let weight = call.queue.map_or(0, |queue| self.queues[queue].settings.weight);
        call.since as i64 - (i64::from(call.priority) + i64::from(weight)) * POINT_SECONDS * 1_000
    }

    /// When a waiting call must leave its queue.
    pub(super) fn deadline(&self, call: &Call) -> Option<u64> {
        let seconds = call.queue.map_or(0, |queue| self.queues[queue].settings.max_wait_seconds);
        (seconds > 0).then(|| call.entered + u64::from(seconds) * 1_000)
    }

    /// When it must leave because nobody is there. Whom it waits for is there.
    pub(super) fn given_up(&self, call: &Call) -> Option<u64> {
        if call.wish.is_some_and(|(_, until)| until > self.now) {
            return None;
        }
        let queue = &self.queues[call.queue?];
        let patience = u64::from(queue.settings.no_agent_wait_seconds?) * 1_000;
        Some(call.entered.max(queue.empty_since?) + patience)
    }

    pub(super) fn waiting(&self, queue: usize) -> usize {
        self.calls.values().filter(|call| call.queue == Some(queue) && call.stage == Stage::Waiting).count()
    }

    /// The members of a queue, as places in the list of agents.
    pub(super) fn members(&self, queue: usize) -> impl Iterator<Item = usize> {
        self.queues[queue].settings.members.iter().filter_map(|member| self.agent_at(member.agent_id))
    }

    /// Notes since when queues are empty, and lets go of wishes for those who are not there.
    pub(super) fn settle(&mut self) {
        for queue in 0..self.queues.len() {
            let present = self.members(queue).any(|agent| self.agents[agent].is_present());
            let since = self.queues[queue].empty_since.unwrap_or(self.now);
            self.queues[queue].empty_since = (!present).then_some(since);
        }
        for call in self.calls.values_mut() {
            call.wish.take_if(|(agent, _)| !self.agents[*agent].is_present());
        }
    }

    /// Some agents look different now: what rings may ring others.
    pub(super) fn look_again(&mut self, concerns: impl Fn(Option<usize>) -> bool) {
        let now = self.now;
        for call in self.calls.values_mut().filter(|call| concerns(call.queue)) {
            call.sought.push(now);
        }
    }
}
