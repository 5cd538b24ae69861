//! Importing leads: the file is looked at while the client waits, and taken in by a job.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dialplane_core::Failure;
use dialplane_core::command::job::QueueJob;
use dialplane_core::job::JobKind;
use dialplane_core::lead::import::Field;
use dialplane_core::lead::import::Mapping;
use dialplane_core::lead::{ImportPlan, ImportRefused, OnDuplicate, Source};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::preview::{self, ImportPreview};
use crate::api::jobs::{JobChanged, JobView};
use crate::http::form::read_form;
use crate::http::guard::Authed;
use crate::http::input::{Params, media_type, read_body};
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::sheets;
use crate::state::{App, Shared};

/// The longest name of a file that is kept, in characters.
const FILE_NAME_MAX: usize = 200;

/// How a file is taken in. Of a form, fields of these names say the same.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Only says what would become of the file.
    preview: bool,
    /// What to do with a lead whose number or address another one has: skip (usual), update or create.
    #[serde(alias = "on_duplicate", alias = "duplicates")]
    #[param(value_type = Option<String>)]
    on_duplicate: Option<OnDuplicate>,
    /// Whether the company's routing finds somebody for leads of which the file names nobody; it does unless this is false.
    route: Option<bool>,
    /// Where the leads come from when the file does not say; import when nothing is said.
    #[param(value_type = Option<String>)]
    source: Option<Source>,
    /// What columns mean, by their headers, as a JSON object: `{"Customer": "name", "Shoe size": "custom:size", "x": "ignore"}`. What
    /// is not named is guessed.
    mapping: Option<String>,
    /// The name of the file, when it comes without a form.
    #[serde(alias = "file_name")]
    file_name: Option<String>,
}

/// A file of leads in a form.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[schema(rename_all = "camelCase")]
pub(crate) struct ImportForm {
    /// CSV or XLSX, its first row the headers.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    preview: Option<bool>,
    /// skip, update or create.
    on_duplicate: Option<String>,
    route: Option<bool>,
    source: Option<String>,
    /// A JSON object.
    mapping: Option<String>,
}

/// Take in the leads of a file, CSV or XLSX, by a job that is answered with 202. `?preview=true` shows what would become of the file
/// and changes nothing. For those who manage leads.
#[utoipa::path(post, path = "/leads/import", tag = "leads", params(ImportQuery),
    request_body(content((ImportForm = "multipart/form-data"), (String = "text/csv"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    responses((status = 202, body = JobChanged), (status = 200, body = ImportPreview, description = "what would become of the file")))]
pub(crate) async fn import_leads(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Reply<Response> {
    authed.demand(JobKind::LeadImport.permission())?;
    app.limiter.count(Key::Upload(authed.user.id))?;
    let (file, query) = upload(&app, request, query).await?;
    let name = query.file_name.clone().unwrap_or_else(|| "leads".to_owned());
    let table = sheets::read(file).await?;
    let mapping = mapping(query.mapping.as_deref(), &table.headers)?;
    let plan = ImportPlan {
        file: name.chars().filter(|letter| !letter.is_control()).take(FILE_NAME_MAX).collect(),
        headers: table.headers.clone(),
        mapping,
        on_duplicate: query.on_duplicate.unwrap_or(OnDuplicate::Skip),
        route: query.route.unwrap_or(true),
        source: query.source.map_or_else(|| Source::IMPORT.parse(), Ok).map_err(|bad| Problem::internal(&bad))?,
    };
    if query.preview {
        return Ok(Json(preview::of(&app, &authed, plan, table).await?).into_response());
    }
    let checked = if table.rows == 0 { Err(ImportRefused::Empty) } else { plan.mapping.check(table.headers.len()) };
    checked.map_err(Failure::Refused)?;
    let params = serde_json::to_value(&plan).map_err(|error| Problem::internal(&error))?;
    let queue = QueueJob { kind: JobKind::LeadImport, params, total: table.rows, input: table.plain };
    let job = app.engine.execute(&authed.actor, &queue).await?;
    let place = [(header::LOCATION, format!("/api/jobs/{}", job.id))];
    let answer = JobChanged::new("The import has begun", JobView::of(&job));
    Ok((StatusCode::ACCEPTED, place, Json(answer)).into_response())
}

/// What the columns mean: what was said of some, and a guess of the others.
fn mapping(said: Option<&str>, headers: &[String]) -> Reply<Mapping> {
    let wrong = |message: String| Problem::field("mapping", message);
    let said = said.filter(|text| !text.trim().is_empty()).unwrap_or("{}");
    let words: serde_json::Map<String, serde_json::Value> = serde_json::from_str(said)
        .map_err(|_| wrong("expected a JSON object such as {\"Customer\": \"name\"}".to_owned()))?;
    let mut fields = Vec::with_capacity(words.len());
    for (header, word) in words {
        let field = match word {
            serde_json::Value::Null => Field::Ignore,
            serde_json::Value::String(word) => word.parse().map_err(|error| wrong(format!("{header}: {error}")))?,
            _ => return Err(wrong(format!("{header}: expected the name of a field, or null"))),
        };
        fields.push((header, field));
    }
    Mapping::given(&fields, headers).map_err(|header| wrong(format!("the file has no column {header:?}")))
}

/// The file of a request, and how it is to be taken in.
async fn upload(app: &App, request: Request, query: ImportQuery) -> Reply<(Bytes, ImportQuery)> {
    let limit = app.settings.max_upload_bytes;
    match media_type(request.headers()).as_str() {
        "multipart/form-data" => form(request, query, limit).await,
        "text/csv"
        | "text/plain"
        | "text/tab-separated-values"
        | "application/csv"
        | "application/vnd.ms-excel"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => {
            Ok((read_body(request.into_body(), limit).await?, query))
        }
        _ => Err(Problem::media_type("multipart/form-data, text/csv or that of an .xlsx workbook")),
    }
}

/// The file of a form, and what its other fields say.
async fn form(request: Request, mut query: ImportQuery, limit: usize) -> Reply<(Bytes, ImportQuery)> {
    let form = read_form(request, limit).await?;
    for (name, text) in &form.fields {
        let text = text.trim();
        let wrong = |message: &str| Problem::field(name.clone(), message);
        let flag = || text.parse::<bool>().map_err(|_| wrong("expected true or false"));
        match name.as_str() {
            "preview" => query.preview = flag()?,
            "route" => query.route = Some(flag()?),
            "mapping" => query.mapping = Some(text.to_owned()),
            "source" => query.source = Some(text.parse().map_err(|error| wrong(&format!("{error}")))?),
            "onDuplicate" | "on_duplicate" | "duplicates" => {
                let word = serde_json::from_value(text.into());
                query.on_duplicate = Some(word.map_err(|_| wrong("expected skip, update or create"))?);
            }
            _ => {}
        }
    }
    let (name, file) = form.file()?;
    query.file_name = name.or(query.file_name);
    Ok((file, query))
}
