//! Connecting: the pool, its options, and bringing the schema up to date.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store, StoreError, Tx};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool, SqlSafeStr};

use crate::backfill;
use crate::error::{OpenError, open_error, store_error};
use crate::migrations::MIGRATIONS;
use crate::tx::PgTx;

/// A connection that rested longer than this is looked at before it is used.
const RESTED: Duration = Duration::from_secs(30);
/// How long that look may take. Half-open sockets answer never.
const LOOK: Duration = Duration::from_secs(2);

/// How a store uses its database. `Default` is for one server process among several on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most connections of this process.
    pub max_connections: u32,
    /// How long a unit of work waits for a free connection before it is refused as unavailable.
    pub acquire_timeout: Duration,
    /// A connection is replaced after this: a database that moved, or a role whose rights changed, is noticed within it.
    pub max_lifetime: Duration,
    /// How long a statement waits for a row that another unit of work holds, before it gives up as contention.
    pub lock_timeout: Duration,
    /// How long a statement may take. The server ends it then, and a little later the client gives up on a silent server.
    pub statement_timeout: Duration,
    /// How long the server lets a unit of work do nothing: a process that stopped in the middle must not hold its locks for ever.
    pub idle_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            max_lifetime: Duration::from_secs(10 * 60),
            lock_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// A PostgreSQL database. Cheap to clone; clones share the pool.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    options: Options,
}

impl PostgresStore {
    /// Connects to the database at `url` (such as `postgres://user:password@host:5432/database`) and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::connect_with(url, Options::default()).await
    }

    /// Connects with other options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect_with(url: &str, options: Options) -> Result<Self, OpenError> {
        let target = PgConnectOptions::from_str(url).map_err(OpenError::Url)?.application_name("dialplane");
        migrate(&target).await?;
        let pool = pool_options(options).connect_with(target).await.map_err(OpenError::Unreachable)?;
        Ok(Self { pool, options })
    }

    /// The pool, for an application that shares it or begins transactions of its own.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes all connections, waiting for units of work that are under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction. A connection whose server went away in the meantime fails here, with nothing done yet: the next one is
    /// tried, until every connection that could have rested through a restart has been replaced.
    async fn begin_on_live(&self, statement: &'static str) -> Result<sqlx::PgTransaction<'static>, sqlx::Error> {
        let mut left = self.options.max_connections;
        loop {
            let connection = self.pool.acquire().await?;
            match sqlx::Transaction::begin(connection, Some(statement.into_sql_str())).await {
                Err(error) if left > 0 && is_lost(&error) => {
                    tracing::debug!(%error, "a resting connection was lost, trying another");
                    left -= 1;
                }
                other => return other,
            }
        }
    }
}

/// Whether the connection is gone, which says nothing about the server.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // The backend was ended while it rested: the message waits in the socket.
        sqlx::Error::Database(database) => {
            matches!(database.code().as_deref(), Some("57P01" | "57P02" | "57P05" | "25P03"))
        }
        _ => false,
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        // A write does not ask for READ WRITE: an operator's `default_transaction_read_only` must hold.
        let statement = match access {
            // Lists are planned with their values, in the same round trip: a plan for any company reads through the large ones to
            // find a page of a small one.
            Access::Read => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan"
            }
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let begun = self.begin_on_live(statement).await.map_err(|error| store_error(error, access == Access::Write))?;
        Ok(Box::new(PgTx::own(begun, scope, access, self.options.statement_timeout)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let look = async {
            let mut left = self.options.max_connections;
            loop {
                let mut connection = self.pool.acquire().await?;
                match is_writable(&mut connection).await {
                    Err(error) if left > 0 && is_lost(&error) => left -= 1,
                    other => return other,
                }
            }
        };
        match tokio::time::timeout(self.options.acquire_timeout, look).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(StoreError::Unavailable("the database is read-only".into())),
            Ok(Err(error)) => Err(store_error(error, true)),
            Err(elapsed) => Err(StoreError::Unavailable(Box::new(elapsed))),
        }
    }
}

/// Whether the server behind the connection takes writes. It answers with the unprepared protocol, as a server in recovery may
/// have lost what was prepared.
async fn is_writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    use sqlx::Row as _;
    let row = connection.fetch_one(sqlx::raw_sql("SHOW transaction_read_only")).await?;
    Ok(row.try_get::<&str, _>(0)? == "off")
}

fn pool_options(options: Options) -> PgPoolOptions {
    let millis = |duration: Duration| duration.as_millis().min(i32::MAX as u128);
    let settings = format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
        millis(options.lock_timeout),
        millis(options.statement_timeout),
        millis(options.idle_timeout)
    );
    let settings: std::sync::Arc<str> = settings.into();
    PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .max_lifetime(options.max_lifetime)
        // A round trip before every unit of work tells little: the server may go away right after it. What it is good for, the
        // look at rested connections does, and that one also finds a primary that has become a standby.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| Box::pin(look_at(connection, metadata)))
        .after_connect(move |connection, _| {
            let settings = std::sync::Arc::clone(&settings);
            Box::pin(async move {
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(settings))).await?;
                Ok(())
            })
        })
}

/// Whether a connection that rested is still good. One that is not is closed, and the pool opens another.
async fn look_at(connection: &mut PgConnection, metadata: PoolConnectionMetadata) -> Result<bool, sqlx::Error> {
    if metadata.idle_for < RESTED {
        return Ok(true);
    }
    match tokio::time::timeout(LOOK, is_writable(connection)).await {
        Ok(answer) => answer,
        Err(_) => Ok(false),
    }
}

fn migrator() -> Migrator {
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

/// Brings the schema up to date on a connection of its own, under an advisory lock: processes that start together do it once.
async fn migrate(target: &PgConnectOptions) -> Result<(), OpenError> {
    let mut connection = PgConnection::connect_with(target).await.map_err(OpenError::Unreachable)?;
    let migrator = migrator();
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    let outcome = match migrator.run_direct(None, &mut connection, false).await {
        Ok(()) => backfill::fill_in(&mut connection).await,
        Err(error) => Err(open_error(error, known)),
    };
    // Closing also gives the lock back when the migration failed.
    let closed = connection.close().await;
    outcome?;
    closed.map_err(OpenError::Unreachable)
}
