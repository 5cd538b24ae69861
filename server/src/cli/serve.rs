//! `serve`: starts everything, says where it is, and stops it in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dialplane_core::{Actor, Error, Kind};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::{CliError, admin, print};
use crate::auth::secrets;
use crate::http::accept;
use crate::integrations::twilio::Twilio;
use crate::settings::{LogFormat, Settings};
use crate::state::{App, Shared};
use crate::telephony::Telephony;
use crate::{api, jobs, live, storage};

/// How long requests and calls may take to end once the server stops.
const STOP_MAX: Duration = Duration::from_secs(25);

/// Serves until the process is told to stop.
pub(super) async fn serve(settings: Settings, unused: Vec<&'static str>, json: bool) -> Result<(), CliError> {
    start_log(&settings);
    if !unused.is_empty() {
        tracing::warn!(settings = unused.join(", "), "these settings are given but not used by this version");
    }
    let secrets = secrets::load_or_make(&settings.data_dir)?;
    let storage = storage::open(&settings.database).await?;
    let app = App::new(Arc::clone(&storage.store), settings, secrets, start_metrics());
    let token = first_run(&app).await?;
    let bind = |source| CliError::Io { what: format!("cannot listen on {}", app.settings.http), source };
    let listener = TcpListener::bind(app.settings.http).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let stop = CancellationToken::new();
    raise_descriptor_limit();
    let telephony = Telephony::start(&app).await?;
    let sip = telephony.edge().local();
    if app.calls.set(telephony).is_err() {
        tracing::error!("call control was started twice");
    }
    // Companies may have accounts of their own; without an address nobody could report to us.
    if let Some(public_url) = app.settings.public_url.clone() {
        let twilio =
            Twilio::new(app.engine.clone(), &app.settings.twilio, public_url).map_err(|error| CliError::Io {
                what: "the client for Twilio cannot be made".to_owned(),
                source: std::io::Error::other(error),
            })?;
        app.twilio.set(twilio).ok();
    }
    let mut jobs = jobs::start(&app, &stop);
    announce(&app, address, sip, token.as_deref(), json)?;
    run(&app, listener, &stop).await;
    stop.cancel();
    while jobs.join_next().await.is_some() {}
    storage.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Serves requests until a signal, then lets what is under way end, for a limited time.
async fn run(app: &Shared, listener: TcpListener, stop: &CancellationToken) {
    let server = tokio::spawn(accept::serve(listener, api::router(app), stop.clone()));
    signal().await;
    tracing::info!("stopping");
    app.drain();
    let calls = async {
        if let Some(calls) = app.calls.get() {
            calls.shut_down().await;
        }
    };
    if tokio::time::timeout(STOP_MAX, calls).await.is_err() {
        tracing::warn!("calls did not end in time");
    }
    // The ends of the calls are the last that listeners hear.
    live::close(app).await;
    stop.cancel();
    if tokio::time::timeout(STOP_MAX, server).await.is_err() {
        tracing::warn!("requests did not end in time");
    }
}

/// Each call takes four sockets: as many descriptors as the system allows.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of descriptors was not raised");
        }
    }
}

/// Resolves when the process is asked to stop.
async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// When there is no account: makes the one that the settings name, or gives the token of a set-up link.
async fn first_run(app: &App) -> Result<Option<String>, CliError> {
    if app.engine.read(&Actor::system()).await.map_err(Error::from)?.any_user().await.map_err(Error::from)? {
        return Ok(None);
    }
    let Some(named) = &app.settings.first_admin else {
        let token = app.engine.ids().token::<32>();
        app.setup.arm(&token);
        return Ok(Some(token));
    };
    let name = named.email.split('@').next().unwrap_or("admin").to_owned();
    let new = admin::admin(name, named.email.clone(), named.password.expose());
    match admin::first(&app.engine, &app.settings, None, &new).await.map_err(Error::from) {
        Ok(_) => tracing::info!("the first account was made from the settings"),
        // Another node was first.
        Err(error) if error.kind() == Kind::Conflict => {}
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Says where everything is: a banner for people, one line of JSON for programs.
fn announce(app: &App, address: SocketAddr, sip: SocketAddr, token: Option<&str>, json: bool) -> Result<(), CliError> {
    let base = app.settings.base_url(address);
    let setup = token.map(|token| format!("{base}/setup#{token}"));
    if token.is_some() && !address.ip().is_loopback() {
        tracing::warn!(
            "this server is reachable from outside and has no account yet: whoever registers first becomes its admin"
        );
    }
    if json {
        return print::data(&print::line(&serde_json::json!({
            "event": "ready", "http": address, "url": base, "sip": sip, "setup": setup,
        })));
    }
    let database = format!("{:?}", app.settings.database);
    let mut lines = vec![
        format!("Dialplane {}", env!("CARGO_PKG_VERSION")),
        format!("  API        {base}/api  (described at {base}/docs)"),
        format!("  SIP        {sip} over UDP and TCP"),
        format!("  Database   {database}"),
    ];
    if let Some(setup) = setup {
        lines.push(format!("  Set up     {setup}"));
    }
    print::data(&lines.join("\n"))
}

/// Logs to stderr. A second start in one process (tests) keeps the first.
fn start_log(settings: &Settings) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match settings.log_format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => {
            let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colour).try_init()
        }
    };
}

/// Starts collecting metrics; latencies go into buckets that a scraper can add up over nodes.
fn start_metrics() -> PrometheusHandle {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let builder = PrometheusBuilder::new();
    let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets) {
        Ok(builder) => builder,
        Err(_) => PrometheusBuilder::new(),
    };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    metrics::gauge!("dialplane_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    handle
}
