//! `/ivr/{id}/trace/{callId}`: what a call did in a flow.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::flow::FlowTrace;
use dialplane_core::id::{CallId, FlowKind};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::PathPair;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// What a call did in a flow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceView {
    call_id: Uuid,
    flow_id: Uuid,
    /// The number of the version it ran through.
    flow_version: u32,
    /// Every step, in order: when, in which node, what, and where it led.
    #[schema(value_type = Vec<Object>)]
    steps: Value,
    /// How it ended, in one word.
    ended: String,
    ended_at: DateTime<Utc>,
}

impl TraceView {
    fn of(trace: FlowTrace) -> Self {
        Self {
            call_id: trace.call.as_uuid(),
            flow_id: trace.flow.as_uuid(),
            flow_version: trace.number,
            steps: trace.steps,
            ended: trace.ended,
            ended_at: trace.created_at,
        }
    }
}

answer! { /** A trace. */ TraceAnswer { trace: TraceView } }

/// What a call did in this flow, step by step, once it has left it. For admins and managers.
#[utoipa::path(get, path = "/ivr/{id}/trace/{callId}", tag = "ivr",
    params(("id" = Uuid, Path, description = "the flow"), ("callId" = Uuid, Path, description = "the call")),
    responses((status = 200, body = TraceAnswer)))]
pub(crate) async fn get_trace(
    State(app): State<Shared>,
    authed: Authed,
    PathPair(flow, call): PathPair<FlowKind, CallId>,
) -> Reply<Json<TraceAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let trace = app.engine.read(&authed.actor).await?.flow_trace(call).await?;
    let trace = trace.filter(|trace| trace.flow == flow).ok_or_else(|| Problem::not_found("trace"))?;
    Ok(Json(TraceAnswer::new(TraceView::of(trace))))
}
