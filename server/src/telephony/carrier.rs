//! What carries the calls that agents place: our own call control over a SIP trunk, or a service that is handed the whole call.

use std::sync::Arc;

use async_trait::async_trait;
use dialplane_core::command::call::{Initiated, Via};
use dialplane_core::id::{CallId, CompanyId, NodeId};
use tokio::sync::OwnedSemaphorePermit;

use super::ControlError;
use crate::http::guard::Authed;
use crate::problem::{Problem, Reply};
use crate::state::App;

/// A carrier of calls.
#[async_trait]
pub(crate) trait Carrier: Send + Sync {
    /// Which way its calls leave.
    fn via(&self) -> Via;

    /// The process that carries them: they end with it. `None` when they do not.
    fn node(&self) -> Option<NodeId>;

    /// Takes a place for one more call, before anything is counted or written.
    ///
    /// # Errors
    /// 503 with the time to wait.
    fn reserve(&self) -> Reply<Place>;

    /// Places a call whose record is written. Returns once the attempt has begun; how it goes is in the record. A call that cannot be
    /// placed has ended in its record when the error is told.
    ///
    /// # Errors
    /// What the carrier says.
    async fn place(&self, initiated: &Initiated, place: Place) -> Reply<Option<External>>;

    /// Ends a call.
    ///
    /// # Errors
    /// 409 when it does not carry this call.
    async fn hang_up(&self, company: CompanyId, call: CallId) -> Reply<()>;
}

/// A place among the calls that are being placed; free again when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Place(#[expect(dead_code, reason = "it is held, not read")] Option<OwnedSemaphorePermit>);

impl Place {
    /// A place that others wait for.
    pub(crate) const fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(permit))
    }
}

/// How a call is known to the service that it was handed to.
#[derive(Debug, Clone)]
pub(crate) struct External {
    /// The service's name for it; `None` while nobody knows whether the service has it.
    pub(crate) sid: Option<String>,
    /// How it stands.
    pub(crate) status: String,
}

/// Our own call control.
fn own(app: &App) -> Reply<Arc<dyn Carrier>> {
    let unavailable = || Problem::unavailable("telephony_unavailable", "telephony has not started", 5);
    let calls = app.calls.get().ok_or_else(unavailable)?;
    Ok(Arc::new(Arc::clone(calls)))
}

fn is_up(app: &App) -> Reply<()> {
    if app.is_draining() { Err(ControlError::Stopping.into()) } else { Ok(()) }
}

/// What carries the calls that a company places: its default trunk. Twilio does when the company has none, or when the settings prefer it,
/// with the company's own account or else the server's.
///
/// # Errors
/// 503 when there is nothing that could.
pub(crate) async fn carrier_for(app: &App, authed: &Authed) -> Reply<Arc<dyn Carrier>> {
    is_up(app)?;
    let Some(twilio) = app.twilio.get() else { return own(app) };
    let mut tx = app.engine.read(&authed.actor).await?;
    let has_trunk = !twilio.is_first() && tx.trunks().await?.iter().any(|trunk| trunk.is_default);
    if has_trunk {
        return own(app);
    }
    let company = authed.company_id();
    let settings = tx.twilio_settings(company).await?;
    drop(tx);
    match twilio.line_for(company, settings).await {
        Some(line) => Ok(Arc::new(line)),
        None => own(app),
    }
}

/// What carries a call.
///
/// # Errors
/// 409 when a service carries it that is not set up any more.
pub(crate) async fn carrier_of(app: &App, authed: &Authed, call: CallId) -> Reply<Arc<dyn Carrier>> {
    is_up(app)?;
    let mut tx = app.engine.read(&authed.actor).await?;
    let Some(row) = tx.carrier_calls(&[call]).await?.pop() else { return own(app) };
    drop(tx);
    let twilio = app.twilio.get().ok_or(ControlError::NoSuchCall)?;
    let line = twilio.line_of(&row).await?.ok_or(ControlError::NoSuchCall)?;
    Ok(Arc::new(line))
}
