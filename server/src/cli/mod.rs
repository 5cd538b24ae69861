//! The command line: `serve` is what happens when nothing is said. Data goes to stdout, messages to stderr.

mod admin;
mod config;
mod database;
mod doctor;
mod figures;
mod ivr;
mod paint;
mod print;
mod progress;
mod replay;
mod serve;
mod simulate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::settings::{Settings, SettingsError, Sources};

/// A contact-centre engine: people, phone numbers, telephony and calls in one process.
#[derive(Debug, Parser)]
#[command(
    name = "dialplane",
    version,
    after_help = "Examples:\n  dialplane                                    serve on 127.0.0.1:8080 with everything in ./data\n  \
                  dialplane --http 0.0.0.0:80 --database postgres://…\n  dialplane admin create --email ann@example.com\n  \
                  dialplane config print\n  dialplane doctor\n  dialplane ivr test examples/flows\n  \
                  dialplane simulate examples/plans/centre.toml --runs 10\n  \
                  dialplane replay --day 2026-11-20 --set support.maxWaitSeconds=120"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings by flag: they win over the environment and the settings file.
#[derive(Debug, Args)]
struct Flags {
    /// Answers data as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The settings file; dialplane.toml when there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where REST and sockets listen.
    #[arg(long, global = true, value_name = "ADDRESS")]
    http: Option<String>,
    /// Where SIP listens, over UDP and TCP.
    #[arg(long, global = true, value_name = "ADDRESS")]
    sip: Option<String>,
    /// The ports of media.
    #[arg(long, global = true, value_name = "FROM-TO")]
    rtp_ports: Option<String>,
    /// Database, secrets, recordings.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    data_dir: Option<String>,
    /// sqlite:FILE or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Redis, for several nodes.
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// What is logged: a level, or a filter such as dialplane=debug,warn.
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve. What happens when no command is given.
    Serve,
    /// Bring the database's schema up to date, and stop.
    Migrate,
    /// People who run the server.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the settings, the data directory, the database and the ports.
    Doctor {
        /// Instead, count every company's calls and leads and compare them with the sums that reports are made of.
        #[arg(long)]
        verify: bool,
    },
    /// Call flows from files: check, test and simulate them.
    #[command(subcommand)]
    Ivr(ivr::IvrCommand),
    /// Play a day of a contact centre from a plan, with the router that serves real calls, in seconds.
    Simulate(simulate::Simulate),
    /// Play a day of a company again, from its database, as it was or with other settings.
    Replay(replay::Replay),
    /// Print the description of the API (OpenAPI 3.1).
    Openapi,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make the first platform admin, or an admin of an existing company.
    Create(admin::Create),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print each setting with where it came from; secrets are masked.
    Print,
}

/// Why a command failed. Printed to stderr; the exit code is 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Secrets(#[from] crate::auth::secrets::SecretsError),
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    #[error(transparent)]
    Telephony(#[from] crate::telephony::TelephonyError),
    #[error("{0}")]
    Core(#[from] dialplane_core::Error),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{0}")]
    Refused(String),
}

impl Flags {
    fn sources(&self) -> Result<Sources, SettingsError> {
        let flags = [
            ("http", &self.http),
            ("sip", &self.sip),
            ("rtp_ports", &self.rtp_ports),
            ("data_dir", &self.data_dir),
            ("database", &self.database),
            ("redis", &self.redis),
            ("log", &self.log),
        ];
        let given: BTreeMap<_, _> = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        Sources::load(given, self.config.as_deref())
    }
}

/// Runs what the command line asks for.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let json = cli.flags.json;
    match dispatch(cli).await {
        Ok(code) => code,
        Err(error) => {
            print::failure(json, &error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, CliError> {
    let json = cli.flags.json;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Ivr(command) => return ivr::run(command, json),
        Command::Simulate(args) => simulate::run(&args, json)?,
        Command::Openapi => print::data(&print::pretty(&crate::api::document()))?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "dialplane", &mut script);
            print::bytes(&script)?;
        }
        Command::Config(ConfigCommand::Print) => config::print(&cli.flags.sources()?, json)?,
        Command::Doctor { verify } => return doctor::run(cli.flags.sources(), verify, json).await,
        Command::Replay(args) => replay::run(&Settings::read(&cli.flags.sources()?)?, &args, json).await?,
        Command::Migrate => database::migrate(&Settings::read(&cli.flags.sources()?)?, json).await?,
        Command::Admin(AdminCommand::Create(create)) => {
            admin::create(&Settings::read(&cli.flags.sources()?)?, create, json).await?;
        }
        Command::Serve => {
            let sources = cli.flags.sources()?;
            let settings = Settings::read(&sources)?;
            serve::serve(settings, sources.unused().collect(), json).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
