//! Whom to ring: offers to agents, lines and carriers; the routers of the queues; presence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_core::call::{HangupCause, LeaveReason};
use dialplane_core::id::{CallId, CompanyId, TrunkId, UserId};
use dialplane_core::people::Availability;
use dialplane_core::phone::E164;
use dialplane_core::queue::decision::MEMBERS_EXPLAINED_MAX;
use dialplane_core::queue::router::{self, Candidate, Occasion, OverflowReason, Router};
use dialplane_core::queue::{AgentSettings, Decision};

use super::OutboundGrant;
use super::call_entry::{CallEntry, CarrierTarget, PhoneTarget, Plan, Target};
use super::directory::{Directory, ExtensionEntry};
use super::flow::Phase;
use super::run::Edge;
use crate::call::{Input, Offer, OfferFailure};
use crate::sip::flow::Flow;

/// The word of the log for the machine's.
pub(super) const fn failure(reason: OfferFailure) -> dialplane_core::call::OfferFailure {
    use dialplane_core::call::OfferFailure as Logged;
    match reason {
        OfferFailure::Unreachable => Logged::Unreachable,
        OfferFailure::NoAnswer => Logged::NoAnswer,
        OfferFailure::Busy => Logged::Busy,
        OfferFailure::Declined => Logged::Declined,
        OfferFailure::Withdrawn => Logged::Rescinded,
    }
}

/// Why a call ends when the last offer failed for `reason`.
pub(super) const fn cause(reason: OfferFailure) -> HangupCause {
    match reason {
        OfferFailure::Unreachable => HangupCause::SubscriberAbsent,
        OfferFailure::NoAnswer => HangupCause::NoAnswer,
        OfferFailure::Busy => HangupCause::UserBusy,
        OfferFailure::Declined => HangupCause::CallRejected,
        OfferFailure::Withdrawn => HangupCause::Cancelled,
    }
}

/// The word of the log for why a call leaves its queue.
pub(super) const fn leave_reason(reason: OverflowReason) -> LeaveReason {
    match reason {
        OverflowReason::MaxWait => LeaveReason::TimedOut,
        OverflowReason::NoAgents => LeaveReason::NoAgents,
        OverflowReason::Full => LeaveReason::Full,
        OverflowReason::Closed => LeaveReason::Closed,
        OverflowReason::Chain => LeaveReason::SentOn,
        _ => LeaveReason::NoQueue,
    }
}

impl Edge {
    /// The phones of a line. `None` when none is registered. The key is given when the offer is made.
    pub(super) fn offer_to_line(&self, line: &ExtensionEntry) -> Option<Offer<Target>> {
        self.offer(std::slice::from_ref(&line), self.config.ring)
    }

    /// The phones of all lines of an agent.
    pub(super) fn offer_to_agent(&self, agent: UserId) -> Option<Offer<Target>> {
        let lines: Vec<&ExtensionEntry> = self.directory.lines_of(agent).iter().map(AsRef::as_ref).collect();
        self.offer(&lines, self.config.ring)
    }

    fn offer(&self, lines: &[&ExtensionEntry], ring: Duration) -> Option<Offer<Target>> {
        let now = Instant::now();
        let mut contacts = Vec::new();
        for line in lines {
            for binding in self.registrar.lookup(now, &line.username) {
                contacts.push(Target::Phone(Arc::new(PhoneTarget {
                    uri: binding.uri.clone(),
                    routes: binding.path.clone(),
                    flow: binding.flow,
                    username: line.username.clone(),
                    agent: line.user,
                })));
            }
        }
        (!contacts.is_empty()).then_some(Offer { key: 0, contacts, ring })
    }

    /// The destination behind the trunk that was granted; `None` without a trunk that can be reached.
    pub(super) fn offer_to_carrier(&self, entry: &mut CallEntry, grant: &OutboundGrant) -> Option<Offer<Target>> {
        self.offer_by_trunk(entry, grant.trunk?, &grant.caller, &grant.destination)
    }

