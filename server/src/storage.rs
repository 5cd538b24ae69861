//! The choice of the database: the one place that names a backend.

use std::sync::Arc;

use dialplane_core::store::Store;
use dialplane_core::store::memory::MemoryStore;
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;

use crate::auth::secrets::{SecretsError, make_directory};
use crate::settings::Database;

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The directory of the database file cannot be made.
    #[error(transparent)]
    Directory(#[from] SecretsError),
    /// The backend refused.
    #[error("{0}")]
    Backend(String),
}

/// An open database.
pub(crate) struct Storage {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    sqlite: Option<Arc<SqliteStore>>,
}

impl Storage {
    /// Leaves the database in order at the end of the process: a file of SQLite's is whole without its log then.
    pub(crate) async fn close(&self) {
        if let Some(sqlite) = &self.sqlite
            && let Err(error) = sqlite.checkpoint().await
        {
            tracing::warn!(%error, "the log of the database stays beside its file; the next start takes it in");
        }
    }
}

/// Opens the database and brings its schema up to date.
///
/// # Errors
/// [`StorageError`].
pub(crate) async fn open(database: &Database) -> Result<Storage, StorageError> {
    match database {
        Database::Memory => Ok(Storage { store: Arc::new(MemoryStore::new()), sqlite: None }),
        Database::Sqlite(path) => {
            if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                make_directory(directory)?;
            }
            let sqlite = Arc::new(SqliteStore::open(path).await.map_err(|error| told(&error))?);
            Ok(Storage { store: sqlite.clone(), sqlite: Some(sqlite) })
        }
        Database::Postgres(url) => {
            let store = PostgresStore::connect(url).await.map_err(|error| told(&error))?;
            Ok(Storage { store: Arc::new(store), sqlite: None })
        }
    }
}

/// The error with what is behind it, each thing said once.
fn told(error: &dyn std::error::Error) -> StorageError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    StorageError::Backend(text)
}
