//! Port pairs for RTP and RTCP (RFC 3550 §11: RTP on the even port, RTCP on the next odd one).
//!
//! Pure: time and the starting point are passed in. A freed pair rests for a while, so that the last packets of an ended call do
//! not reach the next one.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Ports used when nothing else is configured.
pub const DEFAULT_RANGE: RangeInclusive<u16> = 40_000..=49_999;

/// How long a freed pair rests when nothing else is configured. Long enough for a sender that has not seen the BYE yet.
pub const DEFAULT_QUARANTINE: Duration = Duration::from_secs(2);

/// An even port for RTP; RTCP has the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortPair(u16);

impl PortPair {
    /// The even port.
    pub const fn rtp(self) -> u16 {
        self.0
    }

    /// The odd port above it.
    pub const fn rtcp(self) -> u16 {
        self.0 | 1
    }
}

/// Why no pair was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The range holds no even port followed by an odd one.
    #[error("ports {first} to {last} hold no even and odd pair")]
    EmptyRange {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
    },
    /// Every pair is in use or resting.
    #[error("all {pairs} port pairs are taken: {used} in use, {resting} resting")]
    Exhausted {
        /// Pairs of the range.
        pairs: usize,
        /// Pairs given out.
        used: usize,
        /// Pairs freed a short while ago.
        resting: usize,
    },
}

/// Gives out port pairs of a range, each to one user at a time.
#[derive(Debug, Clone)]
pub struct PortAllocator {
    /// Pairs ready to be given out, the one that waited longest first.
    free: VecDeque<PortPair>,
    resting: VecDeque<(Instant, PortPair)>,
    used: Vec<bool>,
    first: u16,
    quarantine: Duration,
}

impl PortAllocator {
    /// An allocator over `range`. `start` picks the first pair given out (a random number makes the ports of a call hard to guess
    /// across restarts); pairs follow each other from there.
    pub fn new(range: RangeInclusive<u16>, quarantine: Duration, start: u64) -> Result<Self, PortError> {
        let (first, last) = (*range.start(), *range.end());
        let empty = PortError::EmptyRange { first, last };
        let even = first.checked_next_multiple_of(2).filter(|even| *even < last && *even > 0).ok_or(empty)?;
        let mut free: VecDeque<_> = (even..last).step_by(2).map(PortPair).collect();
        let pairs = free.len();
        free.rotate_left((start % pairs as u64) as usize);
        Ok(Self { free, resting: VecDeque::new(), used: vec![false; pairs], first: even, quarantine })
    }

    /// The next free pair.
    pub fn allocate(&mut self, now: Instant) -> Result<PortPair, PortError> {
        while let Some((_, pair)) = self.resting.pop_front_if(|(ready, _)| *ready <= now) {
            self.free.push_back(pair);
        }
        let exhausted =
            PortError::Exhausted { pairs: self.used.len(), used: self.in_use(), resting: self.resting.len() };
        let pair = self.free.pop_front().ok_or(exhausted)?;
        if let Some(used) = self.slot(pair) {
            debug_assert!(!*used, "pair {pair:?} was free and used at once");
            *used = true;
        }
        Ok(pair)
    }

    /// Takes a pair back; it rests before it is given out again. A pair that was not given out is ignored, so freeing twice is harmless.
    pub fn release(&mut self, now: Instant, pair: PortPair) {
        if self.slot(pair).is_some_and(std::mem::take) {
            self.resting.push_back((now + self.quarantine, pair));
        }
    }

    /// Pairs given out at present.
    pub fn in_use(&self) -> usize {
        self.used.len() - self.free.len() - self.resting.len()
    }

    fn slot(&mut self, pair: PortPair) -> Option<&mut bool> {
        self.used.get_mut(usize::from(pair.0.checked_sub(self.first)?) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_and_odd_and_never_given_twice() {
        let now = Instant::now();
        let mut ports = PortAllocator::new(40_001..=40_010, Duration::ZERO, 3).unwrap();
        let mut given: Vec<_> = (0..4).map(|_| ports.allocate(now).unwrap()).collect();
        assert_eq!(given[0].rtp(), 40_008, "starts where it was told to");
        given.sort_unstable();
        assert_eq!(given.iter().map(|p| p.rtp()).collect::<Vec<_>>(), [40_002, 40_004, 40_006, 40_008]);
        assert!(given.iter().all(|p| p.rtcp() == p.rtp() + 1));
        assert_eq!(ports.allocate(now), Err(PortError::Exhausted { pairs: 4, used: 4, resting: 0 }));
    }

    #[test]
    fn a_freed_pair_rests_before_it_is_used_again() {
        let now = Instant::now();
        let mut ports = PortAllocator::new(50_000..=50_001, Duration::from_secs(2), 0).unwrap();
        let pair = ports.allocate(now).unwrap();
        ports.release(now, pair);
        ports.release(now, pair);
        assert_eq!(ports.in_use(), 0);
        let soon = now + Duration::from_millis(1_999);
        assert_eq!(ports.allocate(soon), Err(PortError::Exhausted { pairs: 1, used: 0, resting: 1 }));
        assert_eq!(ports.allocate(now + Duration::from_secs(2)), Ok(pair));
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        #[expect(clippy::reversed_empty_ranges, reason = "a mistake in a configuration must be an error, not a panic")]
        let reversed = 9..=3;
        for range in [40_001..=40_002, 40_000..=40_000, 65_535..=65_535, 0..=0, reversed] {
            assert!(PortAllocator::new(range.clone(), Duration::ZERO, 0).is_err(), "{range:?}");
        }
        assert!(PortAllocator::new(65_534..=65_535, Duration::ZERO, u64::MAX).is_ok());
    }

    #[test]
    fn the_last_port_of_the_range_is_never_passed() {
        let mut ports = PortAllocator::new(65_530..=65_535, Duration::ZERO, 0).unwrap();
        let given: Vec<_> = std::iter::from_fn(|| ports.allocate(Instant::now()).ok()).map(PortPair::rtcp).collect();
        assert_eq!(given, [65_531, 65_533, 65_535]);
    }
}
