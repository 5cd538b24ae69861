//! Statements: their text for either scope, how they are run in one round trip, and how their rows are read.
//!
//! sqlx gives every connection a thread; each call of it is a message there and one back, which costs more than most of our
//! statements do. So statements that belong together are one text, and what must come before the first statement of a unit
//! of work (a `BEGIN`, a `SAVEPOINT`) is put in front of it.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::id::Id;
use dialplane_core::scope::Scope;
use dialplane_core::store::StoreError;
use futures::{Stream, StreamExt as _};
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Decode, Either, Execute as _, Executor as _, Row as _, SqlSafeStr as _, Sqlite, Type, ValueRef as _,
};
use uuid::Uuid;

/// A statement with its values bound.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A statement in two variants: within a company, whose id is then `?1`, and over all. Both are fixed texts, so that each has
/// a plan of its own; a condition such as `?1 IS NULL OR company_id = ?1` would keep SQLite from using the index.
pub(crate) struct Scoped {
    pub(crate) company: &'static str,
    pub(crate) system: &'static str,
}

/// Builds a [`Scoped`]: `scoped!([head] and "column" [tail])`, with `company_id` when no column is named.
macro_rules! scoped {
    ([$($head:tt)+]) => { $crate::statement::scoped!([$($head)+] and "company_id" [""]) };
    ([$($head:tt)+] [$($tail:tt)+]) => { $crate::statement::scoped!([$($head)+] and "company_id" [$($tail)+]) };
    ([$($head:tt)+] and $column:literal [$($tail:tt)+]) => {
        $crate::statement::Scoped {
            company: concat!($($head)+, " AND ", $column, " = ?1", $($tail)+),
            system: concat!($($head)+, $($tail)+),
        }
    };
}
pub(crate) use scoped;

impl Scoped {
    /// The variant of the scope, with the company bound as `?1`; further values are bound from `?2` on.
    pub(crate) fn of(&self, scope: Scope) -> Query<'static> {
        let text = match scope {
            Scope::Company(_) => self.company,
            Scope::System => self.system,
        };
        sqlx::query(text).bind(scope.company().map(|company| company.as_uuid()))
    }
}

/// What a statement gave.
#[derive(Default)]
pub(crate) struct Answer {
    rows: Vec<SqliteRow>,
    /// Rows changed by each of the statements of the text.
    changes: Vec<u64>,
}

impl Answer {
    /// Whether the first statement of the text changed a row.
    pub(crate) fn changed(&self) -> bool {
        self.count() > 0
    }

    /// How many rows the first statement of the text changed.
    pub(crate) fn count(&self) -> u64 {
        self.changes.first().copied().unwrap_or(0)
    }

