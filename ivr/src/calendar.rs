//! Opening hours: weekly intervals and holidays in a time zone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a place is open.
///
/// An instant is turned into the zone's local time, which is never ambiguous, so that the night the clocks change needs no rule: an
/// interval holds while the clock on the wall shows a time inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Calendar {
    /// IANA time zone, `Europe/Berlin`.
    #[schemars(with = "String")]
    pub timezone: Tz,
    /// The open intervals of each weekday; a day that is missing is closed.
    #[serde(default)]
    pub weekly: BTreeMap<Day, Vec<Interval>>,
    /// Days that differ from their weekday; a date goes before the same day of every year.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// A weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "they are their names")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// The word in documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }
}

/// From a time of day, included, to another, not included. One that ends at or before its beginning goes on after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// `09:00`.
    pub from: Time,
    /// `17:30`, at most `24:00`.
    pub to: Time,
}

/// A day that differs from its weekday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The day, `2026-12-25`, or every year's, `12-25`.
    pub date: HolidayDate,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The hours of this day; none means closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Interval>,
}

/// Minutes from midnight, written `HH:MM`, from 0 to 1,440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"))]
pub struct Time(u16);

/// A date, or a day of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"))]
pub enum HolidayDate {
    /// Once.
    Once(NaiveDate),
    /// Every year.
    Yearly {
        /// 1 to 12.
        month: u32,
        /// 1 to 31.
        day: u32,
    },
}

/// A text that is no time of day or no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not `HH:MM`.
    #[error("{0:?} is not a time of day such as 09:00")]
    Time(String),
    /// Not a date.
    #[error("{0:?} is not a date such as 2026-12-25 or 12-25")]
    Date(String),
}

impl Time {
    /// Minutes from midnight.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.0 as u32
    }
}

impl FromStr for Time {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let wrong = || CalendarError::Time(text.to_owned());
        let two = |part: &str| {
            let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let time = hours * 60 + minutes;
        if minutes < 60 && time <= 1_440 { Ok(Self(time)) } else { Err(wrong()) }
    }
}

impl FromStr for HolidayDate {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let wrong = || CalendarError::Date(text.to_owned());
        if text.len() != 5 {
            return NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self::Once).map_err(|_| wrong());
        }
        // A leap year, so that the 29th of February can be named.
        let date = NaiveDate::parse_from_str(&format!("2024-{text}"), "%Y-%m-%d").map_err(|_| wrong())?;
        Ok(Self::Yearly { month: date.month(), day: date.day() })
    }
}

impl TryFrom<String> for Time {
    type Error = CalendarError;

    fn try_from(text: String) -> Result<Self, CalendarError> {
        text.parse()
    }
}

impl TryFrom<String> for HolidayDate {
    type Error = CalendarError;

