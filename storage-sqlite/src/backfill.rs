//! Fills in what a migration cannot: the words of rows from before they were found by words, which core folds.

use dialplane_core::search::Entries;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use crate::client::words;
use crate::error::OpenError;
use crate::statement::{Answer, Prefix, Query, Reading, run};
use crate::{call, lead, user};

/// The rows of a table that may lack their words.
pub(crate) struct Wordless<T> {
    pub(crate) table: &'static str,
    /// Some of them, by id after `?1`.
    pub(crate) rows: &'static str,
    /// Gives the row `?1` the words `?2`; triggers do the rest.
    pub(crate) fill: &'static str,
    pub(crate) read: Reading<T>,
    /// The id of a row, and what it is found by.
    pub(crate) entries: fn(&T) -> (Uuid, Entries),
}

/// Fills in what the migrations have left over, in the transaction that they ran in.
pub(crate) async fn fill_in(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let due = answer(connection, sqlx::query("SELECT noun FROM wordless")).await?;
    for noun in due.all("wordless", |row| row.text("noun")).map_err(OpenError::Rows)? {
        match noun.as_str() {
            "user" => fill(connection, &user::WORDLESS).await?,
            "call" => fill(connection, &call::WORDLESS).await?,
            _ => fill(connection, &lead::WORDLESS).await?,
        }
        answer(connection, sqlx::query("DELETE FROM wordless WHERE noun = ?1").bind(noun)).await?;
    }
    Ok(())
}

async fn fill<T>(connection: &mut SqliteConnection, wordless: &Wordless<T>) -> Result<(), OpenError> {
    let mut after = Uuid::nil();
    loop {
        let found = answer(connection, sqlx::query(wordless.rows).bind(after)).await?;
        let rows = found.all(wordless.table, wordless.read).map_err(OpenError::Rows)?;
        if rows.is_empty() {
            return Ok(());
        }
        for (id, entries) in rows.iter().map(wordless.entries) {
            after = id;
            if !entries.is_empty() {
                answer(connection, sqlx::query(wordless.fill).bind(id).bind(words(&entries))).await?;
            }
        }
    }
}

async fn answer(connection: &mut SqliteConnection, query: Query<'_>) -> Result<Answer, OpenError> {
    run(connection, Prefix::NONE, query).await.answer.map_err(OpenError::Database)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::MIGRATIONS;
    use crate::pool::{Options, migrator, open_writer};
    use sqlx::{Connection as _, Row as _};

    const OLD: &str = "
        INSERT INTO users (id, company_id, name, email, password, initials, role, is_active, is_platform, availability, token_version,
            version, created_at, updated_at) VALUES (x'00000000000000000000000000000001', x'00000000000000000000000000000009', 'Žofie', 'z@example.com', 'p', 'Z',
            'agent', 1, 0, 'offline', 0, 1, 1, 1);
        INSERT INTO calls (id, company_id, direction, status, \"from\", \"to\", started_at, notes, legs, events, version, updated_at)
            VALUES (x'00000000000000000000000000000002', x'00000000000000000000000000000009', 'inbound', 'completed', '+1', '+2', 1, 'Asked for an offer', '[]', 0, 1, 1),
                   (x'00000000000000000000000000000003', x'00000000000000000000000000000009', 'inbound', 'completed', '+1', '+2', 1, NULL, '[]', 0, 1, 1);
        INSERT INTO leads (id, company_id, name, phone, source, status, priority, quality, score, needs, custom, origin, followup_count,
            is_waiting, returns, created_day, version, created_at, updated_at, search)
            VALUES (x'00000000000000000000000000000004', x'00000000000000000000000000000009', 'John Doe', '+12025550123', 'web', 'new', 'low', 'hot', 1, '{}', '{}', '{}',
            0, 0, 0, 1, 1, 1, 1, 'john');";

    #[tokio::test]
    async fn rows_of_an_older_release_are_found_by_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let options = Options::default();
        // As the release before this migration left it.
        let older = MIGRATIONS.iter().position(|(version, ..)| *version == 11).unwrap();
        let file = options.connection(&path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
        migrator(&MIGRATIONS[..older]).run_direct(None, &mut connection, false).await.unwrap();
        sqlx::raw_sql(OLD).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        for _ in 0..2 {
            let mut connection = open_writer(&path, &options).await.unwrap();
            let found = async |connection: &mut SqliteConnection, text: &'static str| -> Vec<String> {
                let rows = sqlx::query(text).fetch_all(connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            };
            let users = found(&mut connection, "SELECT word FROM user_words ORDER BY word").await;
            assert_eq!(users, ["nzofie", "tcom", "texample", "tz", "tzofie"]);
            let calls = found(&mut connection, "SELECT word FROM call_words ORDER BY word").await;
            assert_eq!(calls, ["tan", "tasked", "tfor", "toffer"]);
            let leads = found(&mut connection, "SELECT word FROM lead_words ORDER BY word").await;
            assert_eq!(leads, ["+12025550123", "tdoe", "tjohn"]);
            assert_eq!(found(&mut connection, "SELECT noun FROM wordless").await, [""; 0]);
            connection.close().await.unwrap();
        }
    }
}
