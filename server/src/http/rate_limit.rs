//! Rate limits: fixed windows per account or address, in bounded memory.
//!
//! Windows and not a bucket that refills, such as `governor` has: the documents promise "at most 5 in 15 minutes", and a bucket of
//! 5 that refills in 15 minutes lets a tenth guess through within them. What fails is counted after it was tried, so a limit
//! must be asked without being counted too, which those buckets cannot.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};
use dialplane_core::id::UserId;

use crate::problem::Problem;
use crate::settings::RateLimits;

/// Failed sign-ins of one address in a window (document 003).
const SIGN_IN_FAILURES: u32 = 5;
/// Uploads of one account in a window (document 003).
const UPLOADS: u32 = 10;
/// Requests of one account a minute.
const ACCOUNT_PER_MINUTE: u32 = 600;
/// The most counters kept; beyond, the oldest windows are forgotten first.
const COUNTERS_MAX: usize = 50_000;

/// What is counted, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Requests without a valid token, by address.
    Anonymous(IpAddr),
    /// Failed sign-ins, by address.
    SignInFailure(IpAddr),
    /// Requests of an account.
    Account(UserId),
    /// Uploads of an account.
    Upload(UserId),
}

/// Where somebody stands in their window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    /// Seconds until the window ends.
    reset: u64,
}

impl Standing {
    /// Says it in the headers that clients of the documents' servers read (`RateLimit-Limit`, `-Remaining`, `-Reset`).
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static("ratelimit-limit"), self.limit.into());
        headers.insert(HeaderName::from_static("ratelimit-remaining"), self.remaining.into());
        headers.insert(HeaderName::from_static("ratelimit-reset"), self.reset.into());
    }
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    began: Instant,
    count: u32,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: RateLimits,
    counters: Mutex<HashMap<Key, Counter>>,
}

impl Limiter {
    /// A limiter without counts.
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, counters: Mutex::new(HashMap::new()) }
    }

    fn terms(&self, key: Key) -> (u32, Duration) {
        match key {
            Key::Anonymous(_) => (self.limits.anonymous, self.limits.window),
            Key::SignInFailure(_) => (SIGN_IN_FAILURES, self.limits.window),
            Key::Upload(_) => (UPLOADS, self.limits.window),
            Key::Account(_) => (ACCOUNT_PER_MINUTE, Duration::from_secs(60)),
        }
    }

    /// Counts one and refuses it when the window is full. Says how much is left; nothing when there are no limits.
    ///
    /// # Errors
    /// 429 with the seconds until the window ends.
    pub(crate) fn count(&self, key: Key) -> Result<Option<Standing>, Problem> {
        self.at(Instant::now(), key, true)
    }

    /// Refuses when the window is full, without counting.
    ///
    /// # Errors
    /// As [`Limiter::count`].
    pub(crate) fn check(&self, key: Key) -> Result<(), Problem> {
        self.at(Instant::now(), key, false).map(|_| ())
    }

    fn at(&self, now: Instant, key: Key, counts: bool) -> Result<Option<Standing>, Problem> {
        if !self.limits.on {
            return Ok(None);
        }
        let key = whole_network(key);
        let (limit, window) = self.terms(key);
        let mut counters = self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counters.len() >= COUNTERS_MAX && !counters.contains_key(&key) {
            self.forget(&mut counters, now);
        }
        let fresh = Counter { began: now, count: 0 };
        let counter = counters.entry(key).or_insert(fresh);
        if now.duration_since(counter.began) >= window {
            *counter = fresh;
        }
        let left = window.saturating_sub(now.duration_since(counter.began));
        if counter.count >= limit {
            metrics::counter!("dialplane_rate_limited_total").increment(1);
            return Err(Problem::rate_limited(left.as_secs().max(1)));
        }
        counter.count += u32::from(counts);
        Ok(Some(Standing { limit, remaining: limit - counter.count, reset: left.as_secs().max(1) }))
    }

    /// Makes room: drops the windows that are over, and when that is not enough the older half of the rest.
    fn forget(&self, counters: &mut HashMap<Key, Counter>, now: Instant) {
        counters.retain(|key, counter| now.duration_since(counter.began) < self.terms(*key).1);
        if counters.len() < COUNTERS_MAX {
            return;
        }
        let mut began: Vec<Instant> = counters.values().map(|counter| counter.began).collect();
        let middle = began.len() / 2;
        let (_, median, _) = began.select_nth_unstable(middle);
        let median = *median;
        counters.retain(|_, counter| counter.began > median);
    }
}

/// A household has a whole IPv6 network: its first 64 bits are the address that counts.
fn whole_network(key: Key) -> Key {
    let network = |address: IpAddr| match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    };
    match key {
        Key::Anonymous(address) => Key::Anonymous(network(address)),
        Key::SignInFailure(address) => Key::SignInFailure(network(address)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(on: bool) -> Limiter {
        Limiter::new(RateLimits { on, window: Duration::from_secs(900), anonymous: 3 })
    }

    #[test]
    fn a_window_fills_and_opens_again() {
        let limiter = limiter(true);
        let (now, key) = (Instant::now(), Key::Anonymous("192.0.2.1".parse().unwrap()));
        assert!((0..3).all(|_| limiter.at(now, key, true).is_ok()));
        assert!(limiter.at(now, key, true).is_err());
        assert!(limiter.at(now, Key::Anonymous("192.0.2.2".parse().unwrap()), true).is_ok());
        assert!(limiter.at(now + Duration::from_secs(900), key, true).is_ok());
    }

    #[test]
    fn checking_counts_nothing_and_off_means_off() {
        let key = Key::SignInFailure("2001:db8::1".parse().unwrap());
        let strict = limiter(true);
        assert!((0..100).all(|_| strict.check(key).is_ok()));
        for _ in 0..5 {
            strict.count(key).unwrap();
        }
        assert!(strict.check(Key::SignInFailure("2001:db8::2".parse().unwrap())).is_err(), "one network");
        assert!((0..100).all(|_| limiter(false).count(key).is_ok()));
    }

    #[test]
    fn memory_stays_bounded() {
        let limiter = limiter(true);
        let start = Instant::now();
        for n in 0..(COUNTERS_MAX as u32 + 10) {
            let address = IpAddr::from(n.to_be_bytes());
            limiter.at(start + Duration::from_millis(u64::from(n) / 100), Key::Anonymous(address), true).unwrap();
        }
        assert!(limiter.counters.lock().unwrap().len() <= COUNTERS_MAX);
    }
}
