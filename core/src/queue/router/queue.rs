//! What the router knows of a queue.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use slab::Slab;

use super::call::Needs;
use super::pool::{AgentIx, Alternative, Levels, Pool, Requirement, SkillIx};
use super::stand::Stand;
use crate::id::QueueId;
use crate::queue::{Mode, QueueSettings, Rule, SkillNeed};

/// A point of priority or weight is worth as much as so many seconds of waiting.
pub const POINT_SECONDS: i64 = 6;

/// A member of a queue, in the order of tier and position.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) agent: AgentIx,
    pub(super) tier: u16,
    pub(super) weight: u16,
    /// When they were last offered a call of the queue: a count.
    pub(super) turn: u64,
}

/// A step of what the queue needs.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) after: Duration,
    mode: Mode,
    alternative: Alternative,
    preferred: Levels,
}

/// A rule with the numbers of its skills.
#[derive(Debug, Clone)]
pub(super) struct NumberedRule {
    pub(super) text: String,
    pub(super) rule: Rule,
    pub(super) skills: Vec<SkillIx>,
}

#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) settings: QueueSettings,
    pub(super) version: u32,
    pub(super) places: Vec<Place>,
    /// How each of them stands, where the queue tells that.
    pub(super) stands: Vec<Stand>,
    pub(super) pools: Slab<Pool>,
    pub(super) by_requirement: FxHashMap<Requirement, u32>,
    pub(super) rules: Vec<NumberedRule>,
    /// What it needs at first; the first step.
    pub(super) steps: Vec<Step>,
    /// The tiers there are, in order.
    pub(super) tiers: Vec<u16>,
    /// The pool of calls without needs, while nothing depends on time.
    pub(super) plain: Option<u32>,
    /// Whether what a call without needs of its own requires is the same however long it waits.
    pub(super) is_plain: bool,
    /// When the next callers go because nobody is there.
    pub(super) timer: Option<Instant>,
    /// Since when nobody is there.
    pub(super) empty_since: Option<Instant>,
    /// Calls in lines.
    pub(super) waiting: u32,
    /// Those of them with somebody on the line.
    pub(super) on_line: u32,
    /// Members who are there.
    pub(super) present: u32,
    /// Members who are free.
    pub(super) free: u32,
}

/// Gives skills their numbers.
pub(super) type Numbers<'a> = &'a mut dyn FnMut(&str) -> SkillIx;

/// Needed and preferred skills by number, each in order.
pub(super) fn numbered(skills: &[SkillNeed], numbers: Numbers<'_>) -> Needs {
    let mut needs = Needs::default();
    for skill in skills {
        let list = if skill.required { &mut needs.required } else { &mut needs.preferred };
        list.push((numbers(&skill.name), skill.level));
    }
    needs.required.sort_unstable();
    needs.preferred.sort_unstable();
    needs
}

impl Queue {
    pub(super) fn new(
        id: QueueId,
        settings: QueueSettings,
        version: u32,
        places: Vec<Place>,
        numbers: Numbers<'_>,
    ) -> Self {
        let mut rules = Vec::new();
        let mut step = |after, mode, skills: &[SkillNeed], rule: Option<&String>| {
            let Needs { required, preferred } = numbered(skills, &mut *numbers);
            // Rules were checked when they were set; one that is none lets nobody pass rather than everybody.
            let rule = rule.map(|text| {
                let rule = Rule::compile(text).unwrap_or_else(|_| Rule::never());
                let skills = rule.names().iter().map(|name| numbers(name)).collect();
                rules.push(NumberedRule { text: text.clone(), rule, skills });
                (rules.len() - 1) as u16
            });
            Step { after, mode, alternative: Alternative { skills: required, rule }, preferred }
        };
        let mut steps = vec![step(Duration::ZERO, Mode::Replace, &settings.skills, settings.rule.as_ref())];
        for relaxation in &settings.relax {
            let after = Duration::from_secs(relaxation.after_seconds.into());
            steps.push(step(after, relaxation.mode, &relaxation.skills, relaxation.rule.as_ref()));
        }
        let mut tiers: Vec<u16> = places.iter().map(|place| place.tier).collect();
        tiers.dedup();
        let (pools, by_requirement) = (Slab::new(), FxHashMap::default());
        let (plain, waiting, present, free) = (None, 0, 0, 0);
        let mut queue = Self {
            id,
            settings,
            version,
            places,
            stands: Vec::new(),
            pools,
            by_requirement,
            rules,
            steps,
            tiers,
            plain,
            is_plain: false,
            timer: None,
            empty_since: None,
            waiting,
            on_line: 0,
            present,
            free,
        };
        queue.is_plain = queue.stays_the_same();
        queue
    }

    fn stays_the_same(&self) -> bool {
        self.steps.len() == 1
            && self.steps.iter().all(|step| step.alternative.is_everyone() && step.preferred.is_empty())
            && (self.settings.tier_wait_seconds == 0 || self.tiers.len() < 2)
    }

    /// The last tier that is open after so long a wait.
    fn last_tier(&self, waited: Duration) -> u16 {
        let last = self.tiers.last().copied().unwrap_or(u16::MAX);
        match u64::from(self.settings.tier_wait_seconds) {
            0 => last,
            every => {
                let open = usize::try_from(waited.as_secs() / every).unwrap_or(usize::MAX);
                self.tiers.get(open).copied().unwrap_or(last)
            }
        }
    }

    /// Whom a call may go to after so long a wait.
    pub(super) fn requirement(&self, needs: Option<&Needs>, waited: Duration) -> Requirement {
        let mut requirement = Requirement { last_tier: self.last_tier(waited), ..Requirement::default() };
        for (n, step) in self.steps.iter().enumerate().take_while(|(_, step)| step.after <= waited) {
            if step.mode == Mode::Replace {
                requirement.alternatives.clear();
                requirement.preferred.clear();
            }
            let mut alternative = step.alternative.clone();
            requirement.preferred.extend_from_slice(&step.preferred);
            // What the call itself needs goes with what the queue needs at first.
            if let Some(needs) = needs.filter(|_| n == 0) {
                alternative.skills.extend_from_slice(&needs.required);
                requirement.preferred.extend_from_slice(&needs.preferred);
            }
            alternative.skills.sort_unstable();
            requirement.alternatives.push(alternative);
        }
        requirement.preferred.sort_unstable();
        if requirement.alternatives.iter().any(Alternative::is_everyone) {
            requirement.alternatives.clear();
        }
        requirement
    }

    /// After how long a wait the requirement changes next.
    pub(super) fn next_change(&self, waited: Duration) -> Option<Duration> {
        let step = self.steps.iter().map(|step| step.after).filter(|after| *after > waited).min();
        let tier = match u64::from(self.settings.tier_wait_seconds) {
            0 => None,
            every => {
                let next = waited.as_secs() / every + 1;
                (next < self.tiers.len() as u64).then(|| Duration::from_secs(next * every))
            }
        };
        step.into_iter().chain(tier).min()
    }

    /// Whether it matters what agents can do: to who sits in a pool, or in which order.
    pub(super) fn reads_skills(&self) -> bool {
        self.pools.iter().any(|(_, pool)| pool.requirement.reads_skills())
    }

    /// What a call gains on others, in microseconds of waiting.
    pub(super) fn credit(&self, priority: i8) -> i64 {
        (i64::from(priority.clamp(-100, 100)) + i64::from(self.settings.weight.min(100))) * POINT_SECONDS * 1_000_000
    }
}
