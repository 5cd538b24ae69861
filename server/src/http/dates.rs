//! `dateFrom` and `dateTo`: local days of the company, or instants.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;
use dialplane_core::company::{end_of_day, start_of_day};

use super::faults::Faults;
use crate::problem::Reply;

/// The years that a date may lie in: what is outside is a slip of the finger, and every database can compare what is inside.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// A span of time, from its first instant to before its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Reads a span: a day stands for all of it, from its first instant to its end in `zone`.
///
/// # Errors
/// 400 names each of the two that cannot be read, or the end when it does not lie after the beginning.
pub(crate) fn span(from: Option<&str>, to: Option<&str>, zone: Tz) -> Reply<Span> {
    let mut faults = Faults::default();
    let mut read = |field: &str, text: Option<&str>, of_day: &dyn Fn(Tz, NaiveDate) -> DateTime<Utc>| {
        let instant = instant(text?, of_day, zone);
        if instant.is_none() {
            faults.add(field, "expected a day such as 2026-01-31 or an RFC 3339 time, in the years 1900 to 9999");
        }
        instant
    };
    let span = Span { from: read("dateFrom", from, &start_of_day), to: read("dateTo", to, &end_of_day) };
    if span.from.zip(span.to).is_some_and(|(from, to)| to <= from) {
        faults.add("dateTo", "this must lie after dateFrom");
    }
    faults.done()?;
    Ok(span)
}

fn instant(text: &str, of_day: &dyn Fn(Tz, NaiveDate) -> DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day).filter(|day| YEARS.contains(&day.year())).map(|day| of_day(zone, day));
    }
    rfc3339(text).filter(|at| YEARS.contains(&at.year()))
}

/// Reads an instant of a query.
pub(crate) fn rfc3339(text: &str) -> Option<DateTime<Utc>> {
    // A `+` of an offset that was not escaped arrives as a blank.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_companys_own_and_an_instant_is_itself() {
        let zone = chrono_tz::Asia::Kolkata;
        let day = span(Some("2026-03-01"), Some("2026-03-01"), zone).unwrap();
        assert_eq!(day.from.unwrap().to_rfc3339(), "2026-02-28T18:30:00+00:00");
        assert_eq!(day.to.unwrap().to_rfc3339(), "2026-03-01T18:30:00+00:00");
        let instants = span(Some("2026-03-01T00:00:00 05:30"), None, zone).unwrap();
        assert_eq!((instants.from, instants.to), (day.from, None));
    }

    #[test]
    fn nonsense_and_reversed_dates_are_named() {
        for (from, to, fields) in [
            (Some("2026-02-31"), Some("tomorrow"), 2),
            (Some("+99999-01-01"), Some("0001-01-01T00:00:00Z"), 2),
            (Some("2026-03-02"), Some("2026-03-01"), 1),
            (Some(""), None, 1),
        ] {
            let problem = span(from, to, Tz::UTC).unwrap_err();
            assert_eq!(problem.errors().len(), fields, "{from:?} {to:?}");
        }
    }
}
