//! The RTP relay between two parties.
//!
//! A session has two sides; each side has an RTP and an RTCP port of ours. What party A sends to side A leaves from side B's port to
//! party B, and the other way round. Sources are learned and locked by [`Latch`].
//!
//! # Our own voice
//!
//! Where nobody is on the other side, we speak ourselves: while a voice is [attached](RelayHandle::attach_voice) to a side, its party
//! hears what is [played](RelayHandle::play), the keys it presses are told, what it says can be [recorded](RelayHandle::record), and it
//! and the other party do not hear each other. What happens is told by a channel as [`VoiceEvent`]s; a channel that is full delays them
//! and loses none.
//!
//! ```no_run
//! # use dialplane_signaling::media::{audio::{Audio, Clip, Tone}, relay::*, sdp};
//! # async fn example(relay: RelayHandle, id: SessionId, theirs: sdp::SessionDescription, ours: sdp::SessionDescription, file: &[u8])
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let greeting = std::sync::Arc::new(Clip::new(&Audio::import(file)?));
//! let config = sdp::voice_config(&theirs, &ours).ok_or("no common codec")?;
//! let (listener, mut events) = tokio::sync::mpsc::channel(64);
//! relay.attach_voice(id, Side::A, config, listener)?;
//! relay.play(id, Side::A, 1, vec![greeting.into(), Segment::from(&Tone::beep())], Repeat::ONCE)?;
//! while let Some(event) = events.recv().await {
//!     match event.kind {
//!         VoiceEventKind::Digit(_) => relay.stop_play(id, Side::A, 1)?,
//!         VoiceEventKind::Played { token: 1 } | VoiceEventKind::Stopped { token: 1 } => break,
//!         _ => {}
//!     }
//! }
//! relay.detach_voice(id, Side::A)?;
//! # Ok(()) }
//! ```
//!
//! # Cost
//!
//! A packet costs one `recvfrom` and one `sendto`, plus its share of an `epoll_wait` that reports up to 256 sockets. No allocation,
//! no lock, no task switch; a frame of ours costs the `sendto` and copying 160 bytes. A worker thread
//! owns its sockets; [`RelayHandle`] talks to it by a channel and reads counters directly.

mod latch;
mod poll;
mod stats;
mod voice;
mod worker;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::media::port::{DEFAULT_QUARANTINE, DEFAULT_RANGE, PortAllocator, PortError, PortPair};

pub use latch::{ControlLatch, Latch, PROBATION, PROBATION_PAUSE, Verdict};
pub use stats::{SessionStats, SideStats};
pub use voice::{Repeat, Segment, VoiceConfig, VoiceEvent, VoiceEventKind, VoiceListener, VoiceStats};
use worker::{Order, SideSockets, WorkerLink};

/// How to run the relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Local address the sockets are bound to.
    pub bind: IpAddr,
    /// Address parties are told to send to; `None` tells them `bind`. Behind NAT this is the public address.
    pub advertised: Option<IpAddr>,
    /// Ports to use. A session takes two even and odd pairs.
    pub ports: RangeInclusive<u16>,
    /// How long a freed pair rests.
    pub quarantine: Duration,
    /// Where in the range to begin; pass a random number.
    pub first_port_seed: u64,
    /// Sessions at most. Each takes four file descriptors.
    pub max_sessions: usize,
    /// Worker threads; one carries well over a thousand calls.
    pub threads: usize,
    /// How long a worker gathers packets before it looks at them again. Longer saves system calls and adds this much delay at worst.
    pub gather: Duration,
    /// Report a session when a party that has sent RTP has sent neither RTP nor RTCP for this long; `None` never does.
    pub idle_after: Option<Duration>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            advertised: None,
            ports: DEFAULT_RANGE,
            quarantine: DEFAULT_QUARANTINE,
            first_port_seed: 0,
            max_sessions: 2_000,
            threads: 1,
            gather: Duration::from_millis(1),
            idle_after: None,
        }
    }
}

/// Why the relay refused.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The ports are used up or misconfigured.
    #[error(transparent)]
    Port(#[from] PortError),
    /// As many sessions as allowed are open.
    #[error("{0} sessions are open, as many as allowed")]
    Full(usize),
    /// No socket could be opened or a thread not be started.
    #[error("the relay could not {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// What the operating system answered.
        #[source]
        source: io::Error,
    },
    /// There is no such session, or it was closed.
    #[error("no open media session {0:?}")]
    NoSession(SessionId),
    /// A party wants media at an address of the other IP version than the relay's.
    #[error("{0} is of another IP version than the relay")]
    Version(SocketAddr),
    /// A party wants media sent to many hosts at once, or to none.
    #[error("{0} is not the address of one host")]
    NotUnicast(SocketAddr),
    /// A party wants media sent to the very session that sends it, which would go round for ever.
    #[error("{0} belongs to the session itself")]
    Loop(SocketAddr),
    /// The side has no voice attached.
    #[error("no voice is attached to side {side:?} of {session:?}")]
    NoVoice {
        /// The session.
        session: SessionId,
        /// The side.
        side: Side,
    },
    /// The worker thread is gone.
    #[error("the relay has stopped")]
    Stopped,
}

