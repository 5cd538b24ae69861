//! The engine: runs commands in units of work, with their events, and repeats them under contention.
//!
//! A command is a plain struct. It reads, lets a pure rule decide, writes, and emits events, all in one unit of work:
//!
//! ```
//! use async_trait::async_trait;
//! use dialplane_core::company::{Company, CompanyRefused};
//! use dialplane_core::{Command, Context, Failure, Permission, store::Repo};
//!
//! /// Closes a company: its people cannot sign in any more.
//! struct Close(dialplane_core::id::CompanyId);
//!
//! #[async_trait]
//! impl Command for Close {
//!     type Output = Company;
//!     type Refused = CompanyRefused;
//!     const NAME: &'static str = "close_company";
//!
//!     fn permission(&self) -> Permission {
//!         Permission::Platform
//!     }
//!
//!     async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Company, Failure<CompanyRefused>> {
//!         let old = repo.company(self.0).await?.ok_or(CompanyRefused::NotFound)?;
//!         let closed = Company { is_active: false, version: old.version + 1, updated_at: cx.now(), ..old };
//!         repo.update_company(&closed).await?;
//!         Ok(closed)
//!     }
//! }
//! ```
//!
//! `engine.execute(&actor, &Close(id))` checks the permission, runs it, and repeats it under contention.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tracing::Instrument;

use crate::clock::{Clock, SystemClock};
use crate::error::Failure;
use crate::event::{Envelope, Event};
use crate::id::{CompanyId, Id, IdSource, SystemIds, UserId};
use crate::scope::{Actor, ActorName, Permission};
use crate::store::{Access, Repo, Store, StoreError, Tx};

/// How often a command is run before its contention is reported.
pub const ATTEMPTS_DEFAULT: u32 = 8;

/// A change of state. The decision is made by pure functions on values; a command reads, decides, writes and emits.
///
/// `&self` makes it repeatable: under contention the engine runs it again from the start.
#[async_trait]
#[must_use = "a command does nothing until an engine executes it"]
pub trait Command: Send + Sync {
    /// What it gives back.
    type Output: Send;
    /// Why the rules may say no: a closed enum.
    type Refused: Send;
    /// Its name, for spans and metrics, in snake case.
    const NAME: &'static str;

    /// The right it needs. Finer rules ("one's own, or with a further right") are checked while it runs.
    fn permission(&self) -> Permission;

    /// Runs it within a unit of work.
    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Self::Output, Failure<Self::Refused>>;
}

/// What a running command has besides the store: the time, ids, the actor, and a place for its events.
pub struct Context<'a> {
    actor: Actor,
    now: DateTime<Utc>,
    ids: &'a dyn IdSource,
    events: Vec<Envelope>,
}

impl Context<'_> {
    /// The instant of this attempt: one and the same throughout the command.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Who asks.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// A fresh id.
    pub fn id<K>(&self) -> Id<K> {
        self.ids.id(self.now)
    }

    /// A fresh secret: 128 bits of randomness in hexadecimal.
    #[must_use]
    pub fn secret(&self) -> String {
        self.ids.token::<16>()
    }

    /// Emits an event of `company`; it is stored with the command's changes.
    pub fn emit(&mut self, company: CompanyId, event: Event) {
        self.push(self.actor.name(), company, event);
    }

    fn push(&mut self, actor: ActorName, company: CompanyId, event: Event) {
        let id = self.ids.id(self.now);
        self.events.push(Envelope { id, company, seq: 0, at: self.now, actor, version: Event::VERSION, event });
    }

    /// Emits an event that somebody else than the actor caused: who signs in is nobody yet.
    pub fn emit_of(&mut self, who: UserId, company: CompanyId, event: Event) {
        self.push(ActorName::User(who), company, event);
    }

    /// Demands a right beyond the command's own.
    ///
    /// # Errors
    /// [`Failure::Denied`].
    pub fn demand<R>(&self, permission: Permission) -> Result<(), Failure<R>> {
        if self.actor.may(permission) { Ok(()) } else { Err(Failure::Denied(permission)) }
    }
}

/// Is told what was committed: to wake deliveries and drop caches. It only wakes; the outbox is the truth.
pub trait CommitObserver: Send + Sync + 'static {
    /// Called after a successful commit of a command that emitted events.
    fn committed(&self, events: &[Envelope]);
}

