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
    #[error("the database cannot be opened: {0}")]
    Backend(String),
}

/// Opens the database and brings its schema up to date.
///
/// # Errors
/// [`StorageError`].
pub(crate) async fn open(database: &Database) -> Result<Arc<dyn Store>, StorageError> {
    match database {
        Database::Memory => Ok(Arc::new(MemoryStore::new())),
        Database::Sqlite(path) => {
            if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                make_directory(directory)?;
            }
            let store = SqliteStore::open(path).await.map_err(|error| StorageError::Backend(error.to_string()))?;
            Ok(Arc::new(store))
        }
        Database::Postgres(url) => {
            let store = PostgresStore::connect(url).await.map_err(|error| StorageError::Backend(error.to_string()))?;
            Ok(Arc::new(store))
        }
    }
}
