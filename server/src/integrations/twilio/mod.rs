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
mod settings;
mod signature;
mod twiml;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dialplane_core::call::HangupCause;
use dialplane_core::call::account::{TwilioAccount, TwilioSettings};
use dialplane_core::call::carrier::{CarrierCall, End, EndReport, EndStatus, HandOver, Service};
use dialplane_core::command::call::{Initiated, Via};
use dialplane_core::command::carrier::RecordCarrierReport;
use dialplane_core::id::{CallId, CompanyId, NodeId};
use dialplane_core::store::StoreError;
use dialplane_core::{Actor, Engine};
use moka::future::Cache;
use tokio::sync::{Notify, Semaphore};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::circuit::Circuit;
use self::client::{ApiError, CallResource, Client};
use crate::problem::{Problem, Reply};
use crate::settings::TwilioServer;
use crate::state::Shared;
use crate::telephony::{Carrier, External, Place};

/// Requests for calls at once with one account; Twilio itself limits how many it takes a second.
const REQUESTS_MAX: usize = 32;
/// Accounts of which it is known how they stand with Twilio, at most.
const STANDINGS_MAX: u64 = 10_000;
/// How long that is remembered of an account that is not used.
const STANDING_LIFE: Duration = Duration::from_secs(600);
/// Seconds that either end rings.
const RING_SECONDS: u32 = 45;

/// The routes for people.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(
        settings::get_twilio_settings,
        settings::update_twilio_settings,
        settings::remove_twilio_settings
    ))
}

/// Twilio, with the accounts of the server and of companies.
#[derive(Clone)]
pub(crate) struct Twilio(Arc<Inner>);

struct Inner {
    engine: Engine,
    http: reqwest::Client,
    api_url: String,
    /// Where Twilio reaches us.
    public_url: String,
    records: bool,
    is_first: bool,
    /// The server's own account.
    own: Option<TwilioAccount>,
    standings: Cache<(Option<CompanyId>, String), Arc<Standing>>,
    /// Wakes the fetching of recordings.
    recorded: Notify,
}

/// How an account stands with Twilio. Each has its own: what becomes of one company's calls keeps no other from calling.
struct Standing {
    circuit: Circuit,
    places: Arc<Semaphore>,
}

/// Twilio with one account: the carrier of calls.
#[derive(Clone)]
pub(crate) struct Line {
    twilio: Twilio,
    client: Client,
    /// Whether the account is the company's own.
    is_companys: bool,
    standing: Arc<Standing>,
}

impl Twilio {
    /// The carrier of these settings, which Twilio reaches at `public_url`.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub(crate) fn new(engine: Engine, settings: &TwilioServer, public_url: String) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(Inner {
            engine,
            http: client::http()?,
            api_url: settings.api_url.clone(),
            public_url,
            records: settings.records,
            is_first: settings.is_first,
            own: settings.account.clone(),
            standings: Cache::builder().max_capacity(STANDINGS_MAX).time_to_idle(STANDING_LIFE).build(),
            recorded: Notify::new(),
        })))
    }

    /// Whether it carries the calls of a company that has a trunk.
    pub(crate) fn is_first(&self) -> bool {
        self.0.is_first
    }

    /// What carries new calls of a company: its own account, or else the server's. `None` when there is neither.
    pub(crate) async fn line_for(&self, company: CompanyId, settings: Option<TwilioSettings>) -> Option<Line> {
        match settings.and_then(|settings| settings.accounts.current) {
            Some(account) => Some(self.line(Some(company), account).await),
            None => Some(self.line(None, self.0.own.clone()?).await),
        }
    }

    /// What carries a call: the account that placed it. `None` when nobody has that any more.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn line_of(&self, row: &CarrierCall) -> Result<Option<Line>, StoreError> {
        let Some(account) = self.account_of(row).await? else { return Ok(None) };
        Ok(Some(self.line(row.account.as_ref().map(|_| row.company), account).await))
    }

    async fn line(&self, company: Option<CompanyId>, account: TwilioAccount) -> Line {
        let fresh = async {
            Arc::new(Standing { circuit: Circuit::default(), places: Arc::new(Semaphore::new(REQUESTS_MAX)) })
        };
        let standing = self.0.standings.get_with((company, account.sid.clone()), fresh).await;
        let client = Client::new(self.0.http.clone(), &self.0.api_url, account);
        Line { twilio: self.clone(), client, is_companys: company.is_some(), standing }
    }

    /// The account that placed a call, also when the company has another one for new calls by now.
    async fn account_of(&self, row: &CarrierCall) -> Result<Option<TwilioAccount>, StoreError> {
        let Some(sid) = &row.account else { return Ok(self.0.own.clone()) };
        let mut tx = self.0.engine.read(&Actor::system_for(row.company)).await?;
        let settings = tx.twilio_settings(row.company).await?;
        Ok(settings.and_then(|settings| settings.accounts.named(sid).cloned()))
    }

    /// How a call is known to Twilio.
    async fn carried(&self, call: CallId) -> Result<Option<CarrierCall>, StoreError> {
        Ok(self.0.engine.read(&Actor::system()).await?.carrier_calls(&[call]).await?.pop())
    }
}

