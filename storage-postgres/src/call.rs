//! Calls and their timelines.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::{Call, CallEvent, CallStatus, Direction, Origin};
use dialplane_core::id::{CallId, Id, NodeId, QueueId, UserId};
use dialplane_core::pii::Pii;
use dialplane_core::search::{Search, TOTAL_MAX};
use dialplane_core::store::{CallFilter, CallStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{QueryBuilder, query};
use uuid::Uuid;

use crate::backfill::Wordless;
use crate::client::joined;
use crate::search::{Sources, of_calls};
use crate::text::{Document, maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, amount, bare, before, instant_bound, kept_total, within};

const TABLE: &str = "calls";
/// Rows of `open_calls`, at most.
const OPEN_MAX: u64 = 1_000;

macro_rules! columns {
    () => {
        "id, company_id, direction, status, \"from\", \"to\", agent_id, queue_id, number_id, trunk_id, lead_id, client_id, \
         node_id, started_at, answered_at, ended_at, hangup, outcome, notes, legs, events, version, updated_at, origin"
    };
}

/// One statement for any number of calls, so that it is prepared once; it adds them to the totals of their companies as well.
const INSERT: &str = concat!(
    "WITH added AS (INSERT INTO calls (",
    columns!(),
    ", words) SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[], \
     $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], \
     $17::jsonb[], $18::text[], $19::text[], $20::jsonb[], $21::bigint[], $22::bigint[], $23::timestamptz[], $24::text[], $25::text[]) \
     ON CONFLICT DO NOTHING RETURNING id, company_id), \
     counted AS (INSERT INTO call_totals AS sum (company_id, slot, calls) \
     SELECT company_id, pg_backend_pid() % 64, count(*) FROM added GROUP BY company_id ORDER BY company_id \
     ON CONFLICT (company_id, slot) DO UPDATE SET calls = sum.calls + excluded.calls) \
     SELECT id FROM added"
);
const UNDO_INSERT: &str = "WITH gone AS (DELETE FROM calls WHERE id = ANY($1) RETURNING company_id), \
     counted AS (SELECT company_id, count(*) AS calls FROM gone GROUP BY company_id) \
     UPDATE call_totals t SET calls = t.calls - counted.calls FROM counted \
     WHERE t.company_id = counted.company_id AND t.slot = pg_backend_pid() % 64";
const UPDATE: &str = "UPDATE calls SET direction = $3, status = $4, \"from\" = $5, \"to\" = $6, agent_id = $7, queue_id = $8, \
     number_id = $9, trunk_id = $10, lead_id = $11, client_id = $12, node_id = $13, started_at = $14, answered_at = $15, \
     ended_at = $16, hangup = $17, outcome = $18, notes = $19, legs = $20, events = $21, version = $22, updated_at = $23, \
     origin = $24, words = $25 WHERE id = $1 AND company_id = $2 AND version = $26";
/// Removes a call that has ended with its timeline, and takes it off the total.
const DELETE: &str = concat!(
    "WITH gone AS (DELETE FROM calls WHERE id = $2 AND ended_status IS NOT NULL AND ",
    within!("company_id"),
    " RETURNING id, company_id), \
     timeline AS (DELETE FROM call_events USING gone WHERE call_id = gone.id) \
     INSERT INTO call_totals AS sum (company_id, slot, calls) SELECT company_id, pg_backend_pid() % 64, -1 FROM gone \
     ON CONFLICT (company_id, slot) DO UPDATE SET calls = sum.calls + excluded.calls"
);
macro_rules! edge {
    ($order:literal) => {
        concat!(
            "(SELECT started_at FROM calls WHERE agent_id = $2 AND ended_status IS NOT NULL AND ",
            within!("company_id"),
            " ORDER BY started_at ",
            $order,
            " LIMIT 1)"
        )
    };
}
const SPAN: &str = concat!("SELECT ", edge!("ASC"), ", ", edge!("DESC"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM calls WHERE id = $2 AND ", within!("company_id"));
const BY_ID_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM calls WHERE id = $2 AND ", within!("company_id"), " FOR UPDATE");
/// An entry takes the company of its call, and a call outside the scope gives it none.
const APPEND: &str = concat!(
    "INSERT INTO call_events (company_id, call_id, seq, at, kind, data) \
     SELECT c.company_id, e.call_id, e.seq, e.at, e.kind, e.data \
     FROM UNNEST($2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::jsonb[]) AS e (call_id, seq, at, kind, data) \
     JOIN calls c ON c.id = e.call_id AND ",
    within!("c.company_id"),
    " ON CONFLICT DO NOTHING RETURNING call_id, seq"
);
const UNDO_APPEND: &str = "DELETE FROM call_events USING UNNEST($1::uuid[], $2::bigint[]) AS e (call, place) WHERE call_id = call AND seq = place";
const VISIBLE: &str = concat!("SELECT id FROM calls WHERE id = ANY($2) AND ", within!("company_id"));
const TIMELINE: &str = concat!(
    "SELECT call_id, seq, at, kind, data FROM call_events WHERE call_id = $2 AND ",
    within!("company_id"),
    " ORDER BY seq"
);

const TIMELINES: &str = concat!(
    "SELECT call_id, seq, at, kind, data FROM call_events WHERE call_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY call_id, seq"
);
// The conditions on kind and queue are those of the index.
macro_rules! visits {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " FROM call_events WHERE kind = 'queued' AND data->>'queue' = $2 AND at >= $3 AND at < $4 AND ",
            within!("company_id"),
            $tail
        )
    };
}
const VISIT_COUNT: &str = visits!("SELECT count(*)", "");
const VISITS: &str = visits!("SELECT call_id, seq, at, kind, data", " ORDER BY at, call_id, seq LIMIT $5 OFFSET $6");

/// Calls that something was written about before they had words.
pub(crate) const WORDLESS: Wordless<Call> = Wordless {
    rows: concat!(
        "SELECT ",
        columns!(),
        " FROM calls WHERE words IS NULL AND (outcome IS NOT NULL OR notes IS NOT NULL) AND id > $1 ORDER BY id LIMIT 500"
    ),
    fill: "UPDATE calls SET words = n.words FROM UNNEST($1::uuid[], $2::text[]) AS n (id, words) WHERE calls.id = n.id",
    read,
    entries: |call| (call.id.as_uuid(), call.entries()),
};

fn read(row: &PgRow) -> Result<Call, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Call {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        direction: fields.word("direction", Direction::from_word)?,
        status: fields.word("status", |text| text.parse().ok())?,
        from: Pii::new(fields.text("from")?),
        to: Pii::new(fields.text("to")?),
        agent: fields.reference("agent_id")?,
        queue: fields.reference("queue_id")?,
        number: fields.reference("number_id")?,
        trunk: fields.reference("trunk_id")?,
        lead: fields.reference("lead_id")?,
        client: fields.reference("client_id")?,
        node: fields.reference("node_id")?,
        started_at: fields.get("started_at")?,
        answered_at: fields.get("answered_at")?,
        ended_at: fields.get("ended_at")?,
        hangup: fields.maybe_json("hangup")?,
        outcome: fields.maybe_text("outcome")?,
        notes: fields.maybe_text("notes")?,
        legs: fields.json("legs")?,
        events: fields.count("events")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
        origin: fields.word("origin", Origin::from_word)?,
    })
}

