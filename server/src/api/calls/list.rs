//! Reading the call log.

use axum::Json;
use axum::extract::State;
use dialplane_core::Permission;
use dialplane_core::call::{Call, CallStatus, Direction};
use dialplane_core::id::{CallId, CallKind, ClientId, LeadId, NumberId, QueueId, UserId};
use dialplane_core::phone::E164;
use dialplane_core::store::{CallFilter, Tx};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{CallDetail, CallDetailAnswer, CallView, CallsAnswer, EventView, LegView, Names, PassedFlow};
use crate::api::clients::searched;
use crate::api::voicemails::VoicemailView;
use crate::http::dates::{self, Span};
use crate::http::etag::{Versioned, versioned};
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
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
    #[serde(alias = "phone_number_id")]
    #[param(value_type = Option<Uuid>)]
    phone_number_id: Option<NumberId>,
    /// The number at either end, as it is typed; or the id of a number of the company's.
    number: Option<String>,
    /// The client.
    #[serde(alias = "client_id", alias = "client")]
    #[param(value_type = Option<Uuid>)]
    client_id: Option<ClientId>,
    /// The outcome, exactly.
    outcome: Option<String>,
    /// What the names of its people, its numbers, notes and outcome hold: the beginnings of words, all of which must be there. At
    /// most 10,000 matches are counted.
    #[serde(alias = "search")]
    q: Option<String>,
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

impl CallQuery {
    fn filter(self, authed: &Authed) -> Reply<CallFilter> {
        let Span { from, to } =
            dates::span(self.date_from.as_deref(), self.date_to.as_deref(), authed.company.timezone)?;
        let home = authed.company.default_country;
        let number = self.number.filter(|text| !text.trim().is_empty());
        let id: Option<NumberId> = number.as_ref().and_then(|text| text.trim().parse().ok());
        // A `+` that was not escaped arrives as a blank.
        let typed = number.filter(|_| id.is_none()).map(|text| match text.strip_prefix(' ') {
            Some(rest) => format!("+{rest}"),
            None => text,
        });
        let party = typed.map(|text| E164::parse(&text, home)).transpose();
        let agent = if authed.actor.may(Permission::ViewAllCalls) { self.telecaller } else { Some(authed.user.id) };
        Ok(CallFilter {
            agent,
            status: self.status,
            direction: self.call_type,
            number: self.phone_number_id.or(id),
            client: self.client_id,
            outcome: self.outcome,
            party: party.map_err(|error| Problem::field("number", error.to_string()))?,
            search: searched(self.q.as_deref(), home)?,
            queue: self.queue_id,
            lead: self.lead_id,
            from,
            to,
            before: self.cursor,
        })
    }
}

/// One call as clients see it.
pub(super) async fn shown(app: &App, authed: &Authed, call: &Call) -> Reply<CallView> {
    let mut tx = app.engine.read(&authed.actor).await?;
    let names = Names::of(&mut *tx, std::slice::from_ref(call)).await?;
    Ok(CallView::of(call, &names))
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
    let mut tx = app.engine.read(&authed.actor).await?;
    let CallPage { calls, pagination, next_cursor } = page_of(&mut tx, &filter, paging).await?;
    Ok(Json(CallsAnswer::new(calls, pagination, next_cursor)))
}

/// A page of calls as clients see it.
pub(crate) struct CallPage {
    pub(crate) calls: Vec<CallView>,
    pub(crate) pagination: Pagination,
    /// What to give as `cursor` for the calls after these.
    pub(crate) next_cursor: Option<String>,
}

/// Reads a page of calls; with a cursor the number of the page does not matter.
pub(crate) async fn page_of(tx: &mut Box<dyn Tx + '_>, filter: &CallFilter, paging: Paging) -> Reply<CallPage> {
    let mut page = paging.page();
    if filter.before.is_some() {
        page.offset = 0;
    }
    let listing = tx.calls(filter, page).await?;
    let names = Names::of(&mut **tx, &listing.items).await?;
    let more = page.offset + (listing.items.len() as u64) < listing.total;
    let next_cursor = listing.items.last().filter(|_| more).map(|call| call.id.to_string());
    let calls = listing.items.iter().map(|call| CallView::of(call, &names)).collect();
    Ok(CallPage { calls, pagination: paging.of(listing.total), next_cursor })
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
    let names = Names::of(&mut *tx, std::slice::from_ref(&call)).await?;
    let events = tx.call_events(id).await?;
    let voicemails = tx.voicemails_of(&[id]).await?;
    let trace = tx.flow_trace(id).await?;
    let detail = CallDetail {
        call: CallView::of(&call, &names),
        legs: call.legs.iter().map(LegView::of).collect(),
        events: events.into_iter().map(EventView::of).collect(),
        voicemails: voicemails.iter().map(VoicemailView::of).collect(),
        flow: trace.map(PassedFlow::of),
    };
    Ok(versioned(call.version, CallDetailAnswer::new(detail)))
}
