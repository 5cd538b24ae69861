//! Days that were: recorded, looked at, and played again with the production router, as they were or with other settings.
//!
//! A recording has each call with its queue, needs and end, and what each agent chose when. [`replay`] sends the same callers into the same
//! centre; to ask what would have been, the queues' settings, the agents' skills or their hours are changed before.
//!
//! What a recording cannot tell is estimated: callers who were answered, or sent on, would have waited longer than they did. How much
//! longer is drawn from an exponential distribution with the most likely mean of the queue's patience, where waits that did not end by giving
//! up are censored: the sum of all waits through the number of those who gave up. Where nobody gave up, they wait as long as it takes.
//! Callers who were not answered talk as long as somebody drawn from those who were.
//!
//! ```
//! use dialplane_core::queue::sim::{Plan, record, replay::replay};
//!
//! let (day, recorded) = record(&Plan::simple(5, &[40.0; 4], 180.0, 120.0), 7);
//! assert_eq!(replay(&recorded, 7).total.answered, day.total.answered);
//!
//! let mut more = recorded.clone();
//! more.queues[0].settings.max_wait_seconds = 5;
//! assert!(replay(&more, 7).total.overflowed > day.total.overflowed);
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Day;
use super::centre::Centre;
use super::luck::Luck;
use super::script::{Script, ScriptedAgent, ScriptedCall};
use crate::id::{QueueId, UserId};
use crate::people::Availability;
use crate::queue::router::AgentSettings;
use crate::queue::{QueueSettings, SkillNeed};

/// A day that was.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedDay {
    /// The length of a slice, in seconds: 1,800 for half an hour.
    pub slice_seconds: u32,
    /// The slices of the day.
    pub slices: usize,
    /// The queues, members included.
    pub queues: Vec<RecordedQueue>,
    /// The agents.
    pub agents: Vec<RecordedAgent>,
    /// The calls, in any order. Those of queues that are not there are passed over.
    pub calls: Vec<RecordedCall>,
}

/// A queue of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedQueue {
    /// Which.
    pub id: QueueId,
    /// Its settings.
    pub settings: QueueSettings,
}

/// An agent of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAgent {
    /// Who.
    pub id: UserId,
    /// What they can do.
    pub settings: AgentSettings,
    /// What they chose, in milliseconds since the day began, in order; off work before. Who can be reached by no phone is off work, too.
    pub choices: Vec<(u64, Availability)>,
    /// Calls that came through no queue: from when to when, in milliseconds since the day began.
    pub engaged: Vec<(u64, u64)>,
}

/// A call of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCall {
    /// When it came into the queue, in milliseconds since the day began.
    pub came_ms: u64,
    /// Which queue.
    pub queue: QueueId,
    /// Its priority.
    pub priority: i8,
    /// What it needed besides the queue.
    pub needs: Vec<SkillNeed>,
    /// How long it waited until it was answered, given up or sent on.
    pub waited_ms: u64,
    /// How long it rang at the one who answered, or when the caller gave up; 0 when it did not.
    pub rang_ms: u64,
    /// Offers that nobody answered.
    pub missed: u32,
    /// How it ended.
    pub end: RecordedEnd,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum RecordedEnd {
    /// Somebody took it.
    Answered {
        /// Who.
        agent: UserId,
        /// How long they talked.
        talked_ms: u64,
    },
    /// The caller gave up.
    Abandoned,
    /// The queue sent it on, by its own settings.
    SentOn,
    /// It left before somebody took it, and not by the queue's settings: by a key or a step of the overflow chain, or where its flow led
    /// it, or as the queue closed. Played again, it leaves after the same wait.
    Left,
}

/// How things stood at an instant of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The queues, in the order of the day.
    pub queues: Vec<QueueThen>,
    /// The agents, in the order of the day.
    pub agents: Vec<AgentThen>,
}

/// How a queue stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueThen {
    /// Which.
    pub queue: QueueId,
    /// Callers who waited, or were being rung for.
    pub waiting: u32,
    /// How long the one had waited who waited longest, in milliseconds.
    pub oldest_ms: u64,
    /// Callers who talked to an agent.
    pub talking: u32,
}

/// How an agent stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentThen {
    /// Who.
    pub agent: UserId,
    /// What they had chosen.
    pub chosen: Availability,
    /// Calls in hand.
    pub calls: u32,
}

