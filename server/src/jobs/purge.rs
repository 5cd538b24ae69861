//! Clears away what has had its time: ended sessions, answers that are no longer repeated, events beyond their retention.

use std::time::Duration;

use chrono::TimeDelta;
use dialplane_core::command::twilio::ForgetTwilioAccounts;
use dialplane_core::store::{Access, StoreError, Tx};
use dialplane_core::{Actor, Error};
use tokio_util::sync::CancellationToken;

use crate::http::idempotency;
use crate::state::{App, Shared};

const EVERY: Duration = Duration::from_secs(3_600);
/// How long jobs that have ended are kept, with the rows they refused.
const JOBS_KEPT: TimeDelta = TimeDelta::days(30);
/// Files of exports live minutes, not days.
const EXPORTS_EVERY: Duration = Duration::from_secs(300);
/// Events that are cleared at a time: others write in between.
const EVENTS_MAX: u32 = 1_000;
/// Companies whose accounts are cleared at a time.
const ACCOUNTS_MAX: u32 = 100;

/// Clears once an hour until told to stop.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    loop {
        if let Err(error) = clear(&app).await {
            tracing::warn!(%error, "what has had its time could not be cleared");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Removes files of exports until told to stop.
pub(super) async fn run_exports(app: Shared, stop: CancellationToken) {
    loop {
        let keeper = Shared::clone(&app);
        let purged = tokio::task::spawn_blocking(move || keeper.exports.purge(std::time::SystemTime::now())).await;
        if let Ok(Err(error)) = purged {
            tracing::warn!(%error, "files of exports could not be removed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EXPORTS_EVERY) => {}
        }
    }
}

async fn begin(app: &App) -> Result<Box<dyn Tx + '_>, StoreError> {
    app.engine.store().begin(Actor::system().scope(), Access::Write).await
}

async fn clear(app: &App) -> Result<(), Error> {
    let now = app.engine.now();
    let mut tx = begin(app).await?;
    let sessions = tx.purge_sessions(now).await?;
    let requests = tx.purge_requests(now - idempotency::LIFE).await?;
    let jobs = tx.purge_jobs(now - JOBS_KEPT).await?;
    tx.commit().await?;
    let accounts = forget_accounts(app).await?;
    let events = clear_events(app).await?;
    if sessions + requests + jobs + accounts + events > 0 {
        tracing::info!(sessions, requests, jobs, accounts, events, "cleared what has had its time");
    }
    Ok(())
}

/// Forgets accounts at carriers that carry no call any more.
async fn forget_accounts(app: &App) -> Result<u64, Error> {
    let mut forgotten = 0;
    loop {
        let command = ForgetTwilioAccounts { limit: ACCOUNTS_MAX };
        let count = app.engine.execute(&Actor::system(), &command).await?;
        forgotten += u64::from(count);
        if count < ACCOUNTS_MAX {
            return Ok(forgotten);
        }
    }
}

async fn clear_events(app: &App) -> Result<u64, StoreError> {
    let Some(days) = app.settings.audit_days else { return Ok(0) };
    let before = app.engine.now() - TimeDelta::days(i64::from(days.get()));
    let mut cleared = 0;
    loop {
        let mut tx = begin(app).await?;
        let count = tx.purge_events(before, EVENTS_MAX).await?;
        tx.commit().await?;
        cleared += count;
        if count < u64::from(EVENTS_MAX) {
            return Ok(cleared);
        }
    }
}
