//! `replay`: a day of a company out of its database, as it was, played again, and played with other settings.

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, TimeDelta};
use clap::{Args, ValueHint};
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::command::replay::{StoredDay, stored_day};
use dialplane_core::company::Company;
use dialplane_core::id::UserId;
use dialplane_core::queue::sim::replay::{RecordedDay, replay_telling};
use dialplane_core::queue::sim::{Day, OtherQueue, Slice, Variation};
use dialplane_core::store::{Access, StoreError};
use dialplane_core::{Actor, Error};
use serde::Serialize;

use super::figures::{COLUMNS, Figures, head, line, rows, width};
use super::paint::Paint;
use super::progress::Progress;
use super::{CliError, database, print};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The day, such as 2026-11-20, by the company's clock.
    #[arg(long, value_name = "DAY")]
    day: NaiveDate,
    /// The company: its name or id; not needed when there is one only.
    #[arg(long, value_name = "COMPANY")]
    company: Option<String>,
    /// What is to be different, in TOML: see examples/plans/changes.toml.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    with: Option<PathBuf>,
    /// One setting of a queue that is to be different, such as support.maxWaitSeconds=120. May be said several times.
    #[arg(long, value_name = "QUEUE.SETTING=VALUE")]
    set: Vec<String>,
    /// What decides chance, where it is not known how things would have gone.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often to play the day, each time with the next seed. Figures are the means.
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Writes the slices of all days as a table, too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    csv: Option<PathBuf>,
}

/// Days that are alike: one that was, or one that was played several times.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    slices: Vec<Figures>,
    queues: Vec<Figures>,
    total: Figures,
}

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    company: String,
    day: NaiveDate,
    timezone: String,
    agents: usize,
    /// The day as it was.
    recorded: Told,
    /// The same callers with the same settings: how near a replay comes.
    replayed: Told,
    /// The same callers with the changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Told>,
    /// What has to be known about these figures.
    notes: Vec<String>,
    seed: u64,
    runs: u32,
}

