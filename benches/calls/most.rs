//! Looking for the highest rate that is sustained.

use std::fmt;
use std::io;

use crate::Measured;

/// Halvings of the gap between the highest rate held and the lowest one missed.
const STEPS: usize = 4;
/// No rate above this is tried.
const RATE_MAX: u32 = 40_000;

/// The highest rate that was held.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sustained {
    rate: u32,
    reached: f64,
    server: f64,
}

impl Sustained {
    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.reached
    }
}

impl fmt::Display for Sustained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} a second", self.reached)?;
        if self.server > 0.0 {
            write!(f, ", {:.3} CPU s per 1,000 there", self.server)?;
        }
        Ok(())
    }
}

/// Goes up by halves from `first` until a rate is missed, then halves the gap. A missed rate is tried once more, as machines are shared.
pub(crate) fn search(first: u32, mut measure: impl FnMut(u32) -> io::Result<Measured>) -> io::Result<Sustained> {
    let mut best = Sustained::default();
    let mut holds = |rate: u32, best: &mut Sustained| -> io::Result<bool> {
        for _ in 0..2 {
            let measured = measure(rate)?;
            if measured.outcome.held(rate) {
                *best =
                    Sustained { rate, reached: measured.outcome.per_second(), server: measured.server_per_thousand() };
                return Ok(true);
            }
        }
        Ok(false)
    };
    let mut missed = first;
    while missed < RATE_MAX && holds(missed, &mut best)? {
        missed += missed / 2;
    }
    if best.rate == 0 {
        missed = first;
    }
    for _ in 0..STEPS {
        let middle = best.rate.midpoint(missed);
        if middle == best.rate {
            break;
        }
        if !holds(middle, &mut best)? {
            missed = middle;
        }
    }
    Ok(best)
}
