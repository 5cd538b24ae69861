//! Making files of reports, calls and sums, and giving them out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use dialplane_core::id::UserId;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::view::ExportAnswer;
use super::whose;
use crate::export::content::{Asked, Subject};
use crate::export::{self, Format, files};
use crate::http::days::DayQuery;
use crate::http::faults::Faults;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Pages of rows that wait for their writer.
const PAGES_MAX: usize = 4;

/// How a table is exported.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// excel (usual), pdf or csv.
    format: Option<String>,
    /// Of one person only. Agents export what is their own.
    #[serde(alias = "user_id", alias = "telecaller", alias = "officerId")]
    #[param(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

fn asked(app: &App, authed: &Authed, subject: &str, query: &ExportQuery, days: &DayQuery) -> Reply<Asked> {
    let user = whose(authed, query.user_id)?;
    let mut faults = Faults::default();
    let subject = Subject::from_word(subject);
    if subject.is_none() {
        faults.add("type", "expected daily, weekly, monthly, calls or summary");
    }
    let format = query.format.as_deref().map_or(Some(Format::Excel), Format::from_word);
    if format.is_none() {
        faults.add("format", "expected excel, pdf or csv");
    }
    let home = authed.company.timezone;
    let range = faults.check(days.range(home, app.engine.now()));
    if range.is_some_and(|range| range.zone != home) {
        faults.add("timezone", "reports are by the days of the company's time zone");
    }
    faults.done()?;
    match (subject, format, range) {
        (Some(subject), Some(format), Some(range)) => Ok(Asked { subject, range, user, format }),
        _ => Err(Problem::malformed("the request is not valid")),
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Reply<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

/// Export reports (`daily`, `weekly`, `monthly`), the call log (`calls`) or what each person did (`summary`) as a workbook, a
/// document to print, or text. The answer says where to download it.
#[utoipa::path(get, path = "/reports/export/{type}", tag = "reports",
    params(("type" = String, Path, description = "daily, weekly, monthly, calls or summary"), ExportQuery, DayQuery),
    responses((status = 200, body = ExportAnswer)))]
pub(crate) async fn export_report(
    State(app): State<Shared>,
    authed: Authed,
    Path(subject): Path<String>,
    Params(query): Params<ExportQuery>,
    Params(days): Params<DayQuery>,
) -> Reply<Json<ExportAnswer>> {
    let asked = asked(&app, &authed, &subject, &query, &days)?;
    let _turn = app.exports.turn().await?;
    let table = asked.table(&app, &authed.actor, &authed.company).await?;
    let owner = (authed.company_id(), authed.user.id);
    let (format, stem) = (asked.format, files::stem(table.days));
    let id = app.engine.ids().id::<()>(app.engine.now()).as_uuid();
    let maker = Shared::clone(&app);
    let draft = blocking(move || maker.exports.draft(owner.1, id, stem, format)).await??;
    let (sender, receiver) = mpsc::channel(PAGES_MAX);
    let path = draft.path.clone();
    let written = blocking(move || export::write(format, &table, receiver, &path));
    let (written, sent) = tokio::join!(written, asked.rows(&app, &authed.actor, sender));
    written?.map_err(|error| Problem::internal(&error))?;
    sent?;
    let maker = Shared::clone(&app);
    let made = blocking(move || maker.exports.publish(&draft, owner, maker.engine.now())).await??;
    let url = format!("/api/reports/download/{}", made.link);
    Ok(Json(ExportAnswer::new(url, made.filename, made.expires_at)))
}

/// Download a file that was exported: by the one who did, until the link ends.
#[utoipa::path(get, path = "/reports/download/{file}", tag = "reports",
    params(("file" = String, Path, description = "the last part of `downloadUrl`")),
    responses((status = 200, description = "the file"), (status = 410, description = "the link has ended")))]
pub(crate) async fn download_report(
    State(app): State<Shared>,
    authed: Authed,
    Path(file): Path<String>,
) -> Reply<Response> {
    let owner = (authed.company_id(), authed.user.id);
    let keeper = Shared::clone(&app);
    let found = blocking(move || keeper.exports.open(&file, owner, keeper.engine.now())).await??;
    // The name is made of days: nothing in it has to be quoted.
    let attachment = format!("attachment; filename=\"{}\"", found.filename);
    let attachment = HeaderValue::from_str(&attachment).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(found.format.media_type())),
        (header::CONTENT_DISPOSITION, attachment),
        (header::CONTENT_LENGTH, HeaderValue::from(found.length)),
    ];
    Ok((headers, found.body).into_response())
}
