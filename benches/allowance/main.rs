//! Counting a call against an allowance, as the engine does it for every outbound call: read the company and the agent's numbers,
//! decide, count, keep the day's usage, store the event, commit durably. On each store, with 1 and with 32 concurrent writers,
//! each writer an agent with one number.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a part that is skipped says so")]

mod bare_postgres;
mod bare_sqlite;
mod fleet;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dialplane_benches::turns::{Turns, repeated};
use dialplane_benches::{is_measuring, postgres as server};
use dialplane_core::phone::{E164, NumberStatus};
use dialplane_core::store::memory::MemoryStore;
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::{GroupCommit, Options, SqliteStore};
use tokio::runtime::Runtime;

use fleet::{DESTINATION, Fleet, UNITS, ZONE, concurrently};

/// Concurrent writers of the second half of the rows.
const MANY: usize = 32;

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn memory(criterion: &mut Criterion) {
    let runtime = runtime();
    let fleet = runtime.block_on(Fleet::seed(Arc::new(MemoryStore::new()), MANY));
    let alone = Mutex::new(fleet::assignment_alone());
    let destination: E164 = E164::from_stored(DESTINATION).expect("a number");
    let rule = || {
        let mut held = alone.lock().expect("nobody panics");
        let now = chrono::DateTime::from(std::time::SystemTime::now());
        let admitted = held.clone().consume(NumberStatus::Active, &destination, ZONE, now).expect("within the limit");
        *held = admitted.assignment;
        admitted.remaining
    };
    Turns::new("allowance in memory")
        .elements(UNITS)
        .baseline("floor: the rule alone, behind a mutex", repeated(|| (0..UNITS).map(|_| rule()).max()))
        .ours("engine, 1 writer", |n| fleet.consume(&runtime, 1, n))
        .ours("engine, 32 writers", |n| fleet.consume(&runtime, MANY, n))
        .measure(criterion);
}

fn sqlite(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let one_by_one =
        Options { group_commit: GroupCommit { units_max: 1, ..GroupCommit::default() }, ..Options::default() };
    let (bare, grouped, single) = runtime.block_on(async {
        let bare = bare_sqlite::Bare::open(&folder.path().join("bare.db"), MANY).await.expect("a database");
        let grouped = SqliteStore::open(folder.path().join("grouped.db")).await.expect("a database");
        let single = SqliteStore::open_with(folder.path().join("single.db"), one_by_one).await.expect("a database");
        let grouped = Fleet::seed(Arc::new(grouped), MANY).await;
        (Arc::new(bare), grouped, Fleet::seed(Arc::new(single), MANY).await)
    });
    let bare_run = |writers: usize, n: u64| {
        let bare = Arc::clone(&bare);
        let unit = move |writer| {
            let bare = Arc::clone(&bare);
            async move { bare.consume(writer).await.expect("counted") }
        };
        concurrently(&runtime, writers, n, unit)
    };
    Turns::new("allowance on SQLite, synchronous=FULL")
        .elements(UNITS)
        .baseline("sqlx, one commit each, 1 writer", |n| bare_run(1, n))
        .baseline("sqlx, one commit each, 32 writers", |n| bare_run(MANY, n))
        .ours("engine, 1 writer", |n| grouped.consume(&runtime, 1, n))
        .ours("engine, 32 writers, group commit", |n| grouped.consume(&runtime, MANY, n))
        .ours("engine, 32 writers, groups of 1", |n| single.consume(&runtime, MANY, n))
        .measure(criterion);
}

fn postgres(criterion: &mut Criterion) {
    let Some(server) = server::server() else {
        if is_measuring() {
            println!("allowance on PostgreSQL: skipped, as {} names no server\n", server::SERVER);
        }
        return;
    };
    let runtime = runtime();
    let (database, bare, store) = runtime.block_on(async {
        let database = server::Throwaway::create(&server).await.expect("a database");
        let store = PostgresStore::connect(database.url()).await.expect("a store");
        let bare = bare_postgres::Bare::open(database.url(), MANY).await.expect("tables");
        (database, Arc::new(bare), store)
    });
    let fleet = runtime.block_on(Fleet::seed(Arc::new(store.clone()), MANY));
    let bare_run = |writers: usize, n: u64| {
        let bare = Arc::clone(&bare);
        let unit = move |writer| {
            let bare = Arc::clone(&bare);
            async move { bare.consume(writer).await.expect("counted") }
        };
        concurrently(&runtime, writers, n, unit)
    };
    Turns::new("allowance on PostgreSQL")
        .elements(UNITS)
        .baseline("sqlx, bare UPDATE in a transaction, 1 writer", |n| bare_run(1, n))
        .baseline("sqlx, bare UPDATE in a transaction, 32 writers", |n| bare_run(MANY, n))
        .ours("engine, 1 writer", |n| fleet.consume(&runtime, 1, n))
        .ours("engine, 32 writers", |n| fleet.consume(&runtime, MANY, n))
        .measure(criterion);
    runtime.block_on(async {
        store.close().await;
        bare.close().await;
        database.remove().await.expect("the database is dropped");
    });
}

fn configuration() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! { name = benches; config = configuration(); targets = memory, sqlite, postgres }
criterion_main!(benches);
