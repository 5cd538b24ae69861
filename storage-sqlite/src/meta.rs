//! What Meta delivers, and how companies are connected.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::CompanyId;
use dialplane_core::meta::{Arrival, MetaLead, MetaSettings, SignedBy};
use dialplane_core::store::{MetaStore, StoreError};
use sqlx::AssertSqlSafe;

use crate::statement::{Fields, Query, Scoped, before, document, list, placeholders, scoped};
use crate::tx::SqliteRepo;

const SETTINGS: &str = "meta_settings";
const PAGES: &str = "meta_pages";
const LEADS: &str = "meta_leads";

/// Rows that one statement inserts, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! columns {
    () => {
        "company_id, meta_id, page_id, form_id, ad_id, submitted_at, signed_by, received_at, attempts, due_at, fault, lead_id"
    };
}
const COLUMNS: usize = 12;

const INSERT_SETTINGS: &str =
    "INSERT INTO meta_settings (company_id, connection, version, updated_at) VALUES (?1, ?2, ?3, ?4)";
const UPDATE_SETTINGS: &str =
    "UPDATE meta_settings SET connection = ?2, version = ?3, updated_at = ?4 WHERE company_id = ?1 AND version = ?5";
const SETTINGS_OF: Scoped =
    scoped!(["SELECT company_id, connection, version, updated_at FROM meta_settings WHERE company_id = ?2"]);
/// Pages (`?2`) that other companies have. There is one writer: nobody takes one in between.
const FOREIGN_PAGE: &str = "SELECT page_id FROM meta_pages \
    WHERE page_id IN (SELECT value FROM json_each(?2)) AND company_id <> ?1 LIMIT 1";
const SET_PAGES: &str = "DELETE FROM meta_pages WHERE company_id = ?1; \
    INSERT INTO meta_pages (page_id, company_id) SELECT value, ?1 FROM json_each(?2)";
pub(crate) const PAGE_OWNER: Scoped = scoped!(["SELECT company_id FROM meta_pages WHERE page_id = ?2"]);

const SET_LEAD: &str = "UPDATE meta_leads SET page_id = ?3, form_id = ?4, ad_id = ?5, submitted_at = ?6, signed_by = ?7, \
    received_at = ?8, attempts = ?9, due_at = ?10, fault = ?11, lead_id = ?12 WHERE company_id = ?1 AND meta_id = ?2";
pub(crate) const LEAD: Scoped =
    scoped!(["SELECT ", columns!(), " FROM meta_leads WHERE company_id = ?2 AND meta_id = ?3"]);
const WAKE: Scoped = scoped!(["UPDATE meta_leads INDEXED BY meta_leads_open SET due_at = ?2 WHERE lead_id IS NULL"]);
pub(crate) const OPEN: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM meta_leads WHERE lead_id IS NULL"][" ORDER BY received_at DESC, meta_id DESC LIMIT ?2"]
);

macro_rules! claim {
    ($scope:literal) => {
        concat!(
            "UPDATE meta_leads SET due_at = ?3 WHERE (company_id, meta_id) IN (SELECT company_id, meta_id FROM meta_leads \
             WHERE due_at IS NOT NULL AND due_at <= ?2",
            $scope,
            " ORDER BY due_at LIMIT ?4) RETURNING ",
            columns!()
        )
    };
}
pub(crate) const CLAIM: Scoped = Scoped { company: claim!(" AND company_id = ?1"), system: claim!("") };

fn read_settings(row: &mut Fields<'_>) -> Result<MetaSettings, StoreError> {
    Ok(MetaSettings {
        company: row.id("company_id")?,
        connection: row.document("connection")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read(row: &mut Fields<'_>) -> Result<MetaLead, StoreError> {
    Ok(MetaLead {
        company: row.id("company_id")?,
        arrival: Arrival {
            lead_id: row.text("meta_id")?,
            page_id: row.text_opt("page_id")?,
            form_id: row.text_opt("form_id")?,
            ad_id: row.text_opt("ad_id")?,
            submitted_at: row.time_opt("submitted_at")?,
            signed_by: row.word("signed_by", SignedBy::from_word)?,
        },
        received_at: row.time("received_at")?,
        attempts: row.count("attempts")?,
        due_at: row.time_opt("due_at")?,
        fault: row.text_opt("fault")?,
        lead: row.id_opt("lead_id")?,
    })
}

/// Binds all columns in their order.
fn bind<'q>(query: Query<'q>, lead: &MetaLead) -> Query<'q> {
    let arrival = &lead.arrival;
    query
        .bind(lead.company.as_uuid())
        .bind(arrival.lead_id.clone())
        .bind(arrival.page_id.clone())
        .bind(arrival.form_id.clone())
        .bind(arrival.ad_id.clone())
        .bind(arrival.submitted_at.map(|at| at.timestamp_micros()))
        .bind(arrival.signed_by.as_str())
        .bind(lead.received_at.timestamp_micros())
        .bind(lead.attempts)
        .bind(lead.due_at.map(|at| at.timestamp_micros()))
        .bind(lead.fault.clone())
        .bind(lead.lead.map(|id| id.as_uuid()))
}

fn bind_settings(text: &'static str, settings: &MetaSettings) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(settings.company.as_uuid())
        .bind(document(&settings.connection)?)
        .bind(settings.version)
        .bind(settings.updated_at.timestamp_micros()))
}