    /// A number behind a trunk; `None` when the trunk cannot be reached.
    pub(super) fn offer_by_trunk(
        &self,
        entry: &mut CallEntry,
        trunk: TrunkId,
        caller: &E164,
        destination: &E164,
    ) -> Option<Offer<Target>> {
        let trunk = self.directory.trunk(trunk)?.clone();
        let flow = Flow::to(trunk.protocol, self.local, trunk.address?);
        let number = destination.as_str().to_owned();
        let caller = caller.as_str().to_owned();
        let contacts = vec![Target::Carrier(Arc::new(CarrierTarget { trunk, number, caller, flow }))];
        Some(Offer { key: entry.key(None), contacts, ring: self.config.ring })
    }

    /// The machine asks whom to ring.
    pub(super) fn route(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        match &mut entry.plan {
            Plan::Offers(_) => self.next_offer(now, entry, HangupCause::SubscriberAbsent),
            Plan::Queue(_) => self.enter_desk(now, id, entry),
            Plan::Flow(_) => {
                Self::tell(entry, now, Input::KeepCaller(true));
                Self::tell(entry, now, Input::AnswerCaller);
            }
            Plan::CallBack { queue, since } => {
                let (queue, since) = (*queue, *since);
                self.customer_answered(now, id, entry, queue, since);
            }
            Plan::Admission => {
                let agent = entry.legs.first().and_then(|leg| leg.agent);
                let dialled = entry.legs.first().map(|leg| leg.party.clone()).unwrap_or_default();
                if let Some(agent) = agent {
                    self.ask_admission(id, entry.company, agent, dialled);
                }
            }
        }
    }

    fn next_offer(&mut self, now: Instant, entry: &mut CallEntry, otherwise: HangupCause) {
        let next = match &mut entry.plan {
            Plan::Offers(offers) => offers.pop_front(),
            _ => None,
        };
        let input = match next {
            Some(mut offer) => {
                let agent = offer.contacts.iter().find_map(|target| match target {
                    Target::Phone(phone) => Some(phone.agent),
                    Target::Carrier(_) => None,
                });
                offer.key = entry.key(agent);
                if let Some(agent) = agent {
                    self.engage(now, entry, agent);
                }
                Input::Ring(offer)
            }
            None => Input::NoRoute { cause: otherwise },
        };
        Self::tell(entry, now, input);
    }

    /// Nobody answered an offer: the router or the plan knows the next one.
    pub(super) fn offer_failed(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        key: u64,
        reason: OfferFailure,
        status: Option<u16>,
    ) {
        if Self::is_transfer(entry, key) {
            return self.transfer_failed(now, id, entry, cause(reason), status);
        }
        let waits = match &entry.plan {
            Plan::Queue(desk) if !desk.is_waiting() => return self.target_failed(now, id, entry, reason),
            Plan::Queue(_) => true,
            Plan::Flow(run) => matches!(run.phase, Phase::Queue(_)),
            _ => false,
        };
        if let (Plan::Flow(_), false) = (&entry.plan, waits) {
            return self.dial_failed(now, entry, reason);
        }
        if waits {
            let Some(agent) = entry.agent_of(key) else { return };
            let input = router::Input::OfferFailed { call: id, agent, reason: failure(reason) };
            return self.tell_router(now, entry.company, input);
        }
        entry.refused = status.or(entry.refused);
        let told = status.map(HangupCause::from_sip_status);
        // A carrier's own word says more than the summary.
        let cause = told.filter(|_| reason == OfferFailure::Unreachable).unwrap_or(cause(reason));
        self.next_offer(now, entry, cause);
    }

    /// Keeps the router from offering calls to an agent who is on this one.
    pub(super) fn engage(&mut self, now: Instant, entry: &mut CallEntry, agent: UserId) {
        if !entry.engaged.contains(&agent) {
            entry.engaged.push(agent);
            self.tell_router(now, entry.company, router::Input::AgentEngaged { agent });
        }
    }

