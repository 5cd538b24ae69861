//! Offers in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::State;
use super::unit::Unit;
use crate::id::{CallId, CompanyId, NodeId, UserId};
use crate::queue::claim::{AcceptRefused, ClaimRefused, Offer, OfferClaim, OfferState, Standing};
use crate::store::{OfferStore, StoreError};

type Key = (CompanyId, UserId, u8);

fn of_call(state: &State, call: CallId) -> impl Iterator<Item = (Key, &Offer)> {
    state.offers.iter().filter(move |(_, offer)| offer.call == call).map(|(key, offer)| (*key, &**offer))
}

impl Unit<'_> {
    fn remove_offers(&mut self, gone: impl Fn(&Offer) -> bool) -> Result<u64, StoreError> {
        self.may_write()?;
        let gone = self.state().offers.iter().filter(|(_, offer)| self.sees(offer.company) && gone(offer));
        let gone: Vec<Key> = gone.map(|(key, _)| *key).collect();
        let state = self.change()?;
        gone.iter().for_each(|key| drop(state.offers.remove(key)));
        Ok(gone.len() as u64)
    }
}

#[async_trait]
impl OfferStore for Unit<'_> {
    async fn claim_offer(&mut self, claim: &OfferClaim) -> Result<Result<(), ClaimRefused>, StoreError> {
        self.may_write()?;
        let call = self.visible(self.state().calls.get(&claim.call)).filter(|call| !call.status.is_final());
        let offers = || of_call(self.state(), claim.call).map(|(_, offer)| offer);
        let standing = call.as_ref().map(|call| Standing {
            carrier: call.node,
            held: offers().find(|offer| offer.agent == claim.agent).map(|own| own.node),
            is_taken: offers().any(|offer| offer.state == OfferState::Accepted),
        });
        if let Some(judged) = claim.judge(standing) {
            return Ok(judged);
        }
        let Some(call) = call else { return Ok(Err(ClaimRefused::NotWaiting)) };
        let is_free = |slot: &u8| !self.state().offers.contains(&(call.company, claim.agent, *slot));
        let Some(slot) = (0..claim.capacity).find(is_free) else { return Ok(Err(ClaimRefused::AgentBusy)) };
        let offer = Offer {
            company: call.company,
            call: claim.call,
            agent: claim.agent,
            slot,
            node: claim.node,
            state: OfferState::Offered,
            at: claim.at,
        };
        self.change()?.offers.insert((call.company, claim.agent, slot), Arc::new(offer));
        Ok(Ok(()))
    }

    async fn accept_offer(
        &mut self,
        call: CallId,
        agent: UserId,
        at: DateTime<Utc>,
    ) -> Result<Result<Vec<UserId>, AcceptRefused>, StoreError> {
        self.may_write()?;
        let visible = of_call(self.state(), call).filter(|(_, offer)| self.sees(offer.company));
        let (own, others): (Vec<_>, Vec<_>) =
            visible.map(|(key, offer)| (key, offer.clone())).partition(|(_, offer)| offer.agent == agent);
        let Some((key, own)) = own.into_iter().next() else { return Ok(Err(AcceptRefused::NotOffered)) };
        if own.state == OfferState::Accepted {
            return Ok(Ok(Vec::new()));
        }
        let is_late = others.iter().any(|(_, offer)| offer.state == OfferState::Accepted);
        let state = self.change()?;
        if is_late {
            state.offers.remove(&key);
            return Ok(Err(AcceptRefused::TooLate));
        }
        state.offers.insert(key, Arc::new(Offer { state: OfferState::Accepted, at, ..own }));
        others.iter().for_each(|(key, _)| drop(state.offers.remove(key)));
        Ok(Ok(others.into_iter().map(|(_, offer)| offer.agent).collect()))
    }

    async fn release_offers(&mut self, offers: &[(CallId, UserId)]) -> Result<u64, StoreError> {
        self.remove_offers(|offer| offers.contains(&(offer.call, offer.agent)))
    }

    async fn release_offers_of_calls(&mut self, calls: &[CallId]) -> Result<u64, StoreError> {
        self.remove_offers(|offer| calls.contains(&offer.call))
    }

    async fn release_offers_of_node(&mut self, node: Option<NodeId>) -> Result<u64, StoreError> {
        self.remove_offers(|offer| node.is_none() || offer.node == node)
    }

    async fn offers(&mut self) -> Result<Vec<Offer>, StoreError> {
        Ok(self
            .state()
            .offers
            .values()
            .filter(|offer| self.sees(offer.company))
            .map(|offer| Offer::clone(offer))
            .collect())
    }
}
