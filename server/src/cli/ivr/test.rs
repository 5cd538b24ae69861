//! `ivr test`.

use dialplane_ivr::suite::{Coverage, Outcome, Report, junit};

use super::check;
use super::files::{self, Loaded};
use crate::cli::paint::{Paint, plain};
use crate::cli::{CliError, print};

/// Runs the tests beside each flow and prints what became of them. `false` when something failed.
pub(super) fn run(args: &super::Test, json: bool) -> Result<bool, CliError> {
    let mut reports = Vec::new();
    for path in files::flows(&args.files)? {
        let loaded = files::load(&path)?;
        match report(&loaded, args.min_coverage)? {
            Some(report) => reports.push(report),
            // Whoever names a flow wants it tested; in a folder there may be some that only others go through.
            None if args.files.contains(&path) => {
                return Err(CliError::Refused(format!("{}: there are no tests beside it", path.display())));
            }
            None => print::message(&format!("{}: there are no tests beside it", path.display())),
        }
    }
    if reports.is_empty() {
        return Err(CliError::Refused("there are no tests".to_owned()));
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, junit(&reports))
            .map_err(|source| CliError::Io { what: file.display().to_string(), source })?;
    }
    let fine = reports.iter().all(Report::is_passed);
    if json {
        // What a test that passed did is of no interest.
        for outcome in reports.iter_mut().flat_map(|report| &mut report.tests) {
            outcome.simulation.take_if(|_| outcome.failures.is_empty());
        }
        print::data(&print::pretty(&reports))?;
    } else {
        let paint = Paint::stdout();
        for report in &reports {
            print::data(&told(report, paint))?;
        }
        let tests: usize = reports.iter().map(|report| report.tests.len()).sum();
        let failed: usize = reports.iter().map(Report::failed).sum();
        let (flows, tests) = (print::count(reports.len(), "flow"), print::count(tests, "test"));
        print::message(&format!("{flows}: {tests}, {failed} failed"));
    }
    Ok(fine)
}

/// What became of a flow's tests; a flow with errors fails as one. `None` when it has no tests.
fn report(loaded: &Loaded, min_coverage: u8) -> Result<Option<Report>, CliError> {
    let Some(suite) = files::suite(&loaded.path, &loaded.name)? else { return Ok(None) };
    let run = match &loaded.flow {
        Ok(flow) => suite.run(&loaded.name, flow, &loaded.around),
        Err(problems) => Err(problems.clone()),
    };
    Ok(Some(match run {
        Ok(report) => Report { min_coverage: report.min_coverage.max(min_coverage), ..report },
        Err(problems) => Report {
            flow: loaded.name.clone(),
            tests: vec![Outcome {
                name: "the flow has no errors".to_owned(),
                failures: problems.iter().map(ToString::to_string).collect(),
                simulation: None,
            }],
            coverage: Coverage { nodes: (0, 0), branches: (0, 0), missed: Vec::new() },
            min_coverage: 0,
        },
    }))
}

fn told(report: &Report, paint: Paint) -> String {
    let mut lines = vec![paint.bold(&plain(&report.flow))];
    for test in &report.tests {
        let mark = if test.failures.is_empty() { paint.green("ok  ") } else { paint.red("FAIL") };
        lines.push(format!("  {mark}  {}", plain(&test.name)));
        lines.extend(test.failures.iter().map(|failure| format!("          {}", plain(failure))));
    }
    let Coverage { nodes, branches, missed } = &report.coverage;
    if nodes.1 > 0 {
        // Rounded down, so that only everything is 100.
        let percent = (report.coverage.percent() * 10.0).floor() / 10.0;
        let covered =
            format!("{percent} % covered: {} of {} nodes, {} of {} branches", nodes.0, nodes.1, branches.0, branches.1);
        let enough = report.coverage.percent() >= f64::from(report.min_coverage);
        let mark = if enough { paint.green("ok  ") } else { paint.red("FAIL") };
        let wanted = if enough { String::new() } else { format!("; {} % are asked for", report.min_coverage) };
        lines.push(format!("  {mark}  {covered}{wanted}"));
        lines.extend(missed.iter().map(|missed| format!("          {} {}", paint.dim("missed"), plain(missed))));
    }
    lines.join("\n")
}

/// A flow that has errors, told to people.
pub(super) fn refused(loaded: &Loaded) -> String {
    let paint = Paint::stdout();
    let problems = check::problems(loaded);
    let errors = problems.iter().filter(|problem| problem.is_error());
    errors.map(|problem| format!("\n  {}", problem_line(problem, paint))).collect()
}

fn problem_line(problem: &dialplane_ivr::Problem, paint: Paint) -> String {
    let node = problem.node.as_deref().map(|node| format!("{}: ", plain(node))).unwrap_or_default();
    format!("{node}{}", check::line(problem, paint))
}
