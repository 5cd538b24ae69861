//! The accounts that companies have at Twilio.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::account::TwilioSettings;
use dialplane_core::id::CompanyId;
use dialplane_core::store::{StoreError, TwilioStore};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "twilio_settings";

const INSERT: &str =
    "INSERT INTO twilio_settings (company_id, accounts, forget_at, version, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const UPDATE: &str = "UPDATE twilio_settings SET accounts = ?2, forget_at = ?3, version = ?4, updated_at = ?5 \
    WHERE company_id = ?1 AND version = ?6";
const OF_COMPANY: Scoped =
    scoped!(["SELECT company_id, accounts, version, updated_at FROM twilio_settings WHERE company_id = ?2"]);
pub(crate) const DUE: Scoped = scoped!([
    "SELECT company_id, accounts, version, updated_at FROM twilio_settings INDEXED BY twilio_settings_due \
     WHERE forget_at <= ?2"
] and "+company_id" [" ORDER BY forget_at, company_id LIMIT ?3"]);

fn read(row: &mut Fields<'_>) -> Result<TwilioSettings, StoreError> {
    Ok(TwilioSettings {
        company: row.id("company_id")?,
        accounts: row.document("accounts")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
    })
}

fn bind(text: &'static str, settings: &TwilioSettings) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(settings.company.as_uuid())
        .bind(document(&settings.accounts)?)
        .bind(settings.accounts.forget_at().map(|at| at.timestamp_micros()))
        .bind(settings.version)
        .bind(settings.updated_at.timestamp_micros()))
}

#[async_trait]
impl TwilioStore for SqliteRepo<'_> {
    async fn insert_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.admits(settings.company)?;
        self.change(bind(INSERT, settings)?).await.map(|_| ())
    }

    async fn update_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.reaches(settings.company)?;
        self.change(bind(UPDATE, settings)?.bind(before(settings.version))).await?.or_stale()
    }

    async fn twilio_settings(&mut self, company: CompanyId) -> Result<Option<TwilioSettings>, StoreError> {
        self.fetch(self.scoped(&OF_COMPANY).bind(company.as_uuid())).await?.one(TABLE, read)
    }

    async fn due_twilio_settings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<TwilioSettings>, StoreError> {
        self.fetch(self.scoped(&DUE).bind(now.timestamp_micros()).bind(limit)).await?.all(TABLE, read)
    }
}
