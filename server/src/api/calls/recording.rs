//! Listening to recordings.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use dialplane_core::call::recording::RecordingState;
use dialplane_core::id::RecordingKind;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::list::visible;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// Listen to a recording: for whoever may see its call. Parts of it are given by `Range`.
#[utoipa::path(get, path = "/recordings/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the recording")),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>), (status = 206, description = "a part of it"),
        (status = 409, description = "it has not been fetched yet"), (status = 416, description = "there is no such part")))]
pub(crate) async fn get_recording(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<RecordingKind>,
    request: Request,
) -> Reply<Response> {
    let absent = || Problem::not_found("recording");
    let recording = app.engine.read(&authed.actor).await?.recording(id).await?.ok_or_else(absent)?;
    visible(&app, &authed, recording.call).await.map_err(|problem| match problem.status() {
        StatusCode::NOT_FOUND => absent(),
        _ => problem,
    })?;
    match recording.state {
        RecordingState::Stored => {}
        RecordingState::Waiting => {
            return Err(Problem::conflict("recording_not_ready", "the recording has not been fetched yet"));
        }
        RecordingState::Failed => return Err(absent()),
    }
    let served = ServeFile::new(app.recordings.path(&recording)).oneshot(request).await;
    let mut response = served.map_err(|error| Problem::internal(&error))?.map(Body::new);
    if response.status() == StatusCode::NOT_FOUND {
        tracing::error!(recording = %id, "the file of a recording is not there");
        return Err(absent());
    }
    let media_type = recording.media_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    if let Some(media_type) = media_type.filter(|_| response.headers().contains_key(header::CONTENT_TYPE)) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    // A recording never changes, and is too large to be read whole for the hash in a tag.
    response.headers_mut().remove(header::ETAG);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
