//! `/ivr/prompts`: recorded audio that flows play.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::flow::prompt::{AddPrompt, DeletePrompt};
use dialplane_core::flow::{NewPrompt, Prompt, language};
use dialplane_core::id::{PromptId, PromptKind};
use dialplane_signaling::media::audio::{AudioError, MAX_FILE};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audio::{Imported, StoreFailed, import};
use crate::http::answer::{Done, answer};
use crate::http::faults::Faults;
use crate::http::form::read_form;
use crate::http::guard::Authed;
use crate::http::input::{PathId, media_type};
use crate::http::ranges;
use crate::http::rate_limit::Key;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// A prompt in one language.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PromptView {
    id: Uuid,
    /// What flows call it by: `{"audio": "welcome"}`.
    name: String,
    /// A BCP 47 tag.
    language: String,
    /// What the uploaded file was called.
    file_name: String,
    /// What the uploaded file was.
    media_type: String,
    /// How long it plays, in milliseconds.
    length_ms: u64,
    /// The size of what is played, in bytes.
    bytes: u64,
    /// The SHA-256 of what is played, in hexadecimal.
    sha256: String,
    /// Where it can be listened to, with a token.
    audio_url: String,
    created_at: DateTime<Utc>,
}

impl PromptView {
    fn of(prompt: &Prompt) -> Self {
        Self {
            id: prompt.id.as_uuid(),
            name: prompt.name.clone(),
            language: prompt.language.clone(),
            file_name: prompt.file_name.clone(),
            media_type: prompt.media_type.clone(),
            length_ms: prompt.length_ms,
            bytes: prompt.bytes,
            sha256: prompt.sha256.clone(),
            audio_url: format!("/api/ivr/prompts/{}/audio", prompt.id),
            created_at: prompt.created_at,
        }
    }
}

answer! { /** One prompt. */ PromptAnswer { prompt: PromptView } }
answer! { /** The prompts, by name and language. */ PromptsAnswer { prompts: Vec<PromptView> } }

/// The company's prompts, by name and language. For admins and managers.
#[utoipa::path(get, path = "/ivr/prompts", tag = "ivr", responses((status = 200, body = PromptsAnswer)))]
pub(crate) async fn list_prompts(State(app): State<Shared>, authed: Authed) -> Reply<Json<PromptsAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let prompts = app.engine.read(&authed.actor).await?.prompts().await?;
    Ok(Json(PromptsAnswer::new(prompts.iter().map(PromptView::of).collect())))
}

/// A prompt in a form.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct PromptForm {
    /// The audio: WAV, MP3 or Opus.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What flows call it by.
    name: String,
    /// A BCP 47 tag; en when absent.
    language: Option<String>,
}

/// Upload a prompt, which is converted once to what is played. For admins and managers.
#[utoipa::path(post, path = "/ivr/prompts", tag = "ivr", request_body(content((PromptForm = "multipart/form-data"))),
    responses((status = 201, body = PromptAnswer), (status = 415, description = "the file is not audio that is read"),
        (status = 422, description = "the audio is damaged, or too long")))]
