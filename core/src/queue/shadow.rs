//! A queue with other settings in the shadow of live traffic: what would its router have decided?
//!
//! A [`Shadow`] is a copy of the live router in which one queue has other settings. It is told what the live router is told, decides by
//! itself, and nobody is rung for it. Whatever really becomes of a call is imposed on it: when an agent takes a call, or lets it ring in
//! vain, so they do in the shadow, and the call's own offer there comes to nothing. So the shadow never drifts away from the floor; it
//! differs by no more than the offers that stand at that moment.
//!
//! # What can be compared, and what cannot
//! Compared is the *first decision* for each call: who it was offered to first, and after how long a wait. Until the live call is settled the agent
//! whom the shadow has chosen is taken there, as their phone would ring. What would have come after that decision (whether that agent had
//! answered, how long they had talked, who would have been free later) is not known and not made up. So
//! - waits are those until the first offer, over calls that both sides found an agent for;
//! - a call that the live side found an agent for while the shadow's still waited is counted, without a wait: it would have been longer;
//! - over a time of overload a change that lets calls be answered sooner looks smaller than it is, as nobody becomes free sooner.
//!   Playing a recorded day (`queue::sim::replay`) answers what this cannot, at the price of more assumptions.
//!
//! With the settings that the queue has the shadow decides as the live router does, by chance too, as it began as its copy.
//! It keeps an entry for each call that has no agent, as a router does, and sums.
//! Calls that had come before the shadow began, or were given to an agent by hand, are not compared. Overflow chains belong to
//! whoever leads calls to queues and are those of the live queue.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::QueueSettings;
use super::router::{Arrival, Command, Input, Occasion, Router};
use crate::call::OfferFailure;
use crate::id::{CallId, QueueId, UserId};

/// The latest differing calls that are kept one by one.
pub const DIFFERING_MAX: usize = 100;

/// What was decided first for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It was offered to an agent.
    Agent {
        /// Who.
        agent: UserId,
        /// After how long a wait.
        waited: Duration,
    },
    /// It was sent on or turned away.
    SentOn,
    /// Nothing, until the live call was taken or gone.
    Nothing,
}

/// A call for which the two sides decided differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differing {
    /// Which.
    pub call: CallId,
    /// Its queue.
    pub queue: QueueId,
    /// What the live router decided.
    pub live: First,
    /// What its shadow decided.
    pub shadow: First,
}

/// How often first decisions were alike, over calls that are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Calls that were compared.
    pub calls: u64,
    /// The same agent after the same wait, or none on either side and both or neither sent on.
    pub alike: u64,
    /// The same agent after another wait.
    pub other_time: u64,
    /// Another agent.
    pub other_agent: u64,
    /// The live side had an agent, and the shadow none by then.
    pub only_live: u64,
    /// The shadow had an agent, and the live side none until the call was gone.
    pub only_shadow: u64,
    /// No agent on either side, and one of them sent the call on.
    pub sent_on: u64,
    /// Calls that both found an agent for.
    pub both: u64,
    /// The waits of those until the live offer, in milliseconds.
    pub live_waited_ms: u64,
    /// The waits of those until the shadow's offer, in milliseconds.
    pub shadow_waited_ms: u64,
}

impl Tally {
    fn add(&mut self, live: First, shadow: First) {
        self.calls += 1;
        let kind = match (live, shadow) {
            (live, shadow) if live == shadow => &mut self.alike,
            (First::Agent { agent: one, .. }, First::Agent { agent: other, .. }) if one == other => {
                &mut self.other_time
            }
            (First::Agent { .. }, First::Agent { .. }) => &mut self.other_agent,
            (First::Agent { .. }, _) => &mut self.only_live,
            (_, First::Agent { .. }) => &mut self.only_shadow,
            _ => &mut self.sent_on,
        };
        *kind += 1;
        if let (First::Agent { waited: live, .. }, First::Agent { waited: shadow, .. }) = (live, shadow) {
            self.both += 1;
            self.live_waited_ms += live.as_millis() as u64;
            self.shadow_waited_ms += shadow.as_millis() as u64;
        }
    }

    /// How much later the shadow offers a call on average than the live side, in milliseconds; negative where it is sooner. `None` before
    /// both found an agent for any.
    #[must_use]
    pub fn later_ms(&self) -> Option<f64> {
        (self.both > 0).then(|| (self.shadow_waited_ms as f64 - self.live_waited_ms as f64) / self.both as f64)
    }
}

/// What a shadow has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Calls of the queue.
    pub own: Tally,
    /// Calls of other queues, whose agents may be others because of it.
    pub others: Tally,
    /// Calls that are being compared.
    pub open: u64,
    /// The latest calls that were decided differently, oldest first: at most [`DIFFERING_MAX`].
    pub differing: VecDeque<Differing>,
}

/// A call that is not settled.
#[derive(Debug)]
struct Open {
    queue: QueueId,
    came: Instant,
    live: First,
    shadow: First,
    /// Whose phones really ring.
    ringing: Vec<UserId>,
    /// It was there before the shadow, or was given to somebody by hand.
    is_compared: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Shadow {
    router: Router,
    queue: QueueId,
    open: BTreeMap<CallId, Open>,
    report: Report,
}

impl Shadow {
    /// A shadow of a router in which a queue has other settings, members included. Costs O(agents + calls).
    #[must_use]
    pub fn of(live: &Router, now: Instant, queue: QueueId, settings: QueueSettings) -> Self {
        let mut router = live.clone().explaining(0);
        router.forget_commands();
        if router.settings(queue) != Some(&settings) {
            router.handle(now, Input::QueueConfigured { queue, settings, version: 0 });
            // Calls that had come before are compared no more than those that rang.
            router.forget_commands();
        }
        let known = live
            .without_agent()
            .map(|(call, queue, came, ringing)| (call, Open { ringing, ..Open::new(queue, came, false) }));
        Self { router, queue, open: known.collect(), report: Report::default() }
    }

