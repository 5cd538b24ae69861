//! `/callbacks`: people who are to be called back, each with their place in a queue.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::callback::{CancelCallback, RequestCallback};
use dialplane_core::id::{CallbackId, CallbackKind, QueueId};
use dialplane_core::phone::E164;
use dialplane_core::queue::{Callback, CallbackRefused, CallbackRequest, CallbackState};
use dialplane_core::store::CallbackFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::http::answer::answer;
use crate::http::etag::{Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_callbacks, request_callback))
        .routes(routes!(get_callback, cancel_callback))
}

/// Somebody who is to be called back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallbackView {
    id: Uuid,
    queue_id: Uuid,
    /// Whom to call.
    number: String,
    /// The number that is shown to them; null means one that leads to the queue.
    caller_id: Option<String>,
    /// One of waiting, dialling, done, failed, cancelled.
    state: &'static str,
    /// Since when they wait: their place in the queue.
    since: DateTime<Utc>,
    /// Not called before.
    due_at: DateTime<Utc>,
    /// How often they were called.
    attempts_made: u8,
    /// How often they are called at most.
    attempts: u8,
    /// Seconds between two attempts.
    retry_seconds: u32,
    /// The call in which they asked for it.
    asked_in: Option<Uuid>,
    /// The last call to them.
    call_id: Option<Uuid>,
    /// Who made it.
    agent_id: Option<Uuid>,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl CallbackView {
    fn of(callback: &Callback) -> Self {
        Self {
            id: callback.id.as_uuid(),
            queue_id: callback.queue.as_uuid(),
            number: callback.number.as_str().to_owned(),
            caller_id: callback.shown.as_ref().map(|number| number.as_str().to_owned()),
            state: callback.state.as_str(),
            since: callback.since,
            due_at: callback.due_at,
            attempts_made: callback.attempts,
            attempts: callback.attempts_max,
            retry_seconds: callback.retry_seconds,
            asked_in: callback.asked_in.map(|id| id.as_uuid()),
            call_id: callback.call.map(|id| id.as_uuid()),
            agent_id: callback.agent.map(|id| id.as_uuid()),
            version: callback.version,
            created_at: callback.created_at,
            updated_at: callback.updated_at,
        }
    }
}

answer! { /** Somebody who is to be called back. */ CallbackAnswer { callback: CallbackView } }
answer! {
    /// A page of callbacks, newest first.
    CallbacksAnswer {
        callbacks: Vec<CallbackView>,
        pagination: Pagination,
        /// What to give as `cursor` for the callbacks after these; absent at the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
}

/// What a list of callbacks can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    /// The queue.
    #[serde(alias = "queue_id")]
    #[param(value_type = Option<Uuid>)]
    queue_id: Option<QueueId>,
    /// How they stand: waiting, dialling, done, failed or cancelled.
    state: Option<String>,
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<CallbackId>,
}

impl CallbackQuery {
    fn filter(&self) -> Reply<CallbackFilter> {
        let mut faults = Faults::default();
        let state = self.state.as_deref().map(str::parse::<CallbackState>).transpose();
        let state = faults.rule::<_, CallbackRefused>(state);
        faults.done()?;
        Ok(CallbackFilter { queue: self.queue_id, state: state.flatten(), before: self.cursor })
    }
}

/// The company's callbacks, newest first. For admins and managers.
#[utoipa::path(get, path = "/callbacks", tag = "queues", params(CallbackQuery, Paging),
    responses((status = 200, body = CallbacksAnswer)))]
pub(crate) async fn list_callbacks(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<CallbackQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<CallbacksAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    let filter = query.filter()?;
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let listing = app.engine.read(&authed.actor).await?.callbacks(&filter, page).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next_cursor = listing.items.last().filter(|_| more).map(|callback| callback.id.to_string());
    let callbacks = listing.items.iter().map(CallbackView::of).collect();
    Ok(Json(CallbacksAnswer::new(callbacks, paging.of(listing.total), next_cursor)))
}

