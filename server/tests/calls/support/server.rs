//! The server under test: the real binary on a directory and ports of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::company::Company;
use super::http;
use super::ports::Ports;
use super::wait::until;

/// The first administrator.
pub(crate) const ADMIN: &str = "admin@example.com";
/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Media ports: a pair rests for two seconds after its call, and a test makes many calls in that time.
const BLOCKS: u16 = 3;

/// What is logged where a test does not say.
const LEVEL: &str = "info";

const START: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    directory: TempDir,
    ports: Ports,
    database: Option<String>,
    runs: u32,
    level: &'static str,
    pub(crate) http: SocketAddr,
    pub(crate) sip: SocketAddr,
}

impl Server {
    /// On SQLite in a fresh directory.
    pub(crate) fn start() -> Self {
        Self::launch(None, Ports::reserve_blocks(BLOCKS))
    }

    /// Logging all that an operator can be asked to log.
    pub(crate) fn start_verbose() -> Self {
        Self::launch_at(None, Ports::reserve_blocks(BLOCKS), "debug")
    }

    /// With media ports for several hundred calls at once.
    pub(crate) fn start_roomy() -> Self {
        Self::launch(None, Ports::reserve_blocks(20))
    }

    /// On a database of a Postgres server.
    pub(crate) fn on(database: &str) -> Self {
        Self::launch(Some(database.to_owned()), Ports::reserve_blocks(BLOCKS))
    }

    fn launch(database: Option<String>, ports: Ports) -> Self {
        Self::launch_at(database, ports, LEVEL)
    }

    fn launch_at(database: Option<String>, ports: Ports, level: &'static str) -> Self {
        // Ports of its own, which are still free when it is started again.
        let [http, sip] = [1, 2].map(|n| SocketAddr::from(([127, 0, 0, 1], ports.single(n))));
        Self::listen(database, ports, http, sip, level, "")
    }

    /// On SQLite, with these lines in its settings file.
    pub(crate) fn start_set(settings: &str) -> Self {
        let ports = Ports::reserve();
        let [http, sip] = [1, 2].map(|n| SocketAddr::from(([127, 0, 0, 1], ports.single(n))));
        Self::listen(None, ports, http, sip, LEVEL, settings)
    }

