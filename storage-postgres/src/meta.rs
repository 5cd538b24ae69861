//! What Meta delivers, and how companies are connected.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::CompanyId;
use dialplane_core::meta::{Arrival, MetaLead, MetaSettings, SignedBy};
use dialplane_core::store::{MetaStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::{Document, maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, within};

const SETTINGS: &str = "meta_settings";
const PAGES: &str = "meta_pages";
const LEADS: &str = "meta_leads";

macro_rules! columns {
    () => {
        "company_id, meta_id, page_id, form_id, ad_id, submitted_at, signed_by, received_at, attempts, due_at, fault, lead_id"
    };
}

const INSERT_SETTINGS: &str = "INSERT INTO meta_settings (company_id, connection, version, updated_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const UPDATE_SETTINGS: &str = "UPDATE meta_settings SET connection = $2, version = $3, updated_at = $4 \
     WHERE company_id = $1 AND version = $5";
const SETTINGS_OF: &str = concat!(
    "SELECT company_id, connection, version, updated_at FROM meta_settings WHERE company_id = $2 AND ",
    within!("company_id")
);
const LOCK_SETTINGS: &str = "SELECT version FROM meta_settings WHERE company_id = $1 FOR UPDATE";
const FOREIGN_PAGE: &str = "SELECT page_id FROM meta_pages WHERE page_id = ANY($2) AND company_id <> $1 LIMIT 1";
const DROP_PAGES: &str = "DELETE FROM meta_pages WHERE company_id = $1 AND page_id <> ALL($2)";
/// In order, so that two companies which ask for the same pages do not wait in a circle.
const ADD_PAGES: &str = "INSERT INTO meta_pages (page_id, company_id) \
     SELECT page, $1 FROM UNNEST($2::text[]) AS page ORDER BY page COLLATE \"C\" ON CONFLICT DO NOTHING";
const PAGE_OWNER: &str = concat!("SELECT company_id FROM meta_pages WHERE page_id = $2 AND ", within!("company_id"));

/// Rows are added in their order, so that units of work which add the same ones do not wait in a circle.
const INSERT_LEADS: &str = concat!(
    "INSERT INTO meta_leads (",
    columns!(),
    ") SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], \
     $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::text[], $12::uuid[]) AS n (",
    columns!(),
    ") ORDER BY n.company_id, n.meta_id COLLATE \"C\" ON CONFLICT DO NOTHING"
);
const SET_LEAD: &str = "UPDATE meta_leads SET page_id = $3, form_id = $4, ad_id = $5, submitted_at = $6, signed_by = $7, \
     received_at = $8, attempts = $9, due_at = $10, fault = $11, lead_id = $12 WHERE company_id = $1 AND meta_id = $2";
const LEAD_LOCKED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM meta_leads WHERE company_id = $2 AND meta_id = $3 AND ",
    within!("company_id"),
    " FOR UPDATE"
);
const CLAIM: &str = concat!(
    "WITH due AS MATERIALIZED (SELECT company_id AS company, meta_id AS meta FROM meta_leads \
     WHERE due_at IS NOT NULL AND due_at <= $2 AND ",
    within!("company_id"),
    " ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) \
     UPDATE meta_leads SET due_at = $3 FROM due WHERE company_id = due.company AND meta_id = due.meta RETURNING ",
    columns!()
);
const WAKE: &str = concat!("UPDATE meta_leads SET due_at = $2 WHERE lead_id IS NULL AND ", within!("company_id"));

fn read_settings(row: &PgRow) -> Result<MetaSettings, StoreError> {
    let mut fields = Fields::of(row, SETTINGS);
    Ok(MetaSettings {
        company: fields.id("company_id")?,
        connection: fields.json("connection")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read(row: &PgRow) -> Result<MetaLead, StoreError> {
    let mut fields = Fields::of(row, LEADS);
    Ok(MetaLead {
        company: fields.id("company_id")?,
        arrival: Arrival {
            lead_id: fields.text("meta_id")?,
            page_id: fields.maybe_text("page_id")?,
            form_id: fields.maybe_text("form_id")?,
            ad_id: fields.maybe_text("ad_id")?,
            submitted_at: fields.get("submitted_at")?,
            signed_by: fields.word("signed_by", SignedBy::from_word)?,
        },
        received_at: fields.get("received_at")?,
        attempts: fields.count("attempts")?,
        due_at: fields.get("due_at")?,
        fault: fields.maybe_text("fault")?,
        lead: fields.reference("lead_id")?,
    })
}

fn set(lead: &MetaLead) -> Statement<'_> {
    let arrival = &lead.arrival;
    query(SET_LEAD)
        .bind(lead.company.as_uuid())
        .bind(text(&arrival.lead_id))
        .bind(maybe(arrival.page_id.as_deref()))
        .bind(maybe(arrival.form_id.as_deref()))
        .bind(maybe(arrival.ad_id.as_deref()))
        .bind(arrival.submitted_at)
        .bind(arrival.signed_by.as_str())
        .bind(lead.received_at)
        .bind(i64::from(lead.attempts))
        .bind(lead.due_at)
        .bind(maybe(lead.fault.as_deref()))
        .bind(bare(lead.lead))
}

fn insert(leads: &[MetaLead]) -> Statement<'_> {
    let texts = |of: fn(&MetaLead) -> Option<&str>| leads.iter().map(|lead| maybe(of(lead))).collect::<Vec<_>>();
    query(INSERT_LEADS)
        .bind(leads.iter().map(|lead| lead.company.as_uuid()).collect::<Vec<_>>())
        .bind(leads.iter().map(|lead| text(&lead.arrival.lead_id)).collect::<Vec<_>>())
        .bind(texts(|lead| lead.arrival.page_id.as_deref()))
        .bind(texts(|lead| lead.arrival.form_id.as_deref()))
        .bind(texts(|lead| lead.arrival.ad_id.as_deref()))
        .bind(leads.iter().map(|lead| lead.arrival.submitted_at).collect::<Vec<_>>())
        .bind(leads.iter().map(|lead| lead.arrival.signed_by.as_str()).collect::<Vec<_>>())
        .bind(leads.iter().map(|lead| lead.received_at).collect::<Vec<_>>())
        .bind(leads.iter().map(|lead| i64::from(lead.attempts)).collect::<Vec<_>>())
        .bind(leads.iter().map(|lead| lead.due_at).collect::<Vec<_>>())
        .bind(texts(|lead| lead.fault.as_deref()))
        .bind(leads.iter().map(|lead| bare(lead.lead)).collect::<Vec<Option<Uuid>>>())
}

fn bind_settings<'q>(sql: &'static str, settings: &MetaSettings) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(settings.company.as_uuid())
        .bind(Document::of(&settings.connection)?)
        .bind(i64::from(settings.version))
        .bind(settings.updated_at);
    Ok(bound)
}