/// Names an open session of one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

/// One of the two parties of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The first party: who calls, or the agent of a call we originate.
    A,
    /// The second party.
    B,
}

impl Side {
    /// The other party.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A session that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Names the session in every later call.
    pub id: SessionId,
    /// Where party A is to send RTP; RTCP goes to the next port.
    pub a: SocketAddr,
    /// Where party B is to send RTP.
    pub b: SocketAddr,
}

/// Where a party wants its media, taken from its session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Address for RTP.
    pub rtp: SocketAddr,
    /// Address for RTCP (`a=rtcp`, else the next port); equal to `rtp` when both are multiplexed.
    pub rtcp: SocketAddr,
}

impl Remote {
    /// RTP at `rtp`, RTCP at the next port.
    pub fn at(rtp: SocketAddr) -> Self {
        Self { rtp, rtcp: SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)) }
    }
}

/// Which directions of a session are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Packets for the party are sent.
    Open,
    /// Packets for the party are taken in and dropped.
    Muted,
}

/// Told when a party has fallen silent: it sent RTP once, and neither RTP nor RTCP for [`RelayConfig::idle_after`]. A party on hold is
/// silent as well, so the listener has to judge. A party that never sent anything is not judged: some only listen.
pub type IdleListener = tokio::sync::mpsc::Sender<SessionId>;

/// Starts the relay.
#[derive(Debug)]
pub struct Relay;

impl Relay {
    /// Starts the worker threads. They stop when the last clone of the handle is dropped. `idle` hears of silent sessions; when it is
    /// full the notice is repeated a second later.
    pub fn start(config: RelayConfig, idle: Option<IdleListener>) -> Result<RelayHandle, RelayError> {
        let ports = PortAllocator::new(config.ports.clone(), config.quarantine, config.first_port_seed)?;
        let ports = Arc::new(Mutex::new(ports));
        let start = Instant::now();
        let workers = (0..config.threads.max(1))
            .map(|n| WorkerLink::start(n, &config, start, Arc::clone(&ports), idle.clone()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|source| RelayError::System { attempt: "start a worker thread", source })?;
        let shared = Shared { config, start, ports, workers, open: Mutex::default(), next: AtomicU64::new(0) };
        Ok(RelayHandle { shared: Arc::new(shared) })
    }
}

/// Controls the relay; cheap to clone. Every method returns at once: it does a few system calls at most and never waits for a worker.
#[derive(Debug, Clone)]
pub struct RelayHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: RelayConfig,
    start: Instant,
    ports: Arc<Mutex<PortAllocator>>,
    workers: Vec<WorkerLink>,
    open: Mutex<HashMap<SessionId, Entry>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    counters: Arc<[stats::Counters; 2]>,
    own: [SocketAddr; 2],
    worker: usize,
    /// The voices of the sides.
    voices: [Option<VoiceConfig>; 2],
}

/// A panic while one of these short locks was held leaves plain numbers behind; going on with them beats ending every call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Attempts at binding a pair, in case another program holds ports of our range.
const BIND_ATTEMPTS: usize = 16;

/// Expedited forwarding, DSCP 46 in the upper six bits (RFC 4594 §4.1).
const TOS_EXPEDITED: u32 = 46 << 2;

impl RelayHandle {
    /// Opens a session: binds two port pairs. Nothing flows before [`RelayHandle::set_remote`].
    pub fn open(&self) -> Result<Session, RelayError> {
        let shared = &*self.shared;
        if lock(&shared.open).len() >= shared.config.max_sessions {
            return Err(RelayError::Full(shared.config.max_sessions));
        }
        let a = shared.bind_pair()?;
        let b = shared.bind_pair().inspect_err(|_| shared.release(a.pair))?;
        let n = shared.next.fetch_add(1, Ordering::Relaxed);
        let (id, worker) = (SessionId(n), n as usize % shared.workers.len());
        let advertised = shared.config.advertised.unwrap_or(shared.config.bind);
        let own = [a.pair, b.pair].map(|pair| SocketAddr::new(advertised, pair.rtp()));
        let counters = Arc::<[stats::Counters; 2]>::default();
        lock(&shared.open).insert(id, Entry { counters: Arc::clone(&counters), own, worker, voices: [None; 2] });
        shared.order(worker, Order::Open { id, sides: Box::new([a, b]), counters }).inspect_err(|_| {
            lock(&shared.open).remove(&id);
        })?;
        Ok(Session { id, a: own[0], b: own[1] })
    }

