//! The edge's task: waits for sockets, orders, deadlines and room for reports, and lets everything settle after each.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dialplane_core::call::HangupCause;
use dialplane_core::command::call::CallReport;
use dialplane_core::id::{CallId, CompanyId, QueueId};
use dialplane_core::queue::estimate::Experience;
use dialplane_core::queue::resume::Places;
use dialplane_core::queue::router::Router;
use tokio::sync::mpsc;

use super::accounts::Account;
use super::auth::Authenticator;
use super::call_entry::{CallEntry, Place};
use super::callback;
use super::directory::Directory;
use super::flow::Take;
use super::shadows;
use super::voice::ringing;
use super::worked;
use super::{EdgeConfig, EdgeHandle, Gauges, Order, StartError, Surroundings, uri_host};
use crate::call::{CALLER, Input, LegId};
use crate::media::audio::Clip;
use crate::media::relay::{Relay, RelayHandle, SessionId, VoiceEvent, VoiceListener};
use crate::net::{Event, Options, Sockets};
use crate::sip::dialog::DialogId;
use crate::sip::endpoint::{Config, Endpoint};
use crate::sip::flow::{ConnectionId, TxId};
use crate::sip::registrar::{Limits, Registrar};
use crate::sip::validate::Policy;
use crate::sip::wire::Method;

/// Network events handled before the task looks at anything else.
const BATCH: usize = 64;
/// Orders that wait for the edge.
const ORDERS: usize = 1_024;
/// Events of voices that wait for the edge; further ones wait with the relay.
const VOICE_EVENTS: usize = 1_024;
/// How long changes are gathered before they are handed out: a store that commits once for many calls is cheaper by far.
const GATHER: Duration = Duration::from_millis(20);
/// How long a phone's registration lasts. Registrations are not stored: after a restart, phones are reachable again within
/// this, and a phone that is gone is missed as soon.
const REGISTRATION: Duration = Duration::from_secs(300);
/// How long the end of calls may take once they were told to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Ports tried when the system is to pick one.
const PORT_ATTEMPTS: u32 = 16;

const METHODS: [Method; 9] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Register,
    Method::Info,
    Method::Update,
    Method::Refer,
];

/// Transfers without news (RFC 4488).
const EXTENSIONS: [&str; 1] = ["norefersub"];

/// The task; see the [module](super).
pub struct Edge {
    pub(super) config: EdgeConfig,
    pub(super) surroundings: Surroundings,
    pub(super) sockets: Sockets,
    pub(super) endpoint: Endpoint,
    pub(super) registrar: Registrar<String>,
    pub(super) auth: Authenticator,
    pub(super) directory: Arc<Directory>,
    pub(super) relay: RelayHandle,
    pub(super) silent: mpsc::Receiver<SessionId>,
    pub(super) calls: HashMap<CallId, Box<CallEntry>>,
    pub(super) places: HashMap<TxId, Place>,
    pub(super) dialogs: HashMap<DialogId, (CallId, LegId)>,
    pub(super) media: HashMap<SessionId, CallId>,
    pub(super) routers: HashMap<CompanyId, Router>,
    pub(super) shadows: HashMap<CompanyId, Vec<shadows::Kept>>,
    /// Callbacks that are known, as the routers call them.
    pub(super) callbacks: HashMap<CallId, callback::Known>,
    /// The day that each router counts.
    pub(super) days: HashMap<CompanyId, worked::Day>,
    pub(super) days_due: Option<Instant>,
    /// Registrations at carriers.
    pub(super) accounts: Vec<Account>,
    /// When the first of them is due.
    pub(super) account_due: Option<Instant>,
    /// Registrations begun since the start.
    pub(super) accounts_begun: u64,
    /// REGISTERs under way, and of which registration they are.
    pub(super) registers: HashMap<TxId, u64>,
    /// Routers that may have something to say.
    pub(super) stirred: VecDeque<CompanyId>,
    pub(super) deadlines: BinaryHeap<Reverse<(Instant, CallId)>>,
    /// Calls with something to report.
    pub(super) reporting: Vec<CallId>,
    /// Reports of calls that are gone.
    pub(super) last_reports: Vec<CallReport>,
    pub(super) report_due: Option<Instant>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) own_orders: mpsc::Sender<Order>,
    pub(super) gauges: Arc<Gauges>,
    /// The address SIP is listened on.
    pub(super) local: SocketAddr,
    /// Our host as it stands in URIs.
    pub(super) host: String,
    /// When the remaining calls are ended, once the edge is stopping.
    pub(super) stopping: Option<Instant>,
    farewell: Option<Instant>,
    /// Legs that are not over.
    pub(super) legs: usize,
    /// Calls that wait in queues.
    pub(super) waiting: usize,
    voices: mpsc::Receiver<VoiceEvent>,
    pub(super) own_voices: VoiceListener,
    /// Recordings that run, by their session and name there.
    pub(super) takes: HashMap<(SessionId, u64), Take>,
    /// What a caller hears who waits for somebody.
    pub(super) ringing: Arc<Clip>,
    /// What queues have learned about their waits.
    pub(super) experiences: HashMap<QueueId, Experience>,
    /// Those of callers who hung up while they waited.
    pub(super) old_places: Places,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

