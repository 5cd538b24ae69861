//! Units of work that only read.

use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store as _, StoreError};
use sqlx::{Executor as _, Row as _};

use crate::conformance::fresh;
use crate::work::{event, events, store_event};

#[tokio::test]
async fn a_reader_sees_one_state_while_others_write() {
    let fresh = fresh().await;
    store_event(&fresh, 1).await.expect("an event");
    let mut reader = fresh.begin(Scope::System, Access::Read).await.expect("reading");
    assert_eq!(reader.events_after(0, 10).await.expect("events").len(), 1);
    store_event(&fresh, 2).await.expect("another event");
    assert_eq!(reader.events_after(0, 10).await.expect("events").len(), 1);
    reader.commit().await.expect("an end");
    assert_eq!(events(&fresh).await, [1, 2]);
}

#[tokio::test]
async fn a_reader_that_writes_is_refused_and_goes_on_reading() {
    let fresh = fresh().await;
    let mut reader = fresh.begin(Scope::System, Access::Read).await.expect("reading");
    assert!(matches!(reader.append_events(&[event(1)]).await, Err(StoreError::Backend(_))));
    assert!(reader.events_after(0, 10).await.expect("events").is_empty());
}

#[tokio::test]
async fn a_dropped_reader_does_not_hold_the_log_back() {
    let fresh = fresh().await;
    for number in 1..=20 {
        store_event(&fresh, number).await.expect("an event");
        let mut reader = fresh.begin(Scope::System, Access::Read).await.expect("reading");
        reader.events_after(0, 10).await.expect("events");
    }
    // Each reader that is idle now has ended its snapshot before it answers again.
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(fresh.begin(Scope::System, Access::Read).await.expect("reading"));
    }
    for reader in &mut readers {
        reader.events_after(0, 1).await.expect("events");
    }
    drop(readers);
    let mut connection = fresh.store.connect().await.expect("a connection");
    // Waits, by the busy timeout, for readers that are about to end.
    let row = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("a checkpoint");
    assert_eq!(row.get::<i64, _>(0), 0, "nobody was in the way");
}

#[tokio::test]
async fn more_readers_than_connections_take_turns() {
    let fresh = std::sync::Arc::new(fresh().await);
    store_event(&*fresh, 1).await.expect("an event");
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let fresh = std::sync::Arc::clone(&fresh);
            tokio::spawn(async move { events(&*fresh).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("a reader"), [1]);
    }
}

#[tokio::test]
async fn the_number_of_calls_that_is_kept_is_the_number_of_calls() {
    let fresh = fresh().await;
    let mut host = fresh.store.connect().await.expect("a connection");
    for n in 0..30 {
        let company = if n % 3 == 0 { "zeroblob(16)" } else { "CAST('0123456789abcdef' AS BLOB)" };
        let insert = format!(
            "INSERT INTO calls (id, company_id, direction, status, \"from\", \"to\", started_at, legs, events, version, updated_at) \
             VALUES (randomblob(16), {company}, 'inbound', 'completed', '', '', 1, '[]', 0, 1, 1)"
        );
        host.execute(sqlx::AssertSqlSafe(insert)).await.expect("a call");
    }
    host.execute("DELETE FROM calls WHERE id IN (SELECT id FROM calls ORDER BY id LIMIT 7)")
        .await
        .expect("fewer calls");
    let different = "SELECT count(*) FROM call_totals t \
        WHERE t.calls <> (SELECT count(*) FROM calls c WHERE c.company_id = t.company_id)";
    assert_eq!(host.fetch_one(different).await.expect("a count").get::<i64, _>(0), 0);
    assert_eq!(host.fetch_one("SELECT sum(calls) FROM call_totals").await.expect("a sum").get::<i64, _>(0), 23);
}