    /// [`StoreError::Stale`] unless a row was changed.
    pub(crate) fn or_stale(&self) -> Result<(), StoreError> {
        if self.changed() { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Reads the row, if there is one.
    pub(crate) fn one<T>(&self, table: &'static str, read: Reading<T>) -> Result<Option<T>, StoreError> {
        self.rows.first().map(|row| read(&mut Fields::of(row, table))).transpose()
    }

    /// Reads all rows.
    pub(crate) fn all<T>(&self, table: &'static str, read: Reading<T>) -> Result<Vec<T>, StoreError> {
        self.rows.iter().map(|row| read(&mut Fields::of(row, table))).collect()
    }

    /// Reads a count, which is the first row, and the rows that follow it.
    pub(crate) fn listing<T>(
        &self,
        table: &'static str,
        read: Reading<T>,
    ) -> Result<dialplane_core::store::Listing<T>, StoreError> {
        let (count, rows) = self.rows.split_first().ok_or(corrupt(table, "count", None))?;
        let total = Fields::of(count, table).count("count")?;
        let items = rows.iter().map(|row| read(&mut Fields::of(row, table))).collect::<Result<_, _>>()?;
        Ok(dialplane_core::store::Listing { items, total })
    }
}

/// Reads a row; the columns in the order of the statement.
pub(crate) type Reading<T> = fn(&mut Fields<'_>) -> Result<T, StoreError>;

/// What came of running a statement behind a prefix.
pub(crate) struct Outcome {
    /// Whether every statement of the prefix has been carried out.
    pub(crate) prefixed: bool,
    pub(crate) answer: Result<Answer, sqlx::Error>,
}

/// Statements to run first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) text: &'static str,
    /// How many statements it holds.
    pub(crate) count: usize,
}

impl Prefix {
    pub(crate) const NONE: Self = Self { text: "", count: 0 };
}

/// Runs a statement behind a prefix, in one round trip. It stops at the first statement that fails.
pub(crate) async fn run(connection: &mut SqliteConnection, prefix: Prefix, mut query: Query<'_>) -> Outcome {
    let arguments = match query.take_arguments() {
        Ok(arguments) => arguments.unwrap_or_default(),
        Err(error) => return Outcome { prefixed: false, answer: Err(sqlx::Error::Encode(error)) },
    };
    let mut text = query.sql();
    if prefix.count > 0 {
        // The prefix is a constant and the statement was vouched for where it was made.
        text = AssertSqlSafe([prefix.text, text.as_str()].concat()).into_sql_str();
    }
    let mut results = connection.fetch_many(sqlx::query_with(text, arguments));
    let mut done = 0;
    let mut answer = Answer::default();
    loop {
        match soon(&mut results).await {
            // Statements of the prefix change nothing, but SQLite reports the changes of the statement before them.
            Some(Ok(Either::Left(_))) if done < prefix.count => done += 1,
            Some(Ok(Either::Left(result))) => answer.changes.push(result.rows_affected()),
            Some(Ok(Either::Right(row))) => answer.rows.push(row),
            Some(Err(error)) => return Outcome { prefixed: done == prefix.count, answer: Err(error) },
            None => return Outcome { prefixed: done == prefix.count, answer: Ok(answer) },
        }
    }
}

/// How long an answer is looked for before the task goes to sleep over it. Most statements take a few microseconds, and going
/// to sleep and being woken costs more than that; the bound is what other tasks of the thread may have to wait (NOTES.md).
const ATTENTION: Duration = Duration::from_micros(20);

/// The next result.
async fn soon<S: Stream + Unpin>(results: &mut S) -> Option<S::Item> {
    let since = Instant::now();
    loop {
        // Nobody is woken by an answer that is looked for anyway.
        if let Poll::Ready(result) = results.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
        if since.elapsed() >= ATTENTION {
            return results.next().await;
        }
        std::thread::yield_now();
    }
}

/// Reads the columns of a row, one after another.
pub(crate) struct Fields<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    next: usize,
}

fn corrupt(table: &'static str, column: &'static str, row: Option<&SqliteRow>) -> StoreError {
    // The key comes first in every statement.
    let id = row.map_or_else(String::new, |row| {
        let number = || row.try_get::<i64, _>(0).map(|number| number.to_string());
        row.try_get::<Uuid, _>(0).map(|id| id.to_string()).or_else(|_| number()).unwrap_or_default()
    });
    StoreError::Corrupt { table, column, id }
}

impl<'r> Fields<'r> {
    fn of(row: &'r SqliteRow, table: &'static str) -> Self {
        Self { row, table, next: 0 }
    }

    /// The same row as one of another table: for the columns of a join.
    pub(crate) fn as_of(&mut self, table: &'static str) -> &mut Self {
        self.table = table;
        self
    }

    fn corrupt(&self, column: &'static str) -> StoreError {
        corrupt(self.table, column, Some(self.row))
    }

    /// Whether the next column is NULL; it is not passed.
    pub(crate) fn is_null(&self) -> bool {
        self.row.try_get_raw(self.next).is_ok_and(|value| value.is_null())
    }

    fn take<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let at = self.next;
        self.next += 1;
        self.row.try_get(at).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn id<K>(&mut self, column: &'static str) -> Result<Id<K>, StoreError> {
        self.take(column).map(Id::from_uuid)
    }

    pub(crate) fn id_opt<K>(&mut self, column: &'static str) -> Result<Option<Id<K>>, StoreError> {
        Ok(self.take::<Option<Uuid>>(column)?.map(Id::from_uuid))
    }