/// Listens over UDP and TCP on one port. With port 0 the system picks it for UDP alone, so another one is tried when TCP has it in use.
fn open(address: SocketAddr) -> io::Result<(Sockets, SocketAddr)> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        let mut sockets = Sockets::new(Options::default());
        let local = sockets.listen_udp(address)?;
        attempts -= 1;
        match sockets.listen_tcp(local) {
            Ok(_) => return Ok((sockets, local)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

impl Edge {
    /// Opens the sockets. Nothing is answered before [`Edge::run`]. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: EdgeConfig,
        directory: Arc<Directory>,
        surroundings: Surroundings,
    ) -> Result<(Self, EdgeHandle), StartError> {
        let (sockets, local) = open(config.sip).map_err(|source| StartError::Listen { address: config.sip, source })?;
        let (silent_sender, silent) = mpsc::channel(1_024);
        let relay = Relay::start(config.relay.clone(), Some(silent_sender))?;
        let (own_voices, voices) = mpsc::channel(VOICE_EVENTS);
        let mut seed = [0; 16];
        surroundings.ids.fill(&mut seed);
        let policy = Policy { methods: &METHODS, extensions: &EXTENSIONS, ..Policy::default() };
        let endpoint = Endpoint::new(Config {
            policy,
            host: config.public_host.clone(),
            software: Some(config.software.clone()),
            ..Config::new(seed)
        });
        let (own_orders, orders) = mpsc::channel(ORDERS);
        let gauges = Arc::new(Gauges::default());
        let handle = EdgeHandle { orders: own_orders.clone(), gauges: gauges.clone(), local };
        let host = config.public_host.clone().unwrap_or_else(|| uri_host(local.ip()));
        let mut edge = Self {
            auth: Authenticator::new(&config.nonce_key, config.nonce_life),
            config,
            surroundings,
            sockets,
            endpoint,
            registrar: Registrar::new(Limits {
                max_expires: REGISTRATION,
                default_expires: REGISTRATION,
                ..Limits::default()
            }),
            directory: Arc::default(),
            relay,
            silent,
            calls: HashMap::new(),
            places: HashMap::new(),
            dialogs: HashMap::new(),
            media: HashMap::new(),
            routers: HashMap::new(),
            shadows: HashMap::new(),
            callbacks: HashMap::new(),
            days: HashMap::new(),
            days_due: None,
            accounts: Vec::new(),
            account_due: None,
            accounts_begun: 0,
            registers: HashMap::new(),
            stirred: VecDeque::new(),
            deadlines: BinaryHeap::new(),
            reporting: Vec::new(),
            last_reports: Vec::new(),
            report_due: None,
            orders,
            own_orders,
            gauges,
            local,
            host,
            stopping: None,
            farewell: None,
            legs: 0,
            waiting: 0,
            voices,
            own_voices,
            takes: HashMap::new(),
            ringing: ringing(),
            experiences: HashMap::new(),
            old_places: Places::default(),
        };
        // Made away from calls, before the first caller waits.
        drop(tokio::task::spawn_blocking(Clip::music));
        edge.replace(Instant::now(), directory);
        Ok((edge, handle))
    }

    /// Serves until it is stopped and the last report is handed out, or nobody takes reports any more.
    pub async fn run(mut self) {
        let reports = self.surroundings.reports.clone();
        let sleep = tokio::time::sleep_until(Instant::now().into());
        tokio::pin!(sleep);
        loop {
            let now = Instant::now();
            self.settle(now);
            if self.is_done(now) {
                return;
            }
            let reportable = self.report_due.is_some_and(|due| due <= now);
            sleep.as_mut().reset(self.next_deadline(now).into());
            tokio::select! {
                event = self.sockets.recv() => self.take(event),
                Some(order) = self.orders.recv() => self.obey(Instant::now(), order),
                permit = reports.reserve(), if reportable => match permit {
                    Ok(permit) => permit.send(self.take_reports()),
                    // The recorder is gone: nothing more can be logged, so nothing more is carried.
                    Err(_) => return,
                },
                Some(event) = self.voices.recv() => self.voice_event(Instant::now(), event),
                Some(session) = self.silent.recv() => self.media_silent(Instant::now(), session),
                () = &mut sleep => {}
            }
        }
    }

    /// Handles an event and those that are there already, a batch at most; the rest stay where they are.
    fn take(&mut self, first: Event) {
        let now = Instant::now();
        self.handle(now, first);
        for _ in 1..BATCH {
            let Some(event) = self.sockets.try_recv() else { break };
            self.handle(now, event);
        }
    }

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Received(received) => {
                self.endpoint.receive(now, received.flow, received.bytes);
                self.drain_endpoint(now);
            }
            Event::Closed(connection) => self.connection_closed(now, connection),
            Event::SendFailed(tx) => self.endpoint.transport_failed(now, tx),
        }
    }

    /// The phones behind a connection are gone with it, and so are callers who waited for an answer over it. Whoever talks goes on:
    /// audio has a way of its own, and a BYE may open a new connection.
    fn connection_closed(&mut self, now: Instant, connection: ConnectionId) {
        for line in self.registrar.connection_closed(now, connection) {
            self.presence_changed(now, &line);
        }
        let waits = |entry: &CallEntry| {
            let over = entry.leg(CALLER).is_some_and(|leg| leg.flow.connection == Some(connection) && !leg.over);
            over && !entry.machine.is_connected()
        };
        let left: Vec<CallId> = self.calls.iter().filter(|(_, entry)| waits(entry)).map(|(id, _)| *id).collect();
        for call in left {
            self.feed(now, call, Input::Cancelled { leg: CALLER });
        }
    }

    /// Lets due timers fire and carries everything out that follows, until nothing is left to do.
    fn settle(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        for line in self.registrar.expire(now) {
            self.presence_changed(now, &line);
        }
        while let Some(Reverse((at, call))) = self.deadlines.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.deadlines.pop();
            self.call_due(now, call, at);
        }
        self.routers_due(now);
        self.accounts_due(now);
        if self.stopping.is_some_and(|at| at <= now) && self.farewell.is_none() {
            self.farewell = Some(now + FAREWELL);
            self.end_all(now);
        }
        loop {
            self.drain_endpoint(now);
            if !self.drain_routers(now) {
                break;
            }
        }
        self.publish_gauges();
    }

    fn end_all(&mut self, now: Instant) {
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            self.feed(now, call, Input::EndAll { cause: HangupCause::ShutDown });
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        let late = self.farewell.is_some_and(|at| at <= now);
        let idle = self.calls.is_empty() && self.takes.is_empty() && self.accounts.is_empty();
        self.stopping.is_some() && (idle || late) && !self.has_reports()
    }

    fn next_deadline(&self, now: Instant) -> Instant {
        let calls = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let routers = self.routers.values().filter_map(Router::poll_timeout).min();
        // A report that is due waits for room, not for time.
        let reports = self.report_due.filter(|due| *due > now);
        let all = [
            self.endpoint.poll_timeout(),
            self.registrar.poll_timeout(),
            self.account_due,
            calls,
            routers,
            self.next_shadow(),
            reports,
            self.stopping.filter(|_| self.farewell.is_none()),
            self.farewell,
        ];
        // Waking once a minute for nothing is cheaper than reasoning about "never".
        all.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(60))
    }

    /// Notes that there is something to report.
    pub(super) fn report_soon(&mut self, now: Instant) {
        self.report_due.get_or_insert(now + GATHER);
    }

    fn publish_gauges(&self) {
        let set = |gauge: &std::sync::atomic::AtomicUsize, value| gauge.store(value, Ordering::Relaxed);
        set(&self.gauges.calls, self.calls.len());
        set(&self.gauges.legs, self.legs);
        set(&self.gauges.transactions, self.endpoint.transactions());
        set(&self.gauges.dialogs, self.dialogs.len());
        set(&self.gauges.media_sessions, self.media.len());
        set(&self.gauges.registrations, self.registrar.len());
        set(&self.gauges.waiting, self.waiting);
        let voices = self.relay.voice_stats();
        set(&self.gauges.voice_frames_total, voices.frames as usize);
        set(&self.gauges.voice_gaps_total, voices.gaps as usize);
    }
}
