//! How long a simulated day of 100,000 calls and 500 agents takes: `cargo run --release -p dialplane-core --features sim --example simulated_day`.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::disallowed_methods, reason = "it looks at the clock")]

use std::time::Instant;

use dialplane_core::queue::Strategy;
use dialplane_core::queue::sim::{Plan, run};

fn main() {
    for strategy in [Strategy::LongestIdle, Strategy::BestSkill, Strategy::RingAll] {
        let mut plan = Plan::simple(500, &[5_000.0; 20], 150.0, 120.0);
        plan.queues[0].settings.strategy = strategy;
        (plan.missed_share, plan.breaks_every_seconds, plan.break_seconds) = (0.05, 7_200.0, 600.0);
        let began = Instant::now();
        let day = run(&plan, 1);
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{}: {} calls, {:.1} % in time, {:.1} % busy, in {seconds:.2} s: {:.1} million calls a minute",
            strategy.as_str(),
            day.total.offered,
            day.total.service_level_with_abandoned() * 100.0,
            day.total.occupancy() * 100.0,
            day.total.offered as f64 / seconds * 60.0 / 1e6,
        );
    }
}
