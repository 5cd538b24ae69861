//! The product: the real binary on a directory and ports of its own, with a company whose numbers ring registered phones.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use dialplane_benches::processor;
use serde_json::{Value, json};

use crate::rest::Rest;
use crate::sipp::HOST;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "a password for a bench";
/// How long a start may take.
const START: Duration = Duration::from_secs(20);
/// Media ports: each call takes two pairs, which rest for two seconds when it ends.
const MEDIA_PORTS: &str = "12000-59999";

/// A running server; ended when dropped.
pub(crate) struct Product {
    child: Child,
    pub(crate) sip: SocketAddr,
    rest: Rest,
    // Removed after the process has ended.
    _folder: tempfile::TempDir,
}

/// A phone's credentials and the number that rings it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) number: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// The binary: `DIALPLANE_BIN`, or the one beside this bench.
pub(crate) fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("DIALPLANE_BIN").map(PathBuf::from);
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(|folder| folder.join("dialplane"));
    named.or_else(beside).filter(|path| path.is_file())
}

impl Product {
    /// Starts it with an empty SQLite database.
    pub(crate) fn start(binary: &PathBuf) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = std::fs::File::create(folder.path().join("log.txt"))?;
        let mut child = Command::new(binary)
            .args(["serve", "--json", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--rtp-ports", MEDIA_PORTS])
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .env("DIALPLANE_ADMIN_EMAIL", EMAIL)
            .env("DIALPLANE_ADMIN_PASSWORD", PASSWORD)
            .env("DIALPLANE_RATE_LIMITS", "off")
            .env("DIALPLANE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let Some((http, sip)) = listening(&mut child) else {
            child.kill()?;
            child.wait()?;
            let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap_or_default();
            return Err(io::Error::other(format!("the server does not say where it listens: {log}")));
        };
        let rest = Rest { server: http, token: String::new() };
        let mut product = Self { child, sip, rest, _folder: folder };
        product.sign_in()?;
        Ok(product)
    }

    fn sign_in(&mut self) -> io::Result<()> {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let deadline = Instant::now() + START;
        loop {
            match self.rest.send("POST", "/api/auth/login", Some(&body)) {
                Ok(answer) => {
                    self.rest.token = Rest::text(&answer, "/token")?;
                    return Ok(());
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far.
    pub(crate) fn processor(&self) -> f64 {
        processor::of_process(self.child.id()).unwrap_or_default()
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }

    /// Makes a trunk that calls arrive by, and agents with a line and a number each that leads to it.
    pub(crate) fn set_up(&self, lines: usize) -> io::Result<Vec<Line>> {
        self.rest.send(
            "POST",
            "/api/trunks",
            Some(&json!({
                "name": "carrier", "transport": "udp", "host": HOST, "port": crate::sipp::CALLER_PORT,
                "auth": { "kind": "address", "addresses": [HOST] }, "default": true,
            })),
        )?;
        (0..lines).map(|n| self.line(n)).collect()
    }

    fn line(&self, n: usize) -> io::Result<Line> {
        let user = json!({
            "name": format!("Agent {n}"), "email": format!("agent{n}@example.com"), "password": PASSWORD, "role": "agent",
        });
        let user = Rest::text(&self.rest.send("POST", "/api/users", Some(&user))?, "/user/id")?;
        let made = self.rest.send("POST", &format!("/api/users/{user}/extension"), Some(&json!({})))?;
        let number = format!("+12025550{:03}", 100 + n);
        let inventory = json!({ "phone_number": number, "provider": "bench" });
        self.rest.send("POST", "/api/phone-numbers", Some(&inventory))?;
        let target = json!({ "type": "extension", "id": Rest::text(&made, "/extension/id")? });
        self.rest.send("POST", "/api/inbound-routes", Some(&json!({ "number": number, "target": target })))?;
        Ok(Line {
            number,
            username: Rest::text(&made, "/extension/username")?,
            password: Rest::text(&made, "/extension/password")?,
        })
    }

    /// Calls in the log.
    pub(crate) fn logged(&self) -> io::Result<u64> {
        let answer = self.rest.send("GET", "/api/calls?limit=1", None)?;
        let total = answer.pointer("/pagination/total").and_then(Value::as_u64);
        total.ok_or_else(|| io::Error::other(format!("no total in {answer}")))
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // One that has ended by itself needs no ending.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where it listens for HTTP and SIP, as it says in its first lines.
fn listening(child: &mut Child) -> Option<(SocketAddr, SocketAddr)> {
    let output = child.stdout.take()?;
    let (sender, lines) = mpsc::channel();
    // Reads to the end, so that the server never waits for its output to be taken.
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the addresses are known.
            sender.send(line).ok();
        }
    });
    while let Ok(line) = lines.recv_timeout(START) {
        let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
        let address =
            |key: &str| said.get(key)?.as_str()?.trim_start_matches("http://").trim_end_matches('/').parse().ok();
        if let (Some(http), Some(sip)) = (address("http"), address("sip")) {
            return Some((http, sip));
        }
    }
    None
}
