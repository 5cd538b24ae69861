//! One client's stream: what it has missed, then what comes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dialplane_core::Actor;
use dialplane_core::event::Envelope;
use dialplane_core::id::{QueueId, UserId};
use dialplane_core::store::StoreError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::board::QueueNumbers;
use super::choice::Choice;
use super::follow::PAGE;
use super::hub::{Board, End, Member, Transport};
use crate::http::guard::Authed;
use crate::problem::{Problem, Reply};
use crate::state::{App, Shared};

/// Events of the company that are read again for a client that was away. Who was away for longer is told so.
const REPLAY_MAX: usize = 10_000;
/// How often a quiet stream says that it is there.
const BEAT: Duration = Duration::from_secs(20);
/// The pause after the store failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What a stream tells its client.
#[derive(Debug)]
pub(super) enum Item {
    /// An event.
    Event(Arc<Envelope>),
    /// There is nothing for the client up to this `seq` that it has not been given.
    Cursor(u64),
    /// The client was away for too long, or is ahead of us: it has missed events, and goes on from this `seq`.
    Reset(u64),
    /// How a queue stands.
    State(QueueNumbers),
    /// Nothing new.
    Beat,
    /// The last item.
    End(End),
}

/// A stream.
pub(super) struct Feed {
    app: Shared,
    key: u64,
    transport: Transport,
    member: Arc<Member>,
    choice: Choice,
    /// What the client has missed.
    backlog: VecDeque<Item>,
    events: mpsc::Receiver<Arc<Envelope>>,
    end: watch::Receiver<Option<End>>,
    /// How the queues stand, for a client that wants to know.
    board: Option<watch::Receiver<Board>>,
    /// What the client was told of it.
    shown: BTreeMap<QueueId, QueueNumbers>,
    expires: Instant,
    beat: Interval,
    /// The `seq` up to which events have been looked at: none is given twice.
    last: u64,
    /// The `seq` that the client knows.
    told: u64,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.app.live.leave(self.member.company(), self.key, self.transport);
    }
}

impl Feed {
    /// Begins a stream after `after`, or with what comes.
    ///
    /// # Errors
    /// 401 when the token was revoked in this instant, 429 and 503 when there are too many streams.
    pub(super) async fn open(
        app: &Shared,
        authed: &Authed,
        transport: Transport,
        after: Option<u64>,
        choice: Choice,
        states: bool,
    ) -> Reply<Self> {
        if app.is_draining() {
            return Err(Problem::unavailable("stopping", "the server is stopping", 5));
        }
        let head = app.engine.read(&Actor::system_for(authed.company_id())).await?.events_head().await?;
        let entered = app.live.enter(authed, transport, head)?;
        let life = (authed.expires - app.engine.now()).to_std().unwrap_or_default();
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut feed = Self {
            app: Shared::clone(app),
            key: entered.key,
            transport,
            member: entered.member,
            choice,
            backlog: VecDeque::new(),
            events: entered.events,
            end: entered.end,
            board: states.then_some(entered.board),
            shown: BTreeMap::new(),
            expires: Instant::now() + life,
            beat,
            last: 0,
            told: 0,
        };
        feed.begin(after).await?;
        if let Some(board) = &mut feed.board {
            board.mark_changed();
        }
        Ok(feed)
    }

    /// Reads where the stream stands. The hub hands events over already: what was committed before this reading is read here, and
    /// what was committed after it comes from there, so that nothing falls between, be it events, queues or a revoked token.
    async fn begin(&mut self, after: Option<u64>) -> Reply<()> {
        let app = Shared::clone(&self.app);
        // The semaphore is never closed.
        let _turn = app.live.beginnings.acquire().await.ok();
        if !is_admitted(&app, &self.member).await? {
            return Err(Problem::bad_token());
        }
        let mut tx = app.engine.read(&Actor::system_for(self.member.company())).await?;
        let queues = if self.member.needs_queues() { tx.queues().await? } else { Vec::new() };
        self.member.know_queues(&queues, false);
        let head = tx.events_head().await?;
        self.last = head;
        self.told = head;
        let Some(after) = after else {
            self.backlog.push_back(Item::Cursor(head));
            return Ok(());
        };
        let (mut cursor, mut read) = (after, 0);
        // A client that is ahead of us comes from another database: what it knows is of no use here.
        let mut follows = after <= head;
        while follows && cursor < head {
            let page = tx.events_after(cursor, PAGE).await?;
            let Some(last) = page.last().map(|event| event.seq) else { break };
            cursor = last;
            read += page.len();
            follows = read <= REPLAY_MAX;
            let wanted = page.into_iter().filter(|event| event.seq <= head && self.wants(event));
            let wanted: Vec<Item> = wanted.map(|event| Item::Event(Arc::new(event))).collect();
            self.backlog.extend(wanted);
        }
        if follows {
            self.backlog.push_back(Item::Cursor(head));
        } else {
            self.backlog = VecDeque::from([Item::Reset(head)]);
        }
        Ok(())
    }

