//! Recordings.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::carrier::Service;
use dialplane_core::call::recording::{Recording, RecordingState};
use dialplane_core::id::{CallId, RecordingId};
use dialplane_core::store::{RecordingStore, StoreError};

use crate::client::id_list;
use crate::statement::{Fields, Query, Scoped, before, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "recordings";

macro_rules! columns {
    () => {
        "id, company_id, call_id, service, sid, state, media_type, bytes, seconds, due_at, attempts, version, created_at, updated_at"
    };
}

/// Stores nothing when the call is not of the recording's company.
const INSERT: &str = concat!(
    "INSERT INTO recordings (",
    columns!(),
    ") SELECT ?1, company_id, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 FROM calls WHERE id = ?3 AND company_id = ?2"
);
const UPDATE: &str = "UPDATE recordings SET state = ?6, media_type = ?7, bytes = ?8, seconds = ?9, due_at = ?10, attempts = ?11, \
    version = ?12, created_at = ?13, updated_at = ?14 WHERE id = ?1 AND company_id = ?2 AND version = ?15";
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM recordings WHERE id = ?2"]);
const OF_CALLS: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM recordings WHERE call_id IN (SELECT unhex(value) FROM json_each(?2))"][" ORDER BY call_id, id"]
);
pub(crate) const DUE: Scoped = scoped!([
    "SELECT ",
    columns!(),
    " FROM recordings INDEXED BY recordings_due WHERE due_at <= ?2"
] and "+company_id" [" ORDER BY due_at, id LIMIT ?3"]);

fn read(row: &mut Fields<'_>) -> Result<Recording, StoreError> {
    Ok(Recording {
        id: row.id("id")?,
        company: row.id("company_id")?,
        call: row.id("call_id")?,
        service: row.word("service", Service::from_word)?,
        sid: row.text("sid")?,
        state: row.word("state", RecordingState::from_word)?,
        media_type: row.text_opt("media_type")?,
        bytes: row.count("bytes")?,
        seconds: row.count("seconds")?,
        due_at: row.time_opt("due_at")?,
        attempts: row.count("attempts")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, recording: &Recording) -> Query<'static> {
    sqlx::query(text)
        .bind(recording.id.as_uuid())
        .bind(recording.company.as_uuid())
        .bind(recording.call.as_uuid())
        .bind(recording.service.as_str())
        .bind(recording.sid.clone())
        .bind(recording.state.as_str())
        .bind(recording.media_type.clone())
        .bind(stored(recording.bytes))
        .bind(recording.seconds)
        .bind(recording.due_at.map(|at| at.timestamp_micros()))
        .bind(recording.attempts)
        .bind(recording.version)
        .bind(recording.created_at.timestamp_micros())
        .bind(recording.updated_at.timestamp_micros())
}

#[async_trait]
impl RecordingStore for SqliteRepo<'_> {
    async fn insert_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        self.admits(recording.company)?;
        if self.change(bind(INSERT, recording)).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn update_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        self.reaches(recording.company)?;
        self.change(bind(UPDATE, recording).bind(before(recording.version))).await?.or_stale()
    }

    async fn recording(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn recordings(&mut self, calls: &[CallId]) -> Result<Vec<Recording>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&OF_CALLS).bind(id_list(calls))).await?.all(TABLE, read)
    }

    async fn due_recordings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Recording>, StoreError> {
        self.fetch(self.scoped(&DUE).bind(now.timestamp_micros()).bind(limit)).await?.all(TABLE, read)
    }
}
