//! Rows of one subject: each by criterion on its own, then all of them in turn, as ratios.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::figures::{duration, least, median};
use crate::{is_measuring, processor};

/// How long one measurement of one row in a round takes, about.
const SLICE: Duration = Duration::from_millis(100);
/// How often each row is measured in turn with the others.
const ROUNDS: usize = 15;

/// Does a number of repetitions and says how long they took.
type Run<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

struct Row<'a> {
    name: String,
    is_baseline: bool,
    run: Run<'a>,
}

/// Several ways to do the same.
pub struct Turns<'a> {
    subject: String,
    elements: u64,
    rows: Vec<Row<'a>>,
}

impl<'a> Turns<'a> {
    /// Without rows yet.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), elements: 1, rows: Vec::new() }
    }

    /// One repetition handles `elements` things: figures are given for one of them.
    #[must_use]
    pub const fn elements(mut self, elements: u64) -> Self {
        self.elements = elements;
        self
    }

    /// What is compared against; each baseline becomes a column of ratios.
    #[must_use]
    pub fn baseline(self, name: impl Into<String>, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        self.row(name.into(), true, Box::new(run))
    }

    /// Ours.
    #[must_use]
    pub fn ours(self, name: impl Into<String>, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        self.row(name.into(), false, Box::new(run))
    }

    fn row(mut self, name: String, is_baseline: bool, run: Run<'a>) -> Self {
        self.rows.push(Row { name, is_baseline, run });
        self
    }

    /// Gives each row to criterion, then measures them in turn, prints the ratios and gives the medians, in seconds, by the rows' names. A
    /// filter on the command line leaves the second part out, as ratios need every row.
    pub fn measure(mut self, criterion: &mut Criterion) -> Vec<(String, f64)> {
        let mut group = criterion.benchmark_group(&self.subject);
        group.throughput(Throughput::Elements(self.elements));
        for row in &mut self.rows {
            group.bench_function(&row.name, |bencher| bencher.iter_custom(&mut row.run));
        }
        group.finish();
        if is_measuring() && !is_filtered() { self.compare() } else { Vec::new() }
    }

    fn compare(mut self) -> Vec<(String, f64)> {
        let counts: Vec<u64> = self.rows.iter_mut().map(|row| repetitions(&mut row.run)).collect();
        let mut seconds = vec![Vec::with_capacity(ROUNDS); self.rows.len()];
        for _ in 0..ROUNDS {
            for ((row, &count), seconds) in self.rows.iter_mut().zip(&counts).zip(&mut seconds) {
                let each = (row.run)(count).as_secs_f64() / (count * self.elements) as f64;
                seconds.push(each);
            }
        }
        self.print(&seconds);
        self.rows.into_iter().map(|row| row.name).zip(seconds.into_iter().map(median)).collect()
    }

    fn print(&self, seconds: &[Vec<f64>]) {
        let baselines: Vec<(&Row<'_>, &Vec<f64>)> =
            self.rows.iter().zip(seconds).filter(|(row, _)| row.is_baseline).collect();
        println!("\n{}: in turn, {ROUNDS} rounds; ratios of durations, median of rounds", self.subject);
        for (n, (row, _)) in baselines.iter().enumerate() {
            println!("  ÷{} = by \"{}\"", n + 1, row.name);
        }
        let heads: String = (1..=baselines.len()).map(|n| format!(" {:>8}", format!("÷{n}"))).collect();
        println!("  {:46} {:>10} {:>10} {:>12}{heads}", "", "median", "least", "a second");
        for (row, own) in self.rows.iter().zip(seconds) {
            let ratio = |(_, other): &(&Row<'_>, &Vec<f64>)| {
                format!(" {:>8.2}", median(own.iter().zip(*other).map(|(own, other)| own / other).collect()))
            };
            let ratios: String = baselines.iter().map(ratio).collect();
            let middle = median(own.clone());
            let (each, least) = (duration(middle), duration(least(own)));
            println!("  {:46} {each:>10} {least:>10} {:>12.0}{ratios}", row.name, 1.0 / middle);
        }
        println!();
    }
}

/// Whether the command line names rows: a word that is neither an option nor an option's value.
fn is_filtered() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let takes_value = |word: &String| word.starts_with("--") && word != "--bench" && word != "--noplot";
    let previous = std::iter::once(None).chain(words.iter().map(Some));
    words.iter().zip(previous).any(|(word, before)| !word.starts_with('-') && !before.is_some_and(takes_value))
}

/// How many repetitions take about a slice; the search also warms the row up.
fn repetitions(run: &mut Run<'_>) -> u64 {
    let mut count = 1;
    loop {
        let took = run(count);
        if took >= SLICE / 4 || count >= 1 << 30 {
            let wanted = count as f64 * SLICE.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return (wanted as u64).max(1);
        }
        count *= 4;
    }
}

/// Repeats a function and keeps its result from being optimised away. Counted is the processor time of this thread, which others
/// on the machine change far less than the time on the wall.
pub fn repeated<T>(work: impl FnMut() -> T) -> impl FnMut(u64) -> Duration {
    timed(processor::of_this_thread, work)
}

/// The same for work that is done by several threads of this process: the processor time of all of them counts.
pub fn repeated_by_all_threads<T>(work: impl FnMut() -> T) -> impl FnMut(u64) -> Duration {
    timed(processor::of_this_process, work)
}

fn timed<T>(clock: fn() -> Duration, mut work: impl FnMut() -> T) -> impl FnMut(u64) -> Duration {
    move |count| {
        let start = clock();
        for _ in 0..count {
            black_box(work());
        }
        clock().saturating_sub(start)
    }
}
