//! Databases of their own on the test server.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server: a URL of any of its databases, with the right to create others.
const SERVER: &str = "DIALPLANE_TEST_POSTGRES";

/// An empty database that is dropped with this value.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    server: String,
}

impl Database {
    /// A new one.
    pub(crate) fn create() -> Self {
        let server =
            std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} is not set: run `make test`, or name a server"));
        let name = format!("calls_{}", super::peer::unique());
        run(&server, format!("CREATE DATABASE {name}"));
        Self { url: beside(&server, &name), name, server }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn run(server: &str, statement: String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect(server).await.expect("the test server answers");
        connection.execute(AssertSqlSafe(statement)).await.expect("the test server obeys");
        connection.close().await.expect("the connection closes");
    });
}

/// The URL of another database of the same server.
fn beside(url: &str, database: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, String::new()), |(head, query)| (head, format!("?{query}")));
    let authority = head.find("://").map_or(0, |at| at + 3);
    let end = head[authority..].find('/').map_or(head.len(), |at| authority + at);
    format!("{}/{database}{query}", &head[..end])
}
