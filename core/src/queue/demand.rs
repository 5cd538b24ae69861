//! What a log of calls asks for: calls and handling by the half hour of a local day, and the agents they need.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use chrono_tz::Tz;

use super::staffing::{Load, with_shrinkage};
use crate::id::UserId;

/// The half hours of a day.
pub const HALF_HOURS: usize = 48;
/// Seconds of half an hour.
const HALF_HOUR: f64 = 1_800.0;

/// A call of a queue, as far as it asks for agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demanded {
    /// When it came.
    pub at: DateTime<Utc>,
    /// Seconds until it was answered, or ended.
    pub wait_seconds: u32,
    /// Who took it, and the seconds they were busy with it, wrap-up included.
    pub handled: Option<(UserId, u32)>,
    /// Whether the caller gave up.
    pub abandoned: bool,
}

/// What came in half an hour, over some days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct HalfHour {
    calls: u32,
    answered: u32,
    abandoned: u32,
    handled_seconds: u64,
    agents: BTreeSet<(NaiveDate, UserId)>,
}

/// Calls of some days, by the half hour of the day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    half_hours: BTreeMap<usize, HalfHour>,
    waited_seconds: u64,
    abandoned: u32,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The share of calls to answer in time: above 0 and below 1.
    pub share: f64,
    /// In time means within so many seconds.
    pub seconds: f64,
    /// The share of paid time in which agents take no calls: 0 to 0.95.
    pub shrinkage: f64,
}

/// What half an hour needs, a mean over the days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needed {
    /// Which, from 0 at midnight.
    pub half_hour: usize,
    /// Calls that came.
    pub calls: f64,
    /// Of those, the ones that were answered.
    pub answered: f64,
    /// And those whose callers gave up.
    pub abandoned: f64,
    /// Seconds of a call in hand; of the whole day's where none was answered in this half hour.
    pub handle_seconds: f64,
    /// Agents who took calls.
    pub there: f64,
    /// Agents to be there if callers wait for ever (Erlang C); `None` where no number will do.
    pub patient: Option<u32>,
    /// Agents to be there, as callers give up (Erlang A); `None` where nobody gave up, too.
    pub impatient: Option<u32>,
    /// Agents to plan for the latter, or else for the former: with shrinkage.
    pub planned: Option<u32>,
}

impl Demand {
    /// Adds a call.
    pub fn add(&mut self, zone: Tz, call: &Demanded) {
        let local = call.at.with_timezone(&zone);
        let half_hour = self.half_hours.entry(local.num_seconds_from_midnight() as usize / 1_800).or_default();
        half_hour.calls += 1;
        half_hour.abandoned += u32::from(call.abandoned);
        if let Some((agent, seconds)) = call.handled {
            half_hour.answered += 1;
            half_hour.handled_seconds += u64::from(seconds);
            half_hour.agents.insert((local.date_naive(), agent));
        }
        self.waited_seconds += u64::from(call.wait_seconds);
        self.abandoned += u32::from(call.abandoned);
    }

    /// The most likely mean patience, in seconds: all waits through the number of callers who gave up, as the waits of others were cut
    /// short. `None` where nobody gave up.
    #[must_use]
    pub fn patience_seconds(&self) -> Option<f64> {
        (self.abandoned > 0).then(|| (self.waited_seconds as f64 / f64::from(self.abandoned)).max(1.0))
    }

