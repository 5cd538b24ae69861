//! What ended calls add up to: sums by the company's local day and agent.
//!
//! The sums are kept beside the log (a rollup), written in the unit of work that ends, enters, edits or deletes a call, so
//! that a report costs as much as the days it covers, however long the log is. They are a pure fold over [`CallFact`]s:
//! [`by_day`] of all ended calls is what must be stored, and that is how it is verified, and counted anew when a company
//! changes its time zone.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Neg};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Call, Direction};
use crate::company::local_day;
use crate::id::{CallId, CompanyId, UserId};

/// What a report needs of an ended call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFact {
    /// The call.
    pub call: CallId,
    /// The agent, when one took part.
    pub agent: Option<UserId>,
    /// Which way it went.
    pub direction: Direction,
    /// When it began: its local day is the day it counts for.
    pub started_at: DateTime<Utc>,
    /// Whether somebody was talked to.
    pub connected: bool,
    /// Whether it was about a lead.
    pub about_lead: bool,
    /// Seconds talked.
    pub talk_seconds: u32,
}

impl CallFact {
    /// What counts of a call; `None` while it goes on.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        call.status.is_final().then(|| Self {
            call: call.id,
            agent: call.agent,
            direction: call.direction,
            started_at: call.started_at,
            connected: call.was_connected(),
            about_lead: call.lead.is_some(),
            talk_seconds: call.talk_seconds(),
        })
    }
}

/// Whole seconds from answer to end.
#[must_use]
pub fn talk_seconds(answered_at: Option<DateTime<Utc>>, ended_at: Option<DateTime<Utc>>) -> u32 {
    match (answered_at, ended_at) {
        (Some(from), Some(to)) => u32::try_from((to - from).num_seconds().max(0)).unwrap_or(u32::MAX),
        _ => 0,
    }
}

/// Sums over ended calls. Signed, because a call that is edited or deleted takes its part away again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallSums {
    /// Calls from outside.
    pub inbound: i64,
    /// Calls to the outside.
    pub outbound: i64,
    /// Calls between extensions.
    pub internal: i64,
    /// Calls in which somebody was talked to.
    pub connected: i64,
    /// Calls about a lead in which somebody was talked to.
    pub follow_ups: i64,
    /// Seconds talked.
    pub talk_seconds: i64,
}

impl CallSums {
    /// The sums of one call.
    #[must_use]
    pub fn of(fact: &CallFact) -> Self {
        let is = |direction| i64::from(fact.direction == direction);
        Self {
            inbound: is(Direction::Inbound),
            outbound: is(Direction::Outbound),
            internal: is(Direction::Internal),
            connected: i64::from(fact.connected),
            follow_ups: i64::from(fact.connected && fact.about_lead),
            talk_seconds: i64::from(fact.talk_seconds),
        }
    }

    /// Calls of all directions.
    #[must_use]
    pub const fn calls(&self) -> i64 {
        self.inbound + self.outbound + self.internal
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for CallSums {
    fn add_assign(&mut self, other: Self) {
        self.inbound += other.inbound;
        self.outbound += other.outbound;
        self.internal += other.internal;
        self.connected += other.connected;
        self.follow_ups += other.follow_ups;
        self.talk_seconds += other.talk_seconds;
    }
}

impl Neg for CallSums {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            inbound: -self.inbound,
            outbound: -self.outbound,
            internal: -self.internal,
            connected: -self.connected,
            follow_ups: -self.follow_ups,
            talk_seconds: -self.talk_seconds,
        }
    }
}

impl std::iter::Sum for CallSums {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), |mut total, sums| {
            total += sums;
            total
        })
    }
}

/// The sums of one local day and one agent, or of the calls that no agent took part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallDay {
    /// The company.
    pub company: CompanyId,
    /// The day in the company's time zone.
    pub day: NaiveDate,
    /// The agent.
    pub agent: Option<UserId>,
    /// The sums.
    pub sums: CallSums,
}

/// Sums by local day and agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByDay(BTreeMap<(NaiveDate, Option<UserId>), CallSums>);

impl ByDay {
    /// Adds a call.
    pub fn add(&mut self, zone: Tz, fact: &CallFact) {
        *self.0.entry((local_day(zone, fact.started_at), fact.agent)).or_default() += CallSums::of(fact);
    }

