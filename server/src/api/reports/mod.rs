//! `/reports`: what people did in a day, a week or a month, what they say about it, and all of that to take along (document 003).

mod export;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use dialplane_core::Permission;
use dialplane_core::command::report::{UpdateReport, WriteReport};
use dialplane_core::company::local_day;
use dialplane_core::error::Failure;
use dialplane_core::id::{ReportKind, UserId};
use dialplane_core::report::{Report, ReportChange, ReportRefused, ReportType};
use dialplane_core::store::{ReportFilter, Tx};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::view::{ReportAnswer, ReportChanged, ReportView, ReportsAnswer};
use crate::api::users::Person;
use crate::export::content::figures;
use crate::http::dates::{YEARS, span};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId, nullable};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_reports, create_report))
        .routes(routes!(get_report, update_report))
        .routes(routes!(export::export_report))
        .routes(routes!(export::download_report))
}

/// Whose reports somebody may see: of one person, or of all. Agents and marketing see their own.
///
/// # Errors
/// 403 for those of others.
fn whose(authed: &Authed, user: Option<UserId>) -> Reply<Option<UserId>> {
    authed.demand(Permission::WriteReports)?;
    match user {
        _ if authed.actor.may(Permission::ManageReports) => Ok(user),
        Some(other) if other != authed.user.id => Err(Problem::forbidden()),
        _ => Ok(Some(authed.user.id)),
    }
}

/// Reports as clients see them: three reads for all of them.
async fn shown(tx: &mut dyn Tx, reports: &[Report]) -> Reply<Vec<ReportView>> {
    let figures = figures(tx, reports).await?;
    let ids: Vec<UserId> = reports.iter().map(|report| report.user).collect();
    let users = tx.users_by_ids(&ids).await?;
    let person = |id: UserId| users.iter().find(|user| user.id == id).map(Person::of);
    Ok(reports.iter().zip(&figures).map(|(report, done)| ReportView::of(report, done, person(report.user))).collect())
}

async fn one_shown(app: &App, authed: &Authed, report: &Report) -> Reply<ReportView> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let shown = shown(&mut *tx, std::slice::from_ref(report)).await?;
    shown.into_iter().next().ok_or_else(|| Problem::not_found("report"))
}

/// What a list of reports can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// Whom they are about. Agents see their own.
    #[serde(alias = "user_id")]
    #[param(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    /// daily, weekly or monthly.
    #[serde(alias = "report_type")]
    #[param(value_type = Option<String>)]
    report_type: Option<ReportType>,
    /// Whose period begins on this local day or later.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// Whose period begins on this local day or earlier.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
}

/// The company's reports, latest period first; agents see their own.
#[utoipa::path(get, path = "/reports", tag = "reports", params(ReportQuery, Paging),
    responses((status = 200, body = ReportsAnswer)))]
pub(crate) async fn list_reports(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<ReportQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<ReportsAnswer>> {
    let user = whose(&authed, query.user_id)?;
    let zone = authed.company.timezone;
    let span = span(query.date_from.as_deref(), query.date_to.as_deref(), zone)?;
    let filter = ReportFilter {
        user,
        kind: query.report_type,
        from: span.from.map(|from| local_day(zone, from)),
        // The end of a span is the first instant after it.
        to: span.to.map(|to| local_day(zone, to - TimeDelta::microseconds(1))),
    };
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = tx.reports(&filter, paging.page()).await?;
    let reports = shown(&mut *tx, &listing.items).await?;
    Ok(Json(ReportsAnswer::new(reports, paging.of(listing.total))))
}

/// What somebody says of a period; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportInput {
    /// Whom it is about: oneself when absent. Of others for admins and managers; it cannot be changed.
    #[serde(alias = "user_id", alias = "user")]
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    /// A day of the period, such as 2024-01-15; today when absent. It cannot be changed.
    #[serde(alias = "report_date")]
    report_date: Option<String>,
    /// daily (usual), weekly or monthly. It cannot be changed.
    #[serde(alias = "report_type")]
    #[schema(value_type = Option<String>)]
    report_type: Option<ReportType>,
    /// Calls, as the person counts them. The report shows what the log says, and this beside it.
    #[serde(default, deserialize_with = "nullable", alias = "total_calls")]
    #[schema(value_type = Option<u32>)]
    total_calls: Option<Option<u32>>,
    /// Calls in which somebody was talked to.
    #[serde(default, deserialize_with = "nullable", alias = "completed_calls")]
    #[schema(value_type = Option<u32>)]
    completed_calls: Option<Option<u32>>,
    /// Calls about a lead in which somebody was talked to.
    #[serde(default, deserialize_with = "nullable", alias = "follow_ups_completed")]
    #[schema(value_type = Option<u32>)]
    follow_ups_completed: Option<Option<u32>>,
    /// Leads sold.
    #[serde(default, deserialize_with = "nullable", alias = "converted_leads")]
    #[schema(value_type = Option<u32>)]
    converted_leads: Option<Option<u32>>,
    /// How the period went.
    #[serde(default, deserialize_with = "nullable", alias = "daily_notes")]
    #[schema(value_type = Option<String>)]
    daily_notes: Option<Option<String>>,
    /// Further notes.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
}

