//! The store in memory: the reference of the `conformance` suite, and the store of examples and tests.
//!
//! One unit of work writes at a time, in the order in which they were begun; each works on its own copy, which shares all
//! rows it has not changed with the original. Readers keep the copy that was current when they began and never wait.
//! Nothing outlives the process.

mod agent;
mod calendar;
mod call;
mod callback;
mod caller;
mod carrier;
mod client;
mod company;
mod disposition;
mod extension;
mod figures;
mod flow;
mod flow_trace;
mod gate;
mod inbound;
mod job;
mod lead;
mod lead_figures;
mod lead_routing;
mod map;
mod meta;
mod number;
mod offer;
mod outbox;
mod prompt;
mod queue;
mod recording;
mod report;
mod request;
mod session;
mod state;
mod trunk;
mod twilio;
mod unit;
mod user;
mod voicemail;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use self::gate::Gate;
use self::state::State;
use self::unit::Unit;
use super::{Access, Store, StoreError, Tx};
use crate::scope::Scope;

/// A store in memory. Its clones are the same store.
///
/// A task that begins a second unit of work for writing while it still holds a first one waits for itself.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    gate: Arc<Gate>,
    committed: Mutex<Arc<State>>,
}

impl Shared {
    fn current(&self) -> Arc<State> {
        Arc::clone(&self.committed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, state: Arc<State>) {
        let old = std::mem::replace(&mut *self.committed.lock().unwrap_or_else(PoisonError::into_inner), state);
        // Dropped here, outside the lock, as it may be the last copy of many rows.
        drop(old);
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        let pass = match access {
            Access::Read => None,
            Access::Write => Some(self.shared.gate.enter().await),
        };
        Ok(Box::new(Unit::new(&self.shared, scope, pass)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
