//! Callbacks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CallId, CallbackId, QueueId};
use dialplane_core::phone::E164;
use dialplane_core::queue::Callback;
use dialplane_core::store::{CallbackFilter, CallbackStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, instant_bound, within};

const TABLE: &str = "callbacks";

macro_rules! columns {
    () => {
        "id, company_id, queue_id, number, shown, state, since, due_at, attempts, attempts_max, retry_seconds, asked_in, call_id, agent_id, \
         version, created_at, updated_at"
    };
}

macro_rules! select {
    ($condition:literal, $rest:literal) => {
        concat!("SELECT ", columns!(), " FROM callbacks WHERE ", $condition, " AND ", within!("company_id"), $rest)
    };
}

macro_rules! update {
    () => {
        "UPDATE callbacks SET queue_id = $3, number = $4, shown = $5, state = $6, since = $7, due_at = $8, attempts = $9, \
         attempts_max = $10, retry_seconds = $11, asked_in = $12, call_id = $13, agent_id = $14, version = $15, created_at = $16, \
         updated_at = $17 WHERE id = $1 AND company_id = $2 AND version = $18"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO callbacks (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), \
     bool_or(company_id = $2 AND number = $3 AND queue_id = $4 AND state IN ('waiting', 'dialling')) FROM callbacks \
     WHERE id = $1 OR (company_id = $2 AND number = $3 AND queue_id = $4)";
const UPDATE: &str = update!();
/// A callback that stays as open as it was can clash with none.
const UPDATE_AS_OPEN: &str =
    concat!(update!(), " AND (state IN ('waiting', 'dialling') OR $6 NOT IN ('waiting', 'dialling'))");
const BY_ID: &str = select!("id = $2", "");
const BY_ID_LOCKED: &str = select!("id = $2", " FOR UPDATE");
const OF_CALL: &str = select!("call_id = $2", " FOR UPDATE");
const OPEN_TO: &str = select!("number = $2 AND state IN ('waiting', 'dialling')", " ORDER BY id FOR UPDATE");
const OPEN_IN: &str = select!("queue_id = $2 AND state IN ('waiting', 'dialling')", " ORDER BY id FOR UPDATE");
const DUE: &str = select!("state = 'waiting' AND due_at <= $2", " ORDER BY since, id LIMIT $3");

fn read(row: &PgRow) -> Result<Callback, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Callback {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        queue: fields.id("queue_id")?,
        number: fields.word("number", E164::from_stored)?,
        shown: fields.maybe_word("shown", E164::from_stored)?,
        state: fields.word("state", |word| word.parse().ok())?,
        since: fields.get("since")?,
        due_at: fields.get("due_at")?,
        attempts: fields.count("attempts")?,
        attempts_max: fields.count("attempts_max")?,
        retry_seconds: fields.count("retry_seconds")?,
        asked_in: fields.reference("asked_in")?,
        call: fields.reference("call_id")?,
        agent: fields.reference("agent_id")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, callback: &'q Callback) -> Statement<'q> {
    query(sql)
        .bind(callback.id.as_uuid())
        .bind(callback.company.as_uuid())
        .bind(callback.queue.as_uuid())
        .bind(callback.number.as_str())
        .bind(callback.shown.as_ref().map(E164::as_str))
        .bind(callback.state.as_str())
        .bind(callback.since)
        .bind(callback.due_at)
        .bind(i64::from(callback.attempts))
        .bind(i64::from(callback.attempts_max))
        .bind(i64::from(callback.retry_seconds))
        .bind(bare(callback.asked_in))
        .bind(bare(callback.call))
        .bind(bare(callback.agent))
        .bind(i64::from(callback.version))
        .bind(callback.created_at)
        .bind(callback.updated_at)
}

#[async_trait]
impl<L: Link> CallbackStore for PgRepo<L> {
    async fn insert_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.admit(callback.company)?;
        let clash = query(CLASH)
            .bind(callback.id.as_uuid())
            .bind(callback.company.as_uuid())
            .bind(callback.number.as_str())
            .bind(callback.queue.as_uuid());
        self.insert("callback", &["id", "number"], bind(INSERT, callback), clash).await
    }

    async fn update_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.reach(callback.company)?;
        let before = before(callback.version);
        self.replace_unique(bind(UPDATE_AS_OPEN, callback).bind(before), bind(UPDATE, callback).bind(before)).await
    }

    async fn callback(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn callback_for_update(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_ID_LOCKED).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn callback_of_call_for_update(&mut self, call: CallId) -> Result<Option<Callback>, StoreError> {
        self.may_write()?;
        let row = self.one(query(OF_CALL).bind(self.company_filter()).bind(call.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn open_callbacks_for_update(&mut self, number: &E164) -> Result<Vec<Callback>, StoreError> {
        self.may_write()?;
        let open = query(OPEN_TO).bind(self.company_filter()).bind(number.as_str());
        self.all(open).await?.iter().map(read).collect()
    }

    async fn open_callbacks_of_queue_for_update(&mut self, queue: QueueId) -> Result<Vec<Callback>, StoreError> {
        self.may_write()?;
        let open = query(OPEN_IN).bind(self.company_filter()).bind(queue.as_uuid());
        self.all(open).await?.iter().map(read).collect()
    }

    async fn due_callbacks(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Callback>, StoreError> {
        let due = query(DUE).bind(self.company_filter()).bind(instant_bound(now)).bind(i64::from(limit));
        self.all(due).await?.iter().map(read).collect()
    }

    async fn callbacks(&mut self, filter: &CallbackFilter, page: Page) -> Result<Listing<Callback>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to())
            .equal("queue_id", filter.queue.map(|id| id.as_uuid()))
            .equal("state", filter.state.map(|state| state.as_str()))
            .compare("id", " < ", filter.before.map(|id| id.as_uuid()));
        self.listing(list, page, read).await
    }
}
