//! `/queues/:id/log`: what became of each caller, in the words of the field.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::Permission;
use dialplane_core::call::CallEvent;
use dialplane_core::id::{CallId, QueueId, QueueKind, UserId};
use dialplane_core::queue::log::{AgentWork, LogEntry, visit};
use dialplane_core::store::{Page, StoreError, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::export::{Cell, Row, csv};
use crate::http::answer::answer;
use crate::http::dates;
use crate::http::guard::Authed;
use crate::http::input::{Params, PathId};
use crate::http::paging::{Pagination, Paging};
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// The longest span of a log, in days.
const DAYS_MAX: i64 = 92;
/// The columns of the log as text.
const COLUMNS: [&str; 12] = [
    "time",
    "callId",
    "queueId",
    "event",
    "agentId",
    "agent",
    "position",
    "originalPosition",
    "waitSeconds",
    "ringSeconds",
    "talkSeconds",
    "detail",
];

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(queue_log))
}

/// Which part of a log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Callers who came at or after: a local day or an instant; a day before the end when absent.
    #[serde(alias = "date_from", alias = "from")]
    date_from: Option<String>,
    /// Callers who came before the end of this local day, or before this instant; now when absent.
    #[serde(alias = "date_to", alias = "to")]
    date_to: Option<String>,
    /// json (usual) or csv; `Accept: text/csv` does the same.
    format: Option<String>,
}

/// An entry of a queue's log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntryView {
    at: DateTime<Utc>,
    call_id: Uuid,
    /// ENTERQUEUE, RINGNOANSWER, RINGCANCELED, CONNECT, ABANDON, EXITWITHKEY, EXITWITHTIMEOUT, EXITEMPTY, EXITFULL, WITHDRAW, COMPLETEAGENT,
    /// COMPLETECALLER or TRANSFER.
    event: &'static str,
    agent_id: Option<Uuid>,
    /// The agent's name, while the account is there.
    agent: Option<String>,
    /// The place in the queue then.
    position: Option<u32>,
    /// The place that the caller began with.
    original_position: Option<u32>,
    /// Seconds waited in the queue up to then, or up to the answer.
    wait_seconds: u64,
    /// Seconds that the agent was rung.
    ring_seconds: Option<u64>,
    talk_seconds: Option<u64>,
    /// The key that was pressed, or why an agent was rung in vain.
    detail: Option<String>,
}

answer! {
    /// What became of the callers of a queue.
    QueueLogAnswer {
        /// The entries of each caller together, in the order in which the callers came.
        entries: Vec<LogEntryView>,
        /// The pages of callers; each has two entries or more.
        pagination: Pagination,
    }
}

/// A page of a queue's log, and the number of all callers in the span.
///
/// # Errors
/// Those of the store.
async fn read(
    tx: &mut dyn Tx,
    queue: QueueId,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    page: Page,
) -> Result<(Vec<LogEntry>, u64), StoreError> {
    let visits = tx.queue_visits(queue, from, to, page).await?;
    let calls: Vec<CallId> = visits.items.iter().map(|visit| visit.call).collect();
    let mut timelines: BTreeMap<CallId, Vec<CallEvent>> = BTreeMap::new();
    for event in tx.timelines(&calls).await? {
        timelines.entry(event.call).or_default().push(event);
    }
    let of = |begun: &CallEvent| {
        timelines.get(&begun.call).map(|timeline| visit(queue, begun.seq, timeline)).unwrap_or_default()
    };
    Ok((visits.items.iter().flat_map(of).collect(), visits.total))
}

/// Adds what agents did with the callers who came into a queue in a span of time.
///
/// # Errors
/// Those of the store.
pub(crate) async fn add_work(
    tx: &mut dyn Tx,
    queue: QueueId,
    span: (DateTime<Utc>, DateTime<Utc>),
    agents: &mut HashMap<UserId, AgentWork>,
) -> Result<(), StoreError> {
    let mut page = Page::number(1, Page::LIMIT_MAX);
    loop {
        let (entries, total) = read(tx, queue, span, page).await?;
        for (agent, entry) in entries.iter().filter_map(|entry| Some((entry.agent?, entry))) {
            agents.entry(agent).or_default().add(entry);
        }
        page.offset += u64::from(page.limit);
        if page.offset >= total {
            return Ok(());
        }
    }
}

