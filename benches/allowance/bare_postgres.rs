//! The baseline on PostgreSQL: nothing but a conditional UPDATE in a transaction. It keeps no event and no usage of the day.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool};

/// Names a server, as a URL of one of its databases with the right to create others.
pub(crate) const SERVER: &str = "DIALPLANE_TEST_POSTGRES";

/// The server that the environment names.
pub(crate) fn server() -> Option<String> {
    std::env::var(SERVER).ok().filter(|url| !url.is_empty())
}

/// A database of this run alone.
pub(crate) struct Throwaway {
    server: String,
    name: String,
    url: String,
}

impl Throwaway {
    pub(crate) async fn create(server: &str) -> sqlx::Result<Self> {
        let name = format!("dialplane_bench_{}", std::process::id());
        let options = PgConnectOptions::from_str(server)?;
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await?;
        connection.close().await?;
        let url = options.database(&name).to_url_lossy().to_string();
        Ok(Self { server: server.to_owned(), name, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn remove(self) -> sqlx::Result<()> {
        let mut connection = PgConnectOptions::from_str(&self.server)?.connect().await?;
        let text = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await?;
        connection.close().await
    }
}

/// A table of its own in the same database, and a pool as large as the store's.
pub(crate) struct Bare {
    pool: PgPool,
}

impl Bare {
    pub(crate) async fn open(url: &str, agents: usize) -> sqlx::Result<Self> {
        let most = dialplane_storage_postgres::Options::default().max_connections;
        let pool = PgPoolOptions::new().max_connections(most).test_before_acquire(false).connect(url).await?;
        pool.execute(
            "CREATE TABLE bench_allowance (agent BIGINT PRIMARY KEY, used INTEGER NOT NULL, most INTEGER NOT NULL)",
        )
        .await?;
        sqlx::query("INSERT INTO bench_allowance SELECT agent, 0, 2000000000 FROM generate_series(0, $1 - 1) AS agent")
            .bind(agents as i64)
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    /// One unit of work, as durable as ours.
    pub(crate) async fn consume(&self, agent: usize) -> sqlx::Result<()> {
        let mut tx = self.pool.begin().await?;
        let counted = sqlx::query("UPDATE bench_allowance SET used = used + 1 WHERE agent = $1 AND used < most")
            .bind(agent as i64)
            .execute(&mut *tx)
            .await?;
        assert_eq!(counted.rows_affected(), 1, "the limit is not reached");
        tx.commit().await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}
