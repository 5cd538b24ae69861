//! The storage traits of numbers, assignments, extensions, trunks, inbound routes, queues and calls.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{CallFilter, Listing, NumberFilter, Page, StoreError};
use crate::call::{Call, CallEvent};
use crate::id::{CallId, ExtensionId, InboundRouteId, NodeId, NumberId, QueueId, TrunkId, UserId};
use crate::phone::{Assignment, E164, Extension, InboundRoute, NumberUsage, PhoneNumber, Trunk};
use crate::queue::{AgentProfile, Queue};

/// A number with its assignment, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    /// The number.
    pub number: PhoneNumber,
    /// Its assignment.
    pub assignment: Option<Assignment>,
}

/// The inventory of numbers.
#[async_trait]
pub trait NumberStore: Send {
    /// Adds a number. Duplicate: `id`, `number` (over all companies).
    async fn insert_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError>;
    /// Replaces a number.
    async fn update_number(&mut self, number: &PhoneNumber) -> Result<(), StoreError>;
    /// Removes a number. In use: while it is assigned. `false` when there is none.
    async fn delete_number(&mut self, id: NumberId) -> Result<bool, StoreError>;
    /// Reads a number with its assignment.
    async fn number(&mut self, id: NumberId) -> Result<Option<NumberRow>, StoreError>;
    /// Which of these numbers are taken, by any company. Says nothing else about them.
    async fn taken_numbers(&mut self, numbers: &[E164]) -> Result<Vec<E164>, StoreError>;
    /// Lists numbers with their assignments.
    async fn numbers(&mut self, filter: &NumberFilter, page: Page) -> Result<Listing<NumberRow>, StoreError>;
}

