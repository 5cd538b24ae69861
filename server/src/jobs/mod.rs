//! Work that goes on beside requests: delivering events, handing them to live streams, running queued jobs, writing the reports
//! of the day, clearing away what has had its time.

mod lead_import;
mod leads;
mod outbox;
mod purge;
mod queue;
mod reports;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::integrations::meta;
use crate::integrations::twilio;
use crate::live;
use crate::state::Shared;

/// Starts the jobs; they end when `stop` is cancelled.
pub(crate) fn start(app: &Shared, stop: &CancellationToken) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(leads::run(Shared::clone(app), stop.clone()));
    jobs.spawn(outbox::run(Shared::clone(app), stop.clone()));
    jobs.spawn(live::run(Shared::clone(app), stop.clone()));
    jobs.spawn(live::show_boards(Shared::clone(app), stop.clone()));
    jobs.spawn(queue::run(Shared::clone(app), stop.clone()));
    jobs.spawn(meta::run(Shared::clone(app), stop.clone()));
    jobs.spawn(purge::run(Shared::clone(app), stop.clone()));
    if let Some(carrier) = app.twilio.get() {
        jobs.spawn(twilio::follow::run(carrier.clone(), stop.clone()));
        jobs.spawn(twilio::fetch::run(carrier.clone(), app.recordings.clone(), stop.clone()));
    }
    jobs.spawn(purge::run_exports(Shared::clone(app), stop.clone()));
    jobs.spawn(reports::run(Shared::clone(app), stop.clone()));
    jobs
}
