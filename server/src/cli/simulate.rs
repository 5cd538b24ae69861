//! `simulate`: a day of a contact centre from a file, played with the production router on virtual time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use dialplane_core::queue::QueueSettings;
use dialplane_core::queue::sim::{Day, Plan, Slice, run as play};
use serde::Serialize;

use super::paint::{Paint, plain};
use super::{CliError, print};

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The plan, in TOML: see examples/plans.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    plan: PathBuf,
    /// What decides chance. The same plan and seed give the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days to play, each with the next seed. Figures are their means, with the least and the most.
    #[arg(long, value_name = "DAYS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Writes the slices of all days as a table, too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    csv: Option<PathBuf>,
}

/// A figure over several days.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    mean: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut count, mut sum, mut least, mut most) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (count, sum, least, most) = (count + 1.0, sum + value, value.min(least), value.max(most));
        }
        Self { mean: sum / count, least, most }
    }
}

/// What a line of the table says, over all days.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    /// The slice, by when it begins; a queue, by its name; or all.
    name: String,
    offered: Spread,
    answered: Spread,
    service_level: Spread,
    mean_wait_seconds: Spread,
    longest_wait_seconds: Spread,
    abandonment: Spread,
    overflowed: Spread,
    occupancy: Spread,
}

impl Figures {
    fn of<'a>(name: String, slices: impl Iterator<Item = &'a Slice> + Clone) -> Self {
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

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    slices: Vec<Figures>,
    queues: Vec<Figures>,
    total: Figures,
    /// How evenly agents were busy: 1 when all alike (Jain's index).
    fairness: Spread,
    seed: u64,
    runs: u32,
}

/// Plays the plan and prints what came of it.
pub(super) fn run(args: &Simulate, json: bool) -> Result<(), CliError> {
    let plan = read(&args.plan)?;
    let seeds = (0..u64::from(args.runs)).map(|run| args.seed.wrapping_add(run));
    let days: Vec<(u64, Day)> = seeds.map(|seed| (seed, play(&plan, seed))).collect();
    if let Some(file) = &args.csv {
        let failed = |source| CliError::Io { what: file.display().to_string(), source };
        std::fs::write(file, csv(&plan, &days)).map_err(failed)?;
    }
    let report = report(&plan, &days, args);
    match json {
        true => print::data(&print::pretty(&report)),
        false => print::data(&told(&report, Paint::stdout())),
    }
}

fn read(path: &Path) -> Result<Plan, CliError> {
    let refused = |what: &dyn std::fmt::Display| CliError::Refused(format!("{}: {what}", path.display()));
    let failed = |source| CliError::Io { what: path.display().to_string(), source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    // The message shows the line, and names what it expected there.
    let plan: Plan = toml::from_str(&text).map_err(|error| refused(&error.to_string().trim_end()))?;
    if let Some(field) = text.parse().ok().as_ref().and_then(unknown_setting) {
        return Err(refused(&format!("{field}: there is no such setting of a queue")));
    }
    plan.check().map_err(|error| refused(&error))?;
    Ok(plan)
}

/// A setting of a queue that is none: stored settings may have what older releases wrote, a plan may not.
fn unknown_setting(plan: &toml::Table) -> Option<String> {
    let mut all = QueueSettings::new("", Vec::new());
    (all.no_agent_wait_seconds, all.rule) = (Some(0), Some(String::new()));
    let known = serde_json::to_value(&all).ok()?;
    let known: BTreeSet<&String> = known.as_object()?.keys().collect();
    plan.get("queues")?.as_array()?.iter().enumerate().find_map(|(at, queue)| {
        let settings = queue.get("settings")?.as_table()?;
        let unknown = settings.keys().find(|key| !known.contains(key))?;
        Some(format!("queues[{at}].settings.{unknown}"))
    })
}

fn begins(plan: &Plan, slice: usize) -> String {
    let minutes = slice as u64 * u64::from(plan.slice_seconds) / 60;
    format!("+{}:{:02}", minutes / 60, minutes % 60)
}

fn report(plan: &Plan, days: &[(u64, Day)], args: &Simulate) -> Report {
    let slices = days.first().map_or(0, |(_, day)| day.slices.len());
    let slice = |at: usize| Figures::of(begins(plan, at), days.iter().filter_map(move |(_, day)| day.slices.get(at)));
    let queue =
        |(at, name): (usize, String)| Figures::of(name, days.iter().filter_map(move |(_, day)| day.queues.get(at)));
    let names = plan.queues.iter().map(|queue| queue.settings.name.clone());
    Report {
        slices: (0..slices).map(slice).collect(),
        queues: names.enumerate().map(queue).collect(),
        total: Figures::of("all".to_owned(), days.iter().map(|(_, day)| &day.total)),
        fairness: Spread::of(days.iter().map(|(_, day)| day.fairness)),
        seed: args.seed,
        runs: args.runs,
    }
}

fn told(report: &Report, paint: Paint) -> String {
    let lines = report.slices.iter().chain(&report.queues).chain([&report.total]);
    let width = lines.map(|line| line.name.chars().count()).max().unwrap_or(0).clamp(5, 40);
    let head = format!(
        "{:width$}  {:>8}  {:>8}  {:>9}  {:>8}  {:>8}  {:>9}  {:>7}  {:>9}",
        "", "offered", "answered", "in time", "wait", "longest", "abandoned", "sent on", "occupancy"
    );
    let line = |figures: &Figures, occupancy: bool| {
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
    };
    let mut lines = vec![paint.bold(head.trim_end())];
    lines.extend(report.slices.iter().map(|figures| line(figures, true)));
    lines.push(String::new());
    if report.queues.len() > 1 {
        lines.extend(report.queues.iter().map(|figures| line(figures, false)));
    }
    lines.push(line(&report.total, true));
    lines.push(String::new());
    lines.push(format!("fairness {:.3} (1: all agents are busy alike)", report.fairness.mean));
    if report.runs > 1 {
        let percent = |spread: Spread| format!("{:.1} to {:.1} %", spread.least * 100.0, spread.most * 100.0);
        let total = &report.total;
        let waits = total.mean_wait_seconds;
        lines.push(format!(
            "{} days: in time {}, wait {:.1} to {:.1} s, abandoned {}, occupancy {}",
            report.runs,
            percent(total.service_level),
            waits.least,
            waits.most,
            percent(total.abandonment),
            percent(total.occupancy)
        ));
    }
    lines.join("\n")
}

fn csv(plan: &Plan, days: &[(u64, Day)]) -> String {
    let mut text = String::from(
        "seed,slice,offered,answered,in_time,abandoned,abandoned_soon,overflowed,service_level,mean_wait_seconds,longest_wait_seconds,abandonment,occupancy\n",
    );
    for (seed, day) in days {
        let slices = day.slices.iter().enumerate().map(|(at, slice)| (begins(plan, at), slice));
        for (name, slice) in slices.chain([("all".to_owned(), &day.total)]) {
            let Slice { offered, answered, in_time, abandoned, abandoned_soon, overflowed, longest_ms, .. } = slice;
            let (level, wait) = (slice.service_level_with_abandoned(), slice.mean_wait());
            let longest = *longest_ms as f64 / 1_000.0;
            let (abandonment, occupancy) = (slice.abandonment(), slice.occupancy());
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{seed},{name},{offered},{answered},{in_time},{abandoned},{abandoned_soon},{overflowed},{level:.4},{wait:.1},{longest:.1},{abandonment:.4},{occupancy:.4}"
            );
        }
    }
    text
}