impl RecordedDay {
    pub(super) fn of(script: &Script, calls: Vec<RecordedCall>) -> Self {
        let queue = |(id, settings): &(QueueId, QueueSettings)| RecordedQueue { id: *id, settings: settings.clone() };
        let agent = |agent: &ScriptedAgent| RecordedAgent {
            id: agent.id,
            settings: agent.settings.clone(),
            choices: agent.choices.clone(),
            engaged: agent.engaged.clone(),
        };
        Self {
            slice_seconds: (script.slice_ms / 1_000) as u32,
            slices: script.slices,
            queues: script.queues.iter().map(queue).collect(),
            agents: script.agents.iter().map(agent).collect(),
            calls,
        }
    }

    /// How things stood at an instant, in milliseconds since the day began. Costs O(calls).
    #[must_use]
    pub fn at(&self, instant_ms: u64) -> Moment {
        let queue = |queue: &RecordedQueue| QueueThen { queue: queue.id, waiting: 0, oldest_ms: 0, talking: 0 };
        let mut queues: Vec<QueueThen> = self.queues.iter().map(queue).collect();
        let mut agents: Vec<AgentThen> = self.agents.iter().map(|agent| agent.at(instant_ms)).collect();
        for call in self.calls.iter().filter(|call| call.came_ms <= instant_ms) {
            let Some(queue) = queues.iter_mut().find(|queue| queue.queue == call.queue) else { continue };
            let after = instant_ms - call.came_ms;
            if after < call.waited_ms {
                queue.waiting += 1;
                queue.oldest_ms = queue.oldest_ms.max(after);
            } else if let RecordedEnd::Answered { agent, talked_ms } = call.end
                && after < call.waited_ms + talked_ms
            {
                queue.talking += 1;
                agents.iter_mut().filter(|then| then.agent == agent).for_each(|then| then.calls += 1);
            }
        }
        Moment { queues, agents }
    }

    /// What came of the day, as it was.
    #[must_use]
    pub fn figures(&self) -> Day {
        let script = self.script(&mut Luck::new(0));
        let mut day = Day::new(&script);
        let places: BTreeMap<QueueId, usize> = self.queues.iter().zip(0..).map(|(queue, at)| (queue.id, at)).collect();
        let agents: BTreeMap<UserId, usize> = self.agents.iter().zip(0..).map(|(agent, at)| (agent.id, at)).collect();
        for call in &self.calls {
            let Some((queue, recorded)) = places.get(&call.queue).and_then(|at| Some((*at, self.queues.get(*at)?)))
            else {
                continue;
            };
            let (left, seconds) = (call.came_ms + call.waited_ms, recorded.settings.service_level_seconds);
            day.offered(queue, call.came_ms);
            match call.end {
                RecordedEnd::Answered { agent, talked_ms } => {
                    day.answered(queue, call.came_ms, left, seconds);
                    let agent = agents.get(&agent).copied().unwrap_or(usize::MAX);
                    day.talked(queue, agent, left, left + talked_ms);
                }
                RecordedEnd::Abandoned => day.abandoned(queue, call.came_ms, left, seconds),
                RecordedEnd::SentOn | RecordedEnd::Left => day.overflowed(queue, call.came_ms),
            }
        }
        day.close(&script);
        day
    }

    /// The most likely mean patience of the callers of a queue, in milliseconds; `None` where nobody gave up.
    #[must_use]
    pub fn mean_patience_ms(&self, queue: QueueId) -> Option<f64> {
        let calls = self.calls.iter().filter(|call| call.queue == queue);
        let (waited, gave_up) = calls.fold((0_u64, 0_u64), |(waited, gave_up), call| {
            (waited + call.waited_ms, gave_up + u64::from(call.end == RecordedEnd::Abandoned))
        });
        (gave_up > 0).then(|| (waited as f64 / gave_up as f64).max(1.0))
    }

