//! The official Socket.IO client, in a process of Node's that obeys us.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process with any number of sockets, told apart by a name.
#[derive(Debug)]
pub(crate) struct Sockets {
    child: Child,
    commands: ChildStdin,
    lines: Receiver<Value>,
    heard: VecDeque<Value>,
    url: String,
}

impl Sockets {
    /// A process whose sockets connect to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/support/socket_io/client.js");
        let mut child = Command::new("node")
            .arg(client)
            .env("NODE_PATH", packages().join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs: `make test` installs it");
        let commands = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, commands, lines, heard: VecDeque::new(), url: format!("http://{server}") }
    }

    fn obey(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("node listens");
    }

    /// Begins to connect a socket.
    pub(crate) fn connect(&mut self, name: &str, auth: &Value, options: &Value) {
        let command = json!({"do": "connect", "as": name, "url": self.url, "auth": auth, "options": options});
        self.obey(&command);
    }

    /// Connects a socket with a token, and waits until it stands; its place.
    #[track_caller]
    pub(crate) fn join(&mut self, name: &str, token: &str) -> u64 {
        self.connect(name, &json!({"token": token}), &json!({}));
        self.standing(name)
    }

    /// Waits until a socket has been sent all that it missed; its place.
    #[track_caller]
    pub(crate) fn standing(&mut self, name: &str) -> u64 {
        self.next(name, "connect");
        self.next(name, "cursor")[0]["seq"].as_u64().expect("a place")
    }

    /// Sends an event and gives the acknowledgement.
    #[track_caller]
    pub(crate) fn ask(&mut self, name: &str, event: &str, argument: &Value) -> Value {
        self.obey(&json!({"do": "emit", "as": name, "event": event, "args": [argument]}));
        self.next(name, "answer")[0].clone()
    }

    /// Cuts a socket off without a word; it comes again by itself.
    pub(crate) fn cut(&mut self, name: &str) {
        self.obey(&json!({"do": "drop", "as": name}));
    }

    /// Connects a socket again that was disconnected by the server.
    pub(crate) fn again(&mut self, name: &str) {
        self.obey(&json!({"do": "again", "as": name}));
    }

    /// The arguments of the next event of this name that a socket hears, whatever else it hears before.
    #[track_caller]
    pub(crate) fn next(&mut self, name: &str, event: &str) -> Vec<Value> {
        let fits = |line: &Value| line["as"] == name && line["event"] == event;
        let deadline = Instant::now() + PATIENCE;
        let mut looked = 0;
        loop {
            if let Some(at) = self.heard.iter().skip(looked).position(fits) {
                let mut line = self.heard.remove(looked + at).expect("it is there");
                return serde_json::from_value(line["args"].take()).expect("arguments");
            }
            looked = self.heard.len();
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.heard.push_back(line),
                Err(_) => panic!("{name} has not heard {event}, but {:#?}", self.heard),
            }
        }
    }

    /// What a socket has heard so far of this name and nobody has asked for.
    pub(crate) fn heard(&mut self, name: &str, event: &str) -> Vec<Vec<Value>> {
        self.heard.extend(self.lines.try_iter());
        let fits = |line: &&Value| line["as"] == name && line["event"] == event;
        let arguments = |line: &Value| serde_json::from_value(line["args"].clone()).expect("arguments");
        self.heard.iter().filter(fits).map(arguments).collect()
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The folder with the client's packages, installed once for all tests.
fn packages() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/support/socket_io");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("socket-io-client");
    std::fs::create_dir_all(&folder).expect("a folder for packages");
    let lock = File::create(folder.join("lock")).expect("a lock");
    // Held until the end of this function: tests run in processes of their own.
    lock.lock().expect("the lock");
    let wanted = std::fs::read_to_string(source.join("package-lock.json")).expect("the list of packages");
    let installed = folder.join("installed.json");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return folder;
    }
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).expect("a copy");
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder).stdin(Stdio::null());
    let done = npm.output().expect("npm runs: `make test` installs it");
    assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
    std::fs::write(&installed, wanted).expect("a note of what is installed");
    folder
}
