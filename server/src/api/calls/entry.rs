//! Entering, correcting and deleting calls (document 002), and notes of any call (document 003).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::call::{CallEntry, CallStatus, Direction};
use dialplane_core::command::call::AnnotateCall;
use dialplane_core::command::call_log::{DeleteCall, EnterCall};
use dialplane_core::id::{CallKind, ClientId, LeadId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::shown;
use super::view::CallAnswer;
use crate::http::answer::Done;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{PathId, nullable};
use crate::problem::Reply;
use crate::state::Shared;

/// What somebody says of a call; what is absent stays, or has its usual value in a new entry.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallInput {
    /// Whose call it is: oneself when absent. Of others for admins and managers.
    #[serde(alias = "officerId", alias = "agentId", alias = "officer_id", alias = "agent_id")]
    #[schema(value_type = Option<Uuid>)]
    telecaller: Option<UserId>,
    /// The lead it was about; null for none.
    #[serde(default, deserialize_with = "nullable", alias = "lead", alias = "lead_id")]
    #[schema(value_type = Option<Uuid>)]
    lead_id: Option<Option<LeadId>>,
    /// The client at the other end; whoever has the number when absent, null for none.
    #[serde(default, deserialize_with = "nullable", alias = "client", alias = "client_id")]
    #[schema(value_type = Option<Uuid>)]
    client_id: Option<Option<ClientId>>,
    /// inbound, outbound (usual) or internal.
    #[serde(alias = "direction", alias = "call_type", alias = "type")]
    #[schema(value_type = Option<String>)]
    call_type: Option<Direction>,
    /// How it ended: completed (usual), no_answer, busy, failed, cancelled or abandoned.
    #[schema(value_type = Option<String>)]
    status: Option<CallStatus>,
    /// When it began, RFC 3339; so that it ends now when absent.
    #[serde(alias = "start_time", alias = "timestamp", alias = "callTime")]
    start_time: Option<DateTime<Utc>>,
    /// Seconds talked, up to a day; of a completed call.
    #[serde(alias = "callDuration")]
    duration: Option<i64>,
    /// The number at the other end; in a new entry the client's main one when absent, or else the lead's.
    #[serde(alias = "phone", alias = "to", alias = "phoneNumber", alias = "phone_number")]
    number: Option<String>,
    /// Notes; null clears them.
    #[serde(default, deserialize_with = "nullable", alias = "comments")]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
    /// What came of it, in the team's own words; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    outcome: Option<Option<String>>,
}

/// An entry and what is written about it.
struct Said {
    entry: CallEntry,
    notes: Option<Option<String>>,
    outcome: Option<Option<String>>,
}

impl CallInput {
    fn said(self, faults: &mut Faults) -> Option<Said> {
        let talk_seconds = self.duration.and_then(|seconds| {
            let fits = u32::try_from(seconds);
            if fits.is_err() {
                faults.add("duration", "expected seconds, from 0 to 86400");
            }
            fits.ok()
        });
        for (field, text) in [("notes", &self.notes), ("outcome", &self.outcome)] {
            if text.iter().flatten().any(|text| text.chars().count() > 10_000) {
                faults.add(field, "this has at most 10000 characters");
            }
        }
        let entry = CallEntry {
            direction: self.call_type,
            status: self.status,
            started_at: self.start_time,
            talk_seconds,
            agent: self.telecaller,
            number: self.number.filter(|number| !number.trim().is_empty()).map(Into::into),
            lead: self.lead_id,
            client: self.client_id,
        };
        Some(Said { entry, notes: self.notes, outcome: self.outcome })
    }
}

/// Enter a call that was carried elsewhere: by a desk telephone, a mobile. It counts in every figure, and against no allowance.
#[utoipa::path(post, path = "/calls", tag = "calls", request_body = CallInput, responses((status = 201, body = CallAnswer)))]
pub(crate) async fn enter_call(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<CallInput>,
) -> Reply<(StatusCode, Versioned<CallAnswer>)> {
    authed.demand(Permission::TakeCalls)?;
    let said = draft.checked(CallInput::said)?;
    let command = EnterCall { entry: said.entry, outcome: said.outcome.flatten(), notes: said.notes.flatten() };
    let call = app.engine.execute(&authed.actor, &command).await?;
    Ok((StatusCode::CREATED, versioned(call.version, CallAnswer::new(shown(&app, &authed, &call).await?))))
}

/// Write notes and the outcome of a call; correct one that was entered by hand.
///
/// Of a call that was carried, status, duration and parties are facts of signalling: what is said of them is passed over.
#[utoipa::path(put, path = "/calls/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    request_body = CallInput, responses((status = 200, body = CallAnswer)))]
pub(crate) async fn change_call(
    State(app): State<Shared>,
    authed: Authed,
    PathId(call): PathId<CallKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<CallInput>,
) -> Reply<Versioned<CallAnswer>> {
    authed.demand(Permission::TakeCalls)?;
    let Said { entry, notes, outcome } = draft.checked(CallInput::said)?;
    let command = AnnotateCall { call, notes, outcome, entry, expected_version };
    let call = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(call.version, CallAnswer::new(shown(&app, &authed, &call).await?)))
}

/// Delete a call that has ended: every figure is as if it had never been. Agents delete their own entries, admins and managers
/// any call.
#[utoipa::path(delete, path = "/calls/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_call(
    State(app): State<Shared>,
    authed: Authed,
    PathId(call): PathId<CallKind>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Json<Done>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let (recordings, voicemails) = (tx.recordings(&[call]).await?, tx.voicemails_of(&[call]).await?);
    drop(tx);
    app.engine.execute(&authed.actor, &DeleteCall { call, expected_version }).await?;
    for recording in &recordings {
        app.recordings.remove(recording.company, recording.id).await;
    }
    for voicemail in &voicemails {
        app.recordings.remove(voicemail.company, voicemail.id).await;
    }
    Ok(Done::say("Call deleted successfully"))
}
