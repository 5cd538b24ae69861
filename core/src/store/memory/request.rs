//! Requests in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::Unit;
use crate::once::{Claim, ClaimedRequest, RequestKey};
use crate::store::{RequestStore, StoreError};

#[async_trait]
impl RequestStore for Unit<'_> {
    async fn claim_request(&mut self, claim: &Claim, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let state = self.change()?;
        if let Some(known) = state.requests.get(&claim.key) {
            return Ok(known.claim.holder == claim.holder);
        }
        state.requests.insert(claim.key, Arc::new(ClaimedRequest { claim: *claim, at, answer: None }));
        Ok(true)
    }

    async fn request(&mut self, key: &RequestKey) -> Result<Option<ClaimedRequest>, StoreError> {
        Ok(self.state().requests.get(key).map(|request| ClaimedRequest::clone(request)))
    }

    async fn answer_request(&mut self, claim: &Claim, answer: &[u8]) -> Result<bool, StoreError> {
        let state = self.change()?;
        let held = state.requests.get(&claim.key).filter(|known| known.claim.holder == claim.holder);
        let Some(known) = held else { return Ok(false) };
        let answered = ClaimedRequest { answer: Some(answer.to_vec()), ..ClaimedRequest::clone(known) };
        state.requests.insert(claim.key, Arc::new(answered));
        Ok(true)
    }

    async fn purge_requests(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let state = self.change()?;
        let old = state.requests.iter().filter(|(_, request)| request.at < before);
        let old: Vec<RequestKey> = old.map(|(key, _)| *key).collect();
        for key in &old {
            state.requests.remove(key);
        }
        Ok(old.len() as u64)
    }
}
