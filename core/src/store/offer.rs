//! The storage trait of offers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::id::{CallId, NodeId, UserId};
use crate::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferClaim};

/// Who is offered which call, and who has it. An agent has at most one offer a slot, a call at most one offer an agent and at most
/// one that is accepted, whatever units of work run beside each other. An offer is of the company of its call.
///
/// Locks: calls before offers.
#[async_trait]
pub trait OfferStore: Send {
    /// Claims an agent for a call that has not ended and is carried by nobody or by the claim's node; in the agent's lowest free slot.
    /// Whoever has the claim already keeps it as it is. Units of work that claim the same agent, or end or accept the call, wait for
    /// each other.
    async fn claim_offer(&mut self, claim: &OfferClaim) -> Result<Result<(), ClaimRefused>, StoreError>;
    /// Gives a call to an agent who is offered it, releases all others of the call, and says who they are, in order of id. Nobody
    /// when the agent has it already. One who is too late is released.
    async fn accept_offer(
        &mut self,
        call: CallId,
        agent: UserId,
        at: DateTime<Utc>,
    ) -> Result<Result<Vec<UserId>, AcceptRefused>, StoreError>;
    /// Releases agents from calls, offered or accepted; how many.
    async fn release_offers(&mut self, offers: &[(CallId, UserId)]) -> Result<u64, StoreError>;
    /// Releases everybody from calls; how many.
    async fn release_offers_of_calls(&mut self, calls: &[CallId]) -> Result<u64, StoreError>;
    /// Releases everything that a node claimed, or that anybody claimed when `None`; how many.
    async fn release_offers_of_node(&mut self, node: Option<NodeId>) -> Result<u64, StoreError>;
    /// All offers of the scope, by company, agent and slot: what a router that begins anew has to know.
    async fn offers(&mut self) -> Result<Vec<Offer>, StoreError>;
}
