//! How long things take, by chance.

use crate::queue::chance::Chance;

/// Draws from the distributions that a day needs.
#[derive(Debug, Clone)]
pub(super) struct Luck(Chance);

impl Luck {
    pub(super) const fn new(seed: u64) -> Self {
        Self(Chance(seed))
    }

    /// From 0, included, to 1, not included.
    pub(super) fn share(&mut self) -> f64 {
        (self.0.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to `count` - 1.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.share() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Exponential with this mean, in the same unit.
    pub(super) fn gap(&mut self, mean: f64) -> f64 {
        let share = 1.0 - self.share();
        -share.ln() * mean
    }

    /// Milliseconds, exponential with this mean in seconds.
    pub(super) fn exponential(&mut self, mean_seconds: f64) -> u64 {
        self.gap(mean_seconds * 1_000.0) as u64
    }

    /// Milliseconds, log-normal with this mean and deviation in seconds: how long people talk (Brown et al., 2005).
    pub(super) fn log_normal(&mut self, mean: f64, deviation: f64) -> u64 {
        let variance = (1.0 + (deviation / mean).powi(2)).ln();
        let (one, two) = (1.0 - self.share(), self.share());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos();
        ((mean.ln() - variance / 2.0 + variance.sqrt() * normal).exp() * 1_000.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_are_as_asked_for() {
        let mut chance = Luck::new(3);
        let all: Vec<f64> = (0..200_000).map(|_| chance.log_normal(180.0, 90.0) as f64 / 1_000.0).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let deviation = (all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
        assert!((mean - 180.0).abs() < 1.5 && (deviation - 90.0).abs() < 3.0, "{mean} {deviation}");
        let mean = (0..200_000).map(|_| chance.exponential(60.0) as f64).sum::<f64>() / 200_000_000.0;
        assert!((mean - 60.0).abs() < 0.6, "{mean}");
        assert!((0..1_000).all(|_| chance.below(3) < 3));
    }
}
