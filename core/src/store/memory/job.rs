//! Jobs in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, duplicate, unless_taken};
use crate::id::{CompanyId, JobId};
use crate::job::{Job, JobFault, JobState};
use crate::store::{JobFilter, JobStore, Listing, Page, StoreError};

fn matches(filter: &JobFilter, job: &Job) -> bool {
    filter.kind.is_none_or(|kind| job.kind == kind)
        && filter.state.is_none_or(|state| job.state == state)
        && filter.open.is_none_or(|open| job.state.is_open() == open)
        && filter.created_by.is_none_or(|user| job.created_by == Some(user))
}

impl Unit<'_> {
    /// Whether another job of the company runs.
    fn another_runs(&self, job: &Job) -> bool {
        let others = self.state().jobs.values().filter(|other| other.company == job.company && other.id != job.id);
        job.state == JobState::Running && others.map(|other| other.state).any(|state| state == JobState::Running)
    }
}

#[async_trait]
impl JobStore for Unit<'_> {
    async fn insert_job(&mut self, job: &Job, input: &[u8]) -> Result<(), StoreError> {
        self.admits(job)?;
        unless_taken::<Job>(self.state().jobs.contains(&job.id), "id")?;
        unless_taken::<Job>(self.another_runs(job), "company")?;
        let state = self.change()?;
        state.jobs.insert(job.id, Arc::new(job.clone()));
        state.job_inputs.insert(job.id, Arc::new(input.to_owned()));
        Ok(())
    }

    async fn update_job(&mut self, job: &Job) -> Result<(), StoreError> {
        self.follows(self.state().jobs.get(&job.id), job)?;
        unless_taken::<Job>(self.another_runs(job), "company")?;
        self.change()?.jobs.insert(job.id, Arc::new(job.clone()));
        Ok(())
    }

    async fn job(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.visible(self.state().jobs.get(&id)))
    }

    async fn job_for_update(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.may_write()?;
        self.job(id).await
    }

    async fn jobs(&mut self, filter: &JobFilter, page: Page) -> Result<Listing<Job>, StoreError> {
        Ok(self.listing(self.state().jobs.values().rev(), page, |job| matches(filter, job)))
    }

    async fn jobs_to_run(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, JobId)>, StoreError> {
        let jobs = || self.state().jobs.values().filter(|job| self.sees(job.company));
        let running: BTreeSet<CompanyId> =
            jobs().filter(|job| job.state == JobState::Running).map(|job| job.company).collect();
        let can_run = |job: &&Arc<Job>| match job.state {
            JobState::Queued => !running.contains(&job.company),
            JobState::Running => !job.is_held(now),
            _ => false,
        };
        Ok(jobs().filter(can_run).take(limit as usize).map(|job| (job.company, job.id)).collect())
    }

    async fn job_input(&mut self, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
        if self.visible(self.state().jobs.get(&id)).is_none() {
            return Ok(None);
        }
        Ok(self.state().job_inputs.get(&id).map(|input| Vec::clone(input)))
    }

    async fn delete_job_input(&mut self, id: JobId) -> Result<bool, StoreError> {
        self.may_write()?;
        if self.visible(self.state().jobs.get(&id)).is_none() {
            return Ok(false);
        }
        Ok(self.change()?.job_inputs.remove(&id).is_some())
    }

    async fn insert_job_faults(&mut self, faults: &[JobFault]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut own = BTreeSet::new();
        for fault in faults {
            let job = self.visible(self.state().jobs.get(&fault.job));
            if job.is_none_or(|job| job.company != fault.company) {
                return Err(StoreError::OutOfScope);
            }
            let key = (fault.job, fault.row);
            if self.state().job_faults.contains(&key) || !own.insert(key) {
                return Err(duplicate::<JobFault>("row"));
            }
        }
        let state = self.change()?;
        for fault in faults {
            state.job_faults.insert((fault.job, fault.row), Arc::new(fault.clone()));
        }
        Ok(())
    }

    async fn job_faults(&mut self, job: JobId, after: u32, limit: u32) -> Result<Vec<JobFault>, StoreError> {
        if self.visible(self.state().jobs.get(&job)).is_none() {
            return Ok(Vec::new());
        }
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let faults = self.state().job_faults.from(&(job, first)).take_while(|((own, _), _)| *own == job);
        Ok(faults.take(limit as usize).map(|(_, fault)| JobFault::clone(fault)).collect())
    }

    async fn purge_jobs(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        let jobs = self.state().jobs.values().filter(|job| self.sees(job.company));
        let old: Vec<JobId> = jobs.filter(|job| job.ended_at.is_some_and(|at| at < before)).map(|job| job.id).collect();
        let state = self.change()?;
        for id in &old {
            let rows = state.job_faults.from(&(*id, 0)).take_while(|((own, _), _)| own == id);
            let rows: Vec<(JobId, u32)> = rows.map(|(key, _)| *key).collect();
            for row in rows {
                state.job_faults.remove(&row);
            }
            state.job_inputs.remove(id);
            state.jobs.remove(id);
        }
        Ok(old.len() as u64)
    }
}
