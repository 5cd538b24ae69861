//! Opening a store: empty databases, newer ones, and what is no database.

use dialplane_core::store::Store;
use dialplane_storage_postgres::{OpenError, PostgresStore};

use crate::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_an_empty_database_together_make_its_schema_once() {
    let database = Database::bare().await;
    let (one, two, three) = tokio::join!(
        PostgresStore::connect(&database.url),
        PostgresStore::connect(&database.url),
        PostgresStore::connect(&database.url)
    );
    for store in [one, two, three] {
        store.unwrap().ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_a_newer_release_is_a_clear_error() {
    let database = Database::fresh().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (999, 'later', true, '\\x00', 0)";
    sqlx::query(newer).execute(&mut database.connection().await).await.unwrap();
    let error = PostgresStore::connect(&database.url).await.unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 999, known: 1..999 }), "{error:?}");
    assert!(error.to_string().contains("install the newer release"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_was_changed_by_hand_is_a_clear_error() {
    let database = Database::fresh().await;
    let changed = "UPDATE _sqlx_migrations SET checksum = '\\x00'";
    sqlx::query(changed).execute(&mut database.connection().await).await.unwrap();
    let error = PostgresStore::connect(&database.url).await.unwrap_err();
    assert!(matches!(error, OpenError::Migration(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_no_database_is_told_apart() {
    let url = PostgresStore::connect("mysql://localhost/x:y").await.unwrap_err();
    assert!(matches!(url, OpenError::Url(_) | OpenError::Unreachable(_)), "{url:?}");
    // Port 1 is kept for a service that nobody runs.
    let nobody = PostgresStore::connect("postgres://postgres@127.0.0.1:1/postgres").await.unwrap_err();
    assert!(matches!(nobody, OpenError::Unreachable(_)), "{nobody:?}");
}