#[async_trait]
impl Carrier for Line {
    fn via(&self) -> Via {
        let account = self.client.account();
        Via::Service(HandOver {
            service: Service::Twilio,
            account: self.is_companys.then(|| account.sid.clone()),
            caller: account.number.clone(),
        })
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
        let place = Arc::clone(&self.standing.places).try_acquire_owned();
        let place = place.map_err(|_| Problem::unavailable("carrier_busy", "too many calls are being placed", 1))?;
        self.standing.circuit.admit(Instant::now()).map_err(down)?;
        Ok(Place::of(place))
    }

    async fn place(&self, initiated: &Initiated, place: Place) -> Reply<Option<External>> {
        // It goes on when the client leaves: what was sent must be written down.
        let (line, initiated) = (self.clone(), initiated.clone());
        let placing = tokio::spawn(async move {
            let placed = line.create(&initiated).await;
            drop(place);
            placed
        });
        placing.await.map_err(|error| Problem::internal(&error))?.map(Some)
    }

    async fn hang_up(&self, _company: CompanyId, call: CallId) -> Reply<()> {
        let unknown = || Problem::conflict("call_not_in_progress", "the carrier has not confirmed this call yet");
        let sid = self.twilio.carried(call).await?.and_then(|row| row.sid).ok_or_else(unknown)?;
        match self.client.end_call(&sid).await {
            Err(ApiError::Refused { status: 401, .. }) => Err(not_accepted()),
            // Its callbacks tell how it ended. What Twilio does not let us end has ended.
            Ok(_) | Err(ApiError::Refused { .. }) => Ok(()),
            Err(ApiError::Unavailable(seconds)) => Err(unavailable(seconds)),
            Err(ApiError::Unclear) => Err(unavailable(1)),
        }
    }
}

fn not_accepted() -> Problem {
    Problem::refused("carrier_refused", "the carrier refused the call: our credentials are not accepted")
}

fn unavailable(seconds: u64) -> Problem {
    Problem::unavailable("carrier_unavailable", "the carrier cannot be reached at the moment", seconds)
}

impl Line {
    async fn create(&self, initiated: &Initiated) -> Reply<External> {
        let (call, inner) = (initiated.call.id, &self.twilio.0);
        let (caller, destination) = (&initiated.caller, &initiated.allowed.destination);
        let telephone = initiated.telephone.as_ref().ok_or_else(|| Problem::internal(&"a call without a telephone"))?;
        let status = twiml::status_callback(&inner.public_url, call, twiml::AGENT);
        let then = twiml::dial(&inner.public_url, call, caller, destination, RING_SECONDS, inner.records);
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
                self.standing.circuit.failed(Instant::now());
                tracing::warn!(%call, "it is not known whether twilio has placed a call");
                Ok(External { sid: None, status: "unconfirmed".to_owned() })
            }
            Err(ApiError::Unavailable(seconds)) => {
                self.standing.circuit.failed(Instant::now());
                self.refused(call, HangupCause::NetworkOutOfOrder).await?;
                Err(unavailable(seconds))
            }
            Err(ApiError::Refused { status, code, message }) => {
                self.standing.circuit.worked();
                // The message may name numbers: it is for whoever called, and not for the log.
                tracing::warn!(%call, status, code, "twilio refused a call");
                self.refused(call, words::refusal(code, status)).await?;
                if status == 401 {
                    return Err(not_accepted());
                }
                let said: String = message.chars().take(200).collect();
                Err(Problem::refused("carrier_refused", format!("the carrier refused the call: {said}")))
            }
        }
    }

    async fn placed(&self, call: CallId, created: CallResource) -> Reply<External> {
        self.standing.circuit.worked();
        let command = RecordCarrierReport { call, sid: Some(created.sid.clone()), report: None };
        self.twilio.0.engine.execute(&Actor::system(), &command).await?;
        // What Twilio calls queued has begun and rings nobody yet.
        let status = if created.status == "queued" { "initiated".to_owned() } else { created.status };
        Ok(External { sid: Some(created.sid), status })
    }

    /// Ends a call that will not be.
    async fn refused(&self, call: CallId, cause: HangupCause) -> Reply<()> {
        let status = EndStatus::Unanswered(cause);
        let at = self.twilio.0.engine.now();
        let report = EndReport { end: End::Agent, status, at, talk_seconds: None, sip_status: None };
        let command = RecordCarrierReport { call, sid: None, report: Some(report) };
        self.twilio.0.engine.execute(&Actor::system(), &command).await?;
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
