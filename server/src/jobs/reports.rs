//! Writes the daily reports of every company after its midnight.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use dialplane_core::command::report::{WRITTEN_AT_ONCE, WriteDueReports};
use dialplane_core::company::{Company, local_day};
use dialplane_core::id::CompanyId;
use dialplane_core::store::Page;
use dialplane_core::{Actor, Error};
use tokio_util::sync::CancellationToken;

use crate::state::{App, Shared};

/// How often it is looked whether a day has ended somewhere.
const EVERY: Duration = Duration::from_secs(60);

/// Writes until told to stop. Several processes may: a report is written once.
pub(super) async fn run(app: Shared, stop: CancellationToken) {
    // The day up to which each company's reports are known to be written.
    let mut done = BTreeMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            written = write(&app, &mut done) => if let Err(error) = written {
                tracing::warn!(%error, "daily reports could not be written");
            },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn companies(app: &App) -> Result<Vec<Company>, Error> {
    let mut companies = Vec::new();
    for number in 1.. {
        let page = Page::number(number, Page::LIMIT_MAX);
        let some = app.engine.read(&Actor::system()).await?.companies(page).await?.items;
        let is_last = some.len() < Page::LIMIT_MAX as usize;
        companies.extend(some.into_iter().filter(|company| company.is_active));
        if is_last {
            break;
        }
    }
    Ok(companies)
}

async fn write(app: &App, done: &mut BTreeMap<CompanyId, NaiveDate>) -> Result<(), Error> {
    let mut failed = None;
    for company in companies(app).await? {
        let today = local_day(company.timezone, app.engine.now());
        if done.get(&company.id) == Some(&today) {
            continue;
        }
        // One company's trouble is not the others'.
        match write_for(app, company.id).await {
            Ok(()) => drop(done.insert(company.id, today)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn write_for(app: &App, company: CompanyId) -> Result<(), Error> {
    let actor = Actor::system_for(company);
    loop {
        let due = app.engine.execute(&actor, &WriteDueReports).await?;
        if due > 0 {
            tracing::info!(%company, count = due, "daily reports written");
        }
        if due < WRITTEN_AT_ONCE {
            return Ok(());
        }
    }
}