    pub(crate) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        self.take(column)
    }

    pub(crate) fn text_opt(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.take(column)
    }

    pub(crate) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        self.take(column)
    }

    /// A count; of the width of the field.
    pub(crate) fn count<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let number: i64 = self.take(column)?;
        T::try_from(number).map_err(|_| self.corrupt(column))
    }

    /// A count, if there is one.
    pub(crate) fn count_opt<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<Option<T>, StoreError> {
        let Some(number) = self.take::<Option<i64>>(column)? else { return Ok(None) };
        T::try_from(number).map(Some).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn time(&mut self, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        let micros = self.take(column)?;
        DateTime::from_timestamp_micros(micros).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn time_opt(&mut self, column: &'static str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let Some(micros) = self.take::<Option<i64>>(column)? else { return Ok(None) };
        DateTime::from_timestamp_micros(micros).map(Some).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn day(&mut self, column: &'static str) -> Result<NaiveDate, StoreError> {
        let days = self.count(column)?;
        NaiveDate::from_epoch_days(days).ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn bytes<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], StoreError> {
        self.take::<&[u8]>(column)?.try_into().map_err(|_| self.corrupt(column))
    }

    /// Bytes of any length, if there are any.
    pub(crate) fn blob_opt(&mut self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.take(column)
    }

    /// A word that `read` knows.
    pub(crate) fn word<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word = self.take::<&str>(column)?;
        read(word).ok_or_else(|| self.corrupt(column))
    }

    /// A word that `read` knows, if there is one.
    pub(crate) fn word_opt<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        if self.is_null() {
            self.next += 1;
            return Ok(None);
        }
        self.word(column, read).map(Some)
    }

    /// A document.
    pub(crate) fn document<T: for<'d> serde::Deserialize<'d>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.take::<&str>(column)?;
        serde_json::from_str(text).map_err(|_| self.corrupt(column))
    }

    /// A document, if there is one.
    pub(crate) fn document_opt<T: for<'d> serde::Deserialize<'d>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        if self.is_null() {
            self.next += 1;
            return Ok(None);
        }
        self.document(column).map(Some)
    }
}

/// A document as it is stored.
pub(crate) fn document<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Backend(Box::new(error)))
}

/// A list as it is bound for `json_each`.
pub(crate) fn list(values: impl Iterator<Item = String>) -> String {
    Value::Array(values.map(Value::String).collect()).to_string()
}

/// A count as it is stored. SQLite's integers end where those of `i64` do, which no count of ours reaches.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The version that a row must have for the given one to follow it.
pub(crate) fn before(version: u32) -> i64 {
    i64::from(version) - 1
}

/// `rows` groups of `columns` placeholders, numbered from `first` on: `(?2,?3),(?4,?5)`.
pub(crate) fn placeholders(first: usize, columns: usize, rows: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * columns * 5);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { "," };
            // Writing to a String does not fail.
            let _ = write!(text, "{comma}?{}", first + row * columns + column);
        }
        text.push(')');
    }
    text
}

/// The conditions of a list, put together from those that were asked for. Their texts are constants, their values are bound.
pub(crate) struct Filter {
    scope: Scope,
    conditions: String,
    values: Vec<Bound>,
}

enum Bound {
    Id(Uuid),
    Text(String),
    Number(i64),
}

impl Filter {
    /// Begins with the scope; `column` holds the company.
    pub(crate) fn of(scope: Scope, column: &'static str) -> Self {
        let mut filter = Self { scope, conditions: "TRUE".to_owned(), values: Vec::new() };
        if let Some(company) = scope.company() {
            filter.push([column, " = "].concat().as_str(), Bound::Id(company.as_uuid()));
        }
        filter
    }

    fn push(&mut self, condition: &str, value: Bound) {
        self.values.push(value);
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.conditions.push('?');
        self.conditions.push_str(&self.values.len().to_string());
    }

    /// A condition without a value.
    pub(crate) fn holds(&mut self, condition: &'static str) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
    }