fn read_event(row: &PgRow) -> Result<CallEvent, StoreError> {
    let mut fields = Fields::of(row, "call_events");
    Ok(CallEvent {
        call: fields.id("call_id")?,
        seq: fields.count("seq")?,
        at: fields.get("at")?,
        kind: fields.get("kind")?,
        data: fields.json("data")?,
    })
}

/// What a call is found by; most are not written about.
fn found_by(call: &Call) -> Option<String> {
    Some(call.entries()).filter(|entries| !entries.is_empty()).as_ref().map(joined)
}

/// One column of many calls.
fn column<'c, T>(calls: &'c [Call], value: impl Fn(&'c Call) -> T) -> Vec<T> {
    calls.iter().map(value).collect()
}

fn references<'c, K: 'c>(calls: &'c [Call], value: impl Fn(&'c Call) -> Option<Id<K>>) -> Vec<Option<Uuid>> {
    calls.iter().map(|call| bare(value(call))).collect()
}

fn insert(calls: &[Call]) -> Result<Statement<'_>, StoreError> {
    let legs = calls.iter().map(|call| Document::of(&call.legs)).collect::<Result<Vec<_>, _>>()?;
    let bound = query(INSERT)
        .bind(column(calls, |call| call.id.as_uuid()))
        .bind(column(calls, |call| call.company.as_uuid()))
        .bind(column(calls, |call| call.direction.as_str()))
        .bind(column(calls, |call| call.status.as_str()))
        .bind(column(calls, |call| text(call.from.expose())))
        .bind(column(calls, |call| text(call.to.expose())))
        .bind(references(calls, |call| call.agent))
        .bind(references(calls, |call| call.queue))
        .bind(references(calls, |call| call.number))
        .bind(references(calls, |call| call.trunk))
        .bind(references(calls, |call| call.lead))
        .bind(references(calls, |call| call.client))
        .bind(references(calls, |call| call.node))
        .bind(column(calls, |call| call.started_at))
        .bind(column(calls, |call| call.answered_at))
        .bind(column(calls, |call| call.ended_at))
        .bind(column(calls, |call| call.hangup.map(Json)))
        .bind(column(calls, |call| maybe(call.outcome.as_deref())))
        .bind(column(calls, |call| maybe(call.notes.as_deref())))
        .bind(legs)
        .bind(column(calls, |call| i64::from(call.events)))
        .bind(column(calls, |call| i64::from(call.version)))
        .bind(column(calls, |call| call.updated_at))
        .bind(column(calls, |call| call.origin.as_str()))
        .bind(column(calls, found_by));
    Ok(bound)
}

