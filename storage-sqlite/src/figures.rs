//! What calls add up to.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::call::{CallDay, CallFact, CallSums, Direction, stats};
use dialplane_core::id::{CallId, Id, UserId};
use dialplane_core::store::{CallFigureStore, Repo as _, StoreError};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::statement::{Fields, Scoped, placeholders, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "call_days";

/// Rows that one statement adds, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! sums {
    () => {
        "inbound, outbound, internal, connected, follow_ups, talk_seconds"
    };
}
macro_rules! totals {
    () => {
        "sum(inbound), sum(outbound), sum(internal), sum(connected), sum(follow_ups), sum(talk_seconds)"
    };
}
// Days whose sums are all nothing are days without calls.
macro_rules! days {
    ($columns:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM call_days WHERE day BETWEEN ?2 AND ?3 AND inbound | outbound | internal | connected | follow_ups | talk_seconds <> 0"
        )
    };
}

const ADD: &str = " ON CONFLICT (company_id, day, agent_id) DO UPDATE SET inbound = inbound + excluded.inbound, \
    outbound = outbound + excluded.outbound, internal = internal + excluded.internal, \
    connected = connected + excluded.connected, follow_ups = follow_ups + excluded.follow_ups, \
    talk_seconds = talk_seconds + excluded.talk_seconds";
const CLEAR: &str = "DELETE FROM call_days WHERE company_id = ?1";

macro_rules! columns {
    () => {
        concat!("company_id, day, agent_id, ", sums!())
    };
}
pub(crate) const DAYS: Scoped = scoped!([days!(columns!())][" ORDER BY company_id, day, agent_id LIMIT 100000"]);
// The plus keeps the company's index away: an agent has fewer days than a company.
pub(crate) const DAYS_OF: Scoped = scoped!(
    [days!(columns!()), " AND agent_id = ?4"] and "+company_id" [" ORDER BY +company_id, day LIMIT 100000"]
);
pub(crate) const VOLUMES: Scoped = scoped!([days!(concat!("day, ", totals!()))][" GROUP BY day ORDER BY day"]);
pub(crate) const VOLUMES_OF: Scoped = scoped!(
    [days!(concat!("day, ", totals!())), " AND agent_id = ?4"] and "+company_id" [" GROUP BY day ORDER BY day"]
);
pub(crate) const BY_AGENT: Scoped =
    scoped!([days!(concat!("agent_id, ", totals!()))][" GROUP BY agent_id ORDER BY agent_id"]);
pub(crate) const FACTS: Scoped = scoped!(
    ["SELECT id, agent_id, direction, started_at, answered_at, ended_at, lead_id IS NOT NULL FROM calls \
    WHERE started_at >= ?2 AND started_at < ?3 AND (started_at > ?4 OR id > ?5) \
    AND status NOT IN ('initiated', 'queued', 'ringing', 'in_progress')"][" ORDER BY started_at, id LIMIT ?6"]
);

/// The agent's column: calls without an agent are kept under the nil id.
fn key(agent: Option<UserId>) -> Uuid {
    agent.map_or(Uuid::nil(), |agent| agent.as_uuid())
}

fn agent(row: &mut Fields<'_>) -> Result<Option<UserId>, StoreError> {
    row.id("agent_id").map(|id: UserId| (!id.as_uuid().is_nil()).then_some(id))
}

fn sums(row: &mut Fields<'_>) -> Result<CallSums, StoreError> {
    Ok(CallSums {
        inbound: row.count("inbound")?,
        outbound: row.count("outbound")?,
        internal: row.count("internal")?,
        connected: row.count("connected")?,
        follow_ups: row.count("follow_ups")?,
        talk_seconds: row.count("talk_seconds")?,
    })
}

fn read(row: &mut Fields<'_>) -> Result<CallDay, StoreError> {
    Ok(CallDay { company: row.id("company_id")?, day: row.day("day")?, agent: agent(row)?, sums: sums(row)? })
}

