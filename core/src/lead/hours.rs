//! Working hours: spans of the local day by day of the week.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use chrono_tz::Tz;
use dialplane_ivr::calendar::{Day, Interval};
use serde::{Deserialize, Serialize};

/// The most spans of a day.
pub const SPANS_MAX: usize = 10;

/// When work is done; a day that is not named is free. Written as the weeks of calendars are, but a span ends on its own day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkingHours(pub BTreeMap<Day, Vec<Interval>>);

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
        let minute = local.hour() * 60 + local.minute();
        let spans = self.0.get(&local.weekday().into());
        let within = |span: &Interval| (span.from.minutes()..span.to.minutes()).contains(&minute);
        spans.is_some_and(|spans| spans.iter().any(within))
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
    fn a_span_ends_after_it_begins_and_on_its_own_day() {
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
