//! Takes in the leads of a file, some rows at a time.

use std::time::Duration;

use dialplane_core::command::lead::{ImportLeads, ReadRow};
use dialplane_core::job::{Job, JobRefused};
use dialplane_core::lead::ImportPlan;
use dialplane_core::lead::import::read_row;
use dialplane_core::phone::Country;
use dialplane_core::store::StoreError;
use dialplane_core::{Actor, Failure};
use tokio_util::sync::CancellationToken;

use super::queue::End;
use crate::sheets::{self, Row};
use crate::state::App;

/// Rows of one unit of work: enough to share the cost of a commit, few enough that others who write hardly notice.
const BATCH: usize = 200;
/// How often a step is tried again while the store is not available, and how long is waited each time. Together less than a lease.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// Runs the import from where it stands.
pub(super) async fn run(
    app: &App,
    job: Job,
    input: Vec<u8>,
    stop: &CancellationToken,
) -> Result<End, Failure<JobRefused>> {
    let Ok(plan) = serde_json::from_value::<ImportPlan>(job.params.clone()) else {
        return Ok(End::Failed("the plan of this import cannot be read".to_owned()));
    };
    let actor = Actor::system_for(job.company);
    let company = app.engine.read(&actor).await?.company(job.company).await?;
    let Some(home) = company.map(|company| company.default_country) else { return Err(StoreError::OutOfScope.into()) };
    // What was done is committed with its count: the rest begins behind it.
    let done = usize::try_from(job.counts.done()).unwrap_or(usize::MAX);
    let mut rows = sheets::rows(&input).skip(done).peekable();
    while rows.peek().is_some() {
        if stop.is_cancelled() {
            return Ok(End::Stopped);
        }
        let rows = rows.by_ref().take(BATCH).map(|row| looked_at(&plan, row, home)).collect();
        let step = ImportLeads { job: job.id, attempt: job.attempt, rows };
        if !take(app, &actor, &step).await?.state.is_open() {
            return Ok(End::Ended);
        }
    }
    Ok(End::Failed("the file ended before its last row".to_owned()))
}

/// Takes a step; while the store is away, again.
async fn take(app: &App, actor: &Actor, step: &ImportLeads) -> Result<Job, Failure<JobRefused>> {
    let mut left = TRIES;
    loop {
        match app.engine.execute(actor, step).await {
            Err(Failure::Store(error @ (StoreError::Unavailable(_) | StoreError::Contention))) if left > 0 => {
                tracing::warn!(job = %step.job, %error, "a step of an import is tried again");
                left -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            other => return other,
        }
    }
}

fn looked_at(plan: &ImportPlan, row: Row, home: Country) -> ReadRow {
    let read = read_row(plan, &row.cells, home);
    ReadRow { row: row.row, cells: row.cells.into_iter().map(Into::into).collect(), read }
}
