//! Rotation: which of an agent's numbers a call is made with.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::allowance::{Admitted, AllowanceRefused, Assignment};
use super::{E164, PhoneNumber};
use crate::company::local_day;

/// How the number is chosen. Ties go to the lower assignment id, so that a decision repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The number with the fewest calls today.
    #[default]
    LeastUsed,
    /// The number that has rested longest.
    RoundRobin,
    /// The number of the destination's country that shares the most leading digits with it, then the least used.
    LocalPresence,
}

/// A number an agent may call with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The assignment.
    pub assignment: Assignment,
    /// The number itself.
    pub number: PhoneNumber,
}

/// The candidates in the order in which they are tried.
#[must_use]
pub fn order(
    rotation: Rotation,
    mut candidates: Vec<Candidate>,
    destination: &E164,
    today: NaiveDate,
) -> Vec<Candidate> {
    let country = destination.country();
    candidates.sort_by_cached_key(|candidate| {
        let used = candidate.assignment.used_on(today);
        let rested = candidate.assignment.last_used_at.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let far = match rotation {
            Rotation::LocalPresence => {
                let abroad = country != Some(candidate.number.country);
                (abroad, usize::MAX - candidate.number.number.shared_prefix(destination))
            }
            Rotation::LeastUsed | Rotation::RoundRobin => (false, 0),
        };
        let used = if rotation == Rotation::RoundRobin { 0 } else { used };
        (far, used, rested, candidate.assignment.id)
    });
    candidates
}

/// Makes one call: tries the candidates in order and counts it on the first that admits it.
///
/// # Errors
/// When none does, the refusal that says most: a limit before a country, a country before an inactive number, and
/// [`AllowanceRefused::NotAssigned`] when there is no candidate at all.
pub fn consume(
    rotation: Rotation,
    candidates: Vec<Candidate>,
    destination: &E164,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<(Admitted, PhoneNumber), AllowanceRefused> {
    let mut refused = AllowanceRefused::NotAssigned;
    for candidate in order(rotation, candidates, destination, local_day(zone, now)) {
        let Candidate { assignment, number } = candidate;
        match assignment.consume(number.status, destination, zone, now) {
            Ok(admitted) => return Ok((admitted, number)),
            Err(other) if telling(&other) > telling(&refused) => refused = other,
            Err(_) => {}
        }
    }
    Err(refused)
}

const fn telling(refused: &AllowanceRefused) -> u8 {
    match refused {
        AllowanceRefused::DailyLimit { .. } => 4,
        AllowanceRefused::CountryNotAllowed { .. } => 3,
        AllowanceRefused::UnknownCountry => 2,
        AllowanceRefused::NumberInactive => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::phone::allowance::tests::assignment;
    use crate::phone::inventory::NewNumber;

    fn candidates(numbers: &[(&str, u32)]) -> Vec<Candidate> {
        let source = SeededIds::new(4);
        let ids: &dyn IdSource = &source;
        let t = DateTime::UNIX_EPOCH;
        let make = |(text, limit): &(&str, u32)| {
            let new = NewNumber { number: (*text).to_owned(), ..NewNumber::default() };
            let number = PhoneNumber::read(ids.id(t), ids.id(t), &new, "US".parse().unwrap(), t).unwrap();
            Candidate { assignment: Assignment { id: ids.id(t), number: number.id, ..assignment(*limit, &[]) }, number }
        };
        numbers.iter().map(make).collect()
    }

    fn drive(rotation: Rotation, calls: usize, to: &str, mut pool: Vec<Candidate>) -> Vec<u32> {
        let to = E164::from_stored(to).unwrap();
        for call in 0..calls {
            let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(call as i64);
            if let Ok((admitted, _)) = consume(rotation, pool.clone(), &to, chrono_tz::UTC, now) {
                let slot = pool.iter_mut().find(|c| c.assignment.id == admitted.assignment.id).unwrap();
                slot.assignment = admitted.assignment;
            }
        }
        pool.iter().map(|c| c.assignment.used).collect()
    }

    #[test]
    fn least_used_and_round_robin_spread_evenly() {
        let pool = || candidates(&[("+12025550101", 100), ("+12025550102", 100), ("+12025550103", 100)]);
        assert_eq!(drive(Rotation::LeastUsed, 30, "+14155550123", pool()), [10, 10, 10]);
        assert_eq!(drive(Rotation::RoundRobin, 30, "+14155550123", pool()), [10, 10, 10]);
    }

    #[test]
    fn local_presence_prefers_the_neighbour_until_its_limit() {
        let pool = candidates(&[("+442071838750", 100), ("+12025550102", 100), ("+14155550103", 3)]);
        assert_eq!(drive(Rotation::LocalPresence, 5, "+14155559999", pool), [0, 2, 3]);
    }

    #[test]
    fn all_limits_together_bound_the_agent() {
        let pool = candidates(&[("+12025550101", 2), ("+12025550102", 1)]);
        assert_eq!(drive(Rotation::LeastUsed, 50, "+14155550123", pool).iter().sum::<u32>(), 3);
    }

    #[test]
    fn the_refusal_that_says_most_is_told() {
        let to = E164::from_stored("+14155550123").unwrap();
        let none = consume(Rotation::LeastUsed, vec![], &to, chrono_tz::UTC, DateTime::UNIX_EPOCH);
        assert_eq!(none.unwrap_err(), AllowanceRefused::NotAssigned);
        let used_up =
            consume(Rotation::LeastUsed, candidates(&[("+12025550101", 0)]), &to, chrono_tz::UTC, DateTime::UNIX_EPOCH);
        assert!(matches!(used_up, Err(AllowanceRefused::DailyLimit { .. })));
    }
}
