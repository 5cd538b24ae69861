//! The writer on a real file, with statements of its own on a table of its own.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sqlx::Row as _;
use tempfile::TempDir;

use super::*;
use crate::pool::{Options, open_writer};

struct Bed {
    writer: Writer,
    path: PathBuf,
    _folder: TempDir,
}

async fn bed() -> Bed {
    bed_with(Options {
        group_commit: GroupCommit { wait_max: Duration::from_secs(60), ..GroupCommit::default() },
        ..Options::default()
    })
    .await
}

async fn bed_with(options: Options) -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut connection = open_writer(&path, &options).await.unwrap();
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, of INTEGER REFERENCES notes (id))").await.unwrap();
    let writer = Writer::new(connection, options.connection(&path), options.group_commit, options.turn_timeout);
    Bed { writer, path, _folder: folder }
}

impl Bed {
    /// The notes that are committed, as another connection sees them.
    async fn notes(&self) -> Vec<i64> {
        let mut other = Options::default().reader(&self.path).connect().await.unwrap();
        let rows = sqlx::query("SELECT id FROM notes ORDER BY id").fetch_all(&mut other).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn unit(&self, id: i64) -> Result<(), StoreError> {
        let mut lease = self.writer.lease().await?;
        write(&mut lease, id).await.map_err(error::of_statement)?;
        lease.commit().await
    }
}

async fn write(lease: &mut Lease, id: i64) -> Result<(), sqlx::Error> {
    lease.run(sqlx::query("INSERT INTO notes (id) VALUES (?1)").bind(id)).await.map(|_| ())
}

/// Stores a note after counting for long enough that the answer is not there at once.
const SLOW_INSERT: &str = "INSERT INTO notes (id) SELECT ?1 + 0 * count(*) FROM \
    (WITH RECURSIVE counting (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < 100000) SELECT n FROM counting)";

/// Polls a future once.
fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A unit of work that is done and waits for the shared commit, because somebody waits to begin.
macro_rules! done {
    ($lease:expr) => {{
        let mut commit = Box::pin($lease.commit());
        assert!(poll(&mut commit).is_pending());
        commit
    }};
}

/// Asks for the next turn without getting it yet.
macro_rules! waits {
    ($bed:expr) => {{
        let mut turn = Box::pin($bed.writer.lease());
        assert!(poll(&mut turn).is_pending());
        turn
    }};
}

#[tokio::test]
async fn units_that_wait_for_each_other_share_one_commit() {
    let bed = bed().await;
    let mut first = bed.writer.lease().await.unwrap();
    write(&mut first, 0).await.unwrap();
    let rest = futures::future::join_all((1..=32).map(|id| bed.unit(id)));
    let (first, rest) = futures::future::join(
        async {
            tokio::task::yield_now().await;
            first.commit().await
        },
        rest,
    )
    .await;
    first.unwrap();
    assert!(rest.into_iter().all(|unit| unit.is_ok()));
    assert_eq!(bed.notes().await, (0..=32).collect::<Vec<_>>());
    assert_eq!(bed.writer.figures(), WriterFigures { units: 33, commits: 1 });
}

#[tokio::test]
async fn a_full_group_is_committed_though_others_wait() {
    let bed = bed_with(Options {
        group_commit: GroupCommit { units_max: 3, wait_max: Duration::from_secs(60) },
        ..Options::default()
    })
    .await;
    let first = bed.writer.lease().await.unwrap();
    let units = futures::future::join_all((1..=12).map(|id| bed.unit(id)));
    let (_, units) = futures::future::join(
        async {
            tokio::task::yield_now().await;
            drop(first);
        },
        units,
    )
    .await;
    assert!(units.into_iter().all(|unit| unit.is_ok()));
    assert_eq!(bed.writer.figures(), WriterFigures { units: 12, commits: 4 });
}

#[tokio::test]
async fn a_group_that_has_waited_long_enough_is_committed_though_others_wait() {
    let group_commit = GroupCommit { wait_max: Duration::ZERO, ..GroupCommit::default() };
    let bed = bed_with(Options { group_commit, ..Options::default() }).await;
    let units = futures::future::join_all((1..=5).map(|id| bed.unit(id))).await;
    assert!(units.into_iter().all(|unit| unit.is_ok()));
    assert_eq!(bed.writer.figures(), WriterFigures { units: 5, commits: 5 });
}

#[tokio::test]
async fn nobody_is_told_of_success_before_the_shared_commit() {
    let bed = bed().await;
    let mut first = bed.writer.lease().await.unwrap();
    write(&mut first, 1).await.unwrap();
    let second = waits!(bed);
    let mut first = done!(first);
    let second = second.await.unwrap();
    assert!(poll(&mut first).is_pending());
    assert_eq!(bed.notes().await, Vec::<i64>::new());
    drop(second);
    first.await.unwrap();
    assert_eq!(bed.notes().await, [1]);
}

#[tokio::test]
async fn a_failed_shared_commit_fails_each_of_its_units_and_nothing_of_them_stays() {
    let bed = bed().await;
    let mut one = bed.writer.lease().await.unwrap();
    write(&mut one, 1).await.unwrap();
    let two = waits!(bed);
    let one = done!(one);
    let mut two = two.await.unwrap();
    // A reference that is only checked by COMMIT.
    two.run(sqlx::query("PRAGMA defer_foreign_keys = ON")).await.unwrap();
    two.run(sqlx::query("INSERT INTO notes (id, of) VALUES (2, 99)")).await.unwrap();
    let three = waits!(bed);
    let two = done!(two);
    let mut three = three.await.unwrap();
    write(&mut three, 3).await.unwrap();
    let results = futures::future::join3(one, two, three.commit()).await;
    for result in [results.0, results.1, results.2] {
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
    assert_eq!(bed.notes().await, Vec::<i64>::new());
    bed.unit(4).await.unwrap();
    assert_eq!(bed.notes().await, [4]);
}

#[tokio::test]
async fn a_unit_dropped_in_the_middle_takes_nothing_of_its_neighbours_along() {
    let bed = bed().await;
    // The dropped unit stands at every place a group has: first, second, third and fourth.
    for dropped in 0..4 {
        let mut next = Box::pin(bed.writer.lease());
        let mut done = Vec::new();
        for place in 0..5_i64 {
            let mut lease = next.await.unwrap();
            next = Box::pin(bed.writer.lease());
            assert!(poll(&mut next).is_pending());
            write(&mut lease, dropped * 10 + place).await.unwrap();
            if place == dropped {
                drop(lease);
            } else {
                done.push(done!(lease));
            }
        }
        drop(next);
        for unit in done {
            unit.await.unwrap();
        }
    }
    let expected: Vec<i64> = (0..4)
        .flat_map(|dropped| (0..5).filter(move |place| *place != dropped).map(move |p| dropped * 10 + p))
        .collect();
    assert_eq!(bed.notes().await, expected);
}

#[tokio::test]
async fn a_call_abandoned_half_way_leaves_nothing_and_harms_nobody() {
    let bed = bed().await;
    let mut expected = Vec::new();
    for abandoned in 0..5_i64 {
        for statements_before in 0..2_i64 {
            let mut next = Box::pin(bed.writer.lease());
            let mut done = Vec::new();
            for place in 0..6_i64 {
                let id = (abandoned * 2 + statements_before) * 100 + place * 10;
                let mut lease = next.await.unwrap();
                next = Box::pin(bed.writer.lease());
                assert!(poll(&mut next).is_pending());
                if place == abandoned {
                    for before in 0..statements_before {
                        write(&mut lease, id + before).await.unwrap();
                    }
                    // It is sent with the first poll, and nobody waits for the answer.
                    let slow = sqlx::query(SLOW_INSERT).bind(id + 5);
                    assert!(poll(&mut Box::pin(lease.run(slow))).is_pending());
                    assert!(write(&mut lease, id + 6).await.is_err(), "the unit of work is over");
                    if place % 2 == 0 {
                        assert!(lease.commit().await.is_err());
                    }
                } else {
                    write(&mut lease, id).await.unwrap();
                    expected.push(id);
                    done.push(done!(lease));
                }
            }
            drop(next);
            for unit in done {
                unit.await.unwrap();
            }
        }
    }
    assert_eq!(bed.notes().await, expected);
}

#[tokio::test]
async fn one_who_stops_waiting_for_the_commit_does_not_keep_others_from_it() {
    let bed = bed().await;
    let mut one = bed.writer.lease().await.unwrap();
    write(&mut one, 1).await.unwrap();
    let two = waits!(bed);
    drop(done!(one));
    let mut two = two.await.unwrap();
    write(&mut two, 2).await.unwrap();
    two.commit().await.unwrap();
    assert_eq!(bed.notes().await, [1, 2]);
}

#[tokio::test]
async fn turns_come_in_order_and_one_who_gives_up_waiting_is_passed_over() {
    let bed = bed().await;
    let first = bed.writer.lease().await.unwrap();
    let gone = waits!(bed);
    let called = waits!(bed);
    let mut last = waits!(bed);
    drop(gone);
    drop(first);
    // The turn is on its way to one who never takes it.
    drop(called);
    let last = match poll(&mut last) {
        Poll::Ready(lease) => lease,
        Poll::Pending => last.await,
    };
    drop(last.unwrap());
    bed.unit(1).await.unwrap();
}

#[tokio::test]
async fn a_violated_constraint_leaves_the_unit_usable() {
    let bed = bed().await;
    bed.unit(1).await.unwrap();
    let mut lease = bed.writer.lease().await.unwrap();
    assert!(write(&mut lease, 1).await.is_err());
    write(&mut lease, 2).await.unwrap();
    assert!(write(&mut lease, 2).await.is_err());
    lease.commit().await.unwrap();
    assert_eq!(bed.notes().await, [1, 2]);
}

#[tokio::test]
async fn a_statement_that_cannot_be_made_out_leaves_its_unit_usable() {
    let bed = bed().await;
    let mut one = bed.writer.lease().await.unwrap();
    write(&mut one, 1).await.unwrap();
    let two = waits!(bed);
    let one = done!(one);
    let mut two = two.await.unwrap();
    write(&mut two, 2).await.unwrap();
    assert!(two.run(sqlx::query("SELECT no_such_function()")).await.is_err());
    write(&mut two, 3).await.unwrap();
    two.commit().await.unwrap();
    one.await.unwrap();
    assert_eq!(bed.notes().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_transaction_that_sqlite_gave_up_fails_all_its_units() {
    let bed = bed().await;
    let mut one = bed.writer.lease().await.unwrap();
    write(&mut one, 1).await.unwrap();
    let two = waits!(bed);
    let one = done!(one);
    let mut two = two.await.unwrap();
    write(&mut two, 2).await.unwrap();
    // What SQLite does by itself when the disk is full.
    two.run(sqlx::query("ROLLBACK")).await.unwrap();
    assert!(two.run(sqlx::query("SELECT no_such_function()")).await.is_err());
    drop(two);
    assert!(one.await.is_err());
    assert_eq!(bed.notes().await, Vec::<i64>::new());
    bed.unit(3).await.unwrap();
    assert_eq!(bed.notes().await, [3]);
}

#[tokio::test]
async fn a_broken_connection_fails_its_units_and_is_replaced() {
    let bed = bed().await;
    let mut one = bed.writer.lease().await.unwrap();
    write(&mut one, 1).await.unwrap();
    let two = waits!(bed);
    let one = done!(one);
    let mut two = two.await.unwrap();
    write(&mut two, 2).await.unwrap();
    let three = waits!(bed);
    if let Some(line) = two.line.as_mut() {
        line.connection = None;
    }
    assert!(matches!(two.commit().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(one.await, Err(StoreError::Unavailable(_))));
    let mut three = three.await.unwrap();
    write(&mut three, 3).await.unwrap();
    three.commit().await.unwrap();
    assert_eq!(bed.notes().await, [3]);
}

#[tokio::test]
async fn another_process_that_writes_is_contention_and_nothing_else() {
    let bed = bed_with(Options { busy_timeout: Duration::from_millis(1), ..Options::default() }).await;
    let mut other = Options::default().connection(&bed.path).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert!(matches!(bed.unit(1).await, Err(StoreError::Contention)));
    other.execute("ROLLBACK").await.unwrap();
    bed.unit(1).await.unwrap();
    assert_eq!(bed.notes().await, [1]);
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_reported() {
    let bed = bed_with(Options { turn_timeout: Duration::from_millis(1), ..Options::default() }).await;
    let first = bed.writer.lease().await.unwrap();
    assert!(matches!(bed.writer.lease().await, Err(StoreError::Unavailable(_))));
    drop(first);
    bed.unit(1).await.unwrap();
}

#[tokio::test]
async fn a_unit_that_did_nothing_commits_nothing() {
    let bed = bed().await;
    bed.writer.lease().await.unwrap().commit().await.unwrap();
    drop(bed.writer.lease().await.unwrap());
    assert_eq!(bed.writer.figures(), WriterFigures::default());
}