pub(crate) async fn upload_prompt(
    State(app): State<Shared>,
    authed: Authed,
    request: Request,
) -> Reply<(StatusCode, Json<PromptAnswer>)> {
    authed.demand(Permission::ManageFlows)?;
    app.limiter.count(Key::Upload(authed.user.id))?;
    if media_type(request.headers()) != "multipart/form-data" {
        return Err(Problem::media_type("multipart/form-data"));
    }
    let form = read_form(request, app.settings.max_upload_bytes).await?;
    let mut faults = Faults::default();
    let name = faults.check(form.text("name").ok_or_else(|| Problem::required("name")));
    let name = name.and_then(|name| faults.rule(Prompt::name(name)));
    let language = faults.rule(language(form.text("language").unwrap_or("en")));
    let file = faults.check(form.file());
    faults.done()?;
    let (Some(name), Some(language), Some((file_name, file))) = (name, language, file) else {
        return Err(Problem::malformed("the form cannot be read"));
    };
    // Decoding takes its time, and others are waiting.
    let imported =
        tokio::task::spawn_blocking(move || import(&file)).await.map_err(|error| Problem::internal(&error))?;
    let imported = imported.map_err(|error| unusable(&error))?;
    let id: PromptId = app.engine.ids().id(app.engine.now());
    let new = NewPrompt {
        id,
        name,
        language,
        file_name: file_name.unwrap_or_default(),
        media_type: imported.media_type.to_owned(),
        length_ms: u64::try_from(imported.length.as_millis()).unwrap_or(u64::MAX),
        bytes: imported.wav.len() as u64,
        sha256: Sha256::digest(&imported.wav).iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    keep(&app, &authed, id, &imported).await?;
    match app.engine.execute(&authed.actor, &AddPrompt { new }).await {
        Ok(prompt) => Ok((StatusCode::CREATED, Json(PromptAnswer::new(PromptView::of(&prompt))))),
        Err(failure) => {
            app.prompts.remove(authed.company_id(), id).await;
            Err(failure.into())
        }
    }
}

fn unusable(error: &AudioError) -> Problem {
    let message = format!("this file cannot be played: {error}");
    match error {
        AudioError::NotAudio | AudioError::Unsupported(_) => Problem::not_audio(message),
        AudioError::TooLarge => Problem::too_large(MAX_FILE),
        AudioError::TooLong => Problem::refused("audio_too_long", message),
        AudioError::Rate(_) | AudioError::Truncated | AudioError::Damaged | AudioError::Empty => {
            Problem::refused("audio_damaged", message)
        }
    }
}

/// Puts the file in its place, before anybody is told of the prompt.
async fn keep(app: &App, authed: &Authed, id: PromptId, imported: &Imported) -> Reply<()> {
    let failed = |error: StoreFailed| Problem::internal(&error);
    let mut draft = app.prompts.draft(authed.company_id(), id).await.map_err(failed)?;
    draft.write(&imported.wav).await.map_err(failed)?;
    draft.keep().await.map_err(failed).map(|_| ())
}

/// A prompt, without its audio. For admins and managers.
#[utoipa::path(get, path = "/ivr/prompts/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the prompt")),
    responses((status = 200, body = PromptAnswer)))]
pub(crate) async fn get_prompt(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<PromptKind>,
) -> Reply<Json<PromptAnswer>> {
    Ok(Json(PromptAnswer::new(PromptView::of(&prompt_of(&app, &authed, id).await?))))
}

async fn prompt_of(app: &App, authed: &Authed, id: PromptId) -> Reply<Prompt> {
    authed.demand(Permission::ManageFlows)?;
    let prompt = app.engine.read(&authed.actor).await?.prompt(id).await?;
    prompt.ok_or_else(|| Problem::not_found("prompt"))
}

/// Listen to a prompt as it is played. Parts of it are given by `Range`. For admins and managers.
#[utoipa::path(get, path = "/ivr/prompts/{id}/audio", tag = "ivr", params(("id" = Uuid, Path, description = "the prompt")),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>), (status = 206, description = "a part of it"),
        (status = 416, description = "there is no such part")))]
pub(crate) async fn play_prompt(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<PromptKind>,
    request: Request,
) -> Reply<Response> {
    let prompt = prompt_of(&app, &authed, id).await?;
    let path = app.prompts.path(prompt.company, prompt.id);
    let file = (&*prompt.id.to_string(), "audio/wav");
    ranges::file(&path, file, request.method(), request.headers()).await
}

/// Delete a prompt that no active flow plays. For admins and managers.
#[utoipa::path(delete, path = "/ivr/prompts/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the prompt")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_prompt(
    State(app): State<Shared>,
    authed: Authed,
    PathId(prompt): PathId<PromptKind>,
) -> Reply<Json<Done>> {
    let prompt = app.engine.execute(&authed.actor, &DeletePrompt { prompt }).await?;
    app.prompts.remove(prompt.company, prompt.id).await;
    Ok(Done::say("Prompt deleted successfully"))
}
