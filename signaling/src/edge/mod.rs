//! The edge: one task that owns the SIP endpoint, the registrations, the dialogs, the calls and the routers, and moves
//! messages between them.
//!
//! Because everything belongs to one task there is no lock, and a message is handled from socket to socket without waiting.
//! What needs the store goes out through [`Host`] and comes back as an input; what the edge must know to answer at once is in
//! the [`Directory`], a snapshot that the host replaces.
//!
//! What happens to calls is handed out in batches of [`CallReport`]s. The channel holds one batch; while the host is busy
//! recording it, later changes of the same call are merged into one report, so a slow store makes larger batches and never a
//! longer queue. Agents whom a queue's router offers a call are claimed by them, and ring once the host says that they are.

mod accounts;
mod auth;
mod call_entry;
mod callback;
mod claims;
mod desk;
mod directory;
mod dispatch;
mod flow;
mod hold;
mod in_dialog;
mod inbound;
mod legs;
mod live;
mod register;
mod reports;
mod responses;
mod routing;
mod run;
mod shadows;
mod sip_text;
mod stay;
mod transfer;
mod voice;
mod worked;

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::call::HangupCause;
use dialplane_core::clock::Clock;
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{
    CallId, CallbackId, CompanyId, FlowId, IdSource, NodeId, NumberId, QueueId, RecordingId, TrunkId, UserId,
    VoicemailId,
};
use dialplane_core::phone::E164;
use dialplane_core::pii::Pii;
use dialplane_core::queue::claim::ClaimAnswer;
use dialplane_core::queue::estimate::Calibration;
use dialplane_core::queue::router::PauseReason;
use dialplane_core::queue::waiting::PreferredAgent;
use dialplane_ivr::machine::{Answer, PlayFailure, Request, RequestFailure, Sound, Token};
use tokio::sync::{mpsc, oneshot};

use crate::media::relay::Segment;

pub use accounts::TrunkRegistration;
pub use directory::{
    AgentEntry, CallbackEntry, CompanyEntry, Directory, ExtensionEntry, FlowEntry, QueueEntry, RouteEntry, TrunkEntry,
};
pub use live::{CompanyState, Explained, NextOf, Party, Waiting};
pub use run::Edge;
pub use shadows::{SHADOWS_MAX, ShadowState, TooManyShadows};

/// How the edge runs.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Where SIP is listened for, over UDP and TCP.
    pub sip: SocketAddr,
    /// The host that peers are told, in Via, Contact and From; the address listened on when absent.
    pub public_host: Option<String>,
    /// How audio is relayed.
    pub relay: crate::media::relay::RelayConfig,
    /// The secret that nonces are signed with.
    pub nonce_key: [u8; 32],
    /// How long a nonce may be used.
    pub nonce_life: Duration,
    /// Calls at once, at most; further ones get 503.
    pub calls_max: usize,
    /// How long a call may take from its beginning to an answer, where no queue says otherwise.
    pub setup: Duration,
    /// How long a phone or a carrier is rung where no queue says otherwise.
    pub ring: Duration,
    /// What the edge calls itself in Server and User-Agent.
    pub software: String,
    /// The process, as the log names it.
    pub node: Option<NodeId>,
}

/// A call of a registered phone to the outside, waiting for a yes.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// The id the call will have.
    pub call: CallId,
    /// The company.
    pub company: CompanyId,
    /// Who calls.
    pub agent: UserId,
    /// What was dialled.
    pub dialled: String,
}

/// A yes to an [`OutboundRequest`]: the call is counted and its record is open.
#[derive(Debug, Clone)]
pub struct OutboundGrant {
    /// The number to call from.
    pub caller: E164,
    /// That number in the inventory, when it is the agent's.
    pub number: Option<NumberId>,
    /// The number to call.
    pub destination: E164,
    /// The trunk to call by.
    pub trunk: Option<TrunkId>,
}

/// A callback that the host has begun: its record is open.
#[derive(Debug, Clone)]
pub struct CallbackGrant {
    /// The queue.
    pub queue: QueueId,
    /// Since when the person waits.
    pub since: DateTime<Utc>,
    /// The number that is shown.
    pub caller: E164,
    /// Whom to call.
    pub destination: E164,
    /// The trunk to call by.
    pub trunk: TrunkId,
}

/// A call that the host places: the agent's phones ring first, then the destination.
#[derive(Debug, Clone)]
pub struct Origination {
    /// The call, whose record is open.
    pub call: CallId,
    /// The company.
    pub company: CompanyId,
    /// Who calls.
    pub agent: UserId,
    /// What the allowance gave.
    pub grant: OutboundGrant,
}