    pub(super) fn disengage(&mut self, now: Instant, entry: &mut CallEntry, agent: UserId) {
        if let Some(place) = entry.engaged.iter().position(|engaged| *engaged == agent) {
            entry.engaged.swap_remove(place);
            self.tell_router(now, entry.company, router::Input::AgentReleased { agent });
        }
    }

    pub(super) fn tell_router(&mut self, now: Instant, company: CompanyId, input: router::Input) {
        self.shadows_hear(now, company, &input);
        self.router_of(company).handle(now, input);
        self.stirred.push_back(company);
    }

    /// The router of a company.
    pub(super) fn router_of(&mut self, company: CompanyId) -> &mut Router {
        self.routers.entry(company).or_insert_with(|| Router::new().explaining(MEMBERS_EXPLAINED_MAX))
    }

    pub(super) fn routers_due(&mut self, now: Instant) {
        self.days_due(now);
        for (company, router) in &mut self.routers {
            if router.poll_timeout().is_some_and(|at| at <= now) {
                router.handle_timeout(now);
                self.stirred.push_back(*company);
            }
        }
        self.shadows_due(now);
    }

    /// Carries out what routers want; whether there was anything.
    pub(super) fn drain_routers(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(company) = self.stirred.pop_front() {
            while let Some(command) = self.routers.get_mut(&company).and_then(Router::poll_command) {
                any = true;
                self.shadows_see(now, company, &command);
                match command {
                    router::Command::Offer { call, queue, agent, ring, why, stands } => {
                        let decision = Decision::of(queue, agent, &why, stands.as_ref(), now);
                        if self.is_callback(call) {
                            self.offer_callback(now, call, agent, ring, decision);
                        } else {
                            self.offer_from_queue(now, call, agent, ring, decision);
                        }
                    }
                    router::Command::Overflow { call, .. } if self.is_callback(call) => {
                        self.callback_overflowed(call);
                    }
                    router::Command::Overflow { call, reason, candidates } => {
                        self.overflow(now, call, reason, candidates);
                    }
                    // The call itself stops whoever else rings as soon as one has answered.
                    router::Command::Rescind { .. } => {}
                    router::Command::Pause { agent, reason } => {
                        let host = self.surroundings.host.clone();
                        tokio::spawn(async move { host.pause(company, agent, reason).await });
                    }
                    _ => {}
                }
            }
        }
        any
    }

    fn offer_from_queue(&mut self, now: Instant, call: CallId, agent: UserId, ring: Duration, decision: Decision) {
        // A call that has left the queue since is rung for by nobody; the router has been told.
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let Some(stay) = &mut entry.stay else { return };
        stay.note_offer();
        let by = (decision.occasion == Occasion::Assigned).then(|| entry.given_by.take()).flatten();
        let decision = Box::new(Decision { by, ..decision });
        if self.is_online(now, agent) {
            return self.claim(now, call, agent, ring, decision);
        }
        let Some(mut entry) = self.calls.remove(&call) else { return };
        let reason = failure(OfferFailure::Unreachable);
        self.offer_in_vain(now, &mut entry, call, agent, reason, decision);
        self.calls.insert(call, entry);
    }

    fn overflow(&mut self, now: Instant, call: CallId, reason: OverflowReason, candidates: Vec<Candidate>) {
        let Some(mut entry) = self.calls.remove(&call) else { return };
        // The word about a queue that the call has left for another one since.
        let late = self.routers.get(&entry.company).is_some_and(|router| router.since(call).is_some());
        if let Some(stay) = entry.stay.as_mut().filter(|_| !late) {
            stay.note_members(candidates);
            match entry.plan {
                Plan::Flow(_) => self.overflow_to_flow(now, call, &mut entry, reason),
                _ => self.overflow_desk(now, call, &mut entry, reason),
            }
        }
        self.drive(now, call, entry);
    }