/// Assignments of numbers to agents, and how they are used.
#[async_trait]
pub trait AssignmentStore: Send {
    /// Adds an assignment. Duplicate: `id`, `number`.
    async fn insert_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError>;
    /// Replaces the settings of an assignment (limit, countries); the count stays.
    async fn update_assignment(&mut self, assignment: &Assignment) -> Result<(), StoreError>;
    /// Removes the assignment of a number. `false` when there is none.
    async fn delete_assignment(&mut self, number: NumberId) -> Result<bool, StoreError>;
    /// Reads the assignment of a number and locks the row.
    async fn assignment_for_update(&mut self, number: NumberId) -> Result<Option<Assignment>, StoreError>;
    /// An agent's numbers with their assignments in order of assignment id; locks the assignments.
    async fn agent_numbers_for_update(&mut self, agent: UserId) -> Result<Vec<NumberRow>, StoreError>;
    /// Stores the count of an assignment (day, used, last use) and adds one call to the usage of its number, agent and day. The
    /// settings and their version stay. [`StoreError::Stale`] when the assignment is gone.
    async fn record_use(&mut self, assignment: &Assignment) -> Result<(), StoreError>;
    /// Sets the counts of all assignments to nothing on `today`; how many had one, of whatever day. The usage stays.
    async fn reset_counts(&mut self, today: NaiveDate) -> Result<u64, StoreError>;
    /// Usage from `from` to `to`, both included, newest day first, then by number and agent; of one agent when given. At most
    /// 10,000 rows.
    async fn usage(
        &mut self,
        agent: Option<UserId>,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<NumberUsage>, StoreError>;
}

/// Extensions.
#[async_trait]
pub trait ExtensionStore: Send {
    /// Adds an extension. Duplicate: `id`, `number` (in the company), `username` (over all companies).
    async fn insert_extension(&mut self, extension: &Extension) -> Result<(), StoreError>;
    /// Replaces an extension's secret; its number, user name and user stay.
    async fn update_extension(&mut self, extension: &Extension) -> Result<(), StoreError>;
    /// Removes an extension. `false` when there is none.
    async fn delete_extension(&mut self, id: ExtensionId) -> Result<bool, StoreError>;
    /// Reads an extension.
    async fn extension(&mut self, id: ExtensionId) -> Result<Option<Extension>, StoreError>;
    /// All extensions of the scope, by company and number.
    async fn extensions(&mut self) -> Result<Vec<Extension>, StoreError>;
}

/// Trunks.
#[async_trait]
pub trait TrunkStore: Send {
    /// Adds a trunk. Duplicate: `id`, `name` (in the company). When it is the default, no other is afterwards.
    async fn insert_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError>;
    /// Replaces a trunk. When it is the default, no other is afterwards.
    async fn update_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError>;
    /// Removes a trunk. `false` when there is none.
    async fn delete_trunk(&mut self, id: TrunkId) -> Result<bool, StoreError>;
    /// Reads a trunk.
    async fn trunk(&mut self, id: TrunkId) -> Result<Option<Trunk>, StoreError>;
    /// All trunks of the scope, by company and id.
    async fn trunks(&mut self) -> Result<Vec<Trunk>, StoreError>;
}

/// Inbound routes.
#[async_trait]
pub trait InboundRouteStore: Send {
    /// Adds a route. Duplicate: `id`, `number` (over all companies).
    async fn insert_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError>;
    /// Replaces a route. Duplicate: `number`.
    async fn update_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError>;
    /// Removes a route. `false` when there is none.
    async fn delete_inbound_route(&mut self, id: InboundRouteId) -> Result<bool, StoreError>;
    /// Reads a route.
    async fn inbound_route(&mut self, id: InboundRouteId) -> Result<Option<InboundRoute>, StoreError>;
    /// All routes of the scope, by company and number.
    async fn inbound_routes(&mut self) -> Result<Vec<InboundRoute>, StoreError>;
}

/// Queues.
#[async_trait]
pub trait QueueStore: Send {
    /// Adds a queue. Duplicate: `id`, `name` (in the company).
    async fn insert_queue(&mut self, queue: &Queue) -> Result<(), StoreError>;
    /// Replaces a queue. Duplicate: `name`.
    async fn update_queue(&mut self, queue: &Queue) -> Result<(), StoreError>;
    /// Removes a queue. `false` when there is none.
    async fn delete_queue(&mut self, id: QueueId) -> Result<bool, StoreError>;
    /// Reads a queue.
    async fn queue(&mut self, id: QueueId) -> Result<Option<Queue>, StoreError>;
    /// All queues of the scope, by company and id.
    async fn queues(&mut self) -> Result<Vec<Queue>, StoreError>;
}

/// What agents bring for queues.
#[async_trait]
pub trait AgentStore: Send {
    /// Adds an agent's profile; it goes with the user. Duplicate: `user`.
    async fn insert_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError>;
    /// Replaces an agent's profile.
    async fn update_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError>;
    /// Reads an agent's profile; nothing where nothing was ever set.
    async fn agent_profile(&mut self, user: UserId) -> Result<Option<AgentProfile>, StoreError>;
    /// All profiles of the scope, by company and user.
    async fn agent_profiles(&mut self) -> Result<Vec<AgentProfile>, StoreError>;
}

/// Calls and their timelines.
#[async_trait]
pub trait CallStore: Send {
    /// Adds calls with their legs. Duplicate: `id`.
    async fn insert_calls(&mut self, calls: &[Call]) -> Result<(), StoreError>;
    /// Replaces a call with its legs.
    async fn update_call(&mut self, call: &Call) -> Result<(), StoreError>;
    /// Reads a call with its legs.
    async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError>;
    /// Reads a call with its legs and locks the row.
    async fn call_for_update(&mut self, id: CallId) -> Result<Option<Call>, StoreError>;
    /// Removes a call that has ended, with its timeline. `false` when there is none, or it goes on.
    async fn delete_call(&mut self, id: CallId) -> Result<bool, StoreError>;
    /// When the first and the last of an agent's ended calls began.
    async fn call_span(&mut self, agent: UserId) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError>;
    /// Lists calls with their legs, newest first.
    async fn calls(&mut self, filter: &CallFilter, page: Page) -> Result<Listing<Call>, StoreError>;
    /// Calls that have not ended and belong to `node`, or to any when `None`; at most 1,000, oldest first.
    async fn open_calls(&mut self, node: Option<NodeId>) -> Result<Vec<Call>, StoreError>;
    /// Adds entries to timelines. Duplicate: `seq` of one call. [`StoreError::OutOfScope`] when a call is not in the scope.
    async fn append_call_events(&mut self, events: &[CallEvent]) -> Result<(), StoreError>;
    /// The timeline of a call, in order.
    async fn call_events(&mut self, call: CallId) -> Result<Vec<CallEvent>, StoreError>;
    /// The timelines of calls, by call and in order.
    async fn timelines(&mut self, calls: &[CallId]) -> Result<Vec<CallEvent>, StoreError>;
    /// The entries `queued` of a queue, in timelines of any calls, at or after `from` and before `to`: oldest first, then by call and place.
    async fn queue_visits(
        &mut self,
        queue: QueueId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        page: Page,
    ) -> Result<Listing<CallEvent>, StoreError>;
}
