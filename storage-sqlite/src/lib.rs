//! SQLite storage for Dialplane: one file, nothing to install.
//!
//! One connection writes, in shared transactions with a shared, durable commit (`writer`); a few others read, each on a
//! snapshot (`pool`). The choices are argued with measurements in `NOTES.md`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = dialplane_storage_sqlite::SqliteStore::open("data/dialplane.db").await?;
//! let engine = dialplane_core::Engine::new(store);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod agent;
mod assignment;
mod backfill;
mod calendar;
mod call;
mod callback;
mod caller;
mod carrier;
mod client;
mod company;
mod disposition;
mod error;
mod extension;
mod figures;
mod flow;
mod flow_trace;
mod inbound_route;
mod job;
mod lead;
mod lead_figures;
mod lead_routing;
mod meta;
mod migrations;
mod number;
mod offer;
mod outbox;
#[cfg(test)]
mod plans;
mod pool;
mod prompt;
mod queue;
mod recording;
mod report;
mod request;
mod search;
mod session;
mod statement;
mod trunk;
mod twilio;
mod tx;
mod user;
mod voicemail;
mod writer;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store, StoreError, Tx};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _};

pub use error::OpenError;
pub use pool::Options;
pub use tx::SqliteRepo;
pub use writer::{GroupCommit, WriterFigures};

/// A SQLite database.
pub struct SqliteStore {
    writer: writer::Writer,
    readers: pool::Readers,
    path: PathBuf,
    options: Options,
}

impl SqliteStore {
    /// Opens the database at `path`; creates the file and its folder, and brings the schema up to date.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, Options::default()).await
    }

    /// Opens the database at `path` with other [`Options`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let connection = pool::open_writer(&path, &options).await?;
        let writer = writer::Writer::new(
            connection,
            options.connection(&path).create_if_missing(false),
            options.group_commit,
            options.turn_timeout,
        );
        Ok(Self { writer, readers: pool::Readers::new(&path, &options), path, options })
    }

    /// A further connection to the same database, set up as the store's own: for an embedding application that keeps tables
    /// of its own beside ours and joins them in one transaction by [`SqliteRepo::join`].
    ///
    /// # Errors
    /// What sqlx says.
    pub async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.options.connection(&self.path).create_if_missing(false).connect().await
    }

    /// Moves what is in the log into the database file and empties the log, so that the file alone is the database. For the end of a
    /// program, or before the file is copied; nothing is lost without it. Gives up quietly while others read or write.
    ///
    /// # Errors
    /// What sqlx says.
    pub async fn checkpoint(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.connect().await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
        connection.close().await
    }

    /// What the writer has done: units of work and the commits they shared.
    #[must_use]
    pub fn writer_figures(&self) -> WriterFigures {
        self.writer.figures()
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        Ok(Box::new(match access {
            Access::Read => SqliteRepo::read(self.readers.lease().await?, scope),
            Access::Write => SqliteRepo::write(self.writer.lease().await?, scope),
        }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Beginning takes the write lock, which fails on a file that has become read-only, and writes nothing.
        let mut lease = self.writer.lease().await?;
        lease.run(sqlx::query("SELECT 1")).await.map(|_| ()).map_err(error::of_statement)
    }
}