    /// The day as it will go again.
    fn script(&self, luck: &mut Luck) -> Script {
        let place: BTreeMap<QueueId, usize> = self.queues.iter().zip(0..).map(|(queue, at)| (queue.id, at)).collect();
        let patience: Vec<Option<f64>> = self.queues.iter().map(|queue| self.mean_patience_ms(queue.id)).collect();
        let talks: Vec<Vec<u64>> = self.queues.iter().map(|queue| self.talks(queue.id)).collect();
        let mut calls: Vec<&RecordedCall> = self.calls.iter().filter(|call| place.contains_key(&call.queue)).collect();
        calls.sort_by_key(|call| call.came_ms);
        let (answered, missed, rang) =
            self.calls.iter().fold((0_u64, 0_u64, 0_u64), |(answered, missed, rang), call| {
                let taken = matches!(call.end, RecordedEnd::Answered { .. });
                let rang = if taken { rang + call.rang_ms } else { rang };
                (answered + u64::from(taken), missed + u64::from(call.missed), rang)
            });
        let answer_ms = rang as f64 / answered.max(1) as f64;
        let calls = calls.into_iter().filter_map(|call| {
            let queue = *place.get(&call.queue)?;
            let longer = patience[queue].map(|mean| call.waited_ms + luck.gap(mean) as u64 + 1);
            let (patience, talk, rings) = match call.end {
                RecordedEnd::Answered { talked_ms, .. } => (longer, Some(talked_ms), Some(call.rang_ms)),
                // Whoever was not quick enough would not have been quicker.
                RecordedEnd::Abandoned => {
                    let slow = (call.rang_ms > 0).then(|| call.rang_ms + luck.gap(answer_ms) as u64 + 1);
                    (Some(call.waited_ms), None, slow)
                }
                RecordedEnd::SentOn => (longer, None, None),
                RecordedEnd::Left => (Some(call.waited_ms), None, None),
            };
            let talks = &talks[queue];
            let talk = talk.or_else(|| talks.get(luck.below(talks.len())).copied()).unwrap_or_default();
            let (at, priority, needs) = (call.came_ms, call.priority, call.needs.clone());
            let leaves = call.end == RecordedEnd::Left;
            Some(ScriptedCall { at, queue, priority, needs, patience, leaves, talk, rings })
        });
        let calls = calls.collect();
        let slice_ms = u64::from(self.slice_seconds.max(1)) * 1_000;
        Script {
            slice_ms,
            slices: self.slices,
            queues: self.queues.iter().map(|queue| (queue.id, queue.settings.clone())).collect(),
            agents: self.agents.iter().map(|agent| agent.script(self.slices as u64 * slice_ms)).collect(),
            calls,
            deaths: Vec::new(),
            missed_share: missed as f64 / (missed + answered).max(1) as f64,
            answer_seconds: answer_ms / 1_000.0,
        }
    }

    /// How long the callers of a queue talked.
    fn talks(&self, queue: QueueId) -> Vec<u64> {
        let calls = self.calls.iter().filter(|call| call.queue == queue);
        let talks = calls.filter_map(|call| match call.end {
            RecordedEnd::Answered { talked_ms, .. } => Some(talked_ms),
            RecordedEnd::Abandoned | RecordedEnd::SentOn | RecordedEnd::Left => None,
        });
        talks.collect()
    }
}

impl RecordedAgent {
    fn at(&self, instant_ms: u64) -> AgentThen {
        let last = self.choices.iter().take_while(|(at, _)| *at <= instant_ms).last();
        let calls = self.engaged.iter().filter(|(from, until)| (*from..*until).contains(&instant_ms)).count() as u32;
        AgentThen { agent: self.id, chosen: last.map_or(Availability::Offline, |(_, chosen)| *chosen), calls }
    }

    /// Planned for as long as they were not off work.
    fn script(&self, length_ms: u64) -> ScriptedAgent {
        let mut planned = Vec::new();
        let mut since = None;
        for (at, chosen) in &self.choices {
            match (since, *chosen) {
                (Some(from), Availability::Offline) => {
                    planned.push((from, *at));
                    since = None;
                }
                (None, Availability::Available | Availability::OnDemand | Availability::Break) => since = Some(*at),
                _ => {}
            }
        }
        planned.extend(since.filter(|from| *from < length_ms).map(|from| (from, length_ms)));
        let Self { id, settings, choices, engaged } = self.clone();
        ScriptedAgent { id, settings, choices, engaged, planned }
    }
}

/// Plays a recorded day again. `seed` decides what was not recorded.
#[must_use]
pub fn replay(day: &RecordedDay, seed: u64) -> Day {
    replay_telling(day, seed, &mut |_| {})
}

/// The same. `tell` hears the share of the calls that have come, 0 to 1, each time one comes.
pub fn replay_telling(day: &RecordedDay, seed: u64, tell: &mut dyn FnMut(f64)) -> Day {
    let script = day.script(&mut Luck::new(seed));
    Centre::play(&script, seed, tell).0
}
