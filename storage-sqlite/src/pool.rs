//! Opening: how connections are set up, how the schema is brought up to date, and the connections that read.

use std::borrow::Cow;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task;
use std::time::Duration;

use dialplane_core::store::StoreError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backfill;
use crate::error::{self, AlreadyFailed, OpenError, TurnTimedOut, WriterStopped};
use crate::migrations::MIGRATIONS;
use crate::statement::{self, Answer, Prefix, Query};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Connections that read, at most; they are opened when they are needed.
    pub readers: usize,
    /// The bounds of a shared commit.
    pub group_commit: crate::GroupCommit,
    /// How long SQLite waits for another process that holds the file.
    pub busy_timeout: Duration,
    /// How long a unit of work waits for its turn.
    pub turn_timeout: Duration,
    /// Memory that the writer keeps pages in, in KiB.
    pub writer_cache_kib: u32,
    /// Memory that each reader keeps pages in, in KiB.
    pub reader_cache_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            group_commit: crate::GroupCommit::default(),
            busy_timeout: Duration::from_secs(5),
            turn_timeout: Duration::from_secs(30),
            writer_cache_kib: 8_192,
            reader_cache_kib: 2_048,
        }
    }
}

/// Prepared statements that a connection keeps. Those that can come first in a unit of work are kept once for each prefix
/// of the writer.
const STATEMENTS_KEPT: usize = 512;
/// Pages of the log after which they are copied into the database: 16 MiB.
const CHECKPOINT_PAGES: &str = "4000";
/// What is left of the log file after that, in bytes.
const LOG_KEPT: &str = "67108864";

impl Options {
    /// A connection as the store sets it up.
    pub(crate) fn connection(&self, path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .pragma("cache_size", format!("-{}", self.writer_cache_kib))
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", LOG_KEPT)
            .disable_statement_logging()
    }

    pub(crate) fn reader(&self, path: &Path) -> SqliteConnectOptions {
        self.connection(path)
            .create_if_missing(false)
            .pragma("cache_size", format!("-{}", self.reader_cache_kib))
            .pragma("query_only", "ON")
    }
}

pub(crate) fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, SqlStr::from_static(text), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

/// Opens the connection that writes, creates what is missing and brings the schema up to date.
pub(crate) async fn open_writer(path: &Path, options: &Options) -> Result<SqliteConnection, OpenError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
    }
    keep_private(path).await.map_err(|source| OpenError::File { file: path.to_owned(), source })?;
    // A file can be switched to WAL by one process at a time, and SQLite does not wait for that.
    let patience = tokio::time::Instant::now() + options.busy_timeout;
    loop {
        match open_migrated(path, options).await {
            Err(error) if error.is_busy() && tokio::time::Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

/// Makes the file before SQLite does, readable by its owner only: it holds password hashes and the digests of SIP secrets. SQLite
/// gives its log and its index the permissions of the file.
async fn keep_private(path: &Path) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options.open(path).await?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut permissions = file.metadata().await?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            // Whose file it is decides about that; another user's is used as it is.
            file.set_permissions(permissions).await.ok();
        }
    }
    drop(file);
    Ok(())
}

async fn open_migrated(path: &Path, options: &Options) -> Result<SqliteConnection, OpenError> {
    let mut connection = options.connection(path).connect().await?;
    let known = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    // The lock is taken first, so that two processes that start together migrate one after the other.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator(MIGRATIONS)
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| OpenError::of_migration(error, known))?;
    backfill::fill_in(&mut transaction).await?;
    transaction.commit().await?;
    Ok(connection)
}

/// The connections that read. Each unit of work has one for itself and sees the database as it was at its first statement.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    options: SqliteConnectOptions,
    turns: Arc<Semaphore>,
    turn_max: Duration,
}

struct Shared {
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(crate) fn new(path: &Path, options: &Options) -> Self {
        Self {
            shared: Arc::new(Shared { idle: Mutex::new(Vec::new()) }),
            options: options.reader(path),
            turns: Arc::new(Semaphore::new(options.readers.max(1))),
            turn_max: options.turn_timeout,
        }
    }

    pub(crate) async fn lease(&self) -> Result<ReadLease, StoreError> {
        let turn = match tokio::time::timeout(self.turn_max, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(StoreError::Unavailable(Box::new(WriterStopped))),
            Err(_) => return Err(StoreError::Unavailable(Box::new(TurnTimedOut))),
        };
        let idle = self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(error::of_statement)?,
        };
        Ok(ReadLease {
            connection: Some(connection),
            shared: Arc::clone(&self.shared),
            begun: false,
            under_way: false,
            _turn: turn,
        })
    }
}

/// The right to read on a connection.
pub(crate) struct ReadLease {
    /// `None` after it broke.
    connection: Option<SqliteConnection>,
    shared: Arc<Shared>,
    begun: bool,
    /// A statement is under way; also when its call was abandoned.
    under_way: bool,
    _turn: OwnedSemaphorePermit,
}

impl ReadLease {
    pub(crate) async fn run(&mut self, query: Query<'_>) -> Result<Answer, sqlx::Error> {
        const BEGIN: Prefix = Prefix { text: "BEGIN; ", count: 1 };
        if self.under_way {
            return Err(sqlx::Error::Protocol(AlreadyFailed.to_string()));
        }
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let prefix = if self.begun { Prefix::NONE } else { BEGIN };
        self.under_way = true;
        let outcome = statement::run(connection, prefix, query).await;
        self.under_way = false;
        self.begun |= outcome.prefixed;
        if outcome.answer.as_ref().is_err_and(error::is_broken) {
            self.connection = None;
        }
        outcome.answer
    }
}

impl Drop for ReadLease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.begun || self.under_way {
            // An open snapshot would keep the log from being reused. The statement is only sent: it is carried out before
            // whatever the next user sends, and its answer is of no interest.
            let mut end = connection.execute(sqlx::query("ROLLBACK"));
            let _ = pin!(&mut end).as_mut().poll(&mut task::Context::from_waker(task::Waker::noop()));
        }
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
