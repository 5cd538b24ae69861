//! An embedding application that owns the transaction.

use std::sync::Arc;

use dialplane_core::Engine;
use dialplane_core::scope::{Actor, Scope};
use dialplane_core::store::{Outbox as _, Repo as _, Store, StoreError};
use dialplane_storage_sqlite::SqliteRepo;
use sqlx::{Connection as _, Executor as _, Row as _};

use crate::conformance::fresh;
use crate::work::{Reserve, assign, events, store_event, used};

#[tokio::test]
async fn a_command_commits_with_the_applications_own_rows_or_not_at_all() {
    let fresh = fresh().await;
    let (number, _) = assign(&fresh, 10).await;
    let mut host = fresh.store.connect().await.expect("a connection");
    host.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)").await.expect("a table of the application");
    let fresh = Arc::new(fresh);
    let engine = Engine::on(Arc::clone(&fresh) as Arc<dyn Store>);

    for commit in [false, true] {
        let mut transaction = host.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
        transaction.execute("INSERT INTO orders (id) VALUES (1)").await.expect("an order");
        let mut repo = SqliteRepo::join(&mut transaction, Scope::System);
        assert!(engine.execute_in(&mut repo, &Actor::system(), &Reserve(number)).await.expect("the command"));
        drop(repo);
        assert_eq!(used(&*fresh, number).await, 0, "not visible before the application commits");
        if commit {
            transaction.commit().await.expect("a commit");
        } else {
            transaction.rollback().await.expect("a rollback");
            assert_eq!((used(&*fresh, number).await, events(&*fresh).await.len()), (0, 0));
        }
    }
    let orders: i64 = host.fetch_one("SELECT count(*) FROM orders").await.expect("a count").get(0);
    assert_eq!((orders, used(&*fresh, number).await, events(&*fresh).await.len()), (1, 1, 1));
}

#[tokio::test]
async fn a_refused_row_leaves_the_applications_transaction_usable() {
    let fresh = fresh().await;
    store_event(&fresh, 1).await.expect("an event");
    let mut host = fresh.store.connect().await.expect("a connection");
    let mut transaction = host.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    let mut repo = SqliteRepo::join(&mut transaction, Scope::System);
    assert_eq!(repo.scope(), Scope::System);
    let taken = repo.append_events(&[crate::work::event(1)]).await;
    assert!(matches!(taken, Err(StoreError::Duplicate { entity: "event", constraint: "id" })), "{taken:?}");
    repo.append_events(&[crate::work::event(2)]).await.expect("another event");
    drop(repo);
    transaction.commit().await.expect("a commit");
    assert_eq!(events(&fresh).await, [1, 2]);
}
