//! Placing and ending calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::command::call::InitiateCall;
use dialplane_core::id::{CallKind, LeadId, UserId};
use dialplane_core::phone::Rotation;
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::{shown, visible};
use super::view::CallPlaced;
use crate::http::answer::Done;
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};
use crate::telephony::{ControlError, Telephony};

/// What carries calls.
fn control(app: &App) -> Reply<&Arc<Telephony>> {
    if app.is_draining() {
        return Err(ControlError::Stopping.into());
    }
    app.calls.get().ok_or_else(|| Problem::unavailable("telephony_unavailable", "telephony has not started", 5))
}

/// A call to place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewCallInput {
    /// The number to call.
    #[serde(alias = "phone", alias = "number", alias = "phoneNumber", alias = "phone_number")]
    to: Option<String>,
    /// The lead it is about.
    #[serde(alias = "lead_id")]
    #[schema(value_type = Option<Uuid>)]
    lead_id: Option<LeadId>,
    /// Who calls; oneself when absent. For admins and managers.
    #[serde(alias = "agent_id", alias = "telecaller")]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<UserId>,
    /// outbound: the only kind that can be placed.
    #[serde(alias = "call_type")]
    call_type: Option<String>,
    /// How the number to call with is chosen: least_used (usual), round_robin or local_presence.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    rotation: Rotation,
}

/// Place a call: rings the agent's phones first, then the number.
///
/// The call is counted against the allowance of one of the agent's numbers before anything rings.
#[utoipa::path(post, path = "/calls/initiate", tag = "calls", request_body = NewCallInput,
    responses((status = 201, body = CallPlaced), (status = 422, description = "the allowance refused it")))]
pub(crate) async fn initiate_call(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NewCallInput>,
) -> Reply<(StatusCode, Json<CallPlaced>)> {
    authed.demand(dialplane_core::Permission::TakeCalls)?;
    let (body, to) = draft.checked(|mut body, faults| {
        if body.call_type.as_deref().is_some_and(|kind| kind != "outbound") {
            faults.add("callType", "only outbound calls can be placed");
        }
        let to = body.to.take().ok_or_else(|| Problem::field("to", "this is required: the number to call"));
        let to = faults.check(to)?;
        Some((body, to))
    })?;
    let calls = Arc::clone(control(&app)?);
    let command = InitiateCall {
        call: None,
        agent: body.agent_id.unwrap_or(authed.user.id),
        to,
        lead: body.lead_id,
        rotation: body.rotation,
        node: Some(calls.node()),
    };
    let initiated = app.engine.execute(&authed.actor, &command).await?;
    let (view, remaining) = (shown(&app, &authed, &initiated.call).await?, initiated.allowed.remaining);
    calls.originate(initiated).await?;
    Ok((StatusCode::CREATED, Json(CallPlaced::new(view, remaining))))
}

/// End a call: one's own, or for admins and managers any of the company.
#[utoipa::path(post, path = "/calls/{id}/hangup", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    responses((status = 202, body = Done)))]
pub(crate) async fn hang_up(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CallKind>,
) -> Reply<(StatusCode, Json<Done>)> {
    let call = visible(&app, &authed, id).await?;
    if call.status.is_final() {
        return Err(Problem::conflict("call_ended", "the call has ended already"));
    }
    control(&app)?.hang_up(authed.company_id(), id).await?;
    Ok((StatusCode::ACCEPTED, Done::say("The call is being ended")))
}