    /// Tells where the party on `side` wants its media; `None` while it wants none. A new address opens learning again.
    pub fn set_remote(&self, id: SessionId, side: Side, remote: Option<Remote>) -> Result<(), RelayError> {
        let (worker, own) = self.find(id, |entry| (entry.worker, entry.own))?;
        for address in remote.into_iter().flat_map(|remote| [remote.rtp, remote.rtcp]) {
            self.shared.check_remote(address, own)?;
        }
        self.shared.order(worker, Order::Remote { id, side, remote })
    }

    /// Opens or mutes the stream towards the party on `side`.
    pub fn set_flow(&self, id: SessionId, side: Side, flow: Flow) -> Result<(), RelayError> {
        let worker = self.find(id, |entry| entry.worker)?;
        self.shared.order(worker, Order::Flow { id, side, flow })
    }

    /// What arrived so far; `None` when there is no such session.
    pub fn stats(&self, id: SessionId) -> Option<SessionStats> {
        self.find(id, |entry| self.shared.read(entry)).ok()
    }

    /// Closes a session, frees its ports and returns its last counts; `None` when it was closed before.
    pub fn close(&self, id: SessionId) -> Option<SessionStats> {
        let entry = lock(&self.shared.open).remove(&id)?;
        // A worker that is gone has dropped its sockets already.
        let _ = self.shared.order(entry.worker, Order::Close { id });
        Some(self.shared.read(&entry))
    }

    /// Sessions open at present.
    pub fn sessions(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Port pairs in use at present: two for each open session, and for a moment those of one just closed.
    pub fn pairs_in_use(&self) -> usize {
        lock(&self.shared.ports).in_use()
    }

    fn find<T>(&self, id: SessionId, read: impl FnOnce(&Entry) -> T) -> Result<T, RelayError> {
        lock(&self.shared.open).get(&id).map(read).ok_or(RelayError::NoSession(id))
    }
}

impl Shared {
    fn order(&self, worker: usize, order: Order) -> Result<(), RelayError> {
        let sent = self.workers.get(worker).is_some_and(|link| link.send(order));
        if sent { Ok(()) } else { Err(RelayError::Stopped) }
    }

    fn check_remote(&self, address: SocketAddr, own: [SocketAddr; 2]) -> Result<(), RelayError> {
        let bind = self.config.bind;
        if address.is_ipv4() != bind.is_ipv4() {
            return Err(RelayError::Version(address));
        }
        let broadcast = matches!(address.ip(), IpAddr::V4(ip) if ip.is_broadcast());
        if broadcast || address.ip().is_multicast() || address.ip().is_unspecified() || address.port() == 0 {
            return Err(RelayError::NotUnicast(address));
        }
        let ours = |own: SocketAddr| [own.ip(), bind].contains(&address.ip()) && address.port() & !1 == own.port();
        if own.into_iter().any(ours) { Err(RelayError::Loop(address)) } else { Ok(()) }
    }

    fn read(&self, entry: &Entry) -> SessionStats {
        let [a, b] = &*entry.counters;
        SessionStats { a: a.read(self.start), b: b.read(self.start) }
    }

    fn release(&self, pair: PortPair) {
        lock(&self.ports).release(Instant::now(), pair);
    }

    fn bind_pair(&self) -> Result<SideSockets, RelayError> {
        let mut failure = None;
        for _ in 0..BIND_ATTEMPTS {
            let pair = lock(&self.ports).allocate(Instant::now())?;
            let bound = self.bind(pair.rtp()).and_then(|rtp| Ok((rtp, self.bind(pair.rtcp())?)));
            match bound {
                Ok((rtp, rtcp)) => return Ok(SideSockets { pair, rtp, rtcp }),
                Err(error) => {
                    self.release(pair);
                    let taken = error.kind() == io::ErrorKind::AddrInUse;
                    failure = Some(error);
                    if !taken {
                        break;
                    }
                }
            }
        }
        let source = failure.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
        Err(RelayError::System { attempt: "bind a pair of ports", source })
    }

    fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.config.bind, port))?;
        socket.set_nonblocking(true)?;
        // Marking is a courtesy to the network; a system that refuses it still carries calls.
        let marked = socket2::SockRef::from(&socket);
        let _ = match self.config.bind {
            IpAddr::V4(_) => marked.set_tos_v4(TOS_EXPEDITED),
            IpAddr::V6(_) => marked.set_tclass_v6(TOS_EXPEDITED),
        };
        Ok(socket)
    }
}
