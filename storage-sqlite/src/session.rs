//! Sessions.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dialplane_core::id::{FamilyId, UserId};
use dialplane_core::people::Session;
use dialplane_core::people::password::TokenHash;
use dialplane_core::store::{SessionStore, StoreError};

use crate::statement::{Fields, Scoped, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "sessions";

macro_rules! columns {
    () => {
        "id, family_id, user_id, company_id, token, issued_at, expires_at, family_expires_at, used_at, revoked_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO sessions (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
pub(crate) const BY_TOKEN: Scoped = scoped!(["SELECT ", columns!(), " FROM sessions WHERE token = ?2"]);
const USE: Scoped = scoped!(["UPDATE sessions SET used_at = ?3 WHERE token = ?2"]);
const REVOKE_FAMILY: Scoped =
    scoped!(["UPDATE sessions SET revoked_at = ?3 WHERE family_id = ?2 AND revoked_at IS NULL"]);
const REVOKE_USER: Scoped = scoped!(["UPDATE sessions SET revoked_at = ?3 WHERE user_id = ?2 AND revoked_at IS NULL"]);
const PURGE: Scoped = scoped!(["DELETE FROM sessions WHERE family_expires_at < ?2"]);

fn read(row: &mut Fields<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.id("id")?,
        family: row.id("family_id")?,
        user: row.id("user_id")?,
        company: row.id("company_id")?,
        token: TokenHash(row.bytes("token")?),
        issued_at: row.time("issued_at")?,
        expires_at: row.time("expires_at")?,
        family_expires_at: row.time("family_expires_at")?,
        used_at: row.time_opt("used_at")?,
        revoked_at: row.time_opt("revoked_at")?,
    })
}

#[async_trait]
impl SessionStore for SqliteRepo<'_> {
    async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.admits(session.company)?;
        let query = sqlx::query(INSERT)
            .bind(session.id.as_uuid())
            .bind(session.family.as_uuid())
            .bind(session.user.as_uuid())
            .bind(session.company.as_uuid())
            .bind(session.token.0.as_slice())
            .bind(session.issued_at.timestamp_micros())
            .bind(session.expires_at.timestamp_micros())
            .bind(session.family_expires_at.timestamp_micros())
            .bind(session.used_at.map(|at| at.timestamp_micros()))
            .bind(session.revoked_at.map(|at| at.timestamp_micros()));
        self.change(query).await.map(|_| ())
    }

    async fn session_for_update(&mut self, token: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.change(self.scoped(&BY_TOKEN).bind(token.0.as_slice())).await?.one(TABLE, read)
    }

    async fn mark_session_used(&mut self, token: &TokenHash, at: DateTime<Utc>) -> Result<(), StoreError> {
        let query = self.scoped(&USE).bind(token.0.as_slice()).bind(at.timestamp_micros());
        self.change(query).await?.or_stale()
    }

    async fn revoke_family(&mut self, family: FamilyId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let query = self.scoped(&REVOKE_FAMILY).bind(family.as_uuid()).bind(at.timestamp_micros());
        Ok(self.change(query).await?.count())
    }

    async fn revoke_sessions(&mut self, user: UserId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let query = self.scoped(&REVOKE_USER).bind(user.as_uuid()).bind(at.timestamp_micros());
        Ok(self.change(query).await?.count())
    }

    async fn purge_sessions(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(self.change(self.scoped(&PURGE).bind(before.timestamp_micros())).await?.count())
    }
}
