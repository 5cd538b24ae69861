//! What agents did today, as the log of their queues has it. The routers count the calls that they gave out, also those in which nobody
//! else was ever on the line: what they are told here counts instead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::call::Change;
use dialplane_core::company::local_day;
use dialplane_core::id::{CallId, CompanyId, UserId};
use dialplane_core::queue::log::AgentWork;
use dialplane_core::queue::router::Input;

use super::call_entry::CallEntry;
use super::run::Edge;

/// What the agents of a company did on a day.
#[derive(Debug)]
pub(super) struct Day {
    day: NaiveDate,
    agents: HashMap<UserId, AgentWork>,
}

impl Edge {
    /// Takes note of what a change of a call is worth to agents.
    pub(super) fn note_work(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        at: DateTime<Utc>,
        change: &Change,
    ) {
        let company = entry.company;
        for (entered, noted) in entry.stays.hear(id, at, change) {
            let Some(agent) = noted.agent else { continue };
            let Some(zone) = self.directory.company(company).map(|company| company.timezone) else { return };
            if self.day_of(now, company).is_some_and(|day| day.day == local_day(zone, entered)) {
                let Some(day) = self.days.get_mut(&company) else { return };
                day.agents.entry(agent).or_default().add(&noted);
                self.tell_worked(now, company, agent);
            }
        }
    }

    /// What an agent did today before the first directory was read.
    pub(super) fn worked_before(&mut self, now: Instant, company: CompanyId, agent: UserId, work: AgentWork) {
        if let Some(day) = self.day_of(now, company).filter(|_| work != AgentWork::default()) {
            day.agents.insert(agent, work);
            self.tell_worked(now, company, agent);
        }
    }

    /// An agent has a call of a queue. Whether it counts is not known before they talk with somebody.
    pub(super) fn tell_taken(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, agent: UserId) {
        entry.taken_by = Some(agent);
        let call = entry.callback.unwrap_or(id);
        self.tell_router(now, entry.company, Input::OfferAccepted { call, agent });
        self.tell_worked(now, entry.company, agent);
    }

    /// A call is over, at least for the agent who had it from a queue. The router forgets one that it does not know without a word.
    pub(super) fn tell_over(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let call = entry.callback.unwrap_or(id);
        self.tell_router(now, entry.company, Input::CallEnded { call });
        if let Some(agent) = entry.taken_by.take() {
            self.tell_worked(now, entry.company, agent);
        }
    }

    fn tell_worked(&mut self, now: Instant, company: CompanyId, agent: UserId) {
        let work = self.days.get(&company).and_then(|day| day.agents.get(&agent)).copied().unwrap_or_default();
        let calls = u32::try_from(work.taken).unwrap_or(u32::MAX);
        let talked = Duration::from_millis(work.talk_ms);
        self.tell_router(now, company, Input::AgentWorked { agent, calls, talked });
    }

    /// The day that counts for a company. With a new one the figures begin anew.
    fn day_of(&mut self, now: Instant, company: CompanyId) -> Option<&mut Day> {
        let zone = self.directory.company(company)?.timezone;
        let today = local_day(zone, self.surroundings.clock.now());
        let known = self.days.get(&company).map(|day| day.day);
        if known != Some(today) {
            self.days.insert(company, Day { day: today, agents: HashMap::new() });
            if known.is_some() {
                self.tell_router(now, company, Input::DayBegan);
            }
        }
        self.days.get_mut(&company)
    }

    /// Begins the day of companies whose midnight has passed. Looked at once a minute, as clocks may be set.
    pub(super) fn days_due(&mut self, now: Instant) {
        if self.days_due.is_some_and(|due| due > now) {
            return;
        }
        self.days_due = Some(now + Duration::from_secs(60));
        for company in self.routers.keys().copied().collect::<Vec<_>>() {
            self.day_of(now, company);
        }
    }
}
