//! Traces of calls through flows.

use async_trait::async_trait;
use dialplane_core::flow::FlowTrace;
use dialplane_core::id::CallId;
use dialplane_core::store::{FlowTraceStore, StoreError};

use crate::statement::{Fields, Scoped, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "flow_traces";

macro_rules! columns {
    () => {
        "call_id, company_id, flow_id, number, steps, ended, created_at"
    };
}

/// Stores nothing when the call is not of the trace's company.
const INSERT: &str = concat!(
    "INSERT INTO flow_traces (",
    columns!(),
    ") SELECT id, company_id, ?3, ?4, ?5, ?6, ?7 FROM calls WHERE id = ?1 AND company_id = ?2"
);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM flow_traces WHERE call_id = ?2"]);

fn read(row: &mut Fields<'_>) -> Result<FlowTrace, StoreError> {
    Ok(FlowTrace {
        call: row.id("call_id")?,
        company: row.id("company_id")?,
        flow: row.id("flow_id")?,
        number: row.count("number")?,
        steps: row.document("steps")?,
        ended: row.text("ended")?,
        created_at: row.time("created_at")?,
    })
}

#[async_trait]
impl FlowTraceStore for SqliteRepo<'_> {
    async fn insert_flow_trace(&mut self, trace: &FlowTrace) -> Result<(), StoreError> {
        self.admits(trace.company)?;
        let query = sqlx::query(INSERT)
            .bind(trace.call.as_uuid())
            .bind(trace.company.as_uuid())
            .bind(trace.flow.as_uuid())
            .bind(trace.number)
            .bind(document(&trace.steps)?)
            .bind(trace.ended.clone())
            .bind(trace.created_at.timestamp_micros());
        if self.change(query).await?.changed() { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    async fn flow_trace(&mut self, call: CallId) -> Result<Option<FlowTrace>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(call.as_uuid())).await?.one(TABLE, read)
    }
}
