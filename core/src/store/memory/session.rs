//! Sessions in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, unless_taken};
use crate::id::{FamilyId, UserId};
use crate::people::Session;
use crate::people::password::TokenHash;
use crate::store::{SessionStore, StoreError};

#[async_trait]
impl SessionStore for Unit<'_> {
    async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.admits(session)?;
        unless_taken::<Session>(self.state().session_ids.contains(&session.id), "id")?;
        unless_taken::<Session>(self.state().sessions.contains(&session.token.0), "token")?;
        let state = self.change()?;
        state.session_ids.insert(session.id, session.token.0);
        state.sessions.insert(session.token.0, Arc::new(session.clone()));
        Ok(())
    }

    async fn session_for_update(&mut self, token: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.may_write()?;
        Ok(self.visible(self.state().sessions.get(&token.0)))
    }

    async fn mark_session_used(&mut self, token: &TokenHash, at: DateTime<Utc>) -> Result<(), StoreError> {
        let session = self.session_for_update(token).await?.ok_or(StoreError::Stale)?;
        self.change()?.sessions.insert(token.0, Arc::new(Session { used_at: Some(at), ..session }));
        Ok(())
    }

    async fn revoke_family(&mut self, family: FamilyId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.revoke(at, |session| session.family == family)
    }

    async fn revoke_sessions(&mut self, user: UserId, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.revoke(at, |session| session.user == user)
    }

    async fn purge_sessions(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let over = self.sessions_where(|session| session.family_expires_at < before);
        let state = self.change()?;
        for session in &over {
            state.sessions.remove(&session.token.0);
            state.session_ids.remove(&session.id);
        }
        Ok(over.len() as u64)
    }
}

impl Unit<'_> {
    fn sessions_where(&self, keep: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        self.state().sessions.values().filter(|session| self.sees(session.company) && keep(session)).cloned().collect()
    }

    fn revoke(&mut self, at: DateTime<Utc>, of: impl Fn(&Session) -> bool) -> Result<u64, StoreError> {
        let left = self.sessions_where(|session| session.revoked_at.is_none() && of(session));
        let state = self.change()?;
        for session in &left {
            let revoked = Session { revoked_at: Some(at), ..Session::clone(session) };
            state.sessions.insert(session.token.0, Arc::new(revoked));
        }
        Ok(left.len() as u64)
    }
}
