//! Calendars.

use async_trait::async_trait;
use dialplane_core::flow::Calendar;
use dialplane_core::id::CalendarId;
use dialplane_core::store::{CalendarStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::{Document, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "calendars";

macro_rules! columns {
    () => {
        "id, company_id, name, hours, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE calendars SET name = $3, hours = $4, version = $5, created_at = $6, updated_at = $7 \
         WHERE id = $1 AND company_id = $2 AND version = $8"
    };
}

const INSERT: &str =
    concat!("INSERT INTO calendars (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND name = $3) FROM calendars \
     WHERE id = $1 OR (company_id = $2 AND name = $3)";
const UPDATE: &str = update!();
const UPDATE_SAME_NAME: &str = concat!(update!(), " AND name = $3");
const DELETE: &str = concat!("DELETE FROM calendars WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM calendars WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Calendar, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Calendar {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: fields.text("name")?,
        hours: fields.json("hours")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, calendar: &'q Calendar) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(calendar.id.as_uuid())
        .bind(calendar.company.as_uuid())
        .bind(text(&calendar.name))
        .bind(Document::of(&calendar.hours)?)
        .bind(i64::from(calendar.version))
        .bind(calendar.created_at)
        .bind(calendar.updated_at);
    Ok(bound)
}

#[async_trait]
impl<L: Link> CalendarStore for PgRepo<L> {
    async fn insert_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        self.admit(calendar.company)?;
        let clash = query(CLASH).bind(calendar.id.as_uuid()).bind(calendar.company.as_uuid());
        self.insert("calendar", &["id", "name"], bind(INSERT, calendar)?, clash.bind(text(&calendar.name))).await
    }

    async fn update_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        self.reach(calendar.company)?;
        let before = before(calendar.version);
        let quick = bind(UPDATE_SAME_NAME, calendar)?.bind(before);
        self.replace_unique(quick, bind(UPDATE, calendar)?.bind(before)).await
    }

    async fn delete_calendar(&mut self, id: CalendarId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn calendar(&mut self, id: CalendarId) -> Result<Option<Calendar>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn calendars(&mut self) -> Result<Vec<Calendar>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
