//! Jobs, what they work on, and what of it was refused.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CompanyId, JobId};
use dialplane_core::job::{Job, JobFault, JobKind, JobState};
use dialplane_core::store::{JobFilter, JobStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::{Document, maybe};
use crate::tx::{Fields, Link, List, PgRepo, Statement, amount, bare, before, within};

const TABLE: &str = "jobs";
const FAULTS_TABLE: &str = "job_faults";

macro_rules! columns {
    () => {
        "id, company_id, kind, state, params, total, counts, result, reason, created_by, is_cancelling, attempt, takeovers, \
         lease_until, announced_at, version, created_at, started_at, ended_at, updated_at"
    };
}

const INSERT: &str = concat!(
    "WITH added AS (INSERT INTO jobs (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7::jsonb, $8::jsonb, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
     ON CONFLICT DO NOTHING RETURNING id) INSERT INTO job_inputs (job_id, input) SELECT id, $21 FROM added"
);
/// A company's id comes second, so that the identities keep the order of the contract.
const CLASH: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = $1), \
    EXISTS (SELECT 1 FROM jobs WHERE company_id = $2 AND state = 'running')";
macro_rules! update {
    () => {
        "UPDATE jobs SET kind = $3, state = $4, params = $5::jsonb, total = $6, counts = $7::jsonb, result = $8::jsonb, \
         reason = $9, created_by = $10, is_cancelling = $11, attempt = $12, takeovers = $13, lease_until = $14, \
         announced_at = $15, version = $16, created_at = $17, started_at = $18, ended_at = $19, updated_at = $20 \
         WHERE id = $1 AND company_id = $2 AND version = $21"
    };
}
const UPDATE: &str = update!();
/// What runs already takes nobody's place.
const UPDATE_SAME_PLACE: &str = concat!(update!(), " AND (state = 'running' OR $4 <> 'running')");
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $2 AND ", within!("company_id"));
const BY_ID_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM jobs WHERE id = $2 AND ", within!("company_id"), " FOR UPDATE");
const TO_RUN: &str = concat!(
    "SELECT id, company_id FROM jobs j WHERE state IN ('queued', 'running') \
     AND CASE state WHEN 'running' THEN lease_until IS NULL OR lease_until <= $2 \
     ELSE NOT EXISTS (SELECT 1 FROM jobs r WHERE r.company_id = j.company_id AND r.state = 'running') END AND ",
    within!("company_id"),
    " ORDER BY id LIMIT $3"
);
const INPUT: &str = concat!(
    "SELECT i.input FROM job_inputs i JOIN jobs j ON j.id = i.job_id WHERE i.job_id = $2 AND ",
    within!("j.company_id")
);
const DELETE_INPUT: &str = concat!(
    "DELETE FROM job_inputs i USING jobs j WHERE j.id = i.job_id AND i.job_id = $2 AND ",
    within!("j.company_id")
);
/// What belongs to the jobs goes by the foreign keys.
const PURGE: &str = concat!("DELETE FROM jobs WHERE ended_at < $2 AND ", within!("company_id"));
/// A refused item of a job that is not one of its company in the scope joins nothing.
const INSERT_FAULTS: &str = concat!(
    "INSERT INTO job_faults (job_id, \"row\", company_id, cells, faults) \
     SELECT f.job_id, f.\"row\", f.company_id, f.cells, f.faults \
     FROM UNNEST($2::uuid[], $3::bigint[], $4::uuid[], $5::jsonb[], $6::jsonb[]) AS f (job_id, \"row\", company_id, cells, faults) \
     JOIN jobs j ON j.id = f.job_id AND j.company_id = f.company_id AND ",
    within!("j.company_id"),
    " ON CONFLICT DO NOTHING RETURNING job_id, \"row\""
);
const UNDO_FAULTS: &str = "DELETE FROM job_faults f USING UNNEST($1::uuid[], $2::bigint[]) AS u (job_id, \"row\") \
    WHERE f.job_id = u.job_id AND f.\"row\" = u.\"row\"";
const VISIBLE: &str = concat!(
    "SELECT count(*) AS count FROM UNNEST($2::uuid[], $3::uuid[]) AS f (job, company) \
     JOIN jobs j ON j.id = f.job AND j.company_id = f.company AND ",
    within!("j.company_id")
);
const FAULTS: &str = concat!(
    "SELECT job_id, \"row\", company_id, cells, faults FROM job_faults WHERE job_id = $2 AND \"row\" > $3 AND ",
    within!("company_id"),
    " ORDER BY \"row\" LIMIT $4"
);

