//! The allowance: how often an agent may call with an assigned number on one local day, and where to (document 001).
//!
//! A call is checked in one order, and counted at once: assigned? active? day rolled over? limit? country of the
//! destination? then count. Every admitted attempt counts, whatever becomes of the call: a limit that gave calls back
//! would not bound what a number is used for.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Country, E164, NumberStatus};
use crate::company::{end_of_day, local_day};
use crate::error::{Kind, Refusal, refusal};
use crate::id::{AssignmentId, CompanyId, NumberId, UserId};

/// The daily limit of an assignment when none is given (document 001).
pub const DAILY_LIMIT_DEFAULT: u32 = 100;
/// The largest daily limit.
pub const DAILY_LIMIT_MAX: u32 = 100_000;
/// The most countries an assignment lists.
pub const COUNTRIES_MAX: usize = 250;

/// A number in the hands of an agent. A number has at most one assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its id.
    pub id: AssignmentId,
    /// The company.
    pub company: CompanyId,
    /// The number.
    pub number: NumberId,
    /// Who may call with it.
    pub agent: UserId,
    /// Calls a local day, at most.
    pub daily_limit: u32,
    /// Where it may call; empty means everywhere.
    pub allowed_countries: Vec<Country>,
    /// The local day that `used` counts.
    pub day: NaiveDate,
    /// Calls counted on `day`.
    pub used: u32,
    /// When it was last called with; rotation goes by it.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Counts the changes of the settings (not the calls); a stale write is refused.
    pub version: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its settings were last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why an agent may not call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowanceRefused {
    /// The destination is not a telephone number.
    #[error("{0}")]
    Number(#[from] super::BadNumber),
    /// The agent has no number to call with.
    #[error("no phone number is assigned to this agent")]
    NotAssigned,
    /// Every assigned number is inactive.
    #[error("the assigned phone number is not active")]
    NumberInactive,
    /// The limit of the day is used up.
    #[error("the daily limit of {limit} calls is reached")]
    DailyLimit {
        /// The limit.
        limit: u32,
        /// When calls are free again: the next local midnight.
        resets_at: DateTime<Utc>,
    },
    /// The destination is in a country that is not on the list.
    #[error("calls to {country} are not allowed with this number")]
    CountryNotAllowed {
        /// The country of the destination.
        country: Country,
    },
    /// The numbering plan does not tell the country of the destination, and only some countries are allowed.
    #[error("the country of this number is unknown")]
    UnknownCountry,
    /// The agent does not exist, is not active or is not of this company.
    #[error("there is no such agent")]
    NoSuchAgent,
}

impl Refusal for AllowanceRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Invalid,
            Self::NoSuchAgent => Kind::NotFound,
            _ => Kind::Refused,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Number(_) => "invalid_number",
            Self::NotAssigned => "no_number_assigned",
            Self::NumberInactive => "number_inactive",
            Self::DailyLimit { .. } => "daily_limit_reached",
            Self::CountryNotAllowed { .. } => "country_not_allowed",
            Self::UnknownCountry => "country_unknown",
            Self::NoSuchAgent => "not_found",
        }
    }
    fn field(&self) -> Option<&'static str> {
        matches!(self, Self::Number(_)).then_some("to")
    }
}

/// Why an assignment was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentRefused {
    /// The limit is out of range.
    #[error("a daily limit is between 0 and 100000")]
    BadLimit,
    /// A country is unknown or there are too many.
    #[error("unknown country, expected ISO 3166 codes such as US")]
    BadCountry,
    /// No such number.
    #[error("there is no such phone number")]
    NoSuchNumber,
    /// The number is not active.
    #[error("the phone number is not active")]
    NumberInactive,
    /// No such agent, or the user is not of kind agent, or is disabled.
    #[error("there is no such agent")]
    NoSuchAgent,
    /// Somebody has it.
    #[error("the number is assigned already: unassign it first")]
    AlreadyAssigned,
    /// Nobody has it.
    #[error("the number is not assigned")]
    NotAssigned,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(AssignmentRefused {
    Self::BadLimit => Invalid, "invalid_input", "daily_limit";
    Self::BadCountry => Invalid, "invalid_input", "allowed_countries";
    Self::NoSuchNumber => NotFound, "not_found";
    Self::NumberInactive => Conflict, "number_inactive";
    Self::NoSuchAgent => NotFound, "agent_not_found", "agentId";
    Self::AlreadyAssigned => Conflict, "already_assigned";
    Self::NotAssigned => Conflict, "not_assigned";
    Self::Stale => Conflict, "stale_version";
});

