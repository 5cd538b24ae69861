//! Calls and their timelines.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::{Call, CallEvent, Direction, Origin};
use dialplane_core::id::{CallId, NodeId, QueueId, UserId};
use dialplane_core::scope::Scope;
use dialplane_core::search::{Search, TOTAL_MAX};
use dialplane_core::store::{CallFilter, CallStore, Listing, Page, Repo as _, StoreError};
use sqlx::AssertSqlSafe;

use crate::backfill::Wordless;
use crate::client::{id_list, words};
use crate::error;
use crate::search::Sources;
use crate::statement::{Fields, Filter, Query, Scoped, before, document, placeholders, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "calls";
const EVENTS_TABLE: &str = "call_events";

/// Rows that one statement inserts, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! columns {
    () => {
        r#"id, company_id, direction, status, "from", "to", agent_id, queue_id, number_id, trunk_id, lead_id, client_id, node_id, started_at, answered_at, ended_at, hangup, outcome, notes, legs, events, version, updated_at, origin"#
    };
}
/// Those, and the words.
const COLUMNS: usize = 25;

const UPDATE: &str = r#"UPDATE calls SET direction = ?3, status = ?4, "from" = ?5, "to" = ?6, agent_id = ?7, queue_id = ?8,
    number_id = ?9, trunk_id = ?10, lead_id = ?11, client_id = ?12, node_id = ?13, started_at = ?14, answered_at = ?15,
    ended_at = ?16, hangup = ?17, outcome = ?18, notes = ?19, legs = ?20, events = ?21, version = ?22, updated_at = ?23, origin = ?24,
    words = ?25
    WHERE id = ?1 AND company_id = ?2 AND version = ?26"#;

pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM calls WHERE id = ?2"]);

/// Calls that something was written about before they had words.
pub(crate) const WORDLESS: Wordless<Call> = Wordless {
    table: TABLE,
    rows: concat!(
        "SELECT ",
        columns!(),
        " FROM calls WHERE words IS NULL AND (outcome IS NOT NULL OR notes IS NOT NULL) AND id > ?1 ORDER BY id LIMIT 500"
    ),
    fill: "UPDATE calls SET words = ?2 WHERE id = ?1",
    read,
    entries: |call| (call.id.as_uuid(), call.entries()),
};

macro_rules! ended {
    ($head:literal) => {
        concat!($head, " AND status NOT IN ('initiated', 'queued', 'ringing', 'in_progress')")
    };
}
macro_rules! forget {
    () => {
        "; DELETE FROM call_events WHERE call_id = ?2 AND NOT EXISTS (SELECT 1 FROM calls WHERE id = ?2)"
    };
}

// The condition on the status repeats that of the index, or SQLite does not use it.
macro_rules! open {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM calls INDEXED BY calls_open \
             WHERE status IN ('initiated', 'queued', 'ringing', 'in_progress')"
        )
    };
}
pub(crate) const OPEN: Scoped = scoped!([open!()][" ORDER BY id LIMIT 1000"]);
pub(crate) const OPEN_OF: Scoped = scoped!([open!(), " AND node_id = ?2"][" ORDER BY id LIMIT 1000"]);

/// A page of all calls of the scope, whose number is kept.
pub(crate) const NEWEST: Scoped = Scoped {
    company: concat!(
        "SELECT coalesce((SELECT calls FROM call_totals WHERE company_id = ?1), 0); SELECT ",
        columns!(),
        " FROM calls WHERE company_id = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3"
    ),
    system: concat!(
        "SELECT coalesce(sum(calls), 0) FROM call_totals; SELECT ",
        columns!(),
        " FROM calls ORDER BY id DESC LIMIT ?2 OFFSET ?3"
    ),
};

pub(crate) const EVENTS: Scoped = Scoped {
    company: "SELECT call_id, seq, at, kind, data FROM call_events WHERE call_id = ?2 \
        AND EXISTS (SELECT 1 FROM calls WHERE id = ?2 AND company_id = ?1) ORDER BY seq",
    system: "SELECT call_id, seq, at, kind, data FROM call_events WHERE call_id = ?2 ORDER BY seq",
};

