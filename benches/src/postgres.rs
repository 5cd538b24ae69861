//! A PostgreSQL server to measure on, and a database of one run alone.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

/// Tells the databases of a run apart.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Names a server, as a URL of one of its databases with the right to create others.
pub const SERVER: &str = "DIALPLANE_TEST_POSTGRES";

/// The server that the environment names.
#[must_use]
pub fn server() -> Option<String> {
    std::env::var(SERVER).ok().filter(|url| !url.is_empty())
}

/// A database of this run alone.
pub struct Throwaway {
    server: String,
    name: String,
    url: String,
}

impl Throwaway {
    /// Makes it on a server.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create(server: &str) -> sqlx::Result<Self> {
        let name = format!("dialplane_bench_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let options = PgConnectOptions::from_str(server)?;
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await?;
        connection.close().await?;
        let url = options.database(&name).to_url_lossy().to_string();
        Ok(Self { server: server.to_owned(), name, url })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops it, with whoever is still connected.
    ///
    /// # Errors
    /// What the server says.
    pub async fn remove(self) -> sqlx::Result<()> {
        let mut connection = PgConnectOptions::from_str(&self.server)?.connect().await?;
        let text = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await?;
        connection.close().await
    }
}
