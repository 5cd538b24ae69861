//! `/ivr/{id}/versions`: publishing, rolling back, and what was changed.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::command::flow::{ActivateFlow, DeactivateFlow};
use dialplane_core::error::Failure;
use dialplane_core::flow::diff::{ChangeKind, DocumentChange, diff};
use dialplane_core::flow::{Flow, FlowRefused, FlowVersion};
use dialplane_core::id::{FlowId, FlowKind, UserId};
use dialplane_core::store::Tx;
use dialplane_core::{Actor, Permission};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::FlowProblem;
use super::flows::{FlowView, raw};
use crate::api::users::Person;
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{MaybeInput, Params, PathId, PathPair};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

answer! {
    /// A flow through which calls are led.
    ActivatedAnswer {
        flow: FlowView,
        /// Warnings.
        problems: Vec<FlowProblem>,
    }
}
answer! { /** A flow without its document. */ FlowStateAnswer { flow: FlowView } }

/// What is to be activated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct ActivateInput {
    /// The number of a version; the draft when absent, or the newest version when there is no draft.
    version: Option<u32>,
    /// What is said about a version that is published by it.
    note: Option<String>,
}

async fn activate(app: &App, actor: &Actor, command: ActivateFlow) -> Reply<Versioned<ActivatedAnswer>> {
    match app.engine.execute(actor, &command).await {
        Ok(done) => {
            let answer = ActivatedAnswer::new(FlowView::of(&done.flow), FlowProblem::list(done.problems));
            Ok(versioned(done.flow.version, answer))
        }
        Err(Failure::Refused(FlowRefused::Invalid(problems))) => {
            let told = FlowProblem::list(problems.clone());
            Err(Problem::from(Failure::Refused(FlowRefused::Invalid(problems))).of_flow(told))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Lead calls through the draft, which becomes the next version, or through an earlier version. A document with errors is refused
/// with all its problems. Calls that are in the flow keep the version they began with. For admins and managers.
#[utoipa::path(post, path = "/ivr/{id}/activate", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    request_body = ActivateInput, responses((status = 200, body = ActivatedAnswer),
        (status = 422, description = "the document has errors, which are all in `problems`")))]
pub(crate) async fn activate_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(flow): PathId<FlowKind>,
    IfMatch(expected_version): IfMatch,
    MaybeInput(body): MaybeInput<ActivateInput>,
) -> Reply<Versioned<ActivatedAnswer>> {
    let command = ActivateFlow { flow, number: body.version, note: body.note, expected_version };
    activate(&app, &authed.actor, command).await
}

/// Lead calls through this version again. For admins and managers.
#[utoipa::path(post, path = "/ivr/{id}/versions/{number}/rollback", tag = "ivr",
    params(("id" = Uuid, Path, description = "the flow"), ("number" = u32, Path, description = "the version")),
    responses((status = 200, body = ActivatedAnswer),
        (status = 422, description = "the document has errors by now, which are all in `problems`")))]
pub(crate) async fn roll_back(
    State(app): State<Shared>,
    authed: Authed,
    PathPair(flow, number): PathPair<FlowKind, u32>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Versioned<ActivatedAnswer>> {
    let command = ActivateFlow { flow, number: Some(number), note: None, expected_version };
    activate(&app, &authed.actor, command).await
}

/// Lead no more calls into a flow. Refused while a route or another active flow leads to it. For admins and managers.
#[utoipa::path(post, path = "/ivr/{id}/deactivate", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    responses((status = 200, body = FlowStateAnswer)))]
pub(crate) async fn deactivate_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(flow): PathId<FlowKind>,
    IfMatch(expected_version): IfMatch,
) -> Reply<Versioned<FlowStateAnswer>> {
    let flow = app.engine.execute(&authed.actor, &DeactivateFlow { flow, expected_version }).await?;
    Ok(versioned(flow.version, FlowStateAnswer::new(FlowView::of(&flow))))
}

/// A published version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionView {
    number: u32,
    /// Whether calls run through it.
    is_active: bool,
    note: Option<String>,
    /// Who published it.
    author: Option<Person>,
    created_at: DateTime<Utc>,
}

impl VersionView {
    fn of(version: &FlowVersion, flow: &Flow, people: &BTreeMap<UserId, Person>) -> Self {
        Self {
            number: version.number,
            is_active: flow.active == Some(version.number),
            note: version.note.clone(),
            author: version.author.and_then(|id| people.get(&id).cloned()),
            created_at: version.created_at,
        }
    }
}

/// A published version with its document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionDetail {
    #[serde(flatten)]
    view: VersionView,
    #[schema(value_type = Object)]
    flow: Box<RawValue>,
}

answer! { /** A page of versions, newest first. */ VersionsAnswer { versions: Vec<VersionView>, pagination: Pagination } }
answer! { /** A version. */ VersionAnswer { version: VersionDetail } }

