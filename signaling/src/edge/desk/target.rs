//! The ways out of a queue.

use std::time::Instant;

use dialplane_core::call::Change;
use dialplane_core::id::{CallId, QueueId, UserId};
use dialplane_core::phone::E164;
use dialplane_core::queue::OverflowTarget;
use dialplane_core::queue::announce::Saying;

use super::super::call_entry::{CallEntry, Plan, Target};
use super::super::flow::FlowRun;
use super::super::run::Edge;
use super::Stage;
use crate::call::{Input, Offer};

/// How often somebody is called back who asked for it by waiting, and how long after one another, in seconds.
const CALLBACK: (u8, u64) = (3, 600);

/// A way that can be gone.
pub(super) enum Way {
    Queue(QueueId),
    Flow(Box<FlowRun>),
    Ring(Offer<Target>, Option<UserId>),
    CallBack(E164, Box<FlowRun>),
}

impl Edge {
    /// The way to a target; `None` when it is gone, or cannot be reached now.
    pub(super) fn way_to(&self, id: CallId, entry: &mut CallEntry, target: &OverflowTarget) -> Option<Way> {
        let company = entry.company;
        let ring = |offer, agent| Way::Ring(offer, Some(agent));
        match target {
            OverflowTarget::Queue(queue) => {
                let found = self.directory.queue(*queue).filter(|queue| queue.company == company);
                found.map(|_| Way::Queue(*queue))
            }
            OverflowTarget::Flow(flow) => {
                let run = self.flow_run(id, company, *flow, &entry.caller, &entry.called)?;
                Some(Way::Flow(Box::new(run)))
            }
            OverflowTarget::Voicemail(mailbox) => {
                let language = entry.desk()?.waiting.language().to_owned();
                Some(Way::Flow(self.message(id, entry, &language, mailbox)?))
            }
            OverflowTarget::Number(number) => {
                let home = self.directory.company(company)?.default_country;
                let (shown, number) = (E164::parse(&entry.called, home).ok()?, E164::from_stored(number.expose())?);
                let trunk = entry.trunk?;
                Some(Way::Ring(self.offer_by_trunk(entry, trunk, &shown, &number)?, None))
            }
            OverflowTarget::Agent(agent) => {
                self.directory.agent(*agent).filter(|agent| agent.company == company)?;
                Some(ring(self.offer_to_agent(*agent)?, *agent))
            }
            OverflowTarget::Extension(line) => {
                let line = self.directory.by_id(*line).filter(|line| line.company == company)?;
                Some(ring(self.offer_to_line(line)?, line.user))
            }
            OverflowTarget::Callback => {
                let number = self.callback_number(entry)?;
                let language = entry.desk()?.waiting.language().to_owned();
                Some(Way::CallBack(number, self.says(id, entry, &language, Saying::Callback)?))
            }
        }
    }

    /// The number on which a caller can be called back. Calling back abroad would let whoever names a number make costs.
    pub(super) fn callback_number(&self, entry: &CallEntry) -> Option<E164> {
        let home = self.directory.company(entry.company)?.default_country;
        self.number_of(entry).filter(|number| number.country() == Some(home))
    }

    /// Leads the call there.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        way: Way,
        target: &OverflowTarget,
        reason: &str,
    ) {
        let Some(desk) = entry.desk() else { return };
        if let Some(queue) = desk.journey.queue() {
            let (reason, to) = (reason.to_owned(), target.kind().to_owned());
            self.report(now, id, entry, Change::Overflowed { queue, reason, to });
        }
        match way {
            Way::Queue(queue) => {
                let directory = self.directory.clone();
                let steps = directory.queue(queue).map(|queue| queue.settings.waiting.overflow.as_slice());
                if let Some(desk) = entry.desk() {
                    desk.journey.enter(now, queue, steps.unwrap_or_default());
                }
                self.enter_desk(now, id, entry);
            }
            Way::Flow(run) => self.hand_over(now, entry, run),
            Way::Ring(offer, agent) => {
                let key = entry.key(agent);
                if let Some(agent) = agent {
                    self.engage(now, entry, agent);
                }
                if let Some(desk) = entry.desk() {
                    desk.stage = Stage::Called;
                }
                Self::tell(entry, now, Input::Ring(Offer { key, ..offer }));
                self.desk_comfort(id, entry);
            }
            Way::CallBack(number, run) => {
                if let Some(queue) = entry.desk().and_then(|desk| desk.journey.queue()) {
                    let (attempts, retry_seconds) = CALLBACK;
                    let number = number.as_str().to_owned();
                    let change = Change::CallbackRequested { number, queue, delay_seconds: 0, attempts, retry_seconds };
                    self.report(now, id, entry, change);
                }
                self.hand_over(now, entry, run);
            }
        }
    }

    /// A flow talks with the caller from now on; they are answered, if they were not.
    pub(super) fn hand_over(&mut self, now: Instant, entry: &mut CallEntry, run: Box<FlowRun>) {
        entry.plan = Plan::Flow(run);
        Self::tell(entry, now, Input::KeepCaller(true));
        Self::tell(entry, now, Input::AnswerCaller);
    }
}
