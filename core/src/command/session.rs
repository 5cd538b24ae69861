//! Sessions: sign-in, refresh, sign-out. They run as the system, because who signs in is nobody yet.

use async_trait::async_trait;

use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::UserId;
use crate::people::password::TokenHash;
use crate::people::session::{SessionLife, SessionRefused};
use crate::people::{Session, User};
use crate::scope::Permission;
use crate::store::Repo;

/// Opens a session for a user whose password was checked.
#[derive(Debug, Clone, Copy)]
pub struct OpenSession {
    /// Who signs in.
    pub user: UserId,
    /// The hash of the refresh token.
    pub token: TokenHash,
    /// How long sessions live.
    pub life: SessionLife,
}

#[async_trait]
impl Command for OpenSession {
    type Output = User;
    type Refused = SessionRefused;
    const NAME: &'static str = "open_session";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<User, Failure<SessionRefused>> {
        let user = signed_in_user(repo, self.user).await?.ok_or(SessionRefused::Invalid)?;
        let owner = (user.id, user.company);
        let session = Session::open(cx.id(), cx.id(), owner, self.token, self.life, cx.now());
        repo.insert_session(&session).await?;
        cx.emit_of(user.id, user.company, Event::SessionOpened { user: user.id });
        Ok(user)
    }
}

/// Remembers that somebody was refused who wanted to sign in as a user: the audit log shows who is being guessed at.
#[derive(Debug, Clone, Copy)]
pub struct RefuseSession {
    /// As whom.
    pub user: UserId,
}

#[async_trait]
impl Command for RefuseSession {
    type Output = ();
    type Refused = SessionRefused;
    const NAME: &'static str = "refuse_session";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<SessionRefused>> {
        let user = repo.user(self.user).await?.ok_or(SessionRefused::Invalid)?;
        cx.emit(user.company, Event::SessionRefused { user: user.id });
        Ok(())
    }
}

/// A user who may be signed in: active, in an active company.
async fn signed_in_user<R>(repo: &mut dyn Repo, id: UserId) -> Result<Option<User>, Failure<R>> {
    let Some(user) = repo.user(id).await?.filter(|user| user.is_active) else { return Ok(None) };
    let company = repo.company(user.company).await?;
    Ok(company.filter(|company| company.is_active).map(|_| user))
}

/// Exchanges a refresh token for the next one.
#[derive(Debug, Clone, Copy)]
pub struct RefreshSession {
    /// The hash of the token that is given in.
    pub token: TokenHash,
    /// The hash of the one that is given out.
    pub next: TokenHash,
    /// How long sessions live.
    pub life: SessionLife,
}

/// What became of a refresh. A reused token is no failure of the command: its family is revoked, and that must be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The session goes on.
    Rotated {
        /// Whose it is.
        user: Box<User>,
    },
    /// The token had been used before; its family has been revoked.
    Reused,
    /// There is no such session any more.
    Invalid,
}

#[async_trait]
impl Command for RefreshSession {
    type Output = Refreshed;
    type Refused = SessionRefused;
    const NAME: &'static str = "refresh_session";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Refreshed, Failure<SessionRefused>> {
        let Some(session) = repo.session_for_update(&self.token).await? else { return Ok(Refreshed::Invalid) };
        let (family, owner, company) = (session.family, session.user, session.company);
        match session.rotate(cx.id(), self.next, self.life, cx.now()) {
            Ok((spent, next)) => {
                let Some(user) = signed_in_user(repo, owner).await? else { return Ok(Refreshed::Invalid) };
                repo.mark_session_used(&spent.token, cx.now()).await?;
                repo.insert_session(&next).await?;
                Ok(Refreshed::Rotated { user: Box::new(user) })
            }
            Err(SessionRefused::Reused) => {
                repo.revoke_family(family, cx.now()).await?;
                cx.emit(company, Event::SessionReused { user: owner });
                Ok(Refreshed::Reused)
            }
            Err(SessionRefused::Invalid) => Ok(Refreshed::Invalid),
        }
    }
}

/// Signs the actor out: revokes the family of the given refresh token, or all of the actor's sessions when none is given, and
/// ends the access tokens given out so far.
#[derive(Debug, Clone, Copy)]
pub struct CloseSession {
    /// The hash of the refresh token.
    pub token: Option<TokenHash>,
}

#[async_trait]
impl Command for CloseSession {
    type Output = ();
    type Refused = SessionRefused;
    const NAME: &'static str = "close_session";

    fn permission(&self) -> Permission {
        Permission::OwnAccount
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<SessionRefused>> {
        let id = cx.actor().user_id().ok_or(SessionRefused::Invalid)?;
        let mut user = repo.user_for_update(id).await?.ok_or(SessionRefused::Invalid)?;
        let session = match &self.token {
            Some(token) => repo.session_for_update(token).await?.filter(|session| session.user == id),
            None => None,
        };
        match session {
            Some(session) => repo.revoke_family(session.family, cx.now()).await?,
            None => repo.revoke_sessions(id, cx.now()).await?,
        };
        user.token_version = user.token_version.wrapping_add(1);
        user.touch(cx.now());
        repo.update_user(&user).await?;
        cx.emit(user.company, Event::UserUpdated { user: id, role: user.role, active: user.is_active });
        cx.emit(user.company, Event::SessionClosed { user: id });
        Ok(())
    }
}