    /// Takes a call away.
    pub fn take(&mut self, zone: Tz, fact: &CallFact) {
        *self.0.entry((local_day(zone, fact.started_at), fact.agent)).or_default() += -CallSums::of(fact);
    }

    /// The sums of each day, over all or of one agent; oldest first.
    #[must_use]
    pub fn volumes(&self, agent: Option<UserId>) -> Vec<(NaiveDate, CallSums)> {
        let mut days: BTreeMap<NaiveDate, CallSums> = BTreeMap::new();
        for ((day, _), sums) in self.0.iter().filter(|((_, own), _)| agent.is_none() || *own == agent) {
            *days.entry(*day).or_default() += *sums;
        }
        days.into_iter().collect()
    }

    /// The sums of each agent; calls without one first.
    #[must_use]
    pub fn by_agent(&self) -> Vec<(Option<UserId>, CallSums)> {
        let mut agents: BTreeMap<Option<UserId>, CallSums> = BTreeMap::new();
        for ((_, agent), sums) in &self.0 {
            *agents.entry(*agent).or_default() += *sums;
        }
        agents.into_iter().collect()
    }

    /// The days with anything in them, by day and agent, as rows of `company`.
    pub fn rows(&self, company: CompanyId) -> impl Iterator<Item = CallDay> {
        let some = self.0.iter().filter(|(_, sums)| !sums.is_nothing());
        some.map(move |((day, agent), sums)| CallDay { company, day: *day, agent: *agent, sums: *sums })
    }
}

/// Sums by month, as its first day, of sums by day; oldest first.
#[must_use]
pub fn monthly(days: &[(NaiveDate, CallSums)]) -> Vec<(NaiveDate, CallSums)> {
    let mut months: BTreeMap<NaiveDate, CallSums> = BTreeMap::new();
    for (day, sums) in days {
        *months.entry(day.with_day(1).unwrap_or(*day)).or_default() += *sums;
    }
    months.into_iter().collect()
}

/// The fold over calls: what the stored days must equal.
#[must_use]
pub fn by_day<'a>(zone: Tz, facts: impl IntoIterator<Item = &'a CallFact>) -> ByDay {
    facts.into_iter().fold(ByDay::default(), |mut days, fact| {
        days.add(zone, fact);
        days
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn fact(ids: &dyn IdSource, at: &str, direction: Direction, talk_seconds: u32) -> CallFact {
        let started_at = at.parse().unwrap();
        let connected = talk_seconds > 0;
        let about_lead = false;
        CallFact { call: ids.id(started_at), agent: None, direction, started_at, connected, about_lead, talk_seconds }
    }

    #[test]
    fn a_call_counts_for_the_local_day_it_began_on() {
        let source = SeededIds::new(5);
        let ids: &dyn IdSource = &source;
        let late = fact(ids, "2026-03-01T23:30:00Z", Direction::Inbound, 30);
        let (berlin, lima) = (chrono_tz::Europe::Berlin, chrono_tz::America::Lima);
        let company = ids.id(late.started_at);
        let day = |zone| by_day(zone, [&late]).rows(company).next().unwrap().day.to_string();
        assert_eq!((day(berlin), day(lima)), ("2026-03-02".to_owned(), "2026-03-01".to_owned()));
    }

    #[test]
    fn what_was_added_and_taken_away_leaves_no_row() {
        let source = SeededIds::new(5);
        let ids: &dyn IdSource = &source;
        let facts = [
            CallFact { about_lead: true, ..fact(ids, "2026-03-01T10:00:00Z", Direction::Inbound, 30) },
            CallFact { about_lead: true, ..fact(ids, "2026-03-01T11:00:00Z", Direction::Outbound, 0) },
        ];
        let zone = chrono_tz::UTC;
        let company = ids.id(facts[0].started_at);
        let mut days = by_day(zone, &facts);
        let sums = CallSums { inbound: 1, outbound: 1, internal: 0, connected: 1, follow_ups: 1, talk_seconds: 30 };
        assert_eq!(days.rows(company).map(|row| row.sums).collect::<Vec<_>>(), [sums]);
        assert_eq!(sums.calls(), 2);
        facts.iter().for_each(|fact| days.take(zone, fact));
        assert_eq!(days.rows(company).count(), 0);
    }
}
