//! Calls that wait: which one is next, and giving one to an agent by hand (document 004).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::TimeDelta;
use dialplane_core::Permission;
use dialplane_core::id::{CallKind, QueueId, UserId};
use dialplane_core::queue::decision::Verdict;
use dialplane_core::queue::router::AssignRefused;
use dialplane_signaling::edge::NextOf;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::states::{WaitingCallView, sees_queue};
use crate::http::answer::{Done, answer};
use crate::http::guard::Authed;
use crate::http::input::{MaybeInput, Params, PathId};
use crate::problem::{Problem, Reply};
use crate::state::Shared;
use crate::telephony::edge_of;

/// Whose next call.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct NextQuery {
    /// The call that this agent would be offered. Agents ask about themselves.
    #[serde(alias = "agent_id", alias = "agent")]
    #[param(value_type = Option<Uuid>)]
    agent_id: Option<UserId>,
    /// The first of this queue. For admins and managers.
    #[serde(alias = "queue_id", alias = "queue")]
    #[param(value_type = Option<Uuid>)]
    queue_id: Option<QueueId>,
}

/// A call that waits, and where.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextCallView {
    #[serde(flatten)]
    call: WaitingCallView,
    queue: Uuid,
}

answer! {
    /// The call that would be next.
    NextCallAnswer {
        /// Null when none waits.
        call: Option<NextCallView>,
    }
}

/// The call that would be next, which stays where it is: for an agent the one they would be offered if they were free; for admins and managers
/// the first of the company, of a queue, or of an agent.
#[utoipa::path(get, path = "/calls/queue/next", tag = "calls", params(NextQuery), responses((status = 200, body = NextCallAnswer)))]
pub(crate) async fn next_call(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<NextQuery>,
) -> Reply<Json<NextCallAnswer>> {
    authed.demand(Permission::TakeCalls)?;
    let me = authed.user.id;
    let sees_all = authed.actor.may(Permission::ViewAllCalls);
    if !sees_all && (query.queue_id.is_some() || query.agent_id.is_some_and(|agent| agent != me)) {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let of = match (query.agent_id, query.queue_id) {
        (Some(_), Some(_)) => return Err(Problem::field("queueId", "name an agent or a queue, not both")),
        (Some(agent), None) => {
            tx.user(agent).await?.ok_or_else(|| Problem::not_found("agent"))?;
            NextOf::Agent(agent)
        }
        (None, Some(queue)) => {
            tx.queue(queue).await?.ok_or_else(|| Problem::not_found("queue"))?;
            NextOf::Queue(queue)
        }
        (None, None) if sees_all => NextOf::Company,
        (None, None) => NextOf::Agent(me),
    };
    drop(tx);
    let next = edge_of(&app)?.next_call(authed.company_id(), of).await?;
    let now = app.engine.now();
    let call = next.map(|next| {
        let since = now - TimeDelta::from_std(next.call.waited).unwrap_or_default();
        let call = WaitingCallView::of(&next.call, since, Some(&next.caller), sees_all);
        NextCallView { call, queue: next.queue.as_uuid() }
    });
    Ok(Json(NextCallAnswer::new(call)))
}

/// To whom a call is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AssignInput {
    /// The agent; oneself when absent.
    #[serde(alias = "agent_id", alias = "agent", alias = "userId", alias = "user_id")]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<UserId>,
}

/// Give a waiting call to an agent by hand: their phones ring at once, whether they are free, rest or are on a break. For admins and
/// managers; agents take calls for themselves out of queues that they are a member of.
#[utoipa::path(post, path = "/calls/{id}/assign", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    request_body = AssignInput, responses((status = 202, body = Done),
        (status = 409, description = "not_waiting, being_offered, agent_busy or agent_unreachable")))]
pub(crate) async fn assign_call(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CallKind>,
    MaybeInput(body): MaybeInput<AssignInput>,
) -> Reply<(StatusCode, Json<Done>)> {
    authed.demand(Permission::TakeCalls)?;
    let me = authed.user.id;
    let agent = body.agent_id.unwrap_or(me);
    let manages = authed.actor.may(Permission::ManageCalls);
    if !manages && agent != me {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let call = tx.call(id).await?;
    let user = tx.user(agent).await?.filter(|user| user.is_active);
    let queues = tx.queues().await?;
    drop(tx);
    let edge = edge_of(&app)?;
    let explained = edge.explain(authed.company_id(), id, Some(agent)).await?;
    if !manages {
        // To somebody who is no member the call does not exist, unless it was theirs.
        let waits_in = explained.as_ref().map(|explained| explained.queue);
        let sees = queues.iter().any(|queue| Some(queue.id) == waits_in && sees_queue(&authed, queue));
        let own = call.as_ref().is_some_and(|call| call.agent == Some(me));
        let is_member = explained.as_ref().and_then(|e| e.asked).is_some_and(|own| own.verdict != Verdict::NoMember);
        if !(own || sees && is_member) {
            return Err(Problem::not_found("call"));
        }
    } else if call.is_none() && explained.is_none() {
        return Err(Problem::not_found("call"));
    }
    user.ok_or_else(|| Problem::field("agentId", "there is no such user in this company"))?;
    edge.assign(authed.company_id(), id, agent, Some(me)).await?.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Done::say("The agent's phone is being rung")))
}

fn refused(refused: AssignRefused) -> Problem {
    let code = match refused {
        AssignRefused::NotWaiting => "not_waiting",
        AssignRefused::Offered => "being_offered",
        AssignRefused::Busy => "agent_busy",
        AssignRefused::Unreachable => "agent_unreachable",
    };
    Problem::conflict(code, refused.to_string())
}
