//! Jobs, what they work on, and what of it was refused.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CompanyId, JobId};
use dialplane_core::job::{Job, JobFault};
use dialplane_core::store::{JobFilter, JobStore, Listing, Page, Repo as _, StoreError};
use sqlx::AssertSqlSafe;

use crate::statement::{Fields, Filter, Query, Scoped, before, document, placeholders, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "jobs";
const FAULTS_TABLE: &str = "job_faults";

/// Rows that one statement inserts, at most: each number of rows is a text of its own in the cache of prepared statements.
const ROWS_MAX: usize = 16;

macro_rules! columns {
    () => {
        "id, company_id, kind, state, params, total, counts, result, reason, created_by, is_cancelling, attempt, takeovers, \
         lease_until, announced_at, version, created_at, started_at, ended_at, updated_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO jobs (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
);
const INSERT_INPUT: &str = "INSERT INTO job_inputs (job_id, input) VALUES (?1, ?2)";

const UPDATE: &str = "UPDATE jobs SET kind = ?3, state = ?4, params = ?5, total = ?6, counts = ?7, result = ?8, reason = ?9, \
    created_by = ?10, is_cancelling = ?11, attempt = ?12, takeovers = ?13, lease_until = ?14, announced_at = ?15, version = ?16, \
    created_at = ?17, started_at = ?18, ended_at = ?19, updated_at = ?20 WHERE id = ?1 AND company_id = ?2 AND version = ?21";

pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM jobs WHERE id = ?2"]);

/// The state is spelled as in the partial index, so that the index is used.
pub(crate) const TO_RUN: Scoped = scoped!(
    ["SELECT company_id, id FROM jobs INDEXED BY jobs_open \
    WHERE state IN ('queued', 'running') AND CASE state WHEN 'running' THEN lease_until IS NULL OR lease_until <= ?2 \
    ELSE NOT EXISTS (SELECT 1 FROM jobs r WHERE r.company_id = jobs.company_id AND r.state = 'running') END"][" ORDER BY id LIMIT ?3"]
);

const INPUT: Scoped = scoped!(["SELECT i.input FROM job_inputs i JOIN jobs j ON j.id = i.job_id WHERE i.job_id = ?2"] and "j.company_id" [""]);
const DELETE_INPUT: Scoped = scoped!(["DELETE FROM job_inputs WHERE job_id = (SELECT id FROM jobs WHERE id = ?2"][")"]);
// What belongs to the jobs goes by the references of the schema.
const PURGE: Scoped = scoped!(["DELETE FROM jobs WHERE ended_at IS NOT NULL AND ended_at < ?2"]);

macro_rules! faults {
    ($scope:literal) => {
        concat!(
            "SELECT job_id, \"row\", company_id, cells, faults FROM job_faults WHERE job_id = ?2 AND \"row\" > ?3",
            $scope,
            " ORDER BY \"row\" LIMIT ?4"
        )
    };
}
pub(crate) const FAULTS: Scoped = Scoped { company: faults!(" AND company_id = ?1"), system: faults!("") };

fn read(row: &mut Fields<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.id("id")?,
        company: row.id("company_id")?,
        kind: row.word("kind", |word| word.parse().ok())?,
        state: row.word("state", |word| word.parse().ok())?,
        params: row.document("params")?,
        total: row.count("total")?,
        counts: row.document("counts")?,
        result: row.document_opt("result")?,
        reason: row.text_opt("reason")?,
        created_by: row.id_opt("created_by")?,
        is_cancelling: row.flag("is_cancelling")?,
        attempt: row.count("attempt")?,
        takeovers: row.count("takeovers")?,
        lease_until: row.time_opt("lease_until")?,
        announced_at: row.time_opt("announced_at")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        started_at: row.time_opt("started_at")?,
        ended_at: row.time_opt("ended_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_fault(row: &mut Fields<'_>) -> Result<JobFault, StoreError> {
    Ok(JobFault {
        job: row.id("job_id")?,
        row: row.count("row")?,
        company: row.id("company_id")?,
        cells: row.document::<Vec<String>>("cells")?.into_iter().map(Into::into).collect(),
        faults: row.document("faults")?,
    })
}

fn micros(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

/// Binds all columns in their order.
fn bind(text: &'static str, job: &Job) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(job.id.as_uuid())
        .bind(job.company.as_uuid())
        .bind(job.kind.as_str())
        .bind(job.state.as_str())
        .bind(document(&job.params)?)
        .bind(stored(job.total))
        .bind(document(&job.counts)?)
        .bind(job.result.as_ref().map(document).transpose()?)
        .bind(job.reason.clone())
        .bind(job.created_by.map(|id| id.as_uuid()))
        .bind(job.is_cancelling)
        .bind(job.attempt)
        .bind(job.takeovers)
        .bind(micros(job.lease_until))
        .bind(micros(job.announced_at))
        .bind(job.version)
        .bind(job.created_at.timestamp_micros())
        .bind(micros(job.started_at))
        .bind(micros(job.ended_at))
        .bind(job.updated_at.timestamp_micros()))
}

/// The texts of cells, as they are stored.
fn texts(fault: &JobFault) -> Vec<&str> {
    fault.cells.iter().map(|cell| cell.expose().as_str()).collect()
}

impl SqliteRepo<'_> {
    async fn insert_fault_rows(&mut self, faults: &[JobFault]) -> Result<(), StoreError> {
        let values = placeholders(1, 5, faults.len());
        let text = ["INSERT INTO job_faults (job_id, \"row\", company_id, cells, faults) VALUES ", &values].concat();
        let query = faults.iter().try_fold(sqlx::query(AssertSqlSafe(text)), |query, fault| {
            Ok::<_, StoreError>(
                query
                    .bind(fault.job.as_uuid())
                    .bind(fault.row)
                    .bind(fault.company.as_uuid())
                    .bind(document(&texts(fault))?)
                    .bind(document(&fault.faults)?),
            )
        })?;
        self.change(query).await.map(|_| ())
    }
}

#[async_trait]
impl JobStore for SqliteRepo<'_> {
    async fn insert_job(&mut self, job: &Job, input: &[u8]) -> Result<(), StoreError> {
        self.admits(job.company)?;
        self.change(bind(INSERT, job)?).await?;
        // The copy lives as long as the statement, which outlives this borrow.
        self.change(sqlx::query(INSERT_INPUT).bind(job.id.as_uuid()).bind(input.to_vec())).await.map(|_| ())
    }

    async fn update_job(&mut self, job: &Job) -> Result<(), StoreError> {
        self.reaches(job.company)?;
        self.change(bind(UPDATE, job)?.bind(before(job.version))).await?.or_stale()
    }

    async fn job(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn job_for_update(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.change(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn jobs(&mut self, filter: &JobFilter, page: Page) -> Result<Listing<Job>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.text("kind = ", filter.kind.map(|kind| kind.as_str().to_owned()));
        rows.text("state = ", filter.state.map(|state| state.as_str().to_owned()));
        match filter.open {
            Some(true) => rows.holds("state IN ('queued', 'running')"),
            Some(false) => rows.holds("state NOT IN ('queued', 'running')"),
            None => {}
        }
        rows.id("created_by = ", filter.created_by);
        self.fetch(rows.listing(TABLE, columns!(), "id", page)).await?.listing(TABLE, read)
    }

    async fn jobs_to_run(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, JobId)>, StoreError> {
        let query = self.scoped(&TO_RUN).bind(now.timestamp_micros()).bind(limit);
        self.fetch(query).await?.all(TABLE, |row| Ok((row.id("company_id")?, row.id("id")?)))
    }

    async fn job_input(&mut self, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
        let input = self.fetch(self.scoped(&INPUT).bind(id.as_uuid())).await?;
        input.one("job_inputs", |row| row.blob_opt("input")).map(Option::flatten)
    }

    async fn delete_job_input(&mut self, id: JobId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE_INPUT).bind(id.as_uuid())).await?.changed())
    }

    async fn insert_job_faults(&mut self, faults: &[JobFault]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut jobs: Vec<_> = faults.iter().map(|fault| (fault.job, fault.company)).collect();
        jobs.sort_unstable();
        jobs.dedup();
        for (job, company) in jobs {
            let stored = self.job_for_update(job).await?;
            if stored.is_none_or(|stored| stored.company != company) {
                return Err(StoreError::OutOfScope);
            }
        }
        let statements = faults.len().div_ceil(ROWS_MAX);
        self.begin_slice(statements).await?;
        let mut result = Ok(());
        for rows in faults.chunks(ROWS_MAX) {
            result = self.insert_fault_rows(rows).await;
            if result.is_err() {
                break;
            }
        }
        self.end_slice(statements, result).await
    }

    async fn job_faults(&mut self, job: JobId, after: u32, limit: u32) -> Result<Vec<JobFault>, StoreError> {
        let query = self.scoped(&FAULTS).bind(job.as_uuid()).bind(after).bind(limit);
        self.fetch(query).await?.all(FAULTS_TABLE, read_fault)
    }

    async fn purge_jobs(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&PURGE).bind(before.timestamp_micros())).await?.count())
    }
}
