//! What days come to, as tables show it: the figures of `simulate` and `replay`.

use std::fmt::Write as _;

use dialplane_core::queue::sim::{Day, Slice};
use serde::Serialize;

use super::paint::{Paint, plain};

/// The columns of a row of [`rows`] after its first ones.
pub(super) const COLUMNS: &str = "slice,offered,answered,in_time,abandoned,abandoned_soon,overflowed,service_level,mean_wait_seconds,\
    longest_wait_seconds,abandonment,occupancy";

/// A figure over several days.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut count, mut sum, mut least, mut most) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (count, sum, least, most) = (count + 1.0, sum + value, value.min(least), value.max(most));
        }
        Self { mean: sum / count, least, most }
    }
}

/// What a line of a table says, over all days.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    /// The slice, by when it begins; a queue, by its name; or all.
    pub(super) name: String,
    pub(super) offered: Spread,
    pub(super) answered: Spread,
    pub(super) service_level: Spread,
    pub(super) mean_wait_seconds: Spread,
    pub(super) longest_wait_seconds: Spread,
    pub(super) abandonment: Spread,
    pub(super) overflowed: Spread,
    pub(super) occupancy: Spread,
}

impl Figures {
    pub(super) fn of<'a>(name: String, slices: impl Iterator<Item = &'a Slice> + Clone) -> Self {
        let spread = |figure: fn(&Slice) -> f64| Spread::of(slices.clone().map(figure));
        Self {
            name,
            offered: spread(|slice| slice.offered as f64),
            answered: spread(|slice| slice.answered as f64),
            service_level: spread(Slice::service_level_with_abandoned),
            mean_wait_seconds: spread(Slice::mean_wait),
            longest_wait_seconds: spread(|slice| slice.longest_ms as f64 / 1_000.0),
            abandonment: spread(Slice::abandonment),
            overflowed: spread(|slice| slice.overflowed as f64),
            occupancy: spread(Slice::occupancy),
        }
    }
}

/// How wide names are.
pub(super) fn width<'a>(lines: impl Iterator<Item = &'a Figures>) -> usize {
    lines.map(|line| line.name.chars().count()).max().unwrap_or(0).clamp(5, 40)
}

/// The head of a table of lines.
pub(super) fn head(width: usize) -> String {
    format!(
        "{:width$}  {:>8}  {:>8}  {:>9}  {:>8}  {:>8}  {:>9}  {:>7}  {:>9}",
        "", "offered", "answered", "in time", "wait", "longest", "abandoned", "sent on", "occupancy"
    )
}

/// A line of a table, with the occupancy where agents are planned for it.
pub(super) fn line(figures: &Figures, width: usize, occupancy: bool, paint: Paint) -> String {
    let Figures { name, offered, answered, service_level, mean_wait_seconds, longest_wait_seconds, .. } = figures;
    let percent = |spread: Spread| format!("{:.1} %", spread.mean * 100.0);
    let level = format!("{:>9}", percent(*service_level));
    let level = match service_level.mean {
        level_mean if level_mean >= 0.8 => paint.green(&level),
        level_mean if level_mean >= 0.5 => paint.yellow(&level),
        _ => paint.red(&level),
    };
    let occupancy = if occupancy { percent(figures.occupancy) } else { String::new() };
    let line = format!(
        "{:width$}  {:>8.0}  {:>8.0}  {level}  {:>6.1} s  {:>6.0} s  {:>9}  {:>7.0}  {occupancy:>9}",
        plain(name),
        offered.mean,
        answered.mean,
        mean_wait_seconds.mean,
        longest_wait_seconds.mean,
        percent(figures.abandonment),
        figures.overflowed.mean,
    );
    line.trim_end().to_owned()
}

/// A row for each slice of a day and for all of it, as a spreadsheet reads them.
pub(super) fn rows(text: &mut String, first: &str, day: &Day, begins: impl Fn(usize) -> String) {
    let slices = day.slices.iter().enumerate().map(|(at, slice)| (begins(at), slice));
    for (name, slice) in slices.chain([("all".to_owned(), &day.total)]) {
        let Slice { offered, answered, in_time, abandoned, abandoned_soon, overflowed, longest_ms, .. } = slice;
        let (level, wait) = (slice.service_level_with_abandoned(), slice.mean_wait());
        let longest = *longest_ms as f64 / 1_000.0;
        let (abandonment, occupancy) = (slice.abandonment(), slice.occupancy());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{first},{name},{offered},{answered},{in_time},{abandoned},{abandoned_soon},{overflowed},{level:.4},{wait:.1},{longest:.1},{abandonment:.4},{occupancy:.4}"
        );
    }
}
