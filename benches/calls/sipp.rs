//! Running sipp: scenarios, counters and processor time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dialplane_benches::processor;

/// The address of everything: no traffic leaves the machine.
pub(crate) const HOST: &str = "127.0.0.1";
/// The port that calls and registrations come from.
pub(crate) const CALLER_PORT: u16 = 11_062;
/// The port of the phones.
pub(crate) const PHONE_PORT: u16 = 11_060;
/// Calls that sipp keeps open at once, at most.
const OPEN_MAX: u32 = 20_000;
/// Seconds a run may take beyond the time its calls need; calls that are open then are missing.
const GRACE: u32 = 8;

/// The scenarios and the files that sipp writes.
pub(crate) struct Sipp {
    folder: tempfile::TempDir,
}

/// A scenario of this bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Caller,
    Phone,
    Register,
    Registrar,
}

impl Scenario {
    const ALL: [Self; 4] = [Self::Caller, Self::Phone, Self::Register, Self::Registrar];

    const fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Caller => ("caller.xml", include_str!("scenarios/caller.xml")),
            Self::Phone => ("phone.xml", include_str!("scenarios/phone.xml")),
            Self::Register => ("register.xml", include_str!("scenarios/register.xml")),
            Self::Registrar => ("registrar.xml", include_str!("scenarios/registrar.xml")),
        }
    }
}

/// One finished run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Calls (or registrations) that went as the scenario says.
    pub(crate) good: u64,
    /// Those that did not, or not in time.
    pub(crate) missed: u64,
    pub(crate) retransmissions: u64,
    pub(crate) seconds: f64,
    /// Processor time of this sipp.
    pub(crate) processor: f64,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.good as f64 / self.seconds.max(1e-3)
    }

    /// Whether a rate was held: nothing failed, hardly anything was sent twice, and sipp was not behind.
    pub(crate) fn held(&self, rate: u32) -> bool {
        self.missed == 0 && self.retransmissions * 100 <= self.good && self.per_second() >= f64::from(rate) * 0.95
    }
}

/// What one run does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) scenario: Scenario,
    /// Values of the fields, `;` between them and a line for each set.
    pub(crate) fields: &'a Path,
    pub(crate) target: u16,
    pub(crate) rate: u32,
    pub(crate) count: u32,
    /// The port it sends from; the phones register from their own.
    pub(crate) from: u16,
}

impl Sipp {
    /// Fails when sipp is not installed.
    pub(crate) fn prepare() -> io::Result<Self> {
        Command::new("sipp")
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| io::Error::other(format!("sipp is needed (Debian: sip-tester): {error}")))?;
        let folder = tempfile::tempdir()?;
        for (name, text) in Scenario::ALL.map(Scenario::file) {
            std::fs::write(folder.path().join(name), text)?;
        }
        Ok(Self { folder })
    }

    /// Writes a file of fields.
    pub(crate) fn fields(&self, name: &str, lines: impl IntoIterator<Item = String>) -> io::Result<PathBuf> {
        let path = self.folder.path().join(name);
        let text = lines.into_iter().fold("SEQUENTIAL\n".to_owned(), |text, line| text + &line + "\n");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn command(&self, scenario: Scenario, port: u16) -> Command {
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(self.folder.path().join(scenario.file().0))
            .args(["-i", HOST, "-p", &port.to_string(), "-nostdin"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts a side that answers, until it is dropped.
    pub(crate) fn answer(&self, scenario: Scenario, port: u16) -> io::Result<Answering> {
        let child = self.command(scenario, port).spawn()?;
        let answering = Answering { child };
        let deadline = Instant::now() + Duration::from_secs(5);
        while !listens(port) {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("sipp does not listen on port {port}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(answering)
    }

    /// Makes the calls and waits for their end.
    pub(crate) fn run(&self, load: Load<'_>) -> io::Result<Outcome> {
        let statistics = self.folder.path().join("statistics.csv");
        // What an earlier run left must not be read as this one's; there may be none.
        std::fs::remove_file(&statistics).ok();
        let mut child = self
            .command(load.scenario, load.from)
            .arg("-inf")
            .arg(load.fields)
            .args(["-r", &load.rate.to_string(), "-m", &load.count.to_string(), "-l", &OPEN_MAX.to_string()])
            .args(["-fd", "1", "-trace_stat", "-stf"])
            .arg(&statistics)
            .arg(format!("{HOST}:{}", load.target))
            .spawn()?;
        // sipp's own limit does not end it while calls are open.
        let allowed = Duration::from_secs(u64::from(load.count / load.rate.max(1) + GRACE));
        let processor = end_of(&mut child, allowed)?;
        let text = std::fs::read_to_string(&statistics)?;
        read_statistics(&text, load.count, processor).ok_or_else(|| io::Error::other("sipp wrote no statistics"))
    }
}

/// Whether a UDP socket of this machine is bound to the port.
fn listens(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).any(|local| local.ends_with(&wanted))
}

/// Waits for the end of a process, and ends it when it takes too long; its processor time. One that has ended keeps that until it is
/// waited for.
fn end_of(child: &mut Child, allowed: Duration) -> io::Result<f64> {
    let (id, deadline) = (child.id(), Instant::now() + allowed);
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let has_ended = stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'));
        if has_ended || Instant::now() > deadline {
            let used = processor::of_process(id).unwrap_or_default();
            child.kill()?;
            child.wait()?;
            return Ok(used);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The cumulative counters of the last line.
fn read_statistics(text: &str, wanted: u32, processor: f64) -> Option<Outcome> {
    let mut lines = text.lines();
    let heads: Vec<&str> = lines.next()?.split(';').collect();
    let last: Vec<&str> = lines.next_back()?.split(';').collect();
    let value = |name: &str| last.get(heads.iter().position(|head| *head == name)?).copied();
    let count = |name: &str| value(name)?.parse::<u64>().ok();
    // "date<tab>time<tab>seconds since 1970"
    let instant = |name: &str| value(name)?.split('\t').nth(2)?.parse::<f64>().ok();
    let good = count("SuccessfulCall(C)")?;
    Some(Outcome {
        good,
        missed: u64::from(wanted).saturating_sub(good),
        retransmissions: count("Retransmissions(C)")?,
        seconds: instant("CurrentTime")? - instant("StartTime")?,
        processor,
    })
}

/// A sipp that answers; ended when dropped.
pub(crate) struct Answering {
    child: Child,
}

impl Answering {
    /// Processor time used so far.
    pub(crate) fn processor(&self) -> f64 {
        processor::of_process(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // One that has ended by itself needs no ending.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
