//! Opening a store: empty databases, newer ones, and what is no database.

use dialplane_core::store::Store;
use dialplane_storage_postgres::{OpenError, PostgresStore};

use crate::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_an_empty_database_together_make_its_schema_once() {
    let database = Database::bare().await;
    let (one, two, three) = tokio::join!(
        PostgresStore::connect(&database.url),
        PostgresStore::connect(&database.url),
        PostgresStore::connect(&database.url)
    );
    for store in [one, two, three] {
        store.unwrap().ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_a_newer_release_is_a_clear_error() {
    let database = Database::fresh().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (999, 'later', true, '\\x00', 0)";
    sqlx::query(newer).execute(&mut database.connection().await).await.unwrap();
    let error = PostgresStore::connect(&database.url).await.unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 999, known: 1..999 }), "{error:?}");
    assert!(error.to_string().contains("install the newer release"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_was_changed_by_hand_is_a_clear_error() {
    let database = Database::fresh().await;
    let changed = "UPDATE _sqlx_migrations SET checksum = '\\x00'";
    sqlx::query(changed).execute(&mut database.connection().await).await.unwrap();
    let error = PostgresStore::connect(&database.url).await.unwrap_err();
    assert!(matches!(error, OpenError::Migration(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_no_database_is_told_apart() {
    let url = PostgresStore::connect("mysql://localhost/x:y").await.unwrap_err();
    assert!(matches!(url, OpenError::Url(_) | OpenError::Unreachable(_)), "{url:?}");
    // Port 1 is kept for a service that nobody runs.
    let nobody = PostgresStore::connect("postgres://postgres@127.0.0.1:1/postgres").await.unwrap_err();
    assert!(matches!(nobody, OpenError::Unreachable(_)), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_release_are_found_by_words() {
    let database = Database::fresh().await;
    let mut connection = database.connection().await;
    // As they are when the migration has just gone over them.
    let old = "
        INSERT INTO users (id, company_id, name, email, password, initials, role, is_active, is_platform, availability,
            availability_since, token_version, version, created_at, updated_at) VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000009',
            'Žofie', 'z@example.com', 'p', 'Z', 'agent', true, false, 'offline', now(), 0, 1, now(), now());
        INSERT INTO calls (id, company_id, direction, status, \"from\", \"to\", started_at, notes, legs, events, version, updated_at)
            SELECT id, '00000000-0000-0000-0000-000000000009', 'inbound', 'completed', '+1', '+2', now(), notes, '[]', 0, 1, now()
            FROM (VALUES ('00000000-0000-0000-0000-000000000002'::uuid, 'Asked for an offer'),
                         ('00000000-0000-0000-0000-000000000003', NULL)) AS old (id, notes);
        INSERT INTO leads (id, company_id, name, phone, source, status, priority, quality, score, needs, custom, origin, followup_count,
            is_waiting, returns, version, created_at, updated_at) VALUES ('00000000-0000-0000-0000-000000000004',
            '00000000-0000-0000-0000-000000000009', 'John Doe', '+12025550123', 'web', 'new', 'low', 'hot', 1, '{}', '{}', '{}', 0,
            false, 0, 1, now(), now());
        INSERT INTO wordless VALUES ('user'), ('call'), ('lead');";
    sqlx::raw_sql(old).execute(&mut connection).await.expect("rows of before");
    let (one, two) = tokio::join!(PostgresStore::connect(&database.url), PostgresStore::connect(&database.url));
    drop((one.unwrap(), two.unwrap()));
    for (table, words) in [
        ("user_words", "nzofie tcom texample tz tzofie"),
        ("call_words", "tan tasked tfor toffer"),
        ("lead_words", "+12025550123 ndoe njohn tdoe tjohn"),
    ] {
        let found = format!("SELECT string_agg(word, ' ' ORDER BY word) FROM {table}");
        let row = sqlx::query(sqlx::AssertSqlSafe(found)).fetch_one(&mut connection).await.expect(table);
        assert_eq!(sqlx::Row::get::<String, _>(&row, 0), words, "{table}");
    }
}