async fn authors(tx: &mut dyn Tx, versions: &[FlowVersion]) -> Reply<BTreeMap<UserId, Person>> {
    let ids: Vec<UserId> = versions.iter().filter_map(|version| version.author).collect();
    let users = if ids.is_empty() { Vec::new() } else { tx.users_by_ids(&ids).await? };
    Ok(users.iter().map(|user| (user.id, Person::of(user))).collect())
}

async fn flow_of(tx: &mut dyn Tx, id: FlowId) -> Reply<Flow> {
    tx.flow(id).await?.ok_or_else(|| Problem::not_found("flow"))
}

/// The published versions of a flow, newest first. For admins and managers.
#[utoipa::path(get, path = "/ivr/{id}/versions", tag = "ivr", params(("id" = Uuid, Path, description = "the flow"), Paging),
    responses((status = 200, body = VersionsAnswer)))]
pub(crate) async fn list_versions(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<FlowKind>,
    Params(paging): Params<Paging>,
) -> Reply<Json<VersionsAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let flow = flow_of(&mut *tx, id).await?;
    let listing = tx.flow_versions(id, paging.page()).await?;
    let people = authors(&mut *tx, &listing.items).await?;
    let versions = listing.items.iter().map(|version| VersionView::of(version, &flow, &people)).collect();
    Ok(Json(VersionsAnswer::new(versions, paging.of(listing.total))))
}

/// A published version with its document. For admins and managers.
#[utoipa::path(get, path = "/ivr/{id}/versions/{number}", tag = "ivr",
    params(("id" = Uuid, Path, description = "the flow"), ("number" = u32, Path, description = "the version")),
    responses((status = 200, body = VersionAnswer)))]
pub(crate) async fn get_version(
    State(app): State<Shared>,
    authed: Authed,
    PathPair(id, number): PathPair<FlowKind, u32>,
) -> Reply<Json<VersionAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let flow = flow_of(&mut *tx, id).await?;
    let absent = || Problem::not_found("version of the flow");
    let version = tx.flow_version(id, number).await?.ok_or_else(absent)?;
    let document = tx.flow_document(id, number).await?.ok_or_else(absent)?;
    let people = authors(&mut *tx, std::slice::from_ref(&version)).await?;
    let view = VersionView::of(&version, &flow, &people);
    Ok(Json(VersionAnswer::new(VersionDetail { view, flow: raw(document)? })))
}

/// What a version is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    Draft,
    Version(u32),
}

impl FromStr for Other {
    type Err = Problem;
    fn from_str(text: &str) -> Reply<Self> {
        match text {
            "draft" => Ok(Self::Draft),
            number => number
                .parse()
                .map(Self::Version)
                .map_err(|_| Problem::field("to", "expected the number of a version, or draft")),
        }
    }
}

/// What a version is compared with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The number of another version, or `draft`; when absent, the draft if there is one, and else the newest version.
    to: Option<String>,
}

/// A place in which two documents differ.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeView {
    /// added, removed or changed.
    kind: &'static str,
    /// The node; null where it concerns the flow as a whole.
    node: Option<String>,
    /// Where in the node, or in the document, by names and numbers with dots; empty for a whole node.
    path: String,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    from: Option<Value>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    to: Option<Value>,
}

impl ChangeView {
    fn of(change: DocumentChange) -> Self {
        let kind = match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
        };
        Self { kind, node: change.node, path: change.path, from: change.from, to: change.to }
    }
}

answer! { /** The changes from one document to another; at most 10,000. */ DiffAnswer { changes: Vec<ChangeView> } }

/// What has changed from this version to another one, or to the draft. For admins and managers.
#[utoipa::path(get, path = "/ivr/{id}/versions/{number}/diff", tag = "ivr",
    params(("id" = Uuid, Path, description = "the flow"), ("number" = u32, Path, description = "the version"), DiffQuery),
    responses((status = 200, body = DiffAnswer)))]
pub(crate) async fn diff_versions(
    State(app): State<Shared>,
    authed: Authed,
    PathPair(id, number): PathPair<FlowKind, u32>,
    Params(query): Params<DiffQuery>,
) -> Reply<Json<DiffAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let other = query.to.as_deref().map(str::parse::<Other>).transpose()?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let flow = flow_of(&mut *tx, id).await?;
    let from = tx.flow_document(id, number).await?.ok_or_else(|| Problem::not_found("version of the flow"))?;
    let draft = if matches!(other, Some(Other::Version(_))) { None } else { tx.flow_draft(id).await? };
    let to = match (other, draft) {
        (_, Some(draft)) => Some(draft),
        (Some(Other::Draft), None) => None,
        (Some(Other::Version(number)), None) => tx.flow_document(id, number).await?,
        (None, None) => tx.flow_document(id, flow.published).await?,
    };
    let to = to.ok_or_else(|| Problem::not_found("version of the flow to compare with"))?;
    let read = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| Problem::internal(&error));
    let changes = diff(&read(&from)?, &read(&to)?).into_iter().map(ChangeView::of).collect();
    Ok(Json(DiffAnswer::new(changes)))
}
