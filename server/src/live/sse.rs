//! Server-sent events: `GET /api/events`.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::choice::{Choice, STATES};
use super::feed::{Feed, Item};
use super::hub::Transport;
use super::message::{Ending, EnvelopeView, Position};
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(live_events))
}

/// What a listener wants.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The kinds of events, separated by commas: `call.ended`, or `call.*` for a family. All when absent. `queue.state` is told when it is named:
    /// how queues stand, when that has changed, once a second each at most.
    types: Option<String>,
    /// Begins after this `seq`, for clients that cannot send `Last-Event-ID`.
    after: Option<u64>,
}

/// The company's events as they happen, as server-sent events.
///
/// Each has the event's name as `event`, its `seq` as `id` and the envelope as `data`. Admins and managers get everything of the
/// company, others what concerns themselves and the queues they are members of. A client that comes again with `Last-Event-ID`
/// is first sent what it has missed. `cursor` says up to which `seq` there is nothing more to know; `replay-reset` that more was missed than is
/// repeated (10,000 events of the company): read the state anew. A comment comes every 20 seconds. `end` is the last event and
/// says why: `token_expired`, `token_revoked`, `too_slow` or `stopping`.
#[utoipa::path(get, path = "/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<u64>, Header, description = "the last `seq` that the client was sent")),
    responses((status = 200, content_type = "text/event-stream", body = EnvelopeView),
        (status = 429, description = "too many streams of this user"), (status = 503, description = "too many streams, or stopping")))]
pub(crate) async fn live_events(
    State(app): State<Shared>,
    authed: Authed,
    headers: HeaderMap,
    Params(query): Params<EventsQuery>,
) -> Reply<Response> {
    let choice = query.types.as_deref().map_or(Ok(Choice::All), Choice::parse)?;
    let after = last_event_id(&headers)?.or(query.after);
    let states = choice.takes_states();
    let feed = Feed::open(&app, &authed, Transport::ServerSent, after, choice, states).await?;
    let events = stream::unfold(Some(feed), |feed| async {
        let mut feed = feed?;
        let item = feed.next().await;
        let going_on = !matches!(item, Item::End(_));
        Some((Ok::<_, Infallible>(event(item)), going_on.then_some(feed)))
    });
    // A proxy that gathers answers would hold the events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered], Sse::new(events)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Reply<Option<u64>> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let seq = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    seq.map(Some).ok_or_else(|| Problem::field("Last-Event-ID", "expected the id of an event, which is a number"))
}

fn event(item: Item) -> Event {
    let at = |name: &str, seq: u64| Event::default().event(name).id(seq.to_string());
    match item {
        Item::Event(envelope) => at(envelope.event.name(), envelope.seq).data(json(&EnvelopeView::of(&envelope))),
        Item::Cursor(seq) => at("cursor", seq).data(json(&Position { seq })),
        Item::Reset(seq) => at("replay-reset", seq).data(json(&Position { seq })),
        // Without an id: a client that comes again goes on after the last event, and is told how the queues stand then.
        Item::State(numbers) => Event::default().event(STATES).data(json(&numbers)),
        Item::Beat => Event::default().comment("still here"),
        Item::End(end) => Event::default().event("end").data(json(&Ending { reason: end.as_str() })),
    }
}

/// One line of JSON. What is sent has texts as keys, so that it can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
