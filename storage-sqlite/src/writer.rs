//! The one connection that writes, and its group commit.
//!
//! SQLite lets one transaction write at a time, and with `synchronous=FULL` each commit waits for the disk. So units of work
//! share transactions: they come one at a time, in the order in which they asked, each behind a savepoint; when one is done,
//! the next goes on in the same transaction; and when nobody waits to begin (or a bound is reached) one COMMIT makes all of
//! them durable, and only then each of them is told so.
//!
//! The connection travels. It rests in [`Queue::line`], is lent to a unit of work as a [`Lease`], and goes from there straight
//! to the next that waits. What has to be awaited between two units of work (COMMIT, undoing, connecting anew) is done by a
//! task of its own, [`settle`], because a unit of work may be dropped at any point and a drop cannot await.
//!
//! Statements go to sqlx's thread in order. A call that is abandoned may therefore still be carried out, but never after what
//! is sent next; [`Line::undo`] relies on that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dialplane_core::store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{self, AlreadyFailed, CommitFailed, TurnTimedOut, WriterStopped};
use crate::statement::{self, Answer, Prefix, Query};

/// The bounds of a shared commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCommit {
    /// Units of work that share a commit, at most.
    pub units_max: usize,
    /// How long the first of them waits for others, at most; a unit of work that is under way is never cut short.
    pub wait_max: Duration,
}

impl Default for GroupCommit {
    fn default() -> Self {
        Self { units_max: 64, wait_max: Duration::from_millis(5) }
    }
}

/// What the writer has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterFigures {
    /// Units of work that were committed.
    pub units: u64,
    /// Commits they shared.
    pub commits: u64,
}

/// Lends the connection that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    options: SqliteConnectOptions,
    bounds: GroupCommit,
    /// How long one waits for one's turn.
    turn_max: Duration,
    runtime: Handle,
    units: AtomicU64,
    commits: AtomicU64,
}

struct Queue {
    /// The connection while nobody has it.
    line: Option<Box<Line>>,
    waiting: VecDeque<oneshot::Sender<Lease>>,
}

/// The name of a savepoint. Two take turns, so that after an abandoned `RELEASE unit_a; SAVEPOINT unit_b` it can be told how
/// far it came: undoing to `unit_b` works or not, and never touches what `unit_a` guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    A,
    B,
}

impl Name {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn rollback_to(self) -> &'static str {
        match self {
            Self::A => "ROLLBACK TO unit_a",
            Self::B => "ROLLBACK TO unit_b",
        }
    }

    const fn release(self) -> &'static str {
        match self {
            Self::A => "RELEASE unit_a",
            Self::B => "RELEASE unit_b",
        }
    }
}

/// Where the connection stands between two units of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No transaction is open.
    Closed,
    /// A transaction is open and holds one unit of work.
    First,
    /// A transaction is open, and the savepoint guards the last unit of work in it.
    Guarded(Name),
    /// A transaction is open, and nothing has happened since the savepoint.
    Clean(Name),
}

impl Place {
    /// What the next unit of work has to run first.
    const fn prefix(self) -> Prefix {
        match self {
            Self::Closed => Prefix { text: "BEGIN IMMEDIATE; ", count: 1 },
            Self::First => Prefix { text: "SAVEPOINT unit_a; ", count: 1 },
            Self::Guarded(Name::A) => Prefix { text: "RELEASE unit_a; SAVEPOINT unit_b; ", count: 2 },
            Self::Guarded(Name::B) => Prefix { text: "RELEASE unit_b; SAVEPOINT unit_a; ", count: 2 },
            Self::Clean(_) => Prefix::NONE,
        }
    }

    /// The savepoint of the unit of work that begins here; the first has the transaction for itself.
    const fn savepoint(self) -> Option<Name> {
        match self {
            Self::Closed => None,
            Self::First => Some(Name::A),
            Self::Guarded(name) => Some(name.other()),
            Self::Clean(name) => Some(name),
        }
    }

    /// The place after the unit of work that began here is done.
    const fn after(self) -> Self {
        match self.savepoint() {
            None => Self::First,
            Some(name) => Self::Guarded(name),
        }
    }
}

/// The connection and what is open on it.
struct Line {
    /// `None` after it broke.
    connection: Option<SqliteConnection>,
    place: Place,
    /// Those whose work is in the open transaction.
    members: Vec<oneshot::Sender<Result<(), CommitFailed>>>,
    /// When the first of them was done.
    since: Option<Instant>,
}

/// How far a unit of work came before it ended without being done.
#[derive(Debug, Clone, Copy)]
struct Undo {
    /// Whether it is certain that its prefix was carried out and that the transaction is still open.
    certain: bool,
}

impl Line {
    fn resting(connection: Option<SqliteConnection>) -> Box<Self> {
        Box::new(Self { connection, place: Place::Closed, members: Vec::new(), since: None })
    }

