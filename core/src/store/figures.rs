//! The storage trait of what calls add up to.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use crate::call::{CallDay, CallFact, CallSums};
use crate::id::{CallId, UserId};

/// The sums of ended calls by company, local day and agent, and the facts they are made of.
///
/// # Contract
/// The store adds up and knows nothing of time zones: whoever adds has found the day with
/// [`CompanyStore::hold_timezone`](super::CompanyStore::hold_timezone). Days on which all sums are nothing are not told from days
/// without calls, and are left out of every answer.
#[async_trait]
pub trait CallFigureStore: Send {
    /// Adds to the sums of days; a day and agent of a company comes once in the slice, in any order.
    async fn add_call_days(&mut self, days: &[CallDay]) -> Result<(), StoreError>;
    /// Removes the sums of all days, before they are counted anew. Only in a company's scope: [`StoreError::OutOfScope`]
    /// otherwise.
    async fn clear_call_days(&mut self) -> Result<(), StoreError>;
    /// The sums by day and agent from `from` to `to`, both included, of one agent when given; by company, then day, then agent,
    /// calls without an agent first. At most 100,000 rows.
    async fn call_days(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<CallDay>, StoreError>;
    /// The sums by day from `from` to `to`, both included, over all agents and calls without one, or of one agent; oldest first.
    async fn call_volumes(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, CallSums)>, StoreError>;
    /// The sums by agent from `from` to `to`, both included; calls without an agent first, then by agent.
    async fn call_sums(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(Option<UserId>, CallSums)>, StoreError>;
    /// The facts of the ended calls that began from `from` on and before `to`, after the one given by its beginning and id, in
    /// that order; at most `limit`.
    async fn call_facts(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        after: Option<(DateTime<Utc>, CallId)>,
        limit: u32,
    ) -> Result<Vec<CallFact>, StoreError>;
}
