//! Who got a lead, and why.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::id::LeadKind;
use dialplane_core::lead::routing::Reason;
use dialplane_core::lead::{Considered, Decision};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::Reply;
use crate::state::Shared;

/// What was thought of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsideredView {
    agent_id: Uuid,
    /// Whether they could have got the lead.
    included: bool,
    /// Why, or why not: chosen, previous_owner, eligible, takes_no_leads, left_untouched, not_available, outside_working_hours,
    /// at_capacity, missing_skill, missing_language or other_territory.
    #[schema(value_type = String)]
    reason: Reason,
    /// How well they did by the strategy, more is better.
    score: f64,
    /// Open leads they had.
    open_leads: u64,
    /// Open leads they may have, when there is a limit.
    capacity: Option<u32>,
}

/// Who got a lead, and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionView {
    at: DateTime<Utc>,
    /// round_robin, least_loaded, weighted_by_conversion, best_match or manual.
    strategy: &'static str,
    /// Who got it.
    chosen: Option<Uuid>,
    /// Who was considered: the chosen one, the others who were in, then those who were out; at most 100.
    candidates: Vec<ConsideredView>,
    /// How many were considered in all.
    considered: u32,
    /// What decided between equals: longest_waiting or order_of_id.
    tie_break: Option<String>,
    /// The version of the lead settings.
    config_version: u32,
}

impl DecisionView {
    /// The decision.
    pub(crate) fn of(decision: &Decision) -> Self {
        let candidate = |one: &Considered| ConsideredView {
            agent_id: one.agent_id.as_uuid(),
            included: one.included,
            reason: one.reason,
            score: one.score,
            open_leads: one.open_leads,
            capacity: one.capacity,
        };
        Self {
            at: decision.at,
            strategy: decision.strategy.as_str(),
            chosen: decision.chosen.map(|id| id.as_uuid()),
            candidates: decision.candidates.iter().map(candidate).collect(),
            considered: decision.considered,
            tie_break: decision.tie_break.clone(),
            config_version: decision.config_version,
        }
    }
}

answer! {
    /// How a lead was routed.
    RoutingAnswer {
        /// The decisions, newest first; at most 50. None when it was assigned by hand.
        decisions: Vec<DecisionView>,
    }
}

/// Who was considered for a lead, and why each was in or out.
#[utoipa::path(get, path = "/leads/{id}/routing", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    responses((status = 200, body = RoutingAnswer)))]
pub(crate) async fn get_lead_routing(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<LeadKind>,
) -> Reply<Json<RoutingAnswer>> {
    let lead = super::list::visible(&app, &authed, id).await?;
    let decisions = app.engine.read(&authed.actor).await?.lead_decisions(lead.id).await?;
    Ok(Json(RoutingAnswer::new(decisions.iter().map(|one| DecisionView::of(&one.decision)).collect())))
}
