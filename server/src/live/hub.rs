//! Who follows which company, and handing them its events.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dialplane_core::event::{Envelope, Viewer};
use dialplane_core::id::{CompanyId, QueueId, UserId};
use dialplane_core::people::{RoleKind, User};
use dialplane_core::queue::Queue;
use socketioxide::SocketIo;
use tokio::sync::{Semaphore, mpsc, watch};

use super::board::QueueNumbers;
use super::socket_io::Strangers;
use crate::http::guard::Authed;
use crate::problem::{Problem, Reply};

/// Events that wait for a client in memory. What comes on top the client's stream reads from the store when it gets that far.
const WAITING_MAX: usize = 512;
/// How long a client may be behind by more than that before it is dropped.
const BEHIND_MAX: Duration = Duration::from_secs(15);
/// Streams at once.
const STREAMS_MAX: usize = 8_192;
/// Streams of one user at once: tabs, telephones, programs.
const STREAMS_OF_A_USER_MAX: usize = 32;
/// Streams that begin at once: a beginning reads what was missed.
const BEGINNINGS_MAX: usize = 8;

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The token's time is over.
    Expired,
    /// The token was revoked: signed out, disabled, another role, another password.
    Revoked,
    /// The client reads too slowly.
    Slow,
    /// The server stops.
    Stopping,
}

impl End {
    /// The word that clients and metrics get.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
            Self::Slow => "too_slow",
            Self::Stopping => "stopping",
        }
    }
}

/// What carries a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    SocketIo,
    ServerSent,
}

/// Everybody who follows events.
pub(crate) struct Hub {
    companies: Mutex<HashMap<CompanyId, Company>>,
    keys: AtomicU64,
    pub(super) beginnings: Semaphore,
    /// How many streams are open, of [`Transport::SocketIo`] and of [`Transport::ServerSent`].
    open: watch::Sender<[usize; 2]>,
    pub(super) sockets: OnceLock<SocketIo>,
    pub(super) strangers: Strangers,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            companies: Mutex::default(),
            keys: AtomicU64::new(0),
            beginnings: Semaphore::new(BEGINNINGS_MAX),
            open: watch::Sender::new([0; 2]),
            sockets: OnceLock::new(),
            strangers: Strangers::default(),
        }
    }
}

/// How the queues of a company stand, as it was told last.
pub(super) type Board = Arc<BTreeMap<QueueId, QueueNumbers>>;

/// A company that is followed.
struct Company {
    /// How its queues stand, for those who watch that.
    board: watch::Sender<Board>,
    /// The `seq` up to which its events have been handed out.
    cursor: u64,
    members: HashMap<u64, Arc<Member>>,
}

/// One stream, as the hub sees it.
pub(super) struct Member {
    user: UserId,
    company: CompanyId,
    kind: RoleKind,
    token_version: u32,
    /// A platform admin who follows another company than their own.
    pub(super) visits_from: Option<CompanyId>,
    /// The queues the user is a member of; `None` until they are known.
    queues: Mutex<Option<Arc<BTreeSet<QueueId>>>>,
    events: mpsc::Sender<Arc<Envelope>>,
    /// The `seq` up to which the stream has been given everything that it may see.
    seen: AtomicU64,
    /// Since when events have been passed over for want of room.
    behind: Mutex<Option<Instant>>,
    end: watch::Sender<Option<End>>,
}

impl Member {
    pub(super) const fn company(&self) -> CompanyId {
        self.company
    }

    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// Whether the user's tokens are still good for this stream.
    pub(super) fn admits(&self, user: Option<&User>) -> bool {
        user.is_some_and(|user| user.is_active && user.token_version == self.token_version)
    }

