//! Asks Meta for what was delivered by its id, until it is there. The table is the truth: a wake-up only makes it quick, and what a
//! process that died had claimed is claimed again when its lease ends.

use std::time::Duration;

use chrono::TimeDelta;
use dialplane_core::Actor;
use dialplane_core::command::meta::{DeferMetaLead, TakeMetaLead};
use dialplane_core::error::Refusal as _;
use dialplane_core::meta::{MetaLead, SignedBy, retry_after};
use dialplane_core::store::{Access, StoreError};
use dialplane_core::{Error, Failure};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::graph::{Fault, PATIENCE};
use crate::state::{App, Shared};

/// Leads that are asked for at a time.
const BATCH: u32 = 16;
/// How long a claim holds: longer than the two questions about a lead may take.
const LEASE: Duration = Duration::from_secs(3 * PATIENCE.as_secs());
/// How often the table is looked at without being woken: for what other nodes took in, and for what one that died had claimed.
const LOOK: Duration = Duration::from_secs(5);

/// Asks until told to stop.
pub(crate) async fn run(app: Shared, stop: CancellationToken) {
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            asked = ask_all(&app) => asked,
        };
        let wait = asked.unwrap_or_else(|error| {
            tracing::warn!(%error, "leads of Meta could not be claimed, trying again");
            LOOK
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.meta.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Asks for everything that is due; how long to wait then.
async fn ask_all(app: &App) -> Result<Duration, StoreError> {
    let mut wait = LOOK;
    loop {
        let claimed = claim(app).await?;
        let count = claimed.len();
        let pauses = join_all(claimed.into_iter().map(|lead| ask(app, lead))).await;
        wait = pauses.into_iter().flatten().filter_map(|pause| pause.to_std().ok()).fold(wait, Duration::min);
        if count < BATCH as usize {
            return Ok(wait);
        }
    }
}

async fn claim(app: &App) -> Result<Vec<MetaLead>, StoreError> {
    let now = app.engine.now();
    let until = now + TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::seconds(30));
    let mut tx = app.engine.store().begin(Actor::system().scope(), Access::Write).await?;
    let claimed = tx.claim_meta_leads(now, until, BATCH).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Asks for one lead and makes it; for how long it was put off when that failed.
async fn ask(app: &App, lead: MetaLead) -> Option<TimeDelta> {
    let fault = match attempt(app, &lead).await {
        Ok(()) => {
            metrics::counter!("dialplane_meta_fetched_total").increment(1);
            return None;
        }
        Err(fault) => fault,
    };
    metrics::counter!("dialplane_meta_fetch_failures_total").increment(1);
    let mut random = [0; 1];
    app.engine.ids().fill(&mut random);
    let chance = f64::from(random.first().copied().unwrap_or_default()) / 255.0;
    let pause = retry_after(lead.attempts, chance, fault.pause);
    let defer = DeferMetaLead { lead_id: lead.arrival.lead_id, fault: fault.message, pause };
    match app.engine.execute(&Actor::system_for(lead.company), &defer).await {
        Ok(Some(MetaLead { due_at: None, lead: None, .. })) => {
            tracing::warn!(company = %lead.company, "a lead of Meta was given up: what was filled in could not be had for a week");
            None
        }
        Ok(_) => Some(pause),
        Err(failure) => {
            // Its lease puts it off.
            tracing::warn!(error = %Error::from(failure), "a lead of Meta could not be put off");
            None
        }
    }
}

async fn attempt(app: &App, lead: &MetaLead) -> Result<(), Fault> {
    let actor = Actor::system_for(lead.company);
    let stored = |error: StoreError| {
        tracing::warn!(%error, "a lead of Meta could not be stored");
        Fault::of("the database did not take it")
    };
    let settings = app.engine.read(&actor).await.map_err(stored)?.meta_settings(lead.company).await.map_err(stored)?;
    let own = settings.as_ref().and_then(|settings| settings.connection.token_of(lead.arrival.page_id.as_deref()));
    // The server's token opens pages of many companies: it is used for what the server's own app delivered, and for nothing that a
    // company could have signed by itself.
    let server = || app.settings.meta.access_token.as_ref().filter(|_| lead.arrival.signed_by == SignedBy::Server);
    let token = own.map(|token| token.expose()).or_else(|| server().map(|token| token.expose()));
    let token = token.ok_or_else(|| Fault::of("there is no access token for this page"))?;
    let answers = app.meta.graph.lead(lead.company, &lead.arrival, token).await?;
    let take = TakeMetaLead { arrival: lead.arrival.clone(), answers };
    match app.engine.execute(&actor, &take).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refused)) => Err(Fault::of(format!("no lead could be made of it: {}", refused.code()))),
        Err(Failure::Store(error)) => Err(stored(error)),
        Err(Failure::Denied(_)) => Err(Fault::of("no lead may be made of it")),
    }
}