    fn try_from(text: String) -> Result<Self, CalendarError> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl From<HolidayDate> for String {
    fn from(date: HolidayDate) -> Self {
        match date {
            HolidayDate::Once(date) => date.to_string(),
            HolidayDate::Yearly { month, day } => format!("{month:02}-{day:02}"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// How a calendar stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Open.
    Open,
    /// Closed, on a day like others.
    Closed,
    /// Closed, on a holiday.
    Holiday,
}

impl Interval {
    fn crosses_midnight(self) -> bool {
        self.to <= self.from
    }

    /// Whether the interval of a day holds at this minute of the same day.
    fn holds(self, minute: u16) -> bool {
        self.from.0 <= minute && (self.crosses_midnight() || minute < self.to.0)
    }

    /// Whether the interval of the day before still holds.
    fn holds_over(self, minute: u16) -> bool {
        self.crosses_midnight() && minute < self.to.0
    }
}

impl Calendar {
    /// How it stands at `now`.
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>) -> Opening {
        self.at_local(now.with_timezone(&self.timezone).naive_local())
    }

    fn at_local(&self, local: NaiveDateTime) -> Opening {
        let minute = (local.hour() * 60 + local.minute()) as u16;
        let today = local.date();
        let over = today.pred_opt().is_some_and(|day| self.hours(day).iter().any(|hours| hours.holds_over(minute)));
        let open = over || self.hours(today).iter().any(|hours| hours.holds(minute));
        match (open, self.holiday(today)) {
            (true, _) => Opening::Open,
            (false, Some(_)) => Opening::Holiday,
            (false, None) => Opening::Closed,
        }
    }

    /// A date of this year says more than the day of every year.
    fn holiday(&self, date: NaiveDate) -> Option<&Holiday> {
        let yearly = HolidayDate::Yearly { month: date.month(), day: date.day() };
        let on = |wanted| self.holidays.iter().find(|holiday| holiday.date == wanted);
        on(HolidayDate::Once(date)).or_else(|| on(yearly))
    }

    /// What can be read and yet is hardly meant: where, and what.
    #[must_use]
    pub fn doubts(&self) -> Vec<(String, String)> {
        let weekly = self.weekly.iter().map(|(day, hours)| (format!("weekly.{}", day.name()), hours));
        let special = self.holidays.iter().enumerate().map(|(n, holiday)| (format!("holidays.{n}"), &holiday.hours));
        let mut doubts = Vec::new();
        for (path, hours) in weekly.chain(special) {
            for hours in hours.iter().filter(|hours| hours.from == hours.to) {
                let message = format!("{0} to {0} is a whole day; if that is meant: 00:00 to 24:00", hours.from);
                doubts.push((path.clone(), message));
            }
        }
        let mut seen = BTreeSet::new();
        for (n, holiday) in self.holidays.iter().enumerate() {
            if !seen.insert(holiday.date) {
                let message = format!("{} stands here twice, the first one counts", String::from(holiday.date));
                doubts.push((format!("holidays.{n}"), message));
            }
        }
        doubts
    }

    fn hours(&self, date: NaiveDate) -> &[Interval] {
        match self.holiday(date) {
            Some(holiday) => &holiday.hours,
            None => self.weekly.get(&date.weekday().into()).map(Vec::as_slice).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        serde_json::from_value(serde_json::json!({
            "timezone": "Europe/Berlin",
            "weekly": {
                "monday": [{"from": "09:00", "to": "12:30"}, {"from": "13:30", "to": "17:00"}],
                "friday": [{"from": "22:00", "to": "02:00"}],
                "sunday": [{"from": "00:00", "to": "24:00"}]
            },
            "holidays": [{"date": "12-25", "name": "Christmas"}, {"date": "2026-11-23", "hours": [{"from": "10:00", "to": "11:00"}]}]
        }))
        .unwrap()
    }

    fn at(instant: &str) -> Opening {
        calendar().at(instant.parse().unwrap())
    }

    #[test]
    fn it_is_open_from_the_first_minute_and_closed_from_the_last() {
        assert_eq!(at("2026-11-16T07:59:59Z"), Opening::Closed);
        assert_eq!(at("2026-11-16T08:00:00Z"), Opening::Open);
        assert_eq!(at("2026-11-16T11:29:59Z"), Opening::Open);
        assert_eq!(at("2026-11-16T11:30:00Z"), Opening::Closed);
        assert_eq!(at("2026-11-17T10:00:00Z"), Opening::Closed);
    }

    #[test]
    fn hours_that_cross_midnight_belong_to_the_day_they_begin() {
        assert_eq!(at("2026-11-20T22:30:00Z"), Opening::Open);
        assert_eq!(at("2026-11-21T00:59:00Z"), Opening::Open);
        assert_eq!(at("2026-11-21T01:00:00Z"), Opening::Closed);
        assert_eq!(at("2026-11-22T22:59:00Z"), Opening::Open);
        assert_eq!(at("2026-11-22T23:00:00Z"), Opening::Holiday);
    }

    #[test]
    fn a_holiday_replaces_its_weekday() {
        assert_eq!(at("2026-11-23T08:30:00Z"), Opening::Holiday);
        assert_eq!(at("2026-11-23T09:30:00Z"), Opening::Open);
        assert_eq!(at("2028-12-25T09:00:00Z"), Opening::Holiday);
        let mut year = calendar();
        year.holidays.push(
            serde_json::from_str(r#"{"date": "2028-12-25", "hours": [{"from": "09:00", "to": "24:00"}]}"#).unwrap(),
        );
        assert_eq!(year.at("2028-12-25T09:00:00Z".parse().unwrap()), Opening::Open);
        assert_eq!(year.at("2029-12-25T09:00:00Z".parse().unwrap()), Opening::Holiday);
    }

    #[test]
    fn the_clock_on_the_wall_counts_when_clocks_change() {
        let mut night = calendar();
        night.weekly.insert(Day::Sunday, vec![Interval { from: Time(120), to: Time(180) }]);
        // 02:30 does not exist on 29 March 2026 in Berlin, and exists twice on 25 October.
        assert_eq!(night.at("2026-03-29T00:59:00Z".parse().unwrap()), Opening::Closed);
        assert_eq!(night.at("2026-03-29T01:00:00Z".parse().unwrap()), Opening::Closed);
        assert_eq!(night.at("2026-10-25T00:30:00Z".parse().unwrap()), Opening::Open);
        assert_eq!(night.at("2026-10-25T01:30:00Z".parse().unwrap()), Opening::Open);
        assert_eq!(night.at("2026-10-25T02:00:00Z".parse().unwrap()), Opening::Closed);
    }

    #[test]
    fn what_is_no_time_or_date_is_refused_by_name() {
        for text in ["24:01", "9:00", "09:60", "+9:00", "", "09-00"] {
            assert_eq!(text.parse::<Time>(), Err(CalendarError::Time(text.to_owned())));
        }
        for text in ["13-01", "02-30", "2026-02-29", "x", "12/25"] {
            assert_eq!(text.parse::<HolidayDate>(), Err(CalendarError::Date(text.to_owned())));
        }
        assert!("02-29".parse::<HolidayDate>().is_ok());
    }

    #[test]
    fn a_calendar_is_written_as_it_was_read() {
        let json = serde_json::to_value(calendar()).unwrap();
        assert_eq!(json["weekly"]["monday"][0], serde_json::json!({"from": "09:00", "to": "12:30"}));
        assert_eq!(json["holidays"][0]["date"], "12-25");
        assert_eq!(serde_json::from_value::<Calendar>(json).unwrap(), calendar());
    }
}