    /// Whether the stream may carry an event. As long as its queues are not known everything passes: who reads asks again.
    pub(super) fn sees(&self, event: &Envelope) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queues) = queues else { return true };
        event.visible_to(&Viewer { user: self.user, company: self.company, kind: self.kind, queues: &queues })
    }

    /// Whether the stream may tell how a queue stands.
    pub(super) fn sees_queue(&self, queue: QueueId) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        !self.needs_queues() || queues.as_ref().is_some_and(|queues| queues.contains(&queue))
    }

    /// Takes note of the company's queues.
    pub(super) fn know_queues(&self, all: &[Queue], again: bool) {
        let mut known = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if again || known.is_none() {
            let own =
                all.iter().filter(|queue| queue.settings.members.iter().any(|member| member.agent_id == self.user));
            *known = Some(Arc::new(own.map(|queue| queue.id).collect()));
        }
    }

    /// Whether the queues decide what the stream may carry.
    pub(super) const fn needs_queues(&self) -> bool {
        !matches!(self.kind, RoleKind::Admin | RoleKind::Manager)
    }

    /// The `seq` up to which everything has been handed to the stream.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Ends the stream; the first reason counts.
    pub(super) fn end(&self, reason: End) {
        if self.end.send_if_modified(|end| end.is_none() && end.replace(reason).is_none()) {
            metrics::counter!("dialplane_live_streams_ended_total", "reason" => reason.as_str()).increment(1);
        }
    }

    /// Whether events have been passed over that the stream must read from the store.
    pub(super) fn is_behind(&self) -> bool {
        self.behind().is_some()
    }

    fn behind(&self) -> MutexGuard<'_, Option<Instant>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands events over, until there is no room.
    fn take(&self, events: &[Arc<Envelope>], upto: u64) {
        let mut behind = self.behind();
        if behind.is_some() {
            return;
        }
        for event in events.iter().filter(|event| self.sees(event)) {
            if self.events.try_send(Arc::clone(event)).is_err() {
                *behind = Some(Instant::now());
                return;
            }
        }
        self.seen.store(upto, Ordering::Release);
    }
}

/// A stream that was taken in.
pub(super) struct Entered {
    pub(super) key: u64,
    pub(super) member: Arc<Member>,
    pub(super) events: mpsc::Receiver<Arc<Envelope>>,
    pub(super) end: watch::Receiver<Option<End>>,
    pub(super) board: watch::Receiver<Board>,
}

/// What a page of a company's events changes about those who follow it.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The company's queues, when some changed.
    pub(super) queues: Option<Vec<Queue>>,
    /// Users who changed, as they are now; `None` for one who is gone.
    pub(super) users: HashMap<UserId, Option<User>>,
    /// Whether the company's people may not be signed in any more.
    pub(super) closed: bool,
}

impl Hub {
    fn companies(&self) -> MutexGuard<'_, HashMap<CompanyId, Company>> {
        self.companies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a stream in. `head` is where a company begins to be followed that nobody follows yet: no newer than anything that
    /// the stream reads afterwards.
    ///
    /// # Errors
    /// 503 when there are too many streams, 429 when there are too many of the user.
    pub(super) fn enter(&self, authed: &Authed, transport: Transport, head: u64) -> Reply<Entered> {
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let (ending, end) = watch::channel(None);
        let (company, home) = (authed.company_id(), authed.user.company);
        let member = Arc::new(Member {
            user: authed.user.id,
            company,
            kind: authed.user.role.kind(),
            token_version: authed.user.token_version,
            visits_from: (home != company).then_some(home),
            queues: Mutex::new(None),
            events: sender,
            seen: AtomicU64::new(0),
            behind: Mutex::new(None),
            end: ending,
        });
        let mut companies = self.companies();
        if self.open.borrow().iter().sum::<usize>() >= STREAMS_MAX {
            return Err(Problem::unavailable("too_many_streams", "too many streams are open, try again later", 10));
        }
        let followed = companies.entry(company).or_insert_with(|| Company {
            board: watch::Sender::default(),
            cursor: head,
            members: HashMap::new(),
        });
        if followed.members.values().filter(|other| other.user == member.user).count() >= STREAMS_OF_A_USER_MAX {
            return Err(Problem::rate_limited(10));
        }
        let key = self.keys.fetch_add(1, Ordering::Relaxed);
        followed.members.insert(key, Arc::clone(&member));
        let board = followed.board.subscribe();
        drop(companies);
        self.open.send_modify(|open| open[transport as usize] += 1);
        Ok(Entered { key, member, events, end, board })
    }

