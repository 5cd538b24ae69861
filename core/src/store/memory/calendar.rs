//! Calendars in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::flow::Calendar;
use crate::id::CalendarId;
use crate::store::{CalendarStore, StoreError};

#[async_trait]
impl CalendarStore for Unit<'_> {
    async fn insert_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        self.admits(calendar)?;
        let name = (calendar.company, calendar.name.clone());
        unless_taken::<Calendar>(self.state().calendars.contains(&calendar.id), "id")?;
        unless_taken::<Calendar>(self.state().calendar_names.contains(&name), "name")?;
        let state = self.change()?;
        state.calendar_names.insert(name, calendar.id);
        state.calendars.insert(calendar.id, Arc::new(calendar.clone()));
        Ok(())
    }

    async fn update_calendar(&mut self, calendar: &Calendar) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().calendars.get(&calendar.id), calendar)?);
        let name = (calendar.company, calendar.name.clone());
        let owner = self.state().calendar_names.get(&name);
        unless_taken::<Calendar>(owner.is_some_and(|owner| *owner != calendar.id), "name")?;
        let state = self.change()?;
        state.calendar_names.remove(&(stored.company, stored.name.clone()));
        state.calendar_names.insert(name, calendar.id);
        state.calendars.insert(calendar.id, Arc::new(calendar.clone()));
        Ok(())
    }

    async fn delete_calendar(&mut self, id: CalendarId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(calendar) = self.visible(self.state().calendars.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.calendars.remove(&id);
        state.calendar_names.remove(&(calendar.company, calendar.name));
        Ok(true)
    }

    async fn calendar(&mut self, id: CalendarId) -> Result<Option<Calendar>, StoreError> {
        Ok(self.visible(self.state().calendars.get(&id)))
    }

    async fn calendars(&mut self) -> Result<Vec<Calendar>, StoreError> {
        Ok(self.by_company(self.state().calendars.values(), |calendar| calendar.id))
    }
}
