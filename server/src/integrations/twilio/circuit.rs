//! Keeps calls from waiting for a carrier that is down: after some failures in a row none is sent for a while, then one that tries.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which the carrier counts as down.
const FAILURES: u32 = 5;
/// How long nothing is sent then.
const REST: Duration = Duration::from_secs(15);

/// Whether the carrier is up.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Circuit {
    /// Whether a request may be sent.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // This one tries; the others wait for what it finds.
                state.open_until = Some(now + REST);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The carrier answered.
    pub(super) fn worked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It did not.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.open_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_one_that_tries_closes_it() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        for _ in 1..FAILURES {
            circuit.failed(now);
        }
        circuit.worked();
        circuit.failed(now);
        assert!(circuit.admit(now).is_ok(), "they were not in a row");
        (1..FAILURES).for_each(|_| circuit.failed(now));
        assert_eq!(circuit.admit(now), Err(REST));
        let later = now + REST;
        assert!(circuit.admit(later).is_ok(), "one tries");
        assert_eq!(circuit.admit(later), Err(REST), "and only one");
        circuit.worked();
        assert!((0..9).all(|_| circuit.admit(later).is_ok()));
    }
}
