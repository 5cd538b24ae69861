//! Assignments of numbers to agents.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::command::number::{AssignNumber, ResetDailyCounts, UnassignNumber, UpdateAssignment};
use dialplane_core::id::{NumberKind, UserId, UserKind};
use dialplane_core::phone::allowance::{self, DAILY_LIMIT_DEFAULT};
use dialplane_core::store::{NumberFilter, NumberRow};
use serde::Deserialize;
use utoipa::ToSchema;

use super::inventory::today;
use super::view::{AgentNumberView, AgentNumbersAnswer, NumberAnswer, NumberView};
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// The ETag of these routes is the assignment's version, which is what they change; the number's own when there is none.
fn answered(app: &App, authed: &Authed, row: &NumberRow) -> Versioned<NumberAnswer> {
    let version = row.assignment.as_ref().map_or(row.number.version, |assignment| assignment.version);
    versioned(version, NumberAnswer::new(NumberView::of(row, today(app, authed))))
}

/// The terms on which an agent gets a number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentInput {
    /// The agent.
    #[serde(alias = "agent_id")]
    #[schema(value_type = Uuid)]
    agent_id: UserId,
    /// Calls a local day, at most.
    #[serde(alias = "daily_limit", default = "daily_limit")]
    daily_limit: u32,
    /// Where it may call, by ISO 3166 code; empty means everywhere.
    #[serde(alias = "allowed_countries", default)]
    allowed_countries: Vec<String>,
}

const fn daily_limit() -> u32 {
    DAILY_LIMIT_DEFAULT
}

/// Give a number to an agent. For admins.
#[utoipa::path(post, path = "/phone-numbers/{id}/assign", tag = "phone numbers",
    params(("id" = Uuid, Path, description = "the number")), request_body = AssignmentInput,
    responses((status = 200, body = NumberAnswer)))]
pub(crate) async fn assign(
    State(app): State<Shared>,
    authed: Authed,
    PathId(number): PathId<NumberKind>,
    draft: Draft<AssignmentInput>,
) -> Reply<Versioned<NumberAnswer>> {
    authed.demand(Permission::ManageNumbers)?;
    let command = draft.checked(|body, faults| {
        let AssignmentInput { agent_id: agent, daily_limit, allowed_countries: countries } = body;
        faults.rule(allowance::daily_limit(daily_limit));
        faults.rule(allowance::countries(&countries));
        Some(AssignNumber { number, agent, daily_limit, countries })
    })?;
    let row = app.engine.execute(&authed.actor, &command).await?;
    Ok(answered(&app, &authed, &row))
}

/// Take a number back. For admins.
#[utoipa::path(post, path = "/phone-numbers/{id}/unassign", tag = "phone numbers",
    params(("id" = Uuid, Path, description = "the number")), responses((status = 200, body = NumberAnswer)))]
pub(crate) async fn unassign(
    State(app): State<Shared>,
    authed: Authed,
    PathId(number): PathId<NumberKind>,
) -> Reply<Versioned<NumberAnswer>> {
    let row = app.engine.execute(&authed.actor, &UnassignNumber { number }).await?;
    Ok(answered(&app, &authed, &row))
}

/// A change of the terms: what is absent stays, and so does the day's count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentPatch {
    /// Calls a local day, at most.
    #[serde(alias = "daily_limit")]
    daily_limit: Option<u32>,
    /// Where it may call, by ISO 3166 code; empty means everywhere.
    #[serde(alias = "allowed_countries")]
    allowed_countries: Option<Vec<String>>,
}

/// Change the terms of an assignment. For admins.
#[utoipa::path(put, path = "/phone-numbers/{id}/assignment", tag = "phone numbers",
    params(("id" = Uuid, Path, description = "the number")), request_body = AssignmentPatch,
    responses((status = 200, body = NumberAnswer)))]
pub(crate) async fn update_assignment(
    State(app): State<Shared>,
    authed: Authed,
    PathId(number): PathId<NumberKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<AssignmentPatch>,
) -> Reply<Versioned<NumberAnswer>> {
    authed.demand(Permission::ManageNumbers)?;
    let command = draft.checked(|body, faults| {
        let AssignmentPatch { daily_limit, allowed_countries: countries } = body;
        faults.rules(daily_limit.and_then(|limit| allowance::daily_limit(limit).err()));
        faults.rules(countries.as_deref().and_then(|list| allowance::countries(list).err()));
        Some(UpdateAssignment { number, daily_limit, countries, expected_version })
    })?;
    let row = app.engine.execute(&authed.actor, &command).await?;
    Ok(answered(&app, &authed, &row))
}

/// The numbers of an agent: one's own, or for admins and managers anybody's.
#[utoipa::path(get, path = "/phone-numbers/agent/{agentId}", tag = "phone numbers",
    params(("agentId" = Uuid, Path, description = "the agent"), Paging), responses((status = 200, body = AgentNumbersAnswer)))]
pub(crate) async fn agent_numbers(
    State(app): State<Shared>,
    authed: Authed,
    PathId(agent): PathId<UserKind>,
    Params(paging): Params<Paging>,
) -> Reply<Json<AgentNumbersAnswer>> {
    if !authed.actor.may_for(agent, Permission::ViewNumbers) {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.user(agent).await?.ok_or_else(|| Problem::not_found("agent"))?;
    let filter = NumberFilter { agent: Some(agent), ..NumberFilter::default() };
    let listing = tx.numbers(&filter, paging.page()).await?;
    let today = today(&app, &authed);
    let numbers = listing.items.iter().filter_map(|row| AgentNumberView::of(row, today)).collect();
    Ok(Json(AgentNumbersAnswer::new(numbers, paging.of(listing.total))))
}

answer! {
    /// The day's counts were set back.
    CountsReset {
        message: &'static str,
        /// How many assignments had a count.
        reset: u64,
    }
}

/// Set the day's counts of the company back to nothing. For admins.
#[utoipa::path(post, path = "/phone-numbers/reset-daily-counts", tag = "phone numbers",
    responses((status = 200, body = CountsReset)))]
pub(crate) async fn reset_daily_counts(State(app): State<Shared>, authed: Authed) -> Reply<Json<CountsReset>> {
    let reset = app.engine.execute(&authed.actor, &ResetDailyCounts).await?;
    Ok(Json(CountsReset::new("Daily call counts reset successfully", reset)))
}
