//! Taking in the leads of a file, step by step.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::json;

use super::create::{CreateLeads, Outcome};
use crate::command::job::write;
use crate::engine::{Command, Context};
use crate::error::{Failure, Refusal as _};
use crate::event::Event;
use crate::id::{JobId, UserId};
use crate::job::{CellFault, Job, JobCounts, JobFault, JobRefused};
use crate::lead::{ImportPlan, ImportRow, LeadRefused, NewLead, Owner};
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// A row that was looked at.
#[derive(Debug, Clone)]
pub struct ReadRow {
    /// Its place in the file, from 1.
    pub row: u32,
    /// Its cells, as they were sent.
    pub cells: Vec<Pii<String>>,
    /// What it says, or what is wrong with it.
    pub read: Result<ImportRow, Vec<CellFault>>,
}

/// One step of an import: takes in some rows, keeps those that were refused, and notes how far the job has come, in one unit of
/// work.
#[derive(Debug, Clone)]
pub struct ImportLeads {
    /// The job.
    pub job: JobId,
    /// The attempt that this step belongs to.
    pub attempt: u32,
    /// The rows.
    pub rows: Vec<ReadRow>,
}

/// Finds people by what a file calls them.
#[derive(Debug, Default)]
struct Directory {
    known: BTreeMap<String, Option<UserId>>,
}

impl Directory {
    /// An active user, by their e-mail address or id.
    async fn find(&mut self, repo: &mut dyn Repo, text: &str) -> Result<Option<UserId>, StoreError> {
        let key = text.to_lowercase();
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let user = match key.parse() {
            Ok(id) => repo.user(id).await?,
            Err(_) => repo.user_by_email(&key).await?,
        };
        let user = user.filter(|user| user.is_active).map(|user| user.id);
        self.known.insert(key, user);
        Ok(user)
    }
}

impl ImportLeads {
    /// Cancelled, failed or taken over: nothing more is written then.
    async fn own(&self, repo: &mut dyn Repo) -> Result<(Job, ImportPlan), Failure<JobRefused>> {
        let job = repo.job_for_update(self.job).await?.ok_or(JobRefused::NotFound)?;
        job.check_runner(self.attempt)?;
        let plan = serde_json::from_value(job.params.clone()).map_err(|_| JobRefused::BadParams)?;
        Ok((job, plan))
    }
}

#[async_trait]
impl Command for ImportLeads {
    /// The job after the step; it may have ended with it.
    type Output = Job;
    type Refused = JobRefused;
    const NAME: &'static str = "import_leads";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Job, Failure<JobRefused>> {
        let (job, plan) = self.own(repo).await?;
        if job.is_cancelling {
            let (job, _) = job.advance(JobCounts::default(), |_| json!({}), cx.now());
            write(cx, repo, &job).await?;
            return Ok(job);
        }
        let (mut directory, mut counts) = (Directory::default(), JobCounts::default());
        let (mut leads, mut sources): (Vec<NewLead>, Vec<&ReadRow>) = (Vec::new(), Vec::new());
        let mut faults: Vec<JobFault> = Vec::new();
        let fault = |row: &ReadRow, faults: Vec<CellFault>| JobFault {
            job: job.id,
            company: job.company,
            row: row.row,
            cells: row.cells.clone(),
            faults,
        };
        let refused = |refused: &LeadRefused| CellFault {
            column: plan.column_of(refused.field().unwrap_or_default()),
            message: refused.to_string(),
        };
        for row in &self.rows {
            let read = match &row.read {
                Ok(read) => read,
                Err(wrong) => {
                    faults.push(fault(row, wrong.clone()));
                    continue;
                }
            };
            let mut lead = read.lead.clone();
            if let Some(name) = &read.assignee {
                let Some(user) = directory.find(repo, name).await? else {
                    faults.push(fault(row, vec![refused(&LeadRefused::NoSuchAssignee)]));
                    continue;
                };
                lead.owner = Owner::User(user);
            }
            leads.push(lead);
            sources.push(row);
        }
        let create = CreateLeads { leads, on_duplicate: plan.on_duplicate };
        // A refusal of all of them would be one of the company, of which there is none.
        let made = create.run(cx, repo).await.map_err(|failure| match failure {
            Failure::Denied(permission) => Failure::Denied(permission),
            Failure::Refused(_) => Failure::Refused(JobRefused::BadParams),
            Failure::Store(error) => Failure::Store(error),
        })?;
        for (row, made) in sources.into_iter().zip(made) {
            match made.outcome {
                Outcome::Created(_) => counts.created += 1,
                Outcome::Updated(_) => counts.updated += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
                Outcome::Refused(why) => faults.push(fault(row, vec![refused(&why)])),
            }
        }
        counts.failed = faults.len() as u64;
        repo.insert_job_faults(&faults).await?;
        let result = |counts: JobCounts| json!({ "file": plan.file, "rows": counts.done(), "counts": counts });
        let (job, is_due) = job.advance(counts, result, cx.now());
        write(cx, repo, &job).await?;
        if is_due {
            let (done, counts) = (job.counts.done(), job.counts);
            cx.emit(job.company, Event::JobProgress { job: job.id, kind: job.kind, total: job.total, done, counts });
        }
        Ok(job)
    }
}
