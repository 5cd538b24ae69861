//! The storage traits: what the engine asks of a database.
//!
//! A [`Store`] begins units of work. A unit of work ([`Tx`]) is a [`Repo`], which is all the small traits together, one a
//! noun. The rules below hold for every backend and are proven by the `conformance` suite.
//!
//! # Contract
//! - **Scope.** A unit of work sees the rows of its [`Scope`] only. Another company's row is absent for reads; writing one
//!   (an insert whose `company` lies outside the scope, an update or a delete) is [`StoreError::OutOfScope`] for inserts and
//!   [`StoreError::Stale`] (updates) or `false` (deletes) for the rest, and changes nothing.
//! - **Atomicity.** Nothing is visible to others before [`Tx::commit`] returns `Ok`, everything is afterwards, and it is
//!   durable. A unit of work that is dropped or rolled back leaves nothing.
//! - **Versions.** `update_*` takes the row with its new version; the stored row must have the version before it, or it is
//!   [`StoreError::Stale`].
//! - **Locks.** A `*_for_update` read makes every other unit of work that asks for the same row wait until this one ends, and
//!   reads what it left. Backends that allow one writer at a time get this for free.
//! - **Contention** that the backend resolves by giving up ([`StoreError::Contention`]) has changed nothing; the engine repeats
//!   the command.
//! - **Time** is kept in microseconds, ids as UUIDs, texts byte for byte.
//! - **Order.** Lists are newest first (by id) unless the method says otherwise.
//! - **Errors.** After [`StoreError::Duplicate`], [`StoreError::Stale`], [`StoreError::InUse`] and [`StoreError::OutOfScope`] the
//!   unit of work goes on as if that one call had not been made: of a slice nothing is stored then, and a database that gives a
//!   transaction up after a violated constraint needs a savepoint around such inserts and updates. After any other error the unit
//!   of work can only be rolled back. An absent row is treated as another company's: there is no telling them apart.
//! - **Access.** Writing, locking (`*_for_update`) and claiming in a unit of work that only reads is [`StoreError::Backend`] and
//!   changes nothing.

mod callback;
mod carrier;
#[cfg(feature = "conformance")]
pub mod conformance;
mod crm;
mod figures;
mod filter;
mod flow;
mod job;
mod lead;
#[cfg(feature = "memory")]
pub mod memory;
mod meta;
mod offer;
mod people;
mod report;
mod request;
mod telephony;
mod twilio;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use callback::{CallbackFilter, CallbackStore};
pub use carrier::{CarrierCallStore, RecordingStore};
pub use crm::{ClientStore, NumberOwner};
pub use figures::CallFigureStore;
pub use filter::{
    CallFilter, ClientFilter, EventFilter, LeadFilter, Listing, NumberFilter, Page, ReportFilter, UserFilter,
};
pub use flow::{CalendarStore, FlowStore, FlowTraceStore, PromptStore, VoicemailFilter, VoicemailStore};
pub use job::{JobFilter, JobStore};
pub use lead::{DispositionStore, LeadFiguresStore, LeadRoutingStore, LeadStore, SharedContact};
pub use meta::MetaStore;
pub use offer::OfferStore;
pub use people::{CallerStore, CompanyStore, SessionStore, UserStore};
pub use report::ReportStore;
pub use request::RequestStore;
pub use telephony::{
    AgentStore, AssignmentStore, CallStore, ExtensionStore, InboundRouteStore, NumberRow, NumberStore, QueueStore,
    TrunkStore,
};
pub use twilio::TwilioStore;

