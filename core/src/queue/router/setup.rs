//! Queues, agents and pools come, change and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_ivr::expr::Value;
use rustc_hash::FxHashMap;

use super::agent::{Agent, AgentState};
use super::call::CallState;
use super::explain::Standing;
use super::io::OverflowReason;
use super::pool::{AgentIx, CallIx, FIT_MAX, Pool, Requirement, Seat, SkillIx, level};
use super::queue::{NumberedRule, Place, Queue};
use super::stand::{Roster, Rostered, Stand};
use super::{Due, Router, retime};
use crate::id::{QueueId, UserId};
use crate::queue::{AgentSettings, QueueSettings, Strategy};

/// The most pools of a queue that are kept while nobody waits in them.
const POOLS_MAX: usize = 64;
/// A queue that is gone.
pub(super) const GONE: u32 = u32::MAX;

/// The number of a skill.
pub(super) fn number(skills: &mut FxHashMap<String, SkillIx>, name: &str) -> SkillIx {
    match skills.get(name) {
        Some(number) => *number,
        None => {
            let number = skills.len() as SkillIx;
            skills.insert(name.to_owned(), number);
            number
        }
    }
}

/// Where a strategy goes by how long agents have had no call, or how little they talked, those who have one in hand and room for another
/// come after all who have none: what is compared of them is higher by so much. In milliseconds it is more than a year.
pub const IN_HAND: u64 = 1 << 35;

/// What a strategy compares of an agent: lower goes first.
pub(super) fn order(strategy: Strategy, agent: &Agent, place: Option<&Place>) -> u64 {
    let in_hand = |order: u64| order.min(IN_HAND - 1) + if agent.engaged > 0 { IN_HAND } else { 0 };
    match strategy {
        Strategy::LongestIdle | Strategy::BestSkill | Strategy::RingAll | Strategy::RingProgressively => {
            in_hand(agent.idle_since)
        }
        Strategy::RoundRobin => place.map_or(0, |place| place.turn),
        Strategy::FewestCalls => agent.calls_taken.into(),
        Strategy::LeastTalkTime => in_hand(agent.talked.as_secs()),
        Strategy::TopDown | Strategy::Random | Strategy::WeightedRandom => 0,
    }
}

impl Router {
    pub(super) fn configure(&mut self, now: Instant, id: QueueId, settings: QueueSettings, version: u32) {
        match self.queue_ix.get(&id).copied() {
            Some(at) => self.remake(now, at, settings, version),
            None => {
                let queue = self.make(now, id, settings, version);
                let at = self.queues.insert(queue) as u32;
                self.queue_ix.insert(id, at);
                self.join_members(now, at);
                self.watch_presence(now, at, now);
            }
        }
    }

    fn make(&mut self, now: Instant, id: QueueId, settings: QueueSettings, version: u32) -> Queue {
        let mut places: Vec<(u16, u16, UserId, Place)> = Vec::with_capacity(settings.members.len());
        for member in &settings.members {
            let agent = self.agent_at(now, member.agent_id);
            let place = Place { agent, tier: member.tier, weight: member.weight, turn: 0 };
            places.push((member.tier, member.position, member.agent_id, place));
        }
        places.sort_by_key(|(tier, position, agent, _)| (*tier, *position, *agent));
        let places = places.into_iter().map(|(.., place)| place).collect();
        Queue::new(id, settings, version, places, &mut |name| number(&mut self.skills, name))
    }

    /// Notes the membership with the agents, and how they stand.
    fn join_members(&mut self, now: Instant, at: u32) {
        let stands = self.stands_of(now, &self.queues[at as usize]);
        self.queues[at as usize].stands = stands;
        let queue = &mut self.queues[at as usize];
        for (member, place) in queue.places.iter().enumerate() {
            let agent = &mut self.agents[place.agent as usize];
            agent.member_of.push((at, member as u32));
            queue.present += u32::from(agent.is_present());
            queue.free += u32::from(agent.free);
        }
    }

