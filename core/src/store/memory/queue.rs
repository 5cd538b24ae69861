//! Queues in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::QueueId;
use crate::queue::Queue;
use crate::store::{QueueStore, StoreError};

#[async_trait]
impl QueueStore for Unit<'_> {
    async fn insert_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.admits(queue)?;
        let name = (queue.company, queue.settings.name.clone());
        unless_taken::<Queue>(self.state().queues.contains(&queue.id), "id")?;
        unless_taken::<Queue>(self.state().queue_names.contains(&name), "name")?;
        let state = self.change()?;
        state.queue_names.insert(name, queue.id);
        state.queues.insert(queue.id, Arc::new(queue.clone()));
        Ok(())
    }

    async fn update_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().queues.get(&queue.id), queue)?);
        let name = (queue.company, queue.settings.name.clone());
        let owner = self.state().queue_names.get(&name);
        unless_taken::<Queue>(owner.is_some_and(|owner| *owner != queue.id), "name")?;
        let state = self.change()?;
        state.queue_names.remove(&(stored.company, stored.settings.name.clone()));
        state.queue_names.insert(name, queue.id);
        state.queues.insert(queue.id, Arc::new(queue.clone()));
        Ok(())
    }

    async fn delete_queue(&mut self, id: QueueId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(queue) = self.visible(self.state().queues.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.queues.remove(&id);
        state.queue_names.remove(&(queue.company, queue.settings.name));
        Ok(true)
    }

    async fn queue(&mut self, id: QueueId) -> Result<Option<Queue>, StoreError> {
        Ok(self.visible(self.state().queues.get(&id)))
    }

    async fn queues(&mut self) -> Result<Vec<Queue>, StoreError> {
        Ok(self.by_company(self.state().queues.values(), |queue| queue.id))
    }
}
