//! Sessions: refresh tokens that are rotated at each use. A token that is used twice was stolen, and its whole family ends.

use chrono::{DateTime, TimeDelta, Utc};

use super::password::TokenHash;
use crate::error::refusal;
use crate::id::{CompanyId, FamilyId, SessionId, UserId};

/// One refresh token, stored by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The login it descends from.
    pub family: FamilyId,
    /// Whose it is.
    pub user: UserId,
    /// The user's company.
    pub company: CompanyId,
    /// The hash of the token.
    pub token: TokenHash,
    /// When it was given out.
    pub issued_at: DateTime<Utc>,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
    /// When the whole family stops working, however often it is refreshed (ASVS 10.4.8).
    pub family_expires_at: DateTime<Utc>,
    /// When it was exchanged for the next one.
    pub used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLife {
    /// A refresh token that is not used dies after this.
    pub idle: TimeDelta,
    /// A login ends after this, however often it is refreshed.
    pub absolute: TimeDelta,
}

impl Default for SessionLife {
    fn default() -> Self {
        Self { idle: TimeDelta::days(7), absolute: TimeDelta::days(30) }
    }
}

/// Why a refresh token was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefused {
    /// No such token, or it has expired or was revoked, or its user may not sign in any more.
    #[error("this session is not valid any more: sign in again")]
    Invalid,
    /// The token was used before: its family has been revoked.
    #[error("this session was used twice and has been closed: sign in again")]
    Reused,
}

refusal!(SessionRefused {
    Self::Invalid => Unauthenticated, "invalid_session";
    Self::Reused => Unauthenticated, "session_reused";
});

impl Session {
    /// The first token of a login.
    #[must_use]
    pub fn open(
        id: SessionId,
        family: FamilyId,
        user: (UserId, CompanyId),
        token: TokenHash,
        life: SessionLife,
        now: DateTime<Utc>,
    ) -> Self {
        let family_expires_at = now + life.absolute;
        Self {
            id,
            family,
            user: user.0,
            company: user.1,
            token,
            issued_at: now,
            expires_at: (now + life.idle).min(family_expires_at),
            family_expires_at,
            used_at: None,
            revoked_at: None,
        }
    }

    /// Exchanges this token for the next one of its family: returns the spent token and its successor.
    ///
    /// # Errors
    /// [`SessionRefused::Reused`] when it was exchanged before (the caller revokes the family), [`SessionRefused::Invalid`]
    /// when it has expired or was revoked.
    pub fn rotate(
        self,
        id: SessionId,
        token: TokenHash,
        life: SessionLife,
        now: DateTime<Utc>,
    ) -> Result<(Self, Self), SessionRefused> {
        if self.revoked_at.is_some() || now >= self.expires_at {
            return Err(SessionRefused::Invalid);
        }
        if self.used_at.is_some() {
            return Err(SessionRefused::Reused);
        }
        let next =
            Self { id, token, issued_at: now, expires_at: (now + life.idle).min(self.family_expires_at), ..self };
        Ok((Self { used_at: Some(now), ..self }, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn session() -> (Session, SeededIds) {
        let source = SeededIds::new(5);
        let ids: &dyn IdSource = &source;
        let t = DateTime::UNIX_EPOCH;
        let session =
            Session::open(ids.id(t), ids.id(t), (ids.id(t), ids.id(t)), TokenHash::of("a"), SessionLife::default(), t);
        (session, source)
    }

    #[test]
    fn a_token_works_once() {
        let (first, source) = session();
        let ids: &dyn IdSource = &source;
        let t = first.issued_at;
        let (spent, next) = first.rotate(ids.id(t), TokenHash::of("b"), SessionLife::default(), t).unwrap();
        assert_eq!(next.family, spent.family);
        let again = spent.rotate(ids.id(t), TokenHash::of("c"), SessionLife::default(), t);
        assert_eq!(again.unwrap_err(), SessionRefused::Reused);
    }

    #[test]
    fn a_family_has_an_end_however_often_it_is_refreshed() {
        let (mut session, source) = session();
        let ids: &dyn IdSource = &source;
        let mut now = session.issued_at;
        let mut refreshed = 0;
        loop {
            now += TimeDelta::days(6);
            match session.clone().rotate(ids.id(now), TokenHash::of("x"), SessionLife::default(), now) {
                Ok((_, next)) => (session, refreshed) = (next, refreshed + 1),
                Err(refused) => break assert_eq!((refused, refreshed), (SessionRefused::Invalid, 4)),
            }
        }
    }
}
