//! `/jobs`: work that takes longer than a request.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use dialplane_core::command::job::CancelJob;
use dialplane_core::id::{JobId, JobKind as JobMarker};
use dialplane_core::job::{Job, JobCounts, JobFault, JobKind, JobState};
use dialplane_core::lead::ImportPlan;
use dialplane_core::sheet::defused;
use dialplane_core::store::JobFilter;
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Refused rows that are read at a time.
const FAULTS_PAGE: u32 = 500;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(cancel_job))
        .routes(routes!(get_job_errors))
}

/// What became of the items of a job that are done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsView {
    created: u64,
    updated: u64,
    skipped: u64,
    failed: u64,
}

impl CountsView {
    const fn of(counts: JobCounts) -> Self {
        let JobCounts { created, updated, skipped, failed } = counts;
        Self { created, updated, skipped, failed }
    }
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    id: Uuid,
    /// lead_import.
    kind: &'static str,
    /// queued, running, done, failed or cancelled.
    state: &'static str,
    /// Whether it is to stop at its next step.
    is_cancelling: bool,
    /// Items in all.
    total: u64,
    /// Items that are done.
    done: u64,
    /// What became of them.
    counts: CountsView,
    /// The file it works on.
    file: Option<String>,
    /// What came of it, once it is done.
    #[schema(value_type = Option<Object>)]
    result: Option<serde_json::Value>,
    /// Why it failed.
    reason: Option<String>,
    /// Where the refused rows are, when there are any.
    errors_url: Option<String>,
    /// Who started it.
    created_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl JobView {
    /// The job as clients see it.
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            id: job.id.as_uuid(),
            kind: job.kind.as_str(),
            state: job.state.as_str(),
            is_cancelling: job.is_cancelling,
            total: job.total,
            done: job.counts.done(),
            counts: CountsView::of(job.counts),
            file: plan_of(job).map(|plan| plan.file),
            result: job.result.clone(),
            reason: job.reason.clone(),
            errors_url: (job.counts.failed > 0).then(|| format!("/api/jobs/{}/errors", job.id)),
            created_by: job.created_by.map(|user| user.as_uuid()),
            created_at: job.created_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
        }
    }
}

fn plan_of(job: &Job) -> Option<ImportPlan> {
    match job.kind {
        JobKind::LeadImport => serde_json::from_value(job.params.clone()).ok(),
    }
}

answer! { /** One job. */ JobAnswer { job: JobView } }
answer! { /** One job, and what was done. */ JobChanged { message: &'static str, job: JobView } }
answer! { /** A page of jobs. */ JobsAnswer { jobs: Vec<JobView>, pagination: Pagination } }

/// What a list of jobs can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// lead_import.
    #[param(value_type = Option<String>)]
    kind: Option<JobKind>,
    /// queued, running, done, failed or cancelled.
    #[param(value_type = Option<String>)]
    state: Option<JobState>,
}

/// The company's jobs, newest first; those who manage nothing see their own.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery, Paging), responses((status = 200, body = JobsAnswer)))]
pub(crate) async fn list_jobs(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<JobQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<JobsAnswer>> {
    let sees_all = JobKind::ALL.into_iter().all(|kind| authed.actor.may(kind.permission()));
    let created_by = (!sees_all).then_some(authed.user.id);
    let filter = JobFilter { kind: query.kind, state: query.state, open: None, created_by };
    let listing = app.engine.read(&authed.actor).await?.jobs(&filter, paging.page()).await?;
    Ok(Json(JobsAnswer::new(listing.items.iter().map(JobView::of).collect(), paging.of(listing.total))))
}

/// A job that is the actor's to see.
async fn visible(app: &App, authed: &Authed, id: JobId) -> Reply<Job> {
    let job = app.engine.read(&authed.actor).await?.job(id).await?;
    let is_theirs = |job: &Job| authed.actor.may(job.kind.permission()) || job.created_by == Some(authed.user.id);
    job.filter(is_theirs).ok_or_else(|| Problem::not_found("job"))
}

/// How far a job has come.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = Uuid, Path, description = "the job")),
    responses((status = 200, body = JobAnswer)))]
pub(crate) async fn get_job(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<JobMarker>,
) -> Reply<Json<JobAnswer>> {
    Ok(Json(JobAnswer::new(JobView::of(&visible(&app, &authed, id).await?))))
}

/// Stop a job. What is done stays done; one that runs stops with its next step.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = Uuid, Path, description = "the job")),
    responses((status = 200, body = JobChanged)))]
pub(crate) async fn cancel_job(
    State(app): State<Shared>,
    authed: Authed,
    PathId(job): PathId<JobMarker>,
) -> Reply<Json<JobChanged>> {
    let job = app.engine.execute(&authed.actor, &CancelJob { job }).await?;
    let message = if job.state.is_open() { "The job stops with its next step" } else { "The job was stopped" };
    Ok(Json(JobChanged::new(message, JobView::of(&job))))
}

/// The rows of a job that were refused, as a CSV file with what is wrong in two columns of its own: put the rows right and send the
/// file in again.
#[utoipa::path(get, path = "/jobs/{id}/errors", tag = "jobs", params(("id" = Uuid, Path, description = "the job")),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(crate) async fn get_job_errors(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<JobMarker>,
) -> Reply<Response> {
    let job = visible(&app, &authed, id).await?;
    let headers = plan_of(&job).map(|plan| plan.headers).unwrap_or_default();
    let mut first = headers.clone();
    first.extend(["Import row".to_owned(), "Import errors".to_owned()]);
    // A mark that lets spreadsheets read UTF-8.
    let mut start = "\u{feff}".as_bytes().to_vec();
    start.extend(line(&first)?);
    let columns = headers.len();
    let pages = stream::try_unfold(Some(0), move |after| {
        let (app, authed) = (Shared::clone(&app), authed.clone());
        async move {
            let Some(after) = after else { return Ok::<_, Problem>(None) };
            let faults = app.engine.read(&authed.actor).await?.job_faults(id, after, FAULTS_PAGE).await?;
            let Some(last) = faults.last().map(|fault| fault.row) else { return Ok(None) };
            let mut text = Vec::new();
            for fault in &faults {
                text.extend(line(&cells(fault, columns))?);
            }
            Ok(Some((text, (faults.len() == FAULTS_PAGE as usize).then_some(last))))
        }
    });
    let body = futures::StreamExt::chain(stream::iter([Ok(start)]), pages);
    let body = futures::TryStreamExt::map_err(body, |problem| std::io::Error::other(problem.message().to_owned()));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"import-errors-{id}.csv\"")),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// A refused row with its place and what is wrong behind it. Cells of the row are as they were sent: they are read again.
fn cells(fault: &JobFault, columns: usize) -> Vec<String> {
    let mut cells: Vec<String> = fault.cells.iter().map(|cell| cell.expose().clone()).collect();
    cells.resize(columns.max(cells.len()), String::new());
    let wrong = fault.faults.iter().map(|fault| match fault.column.as_str() {
        "" => fault.message.clone(),
        column => format!("{column}: {}", fault.message),
    });
    cells.extend([fault.row.to_string(), wrong.collect::<Vec<_>>().join("; ")]);
    cells
}

/// A line of CSV that no spreadsheet runs.
fn line(cells: &[String]) -> Reply<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // What stood in the file with an apostrophe before it is not given a second one.
    let cells = cells.iter().map(|cell| defused(dialplane_core::sheet::meant(cell)).into_owned());
    writer.write_record(cells).map_err(|error| Problem::internal(&error))?;
    writer.into_inner().map_err(|error| Problem::internal(&error))
}
