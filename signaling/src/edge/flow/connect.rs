//! Queues and calls to others, for flows.

use std::time::Instant;

use dialplane_core::call::{Change, LeaveReason};
use dialplane_core::id::{CallId, CompanyId, UserId};
use dialplane_core::phone::E164;
use dialplane_core::queue::SkillNeed;
use dialplane_core::queue::router::{self, OverflowReason};
use dialplane_ivr::machine::{
    CallbackRequest, Destination, Dial, DialEvent, DialFailure, Enqueue, Input, QueueEvent, QueueStatus, Skill,
};

use super::super::call_entry::{CallEntry, Target};
use super::super::directory::ExtensionEntry;
use super::super::routing::leave_reason;
use super::super::run::Edge;
use super::{Partner, Phase};
use crate::call::{Input as CallInput, Offer, OfferFailure};

impl Edge {
    pub(super) fn queue_status(&self, now: Instant, company: CompanyId, name: &str) -> Option<QueueStatus> {
        let queue = self.directory.queue_named(company, name)?;
        let state = self.routers.get(&company)?.state(now, queue)?;
        Some(QueueStatus {
            available: state.free,
            staffed: state.present,
            waiting: state.waiting,
            oldest: state.oldest,
        })
    }

    pub(super) fn enter_queue(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, wait: &Enqueue) {
        let Some(queue) = self.directory.queue_named(entry.company, &wait.queue) else {
            return entry.tell_flow(now, Input::Queue(QueueEvent::Refused));
        };
        if self.is_closed(queue) {
            return entry.tell_flow(now, Input::Queue(QueueEvent::Refused));
        }
        if let Some(run) = entry.flow() {
            run.phase = Phase::Queue(queue);
        }
        let skills = wait.skills.iter().map(need).collect();
        let arrival = router::Arrival { priority: wait.priority, skills, ..router::Arrival::new(id, queue) };
        self.join_queue(now, id, entry, arrival);
        let directory = self.directory.clone();
        let waiting = directory.queue(queue).map(|queue| &queue.settings.waiting);
        let (music, language) = waiting.map_or((None, ""), |waiting| (waiting.music.as_ref(), waiting.language()));
        self.set_comfort(id, entry, music, language);
    }

    pub(super) fn leave_queue(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let reason = entry.flow().map_or(LeaveReason::Flow, |run| run.why_it_leaves());
        if self.leave_line(now, id, entry, reason) {
            self.tell_router(now, entry.company, router::Input::CallGone { call: id });
        }
        Self::tell(entry, now, CallInput::Withdraw);
        self.alone_again(now, id, entry);
        entry.tell_flow(now, Input::Queue(QueueEvent::Left));
    }

    /// The router has no agent for the call.
    pub(in super::super) fn overflow_to_flow(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        reason: OverflowReason,
    ) {
        self.leave_line(now, id, entry, leave_reason(reason));
        self.alone_again(now, id, entry);
        let event = match reason {
            OverflowReason::MaxWait => QueueEvent::TimedOut,
            _ => QueueEvent::Refused,
        };
        entry.tell_flow(now, Input::Queue(event));
    }

    /// The flow talks with the caller again.
    fn alone_again(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        self.stop_comfort(entry);
        if let Some(run) = entry.flow() {
            run.phase = Phase::Alone;
        }
        self.report_in_flow(now, id, entry);
    }

    pub(super) fn dial(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, dial: &Dial) {
        let nobody = DialFailure::Nobody;
        let found = match &dial.to {
            Destination::Agent(agent) => {
                let agent = agent.parse::<UserId>().ok().or_else(|| self.directory.agent_called(entry.company, agent));
                let own = |id: &UserId| self.directory.agent(*id).is_some_and(|agent| agent.company == entry.company);
                let offer = |agent| self.offer_to_agent(agent).ok_or(DialFailure::Unreachable);
                agent.filter(own).ok_or(nobody).and_then(|agent| Ok((offer(agent)?, Some(agent))))
            }
            Destination::Extension(number) => {
                let line = self.directory.by_number(entry.company, number.trim()).cloned();
                let offer = |line: &ExtensionEntry| self.offer_to_line(line).ok_or(DialFailure::Unreachable);
                line.ok_or(nobody).and_then(|line| Ok((offer(&line)?, Some(line.user))))
            }
            Destination::Number(number) => {
                self.offer_outside(entry, number, dial.caller_id.as_deref()).map(|offer| (offer, None))
            }
        };
        let (offer, agent) = match found {
            Ok(found) => found,
            Err(failure) => return entry.tell_flow(now, Input::Dial(DialEvent::Failed(failure))),
        };
        let key = entry.key(agent);
        if let Some(agent) = agent {
            self.engage(now, entry, agent);
        }
        if let Some(run) = entry.flow() {
            run.phase = Phase::Dial;
        }
        Self::tell(entry, now, CallInput::Ring(Offer { key, ring: dial.timeout, ..offer }));
        self.set_comfort(id, entry, None, "");
    }

