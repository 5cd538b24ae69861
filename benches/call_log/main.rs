//! A log of calls on each store: entering a call with all that belongs to it, and what people read, from a short log and from a
//! long one, in turn.
//!
//! `cargo bench -p dialplane-benches --bench call_log -- [sqlite] [postgres] [small=10000] [large=1000000]`
//!
//! The same engine, the same questions; the ratio of the last column says what the length of the log costs.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints its tables")]

mod bare;
mod log;
mod question;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialplane_benches::figures::{duration, median};
use dialplane_benches::words::Words;
use dialplane_benches::{is_measuring, postgres};
use dialplane_core::store::Store;
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;

use bare::{BarePostgres, BareSqlite};
use log::Log;
use question::Question;

/// How often everything is asked in turn.
const ROUNDS: usize = 15;
/// About as long as one question is asked in a round.
const SLICE: Duration = Duration::from_millis(40);
/// Concurrent writers of the second row of entries, and the calls they enter in a round.
const WRITERS: usize = 32;
const ENTRIES: usize = 320;

/// Calls of the short log and of the long one, as the command line asks for.
fn sizes(words: &Words) -> [usize; 2] {
    [("small", 10_000), ("large", 1_000_000)]
        .map(|(key, otherwise)| words.number(key, otherwise).clamp(1_000, 20_000_000))
}

/// Seconds of each round, of the short log and of the long one.
type Rounds = [Vec<f64>; 2];

struct Table {
    rows: Vec<(String, Rounds)>,
}

impl Table {
    fn print(&self, subject: &str, [small, large]: [usize; 2]) {
        println!("\ncall log on {subject}: one at a time, median of {ROUNDS} rounds in turn");
        println!("  {:58} {:>12} {:>12} {:>7}", "", format!("{small} calls"), format!("{large} calls"), "ratio");
        for (name, [short, long]) in &self.rows {
            let ratio = median(short.iter().zip(long).map(|(short, long)| long / short).collect());
            let [short, long] = [short, long].map(|rounds| duration(median(rounds.clone())));
            println!("  {name:58} {short:>12} {long:>12} {ratio:>7.2}");
        }
        println!();
    }
}

/// Seconds that one of a few repetitions takes.
async fn timed(log: &Log, question: Question) -> f64 {
    let (start, mut count) = (Instant::now(), 0_u32);
    while count == 0 || start.elapsed() < SLICE {
        log.ask(question).await;
        count += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(count)
}

/// Asks both logs everything in turn. `bare` writes the row of a call by hand.
async fn measure<B: bare::Insert>(logs: [&Log; 2], bare: &Arc<B>) -> Table {
    let mut table = Table { rows: Vec::new() };
    let mut rows: Vec<(String, Rounds)> =
        Question::ALL.map(|question| (question.name().to_owned(), Rounds::default())).into();
    for _ in 0..ROUNDS {
        for (question, (_, rounds)) in Question::ALL.into_iter().zip(&mut rows) {
            for (log, seconds) in logs.iter().zip(rounds) {
                seconds.push(timed(log, question).await);
            }
        }
    }
    for writers in [1, WRITERS] {
        let mut rounds = [Rounds::default(), Rounds::default()];
        for _ in 0..ROUNDS {
            for (n, log) in logs.iter().enumerate() {
                rounds[0][n].push(log.enter(writers, ENTRIES).await);
                rounds[1][n].push(bare::insert(bare, writers, ENTRIES).await);
            }
        }
        let [ours, by_hand] = rounds;
        table.rows.push((format!("entered: record, words, sums, figures, event; {writers} writers"), ours));
        table.rows.push((format!("  baseline: the row alone by sqlx, a commit each; {writers} writers"), by_hand));
    }
    table.rows.append(&mut rows);
    table
}

/// Fills two stores and measures them.
async fn compare<B: bare::Insert>(subject: &str, sizes: [usize; 2], stores: Vec<Arc<dyn Store>>, bare: B) {
    let mut logs = Vec::with_capacity(2);
    for (store, size) in stores.into_iter().zip(sizes) {
        let start = Instant::now();
        let log = Log::fill(store, size).await;
        println!("{subject}: {size} calls written in {:.0} s", start.elapsed().as_secs_f64());
        logs.push(log);
    }
    let [small, large] = &*logs else { return };
    measure([small, large], &Arc::new(bare)).await.print(subject, sizes);
}

async fn sqlite(sizes: [usize; 2]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for name in ["small.db", "large.db"] {
        stores.push(Arc::new(SqliteStore::open(folder.path().join(name)).await.expect("a database")));
    }
    let bare = BareSqlite::open(&folder.path().join("bare.db")).await.expect("a database");
    compare("SQLite, synchronous=FULL", sizes, stores, bare).await;
}

async fn on_postgres(sizes: [usize; 2]) {
    let Some(server) = postgres::server() else {
        return println!("call log on PostgreSQL: skipped, as {} names no server\n", postgres::SERVER);
    };
    let (mut databases, mut stores): (Vec<_>, Vec<PostgresStore>) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let database = postgres::Throwaway::create(&server).await.expect("a database");
        stores.push(PostgresStore::connect(database.url()).await.expect("a store"));
        databases.push(database);
    }
    if let Some(database) = databases.first() {
        let bare = BarePostgres::open(database.url()).await.expect("a table");
        let filled = stores.iter().map(|store| -> Arc<dyn Store> { Arc::new(store.clone()) }).collect();
        compare("PostgreSQL", sizes, filled, bare).await;
    }
    for store in stores {
        store.close().await;
    }
    for database in databases {
        database.remove().await.expect("the database is dropped");
    }
}

fn main() {
    if !is_measuring() {
        return;
    }
    let words = Words::read();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if words.has("sqlite") {
        runtime.block_on(sqlite(sizes(&words)));
    }
    if words.has("postgres") {
        runtime.block_on(on_postgres(sizes(&words)));
    }
}
