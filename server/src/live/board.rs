//! How queues stand, once a second for those who watch. It changes far too often to be kept: whoever was away is told how it is now.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dialplane_core::id::{CallId, CompanyId, QueueId};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::problem::Reply;
use crate::state::{App, Shared};

/// How often it is looked whether something has changed: nobody is told more often than that of one queue.
const LOOK: Duration = Duration::from_secs(1);

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueNumbers {
    pub(super) queue: QueueId,
    /// Callers who wait on the line.
    waiting: u32,
    /// Calls that ring somewhere.
    ringing: u32,
    /// Members who could take a call.
    free: u32,
    /// Members who are there.
    present: u32,
    /// Those who wait on no line, and are to be called back.
    callbacks: u32,
    /// The caller on the line who has waited longest.
    oldest: Option<CallId>,
    /// Since when it waits.
    oldest_since: Option<DateTime<Utc>>,
    /// How many members do what.
    member_states: BTreeMap<&'static str, u32>,
}

impl QueueNumbers {
    /// Whether there is nothing new; the time of the oldest call is its own.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        Self { oldest_since: other.oldest_since, ..self.clone() } == *other
    }
}

/// Shows the queues of watched companies until told to stop.
pub(crate) async fn run(app: Shared, stop: CancellationToken) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        for company in app.live.watched() {
            // While call control is not there, there is nothing to show.
            if let Ok(board) = board(&app, company).await {
                app.live.show(company, board);
            }
        }
    }
}

async fn board(app: &App, company: CompanyId) -> Reply<BTreeMap<QueueId, QueueNumbers>> {
    let taken = app.states.of(app, company).await?;
    let numbers = taken.state.snapshot.queues.iter().map(|stand| QueueNumbers {
        queue: stand.queue,
        waiting: stand.now.waiting,
        ringing: stand.ringing,
        callbacks: taken.state.callbacks.get(&stand.queue).copied().unwrap_or_default(),
        free: stand.now.free,
        present: stand.now.present,
        oldest: stand.oldest,
        oldest_since: stand.oldest.map(|_| taken.began(stand.now.oldest)),
        member_states: stand.members.clone(),
    });
    Ok(numbers.map(|numbers| (numbers.queue, numbers)).collect())
}
