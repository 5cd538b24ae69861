//! Reports: what a person did in a day, a week or a month.
//!
//! What they did is added up from the log and the leads whenever a report is read, so that it is right after every later
//! correction. What the person says they did is kept beside it and never mixed with it.

mod due;
mod period;

pub use due::{DAYS_BACK, due};
pub use period::{Period, ReportType};

use chrono::{DateTime, Utc};

use crate::call::CallSums;
use crate::error::{Kind, Refusal};
use crate::id::{CompanyId, ReportId, UserId};
use crate::pii::Pii;

/// The most characters of a note.
pub const NOTES_MAX: usize = 10_000;
/// The highest figure that a person can state.
pub const STATED_MAX: u32 = 1_000_000;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// The company.
    pub company: CompanyId,
    /// Whom it is about.
    pub user: UserId,
    /// The period, in the company's local days. A person has one report of a period.
    pub period: Period,
    /// What the person says they did.
    pub stated: Statement,
    /// How the period went.
    pub daily_notes: Option<Pii<String>>,
    /// Further notes.
    pub notes: Option<Pii<String>>,
    /// Who wrote it; nobody yet when it was made by itself after the period.
    pub author: Option<UserId>,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a person says they did; a figure that they say nothing about is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statement {
    /// Calls.
    pub total_calls: Option<u32>,
    /// Calls in which somebody was talked to.
    pub completed_calls: Option<u32>,
    /// Calls about a lead in which somebody was talked to.
    pub follow_ups_completed: Option<u32>,
    /// Leads sold.
    pub converted_leads: Option<u32>,
}

/// The sums of one person over one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeriodSums {
    /// Of their calls.
    pub calls: CallSums,
    /// Leads that came and are theirs.
    pub new_leads: i64,
    /// Leads that they are credited with.
    pub converted_leads: i64,
}

/// What a person did, as it is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportFigures {
    /// Calls that have ended.
    pub total_calls: u64,
    /// Calls in which somebody was talked to.
    pub completed_calls: u64,
    /// Seconds talked.
    pub talk_seconds: u64,
    /// Calls about a lead in which somebody was talked to.
    pub follow_ups_completed: u64,
    /// Leads sold.
    pub converted_leads: u64,
    /// Leads that came.
    pub new_leads: u64,
}

impl Report {
    /// Whether it was made by itself and nobody has written in it.
    #[must_use]
    pub const fn is_unwritten(&self) -> bool {
        self.author.is_none()
    }
}

impl From<PeriodSums> for ReportFigures {
    fn from(sums: PeriodSums) -> Self {
        let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
        Self {
            total_calls: count(sums.calls.calls()),
            completed_calls: count(sums.calls.connected),
            talk_seconds: count(sums.calls.talk_seconds),
            follow_ups_completed: count(sums.calls.follow_ups),
            converted_leads: count(sums.converted_leads),
            new_leads: count(sums.new_leads),
        }
    }
}

impl Statement {
    /// Whether anything was stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something that was stated is not what was done.
    #[must_use]
    pub fn differs(&self, done: &ReportFigures) -> bool {
        let pairs = [
            (self.total_calls, done.total_calls),
            (self.completed_calls, done.completed_calls),
            (self.follow_ups_completed, done.follow_ups_completed),
            (self.converted_leads, done.converted_leads),
        ];
        pairs.into_iter().any(|(stated, done)| stated.is_some_and(|stated| u64::from(stated) != done))
    }
}

/// A change of a report: what is absent stays, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct ReportChange {
    /// Calls.
    pub total_calls: Option<Option<u32>>,
    /// Calls in which somebody was talked to.
    pub completed_calls: Option<Option<u32>>,
    /// Calls about a lead in which somebody was talked to.
    pub follow_ups_completed: Option<Option<u32>>,
    /// Leads sold.
    pub converted_leads: Option<Option<u32>>,
    /// How the period went.
    pub daily_notes: Option<Option<String>>,
    /// Further notes.
    pub notes: Option<Option<String>>,
}

