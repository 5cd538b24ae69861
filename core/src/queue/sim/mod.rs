//! A whole contact centre on virtual time: the production router, callers who lose patience, agents who miss calls, take breaks and go home.
//!
//! The same plan and seed give the same day, event by event. Nothing waits: a day takes as long as its events take to compute.
//! [`recorded`] makes a day of what is stored of it, [`replay`] plays it again, as it was or [with other settings](Variation); [`soak`] lets chance do its worst.
//!
//! ```
//! use dialplane_core::queue::sim::{Plan, run};
//!
//! let plan = Plan::simple(12, &[60.0; 4], 180.0, 120.0);
//! let day = run(&plan, 7);
//! assert_eq!(day.slices.len(), 4);
//! assert_eq!(day, run(&plan, 7));
//! assert!(day.total.answered + day.total.abandoned + day.total.overflowed == day.total.offered);
//! ```

mod centre;
mod day;
mod luck;
mod plan;
pub mod recorded;
pub mod replay;
mod script;
pub mod soak;
mod variation;

pub use day::{Day, Slice};
pub use plan::{Plan, PlanRefused, PlannedAgent, PlannedQueue, Shift};
pub use variation::{OtherAgent, OtherQueue, Variation, setting_names};

use centre::Centre;
use replay::RecordedDay;
use script::Script;

/// Plays a day. `seed` decides chance.
#[must_use]
pub fn run(plan: &Plan, seed: u64) -> Day {
    run_telling(plan, seed, &mut |_| {})
}

/// The same. `tell` hears the share of the calls that have come, 0 to 1, each time one comes.
pub fn run_telling(plan: &Plan, seed: u64, tell: &mut dyn FnMut(f64)) -> Day {
    Centre::play(&Script::draw(plan, seed), seed, tell).0
}

/// Plays a day and records it.
#[must_use]
pub fn record(plan: &Plan, seed: u64) -> (Day, RecordedDay) {
    let script = Script::draw(plan, seed);
    let (day, calls) = Centre::play(&script, seed, &mut |_| {});
    (day, RecordedDay::of(&script, calls))
}

#[cfg(test)]
mod tests;
