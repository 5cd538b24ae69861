//! Reports: writing and changing them, and those that are written by themselves.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{Days, NaiveDate};

use super::{fresh, own_company};
use crate::company::local_day;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{ReportId, UserId};
use crate::report::{DAYS_BACK, Period, Report, ReportChange, ReportRefused, ReportType, Statement, due};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Reports that one unit of work writes, at most.
pub const WRITTEN_AT_ONCE: usize = 500;
/// People that are read at a time.
const PEOPLE: usize = 500;

/// Writes a report: one's own, or anybody's with the right to manage reports. A report that was made by itself and that nobody
/// has written in yet is filled in.
#[derive(Debug, Clone)]
pub struct WriteReport {
    /// Whom it is about; the actor when absent.
    pub user: Option<UserId>,
    /// Over how long it goes.
    pub kind: ReportType,
    /// A local day of the period; today when absent.
    pub day: Option<NaiveDate>,
    /// What is stated and noted.
    pub change: ReportChange,
}

#[async_trait]
impl Command for WriteReport {
    type Output = Report;
    type Refused = ReportRefused;
    const NAME: &'static str = "write_report";

    fn permission(&self) -> Permission {
        Permission::WriteReports
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Report, Failure<ReportRefused>> {
        let company = own_company(cx, repo).await?;
        let user = self.user.or(cx.actor().user_id()).ok_or(ReportRefused::UnknownUser)?;
        if !cx.actor().may_for(user, Permission::ManageReports) {
            return Err(Failure::Denied(Permission::ManageReports));
        }
        let today = local_day(company.timezone, cx.now());
        let period = Period::around(self.kind, self.day.unwrap_or(today));
        if period.first() > today {
            return Err(ReportRefused::NotBegun.into());
        }
        repo.user(user).await?.ok_or(ReportRefused::UnknownUser)?;
        let author = cx.actor().user_id();
        if let Some(written) = repo.report_of(user, period).await? {
            let existing = written.id;
            if !written.is_unwritten() {
                return Err(ReportRefused::Exists { existing }.into());
            }
            let mut report = Report { author, version: written.version + 1, updated_at: cx.now(), ..written };
            self.change.apply(&mut report)?;
            return match repo.update_report(&report).await {
                // Somebody else was quicker.
                Err(StoreError::Stale) => Err(ReportRefused::Exists { existing }.into()),
                done => done.map(|()| changed(cx, report)).map_err(Failure::Store),
            };
        }
        let mut report = fresh_report(cx, company.id, user, period);
        report.author = author;
        self.change.apply(&mut report)?;
        match repo.insert_report(&report).await {
            Err(StoreError::Duplicate { constraint: "period", .. }) => {
                let existing = repo.report_of(user, period).await?.ok_or(StoreError::Contention)?.id;
                Err(ReportRefused::Exists { existing }.into())
            }
            done => {
                done?;
                cx.emit(report.company, Event::ReportCreated { report: report.id, user });
                Ok(report)
            }
        }
    }
}

fn fresh_report(cx: &Context<'_>, company: crate::id::CompanyId, user: UserId, period: Period) -> Report {
    Report {
        id: cx.id(),
        company,
        user,
        period,
        stated: Statement::default(),
        daily_notes: None,
        notes: None,
        author: None,
        version: 1,
        created_at: cx.now(),
        updated_at: cx.now(),
    }
}

fn changed(cx: &mut Context<'_>, report: Report) -> Report {
    cx.emit(report.company, Event::ReportUpdated { report: report.id, user: report.user });
    report
}

/// Changes what is stated and noted in a report: in one's own, or in anybody's with the right to manage reports.
#[derive(Debug, Clone)]
pub struct UpdateReport {
    /// Which.
    pub report: ReportId,
    /// What changes.
    pub change: ReportChange,
    /// Whom the caller takes it to be about; it cannot be changed.
    pub user: Option<UserId>,
    /// The kind that the caller takes it for; it cannot be changed.
    pub kind: Option<ReportType>,
    /// A day of the period that the caller takes it for; it cannot be changed.
    pub day: Option<NaiveDate>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateReport {
    type Output = Report;
    type Refused = ReportRefused;
    const NAME: &'static str = "update_report";

    fn permission(&self) -> Permission {
        Permission::WriteReports
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Report, Failure<ReportRefused>> {
        let old = repo.report(self.report).await?;
        // To everybody else it does not exist.
        let old = old.filter(|report| cx.actor().may_for(report.user, Permission::ManageReports));
        let old = old.ok_or(ReportRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(ReportRefused::Stale.into());
        }
        if self.user.is_some_and(|user| user != old.user) {
            return Err(ReportRefused::OtherPeriod("userId").into());
        }
        if self.kind.is_some_and(|kind| kind != old.period.kind()) {
            return Err(ReportRefused::OtherPeriod("reportType").into());
        }
        if self.day.is_some_and(|day| Period::around(old.period.kind(), day) != old.period) {
            return Err(ReportRefused::OtherPeriod("reportDate").into());
        }
        let author = old.author.or(cx.actor().user_id());
        let mut report = Report { author, version: old.version + 1, updated_at: cx.now(), ..old };
        self.change.apply(&mut report)?;
        repo.update_report(&report).await?;
        Ok(changed(cx, report))
    }
}

/// Writes the daily reports of a company's active agents that are due, a part of them at a time.
#[derive(Debug, Clone, Copy)]
pub struct WriteDueReports;

#[async_trait]
impl Command for WriteDueReports {
    /// How many were due; the command is repeated until none is.
    type Output = usize;
    type Refused = ReportRefused;
    const NAME: &'static str = "write_due_reports";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<usize, Failure<ReportRefused>> {
        let company = own_company(cx, repo).await?;
        let mut agents = Vec::new();
        for ids in repo.agent_ids().await?.chunks(PEOPLE) {
            let people = repo.users_by_ids(ids).await?;
            agents.extend(people.into_iter().filter(|user| user.is_active).map(|user| (user.id, user.created_at)));
        }
        let today = local_day(company.timezone, cx.now());
        let from = today.checked_sub_days(Days::new(DAYS_BACK)).unwrap_or(today);
        let written: BTreeSet<_> = repo.written_reports(ReportType::Daily, from, today).await?.into_iter().collect();
        let due = due(company.timezone, cx.now(), &agents, &written);
        for (day, user) in due.iter().take(WRITTEN_AT_ONCE) {
            let report = fresh_report(cx, company.id, *user, Period::around(ReportType::Daily, *day));
            match repo.insert_report(&report).await {
                // Another process, or the person, was quicker.
                Err(StoreError::Duplicate { .. }) => {}
                done => {
                    done?;
                    cx.emit(report.company, Event::ReportCreated { report: report.id, user: *user });
                }
            }
        }
        Ok(due.len().min(WRITTEN_AT_ONCE))
    }
}
