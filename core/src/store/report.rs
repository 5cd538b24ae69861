//! The storage trait of reports.

use async_trait::async_trait;
use chrono::NaiveDate;

use super::{Listing, Page, ReportFilter, StoreError};
use crate::id::{ReportId, UserId};
use crate::report::{Period, PeriodSums, Report, ReportType};

/// Reports, and the sums that they show.
#[async_trait]
pub trait ReportStore: Send {
    /// Adds a report. Duplicate: `id`, `period` (of a person in a company).
    async fn insert_report(&mut self, report: &Report) -> Result<(), StoreError>;
    /// Replaces what is stated and noted in a report; company, person and period stay.
    async fn update_report(&mut self, report: &Report) -> Result<(), StoreError>;
    /// Reads a report.
    async fn report(&mut self, id: ReportId) -> Result<Option<Report>, StoreError>;
    /// Reads a person's report of a period.
    async fn report_of(&mut self, user: UserId, period: Period) -> Result<Option<Report>, StoreError>;
    /// Lists reports, latest period first, then newest first.
    async fn reports(&mut self, filter: &ReportFilter, page: Page) -> Result<Listing<Report>, StoreError>;
    /// Of which periods of this kind, beginning from `from` to `to`, both included, people have a report: first day and person,
    /// in that order; at most 100,000.
    async fn written_reports(
        &mut self,
        kind: ReportType,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, UserId)>, StoreError>;
    /// What each of these people did from the one day to the other, both included: as many sums as were asked for, in their order.
    async fn period_sums(&mut self, asked: &[(UserId, NaiveDate, NaiveDate)]) -> Result<Vec<PeriodSums>, StoreError>;
}