    /// Gives a queue new settings, or sorts its members anew. Calls keep their turn.
    fn remake(&mut self, now: Instant, at: u32, settings: QueueSettings, version: u32) {
        let mut calls: Vec<CallIx> = self.calls_of(at);
        calls.sort_by_key(|call| (self.calls[*call as usize].turn, *call));
        for call in &calls {
            if self.calls[*call as usize].state == CallState::Waiting {
                self.leave_line(*call);
            }
        }
        let id = self.queues[at as usize].id;
        let new = self.make(now, id, settings, version);
        let mut old = std::mem::replace(&mut self.queues[at as usize], new);
        self.part_members(&old);
        // Whose turn it is among the members goes on.
        let turns: FxHashMap<AgentIx, u64> = old.places.drain(..).map(|place| (place.agent, place.turn)).collect();
        let queue = &mut self.queues[at as usize];
        for place in &mut queue.places {
            place.turn = turns.get(&place.agent).copied().unwrap_or_default();
        }
        (queue.timer, queue.empty_since) = (old.timer, old.empty_since);
        self.join_members(now, at);
        let max_wait = self.queues[at as usize].settings.max_wait_seconds;
        for at in &calls {
            let call = &mut self.calls[*at as usize];
            call.set_deadline(max_wait);
            let (since, priority) = (call.since, call.priority);
            let turn = self.micros(since) - self.queues[self.calls[*at as usize].queue as usize].credit(priority);
            self.calls[*at as usize].turn = turn;
        }
        for call in calls {
            match self.calls[call as usize].state {
                CallState::Waiting => self.seek(now, call),
                CallState::Offered => self.ring_on(now, call),
                CallState::Taken { .. } => {}
            }
        }
        self.watch_presence(now, at, now);
        // How long callers wait at an empty desk may have changed for those who wait there.
        if self.queues[at as usize].timer.is_some() {
            self.set_queue_timer(at, Some(now));
        }
    }

    /// Calls of a queue in any state.
    fn calls_of(&self, at: u32) -> Vec<CallIx> {
        self.calls.iter().filter(|(_, call)| call.queue == at).map(|(call, _)| call as CallIx).collect()
    }

    fn part_members(&mut self, queue: &Queue) {
        let Some(at) = self.queue_ix.get(&queue.id).copied() else { return };
        for place in &queue.places {
            let agent = &mut self.agents[place.agent as usize];
            agent.seats.retain(|seat| seat.queue != at);
            agent.member_of.retain(|(queue, _)| *queue != at);
        }
    }

    pub(super) fn remove_queue(&mut self, now: Instant, id: QueueId) {
        let Some(at) = self.queue_ix.get(&id).copied() else { return };
        for call in self.calls_of(at) {
            if self.calls[call as usize].state == CallState::Waiting {
                self.leave_line(call);
                self.overflow(now, call, OverflowReason::NoQueue);
            } else {
                // What rings may still be answered.
                self.set_call_timer(call, None);
                self.calls[call as usize].queue = GONE;
            }
        }
        self.set_queue_timer(at, None);
        let queue = self.queues.remove(at as usize);
        self.part_members(&queue);
        self.queue_ix.remove(&id);
    }

    pub(super) fn configure_agent(&mut self, now: Instant, id: UserId, settings: &AgentSettings) {
        let at = self.agent_at(now, id);
        let mut skills: Vec<(SkillIx, u8)> =
            settings.skills.iter().map(|skill| (number(&mut self.skills, &skill.name), skill.level)).collect();
        skills.sort_unstable();
        let agent = &mut self.agents[at as usize];
        agent.capacity = settings.capacity.max(1);
        agent.missed_max = settings.missed_max;
        agent.wrap_up = settings.wrap_up_seconds;
        let same = std::mem::replace(&mut agent.skills, skills.clone()) == skills;
        // Calls that are sorted anew must not find who takes fewer calls now; and of all queues the first by its turn is to be found
        // by whoever learned something, not the first of the queue that is sorted first.
        if !same || agent.state(now) != AgentState::Idle {
            self.withdraw(at);
        }
        let agent = &self.agents[at as usize];
        if !same {
            for (queue, _) in agent.member_of.clone() {
                let found = &self.queues[queue as usize];
                if found.reads_skills() {
                    let (settings, version) = (found.settings.clone(), found.version);
                    self.remake(now, queue, settings, version);
                }
            }
        }
        self.review(now, at);
    }

    /// Changes something of which it depends whether an agent is there.
    pub(super) fn change_presence(&mut self, now: Instant, at: AgentIx, change: impl FnOnce(&mut Agent)) {
        let agent = &mut self.agents[at as usize];
        let before = agent.is_present();
        change(agent);
        let after = agent.is_present();
        // Calls that look for somebody else because of it tell how the agent stands now.
        self.note_state(now, at);
        if before != after {
            for (queue, _) in self.agents[at as usize].member_of.clone() {
                let present = &mut self.queues[queue as usize].present;
                *present = if after { *present + 1 } else { *present - 1 };
                self.watch_presence(now, queue, now);
            }
            if !after {
                self.give_up_on(now, at);
            }
        }
        self.review(now, at);
    }

    /// Calls that waited for somebody who is gone look for others.
    fn give_up_on(&mut self, now: Instant, at: AgentIx) {
        let line = self.agents[at as usize].own_line.clone();
        for (_, call) in line {
            self.leave_line(call);
            self.calls[call as usize].wish = None;
            self.seek(now, call);
        }
    }