/// The engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    observer: Option<Arc<dyn CommitObserver>>,
    attempts: u32,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine on `store` with the system's clock and randomness.
    pub fn new(store: impl Store) -> Self {
        Self::on(Arc::new(store))
    }

    /// An engine on a shared store.
    #[must_use]
    pub fn on(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds::default()),
            observer: None,
            attempts: ATTEMPTS_DEFAULT,
        }
    }

    /// The same engine with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same engine with another source of ids.
    #[must_use]
    pub fn with_ids(self, ids: Arc<dyn IdSource>) -> Self {
        Self { ids, ..self }
    }

    /// The same engine with somebody who is told of commits.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn CommitObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The engine's clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The engine's source of ids and randomness.
    #[must_use]
    pub fn ids(&self) -> &dyn IdSource {
        &*self.ids
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Runs a command in a unit of work of its own: begins, runs, stores the events, commits; from the start again under
    /// contention, a bounded number of times.
    ///
    /// # Errors
    /// [`Failure`]; nothing was changed then.
    pub async fn execute<C: Command>(&self, actor: &Actor, command: &C) -> Result<C::Output, Failure<C::Refused>> {
        let span = tracing::debug_span!("command", name = C::NAME);
        async {
            if !actor.may(command.permission()) {
                return Err(Failure::Denied(command.permission()));
            }
            let mut attempt = 1;
            loop {
                match self.attempt(actor, command).await {
                    Err(Failure::Store(StoreError::Contention)) if attempt < self.attempts => {
                        tracing::trace!(attempt, "contention, running again");
                        attempt += 1;
                    }
                    Ok((output, events)) => {
                        if let Some(observer) = self.observer.as_ref().filter(|_| !events.is_empty()) {
                            observer.committed(&events);
                        }
                        return Ok(output);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn attempt<C: Command>(
        &self,
        actor: &Actor,
        command: &C,
    ) -> Result<(C::Output, Vec<Envelope>), Failure<C::Refused>> {
        let mut tx = self.store.begin(actor.scope(), Access::Write).await?;
        let (output, events) = self.run_in(tx.as_repo(), actor, command).await?;
        tx.commit().await?;
        Ok((output, events))
    }

    /// Runs a command inside a unit of work that the embedding application owns; it commits with the application's own changes
    /// or not at all. Contention is the application's to repeat.
    ///
    /// # Errors
    /// [`Failure`]; the application must roll back, as the unit of work may hold a part of the command.
    pub async fn execute_in<C: Command>(
        &self,
        repo: &mut dyn Repo,
        actor: &Actor,
        command: &C,
    ) -> Result<C::Output, Failure<C::Refused>> {
        if !actor.may(command.permission()) {
            return Err(Failure::Denied(command.permission()));
        }
        if repo.scope() != actor.scope() {
            return Err(Failure::Store(StoreError::OutOfScope));
        }
        self.run_in(repo, actor, command).await.map(|(output, _)| output)
    }

    async fn run_in<C: Command>(
        &self,
        repo: &mut dyn Repo,
        actor: &Actor,
        command: &C,
    ) -> Result<(C::Output, Vec<Envelope>), Failure<C::Refused>> {
        let mut cx = Context { actor: *actor, now: self.clock.now(), ids: &*self.ids, events: Vec::new() };
        // First of all: who comes second waits here, and reads nothing that is about to change.
        if let Some(claim) = actor.claim()
            && !repo.claim_request(&claim, cx.now).await?
        {
            return Err(StoreError::Claimed.into());
        }
        let output = command.run(&mut cx, repo).await?;
        if !cx.events.is_empty() {
            repo.append_events(&cx.events).await?;
        }
        Ok((output, cx.events))
    }

    /// Begins a unit of work that only reads, in the actor's scope.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(&self, actor: &Actor) -> Result<Box<dyn Tx + '_>, StoreError> {
        self.store.begin(actor.scope(), Access::Read).await
    }
}

/// Lends a unit of work as the repository it is.
trait AsRepo {
    fn as_repo(&mut self) -> &mut dyn Repo;
}

impl AsRepo for Box<dyn Tx + '_> {
    fn as_repo(&mut self) -> &mut dyn Repo {
        &mut **self
    }
}