impl<L: Link> PgRepo<L> {
    /// [`StoreError::Duplicate`] when a page is another company's.
    async fn free_pages(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        let taken = query(FOREIGN_PAGE).bind(settings.company.as_uuid()).bind(&settings.connection.page_ids);
        if self.one(taken).await?.is_none() {
            return Ok(());
        }
        Err(StoreError::Duplicate { entity: "meta_settings", constraint: "page" })
    }

    /// Sets the pages of a company, whose connection is locked.
    async fn set_pages(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        let (company, pages) = (settings.company.as_uuid(), &settings.connection.page_ids);
        self.run(query(DROP_PAGES).bind(company).bind(pages)).await?;
        if !pages.is_empty() {
            self.run(query(ADD_PAGES).bind(company).bind(pages)).await?;
        }
        // Somebody may have taken one since it was looked for: from the start, that is seen.
        match self.free_pages(settings).await {
            Err(StoreError::Duplicate { .. }) => Err(self.broken(StoreError::Contention)),
            other => other,
        }
    }
}

#[async_trait]
impl<L: Link> MetaStore for PgRepo<L> {
    async fn insert_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        self.admit(settings.company)?;
        let taken = StoreError::Duplicate { entity: "meta_settings", constraint: "company" };
        // Which of the two is taken is said in this order.
        if self.one(query(LOCK_SETTINGS).bind(settings.company.as_uuid())).await?.is_some() {
            return Err(taken);
        }
        self.free_pages(settings).await?;
        if self.run(bind_settings(INSERT_SETTINGS, settings)?).await? == 0 {
            return Err(taken);
        }
        self.set_pages(settings).await
    }

    async fn update_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        self.reach(settings.company)?;
        let stored = self.one(query(LOCK_SETTINGS).bind(settings.company.as_uuid())).await?;
        let version = stored.map(|row| Fields::of(&row, SETTINGS).count::<i64>("version")).transpose()?;
        if version != Some(before(settings.version)) {
            return Err(StoreError::Stale);
        }
        self.free_pages(settings).await?;
        self.replace(bind_settings(UPDATE_SETTINGS, settings)?.bind(before(settings.version))).await?;
        self.set_pages(settings).await
    }

    async fn meta_settings(&mut self, company: CompanyId) -> Result<Option<MetaSettings>, StoreError> {
        let row = self.one(query(SETTINGS_OF).bind(self.company_filter()).bind(company.as_uuid())).await?;
        row.as_ref().map(read_settings).transpose()
    }

    async fn meta_page_owner(&mut self, page: &str) -> Result<Option<CompanyId>, StoreError> {
        let row = self.one(query(PAGE_OWNER).bind(self.company_filter()).bind(text(page))).await?;
        row.map(|row| Fields::of(&row, PAGES).id("company_id")).transpose()
    }

    async fn insert_meta_leads(&mut self, leads: &[MetaLead]) -> Result<u64, StoreError> {
        self.may_write()?;
        for lead in leads {
            self.admit(lead.company)?;
        }
        if leads.is_empty() { Ok(0) } else { self.run(insert(leads)).await }
    }

    async fn meta_lead_for_update(
        &mut self,
        company: CompanyId,
        lead_id: &str,
    ) -> Result<Option<MetaLead>, StoreError> {
        self.may_write()?;
        let locked = query(LEAD_LOCKED).bind(self.company_filter()).bind(company.as_uuid()).bind(text(lead_id));
        self.one(locked).await?.as_ref().map(read).transpose()
    }

    async fn set_meta_lead(&mut self, lead: &MetaLead) -> Result<(), StoreError> {
        self.reach(lead.company)?;
        self.replace(set(lead)).await
    }

    async fn claim_meta_leads(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MetaLead>, StoreError> {
        self.may_write()?;
        let claim = query(CLAIM).bind(self.company_filter()).bind(now).bind(lease_until).bind(i64::from(limit));
        self.all(claim).await?.iter().map(read).collect()
    }

    async fn wake_meta_leads(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(WAKE).bind(self.company_filter()).bind(now)).await
    }

    async fn open_meta_leads(&mut self, limit: u32) -> Result<Vec<MetaLead>, StoreError> {
        let list = (columns!(), LEADS, "received_at DESC, meta_id DESC");
        let list = List::of(LEADS, list, "company_id", self.scoped_to()).when(true, "lead_id IS NULL");
        self.all(list.page(0, u64::from(limit)).build()).await?.iter().map(read).collect()
    }
}
