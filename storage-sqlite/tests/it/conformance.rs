//! The conformance suite on fresh files.

use async_trait::async_trait;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store, StoreError, Tx};
use dialplane_storage_sqlite::SqliteStore;
use tempfile::TempDir;

/// A store whose file goes with it.
pub(crate) struct Fresh {
    pub(crate) store: SqliteStore,
    pub(crate) folder: TempDir,
}

#[async_trait]
impl Store for Fresh {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        self.store.begin(scope, access).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

pub(crate) async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let store = SqliteStore::open(folder.path().join("data").join("test.db")).await.expect("a new database opens");
    Fresh { store, folder }
}

dialplane_core::conformance_suite!(fresh);
