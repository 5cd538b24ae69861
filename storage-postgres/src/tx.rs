//! A unit of work: one transaction, bound to a scope. Every statement of the crate goes through the few methods here, which
//! bound its time, translate its errors and remember a failure.
//!
//! Conventions of the statements in the other files: `$1` of a read is the scope's company or NULL, and `within!` is the
//! condition on it; a write of a row names the row's own company, after the scope was asked whether it sees it.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use dialplane_core::id::{CompanyId, Id};
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Listing, Page, Repo, StoreError, Tx};
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{Connection, Decode, PgConnection, PgTransaction, Postgres, QueryBuilder, Row, Type};
use uuid::Uuid;

use crate::error::store_error;
use crate::text::{plain, plain_document};

/// The condition that keeps a read inside its scope: `$1` is the company, or NULL in the system scope. It filters rows that an
/// identity has found; lists, which need the company's index, get theirs from [`List`].
macro_rules! within {
    ($column:literal) => {
        concat!("($1::uuid IS NULL OR ", $column, " = $1)")
    };
}
pub(crate) use within;

/// A statement with its values.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// How long after the server's own limit the client stops waiting for a statement.
const GRACE: Duration = Duration::from_secs(5);

/// What a unit of work runs on: a transaction of the store, or a connection on which the application has begun one.
pub trait Link: Send {
    /// The connection.
    fn connection(&mut self) -> &mut PgConnection;
}

impl Link for PgTransaction<'static> {
    fn connection(&mut self) -> &mut PgConnection {
        self
    }
}

impl Link for &mut PgConnection {
    fn connection(&mut self) -> &mut PgConnection {
        self
    }
}

/// The repository of one unit of work.
#[derive(Debug)]
pub struct PgRepo<L> {
    link: L,
    scope: Scope,
    access: Access,
    limit: Duration,
    broken: Option<Broken>,
}

/// A unit of work of the store itself.
pub type PgTx = PgRepo<PgTransaction<'static>>;

/// Why the transaction can only be undone: PostgreSQL refuses every statement after a failed one, and answers COMMIT with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Contention,
    Failed,
}

impl<'c> PgRepo<&'c mut PgConnection> {
    /// Joins the engine to a transaction that the application has begun on `connection`, for `Engine::execute_in`. The application
    /// commits it, or rolls it back after an error.
    ///
    /// The transaction may have any isolation level; above READ COMMITTED more commands end as contention.
    pub const fn join(connection: &'c mut PgConnection, scope: Scope) -> Self {
        Self { link: connection, scope, access: Access::Write, limit: Duration::MAX, broken: None }
    }
}

impl PgTx {
    pub(crate) fn own(transaction: PgTransaction<'static>, scope: Scope, access: Access, limit: Duration) -> Self {
        Self { link: transaction, scope, access, limit: limit.saturating_add(GRACE), broken: None }
    }
}

impl<L: Link> PgRepo<L> {
    /// The value of `$1` in reads.
    pub(crate) fn company_filter(&self) -> Option<Uuid> {
        self.scope.company().map(|company| company.as_uuid())
    }

    pub(crate) fn scoped_to(&self) -> Scope {
        self.scope
    }