impl ReportChange {
    /// Everything that is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<ReportRefused> {
        let figures = [
            ("totalCalls", self.total_calls),
            ("completedCalls", self.completed_calls),
            ("followUpsCompleted", self.follow_ups_completed),
            ("convertedLeads", self.converted_leads),
        ];
        let too_high = figures.into_iter().filter(|(_, stated)| stated.flatten().is_some_and(|n| n > STATED_MAX));
        let texts = [("dailyNotes", &self.daily_notes), ("notes", &self.notes)];
        let too_long = texts.into_iter().filter(|(_, text)| {
            text.as_ref().and_then(Option::as_ref).is_some_and(|text| text.chars().count() > NOTES_MAX)
        });
        too_high
            .map(|(field, _)| ReportRefused::BadFigure(field))
            .chain(too_long.map(|(field, _)| ReportRefused::BadNotes(field)))
            .collect()
    }

    /// Changes a report.
    ///
    /// # Errors
    /// The first of [`Self::faults`].
    pub fn apply(&self, report: &mut Report) -> Result<(), ReportRefused> {
        if let Some(fault) = self.faults().into_iter().next() {
            return Err(fault);
        }
        let stated = &mut report.stated;
        for (place, figure) in [
            (&mut stated.total_calls, self.total_calls),
            (&mut stated.completed_calls, self.completed_calls),
            (&mut stated.follow_ups_completed, self.follow_ups_completed),
            (&mut stated.converted_leads, self.converted_leads),
        ] {
            *place = figure.unwrap_or(*place);
        }
        for (place, text) in [(&mut report.daily_notes, &self.daily_notes), (&mut report.notes, &self.notes)] {
            if let Some(text) = text {
                let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
                *place = text.map(Pii::from);
            }
        }
        Ok(())
    }
}

/// Why something could not be done with a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportRefused {
    /// The period has not begun.
    #[error("a report is about a period that has begun")]
    NotBegun,
    /// A stated figure is too high.
    #[error("a figure is at most 1000000")]
    BadFigure(&'static str),
    /// A note is too long.
    #[error("a note has at most 10000 characters")]
    BadNotes(&'static str),
    /// The person is not one of the company.
    #[error("there is no such person")]
    UnknownUser,
    /// The person has a report of this period.
    #[error("there is a report of this person and period already: change report {existing}")]
    Exists {
        /// That report.
        existing: ReportId,
    },
    /// A report stays that of its person and period.
    #[error("a report cannot be moved to another person or period")]
    OtherPeriod(&'static str),
    /// No such report.
    #[error("there is no such report")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

impl Refusal for ReportRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::Exists { .. } | Self::Stale => Kind::Conflict,
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "duplicate_report",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            _ => "invalid_input",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotBegun => Some("reportDate"),
            Self::BadFigure(field) | Self::BadNotes(field) | Self::OtherPeriod(field) => Some(field),
            Self::UnknownUser => Some("userId"),
            Self::Exists { .. } | Self::NotFound | Self::Stale => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> ReportFigures {
        let calls = CallSums { inbound: 2, outbound: 3, connected: 4, follow_ups: 1, talk_seconds: 90, internal: 0 };
        PeriodSums { calls, new_leads: 2, converted_leads: 1 }.into()
    }

    #[test]
    fn a_statement_differs_where_it_says_something_else_and_not_where_it_says_nothing() {
        assert!(!Statement::default().differs(&done()));
        let right = Statement { total_calls: Some(5), completed_calls: Some(4), ..Statement::default() };
        assert!(!right.differs(&done()));
        assert!(Statement { converted_leads: Some(2), ..right }.differs(&done()));
        assert!(Statement { follow_ups_completed: Some(0), ..right }.differs(&done()));
    }

    #[test]
    fn every_fault_of_a_change_is_named() {
        let change = ReportChange {
            total_calls: Some(Some(STATED_MAX + 1)),
            completed_calls: Some(Some(STATED_MAX)),
            converted_leads: Some(Some(u32::MAX)),
            notes: Some(Some("é".repeat(NOTES_MAX + 1))),
            daily_notes: Some(Some("é".repeat(NOTES_MAX))),
            ..ReportChange::default()
        };
        let fields: Vec<_> = change.faults().iter().filter_map(Refusal::field).collect();
        assert_eq!(fields, ["totalCalls", "convertedLeads", "notes"]);
    }
}
