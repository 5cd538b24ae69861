//! Traces of calls through flows, in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::flow::FlowTrace;
use crate::id::CallId;
use crate::store::{FlowTraceStore, StoreError};

#[async_trait]
impl FlowTraceStore for Unit<'_> {
    async fn insert_flow_trace(&mut self, trace: &FlowTrace) -> Result<(), StoreError> {
        self.admits(trace)?;
        self.has_call(trace.company, trace.call)?;
        unless_taken::<FlowTrace>(self.state().flow_traces.contains(&trace.call), "call")?;
        self.change()?.flow_traces.insert(trace.call, Arc::new(trace.clone()));
        Ok(())
    }

    async fn flow_trace(&mut self, call: CallId) -> Result<Option<FlowTrace>, StoreError> {
        Ok(self.visible(self.state().flow_traces.get(&call)))
    }
}

/// Removes the trace of a call that is deleted.
pub(super) fn forget(state: &mut State, call: CallId) {
    state.flow_traces.remove(&call);
}
