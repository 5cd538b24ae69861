//! `/agents/:id/lead-profile`: what an agent brings for leads.

use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::lead::UpdateLeadProfile;
use dialplane_core::id::{UserId, UserKind};
use dialplane_core::lead::{AgentLeads, LeadProfileSettings};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::settings::changed;
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Input, PathId};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// What an agent brings for leads; on a change what is absent stays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadProfileView {
    #[schema(read_only)]
    agent_id: Uuid,
    /// Whether leads are routed to them.
    takes_leads: bool,
    /// Open leads, at most; null means the company's capacity, and 0 without limit.
    capacity: Option<u32>,
    skills: Vec<String>,
    languages: Vec<String>,
    /// Where they sell: countries, or words of the company's own.
    territories: Vec<String>,
    /// When they work, by day; null means the company's hours.
    #[schema(value_type = Option<Object>)]
    working_hours: Value,
    /// Open leads they have.
    #[schema(read_only)]
    open_leads: u64,
    /// 0 until it is set.
    #[schema(read_only)]
    version: u32,
    #[schema(read_only)]
    updated_at: Option<DateTime<Utc>>,
}

answer! { /** What an agent brings for leads. */ LeadProfileAnswer { profile: LeadProfileView } }

async fn shown(app: &App, authed: &Authed, user: UserId) -> Reply<(LeadProfileSettings, LeadProfileView)> {
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.user(user).await?.ok_or_else(|| Problem::not_found("user"))?;
    let profile = tx.lead_profile(user).await?;
    let leads = tx.agent_leads(&[user]).await?.first().map_or(AgentLeads::default(), |(_, leads)| *leads);
    let (version, updated_at) =
        profile.as_ref().map_or((0, None), |profile| (profile.version, Some(profile.updated_at)));
    let settings = profile.map(|profile| profile.settings).unwrap_or_default();
    let view = LeadProfileView {
        agent_id: user.as_uuid(),
        takes_leads: settings.takes_leads,
        capacity: settings.capacity,
        skills: settings.skills.clone(),
        languages: settings.languages.clone(),
        territories: settings.territories.clone(),
        // A plain document, which always can be written.
        working_hours: serde_json::to_value(&settings.working_hours).unwrap_or_default(),
        open_leads: leads.open,
        version,
        updated_at,
    };
    Ok((settings, view))
}

/// What an agent brings for leads: one's own, or for those who manage leads anybody's.
#[utoipa::path(get, path = "/agents/{id}/lead-profile", tag = "leads", params(("id" = Uuid, Path, description = "the agent")),
    responses((status = 200, body = LeadProfileAnswer)))]
pub(crate) async fn get_lead_profile(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
) -> Reply<Versioned<LeadProfileAnswer>> {
    if !authed.actor.may_for(user, Permission::ManageLeads) {
        return Err(Problem::forbidden());
    }
    let (_, view) = shown(&app, &authed, user).await?;
    Ok(versioned(view.version, LeadProfileAnswer::new(view)))
}

/// Change what an agent brings for leads: what is absent stays. For admins and managers.
#[utoipa::path(put, path = "/agents/{id}/lead-profile", tag = "leads", params(("id" = Uuid, Path, description = "the agent")),
    request_body = LeadProfileView, responses((status = 200, body = LeadProfileAnswer)))]
pub(crate) async fn update_lead_profile(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    IfMatch(expected): IfMatch,
    Input(body): Input<Map<String, Value>>,
) -> Reply<Versioned<LeadProfileAnswer>> {
    authed.demand(Permission::ConfigureLeads)?;
    let (old, view) = shown(&app, &authed, user).await?;
    // What was absent was read just now: the change holds for that version only.
    let expected_version = Some(expected.unwrap_or(view.version));
    let command = UpdateLeadProfile { user, settings: changed(&old, body)?, expected_version };
    app.engine.execute(&authed.actor, &command).await?;
    let (_, view) = shown(&app, &authed, user).await?;
    Ok(versioned(view.version, LeadProfileAnswer::new(view)))
}
