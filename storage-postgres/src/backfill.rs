//! Fills in what a migration cannot: the words of rows from before they were found by words, which core folds.

use dialplane_core::search::Entries;
use dialplane_core::store::StoreError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use crate::client::joined;
use crate::error::{OpenError, open_error};
use crate::{call, lead, user};

/// The rows of a table that may lack their words.
pub(crate) struct Wordless<T> {
    /// Some of them, by id after `$1`.
    pub(crate) rows: &'static str,
    /// Gives the rows `$1` the words `$2`; triggers do the rest.
    pub(crate) fill: &'static str,
    pub(crate) read: fn(&PgRow) -> Result<T, StoreError>,
    /// The id of a row, and what it is found by.
    pub(crate) entries: fn(&T) -> (Uuid, Entries),
}

/// Fills in what the migrations have left over, once: processes that start together wait for the one that does it.
pub(crate) async fn fill_in(connection: &mut PgConnection) -> Result<(), OpenError> {
    let mut transaction = connection.begin().await.map_err(failed)?;
    let due = sqlx::query("SELECT noun FROM wordless ORDER BY noun FOR UPDATE").fetch_all(&mut *transaction).await;
    for row in due.map_err(failed)? {
        let noun: String = row.try_get(0).map_err(failed)?;
        match noun.as_str() {
            "user" => fill(&mut transaction, &user::WORDLESS).await?,
            "call" => fill(&mut transaction, &call::WORDLESS).await?,
            _ => fill(&mut transaction, &lead::WORDLESS).await?,
        }
        let done = sqlx::query("DELETE FROM wordless WHERE noun = $1").bind(noun).execute(&mut *transaction).await;
        done.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

fn failed(error: sqlx::Error) -> OpenError {
    open_error(MigrateError::Execute(error), 0)
}

async fn fill<T>(connection: &mut PgConnection, wordless: &Wordless<T>) -> Result<(), OpenError> {
    let mut after = Uuid::nil();
    loop {
        let found = sqlx::query(wordless.rows).bind(after).fetch_all(&mut *connection).await;
        let found = found.map_err(failed)?;
        let rows: Vec<T> = found.iter().map(wordless.read).collect::<Result<_, _>>().map_err(OpenError::Rows)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (wordless.entries)(last).0;
        let rows = rows.iter().map(wordless.entries);
        let (ids, words): (Vec<Uuid>, Vec<String>) =
            rows.filter(|(_, entries)| !entries.is_empty()).map(|(id, entries)| (id, joined(&entries))).unzip();
        let filled = sqlx::query(wordless.fill).bind(ids).bind(words).execute(&mut *connection).await;
        filled.map_err(failed)?;
    }
}
