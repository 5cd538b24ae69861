//! Calls that a carrier's service carries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::carrier::{CarrierCall, Service};
use dialplane_core::id::CallId;
use dialplane_core::phone::E164;
use dialplane_core::store::{CarrierCallStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::maybe;
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "carrier_calls";

macro_rules! columns {
    () => {
        "call_id, company_id, service, account, caller, sid, due_at, attempts, version, created_at, updated_at"
    };
}
macro_rules! update {
    () => {
        "UPDATE carrier_calls SET service = $3, account = $4, caller = $5, sid = $6, due_at = $7, attempts = $8, version = $9, \
         created_at = $10, updated_at = $11 WHERE call_id = $1 AND company_id = $2 AND version = $12"
    };
}

/// Stores nothing when the call is not of the row's company.
const INSERT: &str = concat!(
    "INSERT INTO carrier_calls (",
    columns!(),
    ") SELECT id, company_id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM calls WHERE id = $1 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(call_id = $1), bool_or(company_id = $2 AND service = $3 AND sid = $4) FROM carrier_calls \
     WHERE call_id = $1 OR (company_id = $2 AND service = $3 AND sid = $4)";
const UPDATE: &str = update!();
const UPDATE_SAME_SID: &str = concat!(update!(), " AND service = $3 AND sid IS NOT DISTINCT FROM $6");
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
        account: fields.maybe_text("account")?,
        caller: fields.maybe_word("caller", E164::from_stored)?,
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
        .bind(maybe(row.account.as_deref()))
        .bind(row.caller.as_ref().map(E164::as_str))
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
        let clash = query(CLASH).bind(row.call.as_uuid()).bind(row.company.as_uuid());
        let clash = clash.bind(row.service.as_str()).bind(maybe(row.sid.as_deref()));
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
