//! A process that dies while it writes: what it said is stored, is stored.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dialplane_storage_sqlite::SqliteStore;
use sqlx::{Executor as _, Row as _};

use crate::work::{events, store_event};

/// Names the database to the process that is to die.
const VICTIM: &str = "DIALPLANE_TEST_CRASH_DATABASE";

/// Not a test by itself: the process that is killed. Without its variable it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let store = Arc::new(SqliteStore::open(path).await.expect("the database opens"));
    let first = events(&*store).await.len() as u128;
    let writers = (0..16_u128).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0.. {
                let number = 1 + first + writer + round * 16 + (first + 1) * 1_000_000;
                store_event(&*store, number).await.expect("an event");
                // One write call a line: the reader never sees half of one that counts.
                let line = format!("stored {number}\n");
                std::io::stdout().write_all(line.as_bytes()).expect("a reader");
            }
        })
    });
    futures::future::join_all(writers).await;
}

/// Starts the victim, kills it (`SIGKILL`) after `lines` acknowledged events, and gives all it has acknowledged.
fn kill_after(path: &Path, lines: usize) -> Vec<u128> {
    let mut victim = Command::new(std::env::current_exe().expect("this test's own file"))
        .args(["--exact", "crash::victim", "--nocapture", "--test-threads=1"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the victim starts");
    let mut output = BufReader::new(victim.stdout.take().expect("its output"));
    let mut acknowledged = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).expect("a line") > 0 {
        let whole = line.ends_with('\n');
        // The name of the test stands in front of the first line.
        if let Some(number) = line.split("stored ").nth(1).filter(|_| whole) {
            acknowledged.push(number.trim().parse().expect("a number"));
            if acknowledged.len() == lines {
                victim.kill().expect("it can be killed");
            }
        }
        line.clear();
    }
    victim.wait().expect("it is gone");
    acknowledged
}

#[tokio::test]
async fn a_killed_process_has_kept_every_promise() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let mut promised = Vec::new();
    // It dies at a different point each time, also right after it began.
    for lines in [1, 37, 200, 523] {
        let acknowledged = kill_after(&path, lines);
        assert!(acknowledged.len() >= lines, "{} of {lines}", acknowledged.len());
        promised.extend(acknowledged);
        let store = SqliteStore::open(&path).await.expect("it opens after the crash");
        let mut connection = store.connect().await.expect("a connection");
        let check: String = connection.fetch_one("PRAGMA integrity_check").await.expect("a check").get(0);
        assert_eq!(check, "ok");
        let stored: std::collections::BTreeSet<u128> = events(&store).await.into_iter().collect();
        let broken: Vec<_> = promised.iter().filter(|number| !stored.contains(number)).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}
