//! The trace of a call through a flow: what it did, step by step.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::id::{CallId, CompanyId, FlowId};

/// The longest trace whose steps are kept, in bytes of their JSON.
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
