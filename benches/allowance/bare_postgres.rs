//! The baseline on PostgreSQL: nothing but a conditional UPDATE in a transaction. It keeps no event and no usage of the day.

use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor as _, PgPool};

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