    /// A condition that is put together from constants and numbers of placeholders.
    pub(crate) fn that(&mut self, condition: &str) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
    }

    /// Binds a text for a condition: the number of its placeholder.
    pub(crate) fn bind(&mut self, text: String) -> usize {
        self.values.push(Bound::Text(text));
        self.values.len()
    }

    /// The condition on the company, for tables other than that of the list.
    pub(crate) const fn within(&self) -> &'static str {
        match self.scope {
            Scope::Company(_) => "company_id = ?1",
            Scope::System => "TRUE",
        }
    }

    /// What closes the last condition behind its value.
    pub(crate) fn close(&mut self, text: &'static str) {
        self.conditions.push_str(text);
    }

    pub(crate) fn id<K>(&mut self, condition: &'static str, id: Option<Id<K>>) {
        if let Some(id) = id {
            self.push(condition, Bound::Id(id.as_uuid()));
        }
    }

    pub(crate) fn text(&mut self, condition: &'static str, text: Option<String>) -> &mut Self {
        if let Some(text) = text {
            self.push(condition, Bound::Text(text));
        }
        self
    }

    pub(crate) fn number(&mut self, condition: &'static str, number: Option<i64>) {
        if let Some(number) = number {
            self.push(condition, Bound::Number(number));
        }
    }

    /// The statement: the count of all rows, then a page of them, newest first by `key`.
    pub(crate) fn listing(
        self,
        table: &str,
        columns: &'static str,
        key: &'static str,
        page: dialplane_core::store::Page,
    ) -> Query<'static> {
        let count = self.count(table);
        self.listing_of(&count, table, columns, key, page)
    }

    /// The statement of the count of all rows.
    pub(crate) fn count(&self, table: &str) -> String {
        format!("SELECT count(*) FROM {table} WHERE {}", self.conditions)
    }

    /// The same with another statement for the count.
    pub(crate) fn listing_of(
        self,
        count: &str,
        table: &str,
        columns: &'static str,
        key: &'static str,
        page: dialplane_core::store::Page,
    ) -> Query<'static> {
        let (limit, offset) = (self.values.len() + 1, self.values.len() + 2);
        let conditions = &self.conditions;
        let text = format!(
            "{count}; \
             SELECT {columns} FROM {table} WHERE {conditions} ORDER BY {key} DESC LIMIT ?{limit} OFFSET ?{offset}"
        );
        self.query(text).bind(page.limit).bind(stored(page.offset))
    }

    /// The same, by way of the ids of the page: for rows that are found in another order than that of their ids, of which only those
    /// of the page are read then.
    pub(crate) fn listing_by_ids(
        self,
        table: &str,
        columns: &'static str,
        page: dialplane_core::store::Page,
    ) -> Query<'static> {
        let (limit, offset) = (self.values.len() + 1, self.values.len() + 2);
        let (count, conditions) = (self.count(table), &self.conditions);
        let text = format!(
            "{count}; SELECT {columns} FROM {table} WHERE id IN \
             (SELECT id FROM {table} WHERE {conditions} ORDER BY id DESC LIMIT ?{limit} OFFSET ?{offset}) ORDER BY id DESC"
        );
        self.query(text).bind(page.limit).bind(stored(page.offset))
    }

    /// The statement of the first `limit` rows, newest first by `key`, without a count.
    pub(crate) fn first(
        self,
        table: &'static str,
        columns: &'static str,
        key: &'static str,
        limit: u32,
    ) -> Query<'static> {
        let (conditions, place) = (&self.conditions, self.values.len() + 1);
        let text = format!("SELECT {columns} FROM {table} WHERE {conditions} ORDER BY {key} DESC LIMIT ?{place}");
        self.query(text).bind(limit)
    }

    /// A statement of its own with the values that are bound so far.
    pub(crate) fn query(&self, text: String) -> Query<'static> {
        // Nothing but constants and numbers of placeholders went into the text.
        self.values.iter().fold(sqlx::query(AssertSqlSafe(text)), |query, value| match value {
            Bound::Id(id) => query.bind(*id),
            Bound::Text(text) => query.bind(text.clone()),
            Bound::Number(number) => query.bind(*number),
        })
    }
}
