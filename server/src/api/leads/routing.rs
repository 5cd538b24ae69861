//! Who got a lead, and why.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::id::LeadKind;
use dialplane_core::lead::routing::Reason;
use dialplane_core::lead::{Considered, Decision};
use dialplane_core::{Actor, Permission};
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
    /// How well they did by the strategy, more is better. To whom does not manage leads, of themself only; else null.
    score: Option<f64>,
    /// Open leads they had. To whom does not manage leads, of themself only; else null.
    open_leads: Option<u64>,
    /// Open leads they may have, when there is a limit. To whom does not manage leads, of themself only; else null.
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
    /// The decision as the viewer may see it: who does not manage leads sees no figures of others.
    pub(crate) fn of(decision: &Decision, viewer: &Actor) -> Self {
        let candidate = |one: &Considered| {
            let figures = viewer.may_for(one.agent_id, Permission::ManageLeads).then_some(one);
            ConsideredView {
                agent_id: one.agent_id.as_uuid(),
                included: one.included,
                reason: one.reason,
                score: figures.map(|one| one.score),
                open_leads: figures.map(|one| one.open_leads),
                capacity: figures.and_then(|one| one.capacity),
            }
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

/// Who was considered for a lead, and why each was in or out. Agents see figures of themselves only.
#[utoipa::path(get, path = "/leads/{id}/routing", tag = "leads", params(("id" = Uuid, Path, description = "the lead")),
    responses((status = 200, body = RoutingAnswer)))]
pub(crate) async fn get_lead_routing(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<LeadKind>,
) -> Reply<Json<RoutingAnswer>> {
    let lead = super::list::visible(&app, &authed, id).await?;
    let decisions = app.engine.read(&authed.actor).await?.lead_decisions(lead.id).await?;
    Ok(Json(RoutingAnswer::new(decisions.iter().map(|one| DecisionView::of(&one.decision, &authed.actor)).collect())))
}

#[cfg(test)]
mod tests {
    use dialplane_core::id::{IdSource, SeededIds, UserId};
    use dialplane_core::lead::Strategy;
    use dialplane_core::people::RoleKind;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn agents_see_why_others_were_in_or_out_and_no_figures_of_them() {
        let (source, at) = (SeededIds::new(5), "2026-03-01T12:00:00Z".parse().unwrap());
        let ids: &dyn IdSource = &source;
        let (company, ann, bob): (_, UserId, UserId) = (ids.id(at), ids.id(at), ids.id(at));
        let one = |agent_id, included, reason, open_leads| Considered {
            agent_id,
            included,
            reason,
            score: 2.0,
            open_leads,
            capacity: Some(9),
        };
        let decision = Decision {
            at,
            strategy: Strategy::LeastLoaded,
            chosen: Some(ann),
            candidates: vec![one(ann, true, Reason::Chosen, 3), one(bob, false, Reason::AtCapacity, 9)],
            considered: 2,
            tie_break: None,
            config_version: 1,
        };
        let shown = |user, kind| -> Vec<Value> {
            let view = DecisionView::of(&decision, &Actor::user(user, company, kind, false));
            let of = |one: &ConsideredView| {
                let one = serde_json::to_value(one).unwrap();
                json!([one["included"], one["reason"], one["score"], one["openLeads"], one["capacity"]])
            };
            view.candidates.iter().map(of).collect()
        };
        let (chosen, full) = (json!([true, "chosen", 2.0, 3, 9]), json!([false, "at_capacity", 2.0, 9, 9]));
        assert_eq!(shown(ann, RoleKind::Agent), [chosen.clone(), json!([false, "at_capacity", null, null, null])]);
        assert_eq!(shown(bob, RoleKind::Agent), [json!([true, "chosen", null, null, null]), full.clone()]);
        for kind in [RoleKind::Admin, RoleKind::Manager, RoleKind::Marketing] {
            assert_eq!(shown(bob, kind), [chosen.clone(), full.clone()]);
        }
    }
}
