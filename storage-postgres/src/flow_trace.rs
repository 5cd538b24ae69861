//! Traces of calls through flows.

use async_trait::async_trait;
use dialplane_core::flow::FlowTrace;
use dialplane_core::id::CallId;
use dialplane_core::store::{FlowTraceStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::{Document, text};
use crate::tx::{Fields, Link, PgRepo, within};

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
    ") SELECT id, company_id, $3, $4, $5, $6, $7 FROM calls WHERE id = $1 AND company_id = $2 ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT EXISTS (SELECT FROM flow_traces WHERE call_id = $1)";
const BY_CALL: &str =
    concat!("SELECT ", columns!(), " FROM flow_traces WHERE call_id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<FlowTrace, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(FlowTrace {
        call: fields.id("call_id")?,
        company: fields.id("company_id")?,
        flow: fields.id("flow_id")?,
        number: fields.count("number")?,
        steps: fields.json("steps")?,
        ended: fields.text("ended")?,
        created_at: fields.get("created_at")?,
    })
}

#[async_trait]
impl<L: Link> FlowTraceStore for PgRepo<L> {
    async fn insert_flow_trace(&mut self, trace: &FlowTrace) -> Result<(), StoreError> {
        self.admit(trace.company)?;
        let insert = query(INSERT)
            .bind(trace.call.as_uuid())
            .bind(trace.company.as_uuid())
            .bind(trace.flow.as_uuid())
            .bind(i64::from(trace.number))
            .bind(Document::of(&trace.steps)?)
            .bind(text(&trace.ended))
            .bind(trace.created_at);
        let rows = self.run(insert).await?;
        if rows == 0 && !self.has_call(trace.call, trace.company).await? {
            return Err(StoreError::OutOfScope);
        }
        self.inserted(rows, "flow_trace", &["call"], query(CLASH).bind(trace.call.as_uuid())).await
    }

    async fn flow_trace(&mut self, call: CallId) -> Result<Option<FlowTrace>, StoreError> {
        let row = self.one(query(BY_CALL).bind(self.company_filter()).bind(call.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }
}