fn update(call: &Call) -> Result<Statement<'_>, StoreError> {
    let bound = query(UPDATE)
        .bind(call.id.as_uuid())
        .bind(call.company.as_uuid())
        .bind(call.direction.as_str())
        .bind(call.status.as_str())
        .bind(text(call.from.expose()))
        .bind(text(call.to.expose()))
        .bind(bare(call.agent))
        .bind(bare(call.queue))
        .bind(bare(call.number))
        .bind(bare(call.trunk))
        .bind(bare(call.lead))
        .bind(bare(call.client))
        .bind(bare(call.node))
        .bind(call.started_at)
        .bind(call.answered_at)
        .bind(call.ended_at)
        .bind(call.hangup.map(Json))
        .bind(maybe(call.outcome.as_deref()))
        .bind(maybe(call.notes.as_deref()))
        .bind(Document::of(&call.legs)?)
        .bind(i64::from(call.events))
        .bind(i64::from(call.version))
        .bind(call.updated_at)
        .bind(call.origin.as_str())
        .bind(found_by(call))
        .bind(before(call.version));
    Ok(bound)
}

fn append(filter: Option<Uuid>, events: &[CallEvent]) -> Result<Statement<'_>, StoreError> {
    let data = events.iter().map(|event| Document::of(&event.data)).collect::<Result<Vec<_>, _>>()?;
    let column = |at: fn(&CallEvent) -> Uuid| events.iter().map(at).collect::<Vec<_>>();
    let bound = query(APPEND)
        .bind(filter)
        .bind(column(|event| event.call.as_uuid()))
        .bind(events.iter().map(|event| i64::from(event.seq)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.at).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>())
        .bind(data);
    Ok(bound)
}

