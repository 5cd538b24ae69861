//! Clears sessions that have ended.

use std::time::Duration;

use dialplane_core::Actor;
use dialplane_core::store::{Access, StoreError};
use tokio_util::sync::CancellationToken;

use crate::state::{App, Shared};

const EVERY: Duration = Duration::from_secs(3_600);

/// Clears once an hour until told to stop.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    loop {
        match clear(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "ended sessions cleared"),
            Err(error) => tracing::warn!(%error, "ended sessions could not be cleared"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn clear(app: &App) -> Result<u64, StoreError> {
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    let count = tx.purge_sessions(app.engine.now()).await?;
    tx.commit().await?;
    Ok(count)
}
