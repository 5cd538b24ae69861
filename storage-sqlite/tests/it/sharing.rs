//! Several writers at once: the way that is right, and the way that is not.

use std::sync::Arc;

use dialplane_core::Engine;
use dialplane_core::scope::Actor;
use dialplane_core::store::Store;
use dialplane_storage_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Executor as _, Row as _};

use crate::conformance::fresh;
use crate::work::{Reserve, assign, used};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_against_a_limit_of_ten_make_exactly_ten() {
    let fresh = Arc::new(fresh().await);
    let (number, _) = assign(&*fresh, 10).await;
    let engine = Engine::on(Arc::clone(&fresh) as Arc<dyn Store>);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.execute(&Actor::system(), &Reserve(number)).await.expect("a decision") })
        })
        .collect();
    let mut reserved = 0;
    for task in tasks {
        reserved += u32::from(task.await.expect("a task"));
    }
    assert_eq!((reserved, used(&*fresh, number).await), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_lose_nothing_to_each_other() {
    let fresh = fresh().await;
    let (number, _) = assign(&fresh, 1_000).await;
    let other = SqliteStore::open(fresh.folder.path().join("data").join("test.db")).await.expect("a second store");
    let fresh = Arc::new(fresh);
    let engines = [Engine::on(Arc::clone(&fresh) as Arc<dyn Store>), Engine::new(other)];
    let tasks: Vec<_> = (0..60)
        .map(|task: usize| {
            let engine = engines[task % 2].clone();
            tokio::spawn(async move { engine.execute(&Actor::system(), &Reserve(number)).await.expect("a decision") })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("a task"));
    }
    assert_eq!(used(&*fresh, number).await, 60);
}

/// The same rule the wrong way: several connections, and transactions that begin by reading. It is kept to show that what the
/// store does is needed. Two read the same count and decide; the first writes; the second stands on a state that has passed.
#[tokio::test]
async fn transactions_that_begin_by_reading_cannot_all_write() {
    let fresh = fresh().await;
    assign(&fresh, 10).await;
    let options = SqliteConnectOptions::new().filename(fresh.folder.path().join("data").join("test.db"));
    let pool = SqlitePoolOptions::new().max_connections(8).connect_with(options).await.expect("a pool");
    let mut transactions = Vec::new();
    for _ in 0..8 {
        let mut transaction = pool.begin().await.expect("a transaction");
        let count: i64 = transaction.fetch_one("SELECT used FROM assignments").await.expect("a count").get(0);
        assert!(count < 10, "each of them decides that there is room");
        transactions.push(transaction);
    }
    let mut lost = 0;
    for mut transaction in transactions {
        match transaction.execute("UPDATE assignments SET used = used + 1").await {
            Ok(_) => transaction.commit().await.expect("a commit"),
            Err(error) => {
                // SQLITE_BUSY_SNAPSHOT: waiting would not help, so SQLite does not wait.
                let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
                assert_eq!(code.as_deref(), Some("517"), "{error}");
                lost += 1;
            }
        }
    }
    assert_eq!(lost, 7, "only the first to write gets through");
}
