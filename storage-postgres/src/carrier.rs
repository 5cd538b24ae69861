//! Calls that a carrier's service carries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::carrier::{CarrierCall, Service};
use dialplane_core::id::CallId;
use dialplane_core::store::{CarrierCallStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::maybe;
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "carrier_calls";

macro_rules! columns {
    () => {
        "call_id, company_id, service, sid, due_at, attempts, version, created_at, updated_at"
    };
}
macro_rules! update {
    () => {
        "UPDATE carrier_calls SET service = $3, sid = $4, due_at = $5, attempts = $6, version = $7, created_at = $8, \
         updated_at = $9 WHERE call_id = $1 AND company_id = $2 AND version = $10"
    };
}

/// Stores nothing when the call is not of the row's company.
const INSERT: &str = concat!(
    "INSERT INTO carrier_calls (",
    columns!(),
    ") SELECT id, company_id, $3, $4, $5, $6, $7, $8, $9 FROM calls WHERE id = $1 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(call_id = $1), bool_or(service = $2 AND sid = $3) FROM carrier_calls \
     WHERE call_id = $1 OR (service = $2 AND sid = $3)";
const UPDATE: &str = update!();
const UPDATE_SAME_SID: &str = concat!(update!(), " AND service = $3 AND sid IS NOT DISTINCT FROM $4");
const OF_CALLS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM carrier_calls WHERE call_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY call_id"
);

fn read(row: &PgRow) -> Result<CarrierCall, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(CarrierCall {
        call: fields.id("call_id")?,
        company: fields.id("company_id")?,
        service: fields.word("service", Service::from_word)?,
        sid: fields.maybe_text("sid")?,
        due_at: fields.get("due_at")?,
        attempts: fields.count("attempts")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, row: &'q CarrierCall) -> Statement<'q> {
    query(sql)
        .bind(row.call.as_uuid())
        .bind(row.company.as_uuid())
        .bind(row.service.as_str())
        .bind(maybe(row.sid.as_deref()))
        .bind(row.due_at)
        .bind(i64::from(row.attempts))
        .bind(i64::from(row.version))
        .bind(row.created_at)
        .bind(row.updated_at)
}

#[async_trait]
impl<L: Link> CarrierCallStore for PgRepo<L> {
    async fn insert_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        self.admit(row.company)?;
        let rows = self.run(bind(INSERT, row)).await?;
        if rows == 0 && !self.has_call(row.call, row.company).await? {
            return Err(StoreError::OutOfScope);
        }
        let clash = query(CLASH).bind(row.call.as_uuid()).bind(row.service.as_str()).bind(maybe(row.sid.as_deref()));
        self.inserted(rows, "carrier_call", &["call", "sid"], clash).await
    }

    async fn update_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        self.reach(row.company)?;
        let before = before(row.version);
        self.replace_unique(bind(UPDATE_SAME_SID, row).bind(before), bind(UPDATE, row).bind(before)).await
    }

    async fn carrier_calls(&mut self, calls: &[CallId]) -> Result<Vec<CarrierCall>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let calls: Vec<Uuid> = calls.iter().map(|call| call.as_uuid()).collect();
        self.all(query(OF_CALLS).bind(self.company_filter()).bind(calls)).await?.iter().map(read).collect()
    }

    async fn due_carrier_calls(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<CarrierCall>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "due_at, call_id"), "company_id", self.scoped_to()).compare(
            "due_at",
            " <= ",
            Some(now),
        );
        self.all(list.page(0, limit.into()).build()).await?.iter().map(read).collect()
    }
}
