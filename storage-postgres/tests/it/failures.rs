//! Servers that go away, turn read-only or are full, and units of work that are given up.

use std::time::Duration;

use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Page, Store, StoreError};
use dialplane_storage_postgres::{Options, PostgresStore};
use sqlx::{AssertSqlSafe, Executor};

use crate::database::Database;
use crate::rows::Rows;

/// Ends the store's backends, as an operator or a failover does; how many.
async fn end_backends(database: &Database) -> u64 {
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'dialplane'";
    let ended = sqlx::query(end).fetch_all(&mut database.connection().await).await.expect("the server answers");
    ended.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_ended_in_the_middle_is_unavailability_and_nothing_stays() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let company = Rows::default().company();
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    tx.insert_company(&company).await.unwrap();
    assert!(end_backends(&database).await > 0);
    let asked = tx.company(company.id).await;
    assert!(matches!(asked, Err(StoreError::Unavailable(_))), "{asked:?}");
    assert!(tx.commit().await.is_err());
    store.ping().await.unwrap();
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    assert!(tx.company(company.id).await.unwrap().is_none());
    tx.insert_company(&company).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_ended_before_the_commit_is_unavailability() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    tx.insert_company(&Rows::default().company()).await.unwrap();
    end_backends(&database).await;
    let committed = tx.commit().await;
    assert!(matches!(committed, Err(StoreError::Unavailable(_))), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_at_rest_are_replaced_without_a_failure() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut units = Vec::new();
    for _ in 0..8 {
        units.push(store.begin(Scope::System, Access::Read).await.unwrap());
    }
    for unit in units {
        unit.commit().await.unwrap();
    }
    assert!(end_backends(&database).await >= 8);
    for _ in 0..8 {
        let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
        tx.companies(Page::FIRST).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turns_read_only_is_not_ready_and_serves_reads() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let mut admin = database.connection().await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut admin).await.unwrap();
    let fence =
        |state: &str| AssertSqlSafe(format!("ALTER DATABASE {name} SET default_transaction_read_only = {state}"));
    admin.execute(fence("on")).await.unwrap();
    end_backends(&database).await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    let written = tx.insert_company(&Rows::default().company()).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    let mut tx = store.begin(Scope::System, Access::Read).await.unwrap();
    assert_eq!(tx.companies(Page::FIRST).await.unwrap().total, 0);
    drop(tx);
    let mut admin = database.connection().await;
    admin.execute("SET default_transaction_read_only = off").await.unwrap();
    admin.execute(fence("off")).await.unwrap();
    end_backends(&database).await;
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_too_long_is_contention() {
    let database = Database::fresh().await;
    let options = Options { lock_timeout: Duration::from_millis(50), ..Options::default() };
    let store = PostgresStore::connect_with(&database.url, options).await.unwrap();
    let assignment = Rows::default().assigned(&store, 1).await;
    let scope = Scope::Company(assignment.company);
    let mut holder = store.begin(scope, Access::Write).await.unwrap();
    holder.assignment_for_update(assignment.number).await.unwrap();
    let mut waiter = store.begin(scope, Access::Write).await.unwrap();
    let waited = waiter.assignment_for_update(assignment.number).await;
    assert!(matches!(waited, Err(StoreError::Contention)), "{waited:?}");
    assert!(matches!(waiter.commit().await, Err(StoreError::Contention)), "a failed unit of work does not commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_work_that_is_given_up_while_it_waits_frees_its_connection_and_its_locks() {
    let database = Database::fresh().await;
    let options = Options { max_connections: 2, ..Options::default() };
    let store = PostgresStore::connect_with(&database.url, options).await.unwrap();
    let assignment = Rows::default().assigned(&store, 1).await;
    let scope = Scope::Company(assignment.company);
    let mut holder = store.begin(scope, Access::Write).await.unwrap();
    holder.assignment_for_update(assignment.number).await.unwrap();
    let mut given_up = store.begin(scope, Access::Write).await.unwrap();
    given_up.insert_number(&Rows::default().number(assignment.company, "+12025550177")).await.unwrap();
    let waiting =
        tokio::time::timeout(Duration::from_millis(50), given_up.assignment_for_update(assignment.number)).await;
    assert!(waiting.is_err());
    drop(given_up);
    holder.rollback().await.unwrap();
    // The connection that was given up comes back once the server has answered what it was asked.
    let mut one = store.begin(scope, Access::Write).await.unwrap();
    let mut two = store.begin(scope, Access::Write).await.unwrap();
    assert!(one.assignment_for_update(assignment.number).await.unwrap().is_some());
    assert_eq!(two.numbers(&Default::default(), Page::FIRST).await.unwrap().total, 1, "its insert is undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_free_connection_is_unavailability_within_its_time() {
    let database = Database::fresh().await;
    let options = Options { max_connections: 1, acquire_timeout: Duration::from_millis(100), ..Options::default() };
    let store = PostgresStore::connect_with(&database.url, options).await.unwrap();
    let held = store.begin(Scope::System, Access::Read).await.unwrap();
    let refused = store.begin(Scope::System, Access::Read).await;
    assert!(matches!(refused.err(), Some(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    drop(held);
}