impl SqliteRepo<'_> {
    /// [`StoreError::Duplicate`] when a page is another company's.
    async fn free_pages(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        let pages = list(settings.connection.page_ids.iter().cloned());
        let query = sqlx::query(FOREIGN_PAGE).bind(settings.company.as_uuid()).bind(pages);
        let taken = self.change(query).await?.one(PAGES, |row| row.text("page_id"))?;
        if taken.is_none() {
            return Ok(());
        }
        Err(StoreError::Duplicate { entity: "meta_settings", constraint: "page" })
    }

    async fn set_pages(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        let pages = list(settings.connection.page_ids.iter().cloned());
        self.change(sqlx::query(SET_PAGES).bind(settings.company.as_uuid()).bind(pages)).await.map(|_| ())
    }
}

#[async_trait]
impl MetaStore for SqliteRepo<'_> {
    async fn insert_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        self.admits(settings.company)?;
        // Which of the two is taken is said in this order.
        let known = self.change(self.scoped(&SETTINGS_OF).bind(settings.company.as_uuid())).await?;
        if known.one(SETTINGS, read_settings)?.is_some() {
            return Err(StoreError::Duplicate { entity: "meta_settings", constraint: "company" });
        }
        self.free_pages(settings).await?;
        self.change(bind_settings(INSERT_SETTINGS, settings)?).await?;
        self.set_pages(settings).await
    }

    async fn update_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        self.reaches(settings.company)?;
        let stored = self.change(self.scoped(&SETTINGS_OF).bind(settings.company.as_uuid())).await?;
        let stored = stored.one(SETTINGS, read_settings)?;
        if stored.is_none_or(|stored| stored.version.checked_add(1) != Some(settings.version)) {
            return Err(StoreError::Stale);
        }
        self.free_pages(settings).await?;
        self.change(bind_settings(UPDATE_SETTINGS, settings)?.bind(before(settings.version))).await?.or_stale()?;
        self.set_pages(settings).await
    }

    async fn meta_settings(&mut self, company: CompanyId) -> Result<Option<MetaSettings>, StoreError> {
        self.fetch(self.scoped(&SETTINGS_OF).bind(company.as_uuid())).await?.one(SETTINGS, read_settings)
    }

    async fn meta_page_owner(&mut self, page: &str) -> Result<Option<CompanyId>, StoreError> {
        self.fetch(self.scoped(&PAGE_OWNER).bind(page)).await?.one(PAGES, |row| row.id("company_id"))
    }

    async fn insert_meta_leads(&mut self, leads: &[MetaLead]) -> Result<u64, StoreError> {
        self.may_write()?;
        leads.iter().try_for_each(|lead| self.admits(lead.company))?;
        let mut added = 0;
        for rows in leads.chunks(ROWS_MAX) {
            let values = placeholders(1, COLUMNS, rows.len());
            let text =
                [concat!("INSERT INTO meta_leads (", columns!(), ") VALUES "), &values, " ON CONFLICT DO NOTHING"]
                    .concat();
            added += self.change(rows.iter().fold(sqlx::query(AssertSqlSafe(text)), bind)).await?.count();
        }
        Ok(added)
    }

    async fn meta_lead_for_update(
        &mut self,
        company: CompanyId,
        lead_id: &str,
    ) -> Result<Option<MetaLead>, StoreError> {
        self.change(self.scoped(&LEAD).bind(company.as_uuid()).bind(lead_id)).await?.one(LEADS, read)
    }

    async fn set_meta_lead(&mut self, lead: &MetaLead) -> Result<(), StoreError> {
        self.reaches(lead.company)?;
        self.change(bind(sqlx::query(SET_LEAD), lead)).await?.or_stale()
    }

    async fn claim_meta_leads(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MetaLead>, StoreError> {
        let query = self.scoped(&CLAIM).bind(now.timestamp_micros()).bind(lease_until.timestamp_micros()).bind(limit);
        self.change(query).await?.all(LEADS, read)
    }

    async fn wake_meta_leads(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&WAKE).bind(now.timestamp_micros())).await?.count())
    }

    async fn open_meta_leads(&mut self, limit: u32) -> Result<Vec<MetaLead>, StoreError> {
        self.fetch(self.scoped(&OPEN).bind(limit)).await?.all(LEADS, read)
    }
}
