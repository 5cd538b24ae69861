//! A day as it was, from what is stored of it: the histories of its calls, and what agents chose.
//!
//! A [`Recorder`] is told of the agents and then of the facts, in any order, and gives a [`RecordedDay`], which can be looked at and
//! [played again](super::replay::replay). Each stay in a queue is a call of that day.
//!
//! # What is not stored, and what stands for it
//! - **Settings** of queues and agents are those the recorder is given: the store keeps the latest only.
//! - **Phones.** Whether a phone of an agent could be reached is told by the decisions that are kept with offers, for the members each of them
//!   names. Between two of them it is as the earlier one said; before the first as that one says; an agent of whom none tells could be
//!   reached.
//! - **Choices** are told by the log of events: where it was cleared since, an agent was as they are when they have just come.
//! - **A caller who is sent from one queue to another** is two calls, and played again the second comes also where the first is answered.
//! - **Talks** are counted for the agent who answered, whomever they hand the caller on to.
//! - **Calls that have not ended** are passed over, and [counted](Recorder::unended). So are callbacks, which wait without a call: their talks are
//!   calls of the agent that came through no queue.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::replay::{RecordedAgent, RecordedCall, RecordedDay, RecordedEnd, RecordedQueue};
use crate::call::{CallEvent, Change};
use crate::event::{Envelope, Event};
use crate::id::{QueueId, UserId};
use crate::people::Availability;
use crate::queue::decision::Verdict;
use crate::queue::log::{LogEntry, Verb, visit};
use crate::queue::{AgentSettings, Decision, QueueSettings};

/// What is known of an agent.
#[derive(Debug, Clone)]
struct Course {
    settings: AgentSettings,
    at_start: Availability,
    chosen: Vec<(u64, Availability)>,
    /// Whether a phone could be reached.
    reachable: Vec<(u64, bool)>,
    engaged: Vec<(u64, u64)>,
}

