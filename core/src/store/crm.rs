//! The storage traits of clients.

use async_trait::async_trait;

use super::{ClientFilter, Listing, Page, StoreError};
use crate::client::{Client, ClientNote};
use crate::id::{ClientId, CompanyId};
use crate::phone::E164;

/// Whose a number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberOwner {
    /// The company that knows the client.
    pub company: CompanyId,
    /// The number.
    pub number: E164,
    /// The client who has had it longest, by id.
    pub client: ClientId,
}

/// Clients and the notes about them.
///
/// # Contract
/// Several clients of a company may share a number. Searching (`search` of a filter) finds what
/// [`Search::matches`](crate::search::Search::matches) says about [`Client::entries`], [`User::entries`](crate::people::User::entries)
/// or, of a call, about the names of its agent and client, its own [`entries`](crate::call::Call::entries) and its two numbers.
/// The total of a search for calls ends at [`TOTAL_MAX`](crate::search::TOTAL_MAX).
#[async_trait]
pub trait ClientStore: Send {
    /// Adds a client. Duplicate: `id`.
    async fn insert_client(&mut self, client: &Client) -> Result<(), StoreError>;
    /// Replaces a client.
    async fn update_client(&mut self, client: &Client) -> Result<(), StoreError>;
    /// Removes a client with the notes about them. Calls keep the id. `false` when there is none.
    async fn delete_client(&mut self, id: ClientId) -> Result<bool, StoreError>;
    /// Reads a client.
    async fn client(&mut self, id: ClientId) -> Result<Option<Client>, StoreError>;
    /// Reads clients, in order of id; those that do not exist are left out.
    async fn clients_by_ids(&mut self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError>;
    /// Lists clients.
    async fn clients(&mut self, filter: &ClientFilter, page: Page) -> Result<Listing<Client>, StoreError>;
    /// Whose these numbers are, in order of company and number; those that are nobody's are left out.
    async fn number_owners(&mut self, numbers: &[(CompanyId, E164)]) -> Result<Vec<NumberOwner>, StoreError>;
    /// The same, and makes every other unit of work that asks so for one of these numbers wait until this one ends.
    async fn number_owners_for_update(&mut self, numbers: &[(CompanyId, E164)])
    -> Result<Vec<NumberOwner>, StoreError>;
    /// Gives the calls with a client's numbers at their other end, as far as they have no client, this one: the newest 1,000.
    /// Counts their version. How many they were; none when the client is not in the scope.
    async fn link_calls(&mut self, client: ClientId) -> Result<u64, StoreError>;
    /// Adds a note. Duplicate: `id`. [`StoreError::OutOfScope`] when its client is not in the scope.
    async fn insert_client_note(&mut self, note: &ClientNote) -> Result<(), StoreError>;
    /// Lists the notes about a client.
    async fn client_notes(&mut self, client: ClientId, page: Page) -> Result<Listing<ClientNote>, StoreError>;
}