/// How many calls there are, by slots.
const TOTALS: (&str, &str) = ("call_totals", "coalesce(sum(calls), 0)");

impl<L: Link> PgRepo<L> {
    /// Lists what a search finds.
    async fn search(
        &mut self,
        filter: &CallFilter,
        search: &Search,
        list: List,
        page: Page,
    ) -> Result<Listing<Call>, StoreError> {
        let scope = self.scoped_to();
        let Some(sources) = Sources::of_search(scope, search) else {
            return Ok(Listing { items: Vec::new(), total: 0 });
        };
        let list = match &filter.party {
            Some(number) => Sources::Number(scope, number.clone()).of(list),
            None => list,
        };
        let list = of_calls(list, scope, search);
        // When almost everything matches, the newest calls are the fastest place to look for a page, and there is no need to count.
        let alone = CallFilter { search: filter.search.clone(), ..CallFilter::default() };
        let listing = if search.terms().len() == 1 && *filter == alone && self.is_common(&sources).await? {
            let mut total = QueryBuilder::new("SELECT ");
            total.push_bind(amount(TOTAL_MAX)).push("::bigint");
            self.listing_of(list, page, total.build(), read).await?
        } else {
            self.listing(sources.of(list), page, read).await?
        };
        Ok(Listing { total: listing.total.min(TOTAL_MAX), ..listing })
    }

    /// Whether a search of one term has more matches than are counted.
    async fn is_common(&mut self, sources: &Sources) -> Result<bool, StoreError> {
        let row = self.one(sources.probe().build()).await?;
        let count: u64 = row.map_or(Ok(0), |row| Fields::of(&row, TABLE).count("count"))?;
        Ok(count > TOTAL_MAX)
    }
}

#[async_trait]
impl<L: Link> CallStore for PgRepo<L> {
    async fn insert_calls(&mut self, calls: &[Call]) -> Result<(), StoreError> {
        for call in calls {
            self.admit(call.company)?;
        }
        if calls.is_empty() {
            return self.may_write();
        }
        let id = |row: &PgRow| Fields::of(row, TABLE).get::<Uuid>("id");
        let all = self.insert_all(calls.len(), insert(calls)?, id, |ids| query(UNDO_INSERT).bind(ids)).await?;
        if all { Ok(()) } else { Err(StoreError::Duplicate { entity: "call", constraint: "id" }) }
    }

    async fn update_call(&mut self, call: &Call) -> Result<(), StoreError> {
        self.reach(call.company)?;
        self.replace(update(call)?).await
    }

    async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn call_for_update(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_ID_LOCKED).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn delete_call(&mut self, id: CallId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn call_span(&mut self, agent: UserId) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
        let row = self.one(query(SPAN).bind(self.company_filter()).bind(agent.as_uuid())).await?;
        let Some(row) = row else { return Ok(None) };
        let mut fields = Fields::of(&row, TABLE);
        let (first, last) = (fields.get::<Option<_>>("started_at")?, fields.get::<Option<_>>("started_at")?);
        Ok(first.zip(last))
    }

