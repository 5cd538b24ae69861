//! Calls and their timelines in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::call::{Call, CallEvent};
use crate::id::{CallId, NodeId, QueueId, UserId};
use crate::search::{Entries, Search, TOTAL_MAX};
use crate::store::{CallFilter, CallStore, Listing, Page, StoreError};

/// Rows of [`CallStore::open_calls`], at most.
const OPEN_MAX: usize = 1_000;

#[async_trait]
impl CallStore for Unit<'_> {
    async fn insert_calls(&mut self, calls: &[Call]) -> Result<(), StoreError> {
        let mut own = BTreeSet::new();
        for call in calls {
            self.admits(call)?;
            unless_taken::<Call>(self.state().calls.contains(&call.id) || !own.insert(call.id), "id")?;
        }
        let state = self.change()?;
        calls.iter().for_each(|call| put(state, call));
        Ok(())
    }

    async fn update_call(&mut self, call: &Call) -> Result<(), StoreError> {
        self.follows(self.state().calls.get(&call.id), call)?;
        put(self.change()?, call);
        Ok(())
    }

    async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        Ok(self.visible(self.state().calls.get(&id)))
    }

    async fn call_for_update(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.may_write()?;
        self.call(id).await
    }

    async fn delete_call(&mut self, id: CallId) -> Result<bool, StoreError> {
        self.may_write()?;
        let call = self.visible(self.state().calls.get(&id)).filter(|call| call.status.is_final());
        if call.is_none() {
            return Ok(false);
        }
        let timeline = self.state().timelines.from(&(id, 0)).take_while(|((own, _), _)| *own == id);
        let timeline: Vec<(CallId, u32)> = timeline.map(|(key, _)| *key).collect();
        let state = self.change()?;
        timeline.iter().for_each(|key| drop(state.timelines.remove(key)));
        state.calls.remove(&id);
        super::carrier::forget(state, id);
        super::recording::forget(state, id);
        super::flow_trace::forget(state, id);
        super::voicemail::forget(state, id);
        Ok(true)
    }

    async fn call_span(&mut self, agent: UserId) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, StoreError> {
        let calls = self.state().calls.values().filter(|call| self.sees(call.company));
        let ended = calls.filter(|call| call.agent == Some(agent) && call.status.is_final());
        let starts: Vec<_> = ended.map(|call| call.started_at).collect();
        Ok(starts.iter().min().copied().zip(starts.iter().max().copied()))
    }

    async fn calls(&mut self, filter: &CallFilter, page: Page) -> Result<Listing<Call>, StoreError> {
        let calls = &self.state().calls;
        let fits = |call: &Call| {
            matches(filter, call) && filter.search.as_ref().is_none_or(|search| found(self.state(), search, call))
        };
        let mut listing = match filter.before {
            Some(before) => self.listing(calls.before(&before).rev().map(|(_, call)| call), page, fits),
            None => self.listing(calls.values().rev(), page, fits),
        };
        if filter.search.is_some() {
            listing.total = listing.total.min(TOTAL_MAX);
        }
        Ok(listing)
    }

    async fn open_calls(&mut self, node: Option<NodeId>) -> Result<Vec<Call>, StoreError> {
        let open = self.state().open_calls.iter().filter_map(|(id, ())| self.visible(self.state().calls.get(id)));
        Ok(open.filter(|call| node.is_none() || call.node == node).take(OPEN_MAX).collect())
    }

    async fn append_call_events(&mut self, events: &[CallEvent]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut own = BTreeSet::new();
        for event in events {
            if self.visible(self.state().calls.get(&event.call)).is_none() {
                return Err(StoreError::OutOfScope);
            }
            let key = (event.call, event.seq);
            if self.state().timelines.contains(&key) || !own.insert(key) {
                return Err(StoreError::Duplicate { entity: "call_event", constraint: "seq" });
            }
        }
        let state = self.change()?;
        for event in events {
            state.timelines.insert((event.call, event.seq), Arc::new(event.clone()));
        }
        Ok(())
    }

    async fn call_events(&mut self, call: CallId) -> Result<Vec<CallEvent>, StoreError> {
        if self.visible(self.state().calls.get(&call)).is_none() {
            return Ok(Vec::new());
        }
        let timeline = self.state().timelines.from(&(call, 0)).take_while(|((own, _), _)| *own == call);
        Ok(timeline.map(|(_, event)| CallEvent::clone(event)).collect())
    }

    async fn timelines(&mut self, calls: &[CallId]) -> Result<Vec<CallEvent>, StoreError> {
        let mut events = Vec::new();
        for call in calls.iter().collect::<BTreeSet<_>>() {
            events.extend(self.call_events(*call).await?);
        }
        Ok(events)
    }

    async fn queue_visits(
        &mut self,
        queue: QueueId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        page: Page,
    ) -> Result<Listing<CallEvent>, StoreError> {
        let queue = serde_json::to_value(queue).unwrap_or_default();
        let fits = |event: &&Arc<CallEvent>| {
            let sees = self.state().calls.get(&event.call).is_some_and(|call| self.sees(call.company));
            sees && event.kind == "queued" && event.data.get("queue") == Some(&queue) && (from..to).contains(&event.at)
        };
        let mut found: Vec<CallEvent> =
            self.state().timelines.values().filter(fits).map(|event| CallEvent::clone(event)).collect();
        found.sort_by_key(|event| (event.at, event.call, event.seq));
        let total = found.len() as u64;
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        Ok(Listing { items: found.into_iter().skip(offset).take(page.limit as usize).collect(), total })
    }
}

fn put(state: &mut State, call: &Call) {
    if call.status.is_final() {
        state.open_calls.remove(&call.id);
    } else {
        state.open_calls.insert(call.id, ());
    }
    state.calls.insert(call.id, Arc::new(call.clone()));
}

/// Whether a search finds a call: by the names of its people, what was written about it, or its numbers.
fn found(state: &State, search: &Search, call: &Call) -> bool {
    let agent = call.agent.and_then(|id| state.users.get(&id)).map(|user| user.entries()).unwrap_or_default();
    let client = call.client.and_then(|id| state.clients.get(&id)).map(|client| client.entries()).unwrap_or_default();
    let lead = call.lead.and_then(|id| state.leads.get(&id)).map(|lead| lead.entries()).unwrap_or_default();
    let (people, own) = ([agent, client, lead], call.entries());
    let word = |word: &str| {
        people.iter().any(|entries| entries.has_word(Entries::NAME, word)) || own.has_word(Entries::TEXT, word)
    };
    search.matches(word, |start| [&call.from, &call.to].iter().any(|end| end.expose().starts_with(start)))
}

fn matches(filter: &CallFilter, call: &Call) -> bool {
    filter.agent.is_none_or(|agent| call.agent == Some(agent))
        && filter.status.is_none_or(|status| call.status == status)
        && filter.direction.is_none_or(|direction| call.direction == direction)
        && filter.number.is_none_or(|number| call.number == Some(number))
        && filter.queue.is_none_or(|queue| call.queue == Some(queue))
        && filter.lead.is_none_or(|lead| call.lead == Some(lead))
        && filter.client.is_none_or(|client| call.client == Some(client))
        && filter.outcome.as_ref().is_none_or(|outcome| call.outcome.as_ref() == Some(outcome))
        && filter
            .party
            .as_ref()
            .is_none_or(|number| [&call.from, &call.to].iter().any(|end| end.expose() == number.as_str()))
        && filter.from.is_none_or(|from| call.started_at >= from)
        && filter.to.is_none_or(|to| call.started_at < to)
}