    /// Notes since when nobody is in a queue, and sets or clears its timer; `entered` is when the latest that waits came.
    pub(super) fn watch_presence(&mut self, now: Instant, at: u32, entered: Instant) {
        let queue = &mut self.queues[at as usize];
        let patience = queue.settings.no_agent_wait_seconds.filter(|_| queue.present == 0);
        queue.empty_since = (queue.present == 0).then(|| queue.empty_since.unwrap_or(now));
        // Who comes to an empty desk waits as long as those who saw it empty.
        let wanted = patience.filter(|_| queue.waiting > 0).map(|seconds| {
            let since = queue.empty_since.map_or(entered, |empty| empty.max(entered));
            let until = since + Duration::from_secs(seconds.into());
            queue.timer.map_or(until, |timer| timer.min(until))
        });
        self.set_queue_timer(at, wanted);
    }

    fn set_queue_timer(&mut self, at: u32, wanted: Option<Instant>) {
        let queue = &mut self.queues[at as usize];
        retime(&mut self.timers, &mut queue.timer, wanted, Due::Queue(at));
    }

    /// Those who have waited long enough at an empty desk go.
    pub(super) fn queue_due(&mut self, now: Instant, at: u32) {
        let Some(queue) = self.queues.get_mut(at as usize) else { return };
        queue.timer = None;
        let (Some(empty_since), Some(seconds)) = (queue.empty_since, queue.settings.no_agent_wait_seconds) else {
            return;
        };
        let patience = Duration::from_secs(seconds.into());
        let mut next = None;
        for call in self.calls_of(at) {
            let found = &self.calls[call as usize];
            // Whom a call waits for is there.
            if found.state != CallState::Waiting || found.wish.is_some() {
                continue;
            }
            let until = found.entered.max(empty_since) + patience;
            if until <= now {
                self.leave_line(call);
                self.overflow(now, call, OverflowReason::NoAgents);
            } else {
                next = Some(next.map_or(until, |next: Instant| next.min(until)));
            }
        }
        self.set_queue_timer(at, next);
    }

    pub(super) fn begin_day(&mut self) {
        let agents: Vec<AgentIx> = self.agents.iter().map(|(at, _)| at as AgentIx).collect();
        for at in agents {
            self.set_worked(at, 0, Duration::ZERO);
        }
    }

    /// Sets what an agent did today, which may change their places in the pools.
    pub(super) fn set_worked(&mut self, at: AgentIx, calls: u32, talked: Duration) {
        let agent = &mut self.agents[at as usize];
        (agent.calls_taken, agent.talked) = (calls, talked);
        if agent.free {
            self.withdraw(at);
            self.present(at);
        }
    }

    /// The agent takes part in their pools.
    pub(super) fn present(&mut self, at: AgentIx) {
        let agent = &mut self.agents[at as usize];
        agent.free = true;
        for (queue, _) in &agent.member_of {
            self.queues[*queue as usize].free += 1;
        }
        for seat in &agent.seats {
            let queue = &mut self.queues[seat.queue as usize];
            queue.seat(seat, agent);
        }
    }

    /// The agent takes part no more.
    pub(super) fn withdraw(&mut self, at: AgentIx) {
        let agent = &mut self.agents[at as usize];
        if !std::mem::take(&mut agent.free) {
            return;
        }
        for (queue, _) in &agent.member_of {
            self.queues[*queue as usize].free -= 1;
        }
        for seat in &agent.seats {
            self.queues[seat.queue as usize].pools[seat.pool as usize].leave(seat.place);
        }
    }

    /// The pool of a call, by what it needs now; made when it is new.
    pub(super) fn pool_for(&mut self, now: Instant, at: CallIx) -> u32 {
        let call = &self.calls[at as usize];
        let queue = &mut self.queues[call.queue as usize];
        let plain = call.needs.is_none() && queue.is_plain;
        if let Some(pool) = queue.plain.filter(|_| plain) {
            return pool;
        }
        let requirement = queue.requirement(call.needs.as_deref(), now.saturating_duration_since(call.since));
        self.count += 1;
        let pool = match queue.by_requirement.get(&requirement) {
            Some(pool) => {
                queue.pools[*pool as usize].used = self.count;
                *pool
            }
            None => {
                let queue = call.queue;
                self.forget_a_pool(queue);
                self.make_pool(queue, requirement)
            }
        };
        if plain {
            let queue = self.calls[at as usize].queue;
            self.queues[queue as usize].plain = Some(pool);
        }
        pool
    }

    /// Makes room for a pool: the one that was not used longest goes.
    fn forget_a_pool(&mut self, at: u32) {
        let queue = &mut self.queues[at as usize];
        if queue.pools.len() < POOLS_MAX {
            return;
        }
        let idle = queue.pools.iter().filter(|(pool, found)| found.is_idle() && queue.plain != Some(*pool as u32));
        let Some(oldest) = idle.min_by_key(|(_, pool)| pool.used).map(|(pool, _)| pool) else { return };
        let pool = queue.pools.remove(oldest);
        queue.by_requirement.remove(&pool.requirement);
        for agent in pool.agents {
            self.agents[agent as usize].seats.retain(|seat| (seat.queue, seat.pool) != (at, oldest as u32));
        }
    }

