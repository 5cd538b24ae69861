//! Reports as clients see them.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use dialplane_core::report::{Report, ReportFigures};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::users::Person;
use crate::http::answer::answer;
use crate::http::paging::Pagination;

/// What a person says they did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stated {
    total_calls: Option<u32>,
    completed_calls: Option<u32>,
    follow_ups_completed: Option<u32>,
    converted_leads: Option<u32>,
}

/// A report. Its figures are those of the call log and the leads as they are now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    /// Whom it is about; null when their account is gone.
    user: Option<Person>,
    user_id: Uuid,
    /// The first local day of the period, as midnight in UTC.
    report_date: DateTime<Utc>,
    /// The last local day of the period.
    last_day: NaiveDate,
    /// daily, weekly or monthly.
    report_type: &'static str,
    /// Ended calls.
    total_calls: u64,
    /// Calls in which somebody was talked to.
    completed_calls: u64,
    /// Seconds talked.
    talk_seconds: u64,
    /// Calls about a lead in which somebody was talked to.
    follow_ups_completed: u64,
    /// Leads sold.
    converted_leads: u64,
    /// Leads that came.
    new_leads: u64,
    /// What the person says they did; null when they say nothing.
    stated: Option<Stated>,
    /// Whether that is something else than what they did.
    differs: bool,
    daily_notes: Option<String>,
    notes: Option<String>,
    /// Whether it was made by itself and nobody has written in it.
    is_automatic: bool,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl ReportView {
    pub(super) fn of(report: &Report, done: &ReportFigures, user: Option<Person>) -> Self {
        let stated = &report.stated;
        Self {
            id: report.id.as_uuid(),
            crm_id: report.id.as_uuid(),
            user,
            user_id: report.user.as_uuid(),
            report_date: report.period.first().and_time(NaiveTime::MIN).and_utc(),
            last_day: report.period.last(),
            report_type: report.period.kind().as_str(),
            total_calls: done.total_calls,
            completed_calls: done.completed_calls,
            talk_seconds: done.talk_seconds,
            follow_ups_completed: done.follow_ups_completed,
            converted_leads: done.converted_leads,
            new_leads: done.new_leads,
            stated: (!stated.is_empty()).then_some(Stated {
                total_calls: stated.total_calls,
                completed_calls: stated.completed_calls,
                follow_ups_completed: stated.follow_ups_completed,
                converted_leads: stated.converted_leads,
            }),
            differs: stated.differs(done),
            daily_notes: report.daily_notes.as_ref().map(|notes| notes.expose().clone()),
            notes: report.notes.as_ref().map(|notes| notes.expose().clone()),
            is_automatic: report.is_unwritten(),
            version: report.version,
            created_at: report.created_at,
            updated_at: report.updated_at,
        }
    }
}

answer! { /** One report. */ ReportAnswer { report: ReportView } }
answer! { /** One report, and what was done. */ ReportChanged { message: &'static str, report: ReportView } }
answer! { /** A page of reports. */ ReportsAnswer { reports: Vec<ReportView>, pagination: Pagination } }
answer! {
    /// A file that was made.
    ExportAnswer {
        /// Where it is downloaded from, with the same sign-in, for a quarter of an hour.
        download_url: String,
        /// The name it is saved under.
        filename: String,
        /// When the link ends.
        expires_at: DateTime<Utc>,
    }
}
