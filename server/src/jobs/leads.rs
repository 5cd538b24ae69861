//! Routes leads that wait for somebody, those that nobody touched in time, and those whose owner is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use dialplane_core::command::lead::RouteLeads;
use dialplane_core::{Actor, Error};
use tokio_util::sync::CancellationToken;

use crate::state::{App, Shared};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Leads that are due, at most, that one look finds.
const DUE_MAX: u32 = 1_000;
/// Leads of a company in one unit of work.
const BATCH: u32 = 100;

/// Routes until told to stop.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    loop {
        match route(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "leads were given to somebody"),
            Err(error) => tracing::warn!(%error, "leads could not be routed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn route(app: &App) -> Result<usize, Error> {
    let due = {
        let mut tx = app.engine.read(&Actor::system()).await?;
        tx.leads_to_route(app.engine.now(), DUE_MAX).await?
    };
    let mut companies = BTreeMap::new();
    for (company, _) in due {
        *companies.entry(company).or_insert(0) += 1_usize;
    }
    let mut given = 0;
    for (company, leads) in companies {
        for _ in 0..leads.div_ceil(BATCH as usize) {
            given += app.engine.execute(&Actor::system_for(company), &RouteLeads { limit: BATCH }).await?;
        }
    }
    Ok(given)
}
