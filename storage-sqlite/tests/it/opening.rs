//! Opening, and what is found in the file.

use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store as _, StoreError};
use dialplane_storage_sqlite::{OpenError, SqliteStore};
use sqlx::{Executor as _, Row as _};

use crate::conformance::fresh;
use crate::work::{assign, event, events, store_event};

#[tokio::test]
async fn what_was_stored_is_there_after_opening_again() {
    let fresh = fresh().await;
    store_event(&fresh, 7).await.expect("an event");
    let path = fresh.folder.path().join("data").join("test.db");
    drop(fresh.store);
    let again = SqliteStore::open(&path).await.expect("the database opens again");
    assert_eq!(events(&again).await, [7]);
    store_event(&again, 8).await.expect("another event");
    assert_eq!(events(&again).await, [7, 8]);
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_by_its_version() {
    let fresh = fresh().await;
    let mut connection = fresh.store.connect().await.expect("a connection");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (4711, 'of the future', TRUE, x'00', 0)";
    connection.execute(newer).await.expect("a migration of the future");
    let refused = SqliteStore::open(fresh.folder.path().join("data").join("test.db")).await.expect_err("it is newer");
    assert!(matches!(refused, OpenError::NewerSchema { found: 4_711, known: 1..4_711 }), "{refused:?}");
    assert!(refused.to_string().contains("4711"), "{refused}");
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let fresh = fresh().await;
    let mut connection = fresh.store.connect().await.expect("a connection");
    connection.execute("UPDATE _sqlx_migrations SET checksum = x'00'").await.expect("another checksum");
    let refused = SqliteStore::open(fresh.folder.path().join("data").join("test.db")).await.expect_err("it differs");
    assert!(matches!(refused, OpenError::ForeignSchema { version: 1 }), "{refused:?}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("letter.txt");
    let letter = "Dear Ann, this is no database. ".repeat(200);
    std::fs::write(&path, &letter).expect("a letter");
    assert!(matches!(SqliteStore::open(&path).await, Err(OpenError::Database(_))));
    assert_eq!(std::fs::read_to_string(&path).expect("the letter"), letter);
    // A file stands where a folder is asked for.
    assert!(matches!(SqliteStore::open(path.join("test.db")).await, Err(OpenError::Folder { .. })));
}

#[tokio::test]
async fn many_who_open_a_new_file_at_once_all_find_it_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let stores = futures::future::join_all((0..8).map(|_| SqliteStore::open(&path))).await;
    for (number, store) in stores.into_iter().enumerate() {
        store_event(&store.expect("it opens"), number as u128).await.expect("an event");
    }
}

#[tokio::test]
async fn the_file_is_set_up_for_durable_shared_use() {
    let fresh = fresh().await;
    let mut connection = fresh.store.connect().await.expect("a connection");
    let mode: String = connection.fetch_one("PRAGMA journal_mode").await.expect("a mode").get(0);
    assert_eq!(mode, "wal");
    for (pragma, value) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5_000)] {
        let found: i64 = connection.fetch_one(pragma).await.expect(pragma).get(0);
        assert_eq!(found, value, "{pragma}");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_named_with_its_row() {
    let fresh = fresh().await;
    let (number, agent) = assign(&fresh, 10).await;
    store_event(&fresh, 1).await.expect("an event");
    let mut connection = fresh.store.connect().await.expect("a connection");
    for (spoil, table, column) in [
        ("UPDATE assignments SET used = -1", "assignments", "used"),
        ("UPDATE phone_numbers SET country = 'XX'", "phone_numbers", "country"),
        ("UPDATE outbox SET event = '{}'", "outbox", "event"),
    ] {
        connection.execute(spoil).await.expect("a spoilt value");
        let mut tx = fresh.begin(Scope::System, Access::Write).await.expect("a unit of work");
        let found = match table {
            "outbox" => tx.events_after(0, 10).await.map(|_| ()),
            "assignments" => tx.assignment_for_update(number).await.map(|_| ()),
            _ => tx.agent_numbers_for_update(agent).await.map(|_| ()),
        };
        match found {
            Err(StoreError::Corrupt { table: at, column: of, id }) => {
                assert_eq!((at, of), (table, column));
                assert!(!id.is_empty());
            }
            other => panic!("{table}.{column}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_not_available() {
    let fresh = fresh().await;
    fresh.ping().await.expect("it can be written");
    let mut connection = fresh.store.connect().await.expect("a connection");
    // No page more than there are: what a full disk is to SQLite.
    let pages: i64 = connection.fetch_one("PRAGMA page_count").await.expect("a count").get(0);
    assert!(pages > 0);
    let mut host = sqlx::Connection::begin_with(&mut connection, "BEGIN IMMEDIATE").await.expect("a transaction");
    host.execute(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).await.expect("a limit");
    let mut repo = dialplane_storage_sqlite::SqliteRepo::join(&mut host, Scope::System);
    let many: Vec<_> = (10..2_000).map(event).collect();
    let full = dialplane_core::store::Outbox::append_events(&mut repo, &many).await;
    assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_only_also_in_a_folder_that_was_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("an open folder");
    let store = SqliteStore::open(folder.path().join("open.db")).await.expect("a new database opens");
    store_event(&store, 7).await.expect("an event");
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let entry = entry.expect("a file");
        let mode = entry.metadata().expect("its permissions").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is open to others: {mode:o}", entry.file_name());
    }
}

#[tokio::test]
async fn after_a_checkpoint_the_file_alone_is_the_database() {
    let fresh = fresh().await;
    store_event(&fresh, 7).await.expect("an event");
    fresh.store.checkpoint().await.expect("a checkpoint");
    let copied = fresh.folder.path().join("copy.db");
    std::fs::copy(fresh.folder.path().join("data").join("test.db"), &copied).expect("a copy");
    let copy = SqliteStore::open(&copied).await.expect("the copy opens");
    assert_eq!(events(&copy).await, [7]);
}