/// Timelines in one go.
pub(crate) const TIMELINES: Scoped = Scoped {
    company: "SELECT e.call_id, e.seq, e.at, e.kind, e.data FROM call_events e \
        WHERE e.call_id IN (SELECT id FROM calls WHERE company_id = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2))) \
        ORDER BY e.call_id, e.seq",
    system: "SELECT call_id, seq, at, kind, data FROM call_events \
        WHERE call_id IN (SELECT unhex(value) FROM json_each(?2)) ORDER BY call_id, seq",
};

// The conditions on kind and queue repeat those of the index, or SQLite does not use it.
macro_rules! visits {
    ($join:literal) => {
        concat!(
            " FROM call_events e INDEXED BY call_events_queued",
            $join,
            " WHERE e.kind = 'queued' AND json_extract(e.data, '$.queue') = ?2 AND e.at >= ?3 AND e.at < ?4"
        )
    };
}
macro_rules! visits_of {
    ($join:literal) => {
        concat!(
            "SELECT count(*)",
            visits!($join),
            "; SELECT e.call_id, e.seq, e.at, e.kind, e.data",
            visits!($join),
            " ORDER BY e.at, e.call_id, e.seq LIMIT ?5 OFFSET ?6"
        )
    };
}
/// Where callers came into a queue.
pub(crate) const VISITS: Scoped =
    Scoped { company: visits_of!(" JOIN calls c ON c.id = e.call_id AND c.company_id = ?1"), system: visits_of!("") };

// A timeline goes with its call, and stays when that stayed.
const DELETE: Scoped = Scoped {
    company: concat!(ended!("DELETE FROM calls WHERE id = ?2 AND company_id = ?1"), forget!()),
    system: concat!(ended!("DELETE FROM calls WHERE id = ?2"), forget!()),
};

macro_rules! edge {
    ($order:literal) => {
        concat!(
            "(SELECT started_at FROM calls WHERE agent_id = ?2 AND (?1 IS NULL OR company_id = ?1) \
             AND status NOT IN ('initiated', 'queued', 'ringing', 'in_progress') ORDER BY started_at ",
            $order,
            " LIMIT 1)"
        )
    };
}
pub(crate) const SPAN: &str = concat!("SELECT ", edge!("ASC"), ", ", edge!("DESC"));

fn read(row: &mut Fields<'_>) -> Result<Call, StoreError> {
    Ok(Call {
        id: row.id("id")?,
        company: row.id("company_id")?,
        direction: row.word("direction", Direction::from_word)?,
        status: row.word("status", |word| word.parse().ok())?,
        from: row.text("from")?.into(),
        to: row.text("to")?.into(),
        agent: row.id_opt("agent_id")?,
        queue: row.id_opt("queue_id")?,
        number: row.id_opt("number_id")?,
        trunk: row.id_opt("trunk_id")?,
        lead: row.id_opt("lead_id")?,
        client: row.id_opt("client_id")?,
        node: row.id_opt("node_id")?,
        started_at: row.time("started_at")?,
        answered_at: row.time_opt("answered_at")?,
        ended_at: row.time_opt("ended_at")?,
        hangup: row.document_opt("hangup")?,
        outcome: row.text_opt("outcome")?,
        notes: row.text_opt("notes")?,
        legs: row.document("legs")?,
        events: row.count("events")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
        origin: row.word("origin", Origin::from_word)?,
    })
}

fn read_event(row: &mut Fields<'_>) -> Result<CallEvent, StoreError> {
    Ok(CallEvent {
        call: row.id("call_id")?,
        seq: row.count("seq")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        data: row.document("data")?,
    })
}

