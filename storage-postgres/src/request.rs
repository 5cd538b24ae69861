//! Requests that have their effect once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::once::{Claim, ClaimedRequest, RequestKey};
use dialplane_core::store::{RequestStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::tx::{Fields, Link, PgRepo, instant_bound};

/// Waits for others that insert the same key; changes the row of the same holder into itself, so that one change means that they
/// have it.
const CLAIM: &str = "INSERT INTO requests (key, content, holder, at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (key) DO UPDATE SET holder = excluded.holder WHERE requests.holder = excluded.holder";
const ONE: &str = "SELECT key, content, holder, at, answer FROM requests WHERE key = $1";
const ANSWER: &str = "UPDATE requests SET answer = $3 WHERE key = $1 AND holder = $2";
const PURGE: &str = "DELETE FROM requests WHERE at < $1";

fn read(row: &PgRow) -> Result<ClaimedRequest, StoreError> {
    let mut fields = Fields::of(row, "requests");
    let (key, content) = (fields.get::<&[u8]>("key")?, fields.get::<&[u8]>("content")?);
    Ok(ClaimedRequest {
        claim: Claim {
            key: RequestKey(key.try_into().map_err(|_| fields.corrupt("key"))?),
            content: content.try_into().map_err(|_| fields.corrupt("content"))?,
            holder: fields.get("holder")?,
        },
        at: fields.get("at")?,
        answer: fields.get("answer")?,
    })
}

#[async_trait]
impl<L: Link> RequestStore for PgRepo<L> {
    async fn claim_request(&mut self, claim: &Claim, at: DateTime<Utc>) -> Result<bool, StoreError> {
        self.may_write()?;
        let claimed = query(CLAIM).bind(&claim.key.0[..]).bind(&claim.content[..]).bind(claim.holder).bind(at);
        Ok(self.run(claimed).await? > 0)
    }

    async fn request(&mut self, key: &RequestKey) -> Result<Option<ClaimedRequest>, StoreError> {
        self.one(query(ONE).bind(&key.0[..])).await?.as_ref().map(read).transpose()
    }

    async fn answer_request(&mut self, claim: &Claim, answer: &[u8]) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(ANSWER).bind(&claim.key.0[..]).bind(claim.holder).bind(answer)).await? > 0)
    }

    async fn purge_requests(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(PURGE).bind(instant_bound(before))).await
    }
}
