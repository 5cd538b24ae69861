//! What calls add up to, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::unit::Unit;
use crate::call::{CallDay, CallFact, CallSums};
use crate::id::{CallId, UserId};
use crate::store::{CallFigureStore, Repo, StoreError};

/// Rows of [`CallFigureStore::call_days`], at most.
const DAYS_MAX: usize = 100_000;

impl Unit<'_> {
    /// The days of the scope with anything in them, by company, day and agent.
    fn days(&self, agent: Option<UserId>, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = CallDay> {
        let rows = self.state().call_days.iter();
        let days = rows.map(|((company, day, agent), sums)| CallDay {
            company: *company,
            day: *day,
            agent: *agent,
            sums: *sums,
        });
        days.filter(move |row| {
            self.sees(row.company)
                && (from..=to).contains(&row.day)
                && (agent.is_none() || row.agent == agent)
                && !row.sums.is_nothing()
        })
    }
}

#[async_trait]
impl CallFigureStore for Unit<'_> {
    async fn add_call_days(&mut self, days: &[CallDay]) -> Result<(), StoreError> {
        self.may_write()?;
        if days.iter().any(|row| !self.sees(row.company)) {
            return Err(StoreError::OutOfScope);
        }
        let state = self.change()?;
        for row in days {
            let key = (row.company, row.day, row.agent);
            let mut sums = state.call_days.get(&key).copied().unwrap_or_default();
            sums += row.sums;
            state.call_days.insert(key, sums);
        }
        Ok(())
    }

    async fn clear_call_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        let own = self.state().call_days.iter().map(|(key, _)| *key).filter(|(owner, ..)| *owner == company);
        let own: Vec<_> = own.collect();
        let state = self.change()?;
        for key in &own {
            state.call_days.remove(key);
        }
        Ok(())
    }

    async fn call_days(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<CallDay>, StoreError> {
        Ok(self.days(agent, from, to).take(DAYS_MAX).collect())
    }

    async fn call_volumes(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, CallSums)>, StoreError> {
        let mut days: BTreeMap<NaiveDate, CallSums> = BTreeMap::new();
        self.days(agent, from, to).for_each(|row| *days.entry(row.day).or_default() += row.sums);
        Ok(days.into_iter().collect())
    }

    async fn call_sums(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(Option<UserId>, CallSums)>, StoreError> {
        let mut agents: BTreeMap<Option<UserId>, CallSums> = BTreeMap::new();
        self.days(None, from, to).for_each(|row| *agents.entry(row.agent).or_default() += row.sums);
        Ok(agents.into_iter().collect())
    }

    async fn call_facts(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        after: Option<(DateTime<Utc>, CallId)>,
        limit: u32,
    ) -> Result<Vec<CallFact>, StoreError> {
        let calls = self.state().calls.values().filter(|call| self.sees(call.company));
        let facts = calls.filter_map(|call| CallFact::of(call)).filter(|fact| {
            (from..to).contains(&fact.started_at) && after.is_none_or(|after| (fact.started_at, fact.call) > after)
        });
        let mut facts: Vec<CallFact> = facts.collect();
        facts.sort_unstable_by_key(|fact| (fact.started_at, fact.call));
        facts.truncate(limit as usize);
        Ok(facts)
    }
}
