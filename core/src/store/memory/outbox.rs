//! The outbox in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::Unit;
use crate::event::Envelope;
use crate::id::EventId;
use crate::store::{EventFilter, Outbox, StoreError};

#[async_trait]
impl Outbox for Unit<'_> {
    async fn append_events(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut own = BTreeSet::new();
        for event in events {
            if !self.sees(event.company) {
                return Err(StoreError::OutOfScope);
            }
            if self.state().event_ids.contains(&event.id) || !own.insert(event.id) {
                return Err(StoreError::Duplicate { entity: "event", constraint: "id" });
            }
        }
        let state = self.change()?;
        for event in events {
            state.last_seq += 1;
            let seq = state.last_seq;
            state.event_ids.insert(event.id, seq);
            state.waiting.insert(seq, None);
            state.events.insert(seq, Arc::new(Envelope { seq, ..event.clone() }));
        }
        Ok(())
    }

    async fn claim_events(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Envelope>, StoreError> {
        self.may_write()?;
        let free = self.state().waiting.iter().filter(|(_, lease)| lease.is_none_or(|until| until <= now));
        let events = free.filter_map(|(seq, _)| self.state().events.get(seq)).filter(|event| self.sees(event.company));
        let claimed: Vec<Envelope> = events.take(limit as usize).map(|event| Envelope::clone(event)).collect();
        let state = self.change()?;
        for event in &claimed {
            if let Some(lease) = state.waiting.get_mut(&event.seq) {
                *lease = Some(lease_until);
            }
        }
        Ok(claimed)
    }

    async fn mark_delivered(&mut self, events: &[EventId], _at: DateTime<Utc>) -> Result<(), StoreError> {
        self.may_write()?;
        let known = events.iter().filter_map(|id| self.state().event_ids.get(id).copied());
        let visible = |seq: &u64| self.state().events.get(seq).is_some_and(|event| self.sees(event.company));
        let delivered: Vec<u64> = known.filter(visible).collect();
        let state = self.change()?;
        for seq in delivered {
            state.waiting.remove(&seq);
        }
        Ok(())
    }

    async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let later = self.state().events.from(&after.saturating_add(1)).map(|(_, event)| event);
        let own = later.filter(|event| self.sees(event.company));
        Ok(own.take(limit as usize).map(|event| Envelope::clone(event)).collect())
    }

    async fn events_head(&mut self) -> Result<u64, StoreError> {
        let mut all = self.state().events.from(&0);
        let newest = all.rfind(|(_, event)| self.sees(event.company));
        Ok(newest.map_or(0, |(seq, _)| *seq))
    }

    async fn find_events(&mut self, filter: &EventFilter, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        let before = filter.before.unwrap_or(u64::MAX);
        let passes = |event: &Envelope| {
            filter.actor.is_none_or(|actor| actor == event.actor)
                && filter.name.as_deref().is_none_or(|name| name == event.event.name())
                && filter.from.is_none_or(|from| event.at >= from)
                && filter.to.is_none_or(|to| event.at < to)
        };
        let newest_first = self.state().events.before(&before).rev().map(|(_, event)| event);
        let found = newest_first.filter(|event| self.sees(event.company) && passes(event));
        Ok(found.take(limit as usize).map(|event| Envelope::clone(event)).collect())
    }

    async fn purge_events(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.may_write()?;
        let own = self.state().events.values().filter(|event| self.sees(event.company)).take(limit as usize);
        let over = own.filter(|event| event.at < before && !self.state().waiting.contains(&event.seq));
        let over: Vec<(u64, EventId)> = over.map(|event| (event.seq, event.id)).collect();
        let state = self.change()?;
        for (seq, id) in &over {
            state.events.remove(seq);
            state.event_ids.remove(id);
        }
        Ok(over.len() as u64)
    }
}
