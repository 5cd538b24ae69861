//! Twilio as a carrier.
//!
//! A call is placed with one request: Twilio rings the agent's own telephone and, once it is answered, dials the destination and
//! connects the two. How it goes is told by callbacks about either end, which may come late, twice and in any order.
//!
//! **A call is never placed twice.** Twilio has no key by which a repeated request would be known, so a request is repeated only when
//! it has certainly not arrived. When nobody knows (no answer in time, an answer that cannot be understood), the call stays
//! `initiated` until a callback tells how it goes, or until [`follow`] asks Twilio and finds it or finds that there is none.

pub(crate) mod callback;
mod circuit;
mod client;
pub(crate) mod fetch;
pub(crate) mod follow;
mod signature;
mod twiml;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dialplane_core::call::HangupCause;
use dialplane_core::call::carrier::{End, EndReport, EndStatus, Service};
use dialplane_core::command::call::{Initiated, Via};
use dialplane_core::command::carrier::RecordCarrierReport;
use dialplane_core::id::{CallId, CompanyId, NodeId};
use dialplane_core::{Actor, Engine};
use tokio::sync::{Notify, Semaphore};

use self::circuit::Circuit;
use self::client::{ApiError, CallResource, Client};
use crate::problem::{Problem, Reply};
use crate::settings::{Secret, TwilioSettings};
use crate::telephony::{Carrier, External, Place};

/// Requests for calls at once; Twilio itself limits how many it takes a second.
const REQUESTS_MAX: usize = 32;
/// Seconds that either end rings.
const RING_SECONDS: u32 = 45;

/// Twilio, as a carrier of calls.
#[derive(Clone)]
pub(crate) struct Twilio(Arc<Inner>);

struct Inner {
    engine: Engine,
    client: Client,
    circuit: Circuit,
    places: Arc<Semaphore>,
    token: Secret,
    public_url: String,
    records: bool,
    is_first: bool,
    /// Wakes the fetching of recordings.
    recorded: Notify,
}

impl Twilio {
    /// The carrier of these settings.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub(crate) fn new(engine: Engine, settings: &TwilioSettings) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(Inner {
            engine,
            client: Client::new(settings)?,
            circuit: Circuit::default(),
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            token: settings.auth_token.clone(),
            public_url: settings.public_url.clone(),
            records: settings.records,
            is_first: settings.is_first,
            recorded: Notify::new(),
        })))
    }

    /// Whether it carries the calls of a company that has a trunk.
    pub(crate) fn is_first(&self) -> bool {
        self.0.is_first
    }
}

#[async_trait]
impl Carrier for Twilio {
    fn via(&self) -> Via {
        Via::Service(Service::Twilio)
    }

    fn node(&self) -> Option<NodeId> {
        // Twilio carries it: it goes on when this process ends.
        None
    }

    fn reserve(&self) -> Reply<Place> {
        let down = |wait: Duration| {
            let seconds = wait.as_secs().max(1);
            Problem::unavailable("carrier_unavailable", "the carrier cannot be reached at the moment", seconds)
        };
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let place = place.map_err(|_| Problem::unavailable("carrier_busy", "too many calls are being placed", 1))?;
        self.0.circuit.admit(Instant::now()).map_err(down)?;
        Ok(Place::of(place))
    }

    async fn place(&self, initiated: &Initiated, place: Place) -> Reply<Option<External>> {
        // It goes on when the client leaves: what was sent must be written down.
        let (inner, initiated) = (Arc::clone(&self.0), initiated.clone());
        let placing = tokio::spawn(async move {
            let placed = inner.place(&initiated).await;
            drop(place);
            placed
        });
        placing.await.map_err(|error| Problem::internal(&error))?.map(Some)
    }

