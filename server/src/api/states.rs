//! How queues and agents stand now: `/queues/states`, `/queues/:id/state`, `/agents/:id/state`, `/agents/:id/wrap-up`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::id::{QueueKind, UserId, UserKind};
use dialplane_core::queue::router::{AgentNow, CallNow};
use dialplane_core::queue::{Queue, WRAP_UP_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use dialplane_signaling::edge::Party;

use crate::http::answer::answer;
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::Shared;
use crate::telephony::{Taken, edge_of};

/// Members that are told one by one, at most.
const MEMBERS_MAX: usize = 500;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(queue_states))
        .routes(routes!(queue_state))
        .routes(routes!(agent_state))
        .routes(routes!(change_wrap_up))
}

/// How many callers and agents a queue has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueCounts {
    queue_id: Uuid,
    name: String,
    /// Callers who wait on the line; those whose call rings somewhere are not among them.
    waiting: u32,
    /// Calls that ring somewhere.
    ringing: u32,
    /// How long the caller on the line has waited who waits longest, in seconds.
    oldest_wait_seconds: u64,
    /// Those who wait on no line, and are to be called back.
    callbacks: u32,
    /// Members who could take a call now.
    free: u32,
    /// Members who are there, busy or not.
    present: u32,
    members: usize,
    /// How many members do what, by the words of `agents[].state`.
    #[schema(value_type = BTreeMap<String, u32>)]
    member_states: BTreeMap<&'static str, u32>,
}

/// What an agent is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentStateView {
    agent_id: Uuid,
    name: Option<String>,
    /// idle, offered, on_call, wrap_up, on_break, offline, unreachable; or a pause of seconds after an offer in vain: busy, declined,
    /// no_answer, not_rung.
    state: &'static str,
    /// Since when; null for who has not been seen since the server started.
    since: Option<DateTime<Utc>>,
    /// Seconds until it ends by itself, such as those that are left of the wrap-up.
    seconds_left: Option<u64>,
    /// Calls in hand.
    calls: u32,
    /// Calls at once.
    capacity: u8,
    /// The calls that ring.
    offered: Vec<Uuid>,
    /// Calls of queues in which they talked today with the caller, or with whom they called back; by when that one came into the queue.
    taken_today: u32,
    /// Seconds talked in those that are over for them.
    talk_seconds_today: u64,
}

/// A call that has no agent yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingCallView {
    id: Uuid,
    #[serde(rename = "_id")]
    crm_id: Uuid,
    /// From 1, by the time of waiting and the priority.
    position: u32,
    /// waiting, or ringing at an agent.
    status: &'static str,
    since: DateTime<Utc>,
    wait_seconds: u64,
    priority: i8,
    /// Who calls, or is to be called back; agents see the last digits.
    from: Option<String>,
    /// Whether nobody is on the line: the id is that of a callback.
    callback: bool,
    /// Whose phones ring.
    ringing: Vec<Uuid>,
}

/// How a queue stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueStateView {
    #[serde(flatten)]
    counts: QueueCounts,
    /// When it stood so: within the last second.
    at: DateTime<Utc>,
    /// What the members are doing, in the order of the queue's settings: 500 at most. An agent sees themselves only.
    agents: Vec<AgentStateView>,
    /// The calls without an agent, in the order of their turns: 200 at most.
    calls: Vec<WaitingCallView>,
}

answer! { /** How a queue stands. */ QueueStateAnswer { state: QueueStateView } }
answer! { /** How the queues stand. */ QueueStatesAnswer { at: DateTime<Utc>, queues: Vec<QueueCounts> } }
answer! { /** What an agent is doing. */ AgentStateAnswer { state: AgentStateView } }

impl QueueCounts {
    fn of(queue: &Queue, taken: &Taken) -> Self {
        let stand = taken.queue(queue.id);
        let now = stand.map(|stand| stand.now).unwrap_or_default();
        Self {
            queue_id: queue.id.as_uuid(),
            name: queue.settings.name.clone(),
            waiting: now.waiting,
            ringing: stand.map_or(0, |stand| stand.ringing),
            oldest_wait_seconds: now.oldest.as_secs(),
            callbacks: taken.state.callbacks.get(&queue.id).copied().unwrap_or_default(),
            free: now.free,
            present: now.present,
            members: queue.settings.members.len(),
            member_states: stand.map(|stand| stand.members.clone()).unwrap_or_default(),
        }
    }
}

