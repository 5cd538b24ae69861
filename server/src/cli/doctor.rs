//! `doctor`: what would keep the server from working, found before it starts.

use std::net::{TcpListener, UdpSocket};
use std::process::ExitCode;

use serde::Serialize;

use super::{CliError, database, print};
use crate::auth::secrets;
use crate::settings::{Settings, SettingsError, Sources};

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    message: String,
}

impl Check {
    fn of<T, E: std::fmt::Display>(check: &'static str, fine: impl Into<String>, result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self { check, ok: true, message: fine.into() },
            Err(error) => Self { check, ok: false, message: error.to_string() },
        }
    }
}

/// Checks, prints what was found, and fails when something is wrong.
pub(super) async fn run(sources: Result<Sources, SettingsError>, json: bool) -> Result<ExitCode, CliError> {
    let settings = sources.and_then(|sources| Settings::read(&sources));
    let checks = match &settings {
        Ok(settings) => check(settings).await,
        Err(error) => vec![Check { check: "settings", ok: false, message: error.to_string() }],
    };
    let fine = checks.iter().all(|check| check.ok);
    if json {
        print::data(&print::pretty(&checks))?;
    } else {
        for check in &checks {
            let mark = if check.ok { "ok  " } else { "FAIL" };
            print::data(&format!("{mark}  {:14}  {}", check.check, check.message))?;
        }
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(settings: &Settings) -> Vec<Check> {
    let data_dir = settings.data_dir.display().to_string();
    let opened = async {
        let store = database::open(settings).await?;
        store.ping().await.map_err(|error| CliError::Core(error.into()))
    };
    let sip = UdpSocket::bind(settings.sip).and_then(|_| TcpListener::bind(settings.sip));
    let (first, last) = settings.rtp_ports;
    let media = UdpSocket::bind((settings.sip.ip(), first)).and_then(|_| UdpSocket::bind((settings.sip.ip(), last)));
    vec![
        Check { check: "settings", ok: true, message: "can be read".to_owned() },
        Check::of("data directory", data_dir, secrets::load_or_make(&settings.data_dir)),
        Check::of("database", format!("{:?}", settings.database), opened.await),
        Check::of("http", format!("{} is free", settings.http), TcpListener::bind(settings.http)),
        Check::of("sip", format!("{} is free over UDP and TCP", settings.sip), sip),
        Check::of("media", format!("ports {first} to {last} can be bound"), media),
        reachable(settings),
        clock(),
    ]
}

/// A public listener whose own address is unknown cannot be named in links and session descriptions.
fn reachable(settings: &Settings) -> Check {
    let named = settings.public_address.is_some() || !settings.sip.ip().is_unspecified();
    let message =
        if named { settings.sip_domain() } else { "set public_address: sip listens on all addresses".to_owned() };
    Check { check: "public address", ok: named, message }
}

/// Tokens and call times are worth nothing on a clock that is years behind.
fn clock() -> Check {
    let now = chrono::Utc::now();
    Check { check: "clock", ok: now.timestamp() > 1_750_000_000, message: now.to_rfc3339() }
}
