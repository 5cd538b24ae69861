//! The baseline of an entry: one row of the same columns as people would keep by hand, two indexes, and a durable commit. No words,
//! no sums, no event.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Executor as _, PgPool};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const NOTES: &str = "asked for a quote by mail";
const TABLE: &str = "
    CREATE TABLE bare_call (id INTEGER PRIMARY KEY, company INTEGER NOT NULL, officer INTEGER NOT NULL, direction TEXT NOT NULL,
        status TEXT NOT NULL, number TEXT NOT NULL, seconds INTEGER NOT NULL, notes TEXT NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX bare_by_officer ON bare_call (company, officer, at);
    CREATE INDEX bare_by_time ON bare_call (company, at);";

/// Writes the row of a call.
pub(crate) trait Insert: Send + Sync + 'static {
    /// One row, durable when it returns.
    fn one(&self, officer: i64) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Writes `count` rows by `writers` at once: the seconds that one took.
pub(crate) async fn insert<I: Insert>(bare: &Arc<I>, writers: usize, count: usize) -> f64 {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let bare = Arc::clone(bare);
        running.spawn(async move {
            for _ in 0..count / writers {
                bare.one(writer as i64).await.expect("inserted");
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("no writer panics");
    }
    start.elapsed().as_secs_f64() / (count / writers * writers) as f64
}

/// One connection, as SQLite lets only one write.
pub(crate) struct BareSqlite {
    connection: Mutex<SqliteConnection>,
}

impl BareSqlite {
    pub(crate) async fn open(path: &Path) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(TABLE)).await?;
        Ok(Self { connection: Mutex::new(connection) })
    }
}

impl Insert for BareSqlite {
    async fn one(&self, officer: i64) -> sqlx::Result<()> {
        let mut connection = self.connection.lock().await;
        let insert = "INSERT INTO bare_call (company, officer, direction, status, number, seconds, notes, at)
            VALUES (1, ?1, 'outbound', 'completed', '+12025550100', 60, ?2, unixepoch())";
        sqlx::query(insert).bind(officer).bind(NOTES).execute(&mut *connection).await?;
        Ok(())
    }
}

/// A pool as large as the store's.
pub(crate) struct BarePostgres {
    pool: PgPool,
}

impl BarePostgres {
    pub(crate) async fn open(url: &str) -> sqlx::Result<Self> {
        let most = dialplane_storage_postgres::Options::default().max_connections;
        let pool = PgPoolOptions::new().max_connections(most).test_before_acquire(false).connect(url).await?;
        let table = TABLE.replace("id INTEGER PRIMARY KEY", "id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
        pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(table))).await?;
        Ok(Self { pool })
    }
}

impl Insert for BarePostgres {
    async fn one(&self, officer: i64) -> sqlx::Result<()> {
        let insert = "INSERT INTO bare_call (company, officer, direction, status, number, seconds, notes, at)
            VALUES (1, $1, 'outbound', 'completed', '+12025550100', 60, $2, extract(epoch FROM now())::integer)";
        sqlx::query(insert).bind(officer as i32).bind(NOTES).execute(&self.pool).await?;
        Ok(())
    }
}
