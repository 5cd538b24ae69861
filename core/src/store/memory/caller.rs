//! Caller records and their figures in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::UserId;
use crate::people::{Caller, Figures};
use crate::store::{CallerStore, Listing, Page, StoreError};

#[async_trait]
impl CallerStore for Unit<'_> {
    async fn insert_caller(&mut self, caller: &Caller) -> Result<(), StoreError> {
        self.admits(caller)?;
        unless_taken::<Caller>(self.state().caller_ids.contains(&caller.id), "id")?;
        unless_taken::<Caller>(self.state().callers.contains(&caller.user), "user")?;
        let state = self.change()?;
        state.caller_ids.insert(caller.id, caller.user);
        state.callers.insert(caller.user, Arc::new(caller.clone()));
        Ok(())
    }

    async fn delete_caller(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(caller) = self.visible(self.state().callers.get(&user)) else { return Ok(false) };
        let state = self.change()?;
        state.callers.remove(&user);
        state.caller_ids.remove(&caller.id);
        Ok(true)
    }

    async fn caller(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        Ok(self.visible(self.state().callers.get(&user)))
    }

    async fn callers_of_users(&mut self, users: &[UserId]) -> Result<Vec<Caller>, StoreError> {
        let users: BTreeSet<&UserId> = users.iter().collect();
        Ok(users.into_iter().filter_map(|user| self.visible(self.state().callers.get(user))).collect())
    }

    async fn caller_for_update(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        self.may_write()?;
        self.caller(user).await
    }

    async fn callers(&mut self, page: Page) -> Result<Listing<Caller>, StoreError> {
        // Kept by user, listed by their own id.
        let ids = self.state().caller_ids.values().rev();
        Ok(self.listing(ids.filter_map(|user| self.state().callers.get(user)), page, |_| true))
    }

    async fn caller_users(&mut self) -> Result<Vec<UserId>, StoreError> {
        let callers = self.state().callers.values().filter(|caller| self.sees(caller.company));
        Ok(callers.map(|caller| caller.user).collect())
    }

    async fn set_figures(&mut self, user: UserId, figures: &Figures) -> Result<(), StoreError> {
        self.may_write()?;
        let Some(caller) = self.visible(self.state().callers.get(&user)) else { return Err(StoreError::Stale) };
        self.change()?.callers.insert(user, Arc::new(Caller { figures: *figures, ..caller }));
        Ok(())
    }
}
