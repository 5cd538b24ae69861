//! Assignments of numbers to agents, and how they are used.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::id::{NumberId, UserId};
use dialplane_core::phone::{Assignment, Country, NumberUsage};
use dialplane_core::store::{AssignmentStore, NumberRow, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::number::{joined, read_joined};
use crate::tx::{Fields, Link, List, PgRepo, bare, before, day_bound, within};

const TABLE: &str = "assignments";
/// Rows of `usage`, at most.
const USAGE_MAX: u64 = 10_000;

macro_rules! columns {
    () => {
        "id, company_id, number_id, agent_id, daily_limit, allowed_countries, day, used, last_used_at, version, created_at, \
         updated_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO assignments (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(number_id = $2) FROM assignments WHERE id = $1 OR number_id = $2";
const UPDATE: &str = "UPDATE assignments SET daily_limit = $4, allowed_countries = $5, version = $6, updated_at = $7 \
     WHERE id = $1 AND company_id = $2 AND number_id = $3 AND version = $8";
const DELETE: &str = concat!("DELETE FROM assignments WHERE number_id = $2 AND ", within!("company_id"));
const BY_NUMBER_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM assignments WHERE number_id = $2 AND ", within!("company_id"), " FOR UPDATE");
/// Locks in the order of the ids, so that two agents' units of work never wait for each other in a circle.
const OF_AGENT_LOCKED: &str = concat!(
    "SELECT ",
    joined!(),
    " FROM assignments a JOIN phone_numbers n ON n.id = a.number_id WHERE a.agent_id = $2 AND ",
    within!("a.company_id"),
    " ORDER BY a.id FOR UPDATE OF a"
);
/// The count and the usage in one round trip; the usage is only counted when the assignment is there.
const RECORD_USE: &str = concat!(
    "WITH counted AS (UPDATE assignments SET day = $4, used = $5, last_used_at = $6 WHERE id = $2 AND number_id = $3 AND ",
    within!("company_id"),
    " RETURNING company_id, number_id, agent_id, day) \
     INSERT INTO number_usage AS sum (company_id, number_id, agent_id, day, calls) \
     SELECT company_id, number_id, agent_id, day, 1 FROM counted \
     ON CONFLICT (number_id, agent_id, day) DO UPDATE SET calls = sum.calls + 1"
);
/// Locks first and in the order of the ids, as calls do.
const RESET: &str = concat!(
    "WITH counted AS MATERIALIZED (SELECT id FROM assignments WHERE used > 0 AND ",
    within!("company_id"),
    " ORDER BY id FOR UPDATE) \
     UPDATE assignments a SET day = $2, used = 0 FROM counted WHERE a.id = counted.id"
);

/// Reads an assignment from column `first` on.
pub(crate) fn read(row: &PgRow, first: usize) -> Result<Assignment, StoreError> {
    let mut fields = Fields::from(row, TABLE, first);
    Ok(Assignment {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        number: fields.id("number_id")?,
        agent: fields.id("agent_id")?,
        daily_limit: fields.count("daily_limit")?,
        allowed_countries: {
            let codes = fields.get::<Vec<String>>("allowed_countries")?;
            let countries: Result<Vec<Country>, _> = codes.iter().map(|code| code.parse()).collect();
            countries.map_err(|_| fields.corrupt("allowed_countries"))?
        },
        day: fields.get("day")?,
        used: fields.count("used")?,
        last_used_at: fields.get("last_used_at")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_usage(row: &PgRow) -> Result<NumberUsage, StoreError> {
    let mut fields = Fields::of(row, "number_usage");
    Ok(NumberUsage {
        number: fields.id("number_id")?,
        agent: fields.id("agent_id")?,
        day: fields.get("day")?,
        calls: fields.count("calls")?,
    })
}

fn codes(assignment: &Assignment) -> Vec<String> {
    assignment.allowed_countries.iter().map(|country| country.as_str().to_owned()).collect()
}

#[async_trait]
impl<L: Link> AssignmentStore for PgRepo<L> {
    async fn insert_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.admit(assignment.company)?;
        let insert = query(INSERT)
            .bind(assignment.id.as_uuid())
            .bind(assignment.company.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(assignment.agent.as_uuid())
            .bind(i64::from(assignment.daily_limit))
            .bind(codes(assignment))
            .bind(assignment.day)
            .bind(i64::from(assignment.used))
            .bind(assignment.last_used_at)
            .bind(i64::from(assignment.version))
            .bind(assignment.created_at)
            .bind(assignment.updated_at);
        let clash = query(CLASH).bind(assignment.id.as_uuid()).bind(assignment.number.as_uuid());
        self.insert("assignment", &["id", "number"], insert, clash).await
    }

    async fn update_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.reach(assignment.company)?;
        let update = query(UPDATE)
            .bind(assignment.id.as_uuid())
            .bind(assignment.company.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(i64::from(assignment.daily_limit))
            .bind(codes(assignment))
            .bind(i64::from(assignment.version))
            .bind(assignment.updated_at)
            .bind(before(assignment.version));
        self.replace(update).await
    }

    async fn delete_assignment(&mut self, number: NumberId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(number.as_uuid())).await? > 0)
    }

    async fn assignment_for_update(&mut self, number: NumberId) -> Result<Option<Assignment>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_NUMBER_LOCKED).bind(self.company_filter()).bind(number.as_uuid())).await?;
        row.as_ref().map(|row| read(row, 0)).transpose()
    }

    async fn agent_numbers_for_update(&mut self, agent: UserId) -> Result<Vec<NumberRow>, StoreError> {
        self.may_write()?;
        let rows = self.all(query(OF_AGENT_LOCKED).bind(self.company_filter()).bind(agent.as_uuid())).await?;
        rows.iter().map(read_joined).collect()
    }

    async fn record_use(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.may_write()?;
        let record = query(RECORD_USE)
            .bind(self.company_filter())
            .bind(assignment.id.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(assignment.day)
            .bind(i64::from(assignment.used))
            .bind(assignment.last_used_at);
        self.replace(record).await
    }

    async fn reset_counts(&mut self, today: NaiveDate) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(RESET).bind(self.company_filter()).bind(today)).await
    }

    async fn usage(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<NumberUsage>, StoreError> {
        let columns = "number_id, agent_id, day, calls";
        let order = "day DESC, number_id, agent_id";
        let list = List::of("number_usage", (columns, "number_usage", order), "company_id", self.scoped_to())
            .equal("agent_id", bare(agent))
            .compare("day", " >= ", Some(day_bound(from)))
            .compare("day", " <= ", Some(day_bound(to)));
        let rows = self.all(list.page(0, USAGE_MAX).build()).await?;
        rows.iter().map(read_usage).collect()
    }
}
