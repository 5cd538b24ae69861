//! Recordings.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::carrier::Service;
use dialplane_core::call::recording::{Recording, RecordingState};
use dialplane_core::id::{CallId, CompanyId, RecordingId};
use dialplane_core::store::{RecordingStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::{maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, amount, before, within};

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
    ") SELECT $1, company_id, id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM calls \
     WHERE id = $3 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND service = $3 AND sid = $4) FROM recordings \
     WHERE id = $1 OR (company_id = $2 AND service = $3 AND sid = $4)";
const UPDATE: &str = "UPDATE recordings SET state = $3, media_type = $4, bytes = $5, seconds = $6, due_at = $7, attempts = $8, \
     version = $9, created_at = $10, updated_at = $11 WHERE id = $1 AND company_id = $2 AND version = $12";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM recordings WHERE id = $2 AND ", within!("company_id"));
const OF_CALLS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM recordings WHERE call_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY call_id, id"
);
const HAS_CALL: &str = "SELECT EXISTS (SELECT FROM calls WHERE id = $1 AND company_id = $2)";

fn read(row: &PgRow) -> Result<Recording, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Recording {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        call: fields.id("call_id")?,
        service: fields.word("service", Service::from_word)?,
        sid: fields.text("sid")?,
        state: fields.word("state", RecordingState::from_word)?,
        media_type: fields.maybe_text("media_type")?,
        bytes: fields.count("bytes")?,
        seconds: fields.count("seconds")?,
        due_at: fields.get("due_at")?,
        attempts: fields.count("attempts")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

/// Binds what may change, from the state on.
fn bind_state<'q>(statement: Statement<'q>, recording: &'q Recording) -> Statement<'q> {
    statement
        .bind(recording.state.as_str())
        .bind(maybe(recording.media_type.as_deref()))
        .bind(amount(recording.bytes))
        .bind(i64::from(recording.seconds))
        .bind(recording.due_at)
        .bind(i64::from(recording.attempts))
        .bind(i64::from(recording.version))
        .bind(recording.created_at)
        .bind(recording.updated_at)
}

#[async_trait]
impl<L: Link> RecordingStore for PgRepo<L> {
    async fn insert_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        self.admit(recording.company)?;
        let insert = query(INSERT)
            .bind(recording.id.as_uuid())
            .bind(recording.company.as_uuid())
            .bind(recording.call.as_uuid())
            .bind(recording.service.as_str())
            .bind(text(&recording.sid));
        let rows = self.run(bind_state(insert, recording)).await?;
        if rows == 0 && !self.has_call(recording.call, recording.company).await? {
            return Err(StoreError::OutOfScope);
        }
        let clash = query(CLASH).bind(recording.id.as_uuid()).bind(recording.company.as_uuid());
        let clash = clash.bind(recording.service.as_str()).bind(text(&recording.sid));
        self.inserted(rows, "recording", &["id", "sid"], clash).await
    }

    async fn update_recording(&mut self, recording: &Recording) -> Result<(), StoreError> {
        self.reach(recording.company)?;
        let update = query(UPDATE).bind(recording.id.as_uuid()).bind(recording.company.as_uuid());
        self.replace(bind_state(update, recording).bind(before(recording.version))).await
    }

    async fn recording(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn recordings(&mut self, calls: &[CallId]) -> Result<Vec<Recording>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<Uuid> = calls.iter().map(|call| call.as_uuid()).collect();
        self.all(query(OF_CALLS).bind(self.company_filter()).bind(calls)).await?.iter().map(read).collect()
    }

    async fn due_recordings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Recording>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "due_at, id"), "company_id", self.scoped_to()).compare(
            "due_at",
            " <= ",
            Some(now),
        );
        self.all(list.page(0, limit.into()).build()).await?.iter().map(read).collect()
    }
}

impl<L: Link> PgRepo<L> {
    /// Whether there is such a call of the company.
    pub(crate) async fn has_call(&mut self, call: CallId, company: CompanyId) -> Result<bool, StoreError> {
        let row = self.one(query(HAS_CALL).bind(call.as_uuid()).bind(company.as_uuid())).await?;
        row.map_or(Ok(false), |row| Fields::of(&row, "calls").get("exists"))
    }
}
