//! The chart of calls by day: bars, drawn as vectors. Long periods are shown by week or by month, so that bars can be told apart.

use chrono::{Datelike as _, NaiveDate};
use dialplane_core::report::{Period, ReportType};
use krilla::surface::Surface;

use super::text::{Fonts, Weight};
use super::{BLUE, GREY, INK, RULE, bar, colour};
use crate::export::Table;

/// Days that are shown one by one, and weeks.
const DAYS_MAX: usize = 92;
const WEEKS_MAX: usize = 104;
/// Room for the figures at the left, the title above and the days below.
const LEFT: f32 = 34.0;
const ABOVE: f32 = 18.0;
const BELOW: f32 = 14.0;
/// Room of a label below, at least.
const LABEL: f32 = 46.0;
/// Lines across.
const STEPS: u64 = 4;

/// Whether there is anything to show.
pub(super) fn is_worth_it(table: &Table) -> bool {
    table.calls.len() > 1 && table.calls.iter().any(|(_, calls)| *calls > 0)
}

/// The bars and what they stand for.
struct Bars {
    kind: ReportType,
    bars: Vec<(NaiveDate, u64)>,
}

impl Bars {
    fn of(calls: &[(NaiveDate, u64)]) -> Self {
        let kind = match calls.len() {
            days if days <= DAYS_MAX => ReportType::Daily,
            days if days <= 7 * WEEKS_MAX => ReportType::Weekly,
            _ => ReportType::Monthly,
        };
        let mut bars: Vec<(NaiveDate, u64)> = Vec::new();
        for (day, calls) in calls {
            let first = Period::around(kind, *day).first();
            match bars.last_mut() {
                Some((last, sum)) if *last == first => *sum += calls,
                _ => bars.push((first, *calls)),
            }
        }
        Self { kind, bars }
    }

    const fn title(&self) -> &'static str {
        match self.kind {
            ReportType::Daily => "Calls per day",
            ReportType::Weekly => "Calls per week",
            ReportType::Monthly => "Calls per month",
        }
    }

    fn label(&self, day: NaiveDate) -> String {
        match self.kind {
            ReportType::Monthly => day.format("%b %Y").to_string(),
            _ if day.year() == self.bars.last().map_or(0, |(last, _)| last.year()) => day.format("%-d %b").to_string(),
            _ => day.format("%-d %b %y").to_string(),
        }
    }
}

/// The upper end of the scale: the least round figure that is not below the highest bar and that the lines divide.
fn scale(highest: u64) -> u64 {
    let mut unit = 1;
    loop {
        for factor in [1, 2, 5] {
            let end = STEPS * unit * factor;
            if end >= highest {
                return end;
            }
        }
        unit = match unit.checked_mul(10).filter(|unit| *unit < u64::MAX / 100) {
            Some(unit) => unit,
            None => return highest,
        };
    }
}

/// Draws the chart with its upper left corner at `(x, y)`.
pub(super) fn draw(fonts: &Fonts, surface: &mut Surface<'_>, table: &Table, (x, y): (f32, f32), size: (f32, f32)) {
    let chart = Bars::of(&table.calls);
    let bars = &chart.bars;
    colour(surface, INK);
    fonts.line(chart.title(), 10.0, Weight::Bold).draw(surface, x, y + 10.0);
    let (left, top) = (x + LEFT, y + ABOVE);
    let (width, height) = (size.0 - LEFT, size.1 - ABOVE - BELOW);
    let end = scale(bars.iter().map(|(_, calls)| *calls).max().unwrap_or(0)).max(1);
    for step in 0..=STEPS {
        let at = top + height - height * step as f32 / STEPS as f32;
        bar(surface, (left, at - 0.25), (width, 0.5), RULE);
        let figure = fonts.line(&(end * step / STEPS).to_string(), 7.0, Weight::Regular);
        colour(surface, GREY);
        figure.draw(surface, left - 5.0 - figure.width(), at + 2.5);
    }
    let room = width / bars.len().max(1) as f32;
    // Every so many bars have a label, and the last of them has room too.
    let every = (LABEL / room).ceil().max(1.0) as usize;
    for (place, (day, calls)) in bars.iter().enumerate() {
        let from = left + room * place as f32;
        let tall = height * *calls as f32 / end as f32;
        bar(surface, (from + room * 0.15, top + height - tall), (room * 0.7, tall), BLUE);
        if place % every == 0 {
            let label = fonts.line(&chart.label(*day), 7.0, Weight::Regular);
            let middle = (from + room / 2.0 - label.width() / 2.0).clamp(left, left + width - label.width());
            colour(surface, GREY);
            label.draw(surface, middle, top + height + 10.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_round_and_holds_the_highest_bar() {
        let ends = [0, 1, 4, 5, 9, 21, 40, 41, 999].map(scale);
        assert_eq!(ends, [4, 4, 4, 8, 20, 40, 40, 80, 2_000]);
        assert!(scale(u64::MAX) > 0);
    }

    #[test]
    fn long_periods_have_fewer_bars_and_the_same_calls() {
        let first: NaiveDate = "2024-01-01".parse().unwrap();
        for (days, title) in [(92, "Calls per day"), (93, "Calls per week"), (3_660, "Calls per month")] {
            let calls: Vec<_> = first.iter_days().take(days).map(|day| (day, 1)).collect();
            let bars = Bars::of(&calls);
            assert_eq!((bars.title(), bars.bars.iter().map(|(_, n)| n).sum::<u64>()), (title, days as u64));
            assert!(bars.bars.len() <= 125);
        }
    }
}
