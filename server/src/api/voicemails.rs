//! `/voicemails`: what callers left.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::flow::voicemail::{DeleteVoicemail, HearVoicemail};
use dialplane_core::flow::Voicemail;
use dialplane_core::id::{VoicemailId, VoicemailKind};
use dialplane_core::store::VoicemailFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::dates::{self, Span};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_voicemails)).routes(routes!(
        get_voicemail,
        update_voicemail,
        delete_voicemail
    ))
}

/// A voicemail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VoicemailView {
    id: Uuid,
    call_id: Uuid,
    /// The flow that took it.
    flow_id: Option<Uuid>,
    mailbox: String,
    /// The caller's number.
    from: String,
    /// How long it plays, in milliseconds.
    length_ms: u64,
    media_type: String,
    /// The size of the file, in bytes.
    bytes: u64,
    heard: bool,
    heard_at: Option<DateTime<Utc>>,
    /// Who heard it first.
    heard_by: Option<Uuid>,
    /// Where it can be listened to, with a token.
    recording_url: String,
    version: u32,
    created_at: DateTime<Utc>,
}

impl VoicemailView {
    pub(crate) fn of(voicemail: &Voicemail) -> Self {
        Self {
            id: voicemail.id.as_uuid(),
            call_id: voicemail.call.as_uuid(),
            flow_id: voicemail.flow.map(|id| id.as_uuid()),
            mailbox: voicemail.mailbox.clone(),
            from: voicemail.from.expose().clone(),
            length_ms: voicemail.length_ms,
            media_type: voicemail.media_type.clone(),
            bytes: voicemail.bytes,
            heard: voicemail.heard_at.is_some(),
            heard_at: voicemail.heard_at,
            heard_by: voicemail.heard_by.map(|id| id.as_uuid()),
            recording_url: format!("/api/recordings/{}", voicemail.id),
            version: voicemail.version,
            created_at: voicemail.created_at,
        }
    }
}

answer! { /** One voicemail. */ VoicemailAnswer { voicemail: VoicemailView } }
answer! {
    /// A page of voicemails, newest first.
    VoicemailsAnswer {
        voicemails: Vec<VoicemailView>,
        pagination: Pagination,
        /// What to give as `cursor` for the voicemails after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}

/// What a list of voicemails can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct VoicemailQuery {
    /// The mailbox, exactly.
    mailbox: Option<String>,
    /// Whether somebody has heard them.
    heard: Option<bool>,
    /// Left at or after: a local day or an instant.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// Left before the end of this local day, or before this instant.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<VoicemailId>,
}

/// The company's voicemails, newest first. For admins and managers.
#[utoipa::path(get, path = "/voicemails", tag = "voicemails", params(VoicemailQuery, Paging),
    responses((status = 200, body = VoicemailsAnswer)))]
pub(crate) async fn list_voicemails(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<VoicemailQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<VoicemailsAnswer>> {
    authed.demand(Permission::ViewAllCalls)?;
    let zone = authed.company.timezone;
    let Span { from, to } = dates::span(query.date_from.as_deref(), query.date_to.as_deref(), zone)?;
    let filter = VoicemailFilter { mailbox: query.mailbox, heard: query.heard, from, to, before: query.cursor };
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let listing = app.engine.read(&authed.actor).await?.voicemails(&filter, page).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next_cursor = listing.items.last().filter(|_| more).map(|voicemail| voicemail.id.to_string());
    let voicemails = listing.items.iter().map(VoicemailView::of).collect();
    Ok(Json(VoicemailsAnswer::new(voicemails, paging.of(listing.total), next_cursor)))
}

/// A voicemail. For admins and managers.
#[utoipa::path(get, path = "/voicemails/{id}", tag = "voicemails", params(("id" = Uuid, Path, description = "the voicemail")),
    responses((status = 200, body = VoicemailAnswer)))]
pub(crate) async fn get_voicemail(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<VoicemailKind>,
) -> Reply<Versioned<VoicemailAnswer>> {
    authed.demand(Permission::ViewAllCalls)?;
    let voicemail = app.engine.read(&authed.actor).await?.voicemail(id).await?;
    let voicemail = voicemail.ok_or_else(|| Problem::not_found("voicemail"))?;
    Ok(versioned(voicemail.version, VoicemailAnswer::new(VoicemailView::of(&voicemail))))
}

/// A change of a voicemail.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct VoicemailPatch {
    /// Whether it was heard.
    heard: Option<bool>,
}

/// Note that a voicemail was heard, or is to be heard again. For admins and managers.
#[utoipa::path(put, path = "/voicemails/{id}", tag = "voicemails", params(("id" = Uuid, Path, description = "the voicemail")),
    request_body = VoicemailPatch, responses((status = 200, body = VoicemailAnswer)))]
pub(crate) async fn update_voicemail(
    State(app): State<Shared>,
    authed: Authed,
    PathId(voicemail): PathId<VoicemailKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<VoicemailPatch>,
) -> Reply<Versioned<VoicemailAnswer>> {
    authed.demand(Permission::ManageCalls)?;
    let heard = draft.checked(|body, faults| faults.check(body.heard.ok_or_else(|| Problem::required("heard"))))?;
    let command = HearVoicemail { voicemail, heard, expected_version };
    let voicemail = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(voicemail.version, VoicemailAnswer::new(VoicemailView::of(&voicemail))))
}

/// Delete a voicemail with its audio. For admins and managers.
#[utoipa::path(delete, path = "/voicemails/{id}", tag = "voicemails", params(("id" = Uuid, Path, description = "the voicemail")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_voicemail(
    State(app): State<Shared>,
    authed: Authed,
    PathId(voicemail): PathId<VoicemailKind>,
) -> Reply<Json<Done>> {
    let voicemail = app.engine.execute(&authed.actor, &DeleteVoicemail { voicemail }).await?;
    app.recordings.remove(voicemail.company, voicemail.id).await;
    Ok(Done::say("Voicemail deleted successfully"))
}
