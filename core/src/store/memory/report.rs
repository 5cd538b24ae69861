//! Reports in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::unit::{Unit, unless_taken};
use crate::id::{ReportId, UserId};
use crate::report::{Period, PeriodSums, Report, ReportType};
use crate::store::{CallFigureStore, LeadFiguresStore, Listing, Page, ReportFilter, ReportStore, StoreError};

/// Rows of [`ReportStore::written_reports`], at most.
const WRITTEN_MAX: usize = 100_000;

fn matches(filter: &ReportFilter, report: &Report) -> bool {
    let first = report.period.first();
    filter.user.is_none_or(|user| report.user == user)
        && filter.kind.is_none_or(|kind| report.period.kind() == kind)
        && filter.from.is_none_or(|from| first >= from)
        && filter.to.is_none_or(|to| first <= to)
}

#[async_trait]
impl ReportStore for Unit<'_> {
    async fn insert_report(&mut self, report: &Report) -> Result<(), StoreError> {
        self.admits(report)?;
        let key = (report.company, report.user, report.period);
        unless_taken::<Report>(self.state().reports.contains(&report.id), "id")?;
        unless_taken::<Report>(self.state().report_periods.contains(&key), "period")?;
        let state = self.change()?;
        state.report_periods.insert(key, report.id);
        state.reports.insert(report.id, Arc::new(report.clone()));
        Ok(())
    }

    async fn update_report(&mut self, report: &Report) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().reports.get(&report.id), report)?);
        let report = Report { user: stored.user, period: stored.period, ..report.clone() };
        self.change()?.reports.insert(report.id, Arc::new(report));
        Ok(())
    }

    async fn report(&mut self, id: ReportId) -> Result<Option<Report>, StoreError> {
        Ok(self.visible(self.state().reports.get(&id)))
    }

    async fn report_of(&mut self, user: UserId, period: Period) -> Result<Option<Report>, StoreError> {
        let mut reports = self.state().reports.values();
        let found = reports
            .find(|report| report.user == user && report.period == period && self.sees(report.company))
            .map(|report| Report::clone(report));
        Ok(found)
    }

    async fn reports(&mut self, filter: &ReportFilter, page: Page) -> Result<Listing<Report>, StoreError> {
        let mut reports: Vec<_> = self.state().reports.values().collect();
        reports.sort_unstable_by_key(|report| std::cmp::Reverse((report.period.first(), report.id)));
        Ok(self.listing(reports.into_iter(), page, |report| matches(filter, report)))
    }

    async fn written_reports(
        &mut self,
        kind: ReportType,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, UserId)>, StoreError> {
        let filter = ReportFilter { kind: Some(kind), from: Some(from), to: Some(to), user: None };
        let reports = self.state().reports.values();
        let asked = reports.filter(|report| self.sees(report.company) && matches(&filter, report));
        let mut written: Vec<_> = asked.map(|report| (report.period.first(), report.user)).collect();
        written.sort_unstable();
        written.truncate(WRITTEN_MAX);
        Ok(written)
    }

    async fn period_sums(&mut self, asked: &[(UserId, NaiveDate, NaiveDate)]) -> Result<Vec<PeriodSums>, StoreError> {
        let mut sums = Vec::with_capacity(asked.len());
        for (user, from, to) in asked {
            let calls = self.call_volumes(Some(*user), *from, *to).await?.into_iter().map(|(_, sums)| sums).sum();
            let leads = self.lead_days(*from, *to, Some(*user)).await?;
            let total = |count: fn(&crate::lead::LeadDay) -> u64| {
                leads.iter().map(|day| i64::try_from(count(day)).unwrap_or(i64::MAX)).sum()
            };
            let (new_leads, converted_leads) = (total(|day| day.created), total(|day| day.converted));
            sums.push(PeriodSums { calls, new_leads, converted_leads });
        }
        Ok(sums)
    }
}