    /// The file of the database, where it is SQLite's.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.data_dir().join("dialplane.db")
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// On ports that the system picks.
    pub(crate) fn start_anywhere() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::listen(None, Ports::reserve(), any, any, LEVEL, "")
    }

    fn listen(
        database: Option<String>,
        ports: Ports,
        http: SocketAddr,
        sip: SocketAddr,
        level: &'static str,
        settings: &str,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        std::fs::write(directory.path().join("dialplane.toml"), settings).expect("a settings file");
        let (child, http, sip) = spawn(directory.path(), database.as_deref(), &ports, [http, sip], 0, level);
        Self { child, directory, ports, database, runs: 1, level, http, sip }
    }

    /// Ends the process without warning.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().expect("the server's end");
    }

    /// Starts it again on the same directory and addresses.
    pub(crate) fn restart(&mut self) {
        let (directory, database) = (self.directory.path(), self.database.as_deref());
        let (child, http, sip) = spawn(directory, database, &self.ports, [self.http, self.sip], self.runs, self.level);
        self.runs += 1;
        (self.child, self.http, self.sip) = (child, http, sip);
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&mut self, limit: Duration) -> ExitStatus {
        until(limit, "the server ends", || self.child.try_wait().expect("the server's state"))
    }

    /// How many descriptors the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map(Iterator::count).unwrap_or(0)
    }

    /// The company of the first administrator, signed in.
    pub(crate) fn company(&self) -> Company {
        Company::sign_in(self.http, ADMIN)
    }

    /// The value of a metric, all of its series together; `None` when it is not there.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = http::request(self.http, "GET", "/metrics", None, None).expect("metrics").text;
        let series = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            (rest.starts_with(' ') || rest.starts_with('{')).then_some(rest)
        });
        let values: Vec<f64> = series.filter_map(|rest| rest.rsplit(' ').next()?.parse().ok()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Waits until a metric is zero.
    #[track_caller]
    pub(crate) fn await_zero(&self, name: &str, limit: Duration) {
        assert!(self.metric(name).is_some(), "there is no metric {name}");
        let deadline = std::time::Instant::now() + limit;
        while self.metric(name) != Some(0.0) {
            assert!(std::time::Instant::now() < deadline, "{name} is {:?} after {limit:?}", self.metric(name));
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until nothing of any call is left, except transactions, which RFC 3261 keeps for 32 s.
    #[track_caller]
    pub(crate) fn await_idle(&self) {
        self.await_idle_within(Duration::from_secs(10));
    }

    /// The same where a phone is gone: its cancelled INVITE is waited for as long as a transaction lasts.
    #[track_caller]
    pub(crate) fn await_idle_within(&self, limit: Duration) {
        for gauge in ["calls", "legs", "sip_dialogs", "media_sessions"] {
            self.await_zero(&format!("dialplane_{gauge}_active"), limit);
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        let logs = (0..self.runs).map(|run| std::fs::read_to_string(log_file(self.directory.path(), run)));
        logs.map(Result::unwrap_or_default).collect()
    }
}

impl Drop for Server {
    #[allow(clippy::print_stderr, reason = "the server's log explains a failed test")]
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("route=/metrics")).collect();
            eprintln!("--- the server's log\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

fn log_file(directory: &Path, run: u32) -> PathBuf {
    directory.join(format!("log-{run}.txt"))
}

fn spawn(
    directory: &Path,
    database: Option<&str>,
    ports: &Ports,
    [http, sip]: [SocketAddr; 2],
    run: u32,
    level: &str,
) -> (Child, SocketAddr, SocketAddr) {
    let (first, last) = ports.media();
    let log = std::fs::File::create(log_file(directory, run)).expect("a log file");
    let level = std::env::var_os("CALLS_LOG").unwrap_or_else(|| OsString::from(level));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialplane"));
    command
        .args(["serve", "--json", "--http", &http.to_string(), "--sip", &sip.to_string()])
        .args(["--rtp-ports", &format!("{first}-{last}"), "--data-dir"])
        .arg(directory.join("data"))
        .current_dir(directory)
        .env("DIALPLANE_ADMIN_EMAIL", ADMIN)
        .env("DIALPLANE_ADMIN_PASSWORD", PASSWORD)
        .env("DIALPLANE_RATE_LIMITS", "off")
        .env("DIALPLANE_LOG", level)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    if let Some(database) = database {
        command.env("DIALPLANE_DATABASE", database);
    }
    let mut child = command.spawn().expect("the server starts");
    let (http, sip) = addresses(&mut child).unwrap_or_else(|| {
        child.kill().ok();
        let log = std::fs::read_to_string(log_file(directory, run)).unwrap_or_default();
        panic!("the server did not say where it listens:\n{log}");
    });
    until(START, "the server is ready", || {
        http::request(http, "GET", "/ready", None, None).ok().filter(|answer| answer.status == 200)
    });
    (child, http, sip)
}

/// Where it listens, as it tells in its first lines.
fn addresses(child: &mut Child) -> Option<(SocketAddr, SocketAddr)> {
    let output = child.stdout.take()?;
    let (sender, lines) = mpsc::channel();
    // Reads on to the end, so that the server never waits for somebody to take its output.
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            sender.send(line).ok();
        }
    });
    while let Ok(line) = lines.recv_timeout(START) {
        let Ok(json) = serde_json::from_str::<Value>(&line) else { continue };
        let address = |key: &str| json[key].as_str()?.trim_start_matches("http://").trim_end_matches('/').parse().ok();
        if let (Some(http), Some(sip)) = (address("http"), address("sip")) {
            return Some((http, sip));
        }
    }
    None
}
