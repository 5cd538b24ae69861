//! Waiting for something that is seen from outside only.

use std::time::{Duration, Instant};

/// How often a condition of another process is looked at, where that process cannot tell.
const STEP: Duration = Duration::from_millis(20);

/// Looks until `probe` gives something, at most for `limit`.
#[track_caller]
pub(crate) fn until<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::park_timeout(STEP);
    }
}