fn read_fact(row: &mut Fields<'_>) -> Result<CallFact, StoreError> {
    let (call, agent) = (row.id("id")?, row.id_opt("agent_id")?);
    let direction = row.word("direction", Direction::from_word)?;
    let started_at = row.time("started_at")?;
    let (answered_at, ended_at) = (row.time_opt("answered_at")?, row.time_opt("ended_at")?);
    let about_lead = row.flag("lead_id")?;
    let talk_seconds = stats::talk_seconds(answered_at, ended_at);
    Ok(CallFact { call, agent, direction, started_at, connected: answered_at.is_some(), about_lead, talk_seconds })
}

impl SqliteRepo<'_> {
    async fn add_rows(&mut self, days: &[CallDay]) -> Result<(), StoreError> {
        let text = [concat!("INSERT INTO call_days (", columns!(), ") VALUES "), &placeholders(1, 9, days.len()), ADD];
        let query = days.iter().fold(sqlx::query(AssertSqlSafe(text.concat())), |query, row| {
            query
                .bind(row.company.as_uuid())
                .bind(row.day.to_epoch_days())
                .bind(key(row.agent))
                .bind(row.sums.inbound)
                .bind(row.sums.outbound)
                .bind(row.sums.internal)
                .bind(row.sums.connected)
                .bind(row.sums.follow_ups)
                .bind(row.sums.talk_seconds)
        });
        self.change(query).await.map(|_| ())
    }
}

#[async_trait]
impl CallFigureStore for SqliteRepo<'_> {
    async fn add_call_days(&mut self, days: &[CallDay]) -> Result<(), StoreError> {
        self.may_write()?;
        days.iter().try_for_each(|row| self.admits(row.company))?;
        let statements = days.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in days.chunks(ROWS_MAX) {
            result = self.add_rows(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn clear_call_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        self.change(sqlx::query(CLEAR).bind(company.as_uuid())).await.map(|_| ())
    }

    async fn call_days(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<CallDay>, StoreError> {
        let of = |repo: &Self, statement: &Scoped| {
            repo.scoped(statement).bind(from.to_epoch_days()).bind(to.to_epoch_days())
        };
        let query = match agent {
            Some(agent) => of(self, &DAYS_OF).bind(agent.as_uuid()),
            None => of(self, &DAYS),
        };
        self.fetch(query).await?.all(TABLE, read)
    }

    async fn call_volumes(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, CallSums)>, StoreError> {
        let of = |repo: &Self, statement: &Scoped| {
            repo.scoped(statement).bind(from.to_epoch_days()).bind(to.to_epoch_days())
        };
        let query = match agent {
            Some(agent) => of(self, &VOLUMES_OF).bind(agent.as_uuid()),
            None => of(self, &VOLUMES),
        };
        self.fetch(query).await?.all(TABLE, |row| Ok((row.day("day")?, sums(row)?)))
    }

    async fn call_sums(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(Option<UserId>, CallSums)>, StoreError> {
        let query = self.scoped(&BY_AGENT).bind(from.to_epoch_days()).bind(to.to_epoch_days());
        self.fetch(query).await?.all(TABLE, |row| Ok((agent(row)?, sums(row)?)))
    }

    async fn call_facts(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        after: Option<(DateTime<Utc>, CallId)>,
        limit: u32,
    ) -> Result<Vec<CallFact>, StoreError> {
        // The place after which to go on is also where the index is entered.
        let entry = after.map_or(from, |(at, _)| at.max(from)).timestamp_micros();
        let (at, id) = after.map_or((i64::MIN, Id::from_uuid(Uuid::nil())), |(at, id)| (at.timestamp_micros(), id));
        let query = self.scoped(&FACTS).bind(entry).bind(to.timestamp_micros()).bind(at).bind(id.as_uuid()).bind(limit);
        self.fetch(query).await?.all("calls", read_fact)
    }
}