impl Course {
    const fn new(settings: AgentSettings, at_start: Availability) -> Self {
        Self { settings, at_start, chosen: Vec::new(), reachable: Vec::new(), engaged: Vec::new() }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Recorder {
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    slice_seconds: u32,
    queues: Vec<RecordedQueue>,
    agents: BTreeMap<UserId, Course>,
    calls: Vec<RecordedCall>,
    unended: u64,
}

impl Recorder {
    /// A recorder of the time from `begins` to before `ends`, in slices of so many seconds, for queues as they are set up.
    #[must_use]
    pub const fn new(
        begins: DateTime<Utc>,
        ends: DateTime<Utc>,
        slice_seconds: u32,
        queues: Vec<RecordedQueue>,
    ) -> Self {
        Self { begins, ends, slice_seconds, queues, agents: BTreeMap::new(), calls: Vec::new(), unended: 0 }
    }

    /// An agent, and what they had chosen when the day began. Agents who are not told of and take calls are off work
    /// otherwise: whoever is no member of a queue is offered none.
    pub fn agent(&mut self, agent: UserId, settings: AgentSettings, at_start: Availability) {
        let course = self.course(agent);
        (course.settings, course.at_start) = (settings, at_start);
    }

    /// An agent chose something. What lies outside of the day is passed over.
    pub fn chose(&mut self, agent: UserId, at: DateTime<Utc>, chosen: Availability) {
        if (self.begins..self.ends).contains(&at) {
            let at = self.millis(at);
            self.course(agent).chosen.push((at, chosen));
        }
    }

    /// An event of the company's log. Those that say nothing of queues and agents are passed over.
    pub fn event(&mut self, envelope: &Envelope) {
        if let Event::AvailabilityChanged { user, availability, .. } = envelope.event {
            self.chose(user, envelope.at, availability);
        }
    }

    /// An agent had a call that came through no queue.
    pub fn engaged(&mut self, agent: UserId, from: DateTime<Utc>, until: DateTime<Utc>) {
        let (from, until) = (self.millis(from), self.millis(until.min(self.ends)));
        if from < until {
            self.course(agent).engaged.push((from, until));
        }
    }

    /// The history of a call, in order: each of its stays in a queue of the day that began within the day is a call.
    pub fn timeline(&mut self, timeline: &[CallEvent]) {
        for event in timeline {
            match event.change() {
                Some(Change::Queued { queue, priority, needs, .. }) if (self.begins..self.ends).contains(&event.at) => {
                    let Some(settings) = self.settings_of(queue) else { continue };
                    let Some((waited_ms, rang_ms, missed, end)) = stay(&visit(queue, event.seq, timeline), settings)
                    else {
                        self.unended += 1;
                        continue;
                    };
                    if let RecordedEnd::Answered { agent, .. } = end {
                        self.course(agent);
                    }
                    let came_ms = self.millis(event.at);
                    self.calls.push(RecordedCall { came_ms, queue, priority, needs, waited_ms, rang_ms, missed, end });
                }
                Some(Change::Offered { decision: Some(decision), .. }) => self.decided(event.at, &decision),
                _ => {}
            }
        }
    }

    /// Stays in queues that had not ended.
    #[must_use]
    pub const fn unended(&self) -> u64 {
        self.unended
    }

    /// The day.
    #[must_use]
    pub fn finish(self) -> RecordedDay {
        let length = u64::try_from((self.ends - self.begins).num_milliseconds()).unwrap_or_default();
        let mut calls = self.calls;
        calls.sort_by_key(|call| call.came_ms);
        RecordedDay {
            slice_seconds: self.slice_seconds,
            slices: usize::try_from(length.div_ceil(u64::from(self.slice_seconds.max(1)) * 1_000)).unwrap_or_default(),
            queues: self.queues,
            agents: self.agents.into_iter().map(|(id, course)| course.recorded(id)).collect(),
            calls,
        }
    }

    /// Milliseconds since the day began.
    fn millis(&self, at: DateTime<Utc>) -> u64 {
        u64::try_from((at - self.begins).num_milliseconds()).unwrap_or_default()
    }

    fn course(&mut self, agent: UserId) -> &mut Course {
        let absent = || Course::new(AgentSettings::default(), Availability::Offline);
        self.agents.entry(agent).or_insert_with(absent)
    }

    fn settings_of(&self, queue: QueueId) -> Option<&QueueSettings> {
        self.queues.iter().find(|own| own.id == queue).map(|own| &own.settings)
    }

    /// A decision tells of the agents it names whether they could be reached.
    fn decided(&mut self, at: DateTime<Utc>, decision: &Decision) {
        if !(self.begins..self.ends).contains(&at) {
            return;
        }
        let at = self.millis(at);
        let others = decision.candidates.iter().map(|own| (own.agent, own.verdict));
        for (agent, verdict) in others.chain([(decision.chosen, Verdict::Chosen)]) {
            if let (Some(course), Some(reachable)) = (self.agents.get_mut(&agent), reachable(verdict)) {
                course.reachable.push((at, reachable));
            }
        }
    }
}

/// Whether somebody could be reached of whom a decision says this; `None` where it does not tell.
const fn reachable(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Chosen
        | Verdict::Free
        | Verdict::Tried
        | Verdict::Kept
        | Verdict::Offered
        | Verdict::OnCall
        | Verdict::WrapUp
        | Verdict::Busy
        | Verdict::Declined
        | Verdict::NoAnswer
        | Verdict::Unclaimed => Some(true),
        Verdict::Unreachable => Some(false),
        Verdict::NotRung
        | Verdict::OnBreak
        | Verdict::Offline
        | Verdict::LaterTier
        | Verdict::Unfit
        | Verdict::NoMember
        | Verdict::Unlisted => None,
    }
}

/// How a stay in a queue went by its log: the wait, the ring, missed offers and the end. `None` for one that goes on.
fn stay(log: &[LogEntry], settings: &QueueSettings) -> Option<(u64, u64, u32, RecordedEnd)> {
    let last = log.last()?;
    let missed = log.iter().filter(|entry| entry.verb == Verb::RingNoAnswer).count() as u32;
    let connected = log.iter().find(|entry| entry.verb == Verb::Connect);
    let (waited, ring) = match connected {
        Some(entry) => (entry.wait_ms, entry.ring_ms),
        // Whoever rang when the caller left stopped at that moment.
        None => {
            let rang = log.iter().filter(|entry| entry.verb == Verb::RingCanceled && entry.at == last.at);
            (last.wait_ms, rang.filter_map(|entry| entry.ring_ms).max())
        }
    };
    let end = match (connected, last.verb) {
        (Some(entry), Verb::CompleteAgent | Verb::CompleteCaller | Verb::Transfer) => match entry.agent {
            Some(agent) => RecordedEnd::Answered { agent, talked_ms: last.talk_ms.unwrap_or_default() },
            None => RecordedEnd::Left,
        },
        (Some(_), _) | (None, Verb::Enter | Verb::RingNoAnswer | Verb::RingCanceled | Verb::Connect) => return None,
        (None, Verb::Abandon) => RecordedEnd::Abandoned,
        // Flows and overflow chains have patience of their own.
        (None, Verb::ExitWithTimeout) if waited >= u64::from(settings.max_wait_seconds.max(1)) * 1_000 => {
            if settings.max_wait_seconds > 0 { RecordedEnd::SentOn } else { RecordedEnd::Left }
        }
        (None, Verb::ExitEmpty) if settings.no_agent_wait_seconds.is_some() => RecordedEnd::SentOn,
        (None, Verb::ExitFull) if settings.max_length > 0 => RecordedEnd::SentOn,
        (None, _) => RecordedEnd::Left,
    };
    Some((waited, ring.unwrap_or_default(), missed, end))
}

impl Course {
    fn recorded(mut self, id: UserId) -> RecordedAgent {
        // Facts of one instant stay in the order in which they were told.
        self.chosen.sort_by_key(|(at, _)| *at);
        self.reachable.sort_by_key(|(at, _)| *at);
        self.engaged.sort_unstable();
        let (mut chosen, mut reachable) = (self.at_start, self.reachable.first().is_none_or(|(_, first)| *first));
        let choices = self.chosen.into_iter().map(|(at, chosen)| (at, Some(chosen), None));
        let phones = self.reachable.into_iter().map(|(at, reachable)| (at, None, Some(reachable)));
        let mut facts: Vec<(u64, Option<Availability>, Option<bool>)> = choices.chain(phones).collect();
        facts.sort_by_key(|(at, ..)| *at);
        let mut choices: Vec<(u64, Availability)> = Vec::new();
        for (at, new, phone) in [(0, None, None)].into_iter().chain(facts) {
            (chosen, reachable) = (new.unwrap_or(chosen), phone.unwrap_or(reachable));
            let now = if reachable { chosen } else { Availability::Offline };
            choices.pop_if(|(last, _)| *last == at);
            if choices.last().map_or(Availability::Offline, |(_, last)| *last) != now {
                choices.push((at, now));
            }
        }
        RecordedAgent { id, settings: self.settings, choices, engaged: self.engaged }
    }
}

#[cfg(test)]
mod tests;