/// Checks a daily limit.
///
/// # Errors
/// [`AssignmentRefused::BadLimit`].
pub const fn daily_limit(limit: u32) -> Result<u32, AssignmentRefused> {
    if limit > DAILY_LIMIT_MAX { Err(AssignmentRefused::BadLimit) } else { Ok(limit) }
}

/// Reads a list of countries; repeated ones count once.
///
/// # Errors
/// [`AssignmentRefused::BadCountry`].
pub fn countries<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Country>, AssignmentRefused> {
    if texts.len() > COUNTRIES_MAX {
        return Err(AssignmentRefused::BadCountry);
    }
    let mut countries = Vec::with_capacity(texts.len());
    for text in texts {
        let country = text.as_ref().parse().map_err(|_| AssignmentRefused::BadCountry)?;
        if !countries.contains(&country) {
            countries.push(country);
        }
    }
    Ok(countries)
}

/// A counted call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The assignment after counting.
    pub assignment: Assignment,
    /// The local day it was counted on.
    pub day: NaiveDate,
    /// Calls left on this day.
    pub remaining: u32,
}

impl Assignment {
    /// Calls counted on `today`: a new local day starts from nothing without anybody resetting it.
    #[must_use]
    pub fn used_on(&self, today: NaiveDate) -> u32 {
        if self.day == today { self.used } else { 0 }
    }

