//! Users in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::UserId;
use crate::people::User;
use crate::store::{Listing, Page, StoreError, UserFilter, UserStore};

#[async_trait]
impl UserStore for Unit<'_> {
    async fn insert_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.admits(user)?;
        unless_taken::<User>(self.state().users.contains(&user.id), "id")?;
        unless_taken::<User>(self.state().emails.contains(user.email.expose()), "email")?;
        let state = self.change()?;
        state.emails.insert(user.email.expose().clone(), user.id);
        state.users.insert(user.id, Arc::new(user.clone()));
        Ok(())
    }

    async fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().users.get(&user.id), user)?);
        let owner = self.state().emails.get(user.email.expose());
        unless_taken::<User>(owner.is_some_and(|owner| *owner != user.id), "email")?;
        let state = self.change()?;
        state.emails.remove(stored.email.expose());
        state.emails.insert(user.email.expose().clone(), user.id);
        state.users.insert(user.id, Arc::new(user.clone()));
        Ok(())
    }

    async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(user) = self.visible(self.state().users.get(&id)) else { return Ok(false) };
        let reports: Vec<User> = self
            .state()
            .users
            .values()
            .filter(|user| user.reporting_to == Some(id))
            .map(|user| User::clone(user))
            .collect();
        let sessions: Vec<_> = self
            .state()
            .sessions
            .values()
            .filter(|session| session.user == id)
            .map(|session| (session.id, session.token.0))
            .collect();
        let state = self.change()?;
        state.users.remove(&id);
        state.agent_profiles.remove(&id);
        state.emails.remove(user.email.expose());
        for report in reports {
            state.users.insert(report.id, Arc::new(User { reporting_to: None, ..report }));
        }
        for (session, token) in sessions {
            state.session_ids.remove(&session);
            state.sessions.remove(&token);
        }
        Ok(true)
    }

    async fn user(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.visible(self.state().users.get(&id)))
    }

    async fn users_by_ids(&mut self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let ids: BTreeSet<&UserId> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| self.visible(self.state().users.get(id))).collect())
    }

    async fn user_for_update(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.may_write()?;
        self.user(id).await
    }

    async fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        let id = self.state().emails.get(&email.to_owned());
        Ok(id.and_then(|id| self.visible(self.state().users.get(id))))
    }

    async fn users(&mut self, filter: &UserFilter, page: Page) -> Result<Listing<User>, StoreError> {
        Ok(self.listing(self.state().users.values().rev(), page, |user| matches(filter, user)))
    }

    async fn agent_ids(&mut self) -> Result<Vec<UserId>, StoreError> {
        let agents = self.state().users.values().filter(|user| user.is_agent() && self.sees(user.company));
        Ok(agents.map(|user| user.id).collect())
    }

    async fn any_user(&mut self) -> Result<bool, StoreError> {
        // Writers come one at a time, so that whoever finds none is alone with that.
        Ok(self.state().users.values().any(|user| self.sees(user.company)))
    }
}

fn matches(filter: &UserFilter, user: &User) -> bool {
    filter.role.is_none_or(|role| user.role == role)
        && filter.kind.is_none_or(|kind| user.role.kind() == kind)
        && filter.department.as_ref().is_none_or(|department| user.department.as_ref() == Some(department))
        && filter.active.is_none_or(|active| user.is_active == active)
        && filter.reporting_to.is_none_or(|supervisor| user.reporting_to == Some(supervisor))
        && filter.search.as_ref().is_none_or(|search| search.finds(&user.entries()))
}
