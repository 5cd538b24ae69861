//! Writes down what the edge reports. A batch is one unit of work; while it is written the edge gathers the next one.

use std::time::Duration;

use dialplane_core::Actor;
use dialplane_core::Engine;
use dialplane_core::command::call::{CallReport, RecordCalls};
use tokio::sync::mpsc;

use super::takes::Takes;

/// The first pause before a batch is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Records until the edge has stopped and everything is written.
pub(super) async fn run(engine: Engine, takes: Takes, mut batches: mpsc::Receiver<Vec<CallReport>>) {
    while let Some(reports) = batches.recv().await {
        let command = RecordCalls { reports };
        record(&engine, &command).await;
        takes.told(&command.reports);
    }
}

/// Tries until the batch is written: calls that are over must not be lost because the database was away for a while.
async fn record(engine: &Engine, command: &RecordCalls) {
    let mut pause = PAUSE;
    while let Err(error) = engine.execute(&Actor::system(), command).await {
        tracing::error!(%error, calls = command.reports.len(), "calls were not recorded, trying again");
        metrics::counter!("dialplane_call_log_retries_total").increment(1);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
