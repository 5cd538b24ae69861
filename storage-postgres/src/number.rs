//! The inventory of phone numbers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use dialplane_core::id::NumberId;
use dialplane_core::phone::{Assignment, E164, PhoneNumber};
use dialplane_core::store::{Listing, NumberFilter, NumberRow, NumberStore, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Row, query};
use uuid::Uuid;

use crate::assignment;
use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, Statement, bare, before, within};

const TABLE: &str = "phone_numbers";
/// How many columns of a joined row belong to the number.
const WIDTH: usize = 11;

macro_rules! columns {
    () => {
        "id, company_id, number, raw, provider, country, capabilities, status, version, created_at, updated_at"
    };
}

macro_rules! joined {
    () => {
        "n.id, n.company_id, n.number, n.raw, n.provider, n.country, n.capabilities, n.status, n.version, n.created_at, \
         n.updated_at, a.id, a.company_id, a.number_id, a.agent_id, a.daily_limit, a.allowed_countries, a.day, a.used, \
         a.last_used_at, a.version, a.created_at, a.updated_at"
    };
}
pub(crate) use joined;

macro_rules! update {
    () => {
        "UPDATE phone_numbers SET number = $3, raw = $4, provider = $5, country = $6, capabilities = $7, status = $8, \
         version = $9, created_at = $10, updated_at = $11 WHERE id = $1 AND company_id = $2 AND version = $12"
    };
}

const FROM: &str = "phone_numbers n LEFT JOIN assignments a ON a.number_id = n.id";
const INSERT: &str = concat!(
    "INSERT INTO phone_numbers (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(number = $2) FROM phone_numbers WHERE id = $1 OR number = $2";
const UPDATE: &str = update!();
const UPDATE_SAME_NUMBER: &str = concat!(update!(), " AND number = $3");
/// Removes the number unless it is assigned, and tells which of the two it was.
const DELETE: &str = concat!(
    "WITH seen AS MATERIALIZED (SELECT n.id, EXISTS (SELECT FROM assignments a WHERE a.number_id = n.id) AS assigned \
     FROM phone_numbers n WHERE n.id = $2 AND ",
    within!("n.company_id"),
    "), gone AS (DELETE FROM phone_numbers n USING seen WHERE n.id = seen.id AND NOT seen.assigned RETURNING n.id) \
     SELECT EXISTS (SELECT FROM gone), EXISTS (SELECT FROM seen WHERE assigned)"
);
const BY_ID: &str = concat!(
    "SELECT ",
    joined!(),
    " FROM phone_numbers n LEFT JOIN assignments a ON a.number_id = n.id WHERE n.id = $2 AND ",
    within!("n.company_id")
);
const TAKEN: &str = "SELECT number FROM phone_numbers WHERE number = ANY($1)";

fn read(row: &PgRow) -> Result<PhoneNumber, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(PhoneNumber {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        number: fields.word("number", E164::from_stored)?,
        raw: fields.text("raw")?,
        provider: fields.text("provider")?,
        country: fields.word("country", |text| text.parse().ok())?,
        capabilities: fields.json("capabilities")?,
        status: fields.word("status", |text| text.parse().ok())?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

/// Reads a number with its assignment, as `joined!` selects them.
pub(crate) fn read_joined(row: &PgRow) -> Result<NumberRow, StoreError> {
    let assigned = row.try_get::<Option<Uuid>, _>(WIDTH).ok().flatten().is_some();
    let assignment: Option<Assignment> = assigned.then(|| assignment::read(row, WIDTH)).transpose()?;
    Ok(NumberRow { number: read(row)?, assignment })
}

fn bind<'q>(sql: &'static str, number: &'q PhoneNumber) -> Statement<'q> {
    query(sql)
        .bind(number.id.as_uuid())
        .bind(number.company.as_uuid())
        .bind(number.number.as_str())
        .bind(text(&number.raw))
        .bind(text(&number.provider))
        .bind(number.country.as_str())
        .bind(Json(number.capabilities))
        .bind(number.status.as_str())
        .bind(i64::from(number.version))
        .bind(number.created_at)
        .bind(number.updated_at)
}

#[async_trait]
impl<L: Link> NumberStore for PgRepo<L> {
    async fn insert_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        self.admit(number.company)?;
        let clash = query(CLASH).bind(number.id.as_uuid()).bind(number.number.as_str());
        self.insert("phone_number", &["id", "number"], bind(INSERT, number), clash).await
    }

    async fn update_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError> {
        self.reach(number.company)?;
        let before = before(number.version);
        self.replace_unique(bind(UPDATE_SAME_NUMBER, number).bind(before), bind(UPDATE, number).bind(before)).await
    }

    async fn delete_number(&mut self, id: NumberId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(row) = self.one(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? else {
            return Ok(false);
        };
        let mut fields = Fields::of(&row, TABLE);
        let (gone, assigned): (bool, bool) = (fields.get("gone")?, fields.get("assigned")?);
        if assigned { Err(StoreError::InUse { entity: "phone_number" }) } else { Ok(gone) }
    }

    async fn number(&mut self, id: NumberId) -> Result<Option<NumberRow>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read_joined).transpose()
    }

    async fn taken_numbers(&mut self, numbers: &[E164]) -> Result<Vec<E164>, StoreError> {
        let texts: Vec<&str> = numbers.iter().map(E164::as_str).collect();
        let rows = self.all(query(TAKEN).bind(texts)).await?;
        let mut taken = BTreeSet::new();
        for row in &rows {
            taken.insert(Fields::of(row, TABLE).word("number", E164::from_stored)?);
        }
        Ok(numbers.iter().filter(|number| taken.contains(number)).cloned().collect())
    }

    async fn numbers(&mut self, filter: &NumberFilter, page: Page) -> Result<Listing<NumberRow>, StoreError> {
        let list = List::of(TABLE, (joined!(), FROM, "n.id DESC"), "n.company_id", self.scoped_to())
            .equal("n.status", filter.status.map(|status| status.as_str()))
            .when(filter.assigned == Some(true), "a.id IS NOT NULL")
            .when(filter.assigned == Some(false), "a.id IS NULL")
            .equal("n.country", filter.country.map(|country| country.as_str().to_owned()))
            .equal("n.provider", filter.provider.as_deref().map(|provider| text(provider).into_owned()))
            .equal("a.agent_id", bare(filter.agent));
        self.listing(list, page, read_joined).await
    }
}
