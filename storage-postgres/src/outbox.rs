//! Events that wait for delivery.
//!
//! Places (`seq`) are taken before they are committed, so a reader that remembers the last place it saw could pass over an
//! event that is committed later with a lower one. Therefore deliveries are claimed by state and never by place; and units of
//! work of one company take their places in turn, from the append to the commit, so that within a company places become
//! visible in order and a client that replays its company's events from a place on misses none. Companies do not wait for
//! each other, so a replay over all companies can: jobs use claims.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::EventId;
use dialplane_core::scope::ActorName;
use dialplane_core::store::{EventFilter, Outbox, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use sqlx::types::Json;
use uuid::Uuid;

use crate::tx::{Fields, Link, List, PgRepo, Purpose, Statement, amount, instant_bound, lock_key, within};

const TABLE: &str = "outbox";

macro_rules! columns {
    () => {
        "id, seq, company_id, at, actor, version, event"
    };
}

/// Waits for the companies' turns, then takes the places in the order of the slice: one round trip.
const APPEND: &str = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(key) FROM UNNEST($1::bigint[]) AS key) \
     INSERT INTO outbox (id, company_id, at, actor, version, event) \
     SELECT e.id, e.company_id, e.at, e.actor, e.version, e.event \
     FROM UNNEST($2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::bigint[], $7::jsonb[]) \
     WITH ORDINALITY AS e (id, company_id, at, actor, version, event, place) \
     WHERE (SELECT count(*) FROM turn) > 0 ORDER BY e.place ON CONFLICT DO NOTHING RETURNING id";
const UNDO_APPEND: &str = "DELETE FROM outbox WHERE id = ANY($1)";
const CLAIM: &str = concat!(
    "WITH due AS MATERIALIZED (SELECT seq FROM outbox WHERE delivered_at IS NULL \
     AND (leased_until IS NULL OR leased_until <= $2) AND ",
    within!("company_id"),
    " ORDER BY seq LIMIT $4 FOR UPDATE SKIP LOCKED), \
     claimed AS (UPDATE outbox o SET leased_until = $3 FROM due WHERE o.seq = due.seq \
     RETURNING o.id, o.seq, o.company_id, o.at, o.actor, o.version, o.event) \
     SELECT ",
    columns!(),
    " FROM claimed ORDER BY seq"
);
/// In two texts, so that each follows an index from its end.
const HEAD: &str = "SELECT seq FROM outbox WHERE company_id = $1 ORDER BY seq DESC LIMIT 1";
const HEAD_OF_ALL: &str = "SELECT seq FROM outbox ORDER BY seq DESC LIMIT 1";
const MARK_DELIVERED: &str = concat!(
    "UPDATE outbox SET delivered_at = $3 WHERE id = ANY($2) AND delivered_at IS NULL AND ",
    within!("company_id")
);

const PURGE: &str = concat!(
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM (SELECT seq, at, delivered_at FROM outbox WHERE ",
    within!("company_id"),
    " ORDER BY seq LIMIT $3) AS oldest WHERE at < $2 AND delivered_at IS NOT NULL)"
);

fn read(row: &PgRow) -> Result<Envelope, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Envelope {
        id: fields.id("id")?,
        seq: fields.count("seq")?,
        company: fields.id("company_id")?,
        at: fields.get("at")?,
        actor: fields.word("actor", |text| text.parse::<ActorName>().ok())?,
        version: fields.count("version")?,
        event: fields.json("event")?,
    })
}

/// Sorted, so that two units of work that need several turns never wait for each other in a circle.
fn turns(events: &[Envelope]) -> Vec<i64> {
    let mut keys: Vec<i64> = events.iter().map(|event| lock_key(Purpose::Outbox, event.company)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn append(events: &[Envelope]) -> Statement<'_> {
    query(APPEND)
        .bind(turns(events))
        .bind(events.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.company.as_uuid()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.at).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.actor.to_string()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| i64::from(event.version)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| Json::<&Event>(&event.event)).collect::<Vec<_>>())
}

#[async_trait]
impl<L: Link> Outbox for PgRepo<L> {
    async fn append_events(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        for event in events {
            self.admit(event.company)?;
        }
        if events.is_empty() {
            return self.may_write();
        }
        let id = |row: &PgRow| Fields::of(row, TABLE).get::<Uuid>("id");
        let all = self.insert_all(events.len(), append(events), id, |ids| query(UNDO_APPEND).bind(ids)).await?;
        if all { Ok(()) } else { Err(StoreError::Duplicate { entity: "event", constraint: "id" }) }
    }

    async fn claim_events(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Envelope>, StoreError> {
        self.may_write()?;
        let claim = query(CLAIM).bind(self.company_filter()).bind(now).bind(lease_until).bind(i64::from(limit));
        self.all(claim).await?.iter().map(read).collect()
    }

    async fn mark_delivered(&mut self, events: &[EventId], at: DateTime<Utc>) -> Result<(), StoreError> {
        self.may_write()?;
        let ids: Vec<Uuid> = events.iter().map(|id| id.as_uuid()).collect();
        self.run(query(MARK_DELIVERED).bind(self.company_filter()).bind(ids).bind(at)).await.map(|_| ())
    }

    async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "seq"), "company_id", self.scoped_to()).compare(
            "seq",
            " > ",
            Some(amount(after)),
        );
        self.all(list.page(0, u64::from(limit)).build()).await?.iter().map(read).collect()
    }

    async fn events_head(&mut self) -> Result<u64, StoreError> {
        let statement = match self.company_filter() {
            Some(company) => query(HEAD).bind(company),
            None => query(HEAD_OF_ALL),
        };
        let row = self.one(statement).await?;
        row.map_or(Ok(0), |row| Fields::of(&row, TABLE).count("seq"))
    }

    async fn find_events(&mut self, filter: &EventFilter, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let actor = filter.actor.map(|actor| actor.to_string());
        let list = List::of(TABLE, (columns!(), TABLE, "seq DESC"), "company_id", self.scoped_to())
            // What the index holds.
            .when(filter.actor.is_some_and(|actor| actor != ActorName::System), "actor <> 'system'")
            .equal("actor", actor)
            .equal("event ->> 'type'", filter.name.clone())
            .compare("at", " >= ", filter.from.map(instant_bound))
            .compare("at", " < ", filter.to.map(instant_bound))
            .compare("seq", " < ", filter.before.map(amount));
        self.all(list.page(0, u64::from(limit)).build()).await?.iter().map(read).collect()
    }

    async fn purge_events(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.may_write()?;
        let purge = query(PURGE).bind(self.company_filter()).bind(instant_bound(before)).bind(i64::from(limit));
        self.run(purge).await
    }
}
