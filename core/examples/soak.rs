//! Explores random contact centres with the production router: `soak [WORLDS] [STEPS] [FIRST SEED]`.
//!
//! Says how far it is, and at the first broken promise the seed and what happened last.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]
#![expect(clippy::disallowed_methods, reason = "a program has arguments and looks at the clock")]

use std::process::ExitCode;
use std::time::Instant;

use dialplane_core::queue::sim::soak::{Explored, explore};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| match arguments.next() {
        Some(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        None => Ok(otherwise),
    };
    let (worlds, steps, first) = match (number(1_000), number(2_000), number(0)) {
        (Ok(worlds), Ok(steps), Ok(first)) => (worlds, steps, first),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            eprintln!("soak [WORLDS] [STEPS] [FIRST SEED]: {error}");
            return ExitCode::from(2);
        }
    };
    // A broken promise is told once, with its story, and not also as a panic.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let mut seen = Explored::default();
    for seed in first..first + worlds {
        match explore(seed, steps as usize, None) {
            Ok(explored) => seen.add(&explored),
            Err(broken) => {
                eprintln!("{broken}");
                return ExitCode::FAILURE;
            }
        }
        let done = seed - first + 1;
        if done % (worlds / 20).max(1) == 0 || done == worlds {
            println!("{done} of {worlds} worlds in {:.1} s: {} calls", began.elapsed().as_secs_f64(), seen.calls);
        }
    }
    let Explored { hash, calls, offers, answered, rescinded, overflowed, paused, crashes } = seen;
    println!(
        "{calls} calls, {offers} offers, {answered} answered, {rescinded} rescinded, {overflowed} sent on, {paused} breaks, {crashes} crashes"
    );
    println!("every promise was kept; all that happened has the number {hash:016x}");
    ExitCode::SUCCESS
}
