//! Runs queued jobs: one of a company at a time, a few at once. A job is taken from the store by a lease, so that of several
//! nodes one has it, and one whose node died is taken up by another where it was.

use std::time::Duration;

use dialplane_core::command::job::{Leave, LeaveJob, TakeJob};
use dialplane_core::job::{Job, JobKind, JobRefused, JobState};
use dialplane_core::{Actor, Error, Failure};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lead_import;
use crate::state::{App, Shared};

/// Jobs that run at once, at most: they share the machine with calls.
const AT_ONCE: usize = 2;
/// How often is looked without being woken: for jobs of other nodes, and of one that died.
const LOOK: Duration = Duration::from_secs(5);
/// Jobs that one look finds, at most.
const DUE_MAX: u32 = 100;

/// How a job's work ended.
#[derive(Debug)]
pub(super) enum End {
    /// The job has ended, and the store knows it.
    Ended,
    /// The server stops: somebody else goes on with it.
    Stopped,
    /// It cannot be done.
    Failed(String),
}

/// Runs jobs until told to stop; those that run then are given back.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    let mut running = JoinSet::new();
    loop {
        if let Err(error) = start_due(&app, &stop, &mut running).await {
            tracing::warn!(%error, "jobs could not be taken");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = running.join_next(), if !running.is_empty() => {}
            () = app.jobs.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

async fn start_due(app: &Shared, stop: &CancellationToken, running: &mut JoinSet<()>) -> Result<(), Error> {
    while running.try_join_next().is_some() {}
    if running.len() >= AT_ONCE {
        return Ok(());
    }
    let due = app.engine.read(&Actor::system()).await?.jobs_to_run(app.engine.now(), DUE_MAX).await?;
    for (company, job) in due {
        if running.len() >= AT_ONCE {
            break;
        }
        match app.engine.execute(&Actor::system_for(company), &TakeJob { job }).await {
            Ok((job, input)) if job.state == JobState::Running => {
                running.spawn(work(Shared::clone(app), job, input, stop.clone()));
            }
            // It has ended instead, or somebody was quicker.
            Ok(_) | Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// Runs a job that was taken.
async fn work(app: Shared, job: Job, input: Vec<u8>, stop: CancellationToken) {
    let (id, attempt, actor) = (job.id, job.attempt, Actor::system_for(job.company));
    tracing::info!(job = %id, attempt, done = job.counts.done(), total = job.total, "a job begins");
    let end = match job.kind {
        JobKind::LeadImport => lead_import::run(&app, job, input, &stop).await,
    };
    let how = match end {
        Ok(End::Ended) => return tracing::info!(job = %id, "a job has ended"),
        // Cancelled, or taken over by somebody who thought us dead: it is not ours any more.
        Err(Failure::Refused(JobRefused::Ended(_) | JobRefused::Taken | JobRefused::NotFound)) => return,
        Ok(End::Stopped) => Leave::Release,
        Ok(End::Failed(reason)) => Leave::Fail(reason),
        Err(failure) => {
            tracing::error!(job = %id, error = %Error::from(failure), "a job failed");
            Leave::Fail("something went wrong on our side".to_owned())
        }
    };
    if let Err(failure) = leave(&app, &actor, LeaveJob { job: id, attempt, how }).await {
        // Its lease runs out, and it is taken up again.
        tracing::warn!(job = %id, error = %Error::from(failure), "a job could not be given back");
    }
}

async fn leave(app: &App, actor: &Actor, leave: LeaveJob) -> Result<(), Failure<JobRefused>> {
    app.engine.execute(actor, &leave).await.map(|_| ())
}
