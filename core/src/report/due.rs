//! Which daily reports are to be written by themselves.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::company::local_day;
use crate::id::UserId;

/// Local days before today whose reports are still written when nobody wrote them in time: a server that was down for longer
/// leaves the days before them without.
pub const DAYS_BACK: u64 = 14;

/// The daily reports that are to be written at `now`, oldest first: one for each of these people and each local day that is over
/// and on which they had an account, unless it is `written` already. Whatever a clock change does to a day, it is over when the
/// local day is another one.
#[must_use]
pub fn due(
    zone: Tz,
    now: DateTime<Utc>,
    people: &[(UserId, DateTime<Utc>)],
    written: &BTreeSet<(NaiveDate, UserId)>,
) -> Vec<(NaiveDate, UserId)> {
    let today = local_day(zone, now);
    let days = (1..=DAYS_BACK).rev().filter_map(|back| today.checked_sub_days(Days::new(back)));
    let of_day = |day| {
        people
            .iter()
            .filter(move |(_, since)| local_day(zone, *since) <= day)
            .map(move |(user, _)| (day, *user))
            .filter(|report| !written.contains(report))
    };
    days.flat_map(of_day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn users() -> (UserId, UserId) {
        let source = SeededIds::new(4);
        let ids: &dyn IdSource = &source;
        (ids.id(at("2026-01-01T00:00:00Z")), ids.id(at("2026-01-01T00:00:00Z")))
    }

    fn days(zone: Tz, now: &str, since: &str) -> Vec<String> {
        let found = due(zone, at(now), &[(users().0, at(since))], &BTreeSet::new());
        found.into_iter().map(|(day, _)| day.to_string()).collect()
    }

    #[test]
    fn a_day_is_due_once_it_is_over_where_the_company_is() {
        let zone = chrono_tz::America::New_York;
        assert_eq!(days(zone, "2026-05-02T03:59:59Z", "2026-05-01T12:00:00Z"), Vec::<String>::new());
        assert_eq!(days(zone, "2026-05-02T04:00:00Z", "2026-05-01T12:00:00Z"), ["2026-05-01"]);
    }

    #[test]
    fn days_with_a_change_of_clocks_are_due_once_and_after_their_end() {
        let berlin = chrono_tz::Europe::Berlin;
        // The 25th of October has 25 hours, the 29th of March has 23.
        assert_eq!(days(berlin, "2026-10-25T22:59:59Z", "2026-10-25T00:00:00Z"), Vec::<String>::new());
        assert_eq!(days(berlin, "2026-10-25T23:00:00Z", "2026-10-25T00:00:00Z"), ["2026-10-25"]);
        assert_eq!(days(berlin, "2026-03-29T21:59:59Z", "2026-03-29T00:00:00Z"), Vec::<String>::new());
        assert_eq!(days(berlin, "2026-03-29T22:00:00Z", "2026-03-29T00:00:00Z"), ["2026-03-29"]);
        // In Beirut midnight of this day does not exist.
        let beirut = chrono_tz::Asia::Beirut;
        assert_eq!(days(beirut, "2026-03-28T21:59:59Z", "2026-03-28T00:00:00Z"), Vec::<String>::new());
        assert_eq!(days(beirut, "2026-03-28T22:00:00Z", "2026-03-28T00:00:00Z"), ["2026-03-28"]);
    }

    #[test]
    fn what_was_missed_is_caught_up_with_for_so_many_days() {
        let found = days(chrono_tz::UTC, "2026-05-20T00:00:00Z", "2020-01-01T00:00:00Z");
        assert_eq!((found.len() as u64, &*found[0], &*found[13]), (DAYS_BACK, "2026-05-06", "2026-05-19"));
    }

    #[test]
    fn nobody_gets_a_report_twice() {
        let (ann, bob) = users();
        let people = [(ann, at("2026-05-18T09:00:00Z")), (bob, at("2026-05-19T09:00:00Z"))];
        let now = at("2026-05-20T00:00:00Z");
        let all = due(chrono_tz::UTC, now, &people, &BTreeSet::new());
        assert_eq!(all.len(), 3);
        let written = all.iter().take(2).copied().collect();
        assert_eq!(due(chrono_tz::UTC, now, &people, &written), all[2..]);
        let written = all.into_iter().collect();
        assert_eq!(due(chrono_tz::UTC, now, &people, &written), []);
    }
}
