//! What calls add up to.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::call::{CallDay, CallFact, CallSums, Direction, stats};
use dialplane_core::id::{CallId, UserId};
use dialplane_core::store::{CallFigureStore, Repo as _, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::tx::{Fields, Link, List, PgRepo, day_bound, instant_bound};

const TABLE: &str = "call_days";
/// Rows of `call_days`, at most.
const DAYS_MAX: u64 = 100_000;

macro_rules! columns {
    () => {
        "company_id, day, agent_id, inbound, outbound, internal, connected, follow_ups, talk_seconds"
    };
}
macro_rules! totals {
    () => {
        "sum(inbound)::bigint, sum(outbound)::bigint, sum(internal)::bigint, sum(connected)::bigint, sum(follow_ups)::bigint, \
         sum(talk_seconds)::bigint"
    };
}

/// Days whose sums are all nothing are days without calls.
const ANYTHING: &str = "inbound | outbound | internal | connected | follow_ups | talk_seconds <> 0";

/// In the order of the key, so that two units of work never wait for each other in a circle.
const ADD: &str = concat!(
    "INSERT INTO call_days AS sum (",
    columns!(),
    ") SELECT * FROM UNNEST($1::uuid[], $2::date[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::bigint[]) AS d (company_id, day, agent_id) ORDER BY company_id, day, agent_id \
     ON CONFLICT (company_id, day, agent_id) DO UPDATE SET inbound = sum.inbound + excluded.inbound, \
     outbound = sum.outbound + excluded.outbound, internal = sum.internal + excluded.internal, \
     connected = sum.connected + excluded.connected, follow_ups = sum.follow_ups + excluded.follow_ups, \
     talk_seconds = sum.talk_seconds + excluded.talk_seconds"
);
const CLEAR: &str = "DELETE FROM call_days WHERE company_id = $1";

/// The agent's column: calls without an agent are kept under the nil id.
fn key(agent: Option<UserId>) -> Uuid {
    agent.map_or(Uuid::nil(), |agent| agent.as_uuid())
}

fn agent(fields: &mut Fields<'_>) -> Result<Option<UserId>, StoreError> {
    fields.id("agent_id").map(|id: UserId| (!id.as_uuid().is_nil()).then_some(id))
}

fn sums(fields: &mut Fields<'_>) -> Result<CallSums, StoreError> {
    Ok(CallSums {
        inbound: fields.count("inbound")?,
        outbound: fields.count("outbound")?,
        internal: fields.count("internal")?,
        connected: fields.count("connected")?,
        follow_ups: fields.count("follow_ups")?,
        talk_seconds: fields.count("talk_seconds")?,
    })
}

fn read(row: &PgRow) -> Result<CallDay, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    let (company, day) = (fields.id("company_id")?, fields.get("day")?);
    Ok(CallDay { company, day, agent: agent(&mut fields)?, sums: sums(&mut fields)? })
}

fn read_fact(row: &PgRow) -> Result<CallFact, StoreError> {
    let mut fields = Fields::of(row, "calls");
    let (call, agent) = (fields.id("id")?, fields.reference("agent_id")?);
    let direction = fields.word("direction", Direction::from_word)?;
    let started_at = fields.get("started_at")?;
    let (answered_at, ended_at) = (fields.get::<Option<_>>("answered_at")?, fields.get("ended_at")?);
    let about_lead = fields.get("lead_id")?;
    let talk_seconds = stats::talk_seconds(answered_at, ended_at);
    Ok(CallFact { call, agent, direction, started_at, connected: answered_at.is_some(), about_lead, talk_seconds })
}

impl<L: Link> PgRepo<L> {
    /// The days of the scope with anything in them; `order` may end in a grouping.
    fn days(
        &self,
        columns: &'static str,
        order: &'static str,
        agent: Option<UserId>,
        (from, to): (NaiveDate, NaiveDate),
    ) -> List {
        List::of(TABLE, (columns, TABLE, order), "company_id", self.scoped_to())
            .equal("agent_id", agent.map(|agent| agent.as_uuid()))
            .compare("day", " >= ", Some(day_bound(from)))
            .compare("day", " <= ", Some(day_bound(to)))
            .when(true, ANYTHING)
    }
}

#[async_trait]
impl<L: Link> CallFigureStore for PgRepo<L> {
    async fn add_call_days(&mut self, days: &[CallDay]) -> Result<(), StoreError> {
        for row in days {
            self.admit(row.company)?;
        }
        if days.is_empty() {
            return self.may_write();
        }
        let column = |value: fn(&CallSums) -> i64| days.iter().map(|row| value(&row.sums)).collect::<Vec<_>>();
        let add = query(ADD)
            .bind(days.iter().map(|row| row.company.as_uuid()).collect::<Vec<_>>())
            .bind(days.iter().map(|row| row.day).collect::<Vec<_>>())
            .bind(days.iter().map(|row| key(row.agent)).collect::<Vec<_>>())
            .bind(column(|sums| sums.inbound))
            .bind(column(|sums| sums.outbound))
            .bind(column(|sums| sums.internal))
            .bind(column(|sums| sums.connected))
            .bind(column(|sums| sums.follow_ups))
            .bind(column(|sums| sums.talk_seconds));
        self.run(add).await.map(|_| ())
    }

    async fn clear_call_days(&mut self) -> Result<(), StoreError> {
        self.may_write()?;
        let company = self.scope().company().ok_or(StoreError::OutOfScope)?;
        self.run(query(CLEAR).bind(company.as_uuid())).await.map(|_| ())
    }

    async fn call_days(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<CallDay>, StoreError> {
        let list = self.days(columns!(), "company_id, day, agent_id", agent, (from, to));
        self.all(list.page(0, DAYS_MAX).build()).await?.iter().map(read).collect()
    }

    async fn call_volumes(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, CallSums)>, StoreError> {
        let list = self.days(concat!("day, ", totals!()), "", agent, (from, to));
        let rows = self.all(list.grouped("day").build()).await?;
        let read = |row: &PgRow| {
            let mut fields = Fields::of(row, TABLE);
            Ok((fields.get("day")?, sums(&mut fields)?))
        };
        rows.iter().map(read).collect()
    }

    async fn call_sums(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(Option<UserId>, CallSums)>, StoreError> {
        let list = self.days(concat!("agent_id, ", totals!()), "", None, (from, to));
        let rows = self.all(list.grouped("agent_id").build()).await?;
        let read = |row: &PgRow| {
            let mut fields = Fields::of(row, TABLE);
            Ok((agent(&mut fields)?, sums(&mut fields)?))
        };
        rows.iter().map(read).collect()
    }

    async fn call_facts(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        after: Option<(DateTime<Utc>, CallId)>,
        limit: u32,
    ) -> Result<Vec<CallFact>, StoreError> {
        let columns = "id, agent_id, direction, started_at, answered_at, ended_at, lead_id IS NOT NULL";
        // The place after which to go on is also where the index is entered.
        let entry = after.map_or(from, |(at, _)| at.max(from));
        let list = List::of("calls", (columns, "calls", "started_at, id"), "company_id", self.scoped_to())
            .compare("started_at", " >= ", Some(instant_bound(entry)))
            .compare("started_at", " < ", Some(instant_bound(to)))
            .when(true, "ended_status IS NOT NULL")
            .after("(started_at, id)", after.map(|(at, id)| (instant_bound(at), id.as_uuid())));
        self.all(list.page(0, u64::from(limit)).build()).await?.iter().map(read_fact).collect()
    }
}
