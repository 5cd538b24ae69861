//! `/agents/:id`: what an agent brings for queues.

use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::people::UpdateAgent;
use dialplane_core::id::{UserId, UserKind};
use dialplane_core::people::User;
use dialplane_core::queue::{AgentProfile, AgentSettings, AgentSkill};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::queues::SkillView;
use crate::http::answer::answer;
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{PathId, nullable};
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Calls at once, by channel.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CapacityView {
    /// Telephone calls: 1 to 20.
    voice: u8,
}

/// What an agent brings for queues.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentView {
    id: Uuid,
    name: String,
    /// One of available, on_demand, break, offline.
    availability: &'static str,
    /// Why they chose that.
    availability_reason: Option<String>,
    /// Since when.
    availability_since: DateTime<Utc>,
    /// What they can do.
    skills: Vec<SkillView>,
    /// Calls at once.
    capacity: CapacityView,
    /// Seconds of wrap-up after each call; null means the queue's.
    wrap_up_seconds: Option<u32>,
    /// Offers in a row that may go unanswered before they are put on a break; 0 means without end.
    missed_max: u8,
    /// 0 until something is set.
    version: u32,
    updated_at: Option<DateTime<Utc>>,
}

impl AgentView {
    fn of(user: &User, profile: Option<AgentProfile>) -> Self {
        let (version, updated_at) =
            profile.as_ref().map_or((0, None), |profile| (profile.version, Some(profile.updated_at)));
        let settings = profile.map(|profile| profile.settings).unwrap_or_default();
        Self {
            id: user.id.as_uuid(),
            name: user.name.expose().clone(),
            availability: user.availability.as_str(),
            availability_reason: user.availability_reason.clone(),
            availability_since: user.availability_since,
            skills: settings.skills.into_iter().map(SkillView::of).collect(),
            capacity: CapacityView { voice: settings.capacity },
            wrap_up_seconds: settings.wrap_up_seconds,
            missed_max: settings.missed_max,
            version,
            updated_at,
        }
    }
}

answer! { /** What an agent brings for queues. */ AgentSettingsAnswer { agent: AgentView } }

/// What to change about an agent; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentInput {
    /// What they can do.
    skills: Option<Vec<SkillView>>,
    /// Calls at once.
    capacity: Option<CapacityView>,
    /// Seconds of wrap-up after each call, 0 to 3,600; null means the queue's.
    #[serde(alias = "wrap_up_seconds", default, deserialize_with = "nullable")]
    wrap_up_seconds: Option<Option<u32>>,
    /// Offers in a row that may go unanswered before they are put on a break; 0 means without end.
    #[serde(alias = "missed_max")]
    missed_max: Option<u8>,
}

impl AgentInput {
    fn settings(self, old: AgentSettings) -> AgentSettings {
        let skills = self.skills.map(|skills| skills.into_iter().map(AgentSkill::from).collect());
        let settings = AgentSettings {
            skills: skills.unwrap_or(old.skills),
            capacity: self.capacity.map_or(old.capacity, |capacity| capacity.voice),
            wrap_up_seconds: self.wrap_up_seconds.unwrap_or(old.wrap_up_seconds),
            missed_max: self.missed_max.unwrap_or(old.missed_max),
        };
        settings.cleaned()
    }
}

async fn found(app: &App, authed: &Authed, user: UserId) -> Reply<(User, Option<AgentProfile>)> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let user = tx.user(user).await?.ok_or_else(|| Problem::not_found("user"))?;
    let profile = tx.agent_profile(user.id).await?;
    Ok((user, profile))
}

/// What an agent brings for queues: one's own, or for those who see people anybody's.
#[utoipa::path(get, path = "/agents/{id}", tag = "agents", params(("id" = Uuid, Path, description = "the agent")),
    responses((status = 200, body = AgentSettingsAnswer)))]
pub(crate) async fn get_agent(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
) -> Reply<Versioned<AgentSettingsAnswer>> {
    if !authed.actor.may_for(user, Permission::ViewPeople) {
        return Err(Problem::forbidden());
    }
    let (user, profile) = found(&app, &authed, user).await?;
    let view = AgentView::of(&user, profile);
    Ok(versioned(view.version, AgentSettingsAnswer::new(view)))
}

/// Change what an agent brings for queues: what is absent stays. For admins and managers.
#[utoipa::path(put, path = "/agents/{id}", tag = "agents", params(("id" = Uuid, Path, description = "the agent")),
    request_body = AgentInput, responses((status = 200, body = AgentSettingsAnswer)))]
pub(crate) async fn update_agent(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    IfMatch(expected): IfMatch,
    draft: Draft<AgentInput>,
) -> Reply<Versioned<AgentSettingsAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    let (found, profile) = found(&app, &authed, user).await?;
    // What was absent was read just now: the change holds for that version only.
    let version = profile.as_ref().map_or(0, |profile| profile.version);
    let old = profile.map(|profile| profile.settings).unwrap_or_default();
    let settings = draft.checked(|body, faults| {
        let settings = body.settings(old);
        faults.rules(settings.faults());
        Some(settings)
    })?;
    let command = UpdateAgent { user, settings, expected_version: Some(expected.unwrap_or(version)) };
    let profile = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(profile.version, AgentSettingsAnswer::new(AgentView::of(&found, Some(profile)))))
}
