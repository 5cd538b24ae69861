//! How long callers may still have to wait, from what those before them waited.
//!
//! Each call that was answered tells how long the queue took for each place the caller had before them. The estimate is the median and the ninth
//! decile of that pace among the latest calls, times the places of the caller who asks. How often reality fell inside is counted, so that the
//! estimate itself can be judged.

use std::collections::VecDeque;
use std::time::Duration;

/// How many calls the pace is taken from.
const REMEMBERED: usize = 256;
/// Before so many calls nothing is said from experience.
const LEAST: usize = 8;

/// How long a caller may have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Half of such callers wait no longer.
    pub median: Duration,
    /// Nine of ten wait no longer.
    pub most: Duration,
}

/// How often estimates were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calibration {
    /// Calls that had been given an estimate and were answered.
    pub told: u64,
    /// Of those, the ones that waited no longer than the median.
    pub within_median: u64,
    /// And no longer than the ninth decile.
    pub within_most: u64,
}

/// What a queue has learned about its waits.
#[derive(Debug, Clone, Default)]
pub struct Experience {
    /// Milliseconds a place, in the order of the calls.
    paces: VecDeque<u64>,
    /// The same in the order of size.
    sorted: Vec<u64>,
    calibration: Calibration,
}

impl Experience {
    /// A call that came behind `ahead` others was answered after `waited`; `told` is what it had been told when it came.
    pub fn answered(&mut self, ahead: u32, waited: Duration, told: Option<Estimate>) {
        let pace = waited.as_millis() as u64 / (u64::from(ahead) + 1);
        if self.paces.len() == REMEMBERED
            && let Some(oldest) = self.paces.pop_front()
            && let Ok(place) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(place);
        }
        self.paces.push_back(pace);
        let place = self.sorted.partition_point(|other| *other < pace);
        self.sorted.insert(place, pace);
        if let Some(told) = told {
            self.calibration.told += 1;
            self.calibration.within_median += u64::from(waited <= told.median);
            self.calibration.within_most += u64::from(waited <= told.most);
        }
    }

    /// What a caller behind `ahead` others can be told; `None` as long as there is too little experience.
    #[must_use]
    pub fn estimate(&self, ahead: u32) -> Option<Estimate> {
        let last = self.sorted.len().checked_sub(1).filter(|_| self.sorted.len() >= LEAST)?;
        let pace = |tenths: usize| self.sorted.get(last * tenths / 10).copied().unwrap_or_default();
        let wait = |pace: u64| Duration::from_millis(pace.saturating_mul(u64::from(ahead) + 1));
        Some(Estimate { median: wait(pace(5)), most: wait(pace(9)) })
    }

    /// How often estimates were right.
    #[must_use]
    pub const fn calibration(&self) -> Calibration {
        self.calibration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_said_before_there_is_experience_and_then_the_pace_times_the_places() {
        let mut experience = Experience::default();
        for wait in 1..=7 {
            experience.answered(0, seconds(wait), None);
        }
        assert_eq!(experience.estimate(0), None);
        for wait in 8..=11 {
            experience.answered(0, seconds(wait), None);
        }
        let told = experience.estimate(0).unwrap();
        assert_eq!((told.median, told.most), (seconds(6), seconds(10)));
        let behind = experience.estimate(4).unwrap();
        assert_eq!((behind.median, behind.most), (seconds(30), seconds(50)));
    }

    #[test]
    fn old_calls_are_forgotten() {
        let mut experience = Experience::default();
        for _ in 0..REMEMBERED {
            experience.answered(0, seconds(600), None);
        }
        for _ in 0..REMEMBERED {
            experience.answered(1, seconds(4), None);
        }
        assert_eq!(experience.estimate(0), Some(Estimate { median: seconds(2), most: seconds(2) }));
        assert_eq!(experience.sorted.len(), REMEMBERED);
    }

    #[test]
    fn what_came_true_is_counted() {
        let mut experience = Experience::default();
        let told = Some(Estimate { median: seconds(10), most: seconds(30) });
        for wait in [5, 10, 20, 40] {
            experience.answered(0, seconds(wait), told);
        }
        let Calibration { told, within_median, within_most } = experience.calibration();
        assert_eq!((told, within_median, within_most), (4, 2, 3));
    }
}