    /// Refuses to write or to lock in a unit of work that only reads. PostgreSQL would refuse too, and then everything after it.
    pub(crate) fn may_write(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(StoreError::Backend("this unit of work only reads".into())),
        }
    }

    /// An insert of a row of `company` is allowed.
    pub(crate) fn admit(&self, company: CompanyId) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope.sees(company) { Ok(()) } else { Err(StoreError::OutOfScope) }
    }

    /// An update of a row of `company` can meet a row.
    pub(crate) fn reach(&self, company: CompanyId) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope.sees(company) { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Runs a statement; how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = bounded(self.limit, statement.execute(self.link.connection())).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.failed(error))
    }

    /// Runs a statement that gives at most one row.
    pub(crate) async fn one(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, StoreError> {
        let row = bounded(self.limit, statement.fetch_optional(self.link.connection())).await;
        row.map_err(|error| self.failed(error))
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn all(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let rows = bounded(self.limit, statement.fetch_all(self.link.connection())).await;
        rows.map_err(|error| self.failed(error))
    }

    /// Runs an update of one row: [`StoreError::Stale`] when it meets none.
    pub(crate) async fn replace(&mut self, statement: Statement<'_>) -> Result<(), StoreError> {
        if self.run(statement).await? == 0 { Err(StoreError::Stale) } else { Ok(()) }
    }

    /// Runs `quick`, an update of one row under the condition that its identity stays as it is, which most changes fulfil and
    /// which cannot end in a duplicate; when it meets no row, `full` inside a savepoint, so that the unit of work goes on after a
    /// duplicate. One round trip, or four.
    pub(crate) async fn replace_unique(&mut self, quick: Statement<'_>, full: Statement<'_>) -> Result<(), StoreError> {
        if self.run(quick).await? > 0 {
            return Ok(());
        }
        self.replace_in_savepoint(full).await
    }

    async fn replace_in_savepoint(&mut self, statement: Statement<'_>) -> Result<(), StoreError> {
        match self.in_savepoint(statement).await? {
            Ok(0) => Err(StoreError::Stale),
            Ok(_) => Ok(()),
            Err(error) => match store_error(error, self.access == Access::Write) {
                duplicate @ StoreError::Duplicate { .. } => Err(duplicate),
                other => Err(self.broken(other)),
            },
        }
    }

    /// Runs a statement that must not take the unit of work down with it: only contention and a lost database do. Three round
    /// trips.
    pub(crate) async fn run_alone(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        match self.in_savepoint(statement).await? {
            Ok(rows) => Ok(rows),
            Err(error) => match store_error(error, self.access == Access::Write) {
                lost @ (StoreError::Contention | StoreError::Unavailable(_)) => Err(self.broken(lost)),
                other => Err(other),
            },
        }
    }

    /// Runs a statement in a savepoint, which is rolled back when it fails.
    async fn in_savepoint(&mut self, statement: Statement<'_>) -> Result<Result<u64, sqlx::Error>, StoreError> {
        let limit = self.limit;
        let connection = self.link.connection();
        let attempt = async {
            let mut savepoint = connection.begin().await?;
            match statement.execute(&mut *savepoint).await {
                Ok(done) => {
                    savepoint.commit().await?;
                    Ok(Ok(done.rows_affected()))
                }
                Err(error) => {
                    savepoint.rollback().await?;
                    Ok(Err(error))
                }
            }
        };
        bounded(limit, attempt).await.map_err(|error| self.failed(error))
    }

    /// Runs an insert `… ON CONFLICT DO NOTHING` of one row. When it inserts nothing, `clash` says which identity is taken: a
    /// statement that gives one row of booleans, in the order of `identities`.
    pub(crate) async fn insert(
        &mut self,
        entity: &'static str,
        identities: &[&'static str],
        insert: Statement<'_>,
        clash: Statement<'_>,
    ) -> Result<(), StoreError> {
        let inserted = self.run(insert).await?;
        self.inserted(inserted, entity, identities, clash).await
    }

    /// Names the identity that is taken when an insert `… ON CONFLICT DO NOTHING` inserted nothing.
    pub(crate) async fn inserted(
        &mut self,
        rows: u64,
        entity: &'static str,
        identities: &[&'static str],
        clash: Statement<'_>,
    ) -> Result<(), StoreError> {
        if rows > 0 {
            return Ok(());
        }
        let taken = match self.one(clash).await? {
            Some(row) => identities.iter().enumerate().find(|(at, _)| row.try_get::<bool, _>(*at).unwrap_or(false)),
            None => None,
        };
        match taken {
            Some((_, constraint)) => Err(StoreError::Duplicate { entity, constraint }),
            // The row that stood in the way is gone again: from the start, the insert succeeds.
            None => Err(self.broken(StoreError::Contention)),
        }
    }

    /// Runs an insert of many rows, `… ON CONFLICT DO NOTHING RETURNING` their keys, that inserts all of them or none: whether it
    /// inserted all. `undo` makes the statement that removes those it did insert.
    pub(crate) async fn insert_all<K>(
        &mut self,
        count: usize,
        insert: Statement<'_>,
        key: impl Fn(&PgRow) -> Result<K, StoreError>,
        undo: impl FnOnce(Vec<K>) -> Statement<'static>,
    ) -> Result<bool, StoreError> {
        let mut keys = Vec::with_capacity(count);
        for row in self.all(insert).await? {
            keys.push(key(&row)?);
        }
        if keys.len() == count {
            return Ok(true);
        }
        if !keys.is_empty() {
            self.run(undo(keys)).await?;
        }
        Ok(false)
    }

    /// Waits until no other unit of work holds the same `purpose` of the same company, and holds it until this one ends.
    pub(crate) async fn hold(&mut self, purpose: Purpose, company: CompanyId) -> Result<(), StoreError> {
        let statement = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock_key(purpose, company));
        self.run(statement).await.map(|_| ())
    }

    /// Lists a page with its total. The total costs nothing when the page shows the end of the list, and a count of all rows that
    /// match otherwise.
    pub(crate) async fn listing<T>(
        &mut self,
        list: List,
        page: Page,
        read: impl Fn(&PgRow) -> Result<T, StoreError>,
    ) -> Result<Listing<T>, StoreError> {
        let mut count = list.count();
        self.listing_of(list, page, count.build(), read).await
    }

    /// The same with a cheaper statement for the total.
    pub(crate) async fn listing_of<T>(
        &mut self,
        list: List,
        page: Page,
        count: Statement<'_>,
        read: impl Fn(&PgRow) -> Result<T, StoreError>,
    ) -> Result<Listing<T>, StoreError> {
        let limit = u64::from(page.limit.min(Page::LIMIT_MAX));
        let mut items = Vec::new();
        for row in self.all(list.page(page.offset, limit).build()).await? {
            items.push(read(&row)?);
        }
        let seen = items.len() as u64;
        let total = if seen < limit && (seen > 0 || page.offset == 0) {
            page.offset + seen
        } else {
            let row = self.one(count).await?;
            row.map_or(Ok(0), |row| Fields::of(&row, list.table).count("count"))?
        };
        Ok(Listing { items, total })
    }

    fn failed(&mut self, error: sqlx::Error) -> StoreError {
        let error = store_error(error, self.access == Access::Write);
        self.broken(error)
    }

    /// Remembers that the transaction can only be undone.
    pub(crate) fn broken(&mut self, error: StoreError) -> StoreError {
        let how = if matches!(error, StoreError::Contention) { Broken::Contention } else { Broken::Failed };
        self.broken.get_or_insert(how);
        error
    }
}

/// What an advisory lock is held for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Choosing the default trunk.
    DefaultTrunk = 1,
    /// Taking places in the outbox.
    Outbox = 2,
}

/// The key of an advisory lock. Two companies that share one by chance wait for each other, and nothing else.
pub(crate) fn lock_key(purpose: Purpose, company: CompanyId) -> i64 {
    let (high, low) = company.as_uuid().as_u64_pair();
    // The low half of a version 7 id is random; the high half of ids of one millisecond is not.
    let mixed = (high.rotate_left(17) ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (purpose as u64);
    i64::from_ne_bytes(mixed.to_ne_bytes())
}

/// Waits for a statement no longer than `limit`: a server that fell silent must not hold the unit of work.
async fn bounded<T>(limit: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    if limit == Duration::MAX {
        return work.await;
    }
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

impl<L: Link> Repo for PgRepo<L> {
    fn scope(&self) -> Scope {
        self.scope
    }
}

#[async_trait]
impl Tx for PgTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { link, access, limit, broken, .. } = *self;
        if let Some(how) = broken {
            // Dropping the transaction undoes it.
            return Err(match how {
                Broken::Contention => StoreError::Contention,
                Broken::Failed => StoreError::Backend("a statement of this unit of work has failed".into()),
            });
        }
        bounded(limit, link.commit()).await.map_err(|error| store_error(error, access == Access::Write))
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let Self { link, access, limit, .. } = *self;
        bounded(limit, link.rollback()).await.map_err(|error| store_error(error, access == Access::Write))
    }
}

/// A list: a statement that grows by the conditions that are asked for and by no other, so that the planner sees each shape by
/// itself. It is prepared by its text; the shapes in use are few.
pub(crate) struct List {
    table: &'static str,
    columns: &'static str,
    from: &'static str,
    order: &'static str,
    conditions: Vec<Condition>,
    by_ids: bool,
}

type Condition = Box<dyn Fn(&mut QueryBuilder<Postgres>) + Send>;

impl List {
    /// A list of `table` inside `scope`; `company` is the column of the company.
    pub(crate) fn of(
        table: &'static str,
        (columns, from, order): (&'static str, &'static str, &'static str),
        company: &'static str,
        scope: Scope,
    ) -> Self {
        let list = Self { table, columns, from, order, conditions: Vec::new(), by_ids: false };
        list.equal(company, scope.company().map(|company| company.as_uuid()))
    }

    /// Narrows the list to rows whose `column` is `value`, when there is one.
    pub(crate) fn equal<T>(self, column: &'static str, value: Option<T>) -> Self
    where
        T: for<'q> sqlx::Encode<'q, Postgres> + Type<Postgres> + Clone + Send + 'static,
    {
        self.compare(column, " = ", value)
    }

    /// Narrows the list by a comparison, when there is a value.
    pub(crate) fn compare<T>(mut self, column: &'static str, operator: &'static str, value: Option<T>) -> Self
    where
        T: for<'q> sqlx::Encode<'q, Postgres> + Type<Postgres> + Clone + Send + 'static,
    {
        if let Some(value) = value {
            self.conditions.push(Box::new(move |sql| {
                sql.push(column).push(operator).push_bind(value.clone());
            }));
        }
        self
    }

    /// Narrows the list to rows whose `column` is one of `words`, when there are any.
    pub(crate) fn any_of(mut self, column: &'static str, words: Option<Vec<&'static str>>) -> Self {
        if let Some(words) = words {
            self.conditions.push(Box::new(move |sql| {
                sql.push(column).push(" = ANY(").push_bind(words.clone()).push(")");
            }));
        }
        self
    }

    /// Narrows the list by a fixed condition, when it is wanted.
    pub(crate) fn when(mut self, wanted: bool, condition: &'static str) -> Self {
        if wanted {
            self.conditions.push(Box::new(move |sql| {
                sql.push(condition);
            }));
        }
        self
    }

    /// Narrows the list to rows whose `columns`, compared one after another, come after `place`, when there is one.
    pub(crate) fn after(mut self, columns: &'static str, place: Option<(DateTime<Utc>, Uuid)>) -> Self {
        if let Some((at, id)) = place {
            self.conditions.push(Box::new(move |sql| {
                sql.push(columns).push(" > (").push_bind(at).push(", ").push_bind(id).push(")");
            }));
        }
        self
    }

    /// Narrows the list by a condition that is written here.
    pub(crate) fn that(mut self, condition: impl Fn(&mut QueryBuilder<Postgres>) + Send + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    /// Finds the ids of a page first, and reads only its rows: for large rows that are found in another order than the list's.
    pub(crate) const fn by_ids(mut self, wanted: bool) -> Self {
        self.by_ids = wanted;
        self
    }

    /// Everything on the list, `limit` rows at most.
    pub(crate) fn page(&self, offset: u64, limit: u64) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("");
        if self.by_ids {
            sql.push("SELECT ").push(self.columns).push(" FROM ").push(self.from).push(" WHERE id = ANY(ARRAY(");
            self.write("id", &mut sql);
        } else {
            self.write(self.columns, &mut sql);
        }
        sql.push(" ORDER BY ").push(self.order);
        sql.push(" LIMIT ").push_bind(amount(limit));
        if offset > 0 {
            sql.push(" OFFSET ").push_bind(amount(offset));
        }
        if self.by_ids {
            sql.push(")) ORDER BY ").push(self.order);
        }
        sql
    }

    /// Everything on the list.
    pub(crate) fn whole(&self) -> QueryBuilder<Postgres> {
        let mut sql = self.select(self.columns);
        sql.push(" ORDER BY ").push(self.order);
        sql
    }

    /// One row for each value of a column, in its order.
    pub(crate) fn grouped(&self, column: &'static str) -> QueryBuilder<Postgres> {
        let mut sql = self.select(self.columns);
        sql.push(" GROUP BY ").push(column).push(" ORDER BY ").push(column);
        sql
    }

    fn count(&self) -> QueryBuilder<Postgres> {
        self.select("count(*)")
    }

    fn select(&self, columns: &'static str) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("");
        self.write(columns, &mut sql);
        sql
    }

    /// Writes the list without order or end, giving other columns.
    pub(crate) fn write(&self, columns: &'static str, sql: &mut QueryBuilder<Postgres>) {
        sql.push("SELECT ").push(columns).push(" FROM ").push(self.from);
        for (at, condition) in self.conditions.iter().enumerate() {
            sql.push(if at == 0 { " WHERE " } else { " AND " });
            condition(sql);
        }
    }
}

/// The total of a list without a filter, of what is kept in `totals`: all rows of the scope, without those that a cursor has passed.
pub(crate) fn kept_total(
    table: &'static str,
    (totals, sum): (&'static str, &'static str),
    scope: Scope,
    before: Option<Uuid>,
) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT greatest(0, (");
    List::of(totals, (sum, totals, ""), "company_id", scope).write(sum, &mut sql);
    if let Some(before) = before {
        sql.push(") - (");
        let passed = List::of(table, ("count(*)", table, ""), "company_id", scope);
        passed.compare("id", " >= ", Some(before)).write("count(*)", &mut sql);
    }
    sql.push("))::bigint AS count");
    sql
}

/// A count as BIGINT. Nothing that is counted here comes near the end of it.
pub(crate) fn amount(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The version that the stored row must have before `version` is written.
pub(crate) fn before(version: u32) -> i64 {
    i64::from(version) - 1
}

/// The first day and the first instant that PostgreSQL keeps; the calendar of `chrono` begins earlier.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(-4_712, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// A bound on days that PostgreSQL can compare with.
pub(crate) fn day_bound(day: NaiveDate) -> NaiveDate {
    day.max(FIRST_DAY)
}

/// A bound on instants that PostgreSQL can compare with.
pub(crate) fn instant_bound(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.max(FIRST_DAY.and_time(NaiveTime::MIN).and_utc())
}

/// The bare id of a reference.
pub(crate) fn bare<K>(id: Option<Id<K>>) -> Option<Uuid> {
    id.map(|id| id.as_uuid())
}

/// Reads the columns of a row one after another, in the order in which they were selected. A value that cannot be read is
/// [`StoreError::Corrupt`], with the table, the column and the row.
pub(crate) struct Fields<'r> {
    row: &'r PgRow,
    table: &'static str,
    next: usize,
    first: usize,
}

impl<'r> Fields<'r> {
    pub(crate) const fn of(row: &'r PgRow, table: &'static str) -> Self {
        Self::from(row, table, 0)
    }

    /// Reads from column `first` on: the second table of a join.
    pub(crate) const fn from(row: &'r PgRow, table: &'static str, first: usize) -> Self {
        Self { row, table, next: first, first }
    }

    pub(crate) fn get<T: Decode<'r, Postgres> + Type<Postgres>>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let at = self.next;
        self.next += 1;
        self.row.try_get::<T, _>(at).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn id<K>(&mut self, column: &'static str) -> Result<Id<K>, StoreError> {
        self.get(column).map(Id::from_uuid)
    }

    pub(crate) fn reference<K>(&mut self, column: &'static str) -> Result<Option<Id<K>>, StoreError> {
        Ok(self.get::<Option<Uuid>>(column)?.map(Id::from_uuid))
    }

    /// A number that is kept as BIGINT.
    pub(crate) fn count<N: TryFrom<i64>>(&mut self, column: &'static str) -> Result<N, StoreError> {
        let value = self.get::<i64>(column)?;
        N::try_from(value).map_err(|_| self.corrupt(column))
    }

    /// A number that is kept as BIGINT, or none.
    pub(crate) fn maybe_count<N: TryFrom<i64>>(&mut self, column: &'static str) -> Result<Option<N>, StoreError> {
        let value = self.get::<Option<i64>>(column)?;
        value.map(|value| N::try_from(value).map_err(|_| self.corrupt(column))).transpose()
    }

    /// A text that people chose.
    pub(crate) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        let stored = self.get::<String>(column)?;
        plain(stored).ok_or_else(|| self.corrupt(column))
    }

    /// A text that people chose, or none.
    pub(crate) fn maybe_text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.get::<Option<String>>(column)? {
            Some(stored) => plain(stored).map(Some).ok_or_else(|| self.corrupt(column)),
            None => Ok(None),
        }
    }

    /// A word or another text with a form.
    pub(crate) fn word<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.get::<&str>(column)?;
        read(text).ok_or_else(|| self.corrupt(column))
    }

    /// A word or another text with a form, or none.
    pub(crate) fn maybe_word<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(|text| read(text).ok_or_else(|| self.corrupt(column))).transpose()
    }

    /// A document.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self, column: &'static str) -> Result<T, StoreError> {
        let Json(value) = self.get::<Json<Value>>(column)?;
        self.document(column, value)
    }

    /// A document, or none.
    pub(crate) fn maybe_json<T: serde::de::DeserializeOwned>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let value = self.get::<Option<Json<Value>>>(column)?;
        value.map(|Json(value)| self.document(column, value)).transpose()
    }

    fn document<T: serde::de::DeserializeOwned>(&self, column: &'static str, value: Value) -> Result<T, StoreError> {
        let value = plain_document(value).ok_or_else(|| self.corrupt(column))?;
        serde_json::from_value(value).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        // The id leads the columns of every table.
        let id = match self.row.try_get::<Uuid, _>(self.first) {
            Ok(id) => id.to_string(),
            Err(_) => self.row.try_get::<i64, _>(self.first).map_or_else(|_| "unknown".to_owned(), |id| id.to_string()),
        };
        StoreError::Corrupt { table: self.table, column, id }
    }
}
