//! Callbacks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CallId, CallbackId, QueueId};
use dialplane_core::phone::E164;
use dialplane_core::queue::Callback;
use dialplane_core::store::{CallbackFilter, CallbackStore, Listing, Page, Repo as _, StoreError};

use crate::statement::{Fields, Filter, Query, Scoped, before, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "callbacks";

macro_rules! columns {
    () => {
        "id, company_id, queue_id, number, shown, state, since, due_at, attempts, attempts_max, retry_seconds, asked_in, call_id, agent_id, \
         version, created_at, updated_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO callbacks (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
);
const UPDATE: &str = "UPDATE callbacks SET queue_id = ?3, number = ?4, shown = ?5, state = ?6, since = ?7, due_at = ?8, attempts = ?9, \
    attempts_max = ?10, retry_seconds = ?11, asked_in = ?12, call_id = ?13, agent_id = ?14, version = ?15, created_at = ?16, \
    updated_at = ?17 WHERE id = ?1 AND company_id = ?2 AND version = ?18";
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM callbacks WHERE id = ?2"]);
const OF_CALL: Scoped = scoped!(["SELECT ", columns!(), " FROM callbacks WHERE call_id = ?2"]);
const OPEN_TO: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM callbacks WHERE number = ?2 AND state IN ('waiting', 'dialling')"][" ORDER BY id"]
);
const OPEN_IN: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM callbacks WHERE queue_id = ?2 AND state IN ('waiting', 'dialling')"][" ORDER BY id"]
);
const DUE: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM callbacks WHERE state = 'waiting' AND due_at <= ?2"][" ORDER BY since, id LIMIT ?3"]
);

fn read(row: &mut Fields<'_>) -> Result<Callback, StoreError> {
    Ok(Callback {
        id: row.id("id")?,
        company: row.id("company_id")?,
        queue: row.id("queue_id")?,
        number: row.word("number", E164::from_stored)?,
        shown: row.word_opt("shown", E164::from_stored)?,
        state: row.word("state", |word| word.parse().ok())?,
        since: row.time("since")?,
        due_at: row.time("due_at")?,
        attempts: row.count("attempts")?,
        attempts_max: row.count("attempts_max")?,
        retry_seconds: row.count("retry_seconds")?,
        asked_in: row.id_opt("asked_in")?,
        call: row.id_opt("call_id")?,
        agent: row.id_opt("agent_id")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, callback: &Callback) -> Query<'static> {
    sqlx::query(text)
        .bind(callback.id.as_uuid())
        .bind(callback.company.as_uuid())
        .bind(callback.queue.as_uuid())
        .bind(callback.number.as_str().to_owned())
        .bind(callback.shown.as_ref().map(|number| number.as_str().to_owned()))
        .bind(callback.state.as_str())
        .bind(callback.since.timestamp_micros())
        .bind(callback.due_at.timestamp_micros())
        .bind(callback.attempts)
        .bind(callback.attempts_max)
        .bind(callback.retry_seconds)
        .bind(callback.asked_in.map(|id| id.as_uuid()))
        .bind(callback.call.map(|id| id.as_uuid()))
        .bind(callback.agent.map(|id| id.as_uuid()))
        .bind(callback.version)
        .bind(callback.created_at.timestamp_micros())
        .bind(callback.updated_at.timestamp_micros())
}

#[async_trait]
impl CallbackStore for SqliteRepo<'_> {
    async fn insert_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.admits(callback.company)?;
        self.change(bind(INSERT, callback)).await.map(|_| ())
    }

    async fn update_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.reaches(callback.company)?;
        self.change(bind(UPDATE, callback).bind(before(callback.version))).await?.or_stale()
    }

    async fn callback(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn callback_for_update(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.change(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn callback_of_call_for_update(&mut self, call: CallId) -> Result<Option<Callback>, StoreError> {
        self.change(self.scoped(&OF_CALL).bind(call.as_uuid())).await?.one(TABLE, read)
    }

    async fn open_callbacks_for_update(&mut self, number: &E164) -> Result<Vec<Callback>, StoreError> {
        self.change(self.scoped(&OPEN_TO).bind(number.as_str().to_owned())).await?.all(TABLE, read)
    }

    async fn open_callbacks_of_queue_for_update(&mut self, queue: QueueId) -> Result<Vec<Callback>, StoreError> {
        self.change(self.scoped(&OPEN_IN).bind(queue.as_uuid())).await?.all(TABLE, read)
    }

    async fn due_callbacks(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Callback>, StoreError> {
        self.fetch(self.scoped(&DUE).bind(now.timestamp_micros()).bind(limit)).await?.all(TABLE, read)
    }

    async fn callbacks(&mut self, filter: &CallbackFilter, page: Page) -> Result<Listing<Callback>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.id("queue_id = ", filter.queue);
        rows.text("state = ", filter.state.map(|state| state.as_str().to_owned()));
        rows.id("id < ", filter.before);
        self.fetch(rows.listing(TABLE, columns!(), "id", page)).await?.listing(TABLE, read)
    }
}
