//! The storage trait of jobs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Listing, Page, StoreError};
use crate::id::{CompanyId, JobId, UserId};
use crate::job::{Job, JobFault, JobKind, JobState};

/// Narrows a list of jobs. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// What they do.
    pub kind: Option<JobKind>,
    /// Where they stand.
    pub state: Option<JobState>,
    /// Whether there is still something to do.
    pub open: Option<bool>,
    /// Who started them.
    pub created_by: Option<UserId>,
}

/// Jobs, what they work on, and what of it was refused.
#[async_trait]
pub trait JobStore: Send {
    /// Adds a job with what it works on. Duplicate: `id`.
    async fn insert_job(&mut self, job: &Job, input: &[u8]) -> Result<(), StoreError>;
    /// Replaces a job. Duplicate: `company`, when it is to run and another one of the company runs.
    async fn update_job(&mut self, job: &Job) -> Result<(), StoreError>;
    /// Reads a job.
    async fn job(&mut self, id: JobId) -> Result<Option<Job>, StoreError>;
    /// Reads a job and locks the row.
    async fn job_for_update(&mut self, id: JobId) -> Result<Option<Job>, StoreError>;
    /// Lists jobs, newest first.
    async fn jobs(&mut self, filter: &JobFilter, page: Page) -> Result<Listing<Job>, StoreError>;
    /// Jobs that can be taken: those that wait and whose company has none running, and those whose lease has run out at `now`;
    /// oldest first, at most `limit`.
    async fn jobs_to_run(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, JobId)>, StoreError>;
    /// What a job works on.
    async fn job_input(&mut self, id: JobId) -> Result<Option<Vec<u8>>, StoreError>;
    /// Removes what a job works on. `false` when there is nothing.
    async fn delete_job_input(&mut self, id: JobId) -> Result<bool, StoreError>;
    /// Adds refused items of jobs. Duplicate: `row` (in the job). [`StoreError::OutOfScope`] when a job is not one of its company
    /// in the scope.
    async fn insert_job_faults(&mut self, faults: &[JobFault]) -> Result<(), StoreError>;
    /// The refused items of a job behind row `after`, in their order, at most `limit`.
    async fn job_faults(&mut self, job: JobId, after: u32, limit: u32) -> Result<Vec<JobFault>, StoreError>;
    /// Removes jobs that ended before `before`, with all that belongs to them: how many.
    async fn purge_jobs(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}