    pub(super) fn is_online(&self, now: Instant, user: UserId) -> bool {
        self.directory.lines_of(user).iter().any(|line| self.registrar.is_online(now, &line.username))
    }

    /// A line got its first phone, or lost its last one.
    pub(super) fn presence_changed(&mut self, now: Instant, username: &str) {
        let Some(line) = self.directory.by_username(username).cloned() else { return };
        let reachable = self.is_online(now, line.user);
        self.tell_router(now, line.company, router::Input::AgentReachable { agent: line.user, reachable });
    }

    /// Takes a new directory over and tells the routers what changed.
    pub(super) fn replace(&mut self, now: Instant, directory: Arc<Directory>) {
        let old = std::mem::replace(&mut self.directory, directory.clone());
        for (id, entry) in old.queues().filter(|(id, _)| directory.queue(*id).is_none()) {
            self.tell_router(now, entry.company, router::Input::QueueRemoved { queue: id });
            self.experiences.remove(&id);
        }
        for (id, entry) in directory.queues() {
            if old.queue(id).is_none_or(|before| before.settings != entry.settings) {
                let settings = entry.settings.clone();
                self.tell_router(
                    now,
                    entry.company,
                    router::Input::QueueConfigured { queue: id, settings, version: entry.version },
                );
            }
        }
        let hours = |(id, entry): (_, &super::QueueEntry)| {
            old.queue(id).is_some_and(|before| before.calendar != entry.calendar)
        };
        if directory.queues().any(hours) {
            self.hours_changed(now);
        }
        for (agent, entry) in old.agents().filter(|(id, _)| directory.agent(*id).is_none()) {
            self.tell_router(
                now,
                entry.company,
                router::Input::AgentChose { agent, availability: Availability::Offline },
            );
            self.stop_ringing(now, agent);
        }
        for (agent, entry) in directory.agents() {
            let before = old.agent(agent);
            if before.is_none() {
                self.worked_before(now, entry.company, agent, entry.worked);
            }
            let unset = AgentSettings::default();
            if before.map_or(&unset, |before| &before.settings) != &entry.settings {
                let settings = entry.settings.clone();
                self.tell_router(now, entry.company, router::Input::AgentConfigured { agent, settings });
            }
            if before.is_none_or(|before| before.availability != entry.availability) {
                let availability = entry.availability;
                self.tell_router(now, entry.company, router::Input::AgentChose { agent, availability });
            }
        }
        self.replace_callbacks(now, &directory);
        self.drop_lines(now, &old);
        self.follow_accounts(now);
    }

    /// Somebody who is no agent any more must not get a call that rings at their phone already.
    fn stop_ringing(&mut self, now: Instant, agent: UserId) {
        let rings = |entry: &CallEntry| entry.offered.iter().any(|(_, rung)| *rung == agent);
        let calls: Vec<CallId> = self.calls.iter().filter(|(_, entry)| rings(entry)).map(|(id, _)| *id).collect();
        for call in calls {
            let Some(mut entry) = self.calls.remove(&call) else { continue };
            let keys: Vec<u64> = entry.offered.iter().filter(|(_, rung)| *rung == agent).map(|(key, _)| *key).collect();
            for key in keys {
                Self::tell(&mut entry, now, Input::Revoke { key });
            }
            self.drive(now, call, entry);
        }
    }

    /// Unregisters the phones of lines that are gone or whose password changed.
    fn drop_lines(&mut self, now: Instant, old: &Directory) {
        let mut dropped = Vec::new();
        for (agent, entry) in old.agents() {
            for line in old.lines_of(agent) {
                let same = self
                    .directory
                    .by_username(&line.username)
                    .is_some_and(|new| new.version == line.version && new.id == line.id);
                if !same && self.registrar.remove(&line.username) {
                    dropped.push((entry.company, agent));
                }
            }
        }
        for (company, agent) in dropped {
            let reachable = self.is_online(now, agent);
            self.tell_router(now, company, router::Input::AgentReachable { agent, reachable });
        }
    }
}
