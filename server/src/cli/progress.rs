//! How far something has come, on a terminal only.

use std::io::{IsTerminal as _, Write as _};

/// Cells of the bar.
const WIDTH: usize = 40;

/// A bar on stderr, which goes away at the end. Nothing where stderr is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    on: bool,
    total: u64,
    done: u64,
    /// The percent that is shown.
    shown: Option<u64>,
}

impl Progress {
    /// A bar of so many things to do.
    pub(super) fn begin(total: u64) -> Self {
        Self { on: std::io::stderr().is_terminal(), total: total.max(1), done: 0, shown: None }
    }

    /// Does one of the things, which tells the share of itself that is done.
    pub(super) fn of_one<T>(&mut self, work: impl FnOnce(&mut dyn FnMut(f64)) -> T) -> T {
        let result = work(&mut |share| self.show(share));
        self.done += 1;
        self.show(0.0);
        result
    }

    fn show(&mut self, share: f64) {
        let percent = ((self.done as f64 + share) / self.total as f64 * 100.0) as u64;
        if self.on && self.shown != Some(percent) {
            self.shown = Some(percent);
            // A bar that cannot be shown is none.
            let _ = write!(std::io::stderr(), "\r{}", bar(percent));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r{:1$}\r", "", WIDTH + 7);
        }
    }
}

fn bar(percent: u64) -> String {
    let full = (percent.min(100) as usize * WIDTH) / 100;
    format!("[{:WIDTH$}] {percent:>3}%", "#".repeat(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_keeps_its_width() {
        assert_eq!(bar(0), format!("[{}]   0%", " ".repeat(WIDTH)));
        assert_eq!(bar(50), format!("[{}{}]  50%", "#".repeat(WIDTH / 2), " ".repeat(WIDTH / 2)));
        assert_eq!(bar(100), format!("[{}] 100%", "#".repeat(WIDTH)));
    }

    #[test]
    fn parts_of_one_thing_count_within_it() {
        let mut progress = Progress { on: false, ..Progress::begin(4) };
        progress.on = true;
        let mut percents = Vec::new();
        for _ in 0..4 {
            progress.of_one(|tell| tell(0.5));
            percents.push(progress.shown);
        }
        assert_eq!(percents, [Some(25), Some(50), Some(75), Some(100)]);
    }
}
