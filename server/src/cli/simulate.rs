//! `simulate`: a day of a contact centre from a file, played with the production router on virtual time.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use dialplane_core::queue::sim::{Day, Plan, run_telling, setting_names};
use serde::Serialize;

use super::figures::{COLUMNS, Figures, Spread, head, line, rows, width};
use super::paint::Paint;
use super::progress::Progress;
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
    let mut progress = Progress::begin(args.runs.into());
    let days: Vec<(u64, Day)> =
        seeds.map(|seed| (seed, progress.of_one(|tell| run_telling(&plan, seed, tell)))).collect();
    drop(progress);
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
    let known = setting_names();
    plan.get("queues")?.as_array()?.iter().enumerate().find_map(|(at, queue)| {
        let settings = queue.get("settings")?.as_table()?;
        let unknown = settings.keys().find(|key| !known.contains(*key))?;
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
    let width = width(lines);
    let line = |figures: &Figures, occupancy: bool| line(figures, width, occupancy, paint);
    let mut lines = vec![paint.bold(&head(width))];
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
    let mut text = format!("seed,{COLUMNS}\n");
    for (seed, day) in days {
        rows(&mut text, &seed.to_string(), day, |at| begins(plan, at));
    }
    text
}
