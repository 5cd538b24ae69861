//! Voicemails.

use async_trait::async_trait;
use dialplane_core::flow::Voicemail;
use dialplane_core::id::{CallId, VoicemailId};
use dialplane_core::pii::Pii;
use dialplane_core::store::{Listing, Page, Repo as _, StoreError, VoicemailFilter, VoicemailStore};

use crate::client::id_list;
use crate::statement::{Fields, Filter, Scoped, before, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "voicemails";

macro_rules! columns {
    () => {
        "id, company_id, call_id, flow_id, mailbox, from_number, length_ms, media_type, bytes, heard_at, heard_by, version, \
         created_at, updated_at"
    };
}

/// Stores nothing when the call is not of the voicemail's company.
const INSERT: &str = concat!(
    "INSERT INTO voicemails (",
    columns!(),
    ") SELECT ?1, company_id, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 FROM calls WHERE id = ?3 AND company_id = ?2"
);
const UPDATE: &str = "UPDATE voicemails SET heard_at = ?3, heard_by = ?4, version = ?5, updated_at = ?6 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?7";
const DELETE: Scoped = scoped!(["DELETE FROM voicemails WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM voicemails WHERE id = ?2"]);
const OF_CALLS: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM voicemails WHERE call_id IN (SELECT unhex(value) FROM json_each(?2))"][" ORDER BY call_id, id"]
);

fn read(row: &mut Fields<'_>) -> Result<Voicemail, StoreError> {
    Ok(Voicemail {
        id: row.id("id")?,
        company: row.id("company_id")?,
        call: row.id("call_id")?,
        flow: row.id_opt("flow_id")?,
        mailbox: row.text("mailbox")?,
        from: Pii::new(row.text("from_number")?),
        length_ms: row.count("length_ms")?,
        media_type: row.text("media_type")?,
        bytes: row.count("bytes")?,
        heard_at: row.time_opt("heard_at")?,
        heard_by: row.id_opt("heard_by")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

#[async_trait]
impl VoicemailStore for SqliteRepo<'_> {
    async fn insert_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        self.admits(voicemail.company)?;
        let query = sqlx::query(INSERT)
            .bind(voicemail.id.as_uuid())
            .bind(voicemail.company.as_uuid())
            .bind(voicemail.call.as_uuid())
            .bind(voicemail.flow.map(|id| id.as_uuid()))
            .bind(voicemail.mailbox.clone())
            .bind(voicemail.from.expose().clone())
            .bind(stored(voicemail.length_ms))
            .bind(voicemail.media_type.clone())
            .bind(stored(voicemail.bytes))
            .bind(voicemail.heard_at.map(|at| at.timestamp_micros()))
            .bind(voicemail.heard_by.map(|id| id.as_uuid()))
            .bind(voicemail.version)
            .bind(voicemail.created_at.timestamp_micros())
            .bind(voicemail.updated_at.timestamp_micros());
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn update_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        self.reaches(voicemail.company)?;
        let query = sqlx::query(UPDATE)
            .bind(voicemail.id.as_uuid())
            .bind(voicemail.company.as_uuid())
            .bind(voicemail.heard_at.map(|at| at.timestamp_micros()))
            .bind(voicemail.heard_by.map(|id| id.as_uuid()))
            .bind(voicemail.version)
            .bind(voicemail.updated_at.timestamp_micros())
            .bind(before(voicemail.version));
        self.change(query).await?.or_stale()
    }

    async fn delete_voicemail(&mut self, id: VoicemailId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn voicemail(&mut self, id: VoicemailId) -> Result<Option<Voicemail>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn voicemails(&mut self, filter: &VoicemailFilter, page: Page) -> Result<Listing<Voicemail>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.text("mailbox = ", filter.mailbox.clone());
        match filter.heard {
            Some(true) => rows.holds("heard_at IS NOT NULL"),
            Some(false) => rows.holds("heard_at IS NULL"),
            None => {}
        }
        rows.number("created_at >= ", filter.from.map(|at| at.timestamp_micros()));
        rows.number("created_at < ", filter.to.map(|at| at.timestamp_micros()));
        rows.id("id < ", filter.before);
        self.fetch(rows.listing(TABLE, columns!(), "id", page)).await?.listing(TABLE, read)
    }

    async fn voicemails_of(&mut self, calls: &[CallId]) -> Result<Vec<Voicemail>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&OF_CALLS).bind(id_list(calls))).await?.all(TABLE, read)
    }
}