/// A day that was played, with what it is called and its seed.
type Played = (&'static str, String, Day);

/// Reads the day, plays it, and prints what came of it.
pub(super) async fn run(settings: &Settings, args: &Replay, json: bool) -> Result<(), CliError> {
    let store = database::open(settings).await?;
    let company = database::company(&*store, args.company.as_deref()).await?;
    let failed = |error: StoreError| CliError::Core(Error::from(error));
    let mut tx = store.begin(Actor::system_for(company.id).scope(), Access::Read).await.map_err(failed)?;
    let stored = stored_day(&mut *tx, &company, args.day, SystemClock.now()).await.map_err(failed)?;
    drop(tx);
    if stored.day.calls.is_empty() {
        return Err(CliError::Refused(format!("no call came into a queue of {} on {}", company.name, args.day)));
    }
    let changed = vary(&stored, args)?;
    let played = play(&stored.day, changed.as_ref(), args);
    let begins = |at: usize| {
        let after = TimeDelta::seconds(i64::from(stored.day.slice_seconds) * i64::try_from(at).unwrap_or_default());
        (stored.begins + after).with_timezone(&company.timezone).format("%H:%M").to_string()
    };
    if let Some(file) = &args.csv {
        let mut text = format!("day,seed,{COLUMNS}\n");
        for (name, seed, day) in &played {
            rows(&mut text, &format!("{name},{seed}"), day, begins);
        }
        let failed = |source| CliError::Io { what: file.display().to_string(), source };
        std::fs::write(file, text).map_err(failed)?;
    }
    let told = |name: &str| {
        let days: Vec<&Day> = played.iter().filter(|(own, ..)| *own == name).map(|(.., day)| day).collect();
        Told::of(&days, &stored.day, begins)
    };
    let report = Report {
        company: company.name.clone(),
        day: args.day,
        timezone: company.timezone.to_string(),
        agents: stored.day.agents.len(),
        recorded: told(RECORDED),
        replayed: told(REPLAYED),
        changed: changed.is_some().then(|| told(CHANGED)),
        notes: notes(&stored, &company),
        seed: args.seed,
        runs: args.runs,
    };
    if json {
        return print::data(&print::pretty(&report));
    }
    report.notes.iter().for_each(|note| print::message(&format!("note: {note}")));
    print::data(&table(&report, Paint::stdout()))
}

const RECORDED: &str = "recorded";
const REPLAYED: &str = "replayed";
const CHANGED: &str = "changed";

/// The day with another configuration, where one is asked for.
fn vary(stored: &StoredDay, args: &Replay) -> Result<Option<RecordedDay>, CliError> {
    let called = |name: &str| -> Option<UserId> {
        let mut same = stored.people.iter().filter(|user| user.email.expose() == name || user.name.expose() == name);
        // Of two who are called alike neither is meant.
        same.next().filter(|_| same.next().is_none()).map(|user| user.id)
    };
    let mut day = None;
    if let Some(path) = &args.with {
        let refused = |error: &dyn std::fmt::Display| CliError::Refused(format!("{}: {error}", path.display()));
        day = Some(read(path)?.of(&stored.day, called).map_err(|error| refused(&error))?);
    }
    for text in &args.set {
        let refused = |error: &dyn std::fmt::Display| CliError::Refused(format!("--set {text}: {error}"));
        let other = setting(text).ok_or_else(|| refused(&"say QUEUE.SETTING=VALUE"))?;
        let variation = Variation { queues: vec![other], ..Variation::default() };
        let before = day.as_ref().unwrap_or(&stored.day);
        day = Some(variation.of(before, called).map_err(|error| refused(&error))?);
    }
    Ok(day)
}

fn read(path: &Path) -> Result<Variation, CliError> {
    let failed = |source| CliError::Io { what: path.display().to_string(), source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    // The message shows the line, and names what it expected there.
    toml::from_str(&text)
        .map_err(|error| CliError::Refused(format!("{}: {}", path.display(), error.to_string().trim_end())))
}

/// `support.maxWaitSeconds=120`: the value as TOML has it, or else a text.
fn setting(text: &str) -> Option<OtherQueue> {
    let (place, value) = text.split_once('=')?;
    let (queue, name) = place.rsplit_once('.')?;
    let read = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = read.map_or_else(|| Some(value.into()), |value| serde_json::to_value(value).ok())?;
    Some(OtherQueue {
        queue: queue.trim().to_owned(),
        settings: [(name.trim().to_owned(), value)].into_iter().collect(),
    })
}

fn play(day: &RecordedDay, changed: Option<&RecordedDay>, args: &Replay) -> Vec<Played> {
    let days = [(REPLAYED, Some(day)), (CHANGED, changed)];
    let days: Vec<(&'static str, &RecordedDay)> =
        days.into_iter().filter_map(|(name, day)| Some((name, day?))).collect();
    let mut progress = Progress::begin(u64::from(args.runs) * days.len() as u64);
    let mut played = vec![(RECORDED, String::new(), day.figures())];
    for (name, day) in days {
        for run in 0..u64::from(args.runs) {
            let seed = args.seed.wrapping_add(run);
            let came = progress.of_one(|tell| replay_telling(day, seed, tell));
            played.push((name, seed.to_string(), came));
        }
    }
    played
}

fn notes(stored: &StoredDay, company: &Company) -> Vec<String> {
    let mut notes = Vec::new();
    if stored.unended > 0 {
        notes.push(format!("{} had not ended and are left out", print::count(stored.unended as usize, "call")));
    }
    for queue in stored.day.queues.iter().filter(|queue| stored.changed.contains(&queue.id)) {
        let name = &queue.settings.name;
        notes.push(format!("the settings of {name:?} were changed after that day had begun; those of today are used"));
    }
    let known = |agent: UserId| stored.people.iter().any(|user| user.id == agent);
    let gone = stored.day.agents.iter().filter(|agent| !known(agent.id)).count();
    if gone > 0 {
        let who = print::count(gone, "agent");
        notes.push(format!("{who} who took calls belong to no queue of {} any more", company.name));
    }
    notes
}

impl Told {
    fn of(days: &[&Day], recorded: &RecordedDay, begins: impl Fn(usize) -> String) -> Self {
        let of = |name: String, pick: &dyn Fn(&Day) -> Option<Slice>| {
            let slices: Vec<_> = days.iter().filter_map(|day| pick(day)).collect();
            Figures::of(name, slices.iter())
        };
        let queues = recorded.queues.iter().map(|queue| queue.settings.name.clone());
        Self {
            slices: (0..recorded.slices).map(|at| of(begins(at), &|day| day.slices.get(at).copied())).collect(),
            queues: queues.enumerate().map(|(at, name)| of(name, &|day| day.queues.get(at).copied())).collect(),
            total: of("all".to_owned(), &|day| Some(day.total)),
        }
    }
}

/// How a figure is shown: its name, its value for people, and its unit.
type Shown = (&'static str, fn(&Figures) -> f64, &'static str);

const SHOWN: [Shown; 4] = [
    ("in time", |figures| figures.service_level.mean * 100.0, "%"),
    ("wait", |figures| figures.mean_wait_seconds.mean, "s"),
    ("abandoned", |figures| figures.abandonment.mean * 100.0, "%"),
    ("occupancy", |figures| figures.occupancy.mean * 100.0, "%"),
];

/// Two days beside each other with their difference, slice by slice; then all days by their totals.
fn table(report: &Report, paint: Paint) -> String {
    let (one, two, names) = match &report.changed {
        Some(changed) => (&report.replayed, changed, ["again", "changed"]),
        None => (&report.recorded, &report.replayed, ["was", "again"]),
    };
    let Report { company, day, timezone, agents, .. } = report;
    let calls = report.recorded.total.offered.mean;
    let mut lines =
        vec![format!("{company}, {day} ({timezone}): {calls:.0} calls, {}", print::count(*agents, "agent"))];
    lines.push(String::new());
    let mut heads = [format!("{:5}  {:>7}", "", ""), format!("{:5}  {:>7}", "", "offered")];
    for (name, _, unit) in SHOWN {
        heads[0].push_str(&format!("   {:>23}", format!("{name}, {unit}")));
        heads[1].push_str(&format!("   {:>7} {:>7} {:>7}", names[0], names[1], "diff"));
    }
    lines.extend(heads.iter().map(|head| paint.bold(head.trim_end())));
    let busy = |told: &Told, at: usize| {
        let slice = told.slices.get(at);
        slice.is_some_and(|slice| slice.offered.mean > 0.0 || slice.occupancy.mean > 0.0)
    };
    let there: Vec<usize> = (0..one.slices.len()).filter(|at| busy(one, *at) || busy(two, *at)).collect();
    let span = there.first().copied().unwrap_or_default()..there.last().map_or(0, |last| last + 1);
    let pairs = one.slices.iter().zip(&two.slices).skip(span.start).take(span.len());
    for (one, two) in pairs.chain([(&one.total, &two.total)]) {
        let mut line = format!("{:5}  {:>7.0}", one.name, one.offered.mean);
        for (_, value, _) in SHOWN {
            let (one, two) = (value(one), value(two));
            line.push_str(&format!("   {one:>7.1} {two:>7.1} {:>+7.1}", two - one));
        }
        lines.push(line);
    }
    lines.push(String::new());
    lines.extend(totals(report, paint));
    lines.join("\n")
}

/// All days by their totals, and their queues where there are several.
fn totals(report: &Report, paint: Paint) -> Vec<String> {
    let days = [
        ("as it was", Some(&report.recorded)),
        ("again", Some(&report.replayed)),
        ("changed", report.changed.as_ref()),
    ];
    let days: Vec<(&str, &Told)> = days.into_iter().filter_map(|(name, told)| Some((name, told?))).collect();
    let named = |figures: &Figures, name: String| Figures { name, ..figures.clone() };
    let all: Vec<Figures> = days.iter().map(|(name, told)| named(&told.total, (*name).to_owned())).collect();
    let queues = if report.recorded.queues.len() > 1 { report.recorded.queues.len() } else { 0 };
    let queue = |at: usize| {
        let own = days.iter().filter_map(move |(name, told)| Some((*name, told.queues.get(at)?)));
        own.map(|(name, figures)| named(figures, format!("{}, {name}", figures.name)))
    };
    let queues: Vec<Figures> = (0..queues).flat_map(queue).collect();
    let width = width(all.iter().chain(&queues));
    let mut lines = vec![paint.bold(&head(width))];
    lines.extend(all.iter().map(|figures| line(figures, width, true, paint)));
    lines.extend(queues.iter().map(|figures| line(figures, width, false, paint)));
    lines
}
