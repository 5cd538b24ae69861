//! Explorations: random centres, random events, and a model that knows nothing of the router's inside and checks every step.
//!
//! A world draws its queues, agents and calls from a seed, tells a router what happens, does what the router wants, and keeps a model of plain
//! lists beside it. After every step the promises of the router are checked against the model ([`Promise`]). The same seed gives the same
//! events, to the letter: [`Explored::hash`] says so. A failure names its seed and what happened last.
//!
//! So that the check itself can be trusted, a [`Fault`] can be planted between the router and the world: each is found.
//!
//! ```
//! use dialplane_core::queue::sim::soak::explore;
//!
//! let explored = explore(1, 200, None).unwrap();
//! assert_eq!(explored.hash, explore(1, 200, None).unwrap().hash);
//! ```

mod changes;
mod draw;
mod events;
mod fault;
mod model;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use fault::Fault;
pub use verdict::{Broken, Promise};
use world::World;

/// What an exploration saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Explored {
    /// A number of everything that happened, in its order.
    pub hash: u64,
    /// Calls that came.
    pub calls: u64,
    /// Offers that were made.
    pub offers: u64,
    /// Offers that were answered in time.
    pub answered: u64,
    /// Agents told that somebody else was faster.
    pub rescinded: u64,
    /// Calls that the router sent on.
    pub overflowed: u64,
    /// Agents put on a break.
    pub paused: u64,
    /// Times the process died and came back.
    pub crashes: u64,
}

impl Explored {
    /// Adds what another exploration saw; the hashes are mixed in order.
    pub fn add(&mut self, other: &Self) {
        self.hash = self.hash.rotate_left(7) ^ other.hash;
        self.calls += other.calls;
        self.offers += other.offers;
        self.answered += other.answered;
        self.rescinded += other.rescinded;
        self.overflowed += other.overflowed;
        self.paused += other.paused;
        self.crashes += other.crashes;
    }
}

/// Lets a random centre live for so many steps and wind down. `fault` plants a bug.
///
/// # Errors
/// The first promise that was broken, with the seed and the last events.
pub fn explore(seed: u64, steps: usize, fault: Option<Fault>) -> Result<Explored, Box<Broken>> {
    let mut world = World::new(seed, fault);
    // The router's own assertions count as promises, too; the world is looked at afterwards, not used.
    let lived = catch_unwind(AssertUnwindSafe(|| {
        world.open()?;
        for _ in 0..steps {
            world.step()?;
        }
        world.wind_down()
    }));
    let verdict = lived.unwrap_or_else(|panic| Err(verdict::panicked(&*panic)));
    match verdict {
        Ok(()) => Ok(world.explored()),
        Err((promise, what)) => Err(Box::new(Broken { seed, fault, promise, what, events: world.last_events() })),
    }
}

#[cfg(test)]
mod tests;