impl LogEntryView {
    fn of(entry: LogEntry, names: &BTreeMap<UserId, String>) -> Self {
        Self {
            at: entry.at,
            call_id: entry.call.as_uuid(),
            event: entry.verb.as_str(),
            agent_id: entry.agent.map(|agent| agent.as_uuid()),
            agent: entry.agent.and_then(|agent| names.get(&agent).cloned()),
            position: entry.position,
            original_position: entry.original_position,
            wait_seconds: entry.wait_ms / 1_000,
            ring_seconds: entry.ring_ms.map(|ms| ms / 1_000),
            talk_seconds: entry.talk_ms.map(|ms| ms / 1_000),
            detail: entry.detail,
        }
    }

    fn row(self, queue: QueueId) -> Row {
        let count = |number: Option<u64>| number.map_or(Cell::Empty, Cell::Count);
        vec![
            Cell::text(&self.at.to_rfc3339()),
            Cell::text(&self.call_id.to_string()),
            Cell::text(&queue.to_string()),
            Cell::text(self.event),
            Cell::maybe_text(self.agent_id.map(|id| id.to_string()).as_deref()),
            Cell::maybe_text(self.agent.as_deref()),
            count(self.position.map(u64::from)),
            count(self.original_position.map(u64::from)),
            count(Some(self.wait_seconds)),
            count(self.ring_seconds),
            count(self.talk_seconds),
            Cell::maybe_text(self.detail.as_deref()),
        ]
    }
}

fn as_csv(query: &LogQuery, headers: &HeaderMap) -> Reply<bool> {
    match query.format.as_deref() {
        None => Ok(headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/csv"))),
        Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(Problem::field("format", "expected json or csv")),
    }
}

/// The log of a queue: each caller's way through it, with waits, rings and talks. For admins and managers.
#[utoipa::path(get, path = "/queues/{id}/log", tag = "queues",
    params(("id" = Uuid, Path, description = "the queue"), LogQuery, Paging), responses((status = 200, content((QueueLogAnswer = "application/json"), (String = "text/csv")))))]
pub(crate) async fn queue_log(
    State(app): State<Shared>,
    authed: Authed,
    headers: HeaderMap,
    PathId(id): PathId<QueueKind>,
    Params(query): Params<LogQuery>,
    Params(paging): Params<Paging>,
) -> Reply<Response> {
    authed.demand(Permission::ViewAllCalls)?;
    let is_csv = as_csv(&query, &headers)?;
    let span = dates::span(query.date_from.as_deref(), query.date_to.as_deref(), authed.company.timezone)?;
    let to = span.to.unwrap_or_else(|| app.engine.now() + TimeDelta::seconds(1));
    let from = span.from.unwrap_or(to - TimeDelta::days(1));
    if to - from > TimeDelta::days(DAYS_MAX) + TimeDelta::hours(2) {
        return Err(Problem::field("dateFrom", format!("a log spans at most {DAYS_MAX} days")));
    }
    let mut tx = app.engine.read(&authed.actor).await?;
    tx.queue(id).await?.ok_or_else(|| Problem::not_found("queue"))?;
    let (entries, total) = read(&mut *tx, id, (from, to), paging.page()).await?;
    let mut agents: Vec<UserId> = entries.iter().filter_map(|entry| entry.agent).collect();
    agents.sort_unstable();
    agents.dedup();
    let people = tx.users_by_ids(&agents).await?.into_iter();
    let names: BTreeMap<UserId, String> = people.map(|user| (user.id, user.name.into_inner())).collect();
    let views = entries.into_iter().map(|entry| LogEntryView::of(entry, &names));
    if is_csv {
        let rows = views.map(|view| view.row(id)).collect();
        let text = csv::text(&COLUMNS, rows).map_err(|error| Problem::internal(&error))?;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
            (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"queue-log.csv\"")),
        ];
        return Ok((headers, text).into_response());
    }
    Ok(Json(QueueLogAnswer::new(views.collect(), paging.of(total))).into_response())
}
