//! Delivers stored events to the listeners of this process. The table is the truth: a wake-up only makes it quick.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::event::Envelope;
use dialplane_core::id::EventId;
use dialplane_core::store::{Access, StoreError};
use tokio_util::sync::CancellationToken;

use crate::state::{App, Shared};

/// Events claimed at a time.
const BATCH: u32 = 500;
/// Seconds after which events that were claimed and not delivered may be claimed again.
const LEASE_SECONDS: i64 = 30;
/// How often the table is looked at without being woken: for events of other nodes, and of one that died.
const LOOK: Duration = Duration::from_secs(5);
/// How long events are gathered before they are claimed: the most that their delivery is late.
const GATHER: Duration = Duration::from_millis(50);
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Delivers until told to stop.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    let mut pause = Duration::from_millis(250);
    loop {
        let wait = match deliver_all(&app).await {
            Ok(()) => {
                pause = Duration::from_millis(250);
                LOOK
            }
            Err(error) => {
                tracing::warn!(%error, "events could not be delivered, trying again");
                pause = (pause * 2).min(PAUSE_MAX);
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.outbox.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        // Events come in bursts, and claiming a burst costs as much as claiming one of it.
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(GATHER) => {}
        }
    }
}

async fn deliver_all(app: &App) -> Result<(), StoreError> {
    loop {
        let events = claim(app).await?;
        let count = events.len();
        if count == 0 {
            return Ok(());
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        for event in events {
            // Nobody listening is fine: whoever comes later reads what they missed from the table.
            let _ = app.bus.send(Arc::new(event));
        }
        mark(app, &ids).await?;
        metrics::counter!("dialplane_events_delivered_total").increment(count as u64);
        if count < BATCH as usize {
            return Ok(());
        }
    }
}

async fn claim(app: &App) -> Result<Vec<Envelope>, StoreError> {
    let now = app.engine.now();
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    let events = tx.claim_events(now, now + TimeDelta::seconds(LEASE_SECONDS), BATCH).await?;
    tx.commit().await?;
    Ok(events)
}

async fn mark(app: &App, ids: &[EventId]) -> Result<(), StoreError> {
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    tx.mark_delivered(ids, app.engine.now()).await?;
    tx.commit().await
}
