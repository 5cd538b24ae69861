//! Companies: the tenants. A company has a time zone, which defines its "day", and a default country for numbers typed
//! without an international prefix.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::error::refusal;
use crate::id::CompanyId;
use crate::phone::Country;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// The IANA time zone that defines its day.
    pub timezone: Tz,
    /// The country of numbers typed without an international prefix.
    pub default_country: Country,
    /// Whether its people may sign in and its numbers are served.
    pub is_active: bool,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why a company was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompanyRefused {
    /// The name is empty or too long.
    #[error("a company's name has 1 to 200 characters")]
    BadName,
    /// The time zone is not in the IANA database.
    #[error("unknown time zone, expected an IANA name such as Europe/Berlin")]
    UnknownTimezone,
    /// The country is not an ISO 3166 code.
    #[error("unknown country, expected an ISO 3166 code such as US")]
    UnknownCountry,
    /// No such company.
    #[error("there is no such company")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(CompanyRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::UnknownTimezone => Invalid, "invalid_input", "timezone";
    Self::UnknownCountry => Invalid, "invalid_input", "country";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

/// Reads a company name.
///
/// # Errors
/// [`CompanyRefused::BadName`] when nothing is left after trimming or it is longer than 200 characters.
pub fn company_name(text: &str) -> Result<String, CompanyRefused> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 {
        return Err(CompanyRefused::BadName);
    }
    Ok(text.to_owned())
}

/// Reads the country of a company.
///
/// # Errors
/// [`CompanyRefused::UnknownCountry`].
pub fn country(text: &str) -> Result<Country, CompanyRefused> {
    text.parse().map_err(|_| CompanyRefused::UnknownCountry)
}

/// Reads an IANA time zone name.
///
/// # Errors
/// [`CompanyRefused::UnknownTimezone`].
pub fn timezone(text: &str) -> Result<Tz, CompanyRefused> {
    text.trim().parse().map_err(|_| CompanyRefused::UnknownTimezone)
}

/// The local calendar day of an instant: the "today" of every daily limit and figure.
#[must_use]
pub fn local_day(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The instant at which the local `day` begins. Where a change of clocks removes midnight, the day begins at the first
/// instant after the gap; where midnight happens twice, at the first of the two.
#[must_use]
pub fn start_of_day(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    // Gaps are at most a day long (Samoa 2011): a quarter of an hour is the finest step any zone has used.
    (0..=96)
        .find_map(|quarters| zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarters))).earliest())
        .map_or_else(|| midnight.and_utc(), |local| local.with_timezone(&Utc))
}

/// The instant at which the local day after `day` begins: when a daily limit is free again.
#[must_use]
pub fn end_of_day(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    day.checked_add_days(Days::new(1)).map_or(DateTime::<Utc>::MAX_UTC, |next| start_of_day(zone, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_is_the_companys_own() {
        let zone = timezone("Asia/Kolkata").unwrap();
        assert_eq!(local_day(zone, at("2026-03-01T18:29:59Z")).to_string(), "2026-03-01");
        assert_eq!(local_day(zone, at("2026-03-01T18:30:00Z")).to_string(), "2026-03-02");
    }

    #[test]
    fn a_day_of_daylight_saving_is_shorter_or_longer() {
        let zone = timezone("Europe/Berlin").unwrap();
        let spring = "2026-03-29".parse().unwrap();
        assert_eq!((end_of_day(zone, spring) - start_of_day(zone, spring)).num_hours(), 23);
        let autumn = "2026-10-25".parse().unwrap();
        assert_eq!((end_of_day(zone, autumn) - start_of_day(zone, autumn)).num_hours(), 25);
    }

    #[test]
    fn a_day_whose_midnight_does_not_exist_begins_after_the_gap() {
        // Beirut moves its clocks forward at midnight.
        let zone = timezone("Asia/Beirut").unwrap();
        let day = "2026-03-29".parse().unwrap();
        let start = start_of_day(zone, day);
        assert_eq!(local_day(zone, start), day);
        assert_eq!(local_day(zone, start - TimeDelta::seconds(1)).to_string(), "2026-03-28");
    }

    #[test]
    fn names_and_zones_from_outside_are_checked() {
        assert_eq!(company_name("  "), Err(CompanyRefused::BadName));
        assert_eq!(company_name(" Acme "), Ok("Acme".to_owned()));
        assert_eq!(timezone("Mars/Olympus"), Err(CompanyRefused::UnknownTimezone));
    }
}
