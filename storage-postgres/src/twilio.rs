//! The accounts that companies have at Twilio.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::account::TwilioSettings;
use dialplane_core::id::CompanyId;
use dialplane_core::store::{StoreError, TwilioStore};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::Document;
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "twilio_settings";

macro_rules! columns {
    () => {
        "company_id, accounts, version, updated_at"
    };
}

const INSERT: &str = "INSERT INTO twilio_settings (company_id, accounts, forget_at, version, updated_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE twilio_settings SET accounts = $2, forget_at = $3, version = $4, updated_at = $5 \
     WHERE company_id = $1 AND version = $6";
const OF_COMPANY: &str =
    concat!("SELECT ", columns!(), " FROM twilio_settings WHERE company_id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<TwilioSettings, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(TwilioSettings {
        company: fields.id("company_id")?,
        accounts: fields.json("accounts")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, settings: &TwilioSettings) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(settings.company.as_uuid())
        .bind(Document::of(&settings.accounts)?)
        .bind(settings.accounts.forget_at())
        .bind(i64::from(settings.version))
        .bind(settings.updated_at);
    Ok(bound)
}

#[async_trait]
impl<L: Link> TwilioStore for PgRepo<L> {
    async fn insert_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.admit(settings.company)?;
        if self.run(bind(INSERT, settings)?).await? == 0 {
            return Err(StoreError::Duplicate { entity: "twilio_settings", constraint: "company" });
        }
        Ok(())
    }

    async fn update_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.reach(settings.company)?;
        self.replace(bind(UPDATE, settings)?.bind(before(settings.version))).await
    }

    async fn twilio_settings(&mut self, company: CompanyId) -> Result<Option<TwilioSettings>, StoreError> {
        let row = self.one(query(OF_COMPANY).bind(self.company_filter()).bind(company.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn due_twilio_settings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<TwilioSettings>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "forget_at, company_id"), "company_id", self.scoped_to())
            .compare("forget_at", " <= ", Some(now));
        self.all(list.page(0, limit.into()).build()).await?.iter().map(read).collect()
    }
}