    async fn hang_up(&self, _company: CompanyId, call: CallId) -> Reply<()> {
        let unknown = || Problem::conflict("call_not_in_progress", "the carrier has not confirmed this call yet");
        let mut tx = self.0.engine.read(&Actor::system()).await?;
        let sid = tx.carrier_calls(&[call]).await?.pop().and_then(|row| row.sid).ok_or_else(unknown)?;
        drop(tx);
        match self.0.client.end_call(&sid).await {
            // Its callbacks tell how it ended. What Twilio does not let us end has ended.
            Ok(_) | Err(ApiError::Refused { .. }) => Ok(()),
            Err(ApiError::Unavailable(seconds)) => Err(unavailable(seconds)),
            Err(ApiError::Unclear) => Err(unavailable(1)),
        }
    }
}

fn unavailable(seconds: u64) -> Problem {
    Problem::unavailable("carrier_unavailable", "the carrier cannot be reached at the moment", seconds)
}

impl Inner {
    async fn place(&self, initiated: &Initiated) -> Reply<External> {
        let call = initiated.call.id;
        let (caller, destination) = (&initiated.allowed.number.number, &initiated.allowed.destination);
        let telephone = initiated.telephone.as_ref().ok_or_else(|| Problem::internal(&"a call without a telephone"))?;
        let status = twiml::status_callback(&self.public_url, call, twiml::AGENT);
        let then = twiml::dial(&self.public_url, call, caller, destination, RING_SECONDS, self.records);
        let ring = RING_SECONDS.to_string();
        let form = [
            ("To", telephone.as_str()),
            ("From", caller.as_str()),
            ("Twiml", &then),
            ("Timeout", &ring),
            ("StatusCallback", &status),
            ("StatusCallbackMethod", "POST"),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
        ];
        let sent = self.client.create_call(&form).await;
        metrics::counter!("dialplane_carrier_calls_total", "carrier" => "twilio", "outcome" => outcome(&sent))
            .increment(1);
        match sent {
            Ok(created) => self.placed(call, created).await,
            Err(ApiError::Unclear) => {
                self.circuit.failed(Instant::now());
                tracing::warn!(%call, "it is not known whether twilio has placed a call");
                Ok(External { sid: None, status: "unconfirmed".to_owned() })
            }
            Err(ApiError::Unavailable(seconds)) => {
                self.circuit.failed(Instant::now());
                self.refused(call, HangupCause::NetworkOutOfOrder).await?;
                Err(unavailable(seconds))
            }
            Err(ApiError::Refused { status, code, message }) => {
                self.circuit.worked();
                // The message may name numbers: it is for whoever called, and not for the log.
                tracing::warn!(%call, status, code, "twilio refused a call");
                self.refused(call, words::refusal(code, status)).await?;
                let said: String = message.chars().take(200).collect();
                let said = if status == 401 { "our credentials are not accepted".to_owned() } else { said };
                Err(Problem::refused("carrier_refused", format!("the carrier refused the call: {said}")))
            }
        }
    }

    async fn placed(&self, call: CallId, created: CallResource) -> Reply<External> {
        self.circuit.worked();
        let command = RecordCarrierReport { call, sid: Some(created.sid.clone()), report: None };
        self.engine.execute(&Actor::system(), &command).await?;
        // What Twilio calls queued has begun and rings nobody yet.
        let status = if created.status == "queued" { "initiated".to_owned() } else { created.status };
        Ok(External { sid: Some(created.sid), status })
    }

    /// Ends a call that will not be.
    async fn refused(&self, call: CallId, cause: HangupCause) -> Reply<()> {
        let status = EndStatus::Unanswered(cause);
        let at = self.engine.now();
        let report = EndReport { end: End::Agent, status, at, talk_seconds: None, sip_status: None };
        let command = RecordCarrierReport { call, sid: None, report: Some(report) };
        self.engine.execute(&Actor::system(), &command).await?;
        Ok(())
    }
}

fn outcome(sent: &Result<CallResource, ApiError>) -> &'static str {
    match sent {
        Ok(_) => "placed",
        Err(ApiError::Refused { .. }) => "refused",
        Err(ApiError::Unavailable(_)) => "unavailable",
        Err(ApiError::Unclear) => "unclear",
    }
}