/// What an input says, read.
struct Said {
    user: Option<UserId>,
    kind: Option<ReportType>,
    day: Option<NaiveDate>,
    change: ReportChange,
}

/// Reads the day of a report. A report's own `reportDate` is midnight in UTC and stands for the day that it names.
fn report_day(text: &str, zone: Tz) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let text = text.trim();
    let instant = || {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        let names_a_day = at.time() == NaiveTime::MIN && at.offset().local_minus_utc() == 0;
        Some(if names_a_day { at.date_naive() } else { local_day(zone, at.to_utc()) })
    };
    text.parse().ok().or_else(instant).filter(|day: &NaiveDate| YEARS.contains(&day.year()))
}

impl ReportInput {
    fn said(self, zone: Tz, faults: &mut Faults) -> Option<Said> {
        let day = self.report_date.as_deref().map(|text| report_day(text, zone));
        if day == Some(None) {
            faults.add("reportDate", "expected a day such as 2026-01-31, in the years 1900 to 9999");
        }
        let change = ReportChange {
            total_calls: self.total_calls,
            completed_calls: self.completed_calls,
            follow_ups_completed: self.follow_ups_completed,
            converted_leads: self.converted_leads,
            daily_notes: self.daily_notes,
            notes: self.notes,
        };
        faults.rules(change.faults());
        Some(Said { user: self.user_id, kind: self.report_type, day: day.flatten(), change })
    }
}

/// Names the report that is there.
fn refused(failure: Failure<ReportRefused>) -> Problem {
    let existing = match failure.refusal() {
        Some(ReportRefused::Exists { existing }) => Some(*existing),
        _ => None,
    };
    let problem = Problem::from(failure);
    match existing {
        Some(id) => problem.existing(id),
        None => problem,
    }
}

/// Write a report. A person has one of each period: a second one is a conflict, which names the first as `existing`. A daily
/// report that was made by itself after the day is filled in.
#[utoipa::path(post, path = "/reports", tag = "reports", request_body = ReportInput,
    responses((status = 201, body = ReportChanged)))]
pub(crate) async fn create_report(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<ReportInput>,
) -> Reply<(StatusCode, Versioned<ReportChanged>)> {
    let said = draft.checked(|body, faults| body.said(authed.company.timezone, faults))?;
    let kind = said.kind.unwrap_or(ReportType::Daily);
    let command = WriteReport { user: said.user, kind, day: said.day, change: said.change };
    let report = app.engine.execute(&authed.actor, &command).await.map_err(refused)?;
    let view = one_shown(&app, &authed, &report).await?;
    let answer = ReportChanged::new("Report created successfully", view);
    Ok((StatusCode::CREATED, versioned(report.version, answer)))
}

/// A report: one's own, or for admins and managers anybody's.
#[utoipa::path(get, path = "/reports/{id}", tag = "reports", params(("id" = Uuid, Path, description = "the report")),
    responses((status = 200, body = ReportAnswer)))]
pub(crate) async fn get_report(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<ReportKind>,
) -> Reply<Versioned<ReportAnswer>> {
    let report = app.engine.read(&authed.actor).await?.report(id).await?;
    let report = report.filter(|report| authed.actor.may_for(report.user, Permission::ManageReports));
    let report = report.ok_or_else(|| Problem::not_found("report"))?;
    let view = one_shown(&app, &authed, &report).await?;
    Ok(versioned(report.version, ReportAnswer::new(view)))
}

/// Change what is stated and noted in a report: in one's own, or for admins and managers in anybody's.
#[utoipa::path(put, path = "/reports/{id}", tag = "reports", params(("id" = Uuid, Path, description = "the report")),
    request_body = ReportInput, responses((status = 200, body = ReportChanged)))]
pub(crate) async fn update_report(
    State(app): State<Shared>,
    authed: Authed,
    PathId(report): PathId<ReportKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<ReportInput>,
) -> Reply<Versioned<ReportChanged>> {
    let Said { user, kind, day, change } = draft.checked(|body, faults| body.said(authed.company.timezone, faults))?;
    let command = UpdateReport { report, change, user, kind, day, expected_version };
    let report = app.engine.execute(&authed.actor, &command).await.map_err(refused)?;
    let view = one_shown(&app, &authed, &report).await?;
    Ok(versioned(report.version, ReportChanged::new("Report updated successfully", view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_report_stands_for_the_day_that_it_names() {
        let day = |text| report_day(text, chrono_tz::America::New_York).map(|day| day.to_string());
        assert_eq!(day("2024-01-15").as_deref(), Some("2024-01-15"));
        assert_eq!(day("2024-01-15T00:00:00Z").as_deref(), Some("2024-01-15"));
        assert_eq!(day("2024-01-15T03:00:00Z").as_deref(), Some("2024-01-14"));
        assert_eq!(day("2024-01-15T00:00:00+05:30").as_deref(), Some("2024-01-14"));
        for wrong in ["", "yesterday", "2024-02-30", "0001-01-01", "+99999-01-01"] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
