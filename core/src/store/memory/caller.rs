//! Caller records and their figures in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use super::unit::{Unit, unless_taken};
use crate::id::UserId;
use crate::people::{Caller, DayFigures, Figures};
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
        let days: Vec<NaiveDate> = days(self, user, NaiveDate::MIN).map(|(day, _)| day).collect();
        let state = self.change()?;
        state.callers.remove(&user);
        state.caller_ids.remove(&caller.id);
        for day in days {
            state.day_figures.remove(&(user, day));
        }
        Ok(true)
    }

    async fn caller(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        Ok(self.visible(self.state().callers.get(&user)))
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

    async fn record_figures(
        &mut self,
        user: UserId,
        figures: &Figures,
        day: NaiveDate,
        added: &DayFigures,
    ) -> Result<(), StoreError> {
        self.may_write()?;
        let Some(caller) = self.visible(self.state().callers.get(&user)) else { return Err(StoreError::Stale) };
        let mut sum = self.state().day_figures.get(&(user, day)).copied().unwrap_or_default();
        sum.add(added);
        let state = self.change()?;
        state.callers.insert(user, Arc::new(Caller { figures: *figures, ..caller }));
        state.day_figures.insert((user, day), sum);
        Ok(())
    }

    async fn day_figures(&mut self, user: UserId, from: NaiveDate) -> Result<Vec<(NaiveDate, DayFigures)>, StoreError> {
        if self.visible(self.state().callers.get(&user)).is_none() {
            return Ok(Vec::new());
        }
        Ok(days(self, user, from).collect())
    }
}

fn days(unit: &Unit<'_>, user: UserId, from: NaiveDate) -> impl Iterator<Item = (NaiveDate, DayFigures)> {
    let days = unit.state().day_figures.from(&(user, from));
    days.take_while(move |((own, _), _)| *own == user).map(|((_, day), figures)| (*day, *figures))
}