    async fn execute(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let result = connection.execute(sqlx::query(text)).await;
        if result.as_ref().is_err_and(error::is_broken) {
            self.connection = None;
        }
        result.map(|_| ())
    }

    fn is_full(&self, bounds: GroupCommit) -> bool {
        self.members.len() >= bounds.units_max || self.since.is_some_and(|since| since.elapsed() >= bounds.wait_max)
    }

    fn tell(&mut self, result: &Result<(), CommitFailed>) {
        self.since = None;
        for member in self.members.drain(..) {
            // One who stopped waiting does not want to know.
            let _ = member.send(result.clone());
        }
    }

    /// Undoes the unit of work that began at the present place, and no other. Gives whether the transaction must be closed at
    /// once: when it is not certain that it is still open, only its COMMIT can tell.
    async fn undo(&mut self, undo: Undo) -> bool {
        let Some(savepoint) = self.place.savepoint() else {
            // Without certainty there may be nothing to roll back, which is an error of no meaning.
            let meaningless = |error: &sqlx::Error| !undo.certain && error::is_no_transaction(error);
            if self.execute("ROLLBACK").await.is_err_and(|error| !meaningless(&error)) {
                self.connection = None;
            }
            return false;
        };
        match self.execute(savepoint.rollback_to()).await {
            Ok(()) => {
                self.place = Place::Clean(savepoint);
                !undo.certain
            }
            Err(error) if error::is_no_transaction(&error) => {
                // The savepoint was never set, or the transaction is gone.
                if let Place::Guarded(name) = self.place {
                    let _ = self.execute(name.release()).await;
                }
                self.place = Place::First;
                true
            }
            Err(error) => {
                self.abandon(CommitFailed::of(error)).await;
                false
            }
        }
    }

    /// Closes the transaction and tells its units of work.
    async fn commit(&mut self, shared: &Shared) {
        if self.place == Place::Closed {
            return;
        }
        match self.execute("COMMIT").await {
            Ok(()) => {
                self.place = Place::Closed;
                shared.commits.fetch_add(1, Ordering::Relaxed);
                shared.units.fetch_add(self.members.len() as u64, Ordering::Relaxed);
                self.tell(&Ok(()));
            }
            Err(error) => {
                tracing::warn!(%error, units = self.members.len(), "a shared commit failed");
                self.abandon(CommitFailed::of(error)).await;
            }
        }
    }

    /// Rolls the whole transaction back and tells its units of work why.
    async fn abandon(&mut self, failed: CommitFailed) {
        if self.execute("ROLLBACK").await.is_err_and(|error| !error::is_no_transaction(&error)) {
            self.connection = None;
        }
        self.place = Place::Closed;
        self.tell(&Err(failed));
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // What is behind the lock is moved in and out whole: it is sound also after a panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the line to the next that waits, or lets it rest when nothing is left to do with it; gives it back otherwise.
    fn pass_on(self: &Arc<Self>, mut line: Box<Line>) -> Option<Box<Line>> {
        if line.is_full(self.bounds) || line.connection.is_none() {
            return Some(line);
        }
        let mut queue = self.queue();
        while let Some(next) = queue.waiting.pop_front() {
            match next.send(Lease::new(line, Arc::clone(self))) {
                Ok(()) => return None,
                // Who waited has gone. The lease must not come back here by being dropped: the queue is locked.
                Err(mut refused) => match refused.line.take() {
                    Some(taken) => line = taken,
                    None => return None,
                },
            }
        }
        if line.place == Place::Closed {
            queue.line = Some(line);
            return None;
        }
        Some(line)
    }

    /// Passes the line on; what has to be awaited before is left to a task.
    fn release(self: &Arc<Self>, line: Box<Line>, undo: Option<Undo>) {
        let line = match undo {
            None => match self.pass_on(line) {
                None => return,
                Some(line) => line,
            },
            Some(_) => line,
        };
        let held = Held { line: Some(line), shared: Arc::clone(self) };
        Handle::try_current().unwrap_or_else(|_| self.runtime.clone()).spawn(settle(held, undo));
    }
}

/// The line while it is being settled. When the task is dropped half-way, because its runtime shuts down, the units of work
/// hear that it is not known what became of them, and the connection is made anew by whoever comes next.
struct Held {
    line: Option<Box<Line>>,
    shared: Arc<Shared>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.line.take().is_some() {
            let mut queue = self.shared.queue();
            queue.line = Some(Line::resting(None));
            queue.waiting.clear();
        }
    }
}