/// Binds all columns in their order.
fn bind<'q>(query: Query<'q>, call: &Call) -> Result<Query<'q>, StoreError> {
    let hangup = call.hangup.as_ref().map(document).transpose()?;
    Ok(query
        .bind(call.id.as_uuid())
        .bind(call.company.as_uuid())
        .bind(call.direction.as_str())
        .bind(call.status.as_str())
        .bind(&**call.from.expose())
        .bind(&**call.to.expose())
        .bind(call.agent.map(|id| id.as_uuid()))
        .bind(call.queue.map(|id| id.as_uuid()))
        .bind(call.number.map(|id| id.as_uuid()))
        .bind(call.trunk.map(|id| id.as_uuid()))
        .bind(call.lead.map(|id| id.as_uuid()))
        .bind(call.client.map(|id| id.as_uuid()))
        .bind(call.node.map(|id| id.as_uuid()))
        .bind(call.started_at.timestamp_micros())
        .bind(call.answered_at.map(|at| at.timestamp_micros()))
        .bind(call.ended_at.map(|at| at.timestamp_micros()))
        .bind(hangup)
        .bind(call.outcome.as_deref())
        .bind(call.notes.as_deref())
        .bind(document(&call.legs)?)
        .bind(call.events)
        .bind(call.version)
        .bind(call.updated_at.timestamp_micros())
        .bind(call.origin.as_str())
        .bind(Some(call.entries()).filter(|entries| !entries.is_empty()).as_ref().map(words)))
}

/// The beginning of a list of calls. An agent's are found by the indexes of agents: the sign keeps SQLite from going through all calls of
/// the company for them.
pub(crate) fn of_agent(scope: Scope, agent: Option<UserId>) -> Filter {
    let mut rows = Filter::of(scope, if agent.is_some() { "+company_id" } else { "company_id" });
    rows.id("agent_id = ", agent);
    rows
}

