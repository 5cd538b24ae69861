//! Flows, with their drafts and versions.

use async_trait::async_trait;
use dialplane_core::flow::{Flow, FlowVersion};
use dialplane_core::id::FlowId;
use dialplane_core::store::{FlowStore, Listing, Page, Repo as _, StoreError};

use crate::statement::{Fields, Filter, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "flows";
const VERSIONS: &str = "flow_versions";

macro_rules! columns {
    () => {
        "id, company_id, name, active, published, version, created_at, updated_at"
    };
}

macro_rules! version_columns {
    () => {
        "flow_id, number, company_id, note, author_id, uses, created_at"
    };
}

const INSERT: &str = concat!("INSERT INTO flows (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
const UPDATE: &str = "UPDATE flows SET name = ?3, active = ?4, published = ?5, version = ?6, created_at = ?7, updated_at = ?8 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?9";
const DELETE: Scoped = scoped!(["DELETE FROM flows WHERE id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM flows WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM flows WHERE TRUE"][" ORDER BY company_id, id"]);
const SET_DRAFT: Scoped = scoped!(["UPDATE flows SET draft = ?3 WHERE id = ?2"]);
const DRAFT: Scoped = scoped!(["SELECT draft FROM flows WHERE id = ?2 AND draft IS NOT NULL"]);

/// Stores nothing when the flow is not of the version's company.
const INSERT_VERSION: &str = concat!(
    "INSERT INTO flow_versions (",
    version_columns!(),
    ", document) SELECT id, ?2, company_id, ?4, ?5, ?6, ?7, ?8 FROM flows WHERE id = ?1 AND company_id = ?3"
);
pub(crate) const VERSION: Scoped =
    scoped!(["SELECT ", version_columns!(), " FROM flow_versions WHERE flow_id = ?2 AND number = ?3"]);
const DOCUMENT: Scoped = scoped!(["SELECT document FROM flow_versions WHERE flow_id = ?2 AND number = ?3"]);
pub(crate) const ACTIVE: Scoped = scoped!([
    "SELECT v.flow_id, v.number, v.company_id, v.note, v.author_id, v.uses, v.created_at \
     FROM flows f INDEXED BY flows_active CROSS JOIN flow_versions v ON v.flow_id = f.id AND v.number = f.active \
     WHERE f.active IS NOT NULL"
] and "f.company_id" [" ORDER BY f.company_id, f.id"]);

fn read(row: &mut Fields<'_>) -> Result<Flow, StoreError> {
    Ok(Flow {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?,
        active: row.count_opt("active")?,
        published: row.count("published")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_version(row: &mut Fields<'_>) -> Result<FlowVersion, StoreError> {
    Ok(FlowVersion {
        flow: row.id("flow_id")?,
        number: row.count("number")?,
        company: row.id("company_id")?,
        note: row.text_opt("note")?,
        author: row.id_opt("author_id")?,
        uses: row.document("uses")?,
        created_at: row.time("created_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, flow: &Flow) -> Query<'static> {
    sqlx::query(text)
        .bind(flow.id.as_uuid())
        .bind(flow.company.as_uuid())
        .bind(flow.name.clone())
        .bind(flow.active)
        .bind(flow.published)
        .bind(flow.version)
        .bind(flow.created_at.timestamp_micros())
        .bind(flow.updated_at.timestamp_micros())
}

#[async_trait]
impl FlowStore for SqliteRepo<'_> {
    async fn insert_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        self.admits(flow.company)?;
        self.change(bind(INSERT, flow)).await.map(|_| ())
    }

    async fn update_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        self.reaches(flow.company)?;
        self.change(bind(UPDATE, flow).bind(before(flow.version))).await?.or_stale()
    }

    async fn delete_flow(&mut self, id: FlowId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn flow(&mut self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn flows(&mut self) -> Result<Vec<Flow>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }

    async fn write_flow_draft(&mut self, flow: FlowId, document: Option<&str>) -> Result<(), StoreError> {
        let draft = document.map(str::to_owned);
        self.change(self.scoped(&SET_DRAFT).bind(flow.as_uuid()).bind(draft)).await?.or_stale()
    }

    async fn flow_draft(&mut self, flow: FlowId) -> Result<Option<String>, StoreError> {
        self.fetch(self.scoped(&DRAFT).bind(flow.as_uuid())).await?.one(TABLE, |row| row.text("draft"))
    }

    async fn insert_flow_version(&mut self, version: &FlowVersion, text: &str) -> Result<(), StoreError> {
        self.admits(version.company)?;
        let query = sqlx::query(INSERT_VERSION)
            .bind(version.flow.as_uuid())
            .bind(version.number)
            .bind(version.company.as_uuid())
            .bind(version.note.clone())
            .bind(version.author.map(|id| id.as_uuid()))
            .bind(document(&version.uses)?)
            .bind(version.created_at.timestamp_micros())
            .bind(text.to_owned());
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn flow_version(&mut self, flow: FlowId, number: u32) -> Result<Option<FlowVersion>, StoreError> {
        self.fetch(self.scoped(&VERSION).bind(flow.as_uuid()).bind(number)).await?.one(VERSIONS, read_version)
    }

    async fn flow_document(&mut self, flow: FlowId, number: u32) -> Result<Option<String>, StoreError> {
        let query = self.scoped(&DOCUMENT).bind(flow.as_uuid()).bind(number);
        self.fetch(query).await?.one(VERSIONS, |row| row.text("document"))
    }

    async fn flow_versions(&mut self, flow: FlowId, page: Page) -> Result<Listing<FlowVersion>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.id("flow_id = ", Some(flow));
        self.fetch(rows.listing(VERSIONS, version_columns!(), "number", page)).await?.listing(VERSIONS, read_version)
    }

    async fn active_flow_versions(&mut self) -> Result<Vec<FlowVersion>, StoreError> {
        self.fetch(self.scoped(&ACTIVE)).await?.all(VERSIONS, read_version)
    }
}
