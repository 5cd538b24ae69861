//! Voicemails.

use async_trait::async_trait;
use dialplane_core::flow::Voicemail;
use dialplane_core::id::{CallId, VoicemailId};
use dialplane_core::pii::Pii;
use dialplane_core::store::{Listing, Page, StoreError, VoicemailFilter, VoicemailStore};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, amount, bare, before, instant_bound, within};

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
    ") SELECT $1, company_id, id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM calls \
     WHERE id = $3 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT EXISTS (SELECT FROM voicemails WHERE id = $1)";
const UPDATE: &str = "UPDATE voicemails SET heard_at = $3, heard_by = $4, version = $5, updated_at = $6 \
     WHERE id = $1 AND company_id = $2 AND version = $7";
const DELETE: &str = concat!("DELETE FROM voicemails WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM voicemails WHERE id = $2 AND ", within!("company_id"));
const OF_CALLS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM voicemails WHERE call_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY call_id, id"
);

fn read(row: &PgRow) -> Result<Voicemail, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Voicemail {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        call: fields.id("call_id")?,
        flow: fields.reference("flow_id")?,
        mailbox: fields.text("mailbox")?,
        from: Pii::new(fields.text("from_number")?),
        length_ms: fields.count("length_ms")?,
        media_type: fields.text("media_type")?,
        bytes: fields.count("bytes")?,
        heard_at: fields.get("heard_at")?,
        heard_by: fields.reference("heard_by")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

#[async_trait]
impl<L: Link> VoicemailStore for PgRepo<L> {
    async fn insert_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        self.admit(voicemail.company)?;
        let insert = query(INSERT)
            .bind(voicemail.id.as_uuid())
            .bind(voicemail.company.as_uuid())
            .bind(voicemail.call.as_uuid())
            .bind(bare(voicemail.flow))
            .bind(text(&voicemail.mailbox))
            .bind(text(voicemail.from.expose()))
            .bind(amount(voicemail.length_ms))
            .bind(text(&voicemail.media_type))
            .bind(amount(voicemail.bytes))
            .bind(voicemail.heard_at)
            .bind(bare(voicemail.heard_by))
            .bind(i64::from(voicemail.version))
            .bind(voicemail.created_at)
            .bind(voicemail.updated_at);
        let rows = self.run(insert).await?;
        if rows == 0 && !self.has_call(voicemail.call, voicemail.company).await? {
            return Err(StoreError::OutOfScope);
        }
        self.inserted(rows, "voicemail", &["id"], query(CLASH).bind(voicemail.id.as_uuid())).await
    }

    async fn update_voicemail(&mut self, voicemail: &Voicemail) -> Result<(), StoreError> {
        self.reach(voicemail.company)?;
        let update = query(UPDATE)
            .bind(voicemail.id.as_uuid())
            .bind(voicemail.company.as_uuid())
            .bind(voicemail.heard_at)
            .bind(bare(voicemail.heard_by))
            .bind(i64::from(voicemail.version))
            .bind(voicemail.updated_at);
        self.replace(update.bind(before(voicemail.version))).await
    }

    async fn delete_voicemail(&mut self, id: VoicemailId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn voicemail(&mut self, id: VoicemailId) -> Result<Option<Voicemail>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn voicemails(&mut self, filter: &VoicemailFilter, page: Page) -> Result<Listing<Voicemail>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to())
            .equal("mailbox", filter.mailbox.as_deref().map(|mailbox| text(mailbox).into_owned()))
            .when(filter.heard == Some(true), "heard_at IS NOT NULL")
            .when(filter.heard == Some(false), "heard_at IS NULL")
            .compare("created_at", " >= ", filter.from.map(instant_bound))
            .compare("created_at", " < ", filter.to.map(instant_bound))
            .compare("id", " < ", filter.before.map(|id| id.as_uuid()));
        self.listing(list, page, read).await
    }

    async fn voicemails_of(&mut self, calls: &[CallId]) -> Result<Vec<Voicemail>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<Uuid> = calls.iter().map(|call| call.as_uuid()).collect();
        self.all(query(OF_CALLS).bind(self.company_filter()).bind(calls)).await?.iter().map(read).collect()
    }
}
