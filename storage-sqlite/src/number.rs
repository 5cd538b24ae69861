//! The inventory of numbers.

use async_trait::async_trait;
use dialplane_core::id::NumberId;
use dialplane_core::phone::{E164, PhoneNumber};
use dialplane_core::store::{Listing, NumberFilter, NumberRow, NumberStore, Page, Repo as _, StoreError};

use crate::assignment;
use crate::error;
use crate::statement::{Fields, Filter, Query, Scoped, before, document, list, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "phone_numbers";

/// The columns of a number and of its assignment, as `n` and `a`.
macro_rules! joined_columns {
    () => {
        "n.id, n.company_id, n.number, n.raw, n.provider, n.country, n.capabilities, n.status, n.version, n.created_at, \
         n.updated_at, a.id, a.company_id, a.number_id, a.agent_id, a.daily_limit, a.allowed_countries, a.day, a.used, \
         a.last_used_at, a.version, a.created_at, a.updated_at"
    };
}
pub(crate) use joined_columns;

const INSERT: &str = "INSERT INTO phone_numbers \
    (id, company_id, number, raw, provider, country, capabilities, status, version, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const UPDATE: &str = "UPDATE phone_numbers SET number = ?3, raw = ?4, provider = ?5, country = ?6, capabilities = ?7, \
    status = ?8, version = ?9, created_at = ?10, updated_at = ?11 WHERE id = ?1 AND company_id = ?2 AND version = ?12";

const DELETE: Scoped = scoped!(["DELETE FROM phone_numbers WHERE id = ?2"]);

pub(crate) const ONE: Scoped = scoped!(["SELECT ", joined_columns!(), " FROM phone_numbers n \
    LEFT JOIN assignments a ON a.number_id = n.id WHERE n.id = ?2"] and "n.company_id" [""]);

pub(crate) const TAKEN: &str = "SELECT number FROM phone_numbers WHERE number IN (SELECT value FROM json_each(?1))";

/// Reads a number and its assignment.
pub(crate) fn read(row: &mut Fields<'_>) -> Result<NumberRow, StoreError> {
    let number = PhoneNumber {
        id: row.id("id")?,
        company: row.id("company_id")?,
        number: row.word("number", E164::from_stored)?,
        raw: row.text("raw")?,
        provider: row.text("provider")?,
        country: row.word("country", |word| word.parse().ok())?,
        capabilities: row.document("capabilities")?,
        status: row.word("status", |word| word.parse().ok())?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    };
    let assignment = if row.is_null() { None } else { Some(assignment::read(row.as_of("assignments"))?) };
    Ok(NumberRow { number, assignment })
}

/// Binds all columns in their order.
fn bind(text: &'static str, number: &PhoneNumber) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(number.id.as_uuid())
        .bind(number.company.as_uuid())
        .bind(number.number.as_str())
        .bind(&*number.raw)
        .bind(&*number.provider)
        .bind(number.country.as_str())
        .bind(document(&number.capabilities)?)
        .bind(number.status.as_str())
        .bind(number.version)
        .bind(number.created_at.timestamp_micros())
        .bind(number.updated_at.timestamp_micros()))
}

#[async_trait]
impl NumberStore for SqliteRepo<'_> {
    async fn insert_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        self.admits(number.company)?;
        self.change(bind(INSERT, number)?).await.map(|_| ())
    }

    async fn update_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        self.reaches(number.company)?;
        self.change(bind(UPDATE, number)?.bind(before(number.version))).await?.or_stale()
    }

    async fn delete_number(&mut self, id: NumberId) -> Result<bool, StoreError> {
        match self.change_raw(self.scoped(&DELETE).bind(id.as_uuid())).await? {
            Ok(answer) => Ok(answer.changed()),
            Err(error) if error::is_reference(&error) => Err(StoreError::InUse { entity: "phone_number" }),
            Err(error) => Err(error::of_statement(error)),
        }
    }

    async fn number(&mut self, id: NumberId) -> Result<Option<NumberRow>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn taken_numbers(&mut self, numbers: &[E164]) -> Result<Vec<E164>, StoreError> {
        let numbers = list(numbers.iter().map(|number| number.as_str().to_owned()));
        self.fetch(sqlx::query(TAKEN).bind(numbers)).await?.all(TABLE, |row| row.word("number", E164::from_stored))
    }

    async fn numbers(&mut self, filter: &NumberFilter, page: Page) -> Result<Listing<NumberRow>, StoreError> {
        let mut rows = Filter::of(self.scope(), "n.company_id");
        rows.text("n.status = ", filter.status.map(|status| status.as_str().to_owned()));
        match filter.assigned {
            Some(true) => rows.holds("a.id IS NOT NULL"),
            Some(false) => rows.holds("a.id IS NULL"),
            None => {}
        }
        rows.text("n.country = ", filter.country.map(|country| country.as_str().to_owned()));
        rows.text("n.provider = ", filter.provider.clone());
        rows.id("a.agent_id = ", filter.agent);
        let from = "phone_numbers n LEFT JOIN assignments a ON a.number_id = n.id";
        self.fetch(rows.listing(from, joined_columns!(), "n.id", page)).await?.listing(TABLE, read)
    }
}
