//! Placing and ending calls.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dialplane_core::command::call::InitiateCall;
use dialplane_core::id::{CallKind, LeadId, UserId};
use dialplane_core::phone::Rotation;
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::{shown, visible};
use super::view::{CallPlaced, TwilioCall};
use crate::http::answer::Done;
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::Shared;
use crate::telephony::{carrier_for, carrier_of};

/// A call to place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewCallInput {
    /// The number to call; the lead's when absent.
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

/// Place a call: rings the agent first, then the number.
///
/// The call is counted against the allowance of one of the agent's numbers before anything rings. By a trunk the agent's registered
/// phones ring; by Twilio the telephone of the agent's profile. With 202 it is not known whether Twilio has the call: it stays
/// `initiated` until that is known, and must not be placed again before.
#[utoipa::path(post, path = "/calls/initiate", tag = "calls", request_body = NewCallInput,
    responses((status = 201, body = CallPlaced), (status = 202, body = CallPlaced, description = "the carrier has not confirmed it"),
        (status = 422, description = "the allowance or the carrier refused it"),
        (status = 503, description = "the carrier cannot be reached")))]
pub(crate) async fn initiate_call(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NewCallInput>,
) -> Reply<(StatusCode, Json<CallPlaced>)> {
    authed.demand(dialplane_core::Permission::TakeCalls)?;
    let body = draft.checked(|body, faults| {
        if body.call_type.as_deref().is_some_and(|kind| kind != "outbound") {
            faults.add("callType", "only outbound calls can be placed");
        }
        if body.to.is_none() && body.lead_id.is_none() {
            faults.add("to", "this is required: the number to call, or a lead");
        }
        Some(body)
    })?;
    let carrier = carrier_for(&app, &authed).await?;
    let place = carrier.reserve()?;
    let command = InitiateCall {
        call: None,
        agent: body.agent_id.unwrap_or(authed.user.id),
        to: body.to,
        lead: body.lead_id,
        via: carrier.via(),
        rotation: body.rotation,
        node: carrier.node(),
    };
    let initiated = app.engine.execute(&authed.actor, &command).await?;
    let external = carrier.place(&initiated, place).await?;
    let view = shown(&app, &authed, &initiated.call).await?;
    let is_known = external.as_ref().is_none_or(|external| external.sid.is_some());
    let status = if is_known { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let twilio_call = external.map(|external| TwilioCall { sid: external.sid, status: external.status });
    Ok((status, Json(CallPlaced::new(view, initiated.allowed.remaining, twilio_call))))
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
    carrier_of(&app, &authed, id).await?.hang_up(authed.company_id(), id).await?;
    Ok((StatusCode::ACCEPTED, Done::say("The call is being ended")))
}
