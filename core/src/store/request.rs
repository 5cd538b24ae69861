//! The storage trait of requests that have their effect once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::once::{Claim, ClaimedRequest, RequestKey};

/// Requests that were executed, by their keys. They belong to nobody: the key says whose they are, and who does not know it finds
/// nothing, whatever the scope.
#[async_trait]
pub trait RequestStore: Send {
    /// Takes a request for the claim's holder: `true` when they have it now or had it before, `false` when another has it. Units of
    /// work that ask for the same request wait until this one ends.
    async fn claim_request(&mut self, claim: &Claim, at: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Reads a request.
    async fn request(&mut self, key: &RequestKey) -> Result<Option<ClaimedRequest>, StoreError>;
    /// Writes down what was answered. `false` when the claim's holder does not have the request.
    async fn answer_request(&mut self, claim: &Claim, answer: &[u8]) -> Result<bool, StoreError>;
    /// Removes requests that were taken before `before`; how many.
    async fn purge_requests(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}
