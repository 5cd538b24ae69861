//! Assignments of numbers to agents, and how they are used.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::id::{NumberId, UserId};
use dialplane_core::phone::{Assignment, NumberUsage};
use dialplane_core::store::{AssignmentStore, NumberRow, Repo as _, StoreError};

use crate::number::{self, joined_columns};
use crate::statement::{Fields, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "assignments";
const USAGE_TABLE: &str = "number_usage";

macro_rules! columns {
    () => {
        "id, company_id, number_id, agent_id, daily_limit, allowed_countries, day, used, last_used_at, version, created_at, \
         updated_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO assignments (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");

const UPDATE: &str = "UPDATE assignments SET daily_limit = ?5, allowed_countries = ?6, version = ?7, updated_at = ?8 \
    WHERE id = ?1 AND company_id = ?2 AND number_id = ?3 AND version = ?4";

const DELETE: Scoped = scoped!(["DELETE FROM assignments WHERE number_id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM assignments WHERE number_id = ?2"]);

pub(crate) const OF_AGENT: Scoped = scoped!(["SELECT ", joined_columns!(), " FROM assignments a \
    JOIN phone_numbers n ON n.id = a.number_id WHERE a.agent_id = ?2"] and "a.company_id" [" ORDER BY a.id"]);

/// One round trip: the count, and the usage of the day. Without the assignment neither finds a row.
macro_rules! record_use {
    ($scope:literal) => {
        concat!(
            "UPDATE assignments SET day = ?4, used = ?5, last_used_at = ?6 WHERE id = ?2 AND number_id = ?3",
            $scope,
            "; \
             INSERT INTO number_usage (company_id, day, number_id, agent_id, calls) \
             SELECT company_id, ?4, number_id, agent_id, 1 FROM assignments WHERE id = ?2 AND number_id = ?3",
            $scope,
            " ON CONFLICT (company_id, day, number_id, agent_id) DO UPDATE SET calls = calls + 1"
        )
    };
}

pub(crate) const RECORD_USE: Scoped = Scoped { company: record_use!(" AND company_id = ?1"), system: record_use!("") };

const RESET: Scoped = scoped!(["UPDATE assignments SET day = ?2, used = 0 WHERE used > 0"]);

macro_rules! usage {
    ($conditions:literal) => {
        concat!(
            "SELECT number_id, agent_id, day, calls FROM number_usage WHERE day BETWEEN ?2 AND ?3",
            $conditions,
            " ORDER BY day DESC, number_id, agent_id LIMIT 10000"
        )
    };
}

pub(crate) const USAGE: Scoped = Scoped { company: usage!(" AND company_id = ?1"), system: usage!("") };
pub(crate) const USAGE_OF: Scoped =
    Scoped { company: usage!(" AND company_id = ?1 AND agent_id = ?4"), system: usage!(" AND agent_id = ?4") };

/// Reads an assignment.
pub(crate) fn read(row: &mut Fields<'_>) -> Result<Assignment, StoreError> {
    Ok(Assignment {
        id: row.id("id")?,
        company: row.id("company_id")?,
        number: row.id("number_id")?,
        agent: row.id("agent_id")?,
        daily_limit: row.count("daily_limit")?,
        allowed_countries: row.document("allowed_countries")?,
        day: row.day("day")?,
        used: row.count("used")?,
        last_used_at: row.time_opt("last_used_at")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_usage(row: &mut Fields<'_>) -> Result<NumberUsage, StoreError> {
    Ok(NumberUsage {
        number: row.id("number_id")?,
        agent: row.id("agent_id")?,
        day: row.day("day")?,
        calls: row.count("calls")?,
    })
}

#[async_trait]
impl AssignmentStore for SqliteRepo<'_> {
    async fn insert_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.admits(assignment.company)?;
        let query = sqlx::query(INSERT)
            .bind(assignment.id.as_uuid())
            .bind(assignment.company.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(assignment.agent.as_uuid())
            .bind(assignment.daily_limit)
            .bind(document(&assignment.allowed_countries)?)
            .bind(assignment.day.to_epoch_days())
            .bind(assignment.used)
            .bind(assignment.last_used_at.map(|at| at.timestamp_micros()))
            .bind(assignment.version)
            .bind(assignment.created_at.timestamp_micros())
            .bind(assignment.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        self.reaches(assignment.company)?;
        let query = sqlx::query(UPDATE)
            .bind(assignment.id.as_uuid())
            .bind(assignment.company.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(before(assignment.version))
            .bind(assignment.daily_limit)
            .bind(document(&assignment.allowed_countries)?)
            .bind(assignment.version)
            .bind(assignment.updated_at.timestamp_micros());
        self.change(query).await?.or_stale()
    }

    async fn delete_assignment(&mut self, number: NumberId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(number.as_uuid())).await?.changed())
    }

    async fn assignment_for_update(&mut self, number: NumberId) -> Result<Option<Assignment>, StoreError> {
        self.change(self.scoped(&ONE).bind(number.as_uuid())).await?.one(TABLE, read)
    }

    async fn agent_numbers_for_update(&mut self, agent: UserId) -> Result<Vec<NumberRow>, StoreError> {
        self.change(self.scoped(&OF_AGENT).bind(agent.as_uuid())).await?.all("phone_numbers", number::read)
    }

    async fn record_use(&mut self, assignment: &Assignment) -> Result<(), StoreError> {
        let query = self
            .scoped(&RECORD_USE)
            .bind(assignment.id.as_uuid())
            .bind(assignment.number.as_uuid())
            .bind(assignment.day.to_epoch_days())
            .bind(assignment.used)
            .bind(assignment.last_used_at.map(|at| at.timestamp_micros()));
        self.change(query).await?.or_stale()
    }

    async fn reset_counts(&mut self, today: NaiveDate) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&RESET).bind(today.to_epoch_days())).await?.count())
    }

    async fn usage(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<NumberUsage>, StoreError> {
        let (from, to) = (from.to_epoch_days(), to.to_epoch_days());
        let query = match agent {
            Some(agent) => USAGE_OF.of(self.scope()).bind(from).bind(to).bind(agent.as_uuid()),
            None => USAGE.of(self.scope()).bind(from).bind(to),
        };
        self.fetch(query).await?.all(USAGE_TABLE, read_usage)
    }
}
