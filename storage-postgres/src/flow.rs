//! Flows, with their drafts and versions.

use async_trait::async_trait;
use dialplane_core::flow::{Flow, FlowVersion};
use dialplane_core::id::{CompanyId, FlowId};
use dialplane_core::store::{FlowStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::{Document, maybe, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, within};

const TABLE: &str = "flows";
const VERSIONS: &str = "flow_versions";

macro_rules! columns {
    () => {
        "id, company_id, name, active, published, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE flows SET name = $3, active = $4, published = $5, version = $6, created_at = $7, updated_at = $8 \
         WHERE id = $1 AND company_id = $2 AND version = $9"
    };
}

macro_rules! version_columns {
    () => {
        "flow_id, number, company_id, note, author_id, uses, created_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO flows (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND name = $3) FROM flows \
     WHERE id = $1 OR (company_id = $2 AND name = $3)";
const UPDATE: &str = update!();
const UPDATE_SAME_NAME: &str = concat!(update!(), " AND name = $3");
const DELETE: &str = concat!("DELETE FROM flows WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM flows WHERE id = $2 AND ", within!("company_id"));
const SET_DRAFT: &str = concat!("UPDATE flows SET draft = $3 WHERE id = $2 AND ", within!("company_id"));
const DRAFT: &str = concat!("SELECT draft FROM flows WHERE id = $2 AND ", within!("company_id"));

/// Stores nothing when the flow is not of the version's company.
const INSERT_VERSION: &str = concat!(
    "INSERT INTO flow_versions (",
    version_columns!(),
    ", document) SELECT id, $2, company_id, $4, $5, $6, $7, $8 FROM flows WHERE id = $1 AND company_id = $3 \
     ON CONFLICT DO NOTHING"
);
const VERSION_CLASH: &str = "SELECT EXISTS (SELECT FROM flow_versions WHERE flow_id = $1 AND number = $2)";
const HAS_FLOW: &str = "SELECT EXISTS (SELECT FROM flows WHERE id = $1 AND company_id = $2)";
const VERSION: &str = concat!(
    "SELECT ",
    version_columns!(),
    " FROM flow_versions WHERE flow_id = $2 AND number = $3 AND ",
    within!("company_id")
);
const DOCUMENT: &str =
    concat!("SELECT document FROM flow_versions WHERE flow_id = $2 AND number = $3 AND ", within!("company_id"));

/// The active versions and their flows: the columns of a list, and where they are from.
const ACTIVE: (&str, &str, &str) = (
    "v.flow_id, v.number, v.company_id, v.note, v.author_id, v.uses, v.created_at",
    "flows f JOIN flow_versions v ON v.flow_id = f.id AND v.number = f.active",
    "f.company_id, f.id",
);

fn read(row: &PgRow) -> Result<Flow, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Flow {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: fields.text("name")?,
        active: fields.maybe_count("active")?,
        published: fields.count("published")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_version(row: &PgRow) -> Result<FlowVersion, StoreError> {
    let mut fields = Fields::of(row, VERSIONS);
    Ok(FlowVersion {
        flow: fields.id("flow_id")?,
        number: fields.count("number")?,
        company: fields.id("company_id")?,
        note: fields.maybe_text("note")?,
        author: fields.reference("author_id")?,
        uses: fields.json("uses")?,
        created_at: fields.get("created_at")?,
    })
}

fn bind<'q>(sql: &'static str, flow: &'q Flow) -> Statement<'q> {
    query(sql)
        .bind(flow.id.as_uuid())
        .bind(flow.company.as_uuid())
        .bind(text(&flow.name))
        .bind(flow.active.map(i64::from))
        .bind(i64::from(flow.published))
        .bind(i64::from(flow.version))
        .bind(flow.created_at)
        .bind(flow.updated_at)
}

#[async_trait]
impl<L: Link> FlowStore for PgRepo<L> {
    async fn insert_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        self.admit(flow.company)?;
        let clash = query(CLASH).bind(flow.id.as_uuid()).bind(flow.company.as_uuid()).bind(text(&flow.name));
        self.insert("flow", &["id", "name"], bind(INSERT, flow), clash).await
    }

    async fn update_flow(&mut self, flow: &Flow) -> Result<(), StoreError> {
        self.reach(flow.company)?;
        let before = before(flow.version);
        self.replace_unique(bind(UPDATE_SAME_NAME, flow).bind(before), bind(UPDATE, flow).bind(before)).await
    }

    async fn delete_flow(&mut self, id: FlowId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn flow(&mut self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn flows(&mut self) -> Result<Vec<Flow>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }

    async fn write_flow_draft(&mut self, flow: FlowId, document: Option<&str>) -> Result<(), StoreError> {
        self.may_write()?;
        let update = query(SET_DRAFT).bind(self.company_filter()).bind(flow.as_uuid());
        self.replace(update.bind(maybe(document))).await
    }

    async fn flow_draft(&mut self, flow: FlowId) -> Result<Option<String>, StoreError> {
        let row = self.one(query(DRAFT).bind(self.company_filter()).bind(flow.as_uuid())).await?;
        row.map_or(Ok(None), |row| Fields::of(&row, TABLE).maybe_text("draft"))
    }

    async fn insert_flow_version(&mut self, version: &FlowVersion, document: &str) -> Result<(), StoreError> {
        self.admit(version.company)?;
        let insert = query(INSERT_VERSION)
            .bind(version.flow.as_uuid())
            .bind(i64::from(version.number))
            .bind(version.company.as_uuid())
            .bind(maybe(version.note.as_deref()))
            .bind(bare(version.author))
            .bind(Document::of(&version.uses)?)
            .bind(version.created_at)
            .bind(text(document));
        let rows = self.run(insert).await?;
        if rows == 0 && !self.has_flow(version.flow, version.company).await? {
            return Err(StoreError::OutOfScope);
        }
        let clash = query(VERSION_CLASH).bind(version.flow.as_uuid()).bind(i64::from(version.number));
        self.inserted(rows, "flow_version", &["number"], clash).await
    }

    async fn flow_version(&mut self, flow: FlowId, number: u32) -> Result<Option<FlowVersion>, StoreError> {
        let select = query(VERSION).bind(self.company_filter()).bind(flow.as_uuid()).bind(i64::from(number));
        self.one(select).await?.as_ref().map(read_version).transpose()
    }

    async fn flow_document(&mut self, flow: FlowId, number: u32) -> Result<Option<String>, StoreError> {
        let select = query(DOCUMENT).bind(self.company_filter()).bind(flow.as_uuid()).bind(i64::from(number));
        let row = self.one(select).await?;
        row.map(|row| Fields::of(&row, VERSIONS).text("document")).transpose()
    }

    async fn flow_versions(&mut self, flow: FlowId, page: Page) -> Result<Listing<FlowVersion>, StoreError> {
        let columns = (version_columns!(), VERSIONS, "number DESC");
        let list = List::of(VERSIONS, columns, "company_id", self.scoped_to());
        self.listing(list.equal("flow_id", Some(flow.as_uuid())), page, read_version).await
    }

    async fn active_flow_versions(&mut self) -> Result<Vec<FlowVersion>, StoreError> {
        let list = List::of(VERSIONS, ACTIVE, "f.company_id", self.scoped_to()).when(true, "f.active IS NOT NULL");
        self.all(list.whole().build()).await?.iter().map(read_version).collect()
    }
}

impl<L: Link> PgRepo<L> {
    /// Whether there is such a flow of the company.
    async fn has_flow(&mut self, flow: FlowId, company: CompanyId) -> Result<bool, StoreError> {
        let row = self.one(query(HAS_FLOW).bind(flow.as_uuid()).bind(company.as_uuid())).await?;
        row.map_or(Ok(false), |row| Fields::of(&row, TABLE).get("exists"))
    }
}