/// What the edge asks of the application around it.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Decides about a call of a registered phone to the outside: counts it and opens its record, or says why not.
    async fn admit(&self, request: OutboundRequest) -> Result<OutboundGrant, HangupCause>;

    /// Decides about the transfer of a call by an agent to a number outside, and counts it; the call has its record already.
    async fn admit_transfer(
        &self,
        company: CompanyId,
        agent: UserId,
        dialled: String,
    ) -> Result<OutboundGrant, HangupCause>;

    /// Makes the sounds of a flow ready to be played, in a language: fetches recordings, has texts spoken.
    ///
    /// # Errors
    /// Why one of them cannot be had; none is played then.
    async fn sounds(&self, company: CompanyId, sounds: Vec<Sound>, language: &str)
    -> Result<Vec<Segment>, PlayFailure>;

    /// Asks a web service for a flow. `attempt` numbers the requests of a call.
    async fn web_request(
        &self,
        company: CompanyId,
        call: CallId,
        attempt: u32,
        request: Request,
    ) -> Result<Answer, RequestFailure>;

    /// Notes that an agent is on a break because the router says so: they missed too many offers, or had the one call they asked for.
    async fn pause(&self, company: CompanyId, agent: UserId, reason: PauseReason);

    /// Begins `call`, by which somebody is called back, in the store: by an agent, who is claimed for it, or before there is one. `None`
    /// when it is not to be made: somebody else makes it already, it was called off, it rests, or it cannot be made.
    async fn call_back(
        &self,
        company: CompanyId,
        callback: CallbackId,
        call: CallId,
        agent: Option<UserId>,
    ) -> Option<CallbackGrant>;

    /// The agent who is to get a call of this number first, if there is one.
    async fn preferred_agent(&self, company: CompanyId, caller: E164, which: PreferredAgent) -> Option<UserId>;

    /// A new file for a message. Asked on the thread that carries calls: it opens a file and notes whose it is, and does nothing else.
    ///
    /// # Errors
    /// Those of the file system.
    fn message_file(&self, message: &Message) -> std::io::Result<(File, PathBuf)>;

    /// A new file for a recording, likewise.
    ///
    /// # Errors
    /// Those of the file system.
    fn recording_file(&self, company: CompanyId, recording: RecordingId) -> std::io::Result<(File, PathBuf)>;
}

/// A message that is about to be recorded.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: VoicemailId,
    /// The company.
    pub company: CompanyId,
    /// The call.
    pub call: CallId,
    /// The flow that takes it; a queue's overflow has none.
    pub flow: Option<FlowId>,
    /// The mailbox.
    pub mailbox: String,
    /// The caller's number.
    pub from: Pii<String>,
    /// When it begins.
    pub at: DateTime<Utc>,
}

/// Counts that are zero when nothing goes on.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Calls.
    pub calls: AtomicUsize,
    /// Legs of calls that have not ended.
    pub legs: AtomicUsize,
    /// SIP transactions, which outlive their calls by up to 32 s (RFC 3261 §17).
    pub transactions: AtomicUsize,
    /// Dialogs.
    pub dialogs: AtomicUsize,
    /// Relay sessions.
    pub media_sessions: AtomicUsize,
    /// Lines with a registered phone.
    pub registrations: AtomicUsize,
    /// Calls that wait in queues.
    pub waiting: AtomicUsize,
    /// Calls begun since the start.
    pub calls_total: AtomicUsize,
    /// Frames of 20 ms that were spoken to callers of flows since the start.
    pub voice_frames_total: AtomicUsize,
    /// Those that followed the one before by more than 30 ms.
    pub voice_gaps_total: AtomicUsize,
    /// Requests refused for want of a valid password since the start.
    pub auth_failures_total: AtomicUsize,
    /// Agents who could not be claimed since the start.
    pub claims_refused_total: AtomicUsize,
}

/// Why a call was not placed or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// The edge has stopped or is stopping.
    #[error("call control is not running")]
    Stopped,
    /// There is no such call here.
    #[error("there is no such call")]
    NoSuchCall,
    /// There are as many calls as the edge takes.
    #[error("too many calls")]
    Full,
}