    /// What each half hour with calls needs, in order; `days` is how many days the calls are of.
    #[must_use]
    pub fn needs(&self, days: u32, goal: Goal) -> Vec<Needed> {
        let days = f64::from(days.max(1));
        let (handled, answered) = self.half_hours.values().fold((0, 0), |(handled, answered), half_hour| {
            (handled + half_hour.handled_seconds, answered + half_hour.answered)
        });
        let usual = handled as f64 / f64::from(answered.max(1));
        let patience = self.patience_seconds();
        let needed = |(at, found): (&usize, &HalfHour)| {
            let handle_seconds = match found.answered {
                0 => usual,
                answered => found.handled_seconds as f64 / f64::from(answered),
            };
            let calls = f64::from(found.calls) / days;
            let load = Load { calls, interval_seconds: HALF_HOUR, handle_seconds, patience_seconds: None };
            let agents = |patience_seconds| Load { patience_seconds, ..load }.agents_for(goal.share, goal.seconds);
            let (patient, impatient) = (agents(None), patience.and_then(|patience| agents(Some(patience))));
            Needed {
                half_hour: *at,
                calls,
                answered: f64::from(found.answered) / days,
                abandoned: f64::from(found.abandoned) / days,
                handle_seconds,
                there: found.agents.len() as f64 / days,
                patient,
                impatient,
                planned: impatient.or(patient).map(|agents| with_shrinkage(agents, goal.shrinkage)),
            }
        };
        self.half_hours.iter().map(needed).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;
    use crate::id::{IdSource, SeededIds};

    #[test]
    fn half_hours_are_those_of_the_local_day_and_need_what_erlang_says() {
        let ids = SeededIds::new(1);
        let agents: Vec<UserId> = (0..9).map(|_| (&ids as &dyn IdSource).id(DateTime::UNIX_EPOCH)).collect();
        let berlin = chrono_tz::Europe::Berlin;
        let mut demand = Demand::default();
        // Two Mondays, in winter and in summer time: 8:30 in Berlin is at another time of the world.
        for (month, hour) in [(3, 7), (4, 6)] {
            let first = Utc.with_ymd_and_hms(2026, month, 23 - 3 * (month - 3), hour, 30, 0).unwrap();
            for n in 0..100u32 {
                let at = first + chrono::TimeDelta::seconds(i64::from(n) * 18);
                let handled = (n % 10 > 0).then(|| (agents[(n % 9) as usize], 180));
                let call = Demanded { at, wait_seconds: 12, handled, abandoned: n % 10 == 0 };
                demand.add(berlin, &call);
            }
        }
        // 2,400 s of waiting by 20 who gave up.
        assert_eq!(demand.patience_seconds(), Some(120.0));
        let goal = Goal { share: 0.8, seconds: 20.0, shrinkage: 0.3 };
        let [needed] = demand.needs(2, goal)[..] else { panic!("all came in one half hour") };
        let Needed { half_hour, calls, answered, abandoned, handle_seconds, there, .. } = needed;
        assert_eq!((half_hour, calls, answered, abandoned), (17, 100.0, 90.0, 10.0));
        assert_eq!((handle_seconds, there), (180.0, 9.0));
        // The published figure for 100 calls of three minutes; who gives up needs fewer.
        assert_eq!(needed.patient, Some(14));
        let impatient = needed.impatient.unwrap();
        assert!((11..14).contains(&impatient), "{impatient}");
        assert_eq!(needed.planned, Some(with_shrinkage(impatient, 0.3)));
    }

    #[test]
    fn a_half_hour_without_an_answer_takes_the_length_of_the_days_calls() {
        let agent = (&SeededIds::new(1) as &dyn IdSource).id(DateTime::UNIX_EPOCH);
        let at = Utc.with_ymd_and_hms(2026, 1, 5, 9, 0, 0).unwrap();
        let mut demand = Demand::default();
        let call = Demanded { at, wait_seconds: 0, handled: Some((agent, 100)), abandoned: false };
        demand.add(Tz::UTC, &call);
        let later = at + chrono::TimeDelta::hours(1);
        demand.add(Tz::UTC, &Demanded { at: later, handled: None, ..call });
        let needs = demand.needs(1, Goal { share: 0.8, seconds: 20.0, shrinkage: 0.0 });
        assert_eq!(
            needs.iter().map(|n| (n.half_hour, n.handle_seconds)).collect::<Vec<_>>(),
            [(18, 100.0), (20, 100.0)]
        );
        assert!(needs.iter().all(|needed| needed.impatient.is_none() && needed.planned == needed.patient));
    }
}
