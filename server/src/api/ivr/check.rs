//! Trying flows out: what is wrong with one, and what a call would do in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::flow::check::{check_document, surroundings};
use dialplane_core::flow::{Flow, FlowRefused};
use dialplane_core::id::FlowKind;
use dialplane_core::store::Tx;
use dialplane_ivr::expr::Value;
use dialplane_ivr::simulate::{Event, Given, GivenQueue, Simulation, simulate};
use dialplane_ivr::{Flow as Document, Program, Surroundings};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::FlowProblem;
use super::flows::{document, opened};
use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::{FLOW_MAX, PathId, maybe_json_within, read_json_within};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// What is to be looked at.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct ValidateInput {
    /// A document; the draft when absent, or the document that calls run through when there is no draft.
    #[serde(alias = "document", alias = "draft")]
    #[schema(value_type = Option<Object>)]
    flow: Option<Box<RawValue>>,
}

answer! {
    /// What is wrong with a document.
    ValidateAnswer {
        /// Whether it can be activated: whether there are no errors.
        valid: bool,
        /// How many errors there are.
        errors: usize,
        /// How many warnings there are.
        warnings: usize,
        /// Everything that is wrong, errors first; at most 1,000 are told.
        problems: Vec<FlowProblem>,
    }
}

/// The flow, and the document that is meant: the one given, or the one that is opened.
async fn meant(tx: &mut dyn Tx, id: dialplane_core::id::FlowId, given: Option<String>) -> Reply<(Flow, String)> {
    let flow = tx.flow(id).await?.ok_or_else(|| Problem::not_found("flow"))?;
    let document = match given {
        Some(document) => Some(document),
        None => opened(tx, &flow).await?.0,
    };
    let document = document.ok_or(dialplane_core::Failure::Refused(FlowRefused::Empty))?;
    Ok((flow, document))
}

/// Tell everything that is wrong with the draft, or with a document that is sent along; nothing is kept. For admins and managers.
#[utoipa::path(post, path = "/ivr/{id}/validate", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    request_body = ValidateInput, responses((status = 200, body = ValidateAnswer)))]
pub(crate) async fn validate_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<FlowKind>,
    request: Request,
) -> Reply<Json<ValidateAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let draft = maybe_json_within::<ValidateInput>(request, FLOW_MAX).await?;
    let given = draft.checked(|body, faults| Some(document(body.flow, faults)))?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let (flow, document) = meant(&mut *tx, id, given).await?;
    let problems = check_document(&mut *tx, &flow.name, &document).await?.problems;
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    Ok(Json(ValidateAnswer::new(errors == 0, errors, warnings, FlowProblem::list(problems))))
}

/// A call to play through.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SimulateInput {
    /// What the caller does and what others answer, in order: `{"digit": "1"}`, `{"digits": "4711#"}`, `{"silence": 5}`,
    /// `{"webhook": {"status": 200, "body": {}}}`, `{"queue": "connected"}`, `{"dial": "busy"}`, `{"record": 4.5}`,
    /// `{"callback": true}`, `{"playFails": true}`, `{"hangup": true}`.
    #[schema(value_type = Vec<Object>)]
    #[serde(default)]
    script: Vec<Event>,
    /// The caller's number.
    caller: Option<String>,
    /// The caller's name.
    #[serde(alias = "caller_name")]
    caller_name: Option<String>,
    /// The number that was called.
    called: Option<String>,
    /// When the call comes; now when absent.
    at: Option<DateTime<Utc>>,
    /// Variables that begin with another value.
    #[serde(default)]
    #[schema(value_type = Object)]
    variables: BTreeMap<String, Value>,
    /// How queues stand: `{"Sales": {"available": 0, "waiting": 3}}`. Others have an agent who is free.
    #[serde(default)]
    #[schema(value_type = Object)]
    queues: BTreeMap<String, GivenQueue>,
    /// What decides chance.
    seed: Option<u64>,
    /// A document; the draft when absent, or the document that calls run through when there is no draft.
    #[serde(alias = "document", alias = "draft")]
    #[schema(value_type = Option<Object>)]
    flow: Option<Box<RawValue>>,
}

/// A call that was played through.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimulateAnswer {
    /// Always true.
    success: bool,
    /// `trace`: every step and why; `path`: the nodes in order; `heard`: what was said and played; `actions`: what was asked of queues
    /// and others; `requests`: of web services; `variables` at the end, secrets null; `ended`: how; and how long it took.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    simulation: Simulation,
}

/// Play a call through the draft, or through a document that is sent along. Nobody is called, and no time passes. For admins and
/// managers.
#[utoipa::path(post, path = "/ivr/{id}/simulate", tag = "ivr", params(("id" = Uuid, Path, description = "the flow")),
    request_body = SimulateInput, responses((status = 200, body = SimulateAnswer),
        (status = 422, description = "the document has errors, which are all in `problems`")))]
pub(crate) async fn simulate_flow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<FlowKind>,
    request: Request,
) -> Reply<Json<SimulateAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let draft = read_json_within::<SimulateInput>(request, FLOW_MAX).await?;
    let (timezone, now) = (authed.company.timezone, app.engine.now());
    let (given, script, document) = draft.checked(|mut body, faults| {
        let document = document(body.flow.take(), faults);
        let usual = Given::default();
        let given = Given {
            at: body.at.unwrap_or(now),
            timezone,
            caller: body.caller.unwrap_or(usual.caller),
            caller_name: body.caller_name.unwrap_or(usual.caller_name),
            called: body.called.unwrap_or(usual.called),
            variables: body.variables,
            queues: body.queues,
            seed: body.seed.unwrap_or(usual.seed),
        };
        Some((given, body.script, document))
    })?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let (flow, text) = meant(&mut *tx, id, document).await?;
    let around = match Document::read(&text) {
        Ok(document) => surroundings(&mut *tx, &flow.name, &document).await?,
        Err(_) => Surroundings::default(),
    };
    drop(tx);
    // A long flow takes its time, and others are waiting.
    let played = tokio::task::spawn_blocking(move || {
        let document = Document::read(&text)?;
        let program = Program::compile(&flow.name, &document, &around)?;
        Ok(simulate(Arc::new(program), &given, script))
    });
    let played = played.await.map_err(|error| Problem::internal(&error))?;
    let simulation = played.map_err(|problems: Vec<dialplane_core::flow::Problem>| {
        let told = FlowProblem::list(problems.clone());
        Problem::from(dialplane_core::Failure::Refused(FlowRefused::Invalid(problems))).of_flow(told)
    })?;
    Ok(Json(SimulateAnswer { success: true, simulation }))
}

/// The JSON Schema of documents (draft 2020-12).
#[utoipa::path(get, path = "/ivr/schema", tag = "ivr", responses((status = 200, body = Object)))]
pub(crate) async fn flow_schema(_: Authed) -> Json<serde_json::Value> {
    Json(Document::schema())
}
