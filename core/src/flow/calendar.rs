//! Calendars that several flows share: opening hours and holidays.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::name;
use crate::error::refusal;
use crate::id::{CalendarId, CompanyId};

/// The most calendars of a company.
pub const CALENDARS_MAX: usize = 1_000;

/// A calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its id.
    pub id: CalendarId,
    /// The company.
    pub company: CompanyId,
    /// Its name, unique in the company: what flows call it by.
    pub name: String,
    /// Its hours, as the documents of flows write them.
    pub hours: Value,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Calendar {
    /// Reads a name.
    ///
    /// # Errors
    /// [`CalendarRefused::BadName`].
    pub fn name(text: &str) -> Result<String, CalendarRefused> {
        name(text).ok_or(CalendarRefused::BadName)
    }
}

/// Why a calendar was not accepted or may not be removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarRefused {
    /// The name is empty or too long.
    #[error("a calendar's name has 1 to 100 characters")]
    BadName,
    /// Another calendar of the company has the name.
    #[error("another calendar has this name")]
    NameTaken,
    /// The hours cannot be read.
    #[error("{0}")]
    BadHours(String),
    /// The company has [`CALENDARS_MAX`].
    #[error("a company has at most {CALENDARS_MAX} calendars")]
    TooMany,
    /// An active flow uses it.
    #[error("the active flow {0:?} uses this calendar: change the flow first")]
    InUse(String),
    /// A queue goes by it.
    #[error("the queue {0:?} goes by this calendar: change the queue first")]
    InQueue(String),
    /// No such calendar.
    #[error("there is no such calendar")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(CalendarRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::NameTaken => Conflict, "name_taken", "name";
    Self::BadHours(_) => Invalid, "invalid_input", "hours";
    Self::TooMany => Refused, "too_many";
    Self::InUse(_) => Conflict, "in_use";
    Self::InQueue(_) => Conflict, "in_use";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});
