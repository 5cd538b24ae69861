//! Clients and the notes about them in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use super::unit::{Unit, unless_taken};
use crate::call::Call;
use crate::client::{Client, ClientNote};
use crate::id::{ClientId, CompanyId};
use crate::phone::E164;
use crate::search::label;
use crate::store::{ClientFilter, ClientStore, Listing, NumberOwner, Page, StoreError};

/// Calls of [`ClientStore::link_calls`], at most.
const LINKED_MAX: usize = 1_000;

fn put(state: &mut State, client: &Client) {
    for number in client.numbers() {
        state.client_numbers.insert((client.company, number.clone(), client.id), ());
    }
    state.clients.insert(client.id, Arc::new(client.clone()));
}

fn forget_numbers(state: &mut State, client: &Client) {
    for number in client.numbers() {
        state.client_numbers.remove(&(client.company, number.clone(), client.id));
    }
}

fn matches(filter: &ClientFilter, client: &Client) -> bool {
    filter.owner.is_none_or(|owner| client.profile.owner == Some(owner))
        && filter.tag.as_ref().is_none_or(|tag| client.profile.tags.iter().any(|own| label(own) == label(tag)))
        && filter.search.as_ref().is_none_or(|search| search.finds(&client.entries()))
}

#[async_trait]
impl ClientStore for Unit<'_> {
    async fn insert_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.admits(client)?;
        unless_taken::<Client>(self.state().clients.contains(&client.id), "id")?;
        put(self.change()?, client);
        Ok(())
    }

    async fn update_client(&mut self, client: &Client) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().clients.get(&client.id), client)?);
        let state = self.change()?;
        forget_numbers(state, &stored);
        put(state, client);
        Ok(())
    }

    async fn delete_client(&mut self, id: ClientId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(client) = self.visible(self.state().clients.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.clients.remove(&id);
        forget_numbers(state, &client);
        let first = crate::id::Id::from_uuid(uuid::Uuid::nil());
        let notes: Vec<_> =
            state.client_notes.from(&(id, first)).map(|(key, _)| *key).take_while(|(own, _)| *own == id).collect();
        for key in notes {
            state.client_notes.remove(&key);
            state.client_note_ids.remove(&key.1);
        }
        Ok(true)
    }

    async fn client(&mut self, id: ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.visible(self.state().clients.get(&id)))
    }

    async fn clients_by_ids(&mut self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: BTreeSet<&ClientId> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| self.visible(self.state().clients.get(id))).collect())
    }

    async fn clients(&mut self, filter: &ClientFilter, page: Page) -> Result<Listing<Client>, StoreError> {
        let clients = &self.state().clients;
        Ok(match filter.before {
            Some(before) => {
                let older = clients.before(&before).rev().map(|(_, client)| client);
                self.listing(older, page, |client| matches(filter, client))
            }
            None => self.listing(clients.values().rev(), page, |client| matches(filter, client)),
        })
    }

    async fn number_owners(&mut self, numbers: &[(CompanyId, E164)]) -> Result<Vec<NumberOwner>, StoreError> {
        let asked: BTreeSet<&(CompanyId, E164)> = numbers.iter().filter(|(company, _)| self.sees(*company)).collect();
        let nobody = crate::id::Id::from_uuid(uuid::Uuid::nil());
        let owner = |(company, number): &(CompanyId, E164)| {
            let first = self.state().client_numbers.from(&(*company, number.clone(), nobody)).next();
            let (found, ()) = first.filter(|((own, text, _), ())| own == company && text == number)?;
            Some(NumberOwner { company: *company, number: number.clone(), client: found.2 })
        };
        Ok(asked.into_iter().filter_map(owner).collect())
    }

    async fn number_owners_for_update(
        &mut self,
        numbers: &[(CompanyId, E164)],
    ) -> Result<Vec<NumberOwner>, StoreError> {
        self.may_write()?;
        self.number_owners(numbers).await
    }

    async fn link_calls(&mut self, client: ClientId) -> Result<u64, StoreError> {
        self.may_write()?;
        let Some(client) = self.visible(self.state().clients.get(&client)) else { return Ok(0) };
        let numbers = client.numbers();
        let fits = |call: &&Arc<Call>| {
            call.company == client.company
                && call.client.is_none()
                && call.outside().is_some_and(|number| numbers.contains(&&number))
        };
        let calls: Vec<Arc<Call>> =
            self.state().calls.values().rev().filter(fits).take(LINKED_MAX).map(Arc::clone).collect();
        let state = self.change()?;
        for call in &calls {
            let linked = Call { client: Some(client.id), version: call.version + 1, ..Call::clone(call) };
            state.calls.insert(call.id, Arc::new(linked));
        }
        Ok(calls.len() as u64)
    }

    async fn insert_client_note(&mut self, note: &ClientNote) -> Result<(), StoreError> {
        self.admits(note)?;
        let client = self.visible(self.state().clients.get(&note.client));
        if client.is_none_or(|client| client.company != note.company) {
            return Err(StoreError::OutOfScope);
        }
        unless_taken::<ClientNote>(self.state().client_note_ids.contains(&note.id), "id")?;
        let state = self.change()?;
        state.client_note_ids.insert(note.id, ());
        state.client_notes.insert((note.client, note.id), Arc::new(note.clone()));
        Ok(())
    }

    async fn client_notes(&mut self, client: ClientId, page: Page) -> Result<Listing<ClientNote>, StoreError> {
        let first = crate::id::Id::from_uuid(uuid::Uuid::nil());
        let own: Vec<_> =
            self.state().client_notes.from(&(client, first)).take_while(|((own, _), _)| *own == client).collect();
        Ok(self.listing(own.into_iter().rev().map(|(_, note)| note), page, |_| true))
    }
}
