//! The baseline on SQLite: the same statements as the command's, by hand, each unit of work with a durable commit of its own.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::Mutex;

const TABLES: &str = "
    CREATE TABLE company (id INTEGER PRIMARY KEY, zone TEXT NOT NULL) STRICT;
    CREATE TABLE allowance (agent INTEGER PRIMARY KEY, day INTEGER NOT NULL, used INTEGER NOT NULL, most INTEGER NOT NULL) STRICT;
    CREATE TABLE usage (day INTEGER, agent INTEGER, calls INTEGER NOT NULL, PRIMARY KEY (day, agent)) STRICT, WITHOUT ROWID;
    CREATE TABLE event (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
    INSERT INTO company VALUES (1, 'Europe/Berlin');";

/// One connection, as SQLite lets only one write.
pub(crate) struct Bare {
    connection: Mutex<SqliteConnection>,
}

impl Bare {
    pub(crate) async fn open(path: &Path, agents: usize) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(TABLES)).await?;
        for agent in 0..agents as i64 {
            sqlx::query("INSERT INTO allowance VALUES (?1, 1, 0, 2000000000)")
                .bind(agent)
                .execute(&mut connection)
                .await?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// One unit of work, as durable as ours.
    pub(crate) async fn consume(&self, agent: usize) -> sqlx::Result<()> {
        let agent = agent as i64;
        let mut connection = self.connection.lock().await;
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("SELECT zone FROM company WHERE id = 1").fetch_one(&mut *tx).await?;
        sqlx::query("SELECT day, used, most FROM allowance WHERE agent = ?1").bind(agent).fetch_one(&mut *tx).await?;
        let counted = sqlx::query("UPDATE allowance SET used = used + 1 WHERE agent = ?1 AND used < most")
            .bind(agent)
            .execute(&mut *tx)
            .await?;
        assert_eq!(counted.rows_affected(), 1, "the limit is not reached");
        sqlx::query("INSERT INTO usage VALUES (1, ?1, 1) ON CONFLICT (day, agent) DO UPDATE SET calls = calls + 1")
            .bind(agent)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO event (at, body) VALUES (?1, ?2)")
            .bind(agent)
            .bind("{\"type\":\"allowance_consumed\",\"used\":1,\"limit\":2000000000}")
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }
}
