//! Following the companies' events in the store. The table is the truth and gives the order; the outbox's bus only wakes.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use dialplane_core::Actor;
use dialplane_core::event::{Envelope, Event};
use dialplane_core::id::{CompanyId, UserId};
use dialplane_core::store::{Repo, StoreError};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::hub::Changes;
use crate::state::{App, Shared};

/// Events read at a time.
pub(super) const PAGE: u32 = 500;
/// How often followed companies are looked at without being woken: for events that another node delivers.
const LOOK: Duration = Duration::from_secs(5);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How long clients may take to be told that the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Which companies are to be looked at.
enum Woken {
    All,
    Some(BTreeSet<CompanyId>),
}

/// Hands events to the streams until told to stop.
pub(crate) async fn run(app: Shared, stop: CancellationToken) {
    let mut bus = app.bus.subscribe();
    let mut look = Instant::now() + LOOK;
    loop {
        let woken = tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(look) => Woken::All,
            received = bus.recv() => match received {
                Ok(event) => Woken::Some(BTreeSet::from([event.company])),
                Err(RecvError::Lagged(_)) => Woken::All,
                Err(RecvError::Closed) => return,
            },
        };
        let mut companies = match gathered(woken, &mut bus) {
            Woken::All => {
                look = Instant::now() + LOOK;
                app.live.drop_slow();
                app.live.followed()
            }
            Woken::Some(companies) => companies,
        };
        while let Err(error) = follow_each(&app, &mut companies).await {
            tracing::warn!(%error, "live events could not be read, trying again");
            if timeout(PAUSE, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }
}

/// Takes in everything else that is on the bus by now: a burst is read at once.
fn gathered(woken: Woken, bus: &mut tokio::sync::broadcast::Receiver<std::sync::Arc<Envelope>>) -> Woken {
    let mut woken = woken;
    loop {
        match (bus.try_recv(), &mut woken) {
            (Ok(event), Woken::Some(companies)) => drop(companies.insert(event.company)),
            (Ok(_), Woken::All) => {}
            (Err(TryRecvError::Lagged(_)), _) => woken = Woken::All,
            (Err(TryRecvError::Empty | TryRecvError::Closed), _) => return woken,
        }
    }
}

/// Follows the companies, and takes each off the list when it is done.
async fn follow_each(app: &App, companies: &mut BTreeSet<CompanyId>) -> Result<(), StoreError> {
    while let Some(company) = companies.first().copied() {
        follow(app, company).await?;
        companies.remove(&company);
    }
    Ok(())
}

/// Hands out what is new of a company.
async fn follow(app: &App, company: CompanyId) -> Result<(), StoreError> {
    while let Some((cursor, followers)) = app.live.cursor(company) {
        let mut tx = app.engine.read(&Actor::system_for(company)).await?;
        let page = tx.events_after(cursor, PAGE).await?;
        let changes = changes(&mut *tx, company, &page, &followers).await?;
        drop(tx);
        let is_last = page.len() < PAGE as usize;
        app.live.deliver(company, page, &changes);
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Reads what the events change about those who follow.
async fn changes<R: Repo + ?Sized>(
    repo: &mut R,
    company: CompanyId,
    page: &[Envelope],
    followers: &BTreeSet<UserId>,
) -> Result<Changes, StoreError> {
    let (mut users, mut queues, mut company_changed) = (HashMap::new(), false, false);
    for envelope in page {
        match &envelope.event {
            Event::UserUpdated { user, .. } | Event::UserDeleted { user } if followers.contains(user) => {
                users.insert(*user, None);
            }
            Event::QueueUpdated { .. } => queues = true,
            Event::CompanyUpdated {} => company_changed = true,
            _ => {}
        }
    }
    for (id, now) in &mut users {
        *now = repo.user(*id).await?;
    }
    let queues = if queues { Some(repo.queues().await?) } else { None };
    let closed = company_changed && !repo.company(company).await?.is_some_and(|company| company.is_active);
    Ok(Changes { queues, users, closed })
}

/// Tells everybody the last events, and that the server stops; returns when they have gone, or after a limited time.
pub(crate) async fn close(app: &App) {
    let mut companies = app.live.followed();
    if let Err(error) = follow_each(app, &mut companies).await {
        tracing::warn!(%error, "the last events were not told live, clients replay them");
    }
    app.live.end_all();
    if timeout(FAREWELL, app.live.emptied()).await.is_err() {
        tracing::warn!("some live streams did not end in time");
    }
    if let Some(sockets) = app.live.sockets.get() {
        timeout(FAREWELL, sockets.close()).await.ok();
    }
}
