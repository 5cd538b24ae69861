//! Calendars: opening hours that flows share.

use async_trait::async_trait;
use serde_json::Value;

use super::active_user;
use crate::command::queue::queue_user;
use crate::command::{company_of, fresh, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{CALENDARS_MAX, Calendar, CalendarRefused};
use crate::id::CalendarId;
use crate::queue::QueueSettings;
use crate::scope::Permission;
use crate::store::Repo;

/// Reads hours as the documents of flows write them, and gives them in the form in which they are kept.
///
/// # Errors
/// [`CalendarRefused::BadHours`] says what cannot be read or can hardly be meant, and where.
pub fn hours(hours: &Value) -> Result<Value, CalendarRefused> {
    let bad = |error: &dyn std::fmt::Display| CalendarRefused::BadHours(error.to_string());
    let read: dialplane_ivr::Calendar = serde_json::from_value(hours.clone()).map_err(|error| bad(&error))?;
    if let Some((path, doubt)) = read.doubts().first() {
        return Err(bad(&format_args!("{path}: {doubt}")));
    }
    serde_json::to_value(read).map_err(|error| bad(&error))
}

/// Creates a calendar.
#[derive(Debug, Clone)]
pub struct CreateCalendar {
    /// Its name.
    pub name: String,
    /// Its hours.
    pub hours: Value,
}

#[async_trait]
impl Command for CreateCalendar {
    type Output = Calendar;
    type Refused = CalendarRefused;
    const NAME: &'static str = "create_calendar";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Calendar, Failure<CalendarRefused>> {
        let company = company_of(cx)?;
        let (name, hours) = (Calendar::name(&self.name)?, hours(&self.hours)?);
        if repo.calendars().await?.len() >= CALENDARS_MAX {
            return Err(CalendarRefused::TooMany.into());
        }
        let (id, now) = (cx.id(), cx.now());
        let calendar = Calendar { id, company, name, hours, version: 1, created_at: now, updated_at: now };
        on_duplicate(repo.insert_calendar(&calendar).await, "name", CalendarRefused::NameTaken)?;
        cx.emit(company, Event::CalendarUpdated { calendar: calendar.id });
        Ok(calendar)
    }
}

/// Changes a calendar: only what is `Some` changes. Calls see the new hours at once.
#[derive(Debug, Clone)]
pub struct UpdateCalendar {
    /// Which.
    pub calendar: CalendarId,
    /// A new name.
    pub name: Option<String>,
    /// New hours.
    pub hours: Option<Value>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

/// Refuses while an active flow uses a calendar of this name.
async fn check_unused(repo: &mut dyn Repo, calendar: &Calendar) -> Result<(), Failure<CalendarRefused>> {
    match active_user(repo, |uses| uses.calendars.contains(&calendar.name)).await? {
        Some(flow) => Err(CalendarRefused::InUse(flow).into()),
        None => Ok(()),
    }
}

#[async_trait]
impl Command for UpdateCalendar {
    type Output = Calendar;
    type Refused = CalendarRefused;
    const NAME: &'static str = "update_calendar";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Calendar, Failure<CalendarRefused>> {
        let old = repo.calendar(self.calendar).await?.ok_or(CalendarRefused::NotFound)?;
        if !fresh(self.expected_version, old.version) {
            return Err(CalendarRefused::Stale.into());
        }
        let name = self.name.as_deref().map(Calendar::name).transpose()?.unwrap_or_else(|| old.name.clone());
        let hours = self.hours.as_ref().map(hours).transpose()?.unwrap_or_else(|| old.hours.clone());
        if name != old.name {
            check_unused(repo, &old).await?;
        }
        let calendar = Calendar { name, hours, version: old.version + 1, updated_at: cx.now(), ..old };
        on_duplicate(repo.update_calendar(&calendar).await, "name", CalendarRefused::NameTaken)?;
        cx.emit(calendar.company, Event::CalendarUpdated { calendar: calendar.id });
        Ok(calendar)
    }
}

/// Removes a calendar that no active flow and no queue uses.
#[derive(Debug, Clone, Copy)]
pub struct DeleteCalendar {
    /// Which.
    pub calendar: CalendarId,
}

#[async_trait]
impl Command for DeleteCalendar {
    type Output = ();
    type Refused = CalendarRefused;
    const NAME: &'static str = "delete_calendar";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<CalendarRefused>> {
        let calendar = repo.calendar(self.calendar).await?.ok_or(CalendarRefused::NotFound)?;
        check_unused(repo, &calendar).await?;
        let goes_by_it = |queue: &QueueSettings| queue.waiting.calendar == Some(calendar.id);
        if let Some(queue) = queue_user(repo, calendar.company, goes_by_it).await? {
            return Err(CalendarRefused::InQueue(queue).into());
        }
        if !repo.delete_calendar(calendar.id).await? {
            return Err(CalendarRefused::NotFound.into());
        }
        cx.emit(calendar.company, Event::CalendarUpdated { calendar: calendar.id });
        Ok(())
    }
}