impl AgentStateView {
    /// What somebody is doing; `began` tells the time of what has lasted so long.
    fn of(now: &AgentNow, name: Option<String>, began: impl Fn(Duration) -> DateTime<Utc>) -> Self {
        let left = now.state.until().map(|until| until.saturating_duration_since(Instant::now()));
        Self {
            agent_id: now.agent.as_uuid(),
            name,
            state: now.state.as_str(),
            since: Some(began(now.since)),
            seconds_left: left.map(|left| left.as_secs_f64().ceil() as u64),
            calls: now.calls,
            capacity: now.capacity,
            offered: now.offered.iter().map(|call| call.as_uuid()).collect(),
            taken_today: now.taken,
            talk_seconds_today: now.talked.as_secs(),
        }
    }

    /// Somebody call control was never told of: no phone, nothing chosen.
    fn unseen(agent: UserId, name: Option<String>) -> Self {
        Self {
            agent_id: agent.as_uuid(),
            name,
            state: "offline",
            since: None,
            seconds_left: None,
            calls: 0,
            capacity: 1,
            offered: Vec::new(),
            taken_today: 0,
            talk_seconds_today: 0,
        }
    }
}

impl WaitingCallView {
    /// A call as whoever may see all calls sees it, or an agent.
    pub(crate) fn of(call: &CallNow, since: DateTime<Utc>, caller: Option<&Party>, sees_all: bool) -> Self {
        let shown = |caller: &Party| match sees_all {
            true => caller.number.expose().clone(),
            false => caller.number.to_string(),
        };
        Self {
            id: call.call.as_uuid(),
            crm_id: call.call.as_uuid(),
            position: call.position,
            status: if call.ringing.is_empty() { "waiting" } else { "ringing" },
            since,
            wait_seconds: call.waited.as_secs(),
            priority: call.priority,
            from: caller.map(shown),
            callback: caller.is_some_and(|caller| caller.is_callback),
            ringing: call.ringing.iter().map(|agent| agent.as_uuid()).collect(),
        }
    }
}

/// Whether a queue is the actor's to see.
pub(crate) fn sees_queue(authed: &Authed, queue: &Queue) -> bool {
    authed.actor.may(Permission::ManageQueues)
        || queue.settings.members.iter().any(|member| member.agent_id == authed.user.id)
}

/// The company's queues at a glance; an agent sees those they are a member of.
#[utoipa::path(get, path = "/queues/states", tag = "queues", responses((status = 200, body = QueueStatesAnswer)))]
pub(crate) async fn queue_states(State(app): State<Shared>, authed: Authed) -> Reply<Json<QueueStatesAnswer>> {
    let queues = app.engine.read(&authed.actor).await?.queues().await?;
    let taken = app.states.of(&app, authed.company_id()).await?;
    let seen = queues.iter().filter(|queue| sees_queue(&authed, queue));
    Ok(Json(QueueStatesAnswer::new(taken.at, seen.map(|queue| QueueCounts::of(queue, &taken)).collect())))
}

/// How a queue stands: who waits, and what its members are doing. For its members, and for admins and managers.
#[utoipa::path(get, path = "/queues/{id}/state", tag = "queues", params(("id" = Uuid, Path, description = "the queue")),
    responses((status = 200, body = QueueStateAnswer)))]