/// Undoes, commits, connects anew: whatever the line needs before the next unit of work.
async fn settle(mut held: Held, undo: Option<Undo>) {
    let shared = Arc::clone(&held.shared);
    let Some(line) = held.line.as_mut() else { return };
    let must_close = match undo {
        Some(undo) => {
            let must_close = line.undo(undo).await;
            if line.members.is_empty() {
                line.place = Place::Closed;
            }
            must_close
        }
        None => false,
    };
    if !must_close {
        // Those who were just told of a commit get to ask for their next turn before this one closes.
        tokio::task::yield_now().await;
        let Some(line) = held.line.take() else { return };
        held.line = shared.pass_on(line);
    }
    let Some(line) = held.line.as_mut() else { return };
    line.commit(&shared).await;
    if line.connection.is_none() {
        line.abandon(CommitFailed::of(sqlx::Error::WorkerCrashed)).await;
        match shared.options.connect().await {
            Ok(connection) => line.connection = Some(connection),
            Err(error) => tracing::error!(%error, "the database cannot be opened again"),
        }
    }
    let Some(line) = held.line.take() else { return };
    if let Some(line) = shared.pass_on(line) {
        // Only a line without a connection is left over: whoever waits is told, and the next to come tries again.
        let mut queue = shared.queue();
        queue.line = Some(line);
        queue.waiting.clear();
    }
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        bounds: GroupCommit,
        turn_max: Duration,
    ) -> Self {
        let queue = Mutex::new(Queue { line: Some(Line::resting(Some(connection))), waiting: VecDeque::new() });
        let (units, commits) = (AtomicU64::new(0), AtomicU64::new(0));
        let runtime = Handle::current();
        Self { shared: Arc::new(Shared { queue, options, bounds, turn_max, runtime, units, commits }) }
    }

    /// What it has done so far.
    pub(crate) fn figures(&self) -> WriterFigures {
        WriterFigures {
            units: self.shared.units.load(Ordering::Relaxed),
            commits: self.shared.commits.load(Ordering::Relaxed),
        }
    }

    /// Waits for one's turn: first come, first served. Giving up the wait gives up the place.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        let (turn, broken) = {
            let mut queue = self.shared.queue();
            match queue.line.take() {
                Some(line) if line.connection.is_some() => return Ok(Lease::new(line, Arc::clone(&self.shared))),
                broken => {
                    let (sender, turn) = oneshot::channel();
                    queue.waiting.push_back(sender);
                    (turn, broken)
                }
            }
        };
        if let Some(line) = broken {
            self.shared.release(line, None);
        }
        match tokio::time::timeout(self.shared.turn_max, turn).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(_)) => Err(StoreError::Unavailable(Box::new(WriterStopped))),
            Err(_) => Err(StoreError::Unavailable(Box::new(TurnTimedOut))),
        }
    }
}

/// How far a unit of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was run.
    Fresh,
    /// The prefix and all statements so far are done.
    Sound,
    /// A statement is under way; also when its call was abandoned.
    Under,
    /// A statement failed in a way after which nothing can be relied on.
    Failed,
}

/// The right to write. Dropping it undoes what was written with it.
pub(crate) struct Lease {
    /// `None` only in the moment of giving it back.
    line: Option<Box<Line>>,
    shared: Arc<Shared>,
    stage: Stage,
}

impl Lease {
    fn new(line: Box<Line>, shared: Arc<Shared>) -> Self {
        Self { line: Some(line), shared, stage: Stage::Fresh }
    }

    /// Runs a statement.
    pub(crate) async fn run(&mut self, query: Query<'_>) -> Result<Answer, sqlx::Error> {
        let line = self.line.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let connection = line.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let prefix = match self.stage {
            Stage::Fresh => line.place.prefix(),
            Stage::Sound => Prefix::NONE,
            Stage::Under | Stage::Failed => return Err(sqlx::Error::Protocol(AlreadyFailed.to_string())),
        };
        self.stage = Stage::Under;
        let outcome = statement::run(connection, prefix, query).await;
        self.stage = match &outcome.answer {
            Ok(_) => Stage::Sound,
            Err(error) if outcome.prefixed && error::leaves_transaction(error) => Stage::Sound,
            // BEGIN did not come through, so there is nothing to undo.
            Err(error) if !outcome.prefixed && line.place == Place::Closed && !error::is_broken(error) => Stage::Fresh,
            Err(error) => {
                if error::is_broken(error) {
                    line.connection = None;
                }
                Stage::Failed
            }
        };
        outcome.answer
    }

    /// Waits until what was written is durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        match self.stage {
            Stage::Fresh => return Ok(()),
            Stage::Sound => {}
            Stage::Under | Stage::Failed => return Err(StoreError::Backend(Box::new(AlreadyFailed))),
        }
        let Some(mut line) = self.line.take() else { return Ok(()) };
        let (sender, told) = oneshot::channel();
        line.place = line.place.after();
        line.members.push(sender);
        line.since.get_or_insert_with(Instant::now);
        self.shared.release(line, None);
        match told.await {
            Ok(result) => result.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable(Box::new(WriterStopped))),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(line) = self.line.take() else { return };
        let undo = match self.stage {
            Stage::Fresh => None,
            Stage::Sound => Some(Undo { certain: true }),
            Stage::Under | Stage::Failed => Some(Undo { certain: false }),
        };
        self.shared.release(line, undo);
    }
}

#[cfg(test)]
mod tests;