impl SqliteRepo<'_> {
    /// Lists what a search finds.
    async fn search(
        &mut self,
        filter: &CallFilter,
        search: &Search,
        mut rows: Filter,
        page: Page,
    ) -> Result<Listing<Call>, StoreError> {
        if let Some(number) = &filter.party {
            let at = rows.bind(number.as_str().to_owned());
            rows.that(&format!(r#"("from" = ?{at} OR "to" = ?{at})"#));
        }
        let Some(sources) = Sources::of_search(&mut rows, search) else {
            return Ok(Listing { items: Vec::new(), total: 0 });
        };
        // When almost everything matches, the newest calls are the fastest place to look for a page, and there is no need to count.
        let alone = CallFilter { search: filter.search.clone(), ..CallFilter::default() };
        let query = if search.terms().len() == 1 && *filter == alone && self.is_common(&rows, &sources).await? {
            rows.listing_of(&format!("SELECT {TOTAL_MAX}"), TABLE, columns!(), "id", page)
        } else {
            rows.listing(&sources.table(), columns!(), "id", page)
        };
        let listing = self.fetch(query).await?.listing(TABLE, read)?;
        Ok(Listing { total: listing.total.min(TOTAL_MAX), ..listing })
    }

    /// Whether a search of one term has more matches than are counted.
    async fn is_common(&mut self, rows: &Filter, sources: &Sources) -> Result<bool, StoreError> {
        let probed = self.fetch(sources.probe(rows)).await?.one(TABLE, |row| row.count::<u64>("count"))?;
        Ok(probed.is_some_and(|count| count > TOTAL_MAX))
    }

    async fn insert_rows(&mut self, calls: &[Call]) -> Result<(), StoreError> {
        let values = placeholders(1, COLUMNS, calls.len());
        let text = [concat!("INSERT INTO calls (", columns!(), ", words) VALUES "), &values].concat();
        let query = calls.iter().try_fold(sqlx::query(AssertSqlSafe(text)), bind)?;
        self.change(query).await.map(|_| ())
    }

    async fn append_rows(&mut self, events: &[CallEvent]) -> Result<(), StoreError> {
        // A call that is not in the scope joins as NULL, which the table refuses: the statement as a whole stores nothing.
        let company = self.scope().company().map(|company| company.as_uuid());
        let scope = if company.is_some() { " AND c.company_id = ?1" } else { "" };
        let values = placeholders(2, 5, events.len());
        let text = format!(
            "INSERT INTO call_events (call_id, seq, at, kind, data) \
             SELECT c.id, v.column2, v.column3, v.column4, v.column5 FROM (VALUES {values}) v \
             LEFT JOIN calls c ON c.id = v.column1{scope}"
        );
        let query = events.iter().fold(sqlx::query(AssertSqlSafe(text)).bind(company), |query, event| {
            query
                .bind(event.call.as_uuid())
                .bind(event.seq)
                .bind(event.at.timestamp_micros())
                .bind(&*event.kind)
                .bind(event.data.to_string())
        });
        match self.change_raw(query).await? {
            Ok(_) => Ok(()),
            Err(error) if error::is_missing_value(&error) => Err(StoreError::OutOfScope),
            Err(error) => Err(error::of_statement(error)),
        }
    }
}

#[async_trait]
impl CallStore for SqliteRepo<'_> {
    async fn insert_calls(&mut self, calls: &[Call]) -> Result<(), StoreError> {
        self.may_write()?;
        calls.iter().try_for_each(|call| self.admits(call.company))?;
        let statements = calls.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in calls.chunks(ROWS_MAX) {
            result = self.insert_rows(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn update_call(&mut self, call: &Call) -> Result<(), StoreError> {
        self.reaches(call.company)?;
        self.change(bind(sqlx::query(UPDATE), call)?.bind(before(call.version))).await?.or_stale()
    }

    async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn call_for_update(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.change(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn delete_call(&mut self, id: CallId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn call_span(&mut self, agent: UserId) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
        let company = self.scope().company().map(|company| company.as_uuid());
        let answer = self.fetch(sqlx::query(SPAN).bind(company).bind(agent.as_uuid())).await?;
        let span = answer.one(TABLE, |row| Ok((row.time_opt("started_at")?, row.time_opt("started_at")?)))?;
        Ok(span.and_then(|(first, last)| first.zip(last)))
    }

    async fn calls(&mut self, filter: &CallFilter, page: Page) -> Result<Listing<Call>, StoreError> {
        if *filter == CallFilter::default() {
            let query = self.scoped(&NEWEST).bind(page.limit).bind(stored(page.offset));
            return self.fetch(query).await?.listing(TABLE, read);
        }
        let mut rows = of_agent(self.scope(), filter.agent);
        rows.text("status = ", filter.status.map(|status| status.as_str().to_owned()));
        rows.text("direction = ", filter.direction.map(|direction| direction.as_str().to_owned()));
        rows.id("number_id = ", filter.number);
        rows.id("queue_id = ", filter.queue);
        rows.id("lead_id = ", filter.lead);
        rows.number("started_at >= ", filter.from.map(|at| at.timestamp_micros()));
        rows.number("started_at < ", filter.to.map(|at| at.timestamp_micros()));
        rows.id("client_id = ", filter.client);
        rows.text("outcome = ", filter.outcome.clone());
        rows.id("id < ", filter.before);
        if let Some(search) = &filter.search {
            return self.search(filter, search, rows, page).await;
        }
        let query = match &filter.party {
            Some(number) => {
                let table = Sources::of_number(&mut rows, number).table();
                rows.listing(&table, columns!(), "id", page)
            }
            None if filter.from.is_some() || filter.to.is_some() => rows.listing_by_ids(TABLE, columns!(), page),
            None => rows.listing(TABLE, columns!(), "id", page),
        };
        self.fetch(query).await?.listing(TABLE, read)
    }

    async fn open_calls(&mut self, node: Option<NodeId>) -> Result<Vec<Call>, StoreError> {
        let query = match node {
            Some(node) => self.scoped(&OPEN_OF).bind(node.as_uuid()),
            None => self.scoped(&OPEN),
        };
        self.fetch(query).await?.all(TABLE, read)
    }

    async fn append_call_events(&mut self, events: &[CallEvent]) -> Result<(), StoreError> {
        self.may_write()?;
        let statements = events.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in events.chunks(ROWS_MAX) {
            result = self.append_rows(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn call_events(&mut self, call: CallId) -> Result<Vec<CallEvent>, StoreError> {
        self.fetch(self.scoped(&EVENTS).bind(call.as_uuid())).await?.all(EVENTS_TABLE, read_event)
    }

    async fn timelines(&mut self, calls: &[CallId]) -> Result<Vec<CallEvent>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&TIMELINES).bind(id_list(calls))).await?.all(EVENTS_TABLE, read_event)
    }

    async fn queue_visits(
        &mut self,
        queue: QueueId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        page: Page,
    ) -> Result<Listing<CallEvent>, StoreError> {
        let query = self.scoped(&VISITS).bind(queue.to_string());
        let query = query.bind(from.timestamp_micros()).bind(to.timestamp_micros());
        self.fetch(query.bind(page.limit).bind(stored(page.offset))).await?.listing(EVENTS_TABLE, read_event)
    }
}
