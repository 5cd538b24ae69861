//! A database of its own for every test, copied from a migrated template and dropped afterwards.

use async_trait::async_trait;
use dialplane_core::id::{IdSource, SystemIds};
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store, StoreError, Tx};
use dialplane_storage_postgres::{Options, PostgresStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server: a URL of any of its databases, with the right to create others.
const SERVER: &str = "DIALPLANE_TEST_POSTGRES";
/// Held while the template is looked for or made. Any number that nothing else on a test server uses.
const TEMPLATE_LOCK: i64 = 0x6470_7465_6d70;

/// The URL of the server, or a word on how to get one.
pub fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!(
            "{SERVER} is not set. Run `make test`, or start a server and name it:\n  \
             export {SERVER}=$(scripts/postgres.sh start /tmp/dialplane-postgres)"
        )
    })
}

/// The URL of another database of the same server.
fn beside(url: &str, database: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, None), |(head, query)| (head, Some(query)));
    let authority = head.find("://").map_or(0, |at| at + 3);
    let end = head.get(authority..).and_then(|rest| rest.find('/')).map_or(head.len(), |at| authority + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", head.get(..end).unwrap_or(head))
}

/// A database that is dropped with this value.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    /// An empty database with the current schema.
    pub async fn fresh() -> Self {
        let server = server();
        let mut connection = PgConnection::connect(&server).await.expect("the test server answers");
        let template = template(&server, &mut connection).await;
        let name = unique("test");
        run(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        connection.close().await.expect("the connection closes");
        Self { url: beside(&server, &name), name }
    }

    /// An empty database without a schema.
    pub async fn bare() -> Self {
        let server = server();
        let mut connection = PgConnection::connect(&server).await.expect("the test server answers");
        let name = unique("bare");
        run(&mut connection, format!("CREATE DATABASE {name}")).await;
        Self { url: beside(&server, &name), name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A store on it.
    pub async fn store(&self) -> PostgresStore {
        PostgresStore::connect_with(&self.url, Options { max_connections: 12, ..Options::default() })
            .await
            .expect("the store opens")
    }

    /// A bare connection to it.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test database answers")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A runtime of its own: the test's may be the one that drops this.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                if let Ok(mut connection) = PgConnection::connect(&server()).await {
                    // What cannot be dropped stays behind on a test server, which harms nobody.
                    let _ = connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

fn unique(kind: &str) -> String {
    let ids = SystemIds::default();
    let ids: &dyn IdSource = &ids;
    format!("dialplane_{kind}_{}", ids.token::<8>())
}

async fn run(connection: &mut PgConnection, statement: String) {
    connection.execute(AssertSqlSafe(statement.clone())).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// The text of all migrations.
fn migrations() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let entries = std::fs::read_dir(folder).expect("the migrations are there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort_unstable();
    files.iter().map(|file| std::fs::read_to_string(file).expect("a migration is text")).collect()
}

/// The name of the migrated template, which is made once for each state of the migrations, whichever process comes first.
async fn template(server: &str, connection: &mut PgConnection) -> String {
    let digest = dialplane_core::people::password::TokenHash::of(&migrations());
    let name = format!("dialplane_template_{}", dialplane_core::people::password::hex(&digest.0[..8]));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut *connection).await.expect("the lock");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .expect("the catalog answers");
    if !exists {
        // Renamed when it is complete, so that a test that was stopped half way leaves no half template under the name.
        let draft = unique("draft");
        run(connection, format!("CREATE DATABASE {draft}")).await;
        PostgresStore::connect(&beside(server, &draft)).await.expect("the schema is made").close().await;
        run(connection, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(connection)
        .await
        .expect("the lock is given back");
    name
}

/// A store with the database it lives in.
pub struct Owned {
    store: PostgresStore,
    _database: Database,
}

/// An empty store, for the conformance suite.
pub async fn fresh() -> Owned {
    let database = Database::fresh().await;
    Owned { store: database.store().await, _database: database }
}

#[async_trait]
impl Store for Owned {
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError> {
        self.store.begin(scope, access).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

#[test]
fn the_name_of_the_database_is_replaced_in_any_url() {
    assert_eq!(beside("postgres://u:p@h:1/a?x=/y", "b"), "postgres://u:p@h:1/b?x=/y");
    assert_eq!(beside("postgres://h", "b"), "postgres://h/b");
}
