//! A store of one's own: here the one in memory with an eye on how it is used. The published conformance suite proves it; the
//! program runs the promises about companies and numbers, and its tests run all:
//! `cargo test -p dialplane-examples --example custom_store`.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use dialplane_core::scope::Scope;
use dialplane_core::store::conformance::{CASES, companies, numbers};
use dialplane_core::store::memory::MemoryStore;
use dialplane_core::store::{Access, Store, StoreError, Tx};

/// Units of work begun, by what they are for.
#[derive(Default)]
struct Begun {
    reads: AtomicU64,
    writes: AtomicU64,
}

/// Counts the units of work that it passes on.
struct CountingStore<S> {
    inner: S,
    begun: Arc<Begun>,
}

#[async_trait]
impl<S: Store> Store for CountingStore<S> {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        match access {
            Access::Read => &self.begun.reads,
            Access::Write => &self.begun.writes,
        }
        .fetch_add(1, Relaxed);
        self.inner.begin(scope, access).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[tokio::main]
async fn main() {
    let begun = Arc::new(Begun::default());
    let fresh = || CountingStore { inner: MemoryStore::new(), begun: Arc::clone(&begun) };

    // A promise that is broken panics, as in a test.
    companies::a_company_reads_back_as_it_was_written(&fresh()).await;
    companies::an_id_is_taken_once(&fresh()).await;
    companies::a_company_is_replaced_by_its_next_version_only(&fresh()).await;
    numbers::a_number_reads_back_as_it_was_written(&fresh()).await;
    numbers::an_id_and_a_number_are_taken_once(&fresh()).await;
    numbers::a_number_is_deleted_unless_it_is_assigned(&fresh()).await;

    let (reads, writes) = (begun.reads.load(Relaxed), begun.writes.load(Relaxed));
    println!("6 of {} promises kept in {reads} units of work that read and {writes} that write", CASES.len());
    println!(
        "\nTry next: all of them, `cargo test -p dialplane-examples --example custom_store`, then swap MemoryStore for yours."
    );
}

/// All promises, one test each.
#[cfg(test)]
mod promises {
    use super::*;

    async fn fresh() -> CountingStore<MemoryStore> {
        CountingStore { inner: MemoryStore::new(), begun: Arc::default() }
    }

    dialplane_core::conformance_suite!(fresh);
}
