//! A day as it will go, apart from what the router decides: who calls when, how long they would wait and talk, who is there.
//!
//! All of it is drawn before the day begins, so that two configurations are compared with the same callers.

use chrono::DateTime;

use super::luck::Luck;
use super::{Plan, PlannedAgent};
use crate::id::{Id, IdSource, QueueId, SeededIds, UserId};
use crate::people::Availability;
use crate::queue::router::AgentSettings;
use crate::queue::{Member, QueueSettings, SkillNeed};

/// A caller.
#[derive(Debug, Clone)]
pub(super) struct ScriptedCall {
    /// When they come, in milliseconds since the day began.
    pub(super) at: u64,
    pub(super) queue: usize,
    pub(super) priority: i8,
    pub(super) needs: Vec<SkillNeed>,
    /// How long they wait at most; `None` for ever.
    pub(super) patience: Option<u64>,
    /// They do not give up then: something else takes them out of the queue.
    pub(super) leaves: bool,
    pub(super) talk: u64,
    /// How long the agent who answers lets it ring; by chance when nothing is said.
    pub(super) rings: Option<u64>,
}

/// An agent.
#[derive(Debug, Clone)]
pub(super) struct ScriptedAgent {
    pub(super) id: UserId,
    pub(super) settings: AgentSettings,
    /// What they choose, and when.
    pub(super) choices: Vec<(u64, Availability)>,
    /// When they have calls that came through no queue.
    pub(super) engaged: Vec<(u64, u64)>,
    /// When they are paid.
    pub(super) planned: Vec<(u64, u64)>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) slice_ms: u64,
    pub(super) slices: usize,
    pub(super) queues: Vec<(QueueId, QueueSettings)>,
    pub(super) agents: Vec<ScriptedAgent>,
    /// In the order in which they come.
    pub(super) calls: Vec<ScriptedCall>,
    /// When the process dies.
    pub(super) deaths: Vec<u64>,
    pub(super) missed_share: f64,
    pub(super) answer_seconds: f64,
}

impl Script {
    pub(super) fn draw(plan: &Plan, seed: u64) -> Self {
        let (ids, mut luck) = (SeededIds::new(seed), Luck::new(seed));
        let mut agents = Vec::new();
        let mut members: Vec<Vec<Member>> = vec![Vec::new(); plan.queues.len()];
        for planned in &plan.agents {
            for _ in 0..planned.count {
                let agent = agent(plan, planned, id(&ids), &mut luck);
                for (queue, members) in plan.queues.iter().zip(&mut members) {
                    if planned.queues.contains(&queue.settings.name) {
                        let position = u16::try_from(members.len() + 1).unwrap_or(u16::MAX);
                        members.push(Member { tier: planned.tier, position, ..Member::new(agent.id) });
                    }
                }
                agents.push(agent);
            }
        }
        let queues = plan.queues.iter().zip(members);
        let queues = queues.map(|(queue, members)| (id(&ids), QueueSettings { members, ..queue.settings.clone() }));
        let queues = queues.collect();
        let mut calls = Vec::new();
        for queue in 0..plan.queues.len() {
            draw_calls(plan, queue, &mut luck, &mut calls);
        }
        calls.sort_by_key(|call| call.at);
        Self {
            slice_ms: plan.slice_ms(),
            slices: plan.slices(),
            queues,
            agents,
            calls,
            deaths: times(plan.crashes_every_seconds, plan.length_ms(), &mut luck),
            missed_share: plan.missed_share,
            answer_seconds: plan.answer_seconds,
        }
    }
}

fn id<K>(ids: &SeededIds) -> Id<K> {
    (ids as &dyn IdSource).id(DateTime::UNIX_EPOCH)
}

fn agent(plan: &Plan, planned: &PlannedAgent, id: UserId, luck: &mut Luck) -> ScriptedAgent {
    let settings =
        AgentSettings { skills: planned.skills.clone(), capacity: planned.capacity, ..AgentSettings::default() };
    let minutes = |minute: u32| u64::from(minute) * 60_000;
    let mut works: Vec<(u64, u64)> =
        planned.shifts.iter().map(|shift| (minutes(shift.from_minute), minutes(shift.to_minute))).collect();
    let always = works.is_empty();
    if always {
        works.push((0, plan.length_ms()));
    }
    let mut choices = vec![(0, Availability::Offline)];
    for (from, to) in &works {
        choices.push((*from, Availability::Available));
        for after in times(plan.breaks_every_seconds, to - from, luck) {
            let begins = from + after;
            let ends = (begins + luck.exponential(plan.break_seconds)).min(*to);
            // A break within a break is one break.
            if choices.last().is_none_or(|(last, _)| *last <= begins) {
                choices.extend([(begins, Availability::Break), (ends, Availability::Available)]);
            }
        }
        // Whoever works all the time stays until the last caller is gone.
        if !always {
            choices.push((*to, Availability::Offline));
        }
    }
    ScriptedAgent { id, settings, choices, engaged: Vec::new(), planned: works }
}

/// Times with exponential gaps of this mean; none for a mean of 0.
fn times(every_seconds: f64, until: u64, luck: &mut Luck) -> Vec<u64> {
    let mut times = Vec::new();
    let mut at = 0;
    if every_seconds <= 0.0 {
        return times;
    }
    loop {
        at += luck.exponential(every_seconds).max(1);
        if at >= until {
            break;
        }
        times.push(at);
    }
    times
}

/// The calls of a queue: exponential gaps at the rate of the slice they fall into.
fn draw_calls(plan: &Plan, queue: usize, luck: &mut Luck, calls: &mut Vec<ScriptedCall>) {
    let (slice_ms, planned) = (plan.slice_ms(), &plan.queues[queue]);
    for (slice, rate) in planned.calls.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
        let (begins, ends) = (slice as u64 * slice_ms, (slice as u64 + 1) * slice_ms);
        // Without memory the wait begins anew with each slice. Parts of a millisecond add up where calls come thick and fast.
        let mut at = begins as f64;
        loop {
            at += luck.gap(slice_ms as f64 / rate);
            if at >= ends as f64 {
                break;
            }
            let needs = match planned.needs.len() {
                0 => Vec::new(),
                kinds => planned.needs[luck.below(kinds)].clone(),
            };
            calls.push(ScriptedCall {
                at: at as u64,
                queue,
                priority: planned.priority,
                needs,
                patience: Some(luck.exponential(planned.patience_seconds)),
                leaves: false,
                talk: luck.log_normal(planned.talk_seconds, planned.talk_deviation),
                rings: None,
            });
        }
    }
}