    async fn calls(&mut self, filter: &CallFilter, page: Page) -> Result<Listing<Call>, StoreError> {
        let ended = filter.status.filter(|status| status.is_final());
        let going_on = filter.status.filter(|status| !status.is_final());
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to())
            .equal("agent_id", bare(filter.agent))
            .equal("ended_status", ended.map(CallStatus::as_str))
            .when(going_on.is_some(), "ended_status IS NULL")
            .equal("status", going_on.map(CallStatus::as_str))
            .equal("direction", filter.direction.map(Direction::as_str))
            .equal("number_id", bare(filter.number))
            .equal("queue_id", bare(filter.queue))
            .equal("lead_id", bare(filter.lead))
            .equal("client_id", bare(filter.client))
            .equal("outcome", filter.outcome.as_deref().map(|outcome| text(outcome).into_owned()))
            .compare("started_at", " >= ", filter.from.map(instant_bound))
            .compare("started_at", " < ", filter.to.map(instant_bound))
            .compare("id", " < ", bare(filter.before));
        if let Some(search) = &filter.search {
            return self.search(filter, search, list, page).await;
        }
        let list = match &filter.party {
            Some(number) => Sources::Number(self.scoped_to(), number.clone()).of(list),
            None => list.by_ids(filter.from.is_some() || filter.to.is_some()),
        };
        let unfiltered = CallFilter { before: filter.before, ..CallFilter::default() };
        if *filter == unfiltered {
            let mut total = kept_total(TABLE, TOTALS, self.scoped_to(), bare(filter.before));
            return self.listing_of(list, page, total.build(), read).await;
        }
        self.listing(list, page, read).await
    }

    async fn open_calls(&mut self, node: Option<NodeId>) -> Result<Vec<Call>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id"), "company_id", self.scoped_to())
            .when(true, "ended_status IS NULL")
            .equal("node_id", bare(node));
        self.all(list.page(0, OPEN_MAX).build()).await?.iter().map(read).collect()
    }

    async fn append_call_events(&mut self, events: &[CallEvent]) -> Result<(), StoreError> {
        self.may_write()?;
        if events.is_empty() {
            return Ok(());
        }
        let key = |row: &PgRow| {
            let mut fields = Fields::of(row, "call_events");
            Ok((fields.get::<Uuid>("call_id")?, fields.get::<i64>("seq")?))
        };
        let undo = |keys: Vec<(Uuid, i64)>| {
            let (calls, places): (Vec<Uuid>, Vec<i64>) = keys.into_iter().unzip();
            query(UNDO_APPEND).bind(calls).bind(places)
        };
        if self.insert_all(events.len(), append(self.company_filter(), events)?, key, undo).await? {
            return Ok(());
        }
        let mut calls: Vec<Uuid> = events.iter().map(|event| event.call.as_uuid()).collect();
        calls.sort_unstable();
        calls.dedup();
        let count = calls.len();
        let visible = self.all(query(VISIBLE).bind(self.company_filter()).bind(calls)).await?;
        if visible.len() < count {
            return Err(StoreError::OutOfScope);
        }
        Err(StoreError::Duplicate { entity: "call_event", constraint: "seq" })
    }

    async fn call_events(&mut self, call: CallId) -> Result<Vec<CallEvent>, StoreError> {
        let rows = self.all(query(TIMELINE).bind(self.company_filter()).bind(call.as_uuid())).await?;
        rows.iter().map(read_event).collect()
    }

    async fn timelines(&mut self, calls: &[CallId]) -> Result<Vec<CallEvent>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<Uuid> = calls.iter().map(|call| call.as_uuid()).collect();
        self.all(query(TIMELINES).bind(self.company_filter()).bind(calls)).await?.iter().map(read_event).collect()
    }

    async fn queue_visits(
        &mut self,
        queue: QueueId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        page: Page,
    ) -> Result<Listing<CallEvent>, StoreError> {
        let (company, from, to) = (self.company_filter(), instant_bound(from), instant_bound(to));
        let bound = |text| query(text).bind(company).bind(queue.to_string()).bind(from).bind(to);
        let count = self.one(bound(VISIT_COUNT)).await?;
        let total = count.as_ref().map(|row| Fields::of(row, "call_events").count("count")).transpose()?;
        let offset = i64::try_from(page.offset).unwrap_or(i64::MAX);
        let rows = bound(VISITS).bind(i64::from(page.limit)).bind(offset);
        let items = self.all(rows).await?.iter().map(read_event).collect::<Result<_, _>>()?;
        Ok(Listing { items, total: total.unwrap_or(0) })
    }
}
