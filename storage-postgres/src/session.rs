//! Sessions: refresh tokens by their hash.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{FamilyId, UserId};
use dialplane_core::people::Session;
use dialplane_core::people::password::TokenHash;
use dialplane_core::store::{SessionStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::tx::{Fields, Link, PgRepo, instant_bound, within};

macro_rules! columns {
    () => {
        "id, family_id, user_id, company_id, token, issued_at, expires_at, family_expires_at, used_at, revoked_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO sessions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(token = $2) FROM sessions WHERE id = $1 OR token = $2";
const BY_TOKEN_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM sessions WHERE token = $2 AND ", within!("company_id"), " FOR UPDATE");
const MARK_USED: &str = concat!("UPDATE sessions SET used_at = $3 WHERE token = $2 AND ", within!("company_id"));
const REVOKE_FAMILY: &str = concat!(
    "UPDATE sessions SET revoked_at = $3 WHERE family_id = $2 AND revoked_at IS NULL AND ",
    within!("company_id")
);
const REVOKE_USER: &str = concat!(
    "UPDATE sessions SET revoked_at = $3 WHERE user_id = $2 AND revoked_at IS NULL AND ",
    within!("company_id")
);
const PURGE: &str = concat!("DELETE FROM sessions WHERE family_expires_at < $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Session, StoreError> {
    let mut fields = Fields::of(row, "sessions");
    Ok(Session {
        id: fields.id("id")?,
        family: fields.id("family_id")?,
        user: fields.id("user_id")?,
        company: fields.id("company_id")?,
        token: {
            let bytes = fields.get::<&[u8]>("token")?;
            TokenHash(bytes.try_into().map_err(|_| fields.corrupt("token"))?)
        },
        issued_at: fields.get("issued_at")?,
        expires_at: fields.get("expires_at")?,
        family_expires_at: fields.get("family_expires_at")?,
        used_at: fields.get("used_at")?,
        revoked_at: fields.get("revoked_at")?,
    })
}

#[async_trait]
impl<L: Link> SessionStore for PgRepo<L> {
    async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.admit(session.company)?;
        let insert = query(INSERT)
            .bind(session.id.as_uuid())
            .bind(session.family.as_uuid())
            .bind(session.user.as_uuid())
            .bind(session.company.as_uuid())
            .bind(&session.token.0[..])
            .bind(session.issued_at)
            .bind(session.expires_at)
            .bind(session.family_expires_at)
            .bind(session.used_at)
            .bind(session.revoked_at);
        let clash = query(CLASH).bind(session.id.as_uuid()).bind(&session.token.0[..]);
        self.insert("session", &["id", "token"], insert, clash).await
    }

    async fn session_for_update(&mut self, token: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_TOKEN_LOCKED).bind(self.company_filter()).bind(&token.0[..])).await?;
        row.as_ref().map(read).transpose()
    }

    async fn mark_session_used(&mut self, token: &TokenHash, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.may_write()?;
        self.replace(query(MARK_USED).bind(self.company_filter()).bind(&token.0[..]).bind(at)).await
    }

    async fn revoke_family(&mut self, family: FamilyId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(REVOKE_FAMILY).bind(self.company_filter()).bind(family.as_uuid()).bind(at)).await
    }

    async fn revoke_sessions(&mut self, user: UserId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(REVOKE_USER).bind(self.company_filter()).bind(user.as_uuid()).bind(at)).await
    }

    async fn purge_sessions(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        self.run(query(PURGE).bind(self.company_filter()).bind(instant_bound(before))).await
    }
}
