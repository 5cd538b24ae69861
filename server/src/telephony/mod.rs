//! Call control in the server: starts the edge, keeps its directory current, asks the engine for it and records its calls.

mod carrier;
mod directory;
mod error;
mod host;
mod names;
mod node;
mod programs;
mod recorder;
mod sounds;
mod states;
mod takes;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::Actor;
use dialplane_core::clock::SystemClock;
use dialplane_core::command::call::{CloseLostCalls, Initiated, Via};
use dialplane_core::id::{CallId, CompanyId, NodeId, SystemIds};
use dialplane_core::store::StoreError;
use dialplane_signaling::edge::{
    Directory, Edge, EdgeConfig, EdgeHandle, Gauges, Origination, OutboundGrant, StartError, Surroundings,
};
use dialplane_signaling::media::relay::RelayConfig;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::problem::Reply;
use crate::settings::{Database, Settings};
use crate::speech;
use crate::state::{App, Shared};

pub(crate) use carrier::{Carrier, External, Place, carrier_for, carrier_of};
pub(crate) use directory::DirectoryWatch;
pub(crate) use error::ControlError;
pub(crate) use states::{States, Taken, edge_of};

/// Calls at once. Each takes four sockets for its audio.
const CALLS_MAX: usize = 20_000;
/// How long a nonce may be used before phones are asked for a fresh one.
const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Seconds a phone or a carrier is rung where no queue says otherwise.
const RING: Duration = Duration::from_secs(45);
/// Longer than one ring, so that the ring time decides.
const SETUP: Duration = Duration::from_secs(180);
/// A call is ended when a party that talked is not heard for this long.
const SILENCE: Duration = Duration::from_secs(60);
/// How long calls in progress may go on once the server is told to stop.
const GRACE: Duration = Duration::from_secs(0);
/// How long the end of all calls may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why call control did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelephonyError {
    /// The sockets could not be opened.
    #[error(transparent)]
    Edge(#[from] StartError),
    /// Another server uses the data directory.
    #[error("another server is running on the data directory {0}: stop it, or use another --data-dir")]
    Shared(String),
    /// The thread of the edge could not be started.
    #[error("call control cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// The file that names this process cannot be kept.
    #[error("{0}")]
    Node(#[from] node::NodeError),
    /// The calls of an earlier run could not be closed.
    #[error("the calls of an earlier run could not be closed: {0}")]
    Recovery(String),
}

/// Running call control.
pub(crate) struct Telephony {
    node: NodeId,
    edge: EdgeHandle,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Telephony {
    /// Closes what an earlier run left open, opens the sockets and serves.
    ///
    /// # Errors
    /// [`TelephonyError`].
    pub(crate) async fn start(app: &Shared) -> Result<Arc<Self>, TelephonyError> {
        let node::Claimed { node, lock, last_seen } = node::claim(&app.settings.data_dir)?;
        // Two servers on one PostgreSQL know of each other's changes by reading; a file of SQLite's is one server's.
        if lock.is_shared() && matches!(app.settings.database, Database::Sqlite(_)) {
            return Err(TelephonyError::Shared(app.settings.data_dir.display().to_string()));
        }
        close_lost_calls(app, node, last_seen).await?;
        let takes = takes::Takes::to(app.recordings.clone());
        takes.recover(&app.engine).await;
        let speaker = speech::speaker(&app.settings.speech).await;
        let directory = Arc::new(directory::load_first(app).await?);
        let (reports, batches) = mpsc::channel(1);
        let surroundings = Surroundings {
            host: Arc::new(host::EngineHost::new(app, node, speaker, takes.clone())),
            reports,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds::default()),
        };
        let nonce_key = Sha256::digest(app.secrets.nonce.expose().as_bytes()).into();
        let config = config(&app.settings, nonce_key, node);
        let (handle, stopped) = start_edge(config, directory, surroundings).await?;
        let tasks = vec![
            tokio::spawn(async move {
                // An error means that the thread has gone without a word, which is an end as well.
                stopped.await.ok();
            }),
            tokio::spawn(recorder::run(app.engine.clone(), takes, handle.clone(), batches)),
            tokio::spawn(directory::keep_current(app.clone(), handle.clone())),
        ];
        tokio::spawn(lock.keep());
        Ok(Arc::new(Self { node, edge: handle, tasks: tokio::sync::Mutex::new(tasks) }))
    }

    /// The edge.
    pub(crate) const fn edge(&self) -> &EdgeHandle {
        &self.edge
    }
}

/// Our own call control, once it has started.
pub(crate) fn own_edge(app: &App) -> Option<&EdgeHandle> {
    app.calls.get().map(|calls| calls.edge())
}

/// Starts the edge on a thread of its own. It is one task that waits for sockets all the time: with nobody else to share a
/// thread with, a message costs neither a wake-up of another thread nor a turn in its queue.
async fn start_edge(
    config: EdgeConfig,
    directory: Arc<Directory>,
    surroundings: Surroundings,
) -> Result<(EdgeHandle, oneshot::Receiver<()>), TelephonyError> {
    let (started, starting) = oneshot::channel();
    let (ended, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TelephonyError::Thread)?;
    let serve = move || {
        runtime.block_on(async move {
            match Edge::start(config, directory, surroundings) {
                Ok((edge, handle)) => {
                    started.send(Ok(handle)).ok();
                    edge.run().await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
        ended.send(()).ok();
    };
    std::thread::Builder::new().name("sip-edge".to_owned()).spawn(serve).map_err(TelephonyError::Thread)?;
    let handle =
        starting.await.map_err(|_| TelephonyError::Thread(std::io::Error::other("the thread has ended")))??;
    Ok((handle, stopped))
}

fn config(settings: &Settings, nonce_key: [u8; 32], node: NodeId) -> EdgeConfig {
    let listening = settings.sip.ip();
    let public: Option<IpAddr> = settings.public_address.as_deref().and_then(|host| host.parse().ok());
    let (first, last) = settings.rtp_ports;
    let mut seed = [0; 8];
    dialplane_core::id::IdSource::fill(&SystemIds::default(), &mut seed);
    // Bound to all addresses, peers must be told one that they can reach.
    let host = settings.public_address.clone().or_else(|| {
        listening.is_unspecified().then(|| {
            tracing::warn!("SIP listens on all addresses and no public address is set: peers are told 127.0.0.1");
            Ipv4Addr::LOCALHOST.to_string()
        })
    });
    let advertised = public.or_else(|| listening.is_unspecified().then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let relay = RelayConfig {
        bind: listening,
        advertised,
        ports: first..=last,
        first_port_seed: u64::from_be_bytes(seed),
        max_sessions: CALLS_MAX,
        idle_after: Some(SILENCE),
        ..RelayConfig::default()
    };
    EdgeConfig {
        sip: settings.sip,
        public_host: host,
        relay,
        nonce_key,
        nonce_life: NONCE_LIFE,
        calls_max: CALLS_MAX,
        setup: SETUP,
        ring: RING,
        software: concat!("Dialplane/", env!("CARGO_PKG_VERSION")).to_owned(),
        node: Some(node),
    }
}

async fn close_lost_calls(app: &Shared, node: NodeId, last_seen: Option<DateTime<Utc>>) -> Result<(), TelephonyError> {
    let close = CloseLostCalls { node: Some(node), last_seen };
    loop {
        let closed = app.engine.execute(&Actor::system(), &close).await;
        match closed.map_err(|failure| TelephonyError::Recovery(failure.to_string()))? {
            0 => return Ok(()),
            count => tracing::warn!(count, "calls that an earlier run left open were closed"),
        }
    }
}

impl Telephony {
    /// Rings the agent's phones, then the destination. Returns once the attempt has begun; how it goes is in the call's record.
    async fn originate(&self, initiated: Initiated) -> Result<(), ControlError> {
        let Initiated { call, allowed, trunk, .. } = initiated;
        let grant = OutboundGrant {
            caller: allowed.number.number,
            number: Some(allowed.number.id),
            destination: allowed.destination,
            trunk: trunk.map(|trunk| trunk.id),
        };
        let agent = allowed.assignment.agent;
        let origination = Origination { call: call.id, company: call.company, agent, grant };
        self.edge.originate(origination).await.map_err(ControlError::from)
    }

    /// Takes no new call, ends those in progress, and returns when their ends are recorded.
    pub(crate) async fn shut_down(&self) {
        self.edge.stop(GRACE).await;
        let mut tasks = self.tasks.lock().await;
        // The edge returns when its last report is handed out, the recorder when it is written; the directory's keeper is idle.
        if let Some(keeper) = tasks.pop() {
            keeper.abort();
        }
        for task in tasks.drain(..) {
            if tokio::time::timeout(FAREWELL, task).await.is_err() {
                tracing::error!("call control did not stop in time");
            }
        }
    }
}

#[async_trait]
impl Carrier for Arc<Telephony> {
    fn via(&self) -> Via {
        Via::Trunk
    }

    fn node(&self) -> Option<NodeId> {
        Some(self.node)
    }

    fn reserve(&self) -> Reply<Place> {
        // The edge itself says when it has no room.
        Ok(Place::default())
    }

    async fn place(&self, initiated: &Initiated, _place: Place) -> Reply<Option<External>> {
        self.originate(initiated.clone()).await?;
        Ok(None)
    }

    async fn hang_up(&self, company: CompanyId, call: CallId) -> Reply<()> {
        self.edge.hang_up(company, call).await.map_err(ControlError::from)?;
        Ok(())
    }
}

/// Writes the edge's counts into the metrics.
pub(crate) fn publish_gauges(edge: &EdgeHandle) {
    let counts = edge.gauges();
    let set = |name: &'static str, count: &std::sync::atomic::AtomicUsize| {
        metrics::gauge!(name).set(Gauges::read(count) as f64);
    };
    set("dialplane_calls_active", &counts.calls);
    set("dialplane_legs_active", &counts.legs);
    set("dialplane_sip_transactions_active", &counts.transactions);
    set("dialplane_sip_dialogs_active", &counts.dialogs);
    set("dialplane_media_sessions_active", &counts.media_sessions);
    set("dialplane_registrations_active", &counts.registrations);
    set("dialplane_queue_waiting", &counts.waiting);
    metrics::counter!("dialplane_voice_frames_total").absolute(Gauges::read(&counts.voice_frames_total) as u64);
    metrics::counter!("dialplane_voice_gaps_total").absolute(Gauges::read(&counts.voice_gaps_total) as u64);
    metrics::counter!("dialplane_claims_refused_total").absolute(Gauges::read(&counts.claims_refused_total) as u64);
    metrics::counter!("dialplane_calls_total").absolute(Gauges::read(&counts.calls_total) as u64);
    metrics::counter!("dialplane_sip_auth_failures_total").absolute(Gauges::read(&counts.auth_failures_total) as u64);
}