    /// Lets a stream go.
    pub(super) fn leave(&self, company: CompanyId, key: u64, transport: Transport) {
        let mut companies = self.companies();
        if let Some(followed) = companies.get_mut(&company) {
            followed.members.remove(&key);
            if followed.members.is_empty() {
                companies.remove(&company);
            }
        }
        drop(companies);
        self.open.send_modify(|open| open[transport as usize] -= 1);
    }

    /// The companies that somebody follows.
    pub(super) fn followed(&self) -> BTreeSet<CompanyId> {
        self.companies().keys().copied().collect()
    }

    /// Up to where a company's events have been handed out, and who follows them; `None` when nobody does.
    pub(super) fn cursor(&self, company: CompanyId) -> Option<(u64, BTreeSet<UserId>)> {
        let companies = self.companies();
        let followed = companies.get(&company)?;
        Some((followed.cursor, followed.members.values().map(|member| member.user).collect()))
    }

    /// Hands a page of a company's events to those who may see them, and ends the streams that the changes put an end to.
    pub(super) fn deliver(&self, company: CompanyId, page: Vec<Envelope>, changes: &Changes) {
        let Some(upto) = page.last().map(|event| event.seq) else { return };
        let page: Vec<Arc<Envelope>> = page.into_iter().map(Arc::new).collect();
        let mut companies = self.companies();
        let Some(followed) = companies.get_mut(&company) else { return };
        followed.cursor = upto;
        for member in followed.members.values() {
            if let Some(queues) = changes.queues.as_ref().filter(|_| member.needs_queues()) {
                member.know_queues(queues, true);
            }
            member.take(&page, upto);
            let changed = changes.users.get(&member.user).filter(|_| member.visits_from.is_none());
            if changed.is_some_and(|user| !member.admits(user.as_ref())) || changes.closed {
                member.end(End::Revoked);
            }
        }
    }

    /// Goes on handing events to a stream that has read up to `read` from the store. Whether it has read everything.
    pub(super) fn caught_up(&self, member: &Member, read: u64) -> bool {
        // Under the lock nothing is handed out: what comes is handed to the stream again, and what has come it has read.
        let companies = self.companies();
        let all = companies.get(&member.company).is_none_or(|followed| followed.cursor <= read);
        if all {
            *member.behind() = None;
            member.seen.fetch_max(read, Ordering::Release);
        }
        all
    }

    /// Ends the streams whose clients have been behind for too long.
    pub(super) fn drop_slow(&self) {
        for member in self.companies().values().flat_map(|company| company.members.values()) {
            if member.behind().is_some_and(|since| since.elapsed() >= BEHIND_MAX) {
                member.end(End::Slow);
            }
        }
    }

    /// The companies whose queues somebody watches.
    pub(super) fn watched(&self) -> Vec<CompanyId> {
        let companies = self.companies();
        let watched = companies.iter().filter(|(_, company)| company.board.receiver_count() > 0);
        watched.map(|(id, _)| *id).collect()
    }

    /// Shows those who watch a company's queues how they stand.
    pub(super) fn show(&self, company: CompanyId, board: BTreeMap<QueueId, QueueNumbers>) {
        if let Some(followed) = self.companies().get(&company) {
            followed.board.send_replace(Arc::new(board));
        }
    }

    /// Ends all streams.
    pub(super) fn end_all(&self) {
        self.companies().values().flat_map(|company| company.members.values()).for_each(|m| m.end(End::Stopping));
    }

    /// Waits until no stream is open.
    pub(super) async fn emptied(&self) {
        // The sender lives as long as we do.
        self.open.subscribe().wait_for(|open| open.iter().sum::<usize>() == 0).await.ok();
    }

    /// Writes the numbers of open streams into the metrics.
    pub(crate) fn publish_gauges(&self) {
        let [sockets, streams] = *self.open.borrow();
        metrics::gauge!("dialplane_live_streams", "transport" => "socket_io").set(sockets as f64);
        metrics::gauge!("dialplane_live_streams", "transport" => "sse").set(streams as f64);
    }
}
