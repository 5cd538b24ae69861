//! Caller records and the caller sync rule (document 000), and the figures that follow from the call log.
//!
//! Every user of kind agent has exactly one caller record, tied to the user by id. The figures are a pure fold over the
//! calls: [`Figures::add`] and [`Figures::take`] are applied in the same unit of work that ends, edits or deletes a call.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::call::{CallFact, CallSums};
use crate::id::{CallerId, CompanyId, UserId};

/// The length of the period that the raise percentage compares with the one before it, in days.
pub const RAISE_PERIOD_DAYS: u64 = 30;

/// The caller record of a user of kind agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its id.
    pub id: CallerId,
    /// The user it belongs to.
    pub user: UserId,
    /// The company.
    pub company: CompanyId,
    /// What the calls say.
    pub figures: Figures,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What the calls of one agent add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Ended calls.
    pub total_calls: u64,
    /// Ended calls in which somebody was talked to.
    pub connected_calls: u64,
    /// Seconds talked.
    pub talk_seconds: u64,
    /// When the first call began.
    pub first_call_at: Option<DateTime<Utc>>,
    /// When the last call began.
    pub last_call_at: Option<DateTime<Utc>>,
}

impl Figures {
    /// Adds an ended call.
    pub fn add(&mut self, fact: &CallFact) {
        self.total_calls += 1;
        self.connected_calls += u64::from(fact.connected);
        self.talk_seconds += u64::from(fact.talk_seconds);
        self.first_call_at = Some(self.first_call_at.map_or(fact.started_at, |at| at.min(fact.started_at)));
        self.last_call_at = Some(self.last_call_at.map_or(fact.started_at, |at| at.max(fact.started_at)));
    }

    /// Takes an ended call away, which was added before. When it was the first or the last, only the log knows which call is
    /// that now: the answer is `true`, and the two instants must be set anew.
    #[must_use]
    pub fn take(&mut self, fact: &CallFact) -> bool {
        self.total_calls = self.total_calls.saturating_sub(1);
        self.connected_calls = self.connected_calls.saturating_sub(u64::from(fact.connected));
        self.talk_seconds = self.talk_seconds.saturating_sub(u64::from(fact.talk_seconds));
        [self.first_call_at, self.last_call_at].contains(&Some(fact.started_at))
    }

    /// Ended calls in which nobody was talked to.
    #[must_use]
    pub const fn not_connected_calls(&self) -> u64 {
        self.total_calls.saturating_sub(self.connected_calls)
    }

    /// Whole minutes talked, over all calls together: rounding each call would drift from the log.
    #[must_use]
    pub const fn duration_minutes(&self) -> u64 {
        self.talk_seconds / 60
    }

    /// The fold over calls: what the stored figures must equal.
    #[must_use]
    pub fn of<'a>(facts: impl IntoIterator<Item = &'a CallFact>) -> Self {
        facts.into_iter().fold(Self::default(), |mut figures, fact| {
            figures.add(fact);
            figures
        })
    }
}

/// By how many per cent the talk time of the last [`RAISE_PERIOD_DAYS`] (today included) exceeds that of the period before.
/// With nothing before, any talk at all counts as 100 %.
#[must_use]
pub fn raise_percentage(days: impl IntoIterator<Item = (NaiveDate, CallSums)>, today: NaiveDate) -> f64 {
    let (current_from, previous_from) = raise_periods(today);
    let (mut current, mut previous) = (0i64, 0i64);
    for (day, sums) in days {
        if day >= current_from && day <= today {
            current += sums.talk_seconds;
        } else if day >= previous_from && day < current_from {
            previous += sums.talk_seconds;
        }
    }
    match (previous, current) {
        (0, 0) => 0.0,
        (0, _) => 100.0,
        _ => {
            let raise = (current as f64 - previous as f64) / previous as f64 * 100.0;
            (raise * 100.0).round() / 100.0
        }
    }
}

/// The first days of the current and of the previous raise period.
#[must_use]
pub fn raise_periods(today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
    (back(RAISE_PERIOD_DAYS - 1), back(2 * RAISE_PERIOD_DAYS - 1))
}

/// What repairs the caller records: which users lack one, which records have no agent behind them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncPlan {
    /// Users of kind agent without a record.
    pub missing: Vec<UserId>,
    /// Users with a record who are not of kind agent, or who are gone.
    pub surplus: Vec<UserId>,
}

impl SyncPlan {
    /// Compares the users of kind agent with the users that have a record.
    #[must_use]
    pub fn of(agents: &BTreeSet<UserId>, recorded: &BTreeSet<UserId>) -> Self {
        Self {
            missing: agents.difference(recorded).copied().collect(),
            surplus: recorded.difference(agents).copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn talk(seconds: i64) -> CallSums {
        CallSums { outbound: 1, connected: 1, talk_seconds: seconds, ..CallSums::default() }
    }

    #[test]
    fn the_raise_compares_two_periods_of_thirty_days() {
        let today = day("2026-03-31");
        let days = [(day("2026-03-02"), talk(150)), (day("2026-03-01"), talk(100)), (day("2026-01-30"), talk(999))];
        assert!((raise_percentage(days, today) - 50.0).abs() < f64::EPSILON);
    }

    #[test]
    fn without_a_past_any_talk_is_a_full_raise() {
        let today = day("2026-03-31");
        assert!((raise_percentage([(today, talk(1))], today) - 100.0).abs() < f64::EPSILON);
        assert!(raise_percentage([], today).abs() < f64::EPSILON);
        assert!((raise_percentage([(day("2026-03-01"), talk(1))], today) + 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_sync_plan_is_the_difference_both_ways() {
        use crate::id::{IdSource, SeededIds};
        let source = SeededIds::new(2);
        let ids: &dyn IdSource = &source;
        let users: Vec<UserId> = (0..3).map(|_| ids.id(DateTime::UNIX_EPOCH)).collect();
        let plan = SyncPlan::of(&[users[0], users[1]].into(), &[users[1], users[2]].into());
        assert_eq!(plan, SyncPlan { missing: vec![users[0]], surplus: vec![users[2]] });
    }
}
