//! What the benches share: measuring rows in turn, and processor time.
//!
//! Machines are shared and noisy, so a figure counts only beside a baseline that was measured in turn with it. The benches keep
//! their baselines in themselves, named as what they are. How to run them is in `README.md`.
//!
//! ```
//! // Started by a test runner and not by `cargo bench`, nothing measures.
//! assert!(!dialplane_benches::is_measuring());
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

pub mod figures;
pub mod postgres;
pub mod processor;
pub mod server;
pub mod turns;
pub mod words;

/// Whether the program was started to measure (`cargo bench`), not by a test runner that starts every target.
#[must_use]
pub fn is_measuring() -> bool {
    let given = |word: &str| std::env::args().any(|argument| argument == word);
    given("--bench") && !given("--test") && !given("--list")
}
