//! Listening to recordings of calls, and to voicemails.

use std::path::PathBuf;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use dialplane_core::call::recording::{Recording, RecordingState};
use dialplane_core::id::{CallId, Id, RecordingId, RecordingKind};

use super::list::visible;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::http::ranges;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// A file that can be listened to.
struct Audible {
    path: PathBuf,
    media_type: String,
}

fn absent() -> Problem {
    Problem::not_found("recording")
}

/// A recording, once it is in our storage.
fn stored(app: &App, recording: &Recording) -> Reply<Audible> {
    match recording.state {
        RecordingState::Stored => {
            let media_type = recording.media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
            Ok(Audible { path: app.recordings.path(recording.company, recording.id), media_type })
        }
        RecordingState::Waiting => {
            Err(Problem::conflict("recording_not_ready", "the recording has not been fetched yet"))
        }
        RecordingState::Failed => Err(absent()),
    }
}

/// What has this id, and the call it is of: a recording, or a voicemail.
async fn audible(app: &App, authed: &Authed, id: RecordingId) -> Reply<(CallId, Reply<Audible>)> {
    let mut tx = app.engine.read(&authed.actor).await?;
    if let Some(recording) = tx.recording(id).await? {
        return Ok((recording.call, stored(app, &recording)));
    }
    let voicemail = tx.voicemail(Id::from_uuid(id.as_uuid())).await?.ok_or_else(absent)?;
    let path = app.recordings.path(voicemail.company, voicemail.id);
    Ok((voicemail.call, Ok(Audible { path, media_type: voicemail.media_type })))
}

/// Listen to a recording or a voicemail: for whoever may see its call. Parts of it are given by `Range`.
#[utoipa::path(get, path = "/recordings/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the recording or the voicemail")),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>), (status = 206, description = "a part of it"),
        (status = 409, description = "it has not been fetched yet"), (status = 416, description = "there is no such part")))]
pub(crate) async fn get_recording(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<RecordingKind>,
    request: Request,
) -> Reply<Response> {
    let (call, audible) = audible(&app, &authed, id).await?;
    visible(&app, &authed, call).await.map_err(|problem| match problem.status() {
        StatusCode::NOT_FOUND => absent(),
        _ => problem,
    })?;
    let Audible { path, media_type } = audible?;
    let file = ranges::file(&path, (&id.to_string(), &media_type), request.method(), request.headers()).await;
    file.inspect_err(|problem| {
        if problem.status() == StatusCode::NOT_FOUND {
            tracing::error!(recording = %id, "the file of a recording is not there");
        }
    })
}
