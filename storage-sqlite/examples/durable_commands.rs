//! Measures durable units of work: how many a second, and how many commits they took.
//!
//! `cargo run --release -p dialplane-storage-sqlite --example durable_commands -- [seconds] [rounds] [folder]`
//!
//! Each round runs the same work in turn one commit at a time (the baseline) and with group commit, with 1 and with 32 writers.
//! Two kinds of work: `event` stores one event (one statement), `reserve` counts a call against an allowance as the command of
//! that name does (three statements: read the numbers of an agent, count, store an event).

#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{AssignmentId, CompanyId, IdSource, NumberId, SystemIds, UserId};
use dialplane_core::phone::{Assignment, Capabilities, E164, NumberStatus, PhoneNumber};
use dialplane_core::scope::{ActorName, Scope};
use dialplane_core::store::{Access, Store, StoreError};
use dialplane_storage_sqlite::{GroupCommit, Options, SqliteStore};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone, Copy)]
enum Work {
    Event,
    Reserve,
}

struct Bench {
    store: SqliteStore,
    ids: SystemIds,
    company: CompanyId,
    agents: Vec<UserId>,
}

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(std::time::SystemTime::now())
}

impl Bench {
    async fn open(path: &Path, units_max: usize, writers: usize) -> Result<Self, Failure> {
        let group_commit = GroupCommit { units_max, ..GroupCommit::default() };
        let store = SqliteStore::open_with(path, Options { group_commit, ..Options::default() }).await?;
        let ids = SystemIds::default();
        let source: &dyn IdSource = &ids;
        let (company, at) = (source.id(now()), now());
        let mut tx = store.begin(Scope::System, Access::Write).await?;
        let mut agents = Vec::new();
        for n in 0..writers {
            let (id, agent): (NumberId, UserId) = (source.id(at), source.id(at));
            tx.insert_number(&PhoneNumber {
                id,
                company,
                number: E164::from_stored(&format!("+1202555{n:04}")).ok_or("a number")?,
                raw: String::new(),
                provider: "manual".to_owned(),
                country: "US".parse()?,
                capabilities: Capabilities::default(),
                status: NumberStatus::Active,
                version: 1,
                created_at: at,
                updated_at: at,
            })
            .await?;
            let assignment: AssignmentId = source.id(at);
            tx.insert_assignment(&Assignment {
                id: assignment,
                company,
                number: id,
                agent,
                daily_limit: 100_000,
                allowed_countries: Vec::new(),
                day: at.date_naive(),
                used: 0,
                last_used_at: None,
                version: 1,
                created_at: at,
                updated_at: at,
            })
            .await?;
            agents.push(agent);
        }
        tx.commit().await?;
        Ok(Self { store, ids, company, agents })
    }

    async fn unit(&self, work: Work, writer: usize) -> Result<(), StoreError> {
        let at = now();
        let ids: &dyn IdSource = &self.ids;
        let mut tx = self.store.begin(Scope::Company(self.company), Access::Write).await?;
        if let (Work::Reserve, Some(agent)) = (work, self.agents.get(writer)) {
            for row in tx.agent_numbers_for_update(*agent).await? {
                if let Some(mut assignment) = row.assignment {
                    assignment.used += 1;
                    assignment.last_used_at = Some(at);
                    tx.record_use(&assignment).await?;
                }
            }
        }
        let event = Event::AllowanceReset { assignments: 1 };
        let (id, company, actor) = (ids.id(at), self.company, ActorName::System);
        tx.append_events(&[Envelope { id, company, seq: 0, at, actor, version: Event::VERSION, event }]).await?;
        tx.commit().await
    }
}

/// Seconds of processor time of this process so far.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

struct Figures {
    per_second: f64,
    units_per_commit: f64,
    processor_per_1000: f64,
}

async fn measure(
    folder: &Path,
    work: Work,
    writers: usize,
    units_max: usize,
    time: Duration,
) -> Result<Figures, Failure> {
    let path = tempfile::tempdir_in(folder)?;
    let bench = Arc::new(Bench::open(&path.path().join("bench.db"), units_max, writers).await?);
    let before = bench.store.writer_figures();
    let done = Arc::new(AtomicU64::new(0));
    let (start, processor) = (Instant::now(), processor_seconds());
    let tasks = (0..writers).map(|writer| {
        let (bench, done) = (Arc::clone(&bench), Arc::clone(&done));
        tokio::spawn(async move {
            while start.elapsed() < time {
                bench.unit(work, writer).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, StoreError>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    let (seconds, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let units = done.load(Ordering::Relaxed) as f64;
    let commits = (bench.store.writer_figures().commits - before.commits) as f64;
    Ok(Figures {
        per_second: units / seconds,
        units_per_commit: units / commits,
        processor_per_1000: processor / units * 1_000.0,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (time, rounds) = (Duration::from_secs(number(0, 3)), number(1, 5));
    let folder = arguments.get(2).map_or_else(std::env::temp_dir, Into::into);
    println!(
        "{:8} {:>7} {:>10} {:>9} {:>12} {:>11}",
        "work", "writers", "units_max", "units/s", "units/commit", "CPU s/1000"
    );
    for work in [Work::Event, Work::Reserve] {
        for writers in [1, 32] {
            let mut runs = [(1, Vec::new()), (64, Vec::new())];
            for _ in 0..rounds {
                for (units_max, figures) in &mut runs {
                    figures.push(measure(&folder, work, writers, *units_max, time).await?);
                }
            }
            for (units_max, figures) in runs {
                let column = |of: fn(&Figures) -> f64| median(figures.iter().map(of).collect());
                println!(
                    "{:8} {writers:>7} {units_max:>10} {:>9.0} {:>12.1} {:>11.3}",
                    format!("{work:?}").to_lowercase(),
                    column(|f| f.per_second),
                    column(|f| f.units_per_commit),
                    column(|f| f.processor_per_1000),
                );
            }
        }
    }
    Ok(())
}
