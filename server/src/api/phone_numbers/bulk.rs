//! Bulk upload: `number,provider,country` a line, with an answer for every bad one.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use dialplane_core::Permission;
use dialplane_core::command::number::ImportNumbers;
use dialplane_core::error::Failure;
use dialplane_core::phone::import;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{LineFault, Uploaded};
use crate::http::guard::Authed;
use crate::http::input::{from_json, is_length_limit, media_type, read_body};
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Numbers, a line each.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BulkNumbers {
    /// `number,provider,country` a line.
    numbers: Lines,
}

/// One text, or a list of lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a text with a number a line, or a list of such lines")]
pub(crate) enum Lines {
    /// The whole text.
    Text(String),
    /// Line by line.
    List(Vec<String>),
}

/// Add many numbers. For admins.
///
/// Takes JSON, `text/csv`, `text/plain`, or a multipart form with a file. Good lines are kept, bad ones are reported.
#[utoipa::path(post, path = "/phone-numbers/bulk-upload", tag = "phone numbers",
    request_body(content((BulkNumbers = "application/json"), (String = "text/csv"), (String = "text/plain"),
        (String = "multipart/form-data"))),
    responses((status = 200, body = Uploaded)))]
pub(crate) async fn bulk_upload(State(app): State<Shared>, authed: Authed, request: Request) -> Reply<Json<Uploaded>> {
    authed.demand(Permission::ManageNumbers)?;
    app.limiter.count(Key::Upload(authed.user.id))?;
    let text = text_of(&app, request).await?;
    let home = authed.company.default_country;
    // Reading 50,000 lines takes long enough to be in the way of other requests.
    let read = tokio::task::spawn_blocking(move || import::read(&text, home))
        .await
        .map_err(|error| Problem::internal(&error))?;
    let upload = read.map_err(Failure::Refused)?;
    let errors =
        upload.errors.iter().map(|fault| LineFault { line: fault.line, message: fault.message.clone() }).collect();
    let report = app.engine.execute(&authed.actor, &ImportNumbers { upload }).await?;
    Ok(Json(Uploaded::new(report.created, report.skipped, errors)))
}

async fn text_of(app: &App, request: Request) -> Reply<Bytes> {
    let limit = app.settings.max_upload_bytes;
    match media_type(request.headers()).as_str() {
        "application/json" => {
            let body: BulkNumbers = from_json(&read_body(request.into_body(), limit).await?)?;
            Ok(match body.numbers {
                Lines::Text(text) => text.into(),
                Lines::List(lines) => lines.join("\n").into(),
            })
        }
        "text/csv" | "text/plain" | "application/csv" | "application/vnd.ms-excel" => {
            read_body(request.into_body(), limit).await
        }
        "multipart/form-data" => file_of(request, limit).await,
        _ => Err(Problem::media_type("application/json, text/csv, text/plain or multipart/form-data")),
    }
}

/// The first file of a form, or its field `numbers`.
async fn file_of(request: Request, limit: usize) -> Reply<Bytes> {
    let (parts, body) = request.into_parts();
    // The form's own frame needs some room beside the file.
    let bytes = read_body(body, limit.saturating_add(64 * 1024)).await.map_err(|_| Problem::too_large(limit))?;
    let mut request = Request::from_parts(parts, axum::body::Body::from(bytes));
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    let torn = |error: axum::extract::multipart::MultipartError| {
        if is_length_limit(&error) { Problem::too_large(limit) } else { Problem::malformed("the form cannot be read") }
    };
    let mut form =
        Multipart::from_request(request, &()).await.map_err(|_| Problem::malformed("the form has no boundary"))?;
    while let Some(field) = form.next_field().await.map_err(torn)? {
        if field.file_name().is_some() || field.name() == Some("numbers") {
            let file = field.bytes().await.map_err(torn)?;
            return if file.len() > limit { Err(Problem::too_large(limit)) } else { Ok(file) };
        }
    }
    Err(Problem::field("file", "the form holds no file"))
}
