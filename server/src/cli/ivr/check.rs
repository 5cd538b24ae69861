//! `ivr check`.

use dialplane_ivr::{Problem, check};
use serde::Serialize;

use super::files::{self, Loaded};
use crate::cli::paint::{Paint, plain};
use crate::cli::{CliError, print};

#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    problems: Vec<Problem>,
}

/// Everything that is wrong with a flow.
pub(super) fn problems(loaded: &Loaded) -> Vec<Problem> {
    match &loaded.flow {
        Ok(flow) => check::check(flow, &loaded.around),
        Err(problems) => problems.clone(),
    }
}

/// Prints the problems of each flow. `false` when there are some that fail.
pub(super) fn run(args: &super::Check, json: bool) -> Result<bool, CliError> {
    let mut checked = Vec::new();
    for path in files::flows(&args.files)? {
        let problems = problems(&files::load(&path)?);
        checked.push(Checked { file: path.display().to_string(), problems });
    }
    let all = || checked.iter().flat_map(|checked| &checked.problems);
    let (errors, warnings) = (all().filter(|p| p.is_error()).count(), all().filter(|p| !p.is_error()).count());
    if json {
        print::data(&print::pretty(&checked))?;
    } else {
        let paint = Paint::stdout();
        for checked in &checked {
            print::data(&told(checked, paint))?;
        }
        let [flows, errors, warnings] =
            [(checked.len(), "flow"), (errors, "error"), (warnings, "warning")].map(|(n, what)| print::count(n, what));
        print::message(&format!("{flows}: {errors}, {warnings}"));
    }
    Ok(errors == 0 && (warnings == 0 || !args.strict))
}

fn told(checked: &Checked, paint: Paint) -> String {
    if checked.problems.is_empty() {
        return format!("{}  {}", paint.green("ok"), plain(&checked.file));
    }
    let mut lines = vec![paint.bold(&plain(&checked.file))];
    let mut node = None;
    for problem in &checked.problems {
        if node != Some(&problem.node) {
            node = Some(&problem.node);
            lines.push(format!("  {}", plain(problem.node.as_deref().unwrap_or("the flow itself"))));
        }
        lines.push(format!("    {}", line(problem, paint)));
    }
    lines.join("\n")
}

/// `error  next: there is no node x [unknown_target]`
pub(super) fn line(problem: &Problem, paint: Paint) -> String {
    let severity = if problem.is_error() { paint.red("error  ") } else { paint.yellow("warning") };
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", plain(&problem.path)) };
    format!("{severity}  {path}{} {}", plain(&problem.message), paint.dim(&format!("[{}]", problem.code)))
}