    /// The queue.
    #[must_use]
    pub const fn queue(&self) -> QueueId {
        self.queue
    }

    /// The settings that the queue has in the shadow; `None` once it was removed.
    #[must_use]
    pub fn settings(&self) -> Option<&QueueSettings> {
        self.router.settings(self.queue)
    }

    /// What it has seen so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let open = self.open.values().filter(|open| open.is_compared).count() as u64;
        Report { open, ..self.report.clone() }
    }

    /// Takes note of what the live router was told.
    pub fn handle(&mut self, now: Instant, input: &Input) {
        match input {
            // It keeps its own.
            Input::QueueConfigured { queue, .. } if *queue == self.queue => return,
            Input::CallQueued(arrival) => self.came(now, arrival),
            Input::OfferAccepted { call, agent } => self.rang(now, *call, *agent),
            Input::OfferFailed { call, agent, reason } if *reason != OfferFailure::Rescinded => {
                self.rang(now, *call, *agent);
            }
            _ => {}
        }
        self.router.handle(now, input.clone());
        self.decide();
        match input {
            Input::CallGone { call } | Input::CallEnded { call } => self.settle(*call),
            Input::OfferAccepted { call, agent } if self.is_ringing(*call, *agent) => self.settle(*call),
            Input::OfferFailed { call, agent, .. } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.ringing.retain(|ringing| ringing != agent);
                }
            }
            _ => {}
        }
    }

    /// Takes note of what the live router wants done.
    pub fn observe(&mut self, now: Instant, command: &Command) {
        match command {
            Command::Offer { call, agent, why, .. } => {
                let Some(open) = self.open.get_mut(call) else { return };
                open.ringing.push(*agent);
                open.is_compared &= why.occasion != Occasion::Assigned;
                if open.live == First::Nothing {
                    open.live = First::Agent { agent: *agent, waited: why.waited };
                }
            }
            Command::Rescind { call, agent } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.ringing.retain(|ringing| ringing != agent);
                }
            }
            Command::Overflow { call, .. } => {
                if let Some(open) = self.open.get_mut(call).filter(|open| open.live == First::Nothing) {
                    open.live = First::SentOn;
                }
                self.router.handle(now, Input::CallGone { call: *call });
                self.decide();
                self.settle(*call);
            }
            Command::Pause { .. } => {}
        }
    }

    /// Does what is due. Calling it too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.router.handle_timeout(now);
        self.decide();
    }

    /// When [`Shadow::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.router.poll_timeout()
    }

    fn came(&mut self, now: Instant, arrival: &Arrival) {
        // The live router passes over who is there already.
        if self.router.since(arrival.call).is_some() {
            return;
        }
        let since = arrival.since.filter(|since| *since <= now).unwrap_or(now);
        self.open.entry(arrival.call).or_insert_with(|| Open::new(arrival.queue, since, true));
    }

    fn is_ringing(&self, call: CallId, agent: UserId) -> bool {
        self.open.get(&call).is_some_and(|open| open.ringing.contains(&agent))
    }

    /// A call really rings at an agent, and something is going to come of it.
    fn rang(&mut self, now: Instant, call: CallId, agent: UserId) {
        let Some(open) = self.open.get(&call).filter(|open| open.ringing.contains(&agent)) else { return };
        if self.router.since(call).is_none() {
            // The shadow had sent it on. A place of its own is not turned away.
            let arrival = Arrival { since: Some(open.came), ..Arrival::new(call, open.queue) };
            self.router.handle(now, Input::CallQueued(arrival));
        }
        self.router.impose(now, call, agent);
    }

    /// Notes what the shadow decided; nobody carries it out.
    fn decide(&mut self) {
        while let Some(command) = self.router.poll_command() {
            let (call, first) = match command {
                Command::Offer { why, .. } if why.occasion == Occasion::Assigned => continue,
                Command::Offer { call, agent, why, .. } => (call, First::Agent { agent, waited: why.waited }),
                Command::Overflow { call, .. } => (call, First::SentOn),
                Command::Rescind { .. } | Command::Pause { .. } => continue,
            };
            if let Some(open) = self.open.get_mut(&call).filter(|open| open.shadow == First::Nothing) {
                open.shadow = first;
            }
        }
    }

    /// Whatever comes now was decided by what really happened.
    fn settle(&mut self, call: CallId) {
        let Some(Open { queue, live, shadow, is_compared: true, .. }) = self.open.remove(&call) else { return };
        let tally = if queue == self.queue { &mut self.report.own } else { &mut self.report.others };
        tally.add(live, shadow);
        if live != shadow {
            if self.report.differing.len() == DIFFERING_MAX {
                self.report.differing.pop_front();
            }
            self.report.differing.push_back(Differing { call, queue, live, shadow });
        }
    }
}

impl Open {
    const fn new(queue: QueueId, came: Instant, is_compared: bool) -> Self {
        Self { queue, came, live: First::Nothing, shadow: First::Nothing, ringing: Vec::new(), is_compared }
    }
}

#[cfg(test)]
mod tests;
