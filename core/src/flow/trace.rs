//! The trace of a call through a flow: what it did, step by step.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::error::refusal;
use crate::id::{CallId, CompanyId, FlowId};

/// The longest trace that is kept, in bytes of its JSON.
pub const TRACE_BYTES_MAX: usize = 4 << 20;

/// The trace of a call. A call has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowTrace {
    /// The call.
    pub call: CallId,
    /// The company.
    pub company: CompanyId,
    /// The flow the call began in.
    pub flow: FlowId,
    /// The version of the flow that it ran through.
    pub number: u32,
    /// The steps, in their order, as the engine writes them.
    pub steps: Value,
    /// How the flow ended, in the engine's word.
    pub ended: String,
    /// When it ended.
    pub created_at: DateTime<Utc>,
}

/// Why a trace was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceRefused {
    /// It is longer than [`TRACE_BYTES_MAX`].
    #[error("a trace has at most {TRACE_BYTES_MAX} bytes")]
    TooLong,
    /// No such call.
    #[error("there is no such call")]
    NoSuchCall,
}

refusal!(TraceRefused {
    Self::TooLong => Invalid, "too_long", "steps";
    Self::NoSuchCall => NotFound, "not_found";
});
