//! `/ivr`: flows and their drafts.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::flow::{CreateFlow, DeleteFlow, UpdateFlow};
use dialplane_core::flow::{DOCUMENT_BYTES_MAX, Flow, FlowStatus};
use dialplane_core::id::FlowKind;
use dialplane_core::store::Tx;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Faults;
use crate::http::guard::Authed;
use crate::http::input::{FLOW_MAX, Params, PathId, read_json_within};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// A flow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowView {
    id: Uuid,
    name: String,
    /// draft, active or inactive.
    status: &'static str,
    /// The number of the version that calls run through.
    active_version: Option<u32>,
    /// The number of the newest version; 0 when none was published.
    latest_version: u32,
    /// Counts the changes, for `If-Match`.
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl FlowView {
    pub(super) fn of(flow: &Flow) -> Self {
        Self {
            id: flow.id.as_uuid(),
            name: flow.name.clone(),
            status: flow.status().as_str(),
            active_version: flow.active,
            latest_version: flow.published,
            version: flow.version,
            created_at: flow.created_at,
            updated_at: flow.updated_at,
        }
    }
}

/// A flow with its document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowDetail {
    #[serde(flatten)]
    view: FlowView,
    /// Whether there is a draft that was not activated yet.
    has_draft: bool,
    /// The draft, or the document that calls run through, or that of the newest version.
    #[schema(value_type = Option<Object>)]
    flow: Option<Box<RawValue>>,
}

answer! { /** One flow. */ FlowAnswer { flow: FlowDetail } }
answer! { /** The flows. */ FlowsAnswer { flows: Vec<FlowView> } }

/// A document as it is sent. What is stored is JSON that was read once.
pub(super) fn raw(document: String) -> Reply<Box<RawValue>> {
    RawValue::from_string(document).map_err(|error| Problem::internal(&error))
}

/// The document that somebody who opens a flow wants to see, and whether it is a draft.
pub(super) async fn opened(tx: &mut dyn Tx, flow: &Flow) -> Reply<(Option<String>, bool)> {
    if let Some(draft) = tx.flow_draft(flow.id).await? {
        return Ok((Some(draft), true));
    }
    Ok((tx.flow_document(flow.id, flow.active.unwrap_or(flow.published)).await?, false))
}

async fn detail(tx: &mut dyn Tx, flow: &Flow) -> Reply<FlowDetail> {
    let (document, has_draft) = opened(tx, flow).await?;
    Ok(FlowDetail { view: FlowView::of(flow), has_draft, flow: document.map(raw).transpose()? })
}

/// What a list of flows can be narrowed by.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FlowQuery {
    /// draft, active or inactive.
    #[param(value_type = Option<String>)]
    status: Option<FlowStatus>,
}

/// The company's flows. For admins and managers.
#[utoipa::path(get, path = "/ivr", tag = "ivr", params(FlowQuery), responses((status = 200, body = FlowsAnswer)))]
pub(crate) async fn list_flows(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<FlowQuery>,
) -> Reply<Json<FlowsAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let flows = app.engine.read(&authed.actor).await?.flows().await?;
    let wanted = flows.iter().filter(|flow| query.status.is_none_or(|status| flow.status() == status));
    Ok(Json(FlowsAnswer::new(wanted.map(FlowView::of).collect())))
}

/// A flow to create or change; on a change what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct FlowInput {
    /// Its name, unique in the company.
    name: Option<String>,
    /// Its document, kept as a draft until it is activated; at most 2 MiB. Its form is that of `GET /ivr/schema`.
    #[serde(alias = "document", alias = "draft")]
    #[schema(value_type = Option<Object>)]
    flow: Option<Box<RawValue>>,
}

/// Reads a document: an object, whose meaning is looked at when it is validated or activated.
pub(super) fn document(given: Option<Box<RawValue>>, faults: &mut Faults) -> Option<String> {
    let document = given?;
    let text = document.get();
    if !text.starts_with('{') {
        faults.add("flow", "expected an object");
    }
    if text.len() > DOCUMENT_BYTES_MAX {
        faults.check::<(), _>(Err(Problem::too_large(DOCUMENT_BYTES_MAX)));
    } else if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        // What was passed over so far: nested too deeply, or a number beyond all numbers.
        faults.add("flow", error.to_string());
    }
    Some(text.to_owned())
}

/// Create a flow, with a first draft or without. For admins and managers.
#[utoipa::path(post, path = "/ivr", tag = "ivr", request_body = FlowInput, responses((status = 201, body = FlowAnswer)))]
pub(crate) async fn create_flow(
    State(app): State<Shared>,
    authed: Authed,
    request: Request,
) -> Reply<(StatusCode, Versioned<FlowAnswer>)> {
    authed.demand(Permission::ManageFlows)?;
    let draft = read_json_within::<FlowInput>(request, FLOW_MAX).await?;
    let command = draft.checked(|body, faults| {
        let name = faults.check(body.name.ok_or_else(|| Problem::required("name")));
        let name = name.and_then(|name| faults.rule(Flow::name(&name)));
        let document = document(body.flow, faults);
        Some(CreateFlow { name: name?, document })
    })?;
    let flow = app.engine.execute(&authed.actor, &command).await?;
    let detail = detail(&mut *app.engine.read(&authed.actor).await?, &flow).await?;
    Ok((StatusCode::CREATED, versioned(flow.version, FlowAnswer::new(detail))))
}

/// A flow with its draft, or with the document that calls run through. For admins and managers.
#[utoipa::path(get, path = "/ivr/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    responses((status = 200, body = FlowAnswer)))]
pub(crate) async fn get_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<FlowKind>,
) -> Reply<Versioned<FlowAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let flow = tx.flow(id).await?.ok_or_else(|| Problem::not_found("flow"))?;
    Ok(versioned(flow.version, FlowAnswer::new(detail(&mut *tx, &flow).await?)))
}

/// Rename a flow or save its draft: what is absent stays. Calls go on through the active version. For admins and managers.
#[utoipa::path(put, path = "/ivr/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    request_body = FlowInput, responses((status = 200, body = FlowAnswer)))]
pub(crate) async fn update_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(flow): PathId<FlowKind>,
    IfMatch(expected_version): IfMatch,
    request: Request,
) -> Reply<Versioned<FlowAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let draft = read_json_within::<FlowInput>(request, FLOW_MAX).await?;
    let command = draft.checked(|body, faults| {
        let name = body.name.map(|name| faults.rule(Flow::name(&name)).unwrap_or_default());
        Some(UpdateFlow { flow, name, document: document(body.flow, faults), expected_version })
    })?;
    let flow = app.engine.execute(&authed.actor, &command).await?;
    let detail = detail(&mut *app.engine.read(&authed.actor).await?, &flow).await?;
    Ok(versioned(flow.version, FlowAnswer::new(detail)))
}

/// Delete a flow to which neither a route nor another active flow leads. For admins and managers.
#[utoipa::path(delete, path = "/ivr/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(flow): PathId<FlowKind>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteFlow { flow, expected_version }).await?;
    Ok(Done::say("Flow deleted successfully"))
}
