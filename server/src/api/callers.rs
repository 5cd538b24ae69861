//! `/callers`: the caller records and what the calls say (document 000).

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::Permission;
use dialplane_core::company::local_day;
use dialplane_core::id::{CallerId, UserId, UserKind};
use dialplane_core::people::Caller;
use dialplane_core::people::caller::{raise_percentage, raise_periods};
use dialplane_core::store::{Listing, Page, Tx};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_callers)).routes(routes!(get_caller))
}

/// A caller record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallerView {
    id: Uuid,
    /// The user it belongs to.
    user_id: Uuid,
    name: String,
    total_calls: u64,
    connected_calls: u64,
    not_connected_calls: u64,
    /// Whole minutes talked, over all calls together.
    total_duration_minutes: u64,
    /// By how many per cent the last 30 days exceed the 30 days before.
    duration_raise_percentage: f64,
    first_call_time: Option<DateTime<Utc>>,
    last_call_time: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

answer! { /** One caller. */ CallerAnswer { caller: CallerView } }
answer! { /** A page of callers. */ CallersAnswer { callers: Vec<CallerView>, pagination: Pagination } }

async fn view(tx: &mut Box<dyn Tx + '_>, caller: &Caller, today: NaiveDate) -> Reply<CallerView> {
    let (_, from) = raise_periods(today);
    let days = tx.call_volumes(Some(caller.user), from, today).await?;
    let name = tx.user(caller.user).await?.map(|user| user.name.into_inner());
    let figures = &caller.figures;
    Ok(CallerView {
        id: caller.id.as_uuid(),
        user_id: caller.user.as_uuid(),
        name: name.unwrap_or_default(),
        total_calls: figures.total_calls,
        connected_calls: figures.connected_calls,
        not_connected_calls: figures.not_connected_calls(),
        total_duration_minutes: figures.duration_minutes(),
        duration_raise_percentage: raise_percentage(days, today),
        first_call_time: figures.first_call_at,
        last_call_time: figures.last_call_at,
        created_at: caller.created_at,
    })
}

/// The company's callers; an agent sees their own record only.
#[utoipa::path(get, path = "/callers", tag = "callers", params(Paging), responses((status = 200, body = CallersAnswer)))]
pub(crate) async fn list_callers(
    State(app): State<Shared>,
    authed: Authed,
    Params(paging): Params<Paging>,
) -> Reply<Json<CallersAnswer>> {
    let today = local_day(authed.company.timezone, app.engine.now());
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = if authed.actor.may(Permission::ViewPeople) {
        tx.callers(paging.page()).await?
    } else {
        authed.demand(Permission::TakeCalls)?;
        let own = tx.caller(authed.user.id).await?;
        Listing {
            total: u64::from(own.is_some()),
            items: own.into_iter().skip(paging.page().offset as usize).collect(),
        }
    };
    let mut callers = Vec::with_capacity(listing.items.len());
    for caller in &listing.items {
        callers.push(view(&mut tx, caller, today).await?);
    }
    Ok(Json(CallersAnswer::new(callers, paging.of(listing.total))))
}

/// A caller, by the id of the record or of its user.
#[utoipa::path(get, path = "/callers/{id}", tag = "callers",
    params(("id" = Uuid, Path, description = "the caller record, or its user")), responses((status = 200, body = CallerAnswer)))]
pub(crate) async fn get_caller(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<UserKind>,
) -> Reply<Json<CallerAnswer>> {
    let today = local_day(authed.company.timezone, app.engine.now());
    let mut tx = app.engine.read(&authed.actor).await?;
    let sees_all = authed.actor.may(Permission::ViewPeople);
    let caller = if sees_all { find(&mut tx, id).await? } else { own(&mut tx, authed.user.id, id).await? };
    match caller {
        Some(caller) => Ok(Json(CallerAnswer::new(view(&mut tx, &caller, today).await?))),
        None if sees_all => Err(Problem::not_found("caller")),
        None => Err(Problem::forbidden()),
    }
}

async fn own(tx: &mut Box<dyn Tx + '_>, user: UserId, id: UserId) -> Reply<Option<Caller>> {
    let record = CallerId::from_uuid(id.as_uuid());
    Ok(tx.caller(user).await?.filter(|caller| caller.user == id || caller.id == record))
}

/// By the user when the id is a user's, else by the record. Lists are newest first by id, so the record is found by halving.
async fn find(tx: &mut Box<dyn Tx + '_>, id: UserId) -> Reply<Option<Caller>> {
    if let Some(caller) = tx.caller(id).await? {
        return Ok(Some(caller));
    }
    let record = CallerId::from_uuid(id.as_uuid());
    let at = |offset| Page { offset, limit: 1 };
    let (mut low, mut high) = (0, tx.callers(at(0)).await?.total);
    while low < high {
        let middle = low + (high - low) / 2;
        match tx.callers(at(middle)).await?.items.pop() {
            Some(caller) if caller.id == record => return Ok(Some(caller)),
            Some(caller) if caller.id > record => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(None)
}
