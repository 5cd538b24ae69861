//! Companies.

use async_trait::async_trait;
use chrono_tz::Tz;
use dialplane_core::company::Company;
use dialplane_core::id::CompanyId;
use dialplane_core::scope::Scope;
use dialplane_core::store::{CompanyStore, Listing, Page, Repo as _, StoreError};

use crate::statement::{Fields, Filter, Scoped, before, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "companies";

macro_rules! columns {
    () => {
        "id, name, timezone, default_country, is_active, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!("INSERT INTO companies (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

const UPDATE: &str = "UPDATE companies SET name = ?3, timezone = ?4, default_country = ?5, is_active = ?6, version = ?7, \
    created_at = ?8, updated_at = ?9 WHERE id = ?1 AND version = ?2";

const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM companies WHERE id = ?2"] and "id" [""]);

const TIMEZONE: Scoped = scoped!(["SELECT timezone FROM companies WHERE id = ?2"] and "id" [""]);

fn read(row: &mut Fields<'_>) -> Result<Company, StoreError> {
    Ok(Company {
        id: row.id("id")?,
        name: row.text("name")?,
        timezone: row.word("timezone", |word| word.parse().ok())?,
        default_country: row.word("default_country", |word| word.parse().ok())?,
        is_active: row.flag("is_active")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

#[async_trait]
impl CompanyStore for SqliteRepo<'_> {
    async fn insert_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope() != Scope::System {
            return Err(StoreError::OutOfScope);
        }
        let query = sqlx::query(INSERT)
            .bind(company.id.as_uuid())
            .bind(&*company.name)
            .bind(company.timezone.name())
            .bind(company.default_country.as_str())
            .bind(company.is_active)
            .bind(company.version)
            .bind(company.created_at.timestamp_micros())
            .bind(company.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.reaches(company.id)?;
        let query = sqlx::query(UPDATE)
            .bind(company.id.as_uuid())
            .bind(before(company.version))
            .bind(&*company.name)
            .bind(company.timezone.name())
            .bind(company.default_country.as_str())
            .bind(company.is_active)
            .bind(company.version)
            .bind(company.created_at.timestamp_micros())
            .bind(company.updated_at.timestamp_micros());
        self.change(query).await?.or_stale()
    }

    async fn company(&mut self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn hold_timezone(&mut self, id: CompanyId) -> Result<Option<Tz>, StoreError> {
        // There is one writer at a time: what it reads stays as it is.
        let query = self.scoped(&TIMEZONE).bind(id.as_uuid());
        self.change(query).await?.one(TABLE, |row| row.word("timezone", |word| word.parse().ok()))
    }

    async fn companies(&mut self, page: Page) -> Result<Listing<Company>, StoreError> {
        let query = Filter::of(self.scope(), "id").listing(TABLE, columns!(), "id", page);
        self.fetch(query).await?.listing(TABLE, read)
    }
}
