//! Writes down what the edge reports, and tells it what became of its claims. A batch is one unit of work; while it is written the edge
//! gathers the next one.

use std::time::Duration;

use dialplane_core::Actor;
use dialplane_core::Engine;
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::queue::claim::ClaimAnswer;
use dialplane_signaling::edge::EdgeHandle;
use tokio::sync::mpsc;

use super::takes::Takes;

/// The first pause before a batch is tried again; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Records until the edge has stopped and everything is written.
pub(super) async fn run(engine: Engine, takes: Takes, edge: EdgeHandle, mut batches: mpsc::Receiver<Vec<CallReport>>) {
    while let Some(reports) = batches.recv().await {
        let command = RecordCalls { reports };
        let answers = record(&engine, &command).await;
        takes.told(&command.reports);
        if !answers.is_empty() {
            // An edge that has stopped rings nobody.
            edge.claims_answered(answers).await.ok();
        }
    }
}

/// Tries until the batch is written: calls that are over must not be lost because the database was away for a while.
async fn record(engine: &Engine, command: &RecordCalls) -> Vec<ClaimAnswer> {
    let mut pause = PAUSE;
    loop {
        let error = match engine.execute(&Actor::system(), command).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        tracing::error!(%error, calls = command.reports.len(), "calls were not recorded, trying again");
        metrics::counter!("dialplane_call_log_retries_total").increment(1);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
