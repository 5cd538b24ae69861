//! The conformance suite on the store in memory, and the suite's own completeness.

use dialplane_core::store::memory::MemoryStore;

async fn fresh() -> MemoryStore {
    MemoryStore::new()
}

dialplane_core::conformance_suite!(fresh);
