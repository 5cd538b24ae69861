//! `doctor`: what would keep the server from working, found before it starts.

use std::net::{TcpListener, UdpSocket};
use std::process::ExitCode;

use dialplane_core::Actor;
use dialplane_core::call::CallSums;
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::command::{figures, lead};
use dialplane_core::company::Company;
use dialplane_core::lead::LeadFigures;
use dialplane_core::store::{Access, Page, Store, StoreError};
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

/// Checks, prints what was found, and fails when something is wrong. With `figures` it compares what calls and leads add up to with
/// the log and the leads instead, which may be done while the server runs.
pub(super) async fn run(
    sources: Result<Sources, SettingsError>,
    figures: bool,
    json: bool,
) -> Result<ExitCode, CliError> {
    let settings = sources.and_then(|sources| Settings::read(&sources));
    let checks = match &settings {
        Ok(settings) if figures => verify(settings).await?,
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

/// Counts every company's log and leads and compares them with the sums that are kept.
async fn verify(settings: &Settings) -> Result<Vec<Check>, CliError> {
    let store = database::open(settings).await?;
    let mut checks = Vec::new();
    let mut page = 1;
    loop {
        let everything = store.begin(Actor::system().scope(), Access::Read).await;
        let listing = everything.map_err(core)?.companies(Page::number(page, Page::LIMIT_MAX)).await.map_err(core)?;
        for company in &listing.items {
            checks.extend(verify_company(&*store, company).await.map_err(core)?);
        }
        if listing.items.is_empty() {
            return Ok(checks);
        }
        page += 1;
    }
}

fn core(error: StoreError) -> CliError {
    CliError::Core(error.into())
}

async fn verify_company(store: &dyn Store, company: &Company) -> Result<[Check; 2], StoreError> {
    let mut tx = store.begin(Actor::system_for(company.id).scope(), Access::Read).await?;
    let (days, callers) = figures::verify(&mut *tx, company).await?;
    let told =
        days.iter().take(3).map(|day| format!("; {}: {}", day.counted.day, differing(&day.stored, &day.counted.sums)));
    let message = match (days.len(), callers.len()) {
        (0, 0) => format!("company {}: all sums are those of the log", company.id),
        (days, callers) => {
            let told: String = told.collect();
            format!("company {}: {days} days and {callers} callers differ from the log{told}", company.id)
        }
    };
    let calls = Check { check: "figures", ok: days.is_empty() && callers.is_empty(), message };
    Ok([calls, leads_check(company, &lead::figures::verify(&mut *tx, company).await?)])
}

/// Names the sums of a day that differ.
fn differing(kept: &CallSums, counted: &CallSums) -> String {
    let named = |sums: &CallSums| {
        let CallSums { inbound, outbound, internal, connected, follow_ups, talk_seconds } = *sums;
        [
            ("inbound calls", inbound),
            ("outbound calls", outbound),
            ("internal calls", internal),
            ("connected calls", connected),
            ("follow-ups", follow_ups),
            ("seconds talked", talk_seconds),
        ]
    };
    let pairs = named(kept).into_iter().zip(named(counted)).filter(|(kept, counted)| kept != counted);
    let told = pairs.map(|((what, kept), (_, counted))| format!("{what}: {kept} kept, {counted} in the log"));
    told.collect::<Vec<_>>().join(", ")
}

/// Tells what is kept of leads beyond what they add up to.
fn leads_check(company: &Company, beyond: &LeadFigures) -> Check {
    let ok = *beyond == LeadFigures::default();
    let message = if ok {
        format!("company {}: all figures are those of the leads", company.id)
    } else {
        let LeadFigures { counts, agents, days, campaigns } = beyond;
        let told = counts.iter().take(3).map(|((by, word), leads)| format!("; {} {word}: {leads:+}", by.as_str()));
        let (counts, agents, days, campaigns) = (counts.len(), agents.len(), days.len(), campaigns.len());
        let differ = format!("{counts} counts, {agents} people, {days} days and {campaigns} days of campaigns");
        format!("company {}: {differ} differ from the leads{}", company.id, told.collect::<String>())
    };
    Check { check: "lead figures", ok, message }
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
    let now = SystemClock.now();
    Check { check: "clock", ok: now.timestamp() > 1_750_000_000, message: now.to_rfc3339() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_sums_that_differ() {
        let log = CallSums { outbound: 5, connected: 3, talk_seconds: 90, ..CallSums::default() };
        let kept = CallSums { connected: 4, ..log };
        assert_eq!(differing(&kept, &log), "connected calls: 4 kept, 3 in the log");
        let kept = CallSums { inbound: 1, talk_seconds: 0, ..log };
        let both = "inbound calls: 1 kept, 0 in the log, seconds talked: 0 kept, 90 in the log";
        assert_eq!(differing(&kept, &log), both);
    }
}
