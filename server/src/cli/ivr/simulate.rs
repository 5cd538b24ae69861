//! `ivr simulate`.

use std::path::Path;
use std::sync::Arc;

use dialplane_ivr::Program;
use dialplane_ivr::simulate::{Event, Given, Simulation, simulate};
use serde_json::{Map, Value, json};

use super::files::{self, Format};
use super::test::refused;
use crate::cli::paint::{Paint, plain};
use crate::cli::{CliError, print};

/// Lets a caller go through a flow and prints what happened. `false` when the flow could not go on, or the script did not fit.
pub(super) fn run(args: &super::Simulate, json: bool) -> Result<bool, CliError> {
    let given = given(args)?;
    let script = match &args.script {
        Some(path) => script(path)?,
        None => Vec::new(),
    };
    let loaded = files::load(&args.file)?;
    let compiled = match &loaded.flow {
        Ok(flow) => Program::compile(&loaded.name, flow, &loaded.around).ok(),
        Err(_) => None,
    };
    let Some(program) = compiled else {
        let file = loaded.path.display();
        return Err(CliError::Refused(format!("{file} has errors:{}", refused(&loaded))));
    };
    let unknown = given.variables.keys().find(|name| {
        let known = loaded.flow.as_ref().map(|flow| &flow.variables).ok();
        known.is_none_or(|known| !known.contains_key(*name))
    });
    if let Some(name) = unknown {
        return Err(CliError::Refused(format!("--var: the flow has no variable {name}")));
    }
    let simulation = simulate(Arc::new(program), &given, script);
    if json {
        print::data(&print::pretty(&simulation))?;
    } else {
        print::data(&told(&simulation, Paint::stdout()))?;
    }
    for place in &simulation.unused {
        print::message(&format!("step {} of the script: nothing asked for it", place + 1));
    }
    Ok(simulation.unused.is_empty() && !simulation.ended.starts_with("fault"))
}

/// What holds before the call, read as in a test file, so that what cannot be is told in the same words.
fn given(args: &super::Simulate) -> Result<Given, CliError> {
    let mut given = Map::new();
    let texts = [("caller", &args.caller), ("called", &args.called), ("at", &args.at), ("timezone", &args.timezone)];
    given.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into()))));
    given.extend(args.seed.map(|seed| ("seed".to_owned(), seed.into())));
    let mut variables = Map::new();
    for variable in &args.variables {
        let (name, value) = variable
            .split_once('=')
            .ok_or_else(|| CliError::Refused(format!("--var {variable}: expected NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        variables.insert(name.to_owned(), value);
    }
    given.insert("variables".to_owned(), Value::Object(variables));
    serde_path_to_error::deserialize(Value::Object(given))
        .map_err(|error| CliError::Refused(format!("--{}: {}", error.path(), error.inner())))
}

fn script(path: &Path) -> Result<Vec<Event>, CliError> {
    let text = files::text(path)?;
    // What comes by stdin has no name to tell by; most JSON is YAML, but not all.
    let is_json = path == Path::new("-") && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let format = if is_json { Format::Json } else { Format::of(path) };
    files::parse(path, &text, format)
}

fn told(simulation: &Simulation, paint: Paint) -> String {
    let node = |step: &dialplane_ivr::machine::Step| match &step.flow {
        Some(flow) => format!("{}/{}", plain(flow), plain(&step.node)),
        None => plain(&step.node).into_owned(),
    };
    let width = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or(0).min(40);
    let nodes = width(&mut simulation.trace.iter().map(|step| node(step).chars().count()));
    let events = width(&mut simulation.trace.iter().map(|step| step.event.len()));
    let mut lines = vec![paint.bold(&format!("{:>9}  {:nodes$}  {:events$}  what", "seconds", "node", "event"))];
    for step in &simulation.trace {
        let seconds = step.at_ms as f64 / 1_000.0;
        let detail = step.detail.as_deref().map(plain).unwrap_or_default();
        let to = step.to.as_deref().map(|to| format!(" {} {}", paint.dim("→"), plain(to))).unwrap_or_default();
        let event = format!("{:events$}", step.event);
        let event = match step.event.as_str() {
            "failed" | "invalid" => paint.red(&event),
            "timeout" | "note" => paint.yellow(&event),
            "entered" | "left" => event,
            _ => paint.green(&event),
        };
        lines.push(format!("{seconds:9.3}  {:nodes$}  {event}  {detail}{to}", node(step)).trim_end().to_owned());
    }
    let mut section = |title: &str, entries: Vec<String>| {
        if !entries.is_empty() {
            lines.push(format!("\n{}", paint.bold(title)));
            lines.extend(entries.iter().map(|entry| format!("  {}", plain(entry))));
        }
    };
    section("heard", simulation.heard.clone());
    section("asked of others", simulation.actions.clone());
    let requests = simulation.requests.iter().map(|asked| {
        let body = asked.body.as_ref().map(|body| format!("  {body}")).unwrap_or_default();
        format!("{} {}{body}", asked.method, asked.url)
    });
    section("requests", requests.collect());
    let variables = simulation.variables.iter().map(|(name, value)| format!("{name} = {}", value.to_json()));
    section("variables", variables.collect());
    section("ended", vec![format!("{} after {:.3} s", simulation.ended, simulation.ended_ms as f64 / 1_000.0)]);
    lines.join("\n")
}
