//! Days, weeks and months of the calendar.

use std::str::FromStr;

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

/// Over how long a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportType {
    /// One day.
    Daily,
    /// Monday to Sunday.
    Weekly,
    /// A month of the calendar.
    Monthly,
}

impl ReportType {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// The word names no kind of report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected daily, weekly or monthly")]
pub struct UnknownType;

impl FromStr for ReportType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        [Self::Daily, Self::Weekly, Self::Monthly].into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownType)
    }
}

/// A day, a week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    kind: ReportType,
    first: NaiveDate,
}

impl Period {
    /// The period of this kind that `day` lies in.
    #[must_use]
    pub fn around(kind: ReportType, day: NaiveDate) -> Self {
        let first = match kind {
            ReportType::Daily => None,
            ReportType::Weekly => day.week(Weekday::Mon).checked_first_day(),
            ReportType::Monthly => day.with_day(1),
        };
        Self { kind, first: first.unwrap_or(day) }
    }

    /// Over how long it goes.
    #[must_use]
    pub const fn kind(&self) -> ReportType {
        self.kind
    }

    /// Its first day.
    #[must_use]
    pub const fn first(&self) -> NaiveDate {
        self.first
    }

    /// Its last day.
    #[must_use]
    pub fn last(&self) -> NaiveDate {
        let next = match self.kind {
            ReportType::Daily => return self.first,
            ReportType::Weekly => self.first.checked_add_days(Days::new(7)),
            ReportType::Monthly => self.first.checked_add_months(Months::new(1)),
        };
        next.and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(kind: ReportType, day: &str) -> (String, String) {
        let period = Period::around(kind, day.parse().unwrap());
        (period.first().to_string(), period.last().to_string())
    }

    fn days(first: &str, last: &str) -> (String, String) {
        (first.to_owned(), last.to_owned())
    }

    #[test]
    fn a_period_is_found_by_any_of_its_days() {
        assert_eq!(period(ReportType::Daily, "2024-02-29"), days("2024-02-29", "2024-02-29"));
        assert_eq!(period(ReportType::Weekly, "2024-01-01"), days("2024-01-01", "2024-01-07"));
        assert_eq!(period(ReportType::Weekly, "2024-03-03"), days("2024-02-26", "2024-03-03"));
        assert_eq!(period(ReportType::Monthly, "2024-02-29"), days("2024-02-01", "2024-02-29"));
        assert_eq!(period(ReportType::Monthly, "2025-12-31"), days("2025-12-01", "2025-12-31"));
    }

    #[test]
    fn the_ends_of_the_calendar_are_days_too() {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            for kind in [ReportType::Daily, ReportType::Weekly, ReportType::Monthly] {
                let period = Period::around(kind, day);
                assert!(period.first() <= period.last());
            }
        }
    }
}