    /// Decides about one call to `destination` at `now` in the company's `zone`, and counts it.
    ///
    /// A clock that steps back over midnight does not hand out a second allowance: the later day keeps counting.
    ///
    /// # Errors
    /// [`AllowanceRefused`]; nothing is counted then.
    pub fn consume(
        mut self,
        status: NumberStatus,
        destination: &E164,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Admitted, AllowanceRefused> {
        if status != NumberStatus::Active {
            return Err(AllowanceRefused::NumberInactive);
        }
        let today = local_day(zone, now).max(self.day);
        if today != self.day {
            (self.day, self.used) = (today, 0);
        }
        if self.used >= self.daily_limit {
            return Err(AllowanceRefused::DailyLimit { limit: self.daily_limit, resets_at: end_of_day(zone, today) });
        }
        self.permits(destination)?;
        self.used += 1;
        self.last_used_at = Some(now);
        let remaining = self.daily_limit.saturating_sub(self.used);
        Ok(Admitted { day: today, remaining, assignment: self })
    }

    fn permits(&self, destination: &E164) -> Result<(), AllowanceRefused> {
        if self.allowed_countries.is_empty() {
            return Ok(());
        }
        let country = destination.country().ok_or(AllowanceRefused::UnknownCountry)?;
        if self.allowed_countries.contains(&country) {
            Ok(())
        } else {
            Err(AllowanceRefused::CountryNotAllowed { country })
        }
    }

    /// Sets the day's count back to nothing, as the manual reset of document 001 does.
    #[must_use]
    pub fn reset(self, today: NaiveDate) -> Self {
        Self { day: today, used: 0, ..self }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use proptest::prelude::*;

    pub(crate) fn assignment(limit: u32, countries: &[&str]) -> Assignment {
        let source = SeededIds::new(11);
        let ids: &dyn IdSource = &source;
        let t = DateTime::UNIX_EPOCH;
        Assignment {
            id: ids.id(t),
            company: ids.id(t),
            number: ids.id(t),
            agent: ids.id(t),
            daily_limit: limit,
            allowed_countries: super::countries(countries).unwrap(),
            day: NaiveDate::MIN,
            used: 0,
            last_used_at: None,
            version: 1,
            created_at: t,
            updated_at: t,
        }
    }

    fn to(text: &str) -> E164 {
        E164::from_stored(text).unwrap()
    }

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_limit_holds_and_says_when_it_ends() {
        let now = at("2026-06-01T10:00:00Z");
        let one = assignment(1, &[]).consume(NumberStatus::Active, &to("+12025550123"), BERLIN, now).unwrap();
        assert_eq!(one.remaining, 0);
        let refused = one.assignment.consume(NumberStatus::Active, &to("+12025550123"), BERLIN, now).unwrap_err();
        assert_eq!(refused, AllowanceRefused::DailyLimit { limit: 1, resets_at: at("2026-06-01T22:00:00Z") });
    }

    #[test]
    fn a_new_local_day_starts_from_nothing_also_on_days_of_daylight_saving() {
        for (before, after) in [
            ("2026-06-01T21:59:59Z", "2026-06-01T22:00:00Z"),
            ("2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z"),
            ("2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"),
            ("2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"),
        ] {
            let used =
                assignment(1, &[]).consume(NumberStatus::Active, &to("+12025550123"), BERLIN, at(before)).unwrap();
            let again = used.assignment.consume(NumberStatus::Active, &to("+12025550123"), BERLIN, at(after));
            assert!(again.is_ok(), "{before}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_second_allowance() {
        let used = assignment(1, &[])
            .consume(NumberStatus::Active, &to("+12025550123"), BERLIN, at("2026-06-01T22:00:00Z"))
            .unwrap();
        let back =
            used.assignment.consume(NumberStatus::Active, &to("+12025550123"), BERLIN, at("2026-06-01T21:59:00Z"));
        assert!(matches!(back, Err(AllowanceRefused::DailyLimit { .. })));
    }

    #[test]
    fn countries_and_status_are_checked_and_cost_nothing_when_refused() {
        let now = at("2026-06-01T10:00:00Z");
        let american = assignment(5, &["us", "CA", "US"]);
        assert_eq!(american.allowed_countries.len(), 2);
        let refused = american.clone().consume(NumberStatus::Active, &to("+442071838750"), BERLIN, now).unwrap_err();
        assert_eq!(refused, AllowanceRefused::CountryNotAllowed { country: "GB".parse().unwrap() });
        let refused = american.clone().consume(NumberStatus::Active, &to("+999123456789"), BERLIN, now).unwrap_err();
        assert_eq!(refused, AllowanceRefused::UnknownCountry);
        let refused = american.consume(NumberStatus::Inactive, &to("+12025550123"), BERLIN, now).unwrap_err();
        assert_eq!(refused, AllowanceRefused::NumberInactive);
    }

    #[test]
    fn a_limit_of_nothing_admits_nothing() {
        let now = at("2026-06-01T10:00:00Z");
        assert!(assignment(0, &[]).consume(NumberStatus::Active, &to("+12025550123"), BERLIN, now).is_err());
    }

    proptest! {
        #[test]
        fn no_local_day_ever_sees_more_than_its_limit(limit in 0u32..20, steps in proptest::collection::vec(0i64..30_000, 1..200)) {
            let mut state = assignment(limit, &[]);
            let mut now = at("2026-03-27T00:00:00Z");
            let mut per_day = std::collections::BTreeMap::<NaiveDate, u32>::new();
            for step in steps {
                now += chrono::TimeDelta::seconds(step);
                if let Ok(admitted) = state.clone().consume(NumberStatus::Active, &to("+12025550123"), BERLIN, now) {
                    prop_assert_eq!(admitted.day, local_day(BERLIN, now));
                    *per_day.entry(admitted.day).or_default() += 1;
                    state = admitted.assignment;
                }
            }
            prop_assert!(per_day.values().all(|used| *used <= limit));
        }
    }
}
