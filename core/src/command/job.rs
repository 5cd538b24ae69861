//! Jobs: putting one in the queue, running it, stopping it.
//!
//! Whoever changes a job locks it first, and what the job works on after it.

use async_trait::async_trait;
use serde_json::Value;

use super::company_of;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::JobId;
use crate::job::{Job, JobKind, JobRefused, OPEN_MAX};
use crate::scope::Permission;
use crate::store::{JobFilter, Page, Repo, StoreError};

/// Whether the actor may see and stop a job: their own, or with the right to its kind.
fn is_theirs(cx: &Context<'_>, job: &Job) -> bool {
    cx.actor().may(job.kind.permission()) || job.created_by.is_some_and(|user| cx.actor().user_id() == Some(user))
}

/// Writes a job, and what follows from its end.
pub(super) async fn write(cx: &mut Context<'_>, repo: &mut dyn Repo, job: &Job) -> Result<(), StoreError> {
    repo.update_job(job).await?;
    if !job.state.is_open() {
        repo.delete_job_input(job.id).await?;
        let (done, counts) = (job.counts.done(), job.counts);
        let event =
            Event::JobFinished { job: job.id, kind: job.kind, state: job.state, total: job.total, done, counts };
        cx.emit(job.company, event);
    }
    Ok(())
}

/// Puts a job in the queue of the actor's company.
#[derive(Debug, Clone)]
pub struct QueueJob {
    /// What it does.
    pub kind: JobKind,
    /// What exactly it is to do.
    pub params: Value,
    /// Items in all.
    pub total: u64,
    /// What it works on.
    pub input: Vec<u8>,
}

#[async_trait]
impl Command for QueueJob {
    type Output = Job;
    type Refused = JobRefused;
    const NAME: &'static str = "queue_job";

    fn permission(&self) -> Permission {
        self.kind.permission()
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Job, Failure<JobRefused>> {
        let company = company_of(cx)?;
        let open = JobFilter { open: Some(true), ..JobFilter::default() };
        if repo.jobs(&open, Page { offset: 0, limit: 1 }).await?.total >= OPEN_MAX {
            return Err(JobRefused::TooMany.into());
        }
        let what = (self.params.clone(), self.total);
        let job = Job::queued(cx.id(), company, self.kind, what, cx.actor().user_id(), cx.now());
        repo.insert_job(&job, &self.input).await?;
        cx.emit(company, Event::JobQueued { job: job.id, kind: job.kind });
        Ok(job)
    }
}

/// Stops a job: at once when nobody works on it, and with its next step otherwise.
#[derive(Debug, Clone, Copy)]
pub struct CancelJob {
    /// Which.
    pub job: JobId,
}

#[async_trait]
impl Command for CancelJob {
    type Output = Job;
    type Refused = JobRefused;
    const NAME: &'static str = "cancel_job";

    fn permission(&self) -> Permission {
        Permission::OwnAccount
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Job, Failure<JobRefused>> {
        let job = repo.job_for_update(self.job).await?.filter(|job| is_theirs(cx, job)).ok_or(JobRefused::NotFound)?;
        let job = job.cancel(cx.now())?;
        write(cx, repo, &job).await?;
        Ok(job)
    }
}

/// Begins to run a job, or takes it over. The answer may be one that has ended instead.
#[derive(Debug, Clone, Copy)]
pub struct TakeJob {
    /// Which.
    pub job: JobId,
}

#[async_trait]
impl Command for TakeJob {
    /// The job, and what it works on.
    type Output = (Job, Vec<u8>);
    type Refused = JobRefused;
    const NAME: &'static str = "take_job";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(Job, Vec<u8>), Failure<JobRefused>> {
        let job = repo.job_for_update(self.job).await?.ok_or(JobRefused::NotFound)?;
        let mut job = job.take(cx.now())?;
        let input = repo.job_input(self.job).await?;
        if input.is_none() && job.state.is_open() {
            job = job.failed(cx.now(), "what it was to work on is gone");
        }
        match write(cx, repo, &job).await {
            Err(StoreError::Duplicate { constraint: "company", .. }) => return Err(JobRefused::Taken.into()),
            other => other?,
        }
        Ok((job, input.unwrap_or_default()))
    }
}

/// How a job is left by whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// Others are to go on with it.
    Release,
    /// It cannot be done.
    Fail(String),
}

/// Leaves a job that one runs.
#[derive(Debug, Clone)]
pub struct LeaveJob {
    /// Which.
    pub job: JobId,
    /// Which attempt one's own is.
    pub attempt: u32,
    /// How.
    pub how: Leave,
}

#[async_trait]
impl Command for LeaveJob {
    type Output = Job;
    type Refused = JobRefused;
    const NAME: &'static str = "leave_job";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Job, Failure<JobRefused>> {
        let job = repo.job_for_update(self.job).await?.ok_or(JobRefused::NotFound)?;
        job.check_runner(self.attempt)?;
        let job = match &self.how {
            Leave::Release => job.released(cx.now()),
            Leave::Fail(reason) => job.failed(cx.now(), reason),
        };
        write(cx, repo, &job).await?;
        Ok(job)
    }
}