    /// The next item. Can be dropped while it waits.
    pub(super) async fn next(&mut self) -> Item {
        loop {
            let end = *self.end.borrow_and_update();
            match end {
                Some(End::Stopping) => return self.rest(),
                Some(reason) => return Item::End(reason),
                None => {}
            }
            if Instant::now() >= self.expires {
                self.member.end(End::Expired);
                continue;
            }
            if let Some(item) = self.backlog.pop_front() {
                return item;
            }
            if self.events.is_empty() && self.member.is_behind() {
                self.catch_up().await;
                continue;
            }
            tokio::select! {
                biased;
                // The sender lives as long as the member, which we hold.
                _ = self.end.changed() => {}
                () = sleep_until(self.expires) => {}
                Some(event) = self.events.recv() => {
                    if let Some(item) = self.looked_at(event) {
                        return item;
                    }
                }
                true = changed(&mut self.board) => self.look_at_board(),
                _ = self.beat.tick() => return self.beat().await,
            }
        }
    }

    /// Reads a page of what was passed over for want of room. Can be dropped while it waits: nothing is taken note of before it is read.
    async fn catch_up(&mut self) {
        match self.page_after(self.last).await {
            Ok(page) => {
                let (last, is_all) = (page.last().map_or(self.last, |event| event.seq), page.len() < PAGE as usize);
                self.last = last;
                let wanted: Vec<_> = page.into_iter().filter(|event| self.wants(event)).collect();
                self.told = wanted.last().map_or(self.told, |event| event.seq);
                self.backlog.extend(wanted.into_iter().map(|event| Item::Event(Arc::new(event))));
                if is_all {
                    self.app.live.caught_up(&self.member, last);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a live stream could not be read, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn page_after(&self, after: u64) -> Result<Vec<Envelope>, StoreError> {
        let mut tx = self.app.engine.read(&Actor::system_for(self.member.company())).await?;
        tx.events_after(after, PAGE).await
    }

    /// The state of the server.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// Whose it is.
    pub(super) fn user(&self) -> UserId {
        self.member.user()
    }

    /// Whether the stream is over, whatever is still to be given.
    pub(super) fn is_over(&self) -> bool {
        matches!(*self.end.borrow(), Some(End::Expired | End::Revoked | End::Slow))
    }

    /// What is left when the server stops.
    fn rest(&mut self) -> Item {
        if let Some(item) = self.backlog.pop_front() {
            return item;
        }
        while let Ok(event) = self.events.try_recv() {
            if let Some(item) = self.looked_at(event) {
                return item;
            }
        }
        Item::End(End::Stopping)
    }

    fn looked_at(&mut self, event: Arc<Envelope>) -> Option<Item> {
        if event.seq <= self.last {
            return None;
        }
        self.last = event.seq;
        if !self.wants(&event) {
            return None;
        }
        self.told = event.seq;
        Some(Item::Event(event))
    }

    /// Takes note of the queues that stand differently from what the client was told.
    fn look_at_board(&mut self) {
        let Some(board) = self.board.as_mut().map(|board| Board::clone(&board.borrow_and_update())) else { return };
        for (queue, now) in board.iter().filter(|(queue, _)| self.member.sees_queue(**queue)) {
            if !self.shown.get(queue).is_some_and(|shown| shown.is_like(now)) {
                self.shown.insert(*queue, now.clone());
                self.backlog.push_back(Item::State(now.clone()));
            }
        }
    }

    fn wants(&self, event: &Envelope) -> bool {
        self.choice.takes(&event.event) && self.member.sees(event)
    }

    /// Tells a client for whom there was nothing how far that nothing reaches: it need not be read again after a reconnect.
    async fn beat(&mut self) -> Item {
        // The events of another company do not tell of changes to a visitor's account.
        if self.member.visits_from.is_some() && !matches!(is_admitted(&self.app, &self.member).await, Ok(true)) {
            self.member.end(End::Revoked);
            return Item::Beat;
        }
        // In this order: what was handed over before `seen` was written is in the queue by now, or was given.
        let seen = self.member.seen();
        if self.events.is_empty() && seen.max(self.last) > self.told {
            self.last = seen.max(self.last);
            self.told = self.last;
            return Item::Cursor(self.told);
        }
        Item::Beat
    }
}

/// Waits until a board has changed; for ever where there is none.
async fn changed(board: &mut Option<watch::Receiver<Board>>) -> bool {
    match board {
        // The sender lives as long as the stream is a member of its company.
        Some(board) => board.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

/// Whether the user behind a stream may (still) have it.
async fn is_admitted(app: &App, member: &Member) -> Result<bool, StoreError> {
    let home = member.visits_from.unwrap_or(member.company());
    let mut tx = app.engine.read(&Actor::system_for(home)).await?;
    let user = tx.user(member.user()).await?;
    Ok(member.admits(user.as_ref()) && tx.company(home).await?.is_some_and(|company| company.is_active))
}