/// What the edge is told to do.
#[derive(Debug)]
enum Order {
    Originate(Origination, oneshot::Sender<Result<(), EdgeError>>),
    HangUp(CompanyId, CallId, oneshot::Sender<Result<(), EdgeError>>),
    Replace(Arc<Directory>, oneshot::Sender<()>),
    IsOnline(UserId, oneshot::Sender<bool>),
    Registrations(oneshot::Sender<Vec<(TrunkId, TrunkRegistration)>>),
    /// Something about the queues of a company.
    Queues(CompanyId, live::QueueOrder),
    Admitted(CallId, Result<OutboundGrant, HangupCause>),
    TransferAdmitted(CallId, Result<OutboundGrant, HangupCause>),
    Claimed(Vec<ClaimAnswer>),
    /// Something that the flow of a call asked for.
    Flow(CallId, dialplane_ivr::machine::Input),
    /// Sounds that the flow of a call wants to be heard; `None` when they cannot be had.
    Sounds {
        call: CallId,
        play: Token,
        segments: Result<Vec<Segment>, PlayFailure>,
        repeat: bool,
    },
    /// The host has begun a callback, or not.
    CallBack {
        callback: CallId,
        call: CallId,
        /// Who makes it; nobody where the person is rung first.
        chosen: Option<callback::Chosen>,
        grant: Option<CallbackGrant>,
    },
    /// Music for a caller who waits; an error when it cannot be had.
    Comfort(CallId, Result<Vec<Segment>, PlayFailure>),
    /// Who is to get a call first: the answer to a question.
    Preferred {
        call: CallId,
        question: u64,
        agent: Option<UserId>,
    },
    Calibration(CompanyId, oneshot::Sender<Vec<(QueueId, Calibration)>>),
    Stop(Duration),
}

/// Gives orders to a running edge. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EdgeHandle {
    orders: mpsc::Sender<Order>,
    gauges: Arc<Gauges>,
    local: SocketAddr,
}

impl EdgeHandle {
    /// Places a call.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub async fn originate(&self, origination: Origination) -> Result<(), EdgeError> {
        self.ask(|reply| Order::Originate(origination, reply)).await?
    }

    /// Ends a call of `company`.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub async fn hang_up(&self, company: CompanyId, call: CallId) -> Result<(), EdgeError> {
        self.ask(|reply| Order::HangUp(company, call, reply)).await?
    }

    /// Whether a phone of the user is registered.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn is_online(&self, user: UserId) -> Result<bool, EdgeError> {
        self.ask(|reply| Order::IsOnline(user, reply)).await
    }

    /// How the registrations of trunks stand.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn registrations(&self) -> Result<Vec<(TrunkId, TrunkRegistration)>, EdgeError> {
        self.ask(Order::Registrations).await
    }

    /// Says what became of the claims in a batch of reports: the phones of those who were claimed ring. A queue rings nobody before
    /// that.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn claims_answered(&self, answers: Vec<ClaimAnswer>) -> Result<(), EdgeError> {
        self.orders.send(Order::Claimed(answers)).await.map_err(|_| EdgeError::Stopped)
    }

    /// How often the waits that callers could be told were right, for the queues of a company that have experience.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn calibration(&self, company: CompanyId) -> Result<Vec<(QueueId, Calibration)>, EdgeError> {
        self.ask(|reply| Order::Calibration(company, reply)).await
    }

    /// Replaces what the edge knows, and returns once it goes by it. Phones of lines that are gone are unregistered; calls go on.
    ///
    /// # Errors
    /// [`EdgeError::Stopped`].
    pub async fn replace(&self, directory: Arc<Directory>) -> Result<(), EdgeError> {
        self.ask(|reply| Order::Replace(directory, reply)).await
    }

    /// Takes no new call from now on, lets calls end by themselves for `grace`, then ends the rest, and lets [`Edge::run`] return
    /// once the last report is handed out.
    pub async fn stop(&self, grace: Duration) {
        // An edge that is gone has stopped.
        self.orders.send(Order::Stop(grace)).await.ok();
    }

    /// The counts.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// The address SIP is listened on.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, EdgeError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| EdgeError::Stopped)?;
        answer.await.map_err(|_| EdgeError::Stopped)
    }
}

impl Gauges {
    /// Reads a count.
    #[must_use]
    pub fn read(count: &AtomicUsize) -> usize {
        count.load(Ordering::Relaxed)
    }
}

/// What the edge is made with besides its configuration.
pub struct Surroundings {
    /// The application.
    pub host: Arc<dyn Host>,
    /// Takes batches of reports; capacity 1 is right.
    pub reports: mpsc::Sender<Vec<CallReport>>,
    /// The time of day, for reports.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn IdSource>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Surroundings")
    }
}

/// Why the edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// SIP could not be listened for.
    #[error("cannot listen for SIP on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The audio relay did not start.
    #[error("the audio relay did not start: {0}")]
    Relay(#[from] crate::media::relay::RelayError),
}

/// The host part as it stands in a URI: IPv6 in brackets.
fn uri_host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
