//! Events that wait for delivery.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::event::Envelope;
use dialplane_core::id::EventId;
use dialplane_core::scope::ActorName;
use dialplane_core::store::{EventFilter, Outbox, Repo as _, StoreError};
use sqlx::AssertSqlSafe;

use crate::statement::{Fields, Filter, Scoped, document, list, placeholders, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "outbox";

/// Rows that one statement inserts, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! columns {
    () => {
        "seq, id, company_id, at, actor, version, event"
    };
}

/// There is one writer, so that nobody else can claim in between.
macro_rules! claim {
    ($scope:literal) => {
        concat!(
            "UPDATE outbox SET lease_until = ?3 WHERE seq IN (SELECT seq FROM outbox INDEXED BY outbox_waiting \
             WHERE delivered_at IS NULL AND (lease_until IS NULL OR lease_until <= ?2)",
            $scope,
            " ORDER BY seq LIMIT ?4) RETURNING ",
            columns!()
        )
    };
}

pub(crate) const CLAIM: Scoped = Scoped { company: claim!(" AND company_id = ?1"), system: claim!("") };

pub(crate) const DELIVERED: Scoped = scoped!(["UPDATE outbox SET delivered_at = ?3 \
    WHERE id IN (SELECT unhex(value) FROM json_each(?2)) AND delivered_at IS NULL"]);

pub(crate) const AFTER: Scoped =
    scoped!(["SELECT ", columns!(), " FROM outbox WHERE seq > ?2"][" ORDER BY seq LIMIT ?3"]);

pub(crate) const HEAD: Scoped = scoped!(["SELECT seq FROM outbox WHERE seq > 0"][" ORDER BY seq DESC LIMIT 1"]);

macro_rules! purge {
    ($scope:literal) => {
        concat!(
            "DELETE FROM outbox WHERE seq IN (SELECT seq FROM (SELECT seq, at, delivered_at FROM outbox",
            $scope,
            " ORDER BY seq LIMIT ?3) WHERE at < ?2 AND delivered_at IS NOT NULL)"
        )
    };
}

pub(crate) const PURGE: Scoped = Scoped { company: purge!(" WHERE company_id = ?1"), system: purge!("") };

fn read(row: &mut Fields<'_>) -> Result<Envelope, StoreError> {
    let seq = row.count("seq")?;
    Ok(Envelope {
        seq,
        id: row.id("id")?,
        company: row.id("company_id")?,
        at: row.time("at")?,
        actor: row.word("actor", |word| word.parse().ok())?,
        version: row.count("version")?,
        event: row.document("event")?,
    })
}

impl SqliteRepo<'_> {
    async fn insert_events(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        let values = placeholders(1, 6, events.len());
        let text = ["INSERT INTO outbox (id, company_id, at, actor, version, event) VALUES ", &values].concat();
        let query = events.iter().try_fold(sqlx::query(AssertSqlSafe(text)), |query, event| {
            Ok::<_, StoreError>(
                query
                    .bind(event.id.as_uuid())
                    .bind(event.company.as_uuid())
                    .bind(event.at.timestamp_micros())
                    .bind(event.actor.to_string())
                    .bind(event.version)
                    .bind(document(&event.event)?),
            )
        })?;
        self.change(query).await.map(|_| ())
    }
}

#[async_trait]
impl Outbox for SqliteRepo<'_> {
    async fn append_events(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        self.may_write()?;
        events.iter().try_for_each(|event| self.admits(event.company))?;
        let statements = events.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in events.chunks(ROWS_MAX) {
            result = self.insert_events(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn claim_events(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Envelope>, StoreError> {
        let query = self.scoped(&CLAIM).bind(now.timestamp_micros()).bind(lease_until.timestamp_micros()).bind(limit);
        let mut claimed = self.change(query).await?.all(TABLE, read)?;
        // RETURNING has no order.
        claimed.sort_unstable_by_key(|event| event.seq);
        Ok(claimed)
    }

    async fn mark_delivered(&mut self, events: &[EventId], at: DateTime<Utc>) -> Result<(), StoreError> {
        let ids = list(events.iter().map(|id| id.as_uuid().simple().to_string()));
        self.change(self.scoped(&DELIVERED).bind(ids).bind(at.timestamp_micros())).await.map(|_| ())
    }

    async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let query = self.scoped(&AFTER).bind(stored(after)).bind(limit);
        self.fetch(query).await?.all(TABLE, read)
    }

    async fn events_head(&mut self) -> Result<u64, StoreError> {
        let head = self.fetch(self.scoped(&HEAD)).await?.one(TABLE, |row| row.count("seq"))?;
        Ok(head.unwrap_or(0))
    }

    async fn find_events(&mut self, filter: &EventFilter, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        if let Some(actor) = filter.actor {
            if actor != ActorName::System {
                // What the index holds.
                rows.holds("actor <> 'system'");
            }
            rows.text("actor = ", Some(actor.to_string()));
        }
        rows.text("json_extract(event, '$.type') = ", filter.name.clone());
        // All that happened since some instant is at the end of the list: the sign keeps SQLite from sorting it.
        let since = if filter.to.is_some() { "at >= " } else { "+at >= " };
        rows.number(since, filter.from.map(|at| at.timestamp_micros()));
        rows.number("at < ", filter.to.map(|at| at.timestamp_micros()));
        rows.number("seq < ", filter.before.map(stored));
        self.fetch(rows.first(TABLE, columns!(), "seq", limit)).await?.all(TABLE, read)
    }

    async fn purge_events(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let query = self.scoped(&PURGE).bind(before.timestamp_micros()).bind(limit);
        Ok(self.change(query).await?.count())
    }
}
