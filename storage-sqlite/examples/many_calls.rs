//! Measures a database that holds many calls: opening it, the usual reads, and the memory that takes.
//!
//! `cargo run --release -p dialplane-storage-sqlite --example many_calls -- [calls] [folder]`

#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::call::{Call, Direction, NewCall};
use dialplane_core::id::{CompanyId, IdSource, SystemIds, UserId};
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, CallFilter, Page, Store};
use dialplane_storage_sqlite::SqliteStore;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Memory of this process that is not backed by files, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1_024.0
}

async fn fill(store: &SqliteStore, calls: u64, company: CompanyId, agents: &[UserId]) -> Result<(), Failure> {
    let source = SystemIds::default();
    let ids: &dyn IdSource = &source;
    let start = DateTime::<Utc>::from(std::time::SystemTime::now()) - TimeDelta::days(365);
    for batch in 0..calls.div_ceil(1_000) {
        let mut tx = store.begin(Scope::Company(company), Access::Write).await?;
        let of_batch: Vec<Call> = (0..1_000)
            .map(|n| {
                let number = batch * 1_000 + n;
                let at = start + TimeDelta::seconds(i64::try_from(number * 30).unwrap_or_default());
                let agent = usize::try_from(number).ok().and_then(|n| agents.get(n % agents.len()).copied());
                let mut call = Call::begin(NewCall {
                    id: ids.id(at),
                    company,
                    direction: Direction::Outbound,
                    from: "+12025550100".into(),
                    to: "+14155550123".into(),
                    agent,
                    number: None,
                    trunk: None,
                    lead: None,
                    node: None,
                    at,
                });
                call.status = dialplane_core::call::CallStatus::Completed;
                call
            })
            .collect();
        tx.insert_calls(&of_batch).await?;
        tx.commit().await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let calls = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir_in(arguments.next().map_or_else(std::env::temp_dir, PathBuf::from))?;
    let path = folder.path().join("bench.db");

    let started = Instant::now();
    let store = SqliteStore::open(&path).await?;
    println!("open, new file:            {:>9.2} ms, {:.1} MiB", started.elapsed().as_secs_f64() * 1e3, memory());
    let source = SystemIds::default();
    let ids: &dyn IdSource = &source;
    let company: CompanyId = ids.id(DateTime::UNIX_EPOCH);
    let agents: Vec<UserId> = (0..100).map(|_| ids.id(DateTime::UNIX_EPOCH)).collect();
    let started = Instant::now();
    fill(&store, calls, company, &agents).await?;
    println!("{calls} calls inserted:   {:>9.2} s", started.elapsed().as_secs_f64());
    drop(store);

    let started = Instant::now();
    let store = SqliteStore::open(&path).await?;
    println!("open, with the calls:      {:>9.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let filters = [
        ("page 1 of a company", CallFilter::default()),
        ("page 1 of an agent", CallFilter { agent: agents.first().copied(), ..CallFilter::default() }),
    ];
    for (name, filter) in filters {
        for round in ["first", "again"] {
            let started = Instant::now();
            let mut tx = store.begin(Scope::Company(company), Access::Read).await?;
            let listing = tx.calls(&filter, Page::FIRST).await?;
            let time = started.elapsed().as_secs_f64() * 1e3;
            println!("{name}, {round}: {time:>9.2} ms, {} of {}", listing.items.len(), listing.total);
        }
    }
    let started = Instant::now();
    let open = store.begin(Scope::System, Access::Read).await?.open_calls(None).await?;
    println!("open calls ({}):            {:>9.2} ms", open.len(), started.elapsed().as_secs_f64() * 1e3);
    println!("memory at the end:         {:>9.1} MiB", memory());
    Ok(())
}
