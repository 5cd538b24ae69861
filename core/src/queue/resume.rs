//! Callers who hung up while they waited, and take their old place when they call again soon.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::id::QueueId;

/// The most callers that are remembered; the oldest go first.
const REMEMBERED: usize = 10_000;

/// The longest time that a place is kept, in seconds.
pub const RESUME_MAX: u32 = 3_600;

#[derive(Debug, Clone, Copy)]
struct Left {
    since: Instant,
    left_at: Instant,
}

/// See the module. In the memory of the process only: a restart forgets, as it ends the calls.
#[derive(Debug, Default)]
pub struct Places {
    left: FxHashMap<(QueueId, String), Left>,
    /// In the order of the times they left; an entry whose time is not that of `left` is stale.
    order: VecDeque<(Instant, QueueId, String)>,
}

impl Places {
    /// A caller who waited in a queue since `since` has hung up.
    pub fn leave(&mut self, now: Instant, queue: QueueId, caller: &str, since: Instant) {
        let longest = Duration::from_secs(RESUME_MAX.into());
        while let Some((left_at, queue, caller)) = self.order.pop_front() {
            let full = self.order.len() + 1 >= REMEMBERED;
            if !full && now.saturating_duration_since(left_at) <= longest {
                self.order.push_front((left_at, queue, caller));
                break;
            }
            let key = (queue, caller);
            if self.left.get(&key).is_some_and(|left| left.left_at == left_at) {
                self.left.remove(&key);
            }
        }
        self.left.insert((queue, caller.to_owned()), Left { since, left_at: now });
        self.order.push_back((now, queue, caller.to_owned()));
    }

    /// Since when a caller has waited who comes again within `patience`. A place is taken once.
    pub fn resume(&mut self, now: Instant, queue: QueueId, caller: &str, patience: Duration) -> Option<Instant> {
        let left = self.left.remove(&(queue, caller.to_owned()))?;
        (now.saturating_duration_since(left.left_at) <= patience).then_some(left.since)
    }

    /// How many places are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether no place is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made in another way; only distances from it matter"
    )]
    fn begin() -> Instant {
        Instant::now()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn queue() -> QueueId {
        let ids: &dyn IdSource = &SeededIds::new(7);
        ids.id(chrono::DateTime::UNIX_EPOCH)
    }

    #[test]
    fn who_calls_again_in_time_takes_the_old_place_once() {
        let (begin, queue) = (begin(), queue());
        let mut places = Places::default();
        places.leave(begin + MINUTE, queue, "+1", begin);
        assert_eq!(places.resume(begin + MINUTE, queue, "+2", MINUTE), None);
        assert_eq!(places.resume(begin + 2 * MINUTE, queue, "+1", MINUTE), Some(begin));
        assert_eq!(places.resume(begin + 2 * MINUTE, queue, "+1", MINUTE), None);
        places.leave(begin + MINUTE, queue, "+1", begin);
        assert_eq!(places.resume(begin + 2 * MINUTE + Duration::from_millis(1), queue, "+1", MINUTE), None);
        // Whoever leaves again keeps the place that the first call had.
        places.leave(begin + MINUTE, queue, "+1", begin);
        let since = places.resume(begin + MINUTE, queue, "+1", MINUTE).unwrap();
        places.leave(begin + 2 * MINUTE, queue, "+1", since);
        assert_eq!(places.resume(begin + 3 * MINUTE, queue, "+1", MINUTE), Some(begin));
    }

    #[test]
    fn the_memory_is_bounded_in_number_and_time() {
        let (begin, queue) = (begin(), queue());
        let mut places = Places::default();
        for n in 0..3 * REMEMBERED {
            // The same ones again and again among others.
            let caller = if n % 2 == 0 { "+0".to_owned() } else { format!("+{n}") };
            places.leave(begin + Duration::from_millis(n as u64), queue, &caller, begin);
            assert!(places.len() <= REMEMBERED && places.order.len() <= REMEMBERED);
        }
        assert!(places.resume(begin + MINUTE, queue, "+0", MINUTE).is_some(), "the latest is kept");
        places.leave(begin + 200 * MINUTE, queue, "+1", begin);
        assert_eq!((places.len(), places.order.len()), (1, 1));
    }
}
