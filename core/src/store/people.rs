//! The storage traits of companies, users, callers and sessions.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Listing, Page, StoreError, UserFilter};
use crate::company::Company;
use crate::id::{CompanyId, FamilyId, UserId};
use crate::people::password::TokenHash;
use crate::people::{Caller, Figures, Session, User};

/// Companies. A company scope sees its own only.
#[async_trait]
pub trait CompanyStore: Send {
    /// Adds a company. Duplicate: `id`. Only in the system scope.
    async fn insert_company(&mut self, company: &Company) -> Result<(), StoreError>;
    /// Replaces a company.
    async fn update_company(&mut self, company: &Company) -> Result<(), StoreError>;
    /// Reads a company.
    async fn company(&mut self, id: CompanyId) -> Result<Option<Company>, StoreError>;
    /// Reads a company's time zone, which then stays as it is until this unit of work ends: who counts calls by the day of that
    /// zone holds it. Several may hold it at once.
    async fn hold_timezone(&mut self, id: CompanyId) -> Result<Option<Tz>, StoreError>;
    /// Lists companies.
    async fn companies(&mut self, page: Page) -> Result<Listing<Company>, StoreError>;
}

/// Users.
#[async_trait]
pub trait UserStore: Send {
    /// Adds a user. Duplicate: `id`, `email` (over all companies).
    async fn insert_user(&mut self, user: &User) -> Result<(), StoreError>;
    /// Replaces a user. Duplicate: `email`.
    async fn update_user(&mut self, user: &User) -> Result<(), StoreError>;
    /// Removes a user, with their sessions; whoever reported to them reports to nobody. Calls keep the id. `false` when there is
    /// none.
    async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError>;
    /// Reads a user.
    async fn user(&mut self, id: UserId) -> Result<Option<User>, StoreError>;
    /// Reads users, in order of id; those that do not exist are left out.
    async fn users_by_ids(&mut self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;
    /// Reads a user and locks the row.
    async fn user_for_update(&mut self, id: UserId) -> Result<Option<User>, StoreError>;
    /// Reads a user by e-mail address, which is in lower case.
    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError>;
    /// Lists users.
    async fn users(&mut self, filter: &UserFilter, page: Page) -> Result<Listing<User>, StoreError>;
    /// The ids of all users of kind agent, in order of id.
    async fn agent_ids(&mut self) -> Result<Vec<UserId>, StoreError>;
    /// Whether there is any user in the scope. In the system scope a write unit of work that finds none keeps others from
    /// finding none too, until it ends: the first account is made once.
    async fn any_user(&mut self) -> Result<bool, StoreError>;
}

/// Caller records and their figures.
///
/// # Contract
/// Adding and removing a record stand alone: whatever they fail with, except [`StoreError::Contention`] and
/// [`StoreError::Unavailable`], the unit of work goes on as if the call had not been made. A fault of the caller records must
/// not lose the change of the user (document 000).
#[async_trait]
pub trait CallerStore: Send {
    /// Adds a record. Duplicate: `id`, `user`.
    async fn insert_caller(&mut self, caller: &Caller) -> Result<(), StoreError>;
    /// Removes a user's record with its figures; the sums by day stay, as the calls do. `false` when there is none.
    async fn delete_caller(&mut self, user: UserId) -> Result<bool, StoreError>;
    /// Reads a user's record.
    async fn caller(&mut self, user: UserId) -> Result<Option<Caller>, StoreError>;
    /// Reads the records of users, in order of the users' ids; who has none is left out.
    async fn callers_of_users(&mut self, users: &[UserId]) -> Result<Vec<Caller>, StoreError>;
    /// Reads a user's record and locks the row.
    async fn caller_for_update(&mut self, user: UserId) -> Result<Option<Caller>, StoreError>;
    /// Lists records.
    async fn callers(&mut self, page: Page) -> Result<Listing<Caller>, StoreError>;
    /// The users that have a record, in order of id.
    async fn caller_users(&mut self) -> Result<Vec<UserId>, StoreError>;
    /// Sets a record's figures. [`StoreError::Stale`] when there is no record.
    async fn set_figures(&mut self, user: UserId, figures: &Figures) -> Result<(), StoreError>;
}

/// Sessions: refresh tokens by their hash.
#[async_trait]
pub trait SessionStore: Send {
    /// Adds a session. Duplicate: `id`, `token`.
    async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Reads a session by its token's hash and locks the row.
    async fn session_for_update(&mut self, token: &TokenHash) -> Result<Option<Session>, StoreError>;
    /// Marks a session as exchanged. [`StoreError::Stale`] when there is none.
    async fn mark_session_used(&mut self, token: &TokenHash, at: DateTime<Utc>) -> Result<(), StoreError>;
    /// Revokes the tokens of a family that are not revoked yet, exchanged ones included; how many that were.
    async fn revoke_family(&mut self, family: FamilyId, at: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Revokes the tokens of a user that are not revoked yet, exchanged ones included; how many that were.
    async fn revoke_sessions(&mut self, user: UserId, at: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Removes sessions whose family ended before `before`; how many.
    async fn purge_sessions(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}
