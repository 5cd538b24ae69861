//! Working hours: spans of the local day by day of the week.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The most spans of a day.
pub const SPANS_MAX: usize = 10;

/// When work is done; a day that is not named is free.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkingHours(pub BTreeMap<Day, Vec<Span>>);

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
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

/// A part of a day. The end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// From this minute on.
    pub from: Minute,
    /// Up to this one; `24:00` is the end of the day.
    pub to: Minute,
}

/// A minute of the day, written `09:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minute(u16);

/// The text is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time of day such as 09:30")]
pub struct BadMinute;

impl FromStr for Minute {
    type Err = BadMinute;
    fn from_str(text: &str) -> Result<Self, BadMinute> {
        let (hours, minutes) = text.split_once(':').ok_or(BadMinute)?;
        let two = |part: &str| -> Result<u16, BadMinute> {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse().map_err(|_| BadMinute) } else { Err(BadMinute) }
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let fits = minutes < 60 && (hours < 24 || (hours, minutes) == (24, 0));
        if fits { Ok(Self(hours * 60 + minutes)) } else { Err(BadMinute) }
    }
}

impl TryFrom<String> for Minute {
    type Error = BadMinute;
    fn try_from(text: String) -> Result<Self, BadMinute> {
        text.parse()
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<Minute> for String {
    fn from(minute: Minute) -> Self {
        minute.to_string()
    }
}

impl WorkingHours {
    /// Whether every span ends after it begins, and no day has too many.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0.values().all(|spans| spans.len() <= SPANS_MAX && spans.iter().all(|span| span.from < span.to))
    }

    /// Whether work is done at this instant in this zone.
    #[must_use]
    pub fn include(&self, zone: Tz, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&zone);
        let minute = Minute(u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0));
        let spans = self.0.get(&local.weekday().into());
        spans.is_some_and(|spans| spans.iter().any(|span| span.from <= minute && minute < span.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hours() -> WorkingHours {
        let days = json!({
            "monday": [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:30"}],
            "saturday": [{"from": "00:00", "to": "24:00"}],
        });
        serde_json::from_value(days).unwrap()
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        let open = |zone: Tz, text: &str| hours().include(zone, text.parse().unwrap());
        let zone = chrono_tz::Asia::Kolkata;
        // 2026-06-01 is a Monday; India is five and a half hours ahead.
        assert!(!open(zone, "2026-06-01T03:29:59Z"));
        assert!(open(zone, "2026-06-01T03:30:00Z"));
        assert!(!open(zone, "2026-06-01T06:30:00Z"));
        assert!(open(zone, "2026-06-01T11:59:59Z"));
        assert!(!open(zone, "2026-06-01T12:00:00Z"));
        assert!(!open(zone, "2026-06-02T05:00:00Z"));
        assert!(open(zone, "2026-06-05T18:30:00Z"));
        assert!(open(zone, "2026-06-06T18:29:59Z"));
        assert!(hours().is_sound());
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for bad in ["9:00", "24:01", "25:00", "10:60", "", "aa:bb", "+1:00"] {
            assert_eq!(bad.parse::<Minute>(), Err(BadMinute), "{bad}");
        }
        let backwards = json!({"monday": [{"from": "10:00", "to": "09:00"}]});
        assert!(!serde_json::from_value::<WorkingHours>(backwards).unwrap().is_sound());
    }

    #[test]
    fn hours_read_back_as_they_were_written() {
        let written = serde_json::to_value(hours()).unwrap();
        assert_eq!(written["monday"][1], json!({"from": "13:00", "to": "17:30"}));
        assert_eq!(serde_json::from_value::<WorkingHours>(written).unwrap(), hours());
    }
}