    /// A number outside, by the trunk that the call came in on. Only numbers of the company's own country are called: what a caller
    /// types must not be able to cost more.
    fn offer_outside(
        &self,
        entry: &mut CallEntry,
        destination: &str,
        shown: Option<&str>,
    ) -> Result<Offer<Target>, DialFailure> {
        let home = self.directory.company(entry.company).ok_or(DialFailure::NoLine)?.default_country;
        let number = |text: &str| E164::parse(text, home).map_err(|_| DialFailure::Forbidden);
        let destination = number(destination)?;
        if destination.country() != Some(home) {
            return Err(DialFailure::Forbidden);
        }
        let caller = number(shown.unwrap_or(&entry.called))?;
        let trunk = entry.trunk.ok_or(DialFailure::NoLine)?;
        self.offer_by_trunk(entry, trunk, &caller, &destination).ok_or(DialFailure::NoLine)
    }

    /// Notes that the caller is to be called back; `false` when that cannot be.
    pub(super) fn arrange_callback(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        request: &CallbackRequest,
    ) -> bool {
        let Some(queue) = self.directory.queue_named(entry.company, &request.queue) else { return false };
        let Some(home) = self.directory.company(entry.company).map(|company| company.default_country) else {
            return false;
        };
        let number = E164::parse(&request.number, home).ok().filter(|number| number.country() == Some(home));
        let Some(number) = number else { return false };
        let change = Change::CallbackRequested {
            number: number.as_str().to_owned(),
            queue,
            delay_seconds: request.delay.as_secs(),
            attempts: request.attempts,
            retry_seconds: request.retry.as_secs(),
        };
        self.report(now, id, entry, change);
        true
    }

    /// Nobody answered whom the flow called.
    pub(in super::super) fn dial_failed(&mut self, now: Instant, entry: &mut CallEntry, reason: OfferFailure) {
        self.stop_comfort(entry);
        if let Some(run) = entry.flow() {
            run.phase = Phase::Alone;
        }
        entry.tell_flow(
            now,
            Input::Dial(match reason {
                OfferFailure::Busy | OfferFailure::Declined => DialEvent::Busy,
                OfferFailure::NoAnswer => DialEvent::NoAnswer,
                OfferFailure::Unreachable | OfferFailure::Withdrawn => DialEvent::Failed(DialFailure::Unreachable),
            }),
        );
    }

    /// Somebody talks with the caller of a flow.
    pub(in super::super) fn flow_bridged(&mut self, now: Instant, entry: &mut CallEntry) {
        let Some(run) = entry.flow() else { return };
        let (partner, input) = match run.phase {
            // Whoever talked has handed the caller on: for the flow they talk on.
            Phase::Talking(_) => return,
            Phase::Queue(_) => (Partner::Queue, Input::Queue(QueueEvent::Connected)),
            _ => (Partner::Called, Input::Dial(DialEvent::Connected)),
        };
        run.phase = Phase::Talking(partner);
        self.detach_voice(entry);
        entry.tell_flow(now, input);
    }

    /// Whoever talked with the caller has hung up.
    pub(in super::super) fn flow_parted(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let Some(Phase::Talking(partner)) = entry.flow().map(|run| run.phase) else { return };
        entry.on_hold = false;
        self.tell_over(now, id, entry);
        for agent in std::mem::take(&mut entry.engaged) {
            self.tell_router(now, entry.company, router::Input::AgentReleased { agent });
        }
        for agent in entry.claimed.clone() {
            entry.release(agent);
        }
        self.attach_voice(entry);
        self.alone_again(now, id, entry);
        entry.tell_flow(
            now,
            match partner {
                Partner::Queue => Input::Queue(QueueEvent::Ended),
                Partner::Called => Input::Dial(DialEvent::Ended),
            },
        );
    }
}

fn need(skill: &Skill) -> SkillNeed {
    SkillNeed { name: skill.name.trim().to_owned(), level: skill.level, required: skill.required }
}
