//! A PostgreSQL database of its own for a test, dropped afterwards.

use dialplane_core::id::{IdSource, SystemIds};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server: a URL of any of its databases, with the right to create others.
const SERVER: &str = "DIALPLANE_TEST_POSTGRES";

fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!(
            "{SERVER} is not set. Run `make test`, or start a server and name it:\n  \
             export {SERVER}=$(scripts/postgres.sh start /tmp/dialplane-postgres)"
        )
    })
}

/// An empty database.
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let ids = SystemIds::default();
        let ids: &dyn IdSource = &ids;
        let name = format!("dialplane_server_{}", ids.token::<8>());
        let server = server();
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        connection.close().await.unwrap();
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (base, _) = base.rsplit_once('/').unwrap();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Self { url: format!("{base}/{name}{query}"), name }
    }

    /// Drops it, with whoever is still connected.
    pub(crate) async fn drop(self) {
        let mut connection = PgConnection::connect(&server()).await.unwrap();
        connection.execute(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).await.unwrap();
    }
}