use crate::event::Envelope;
use crate::id::EventId;
use crate::scope::Scope;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this identity exists.
    #[error("duplicate {entity} ({constraint})")]
    Duplicate {
        /// The noun, as ids name it (`user`, `phone_number`, …), or `call_event`, `flow_version`, `flow_trace`.
        entity: &'static str,
        /// Which identity: `id`, `email`, `number`, `name`, `username`, `user`, `token`, `seq`,
        /// `company`, `code`, `page`, `period`, `row`.
        constraint: &'static str,
    },
    /// The row changed since it was read, or is gone.
    #[error("the row changed in between")]
    Stale,
    /// The row is referred to by others.
    #[error("the {entity} is in use")]
    InUse {
        /// The noun, as ids name it.
        entity: &'static str,
    },
    /// The row belongs to a company outside the scope.
    #[error("the row lies outside the scope")]
    OutOfScope,
    /// The request that the command belongs to was executed before, or is being executed elsewhere; nothing was changed.
    #[error("the request was executed before")]
    Claimed,
    /// The backend gave up in favour of another unit of work; nothing was changed. Repeat.
    #[error("contention")]
    Contention,
    /// A stored value cannot be read.
    #[error("corrupt {table}.{column} in row {id}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
    /// The database cannot be reached, is starting or stopping, or has become read-only.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else.
    #[error("the store failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a unit of work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// It reads; it sees one consistent state, and writing in it is an error.
    Read,
    /// It reads and writes.
    Write,
}

/// A database.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Begins a unit of work. Dropping it undoes it.
    async fn begin(&self, scope: Scope, access: Access) -> Result<Box<dyn Tx + '_>, StoreError>;

    /// Answers when the database can be written to: the readiness check. Cheap.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A unit of work.
#[async_trait]
pub trait Tx: Repo {
    /// Makes the unit of work durable and visible. An error means that nothing of it happened, except
    /// [`StoreError::Unavailable`], after which it is not known.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
    /// Undoes the unit of work.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// Everything that can be asked within a unit of work.
pub trait Repo:
    CompanyStore
    + UserStore
    + CallerStore
    + SessionStore
    + NumberStore
    + AssignmentStore
    + ExtensionStore
    + TrunkStore
    + InboundRouteStore
    + QueueStore
    + AgentStore
    + CallbackStore
    + FlowStore
    + CalendarStore
    + PromptStore
    + FlowTraceStore
    + VoicemailStore
    + CallStore
    + OfferStore
    + CallFigureStore
    + CarrierCallStore
    + RecordingStore
    + TwilioStore
    + ClientStore
    + LeadStore
    + LeadRoutingStore
    + LeadFiguresStore
    + DispositionStore
    + JobStore
    + MetaStore
    + ReportStore
    + RequestStore
    + Outbox
    + Send
{
    /// The scope it was begun with.
    fn scope(&self) -> Scope;
}

/// Events that wait for delivery.
#[async_trait]
pub trait Outbox: Send {
    /// Stores events; their `seq` is given by the store, increasing in the order of the slice.
    async fn append_events(&mut self, events: &[Envelope]) -> Result<(), StoreError>;

    /// Claims up to `limit` undelivered events that nobody else has claimed, oldest first, and holds them until `lease_until`:
    /// after that they may be claimed again. Two units of work never claim the same event.
    async fn claim_events(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Envelope>, StoreError>;

    /// Marks events as delivered. Ids that are unknown or delivered already are passed over.
    async fn mark_delivered(&mut self, events: &[EventId], at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Events of the scope with a `seq` above `after`, oldest first, at most `limit`: what a client that was away has missed.
    /// In a company scope, who asks again with the last `seq` they got misses nothing: no event of the company becomes visible
    /// behind one that is visible already.
    async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<Envelope>, StoreError>;

    /// The `seq` of the newest event of the scope; 0 when there is none. Cheap.
    async fn events_head(&mut self) -> Result<u64, StoreError>;

    /// Events of the scope that the filter lets through, newest first by `seq`, at most `limit`: the audit log.
    async fn find_events(&mut self, filter: &EventFilter, limit: u32) -> Result<Vec<Envelope>, StoreError>;

    /// Of the scope's `limit` oldest events, removes those that were delivered and happened before `before`; how many.
    async fn purge_events(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;
}
