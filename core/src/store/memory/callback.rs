//! Callbacks in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, unless_taken};
use crate::id::{CallId, CallbackId, QueueId};
use crate::phone::E164;
use crate::queue::{Callback, CallbackState};
use crate::store::{CallbackFilter, CallbackStore, Listing, Page, StoreError};

impl Unit<'_> {
    /// Whether another open callback of the queue goes to the same number.
    fn waits_already(&self, callback: &Callback) -> bool {
        let same = |other: &Callback| {
            other.id != callback.id
                && other.state.is_open()
                && (other.company, other.queue) == (callback.company, callback.queue)
                && other.number == callback.number
        };
        callback.state.is_open() && self.state().callbacks.values().any(|other| same(other))
    }

    fn picked(&self, keep: impl Fn(&Callback) -> bool) -> Vec<Callback> {
        let rows = self.state().callbacks.values().filter(|row| keep(row));
        rows.filter_map(|row| self.visible(Some(row))).collect()
    }
}

#[async_trait]
impl CallbackStore for Unit<'_> {
    async fn insert_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.admits(callback)?;
        unless_taken::<Callback>(self.state().callbacks.contains(&callback.id), "id")?;
        unless_taken::<Callback>(self.waits_already(callback), "number")?;
        self.change()?.callbacks.insert(callback.id, Arc::new(callback.clone()));
        Ok(())
    }

    async fn update_callback(&mut self, callback: &Callback) -> Result<(), StoreError> {
        self.follows(self.state().callbacks.get(&callback.id), callback)?;
        unless_taken::<Callback>(self.waits_already(callback), "number")?;
        self.change()?.callbacks.insert(callback.id, Arc::new(callback.clone()));
        Ok(())
    }

    async fn callback(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        Ok(self.visible(self.state().callbacks.get(&id)))
    }

    async fn callback_for_update(&mut self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.may_write()?;
        self.callback(id).await
    }

    async fn callback_of_call_for_update(&mut self, call: CallId) -> Result<Option<Callback>, StoreError> {
        self.may_write()?;
        Ok(self.picked(|callback| callback.call == Some(call)).pop())
    }

    async fn open_callbacks_for_update(&mut self, number: &E164) -> Result<Vec<Callback>, StoreError> {
        self.may_write()?;
        Ok(self.picked(|callback| callback.state.is_open() && callback.number == *number))
    }

    async fn open_callbacks_of_queue_for_update(&mut self, queue: QueueId) -> Result<Vec<Callback>, StoreError> {
        self.may_write()?;
        Ok(self.picked(|callback| callback.state.is_open() && callback.queue == queue))
    }

    async fn due_callbacks(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Callback>, StoreError> {
        let mut due = self.picked(|callback| callback.state == CallbackState::Waiting && callback.due_at <= now);
        due.sort_by_key(|callback| (callback.since, callback.id));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn callbacks(&mut self, filter: &CallbackFilter, page: Page) -> Result<Listing<Callback>, StoreError> {
        let fits = |callback: &Callback| {
            filter.queue.is_none_or(|queue| callback.queue == queue)
                && filter.state.is_none_or(|state| callback.state == state)
                && filter.before.is_none_or(|before| callback.id < before)
        };
        Ok(self.listing(self.state().callbacks.values().rev(), page, fits))
    }
}
