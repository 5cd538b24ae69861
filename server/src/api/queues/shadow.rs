//! `/queues/:id/shadow`: what a queue's router would decide with other settings, beside live traffic.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::id::{QueueId, QueueKind};
use dialplane_core::queue::shadow::{Differing, First, Report, Tally};
use dialplane_signaling::edge::TooManyShadows;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::QueueInput;
use crate::http::answer::{Done, answer};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};
use crate::telephony::edge_of;

/// How often first decisions were alike.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TallyView {
    /// Calls that were compared: those that have been taken or are gone.
    calls: u64,
    /// Decided alike: the same agent after the same wait, or none on either side.
    alike: u64,
    /// The same agent after another wait.
    other_time: u64,
    /// Another agent.
    other_agent: u64,
    /// The queue found an agent, and its shadow had none by then: in it they would have waited longer.
    only_live: u64,
    /// The shadow found an agent, and the queue none until the caller was gone.
    only_shadow: u64,
    /// No agent on either side, and one of them sent the call on.
    sent_on: u64,
    /// Seconds until the first offer on average, of the calls that both found an agent for; null before there is one.
    wait_seconds: Option<f64>,
    /// The same in the shadow.
    shadow_wait_seconds: Option<f64>,
}

/// What was decided first for a call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirstView {
    /// offered, sent_on, or nothing until the call was taken or gone.
    decision: &'static str,
    /// To whom.
    agent_id: Option<Uuid>,
    /// After how many seconds of waiting.
    wait_seconds: Option<f64>,
}

/// A call that was decided differently.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferingView {
    call_id: Uuid,
    queue_id: Uuid,
    live: FirstView,
    shadow: FirstView,
}

/// The shadow of a queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShadowView {
    queue_id: Uuid,
    /// Since how many seconds it has been there. It ends with the process.
    age_seconds: u64,
    /// Calls that wait or ring, and will be compared.
    open: u64,
    /// Calls of the queue.
    own: TallyView,
    /// Calls of other queues with the same agents.
    others: TallyView,
    /// The latest calls that were decided differently, the oldest first: 100 at most.
    differing: Vec<DifferingView>,
}

answer! { /** The shadow of a queue, and what it has seen. */ ShadowAnswer { shadow: ShadowView } }

impl TallyView {
    fn of(tally: Tally) -> Self {
        let Tally { calls, alike, other_time, other_agent, only_live, only_shadow, sent_on, .. } = tally;
        let mean = |millis: u64| (tally.both > 0).then(|| millis as f64 / tally.both as f64 / 1_000.0);
        Self {
            calls,
            alike,
            other_time,
            other_agent,
            only_live,
            only_shadow,
            sent_on,
            wait_seconds: mean(tally.live_waited_ms),
            shadow_wait_seconds: mean(tally.shadow_waited_ms),
        }
    }
}

impl FirstView {
    const fn of(first: First) -> Self {
        let (decision, agent_id, wait_seconds) = match first {
            First::Agent { agent, waited } => ("offered", Some(agent.as_uuid()), Some(waited.as_secs_f64())),
            First::SentOn => ("sent_on", None, None),
            First::Nothing => ("nothing", None, None),
        };
        Self { decision, agent_id, wait_seconds }
    }
}

impl DifferingView {
    const fn of(differing: &Differing) -> Self {
        let Differing { call, queue, live, shadow } = *differing;
        let (live, shadow) = (FirstView::of(live), FirstView::of(shadow));
        Self { call_id: call.as_uuid(), queue_id: queue.as_uuid(), live, shadow }
    }
}

async fn shown(app: &App, authed: &Authed, queue: QueueId) -> Reply<Json<ShadowAnswer>> {
    let found = edge_of(app)?.shadow(authed.company_id(), queue).await?;
    let state = found.ok_or_else(|| Problem::not_found("shadow"))?;
    let Report { own, others, open, differing } = state.report;
    Ok(Json(ShadowAnswer::new(ShadowView {
        queue_id: queue.as_uuid(),
        age_seconds: state.age.as_secs(),
        open,
        own: TallyView::of(own),
        others: TallyView::of(others),
        differing: differing.iter().map(DifferingView::of).collect(),
    })))
}

/// What the shadow of a queue has decided otherwise so far. For admins and managers.
#[utoipa::path(get, path = "/queues/{id}/shadow", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = ShadowAnswer), (status = 404, description = "the queue has no shadow")))]
pub(crate) async fn get_shadow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(queue): PathId<QueueKind>,
) -> Reply<Json<ShadowAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    shown(&app, &authed, queue).await
}

/// Give a queue a shadow, in place of the one it has: with these settings, and those of the queue where nothing is said, its router decides
/// beside the live one of this server from now on, and nobody is rung for it. For admins and managers.
#[utoipa::path(put, path = "/queues/{id}/shadow", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    request_body = QueueInput, responses((status = 200, body = ShadowAnswer),
        (status = 409, description = "too_many_shadows: four queues of the company have one")))]
pub(crate) async fn cast_shadow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<QueueKind>,
    draft: Draft<QueueInput>,
) -> Reply<Json<ShadowAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let queue = tx.queue(id).await?.ok_or_else(|| Problem::not_found("queue"))?;
    drop(tx);
    let settings = draft.checked(|body, faults| body.settings(Some(&queue.settings), faults))?;
    let full = |refused: TooManyShadows| Problem::conflict("too_many_shadows", refused.to_string());
    edge_of(&app)?.cast_shadow(authed.company_id(), id, settings).await?.map_err(full)?;
    shown(&app, &authed, id).await
}

/// Take the shadow of a queue away. For admins and managers.
#[utoipa::path(delete, path = "/queues/{id}/shadow", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = Done), (status = 404, description = "the queue has no shadow")))]
pub(crate) async fn end_shadow(
    State(app): State<Shared>,
    authed: Authed,
    PathId(queue): PathId<QueueKind>,
) -> Reply<Json<Done>> {
    authed.demand(Permission::ManageQueues)?;
    if !edge_of(&app)?.end_shadow(authed.company_id(), queue).await? {
        return Err(Problem::not_found("shadow"));
    }
    Ok(Done::say("The shadow is gone"))
}
