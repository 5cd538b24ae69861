//! `/ivr/calendars`: opening hours and holidays that flows share.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use dialplane_core::Permission;
use dialplane_core::command::flow::calendar::{CreateCalendar, DeleteCalendar, UpdateCalendar, hours};
use dialplane_core::flow::Calendar;
use dialplane_core::id::CalendarKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::answer::{Done, answer};
use crate::http::etag::{IfMatch, Versioned, versioned};
use crate::http::faults::{Draft, Faults};
use crate::http::guard::Authed;
use crate::http::input::PathId;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// A calendar.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CalendarView {
    id: Uuid,
    /// What flows call it by.
    name: String,
    /// `timezone`: an IANA name; `weekly`: the open intervals of each weekday, `{"monday": [{"from": "09:00", "to": "17:30"}]}`;
    /// `holidays`: days that differ, `[{"date": "12-25", "name": "Christmas", "hours": []}]`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    hours: Value,
    version: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl CalendarView {
    fn of(calendar: Calendar) -> Self {
        Self {
            id: calendar.id.as_uuid(),
            name: calendar.name,
            hours: calendar.hours,
            version: calendar.version,
            created_at: calendar.created_at,
            updated_at: calendar.updated_at,
        }
    }
}

answer! { /** One calendar. */ CalendarAnswer { calendar: CalendarView } }
answer! { /** The calendars. */ CalendarsAnswer { calendars: Vec<CalendarView> } }

/// A calendar to create or change; on a change what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CalendarInput {
    /// Its name, unique in the company.
    name: Option<String>,
    /// An IANA time zone such as Europe/Berlin; the company's when absent.
    timezone: Option<Value>,
    /// The open intervals of each weekday: `{"monday": [{"from": "09:00", "to": "17:30"}]}`. A day that is missing is closed.
    #[schema(value_type = Option<Object>)]
    weekly: Option<Value>,
    /// Days that differ from their weekday: `[{"date": "12-25", "name": "Christmas", "hours": []}]`.
    #[schema(value_type = Option<Vec<Object>>)]
    holidays: Option<Value>,
}

impl CalendarInput {
    /// What is said of the hours, each part looked at by itself.
    fn said(&mut self, faults: &mut Faults) -> Map<String, Value> {
        let mut said = Map::new();
        let parts = [("timezone", &mut self.timezone), ("weekly", &mut self.weekly), ("holidays", &mut self.holidays)];
        for (name, part) in parts {
            let Some(part) = part.take() else { continue };
            let mut alone = json!({"timezone": "UTC"});
            alone[name] = part.clone();
            if let Err(refused) = hours(&alone) {
                faults.add(name, refused.to_string());
            }
            said.insert(name.to_owned(), part);
        }
        said
    }
}

/// The company's calendars. For admins and managers.
#[utoipa::path(get, path = "/ivr/calendars", tag = "ivr", responses((status = 200, body = CalendarsAnswer)))]
pub(crate) async fn list_calendars(State(app): State<Shared>, authed: Authed) -> Reply<Json<CalendarsAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let calendars = app.engine.read(&authed.actor).await?.calendars().await?;
    Ok(Json(CalendarsAnswer::new(calendars.into_iter().map(CalendarView::of).collect())))
}

/// Create a calendar. For admins and managers.
#[utoipa::path(post, path = "/ivr/calendars", tag = "ivr", request_body = CalendarInput,
    responses((status = 201, body = CalendarAnswer)))]
pub(crate) async fn create_calendar(
    State(app): State<Shared>,
    authed: Authed,
    draft: Draft<CalendarInput>,
) -> Reply<(StatusCode, Versioned<CalendarAnswer>)> {
    authed.demand(Permission::ManageFlows)?;
    let zone = authed.company.timezone;
    let command = draft.checked(|mut body, faults| {
        let name = faults.check(body.name.take().ok_or_else(|| Problem::required("name")));
        let name = name.and_then(|name| faults.rule(Calendar::name(&name)));
        let mut said = body.said(faults);
        said.entry("timezone").or_insert_with(|| zone.name().into());
        Some(CreateCalendar { name: name?, hours: said.into() })
    })?;
    let calendar = app.engine.execute(&authed.actor, &command).await?;
    Ok((StatusCode::CREATED, versioned(calendar.version, CalendarAnswer::new(CalendarView::of(calendar)))))
}

/// A calendar. For admins and managers.
#[utoipa::path(get, path = "/ivr/calendars/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the calendar")),
    responses((status = 200, body = CalendarAnswer)))]
pub(crate) async fn get_calendar(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CalendarKind>,
) -> Reply<Versioned<CalendarAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let calendar = app.engine.read(&authed.actor).await?.calendar(id).await?;
    let calendar = calendar.ok_or_else(|| Problem::not_found("calendar"))?;
    Ok(versioned(calendar.version, CalendarAnswer::new(CalendarView::of(calendar))))
}

/// Change a calendar: what is absent stays. Calls see the new hours at once. For admins and managers.
#[utoipa::path(put, path = "/ivr/calendars/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the calendar")),
    request_body = CalendarInput, responses((status = 200, body = CalendarAnswer)))]
pub(crate) async fn update_calendar(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CalendarKind>,
    IfMatch(expected): IfMatch,
    draft: Draft<CalendarInput>,
) -> Reply<Versioned<CalendarAnswer>> {
    authed.demand(Permission::ManageFlows)?;
    let old = app.engine.read(&authed.actor).await?.calendar(id).await?;
    let old = old.ok_or_else(|| Problem::not_found("calendar"))?;
    // What was absent was read just now: the change holds for that version only.
    let expected_version = Some(expected.unwrap_or(old.version));
    let command = draft.checked(|mut body, faults| {
        let name = body.name.take().map(|name| faults.rule(Calendar::name(&name)).unwrap_or_default());
        let said = body.said(faults);
        let mut hours = old.hours.as_object().cloned().unwrap_or_default();
        let hours = (!said.is_empty()).then(|| {
            hours.extend(said);
            Value::from(hours)
        });
        Some(UpdateCalendar { calendar: id, name, hours, expected_version })
    })?;
    let calendar = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(calendar.version, CalendarAnswer::new(CalendarView::of(calendar))))
}

/// Delete a calendar that no active flow uses. For admins and managers.
#[utoipa::path(delete, path = "/ivr/calendars/{id}", tag = "ivr", params(("id" = Uuid, Path, description = "the calendar")),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_calendar(
    State(app): State<Shared>,
    authed: Authed,
    PathId(calendar): PathId<CalendarKind>,
) -> Reply<Json<Done>> {
    app.engine.execute(&authed.actor, &DeleteCalendar { calendar }).await?;
    Ok(Done::say("Calendar deleted successfully"))
}
