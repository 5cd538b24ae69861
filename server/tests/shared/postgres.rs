//! Databases of their own on the test server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server =
            std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} is not set: run `make test`, or name a server"));
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("server_{}_{nanos}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&server, format!("CREATE DATABASE {name}"));
        let (head, query) = server.split_once('?').map_or((&*server, String::new()), |(h, q)| (h, format!("?{q}")));
        let authority = head.find("://").map_or(0, |at| at + 3);
        let end = head[authority..].find('/').map_or(head.len(), |at| authority + at);
        Self { url: format!("{}/{name}{query}", &head[..end]), name, server }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// In a thread of its own: a test's runtime is running already.
fn run(server: &str, statement: String) {
    let server = server.to_owned();
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&server).await.expect("the test server answers");
            connection.execute(AssertSqlSafe(statement)).await.expect("the test server obeys");
        });
    });
    let done = done.join();
    assert!(done.is_ok() || std::thread::panicking());
}
