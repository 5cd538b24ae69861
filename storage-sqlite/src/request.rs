//! Requests that have their effect once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::once::{Claim, ClaimedRequest, RequestKey};
use dialplane_core::store::{RequestStore, StoreError};
use uuid::Uuid;

use crate::statement::Fields;
use crate::tx::SqliteRepo;

const TABLE: &str = "requests";

/// Changes the row of the same holder into itself, so that one change means that they have it.
const CLAIM: &str = "INSERT INTO requests (key, content, holder, at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (key) DO UPDATE SET holder = holder WHERE holder = excluded.holder";
pub(crate) const ONE: &str = "SELECT key, content, holder, at, answer FROM requests WHERE key = ?1";
const ANSWER: &str = "UPDATE requests SET answer = ?3 WHERE key = ?1 AND holder = ?2";
pub(crate) const PURGE: &str = "DELETE FROM requests WHERE at < ?1";

fn read(row: &mut Fields<'_>) -> Result<ClaimedRequest, StoreError> {
    Ok(ClaimedRequest {
        claim: Claim {
            key: RequestKey(row.bytes("key")?),
            content: row.bytes("content")?,
            holder: Uuid::from_bytes(row.bytes("holder")?),
        },
        at: row.time("at")?,
        answer: row.blob_opt("answer")?,
    })
}

#[async_trait]
impl RequestStore for SqliteRepo<'_> {
    async fn claim_request(&mut self, claim: &Claim, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let query = sqlx::query(CLAIM)
            .bind(claim.key.0.as_slice())
            .bind(claim.content.as_slice())
            .bind(claim.holder)
            .bind(at.timestamp_micros());
        Ok(self.change(query).await?.changed())
    }

    async fn request(&mut self, key: &RequestKey) -> Result<Option<ClaimedRequest>, StoreError> {
        self.fetch(sqlx::query(ONE).bind(key.0.as_slice())).await?.one(TABLE, read)
    }

    async fn answer_request(&mut self, claim: &Claim, answer: &[u8]) -> Result<bool, StoreError> {
        let query = sqlx::query(ANSWER).bind(claim.key.0.as_slice()).bind(claim.holder).bind(answer);
        Ok(self.change(query).await?.changed())
    }

    async fn purge_requests(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(self.change(sqlx::query(PURGE).bind(before.timestamp_micros())).await?.count())
    }
}