/// Somebody to call back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallbackInput {
    /// The queue.
    #[serde(alias = "queue_id")]
    #[schema(value_type = Option<Uuid>)]
    queue_id: Option<QueueId>,
    /// Whom to call.
    number: Option<String>,
    /// The number that is shown to them; one that leads to the queue when absent.
    #[serde(alias = "caller_id")]
    caller_id: Option<String>,
    /// Seconds until the first attempt, 0 to 259,200; 0 when absent.
    #[serde(alias = "delay_seconds", default)]
    delay_seconds: u32,
    /// Attempts, 1 to 20; 3 when absent.
    #[serde(default = "three")]
    attempts: u8,
    /// Seconds between two attempts, 1 to 259,200; 600 when absent.
    #[serde(alias = "retry_seconds", default = "ten_minutes")]
    retry_seconds: u32,
}

const fn three() -> u8 {
    3
}

const fn ten_minutes() -> u32 {
    600
}

/// Ask that somebody is called back when it is their turn in a queue. Who waits there already keeps their place: that callback is
/// answered. For admins and managers, and for the queue's members.
#[utoipa::path(post, path = "/callbacks", tag = "queues", request_body = CallbackInput,
    responses((status = 201, body = CallbackAnswer)))]
pub(crate) async fn request_callback(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<CallbackInput>,
) -> Reply<(StatusCode, Versioned<CallbackAnswer>)> {
    let home = authed.company.default_country;
    let request = draft.checked(|body, faults| {
        let read = |text: &str| E164::parse(text, home).map_err(CallbackRefused::from);
        let number = body.number.as_deref().ok_or_else(|| Problem::required("number"));
        let number = faults.check(number).and_then(|text| faults.rule(read(text)));
        let shown = body.caller_id.as_deref().map(read).transpose();
        let shown = match shown {
            Ok(shown) => shown,
            Err(refused) => {
                faults.add("callerId", refused.to_string());
                None
            }
        };
        let queue = faults.check(body.queue_id.ok_or_else(|| Problem::required("queueId")));
        let request = CallbackRequest {
            queue: queue?,
            number: number?,
            shown,
            since: None,
            delay_seconds: body.delay_seconds,
            attempts: body.attempts,
            retry_seconds: body.retry_seconds,
            asked_in: None,
        };
        faults.rules(request.faults());
        Some(request)
    })?;
    let callback = app.engine.execute(&authed.actor, &RequestCallback { request }).await?;
    Ok((StatusCode::CREATED, versioned(callback.version, CallbackAnswer::new(CallbackView::of(&callback)))))
}

/// A callback. For admins and managers.
#[utoipa::path(get, path = "/callbacks/{id}", tag = "queues", params(("id" = Uuid, Path, description = "the callback")),
    responses((status = 200, body = CallbackAnswer)))]
pub(crate) async fn get_callback(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CallbackKind>,
) -> Reply<Versioned<CallbackAnswer>> {
    authed.demand(Permission::ManageQueues)?;
    let callback = app.engine.read(&authed.actor).await?.callback(id).await?;
    let callback = callback.ok_or_else(|| Problem::not_found("callback"))?;
    Ok(versioned(callback.version, CallbackAnswer::new(CallbackView::of(&callback))))
}

/// Call a callback off. For admins and managers.
#[utoipa::path(delete, path = "/callbacks/{id}", tag = "queues", params(("id" = Uuid, Path, description = "the callback")),
    responses((status = 200, body = CallbackAnswer)))]
pub(crate) async fn cancel_callback(
    State(app): State<Shared>,
    authed: Authed,
    PathId(callback): PathId<CallbackKind>,
) -> Reply<Json<CallbackAnswer>> {
    let callback = app.engine.execute(&authed.actor, &CancelCallback { callback }).await?;
    Ok(Json(CallbackAnswer::new(CallbackView::of(&callback))))
}
