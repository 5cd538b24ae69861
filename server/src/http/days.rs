//! Ranges of local days in queries: `dateFrom`, `dateTo` and, where a report can be had in another one, `timezone`.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use dialplane_core::company::{end_of_day, local_day, start_of_day, timezone};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dates::{YEARS, rfc3339};
use super::faults::Faults;
use crate::problem::Reply;

/// Days that are reported when nobody says which: today and those before.
const DAYS_USUAL: u64 = 30;
/// The longest range, in days: ten years.
const DAYS_MAX: i64 = 3_660;

/// A range of days as it is asked for.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DayQuery {
    /// The first day, such as 2026-01-31, or an instant on it; 29 days before the last when absent.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// The last day, included, or an instant on it; today when absent.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
    /// The IANA time zone of the days; the company's when absent.
    timezone: Option<String>,
}

/// A range of the company's own days, for what is summed up by them; all days when none are named.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct CompanyDayQuery {
    /// The first day, such as 2026-01-31, or an instant on it; 29 days before the last when only that is there.
    #[serde(alias = "date_from")]
    date_from: Option<String>,
    /// The last day, included, or an instant on it; today when only the first is there.
    #[serde(alias = "date_to")]
    date_to: Option<String>,
}

impl CompanyDayQuery {
    /// The days that are meant, when some are.
    ///
    /// # Errors
    /// 400 names every field that is wrong.
    pub(crate) fn range(&self, home: Tz, now: DateTime<Utc>) -> Reply<Option<DayRange>> {
        if self.date_from.is_none() && self.date_to.is_none() {
            return Ok(None);
        }
        let (date_from, date_to) = (self.date_from.clone(), self.date_to.clone());
        DayQuery { date_from, date_to, timezone: None }.range(home, now).map(Some)
    }
}

/// A range of days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayRange {
    pub(crate) zone: Tz,
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
}

/// Reads a day, or the day of an instant.
fn day(text: &str, zone: Tz) -> Option<NaiveDate> {
    let text = text.trim();
    let day: Option<NaiveDate> = text.parse().ok().or_else(|| rfc3339(text).map(|at| local_day(zone, at)));
    day.filter(|day| YEARS.contains(&day.year()))
}

impl DayQuery {
    /// The days that are meant.
    ///
    /// # Errors
    /// 400 names every field that is wrong.
    pub(crate) fn range(&self, home: Tz, now: DateTime<Utc>) -> Reply<DayRange> {
        let mut faults = Faults::default();
        let zone = self.timezone.as_deref().map(timezone).transpose();
        let zone = faults.rule(zone).flatten().unwrap_or(home);
        let mut read = |field: &str, text: &Option<String>| {
            let given = text.as_deref()?;
            let found = day(given, zone);
            if found.is_none() {
                faults.add(field, "expected a day such as 2026-01-31 or an RFC 3339 time");
            }
            found
        };
        let (from, to) = (read("dateFrom", &self.date_from), read("dateTo", &self.date_to));
        let to = to.unwrap_or_else(|| local_day(zone, now));
        let usual = || to.checked_sub_days(Days::new(DAYS_USUAL - 1)).unwrap_or(to);
        let from = from.unwrap_or_else(usual);
        if from > to {
            faults.add("dateTo", "the last day is before the first");
        } else if (to - from).num_days() >= DAYS_MAX {
            faults.add("dateFrom", format!("a range has at most {DAYS_MAX} days"));
        }
        faults.done()?;
        Ok(DayRange { zone, from, to })
    }
}

impl DayRange {
    /// How many days.
    pub(crate) fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// The instants at which the first day begins and the last is over.
    pub(crate) fn instants(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (start_of_day(self.zone, self.from), end_of_day(self.zone, self.to))
    }

    /// Every day of the range.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NaiveDate> {
        let days = usize::try_from(self.days()).unwrap_or_default();
        self.from.iter_days().take(days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-31T23:30:00Z".parse().unwrap()
    }

    fn query(from: &str, to: &str, zone: &str) -> DayQuery {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        DayQuery { date_from: given(from), date_to: given(to), timezone: given(zone) }
    }

    #[test]
    fn thirty_days_up_to_the_local_today_are_meant_when_nobody_says_which() {
        let range = query("", "", "").range(chrono_tz::Europe::Berlin, now()).unwrap();
        assert_eq!((range.to.to_string(), range.days()), ("2026-04-01".to_owned(), 30));
        let range = query("", "", "UTC").range(chrono_tz::Europe::Berlin, now()).unwrap();
        assert_eq!(range.to.to_string(), "2026-03-31");
    }

    #[test]
    fn a_time_means_its_local_day_also_with_an_unescaped_offset() {
        let range =
            query("2026-03-01T23:30:00 00:00", "2026-03-05", "Asia/Tokyo").range(chrono_tz::UTC, now()).unwrap();
        assert_eq!((range.from.to_string(), range.iter().count()), ("2026-03-02".to_owned(), 4));
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let fields = |query: DayQuery| {
            let problem = query.range(chrono_tz::UTC, now()).unwrap_err();
            problem.errors().iter().map(|error| error.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(fields(query("soon", "2026-02-30", "Mars/Olympus")), ["timezone", "dateFrom", "dateTo"]);
        assert_eq!(fields(query("2026-03-02", "2026-03-01", "")), ["dateTo"]);
        assert_eq!(fields(query("1970-01-01", "2026-03-01", "")), ["dateFrom"]);
        assert_eq!(fields(query("+262142-12-31", "0001-01-01", "")), ["dateFrom", "dateTo"]);
    }
}
