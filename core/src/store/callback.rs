//! The storage trait of callbacks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Listing, Page, StoreError};
use crate::id::{CallId, CallbackId, QueueId};
use crate::phone::E164;
use crate::queue::{Callback, CallbackState};

/// Narrows a list of callbacks. `None` narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackFilter {
    /// The queue.
    pub queue: Option<QueueId>,
    /// How they stand.
    pub state: Option<CallbackState>,
    /// Only callbacks with an id below this one: the cursor of a deep list.
    pub before: Option<CallbackId>,
}

/// Callbacks.
#[async_trait]
pub trait CallbackStore: Send {
    /// Adds a callback. Duplicate: `id`, `number` (of the open ones of a queue).
    async fn insert_callback(&mut self, callback: &Callback) -> Result<(), StoreError>;
    /// Replaces a callback.
    async fn update_callback(&mut self, callback: &Callback) -> Result<(), StoreError>;
    /// Reads a callback.
    async fn callback(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError>;
    /// Reads a callback and locks the row.
    async fn callback_for_update(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError>;
    /// The callback that a call was made for last, locked.
    async fn callback_of_call_for_update(&mut self, call: CallId) -> Result<Option<Callback>, StoreError>;
    /// The open callbacks to a number, locked, by id.
    async fn open_callbacks_for_update(&mut self, number: &E164) -> Result<Vec<Callback>, StoreError>;
    /// The open callbacks of a queue, locked, by id.
    async fn open_callbacks_of_queue_for_update(&mut self, queue: QueueId) -> Result<Vec<Callback>, StoreError>;
    /// Those that wait and whose time has come, by the time since when they wait and their id; at most `limit`.
    async fn due_callbacks(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Callback>, StoreError>;
    /// Lists callbacks, newest first.
    async fn callbacks(&mut self, filter: &CallbackFilter, page: Page) -> Result<Listing<Callback>, StoreError>;
}
