//! `/officers`: the company's people of kind agent with their calls (document 002). A view on users: they are made at `/users` or
//! `/auth/register`, and every rule of those holds.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::people::{DeleteUser, UpdateUser};
use dialplane_core::id::{CallId, UserId, UserKind};
use dialplane_core::people::{Figures, User};
use dialplane_core::store::{CallFilter, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::calls::{CallPage, page_of};
use super::users::{UserPatch, UserQuery, recorded};
use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::Draft;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_officers)).routes(routes!(get_officer, update_officer, delete_officer))
}

/// An officer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfficerView {
    id: Uuid,
    /// The same as `id`.
    #[serde(rename = "_id")]
    crm_id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    department: Option<String>,
    /// The role word.
    role: &'static str,
    is_active: bool,
    /// One of available, on_demand, break, offline.
    availability: &'static str,
    /// Ended calls.
    total_calls: u64,
    connected_calls: u64,
    not_connected_calls: u64,
    /// Seconds talked.
    talk_seconds: u64,
    first_call_time: Option<DateTime<Utc>>,
    last_call_time: Option<DateTime<Utc>>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl OfficerView {
    fn of(user: &User, figures: &Figures) -> Self {
        Self {
            id: user.id.as_uuid(),
            crm_id: user.id.as_uuid(),
            name: user.name.expose().clone(),
            email: user.email.expose().clone(),
            phone: user.phone.as_ref().map(|phone| phone.expose().clone()),
            department: user.department.clone(),
            role: user.role.as_str(),
            is_active: user.is_active,
            availability: user.availability.as_str(),
            total_calls: figures.total_calls,
            connected_calls: figures.connected_calls,
            not_connected_calls: figures.not_connected_calls(),
            talk_seconds: figures.talk_seconds,
            first_call_time: figures.first_call_at,
            last_call_time: figures.last_call_at,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

answer! { /** One officer, and what was done. */ OfficerChanged { message: &'static str, officer: OfficerView } }
answer! { /** A page of officers. */ OfficersAnswer { officers: Vec<OfficerView>, pagination: Pagination } }
answer! {
    /// An officer with a page of their calls, newest first.
    OfficerAnswer {
        officer: OfficerView,
        calls: Vec<super::calls::CallView>,
        /// Of the calls.
        pagination: Pagination,
        /// What to give as `cursor` for the calls after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}

async fn figures(tx: &mut Box<dyn Tx + '_>, user: UserId) -> Reply<Figures> {
    Ok(tx.caller(user).await?.map(|caller| caller.figures).unwrap_or_default())
}

/// A user of kind agent; everybody else is no officer.
async fn officer(tx: &mut Box<dyn Tx + '_>, id: UserId) -> Reply<User> {
    tx.user(id).await?.filter(User::is_agent).ok_or_else(|| Problem::not_found("officer"))
}

/// The company's officers. For admins and managers.
#[utoipa::path(get, path = "/officers", tag = "officers", params(UserQuery, Paging),
    responses((status = 200, body = OfficersAnswer)))]
pub(crate) async fn list_officers(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<UserQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<OfficersAnswer>> {
    authed.demand(Permission::ViewPeople)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let filter = query.agents().filter(authed.company.default_country)?;
    let listing = tx.users(&filter, paging.page()).await?;
    let ids: Vec<UserId> = listing.items.iter().map(|user| user.id).collect();
    let records = recorded(&mut tx, &ids).await?;
    let figures = |user: &User| records.get(&user.id).copied().unwrap_or_default();
    let officers = listing.items.iter().map(|user| OfficerView::of(user, &figures(user))).collect();
    Ok(Json(OfficersAnswer::new(officers, paging.of(listing.total))))
}

/// Where a call history goes on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<CallId>,
}

/// An officer with their calls: oneself, or for admins and managers anybody of the company.
#[utoipa::path(get, path = "/officers/{id}", tag = "officers",
    params(("id" = Uuid, Path, description = "the officer"), HistoryQuery, Paging),
    responses((status = 200, body = OfficerAnswer)))]
pub(crate) async fn get_officer(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<UserKind>,
    Params(history): Params<HistoryQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Versioned<OfficerAnswer>> {
    if !authed.actor.may_for(id, Permission::ViewPeople) {
        return Err(Problem::forbidden());
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let user = officer(&mut tx, id).await?;
    let view = OfficerView::of(&user, &figures(&mut tx, id).await?);
    let filter = CallFilter { agent: Some(id), before: history.cursor, ..CallFilter::default() };
    let CallPage { calls, pagination, next_cursor } = page_of(&mut tx, &filter, paging).await?;
    Ok(versioned(user.version, OfficerAnswer::new(view, calls, pagination, next_cursor)))
}

/// Change an officer: as `PUT /users/{id}`.
#[utoipa::path(put, path = "/officers/{id}", tag = "officers", params(("id" = Uuid, Path, description = "the officer")),
    request_body = UserPatch, responses((status = 200, body = OfficerChanged)))]
pub(crate) async fn update_officer(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<UserKind>,
    IfMatch(expected_version): IfMatch,
    draft: Draft<UserPatch>,
) -> Reply<Versioned<OfficerChanged>> {
    if !authed.actor.may_for(id, Permission::ManagePeople) {
        return Err(Problem::forbidden());
    }
    let change = draft.checked(|body, faults| body.change(expected_version, faults))?;
    officer(&mut app.engine.read(&authed.actor).await?, id).await?;
    let user = app.engine.execute(&authed.actor, &UpdateUser { user: id, change }).await?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let view = OfficerView::of(&user, &figures(&mut tx, id).await?);
    Ok(versioned(user.version, OfficerChanged::new("Officer updated successfully", view)))
}

/// Delete an officer: as `DELETE /users/{id}`. Their calls stay in the log.
#[utoipa::path(delete, path = "/officers/{id}", tag = "officers", params(("id" = Uuid, Path, description = "the officer")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_officer(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<UserKind>,
) -> Reply<Json<Done>> {
    authed.demand(Permission::ManagePeople)?;
    officer(&mut app.engine.read(&authed.actor).await?, id).await?;
    app.engine.execute(&authed.actor, &DeleteUser { user: id }).await?;
    Ok(Done::say("Officer deleted successfully"))
}