pub(crate) async fn queue_state(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<QueueKind>,
) -> Reply<Json<QueueStateAnswer>> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let queue =
        tx.queue(id).await?.filter(|queue| sees_queue(&authed, queue)).ok_or_else(|| Problem::not_found("queue"))?;
    let sees_all = authed.actor.may(Permission::ManageQueues);
    let members = queue.settings.members.iter().map(|member| member.agent_id);
    let members: Vec<UserId> = members.filter(|agent| sees_all || *agent == authed.user.id).take(MEMBERS_MAX).collect();
    let people = tx.users_by_ids(&members).await?;
    drop(tx);
    let names: BTreeMap<UserId, String> = people.into_iter().map(|user| (user.id, user.name.into_inner())).collect();
    let taken = app.states.of(&app, authed.company_id()).await?;
    let agent = |agent: &UserId| {
        let name = names.get(agent).cloned();
        match taken.agent(*agent) {
            Some(now) => AgentStateView::of(now, name, |lasted| taken.began(lasted)),
            None => AgentStateView::unseen(*agent, name),
        }
    };
    let call = |call: &CallNow| {
        WaitingCallView::of(call, taken.began(call.waited), taken.state.callers.get(&call.call), sees_all)
    };
    let calls = taken.queue(id).map(|stand| stand.calls.iter().map(call).collect()).unwrap_or_default();
    Ok(Json(QueueStateAnswer::new(QueueStateView {
        counts: QueueCounts::of(&queue, &taken),
        at: taken.at,
        agents: members.iter().map(agent).collect(),
        calls,
    })))
}

/// Finds an agent: oneself, or for admins and managers anybody of the company.
async fn found(app: &Shared, authed: &Authed, agent: UserId) -> Reply<String> {
    if agent != authed.user.id {
        authed.demand(Permission::ViewPeople)?;
    }
    let user = app.engine.read(&authed.actor).await?.user(agent).await?;
    Ok(user.ok_or_else(|| Problem::not_found("agent"))?.name.into_inner())
}

/// What an agent is doing: oneself, or for admins and managers anybody of the company.
#[utoipa::path(get, path = "/agents/{id}/state", tag = "agents", params(("id" = Uuid, Path, description = "the agent")),
    responses((status = 200, body = AgentStateAnswer)))]
pub(crate) async fn agent_state(
    State(app): State<Shared>,
    authed: Authed,
    PathId(agent): PathId<UserKind>,
) -> Reply<Json<AgentStateAnswer>> {
    let name = found(&app, &authed, agent).await?;
    let taken = app.states.of(&app, authed.company_id()).await?;
    let state = match taken.agent(agent) {
        Some(now) => AgentStateView::of(now, Some(name), |lasted| taken.began(lasted)),
        None => AgentStateView::unseen(agent, Some(name)),
    };
    Ok(Json(AgentStateAnswer::new(state)))
}

/// How much more wrap-up there is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct WrapUpInput {
    /// Seconds from now on, up to 3,600; 0 ends it.
    seconds: u32,
}

/// End an agent's wrap-up before its time, or let it last longer: oneself, or for admins and managers anybody of the company.
#[utoipa::path(post, path = "/agents/{id}/wrap-up", tag = "agents", params(("id" = Uuid, Path, description = "the agent")),
    request_body = WrapUpInput,
    responses((status = 200, body = AgentStateAnswer), (status = 409, description = "the agent is in no wrap-up")))]
pub(crate) async fn change_wrap_up(
    State(app): State<Shared>,
    authed: Authed,
    PathId(agent): PathId<UserKind>,
    draft: Draft<WrapUpInput>,
) -> Reply<Json<AgentStateAnswer>> {
    let body = draft.checked(|body, faults| {
        if body.seconds > WRAP_UP_MAX {
            faults.add("seconds", "wrap-up lasts 0 to 3600 seconds");
        }
        Some(body)
    })?;
    let name = found(&app, &authed, agent).await?;
    let left = Duration::from_secs(body.seconds.into());
    let now = edge_of(&app)?.wrap_up(authed.company_id(), agent, left).await?;
    let now = now.ok_or_else(|| Problem::conflict("not_in_wrap_up", "the agent is in no wrap-up"))?;
    let at = app.engine.now();
    let began = |lasted| at - chrono::TimeDelta::from_std(lasted).unwrap_or_default();
    Ok(Json(AgentStateAnswer::new(AgentStateView::of(&now, Some(name), began))))
}
