//! Calendars.

use async_trait::async_trait;
use dialplane_core::flow::Calendar;
use dialplane_core::id::CalendarId;
use dialplane_core::store::{CalendarStore, StoreError};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "calendars";

macro_rules! columns {
    () => {
        "id, company_id, name, hours, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!("INSERT INTO calendars (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
const UPDATE: &str = "UPDATE calendars SET name = ?3, hours = ?4, version = ?5, created_at = ?6, updated_at = ?7 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?8";
const DELETE: Scoped = scoped!(["DELETE FROM calendars WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM calendars WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM calendars WHERE TRUE"][" ORDER BY company_id, id"]);

fn read(row: &mut Fields<'_>) -> Result<Calendar, StoreError> {
    Ok(Calendar {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?,
        hours: row.document("hours")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, calendar: &Calendar) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(calendar.id.as_uuid())
        .bind(calendar.company.as_uuid())
        .bind(calendar.name.clone())
        .bind(document(&calendar.hours)?)
        .bind(calendar.version)
        .bind(calendar.created_at.timestamp_micros())
        .bind(calendar.updated_at.timestamp_micros()))
}

#[async_trait]
impl CalendarStore for SqliteRepo<'_> {
    async fn insert_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        self.admits(calendar.company)?;
        self.change(bind(INSERT, calendar)?).await.map(|_| ())
    }

    async fn update_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        self.reaches(calendar.company)?;
        self.change(bind(UPDATE, calendar)?.bind(before(calendar.version))).await?.or_stale()
    }

    async fn delete_calendar(&mut self, id: CalendarId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn calendar(&mut self, id: CalendarId) -> Result<Option<Calendar>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn calendars(&mut self) -> Result<Vec<Calendar>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