    fn make_pool(&mut self, at: u32, requirement: Requirement) -> u32 {
        let queue = &mut self.queues[at as usize];
        let strategy = queue.settings.strategy;
        let pool_at = queue.pools.vacant_key() as u32;
        let is_explained = queue.places.len() <= self.explained_max;
        let (mut agents, mut tiers, mut seats, mut members) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (member, place) in queue.places.iter().enumerate() {
            let Agent { skills, id, .. } = &self.agents[place.agent as usize];
            let out = requirement.keeps_out(place.tier, &queue.rules, skills);
            if out.is_some() && !is_explained {
                continue;
            }
            let fit = fit(strategy, &requirement, &queue.rules, skills);
            if is_explained {
                members.push(Rostered { at: place.agent, agent: *id, tier: place.tier, fit, out });
            }
            if out.is_none() {
                seats.push(Seat {
                    queue: at,
                    pool: pool_at,
                    place: agents.len() as u32,
                    tier: place.tier,
                    fit,
                    weight: if strategy == Strategy::WeightedRandom { place.weight } else { 1 },
                    member: member as u32,
                });
                agents.push(place.agent);
                tiers.push(place.tier);
            }
        }
        let mut pool = Pool::new(strategy, requirement.clone(), agents, &tiers);
        pool.used = self.count;
        pool.roster = is_explained.then(|| {
            let needed = requirement.needed(&queue.rules, &self.skills);
            Arc::new(Roster { members, needed })
        });
        queue.pools.insert(pool);
        for seat in seats {
            let agent = &mut self.agents[queue.places[seat.member as usize].agent as usize];
            if agent.free {
                queue.seat(&seat, agent);
            }
            agent.seats.push(seat);
        }
        queue.by_requirement.insert(requirement, pool_at);
        pool_at
    }
}

impl Queue {
    /// A free agent takes part in a pool.
    pub(super) fn seat(&mut self, seat: &Seat, agent: &Agent) {
        let order = order(self.settings.strategy, agent, self.places.get(seat.member as usize));
        self.pools[seat.pool as usize].join(seat, order);
        if let Some(stand) = self.stands.get_mut(seat.member as usize) {
            *stand = Stand::free(order);
        }
    }
}

impl Requirement {
    /// Why somebody is not to be asked, if so.
    pub(super) fn keeps_out(&self, tier: u16, rules: &[NumberedRule], skills: &[(SkillIx, u8)]) -> Option<Standing> {
        if !admits(self, rules, skills) {
            Some(Standing::Unfit)
        } else {
            (tier > self.last_tier).then_some(Standing::LaterTier)
        }
    }
}

/// Whether somebody fits.
pub(super) fn admits(requirement: &Requirement, rules: &[NumberedRule], skills: &[(SkillIx, u8)]) -> bool {
    let alternatives = &requirement.alternatives;
    alternatives.is_empty()
        || alternatives.iter().any(|alternative| {
            let has = alternative.skills.iter().all(|(skill, least)| level(skills, *skill) >= *least);
            let rule = alternative.rule.and_then(|rule| rules.get(usize::from(rule)));
            has && rule.is_none_or(|numbered| {
                let levels: Vec<Value> =
                    numbered.skills.iter().map(|skill| Value::Int(level(skills, *skill).into())).collect();
                numbered.rule.holds(&levels)
            })
        })
}

/// How well somebody fits: with [`Strategy::BestSkill`] the sum of their levels of what is named, by rules too, else how much of what is
/// preferred they have.
pub(super) fn fit(
    strategy: Strategy,
    requirement: &Requirement,
    rules: &[NumberedRule],
    skills: &[(SkillIx, u8)],
) -> u16 {
    let sum = match strategy {
        Strategy::BestSkill => {
            let mut named: Vec<SkillIx> =
                requirement.alternatives.iter().flat_map(|one| &one.skills).map(|(skill, _)| *skill).collect();
            let by_rules = requirement.alternatives.iter().filter_map(|one| rules.get(usize::from(one.rule?)));
            named.extend(by_rules.flat_map(|numbered| &numbered.skills));
            named.extend(requirement.preferred.iter().map(|(skill, _)| *skill));
            named.sort_unstable();
            named.dedup();
            named.into_iter().map(|skill| u32::from(level(skills, skill))).sum()
        }
        _ => requirement.preferred.iter().filter(|(skill, least)| level(skills, *skill) >= *least).count() as u32,
    };
    u16::try_from(sum).unwrap_or(FIT_MAX).min(FIT_MAX)
}
