//! `/inbound-routes`: where calls to the company's numbers lead.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::telephony::{CreateInboundRoute, DeleteInboundRoute, UpdateInboundRoute};
use dialplane_core::id::{Id, InboundRouteKind};
use dialplane_core::phone::inbound::InboundRefused;
use dialplane_core::phone::{E164, InboundRoute, InboundTarget};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_inbound_routes, create_inbound_route)).routes(routes!(
        get_inbound_route,
        update_inbound_route,
        delete_inbound_route
    ))
}

/// Where an inbound call leads.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Target {
    /// queue, agent, extension or flow.
    #[serde(rename = "type")]
    kind: String,
    /// The queue, the agent, the extension or the flow.
    id: Uuid,
}

impl Target {
    fn of(target: InboundTarget) -> Self {
        let (kind, id) = match target {
            InboundTarget::Queue(id) => ("queue", id.as_uuid()),
            InboundTarget::Agent(id) => ("agent", id.as_uuid()),
            InboundTarget::Extension(id) => ("extension", id.as_uuid()),
            InboundTarget::Flow(id) => ("flow", id.as_uuid()),
        };
        Self { kind: kind.to_owned(), id }
    }

    fn read(&self) -> Result<InboundTarget, InboundRefused> {
        match self.kind.as_str() {
            "queue" => Ok(InboundTarget::Queue(Id::from_uuid(self.id))),
            "agent" => Ok(InboundTarget::Agent(Id::from_uuid(self.id))),
            "extension" => Ok(InboundTarget::Extension(Id::from_uuid(self.id))),
            "flow" => Ok(InboundTarget::Flow(Id::from_uuid(self.id))),
            _ => Err(InboundRefused::UnsupportedTarget),
        }
    }
}

/// An inbound route.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InboundRouteView {
    id: Uuid,
    /// The called number in E.164.
    number: String,
    target: Target,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl InboundRouteView {
    fn of(route: &InboundRoute) -> Self {
        Self {
            id: route.id.as_uuid(),
            number: route.number.as_str().to_owned(),
            target: Target::of(route.target),
            version: route.version,
            created_at: route.created_at,
            updated_at: route.updated_at,
        }
    }
}

answer! { /** One inbound route. */ InboundRouteAnswer { inbound_route: InboundRouteView } }
answer! { /** The inbound routes. */ InboundRoutesAnswer { inbound_routes: Vec<InboundRouteView> } }

/// The company's inbound routes. For admins and managers.
#[utoipa::path(get, path = "/inbound-routes", tag = "inbound routes", responses((status = 200, body = InboundRoutesAnswer)))]
pub(crate) async fn list_inbound_routes(State(app): State<Shared>, authed: Authed) -> Reply<Json<InboundRoutesAnswer>> {
    authed.demand(Permission::ViewNumbers)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let routes = tx.inbound_routes().await?;
    Ok(Json(InboundRoutesAnswer::new(routes.iter().map(InboundRouteView::of).collect())))
}

/// A route to create.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewInboundRoute {
    /// The called number.
    #[serde(alias = "phone_number", alias = "phoneNumber")]
    number: String,
    /// Where it leads.
    target: Target,
}

/// Create an inbound route. For admins.
#[utoipa::path(post, path = "/inbound-routes", tag = "inbound routes", request_body = NewInboundRoute,
    responses((status = 201, body = InboundRouteAnswer)))]
pub(crate) async fn create_inbound_route(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<NewInboundRoute>,
) -> Reply<(StatusCode, Versioned<InboundRouteAnswer>)> {
    authed.demand(Permission::ManageNumbers)?;
    let home = authed.company.default_country;
    let command = draft.checked(|body, faults| {
        faults.rule(E164::parse(&body.number, home).map_err(InboundRefused::from));
        Some(CreateInboundRoute { number: body.number, target: faults.rule(body.target.read())? })
    })?;
    let route = app.engine.execute(&authed.actor, &command).await?;
    Ok((StatusCode::CREATED, versioned(route.version, InboundRouteAnswer::new(InboundRouteView::of(&route)))))
}

/// An inbound route. For admins and managers.
#[utoipa::path(get, path = "/inbound-routes/{id}", tag = "inbound routes",
    params(("id" = Uuid, Path, description = "the route")), responses((status = 200, body = InboundRouteAnswer)))]
pub(crate) async fn get_inbound_route(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<InboundRouteKind>,
) -> Reply<Versioned<InboundRouteAnswer>> {
    authed.demand(Permission::ViewNumbers)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let route = tx.inbound_route(id).await?.ok_or_else(|| Problem::not_found("inbound route"))?;
    Ok(versioned(route.version, InboundRouteAnswer::new(InboundRouteView::of(&route))))
}

/// A change of a route: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct InboundRoutePatch {
    /// Another called number.
    #[serde(alias = "phone_number", alias = "phoneNumber")]
    number: Option<String>,
    /// Where it leads now.
    target: Option<Target>,
}

/// Change an inbound route. For admins.
#[utoipa::path(put, path = "/inbound-routes/{id}", tag = "inbound routes",
    params(("id" = Uuid, Path, description = "the route")), request_body = InboundRoutePatch,
    responses((status = 200, body = InboundRouteAnswer)))]
pub(crate) async fn update_inbound_route(
    State(app): State<Shared>,
    authed: Authed,
    PathId(route): PathId<InboundRouteKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<InboundRoutePatch>,
) -> Reply<Versioned<InboundRouteAnswer>> {
    authed.demand(Permission::ManageNumbers)?;
    let home = authed.company.default_country;
    let command = draft.checked(|body, faults| {
        let number = body.number.as_deref().map(|text| E164::parse(text, home).map_err(InboundRefused::from));
        faults.rules(number.and_then(Result::err));
        let target = faults.rule(body.target.as_ref().map(Target::read).transpose())?;
        Some(UpdateInboundRoute { route, number: body.number, target, expected_version })
    })?;
    let route = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(route.version, InboundRouteAnswer::new(InboundRouteView::of(&route))))
}

/// Delete an inbound route. For admins.
#[utoipa::path(delete, path = "/inbound-routes/{id}", tag = "inbound routes",
    params(("id" = Uuid, Path, description = "the route")), responses((status = 200, body = Done)))]
pub(crate) async fn delete_inbound_route(
    State(app): State<Shared>,
    authed: Authed,
    PathId(route): PathId<InboundRouteKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteInboundRoute { route }).await?;
    Ok(Done::say("Inbound route deleted successfully"))
}
