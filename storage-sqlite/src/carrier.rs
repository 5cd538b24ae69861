//! Calls that a carrier's service carries.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::carrier::{CarrierCall, Service};
use dialplane_core::id::CallId;
use dialplane_core::phone::E164;
use dialplane_core::store::{CarrierCallStore, StoreError};

use crate::client::id_list;
use crate::statement::{Fields, Query, Scoped, before, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "carrier_calls";

macro_rules! columns {
    () => {
        "call_id, company_id, service, account, caller, sid, due_at, attempts, version, created_at, updated_at"
    };
}

/// Stores nothing when the call is not of the row's company.
const INSERT: &str = concat!(
    "INSERT INTO carrier_calls (",
    columns!(),
    ") SELECT id, company_id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM calls WHERE id = ?1 AND company_id = ?2"
);
const UPDATE: &str = "UPDATE carrier_calls SET service = ?3, account = ?4, caller = ?5, sid = ?6, due_at = ?7, attempts = ?8, version = ?9, \
    created_at = ?10, updated_at = ?11 WHERE call_id = ?1 AND company_id = ?2 AND version = ?12";
const OF_CALLS: Scoped = scoped!(
    ["SELECT ", columns!(), " FROM carrier_calls WHERE call_id IN (SELECT unhex(value) FROM json_each(?2))"][" ORDER BY call_id"]
);
pub(crate) const DUE: Scoped = scoped!([
    "SELECT ",
    columns!(),
    " FROM carrier_calls INDEXED BY carrier_calls_due WHERE due_at <= ?2"
] and "+company_id" [" ORDER BY due_at, call_id LIMIT ?3"]);

fn read(row: &mut Fields<'_>) -> Result<CarrierCall, StoreError> {
    Ok(CarrierCall {
        call: row.id("call_id")?,
        company: row.id("company_id")?,
        service: row.word("service", Service::from_word)?,
        account: row.text_opt("account")?,
        caller: row.word_opt("caller", E164::from_stored)?,
        sid: row.text_opt("sid")?,
        due_at: row.time_opt("due_at")?,
        attempts: row.count("attempts")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, row: &CarrierCall) -> Query<'static> {
    sqlx::query(text)
        .bind(row.call.as_uuid())
        .bind(row.company.as_uuid())
        .bind(row.service.as_str())
        .bind(row.account.clone())
        .bind(row.caller.as_ref().map(|number| number.as_str().to_owned()))
        .bind(row.sid.clone())
        .bind(row.due_at.map(|at| at.timestamp_micros()))
        .bind(row.attempts)
        .bind(row.version)
        .bind(row.created_at.timestamp_micros())
        .bind(row.updated_at.timestamp_micros())
}

#[async_trait]
impl CarrierCallStore for SqliteRepo<'_> {
    async fn insert_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        self.admits(row.company)?;
        if self.change(bind(INSERT, row)).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn update_carrier_call(&mut self, row: &CarrierCall) -> Result<(), StoreError> {
        self.reaches(row.company)?;
        self.change(bind(UPDATE, row).bind(before(row.version))).await?.or_stale()
    }

    async fn carrier_calls(&mut self, calls: &[CallId]) -> Result<Vec<CarrierCall>, StoreError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&OF_CALLS).bind(id_list(calls))).await?.all(TABLE, read)
    }

    async fn due_carrier_calls(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<CarrierCall>, StoreError> {
        self.fetch(self.scoped(&DUE).bind(now.timestamp_micros()).bind(limit)).await?.all(TABLE, read)
    }
}