fn read(row: &PgRow) -> Result<Job, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Job {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        kind: fields.word("kind", |word| word.parse().ok())?,
        state: fields.word("state", |word| word.parse().ok())?,
        params: fields.json("params")?,
        total: fields.count("total")?,
        counts: fields.json("counts")?,
        result: fields.maybe_json("result")?,
        reason: fields.maybe_text("reason")?,
        created_by: fields.reference("created_by")?,
        is_cancelling: fields.get("is_cancelling")?,
        attempt: fields.count("attempt")?,
        takeovers: fields.count("takeovers")?,
        lease_until: fields.get("lease_until")?,
        announced_at: fields.get("announced_at")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        started_at: fields.get("started_at")?,
        ended_at: fields.get("ended_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_fault(row: &PgRow) -> Result<JobFault, StoreError> {
    let mut fields = Fields::of(row, FAULTS_TABLE);
    Ok(JobFault {
        job: fields.id("job_id")?,
        row: fields.count("row")?,
        company: fields.id("company_id")?,
        cells: fields.json::<Vec<String>>("cells")?.into_iter().map(Into::into).collect(),
        faults: fields.json("faults")?,
    })
}

/// Binds all columns in their order.
fn bind<'q>(sql: &'static str, job: &'q Job) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(job.id.as_uuid())
        .bind(job.company.as_uuid())
        .bind(job.kind.as_str())
        .bind(job.state.as_str())
        .bind(Document::of(&job.params)?)
        .bind(amount(job.total))
        .bind(Document::of(&job.counts)?)
        .bind(job.result.as_ref().map(Document::of).transpose()?)
        .bind(maybe(job.reason.as_deref()))
        .bind(bare(job.created_by))
        .bind(job.is_cancelling)
        .bind(i64::from(job.attempt))
        .bind(i64::from(job.takeovers))
        .bind(job.lease_until)
        .bind(job.announced_at)
        .bind(i64::from(job.version))
        .bind(job.created_at)
        .bind(job.started_at)
        .bind(job.ended_at)
        .bind(job.updated_at);
    Ok(bound)
}

#[async_trait]
impl<L: Link> JobStore for PgRepo<L> {
    async fn insert_job(&mut self, job: &Job, input: &[u8]) -> Result<(), StoreError> {
        self.admit(job.company)?;
        let clash = query(CLASH).bind(job.id.as_uuid()).bind(job.company.as_uuid());
        self.insert("job", &["id", "company"], bind(INSERT, job)?.bind(input), clash).await
    }

    async fn update_job(&mut self, job: &Job) -> Result<(), StoreError> {
        self.reach(job.company)?;
        let before = before(job.version);
        self.replace_unique(bind(UPDATE_SAME_PLACE, job)?.bind(before), bind(UPDATE, job)?.bind(before)).await
    }

    async fn job(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn job_for_update(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_ID_LOCKED).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn jobs(&mut self, filter: &JobFilter, page: Page) -> Result<Listing<Job>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to())
            .equal("kind", filter.kind.map(JobKind::as_str))
            .equal("state", filter.state.map(JobState::as_str))
            .when(filter.open == Some(true), "state IN ('queued', 'running')")
            .when(filter.open == Some(false), "state NOT IN ('queued', 'running')")
            .equal("created_by", bare(filter.created_by));
        self.listing(list, page, read).await
    }

    async fn jobs_to_run(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, JobId)>, StoreError> {
        let due = query(TO_RUN).bind(self.company_filter()).bind(now).bind(i64::from(limit));
        let read = |row: &PgRow| {
            let mut fields = Fields::of(row, TABLE);
            let id = fields.id("id")?;
            Ok((fields.id("company_id")?, id))
        };
        self.all(due).await?.iter().map(read).collect()
    }

    async fn job_input(&mut self, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.one(query(INPUT).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.map(|row| Fields::of(&row, "job_inputs").get("input")).transpose()
    }

    async fn delete_job_input(&mut self, id: JobId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE_INPUT).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn insert_job_faults(&mut self, faults: &[JobFault]) -> Result<(), StoreError> {
        self.may_write()?;
        if faults.is_empty() {
            return Ok(());
        }
        let jobs: Vec<Uuid> = faults.iter().map(|fault| fault.job.as_uuid()).collect();
        let companies: Vec<Uuid> = faults.iter().map(|fault| fault.company.as_uuid()).collect();
        let rows: Vec<i64> = faults.iter().map(|fault| i64::from(fault.row)).collect();
        let cells =
            |fault: &JobFault| Document::of(&fault.cells.iter().map(|cell| cell.expose().as_str()).collect::<Vec<_>>());
        let insert = query(INSERT_FAULTS)
            .bind(self.company_filter())
            .bind(&jobs)
            .bind(rows)
            .bind(&companies)
            .bind(faults.iter().map(cells).collect::<Result<Vec<_>, _>>()?)
            .bind(faults.iter().map(|fault| Document::of(&fault.faults)).collect::<Result<Vec<_>, _>>()?);
        let key = |row: &PgRow| {
            let mut fields = Fields::of(row, FAULTS_TABLE);
            Ok((fields.get::<Uuid>("job_id")?, fields.get::<i64>("row")?))
        };
        let undo = |keys: Vec<(Uuid, i64)>| {
            let (jobs, rows): (Vec<Uuid>, Vec<i64>) = keys.into_iter().unzip();
            query(UNDO_FAULTS).bind(jobs).bind(rows)
        };
        if self.insert_all(faults.len(), insert, key, undo).await? {
            return Ok(());
        }
        let visible = query(VISIBLE).bind(self.company_filter()).bind(jobs).bind(companies);
        let count = self.one(visible).await?.map_or(Ok(0), |row| Fields::of(&row, TABLE).count::<usize>("count"))?;
        if count < faults.len() {
            return Err(StoreError::OutOfScope);
        }
        Err(StoreError::Duplicate { entity: "job_fault", constraint: "row" })
    }

    async fn job_faults(&mut self, job: JobId, after: u32, limit: u32) -> Result<Vec<JobFault>, StoreError> {
        let faults =
            query(FAULTS).bind(self.company_filter()).bind(job.as_uuid()).bind(i64::from(after)).bind(i64::from(limit));
        self.all(faults).await?.iter().map(read_fault).collect()
    }

    async fn purge_jobs(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(PURGE).bind(self.company_filter()).bind(before)).await
    }
}
