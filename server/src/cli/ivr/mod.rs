//! `ivr`: call flows from files, without a server or a database: checked, tested, simulated.

mod check;
mod files;
mod simulate;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};
use dialplane_ivr::Flow;
use dialplane_ivr::suite::Suite;

use super::{CliError, print};

#[derive(Debug, Subcommand)]
pub(super) enum IvrCommand {
    /// Tell everything that is wrong with flows. Fails when one of them has an error.
    Check(Check),
    /// Run the tests beside flows. Fails when a test fails, or too little of a flow is covered.
    Test(Test),
    /// Let a caller go through a flow by a script. Fails when the flow cannot go on, or something of the script finds no place.
    Simulate(Simulate),
    /// Print the JSON Schema of flows.
    Schema {
        /// Of test files instead.
        #[arg(long)]
        tests: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Flows, NAME.flow.json, or folders with flows. Subflows and calendars.json are looked for beside each.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    files: Vec<PathBuf>,
    /// Fails on warnings, too.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// Flows, NAME.flow.json, with NAME.flow-test.json or .yaml beside them, or folders with flows.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    files: Vec<PathBuf>,
    /// Writes a report for continuous integration.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    junit: Option<PathBuf>,
    /// The share of nodes and branches that has to be passed, in percent, where a test file does not ask for more.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: u8,
}

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The flow.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// What happens, a list as in `when` of a test: JSON or YAML, - for stdin. Without it the caller is silent.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    script: Option<PathBuf>,
    /// The number of the caller.
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
    /// The number that was called.
    #[arg(long, value_name = "NUMBER")]
    called: Option<String>,
    /// When the call comes, such as 2026-11-16T09:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The company's time zone, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// A variable that begins with another value, JSON or text; may be given several times.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// What decides chance.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

pub(super) fn run(command: IvrCommand, json: bool) -> Result<ExitCode, CliError> {
    let fine = match command {
        IvrCommand::Check(args) => check::run(&args, json)?,
        IvrCommand::Test(args) => test::run(&args, json)?,
        IvrCommand::Simulate(args) => simulate::run(&args, json)?,
        IvrCommand::Schema { tests } => {
            print::data(&print::pretty(&if tests { Suite::schema() } else { Flow::schema() }))?;
            true
        }
    };
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
