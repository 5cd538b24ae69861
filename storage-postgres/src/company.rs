//! Companies.

use async_trait::async_trait;
use chrono_tz::Tz;
use dialplane_core::company::Company;
use dialplane_core::id::CompanyId;
use dialplane_core::scope::Scope;
use dialplane_core::store::{CompanyStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "companies";

macro_rules! columns {
    () => {
        "id, name, timezone, default_country, is_active, version, created_at, updated_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO companies (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT true FROM companies WHERE id = $1";
const UPDATE: &str = "UPDATE companies SET name = $2, timezone = $3, default_country = $4, is_active = $5, version = $6, \
     created_at = $7, updated_at = $8 WHERE id = $1 AND version = $9";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM companies WHERE id = $2 AND ", within!("id"));

const TIMEZONE_HELD: &str = concat!("SELECT timezone FROM companies WHERE id = $2 AND ", within!("id"), " FOR SHARE");

fn read(row: &PgRow) -> Result<Company, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Company {
        id: fields.id("id")?,
        name: fields.text("name")?,
        timezone: fields.word("timezone", |text| text.parse().ok())?,
        default_country: fields.word("default_country", |text| text.parse().ok())?,
        is_active: fields.get("is_active")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, company: &'q Company) -> Statement<'q> {
    query(sql)
        .bind(company.id.as_uuid())
        .bind(text(&company.name))
        .bind(company.timezone.name())
        .bind(company.default_country.as_str())
        .bind(company.is_active)
        .bind(i64::from(company.version))
        .bind(company.created_at)
        .bind(company.updated_at)
}

#[async_trait]
impl<L: Link> CompanyStore for PgRepo<L> {
    async fn insert_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scoped_to() != Scope::System {
            return Err(StoreError::OutOfScope);
        }
        let clash = query(CLASH).bind(company.id.as_uuid());
        self.insert("company", &["id"], bind(INSERT, company), clash).await
    }

    async fn update_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.reach(company.id)?;
        self.replace(bind(UPDATE, company).bind(before(company.version))).await
    }

    async fn company(&mut self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn hold_timezone(&mut self, id: CompanyId) -> Result<Option<Tz>, StoreError> {
        self.may_write()?;
        let row = self.one(query(TIMEZONE_HELD).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.map(|row| Fields::of(&row, TABLE).word("timezone", |text| text.parse().ok())).transpose()
    }

    async fn companies(&mut self, page: Page) -> Result<Listing<Company>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "id", self.scoped_to());
        self.listing(list, page, read).await
    }
}
