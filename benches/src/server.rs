//! The product: the real binary on a directory and ports of its own, and the little HTTP that it takes to set it up.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::processor;

const EMAIL: &str = "admin@example.com";
/// The password of the administrator.
pub const PASSWORD: &str = "a password for a bench";
/// How long a start may take.
const START: Duration = Duration::from_secs(20);
/// Media ports: each call takes two pairs, which rest for two seconds when it ends.
const MEDIA_PORTS: &str = "12000-59999";

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    /// Where it listens for SIP.
    pub sip: SocketAddr,
    /// Its REST interface, for its administrator.
    pub rest: Rest,
    // Removed after the process has ended.
    _folder: tempfile::TempDir,
}

/// The binary: `DIALPLANE_BIN`, or the one beside this bench.
#[must_use]
pub fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("DIALPLANE_BIN").map(PathBuf::from);
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(|folder| folder.join("dialplane"));
    named.or_else(beside).filter(|path| path.is_file())
}

impl Server {
    /// Starts it on an empty database: SQLite in a folder of its own, unless `environment` names another.
    ///
    /// # Errors
    /// It does not start, or does not let its administrator in.
    pub fn start(binary: &Path, environment: &[(&str, &str)]) -> io::Result<Self> {
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
            .envs(environment.iter().map(|(key, value)| (OsStr::new(key), OsStr::new(value))))
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
        let mut server = Self { child, sip, rest, _folder: folder };
        server.sign_in()?;
        Ok(server)
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
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far, in seconds.
    #[must_use]
    pub fn processor(&self) -> f64 {
        processor::of_process(self.child.id()).unwrap_or_default()
    }

    /// Resident memory, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1_024
    }
}

impl Drop for Server {
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

/// Somebody signed in.
pub struct Rest {
    /// Where.
    pub server: SocketAddr,
    /// What they were let in with.
    pub token: String,
}

impl Rest {
    /// The JSON of a good answer.
    ///
    /// # Errors
    /// No answer, or one that is not good.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_as("application/json", method, path, &body)
    }

    /// The same with a body of another kind; one request a connection.
    ///
    /// # Errors
    /// No answer, or one that is not good.
    pub fn send_as(&self, kind: &str, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.server,
            self.token,
            body.len()
        );
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            return Ok(serde_json::from_str(body).unwrap_or(Value::Null));
        }
        Err(io::Error::other(format!("{method} {path}: {answer}")))
    }

    /// What is at a path of an answer, as text.
    ///
    /// # Errors
    /// It is not there.
    pub fn text(answer: &Value, pointer: &str) -> io::Result<String> {
        let text = answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| io::Error::other(format!("no {pointer} in {answer}")))
    }
}
