//! Reading the call log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use dialplane_core::Permission;
use dialplane_core::call::{Call, CallStatus, Direction};
use dialplane_core::command::call::AnnotateCall;
use dialplane_core::company::{end_of_day, start_of_day};
use dialplane_core::id::{CallId, CallKind, LeadId, NumberId, QueueId, UserId};
use dialplane_core::store::{CallFilter, Tx};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::view::{CallAnswer, CallDetail, CallDetailAnswer, CallView, CallsAnswer, EventView, LegView};
use crate::api::users::Person;
use crate::http::etag::{Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Input, Params, PathId, nullable};
use crate::http::paging::Paging;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// What a list of calls can be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct CallQuery {
    /// Where the call stands.
    #[param(value_type = Option<String>)]
    status: Option<CallStatus>,
    /// inbound, outbound or internal.
    #[serde(alias = "direction", alias = "call_type")]
    #[param(value_type = Option<String>)]
    call_type: Option<Direction>,
    /// The agent.
    #[serde(alias = "agentId", alias = "officerId", alias = "agent_id")]
    #[param(value_type = Option<Uuid>)]
    telecaller: Option<UserId>,
    /// The lead.
    #[serde(alias = "lead_id", alias = "lead")]
    #[param(value_type = Option<Uuid>)]
    lead_id: Option<LeadId>,
    /// The queue.
    #[serde(alias = "queue_id", alias = "queue")]
    #[param(value_type = Option<Uuid>)]
    queue_id: Option<QueueId>,
    /// The company's number that was used.
    #[serde(alias = "phone_number_id", alias = "number")]
    #[param(value_type = Option<Uuid>)]
    phone_number_id: Option<NumberId>,
    /// Begun at or after: a local day or an instant.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// Begun before the end of this local day, or before this instant.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
    /// The `nextCursor` of the page before, instead of a page number.
    #[param(value_type = Option<String>)]
    cursor: Option<CallId>,
}

/// A local day's beginning (or end), or an instant.
pub(crate) fn instant(
    field: &str,
    text: &str,
    of_day: impl Fn(Tz, NaiveDate) -> DateTime<Utc>,
    zone: Tz,
) -> Reply<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(of_day(zone, day));
    }
    // A `+` of an offset that was not escaped arrives as a blank.
    let instant = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    instant
        .map(|at| at.to_utc())
        .map_err(|_| Problem::field(field, "expected a day such as 2026-01-31 or an RFC 3339 time"))
}

impl CallQuery {
    fn filter(self, authed: &Authed) -> Reply<CallFilter> {
        let zone = authed.company.timezone;
        let from = self.date_from.map(|text| instant("dateFrom", &text, start_of_day, zone)).transpose()?;
        let to = self.date_to.map(|text| instant("dateTo", &text, end_of_day, zone)).transpose()?;
        let agent = if authed.actor.may(Permission::ViewAllCalls) { self.telecaller } else { Some(authed.user.id) };
        Ok(CallFilter {
            agent,
            status: self.status,
            direction: self.call_type,
            number: self.phone_number_id,
            queue: self.queue_id,
            lead: self.lead_id,
            from,
            to,
            before: self.cursor,
        })
    }
}

/// The people of these calls by name.
async fn people(tx: &mut Box<dyn Tx + '_>, calls: &[Call]) -> Reply<BTreeMap<UserId, Person>> {
    let mut people = BTreeMap::new();
    for id in calls.iter().filter_map(|call| call.agent) {
        if !people.contains_key(&id)
            && let Some(user) = tx.user(id).await?
        {
            people.insert(id, Person::of(&user));
        }
    }
    Ok(people)
}

/// One call as clients see it.
pub(super) async fn shown(app: &App, authed: &Authed, call: &Call) -> Reply<CallView> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let people = people(&mut tx, std::slice::from_ref(call)).await?;
    Ok(CallView::of(call, &people))
}

/// The company's calls, newest first; an agent sees their own.
#[utoipa::path(get, path = "/calls", tag = "calls", params(CallQuery, Paging), responses((status = 200, body = CallsAnswer)))]
pub(crate) async fn list_calls(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<CallQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Json<CallsAnswer>> {
    authed.demand(Permission::TakeCalls)?;
    if !authed.actor.may(Permission::ViewAllCalls) && query.telecaller.is_some_and(|id| id != authed.user.id) {
        return Err(Problem::forbidden());
    }
    let filter = query.filter(&authed)?;
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    let listing = tx.calls(&filter, page).await?;
    let people = people(&mut tx, &listing.items).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next = listing.items.last().filter(|_| more).map(|call| call.id.to_string());
    let calls = listing.items.iter().map(|call| CallView::of(call, &people)).collect();
    Ok(Json(CallsAnswer::new(calls, paging.of(listing.total), next)))
}

/// Whether a call is the actor's to see: to everybody else it does not exist.
pub(super) async fn visible(app: &App, authed: &Authed, id: CallId) -> Reply<Call> {
    authed.demand(Permission::TakeCalls)?;
    let sees_all = authed.actor.may(Permission::ViewAllCalls);
    let mut tx = app.engine.read(&authed.actor).await?;
    let call = tx.call(id).await?.filter(|call| sees_all || call.agent == Some(authed.user.id));
    call.ok_or_else(|| Problem::not_found("call"))
}

/// A call with its legs and its timeline.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    responses((status = 200, body = CallDetailAnswer)))]
pub(crate) async fn get_call(
    State(app): State<Shared>,
    authed: Authed,
    PathId(id): PathId<CallKind>,
) -> Reply<Versioned<CallDetailAnswer>> {
    let call = visible(&app, &authed, id).await?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let people = people(&mut tx, std::slice::from_ref(&call)).await?;
    let events = tx.call_events(id).await?;
    let detail = CallDetail {
        call: CallView::of(&call, &people),
        legs: call.legs.iter().map(LegView::of).collect(),
        events: events.into_iter().map(EventView::of).collect(),
    };
    Ok(versioned(call.version, CallDetailAnswer::new(detail)))
}

/// What an agent writes about a call.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CallNotes {
    /// Notes; null clears them.
    #[serde(default, deserialize_with = "nullable", alias = "comments")]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
    /// What came of it, in the team's own words; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    outcome: Option<Option<String>>,
}

/// Write notes and the outcome of a call. Its status and duration follow from signalling and cannot be written.
#[utoipa::path(put, path = "/calls/{id}", tag = "calls", params(("id" = Uuid, Path, description = "the call")),
    request_body = CallNotes, responses((status = 200, body = CallAnswer)))]
pub(crate) async fn annotate_call(
    State(app): State<Shared>,
    authed: Authed,
    PathId(call): PathId<CallKind>,
    Input(body): Input<CallNotes>,
) -> Reply<Versioned<CallAnswer>> {
    let command = AnnotateCall { notes: body.notes, outcome: body.outcome, ..AnnotateCall::nothing(call) };
    let call = app.engine.execute(&authed.actor, &command).await?;
    Ok(versioned(call.version, CallAnswer::new(shown(&app, &authed, &call).await?)))
}
