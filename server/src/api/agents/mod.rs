//! `/agents`: people who take calls (document 004).

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::command::people::SetAvailability;
use dialplane_core::id::{CompanyKind, UserKind};
use dialplane_core::people::Availability;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod settings;

use super::companies::inside;
use super::users::{UserQuery, UserView, UsersAnswer, listed};
use crate::http::answer::answer;
use crate::http::etag::{Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Input, Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_agents))
        .routes(routes!(list_company_agents))
        .routes(routes!(set_availability))
        .routes(routes!(settings::get_agent, settings::update_agent))
}

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentsAnswer {
    /// Always true.
    success: bool,
    agents: Vec<UserView>,
    pagination: Pagination,
}

impl From<UsersAnswer> for AgentsAnswer {
    fn from(answer: UsersAnswer) -> Self {
        Self { success: true, agents: answer.users, pagination: answer.pagination }
    }
}

/// The company's agents. For admins and managers.
#[utoipa::path(get, path = "/agents", tag = "agents", params(UserQuery, Paging), responses((status = 200, body = AgentsAnswer)))]
pub(crate) async fn list_agents(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<UserQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<AgentsAnswer>> {
    authed.demand(Permission::ViewPeople)?;
    Ok(Json(listed(&app, &authed.actor, query.agents(), paging).await?.into()))
}

/// The agents of a company: one's own, or for platform admins any.
#[utoipa::path(get, path = "/agents/company/{companyId}", tag = "agents",
    params(("companyId" = Uuid, Path, description = "the company"), UserQuery, Paging),
    responses((status = 200, body = AgentsAnswer)))]
pub(crate) async fn list_company_agents(
    State(app): State<Shared>,
    authed: Authed,
    PathId(company): PathId<CompanyKind>,
    Params(query): Params<UserQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<AgentsAnswer>> {
    let actor = inside(&authed, company)?;
    authed.demand(Permission::ViewPeople)?;
    app.engine.read(&actor).await?.company(company).await?.ok_or_else(|| Problem::not_found("company"))?;
    Ok(Json(listed(&app, &actor, query.agents(), paging).await?.into()))
}

/// What an agent chose.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AvailabilityChange {
    /// One of available, on_demand, break, offline.
    #[schema(value_type = String)]
    availability: Availability,
    /// Why, in a word of the company's own such as `lunch`; at most 200 characters.
    reason: Option<String>,
}

answer! { /** One agent. */ AgentAnswer { agent: UserView } }

/// Choose whether calls are offered: for oneself, or for admins and managers for anybody of the company.
#[utoipa::path(put, path = "/agents/{id}/availability", tag = "agents", params(("id" = Uuid, Path, description = "the agent")),
    request_body = AvailabilityChange, responses((status = 200, body = AgentAnswer)))]
pub(crate) async fn set_availability(
    State(app): State<Shared>,
    authed: Authed,
    PathId(user): PathId<UserKind>,
    Input(body): Input<AvailabilityChange>,
) -> Reply<Versioned<AgentAnswer>> {
    let command = SetAvailability { user, availability: body.availability, reason: body.reason };
    let user = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(user.version, AgentAnswer::new(UserView::of(&user))))
}
