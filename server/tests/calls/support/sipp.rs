//! SIPp: many calls by scenario.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::wait::until;

/// A SIPp process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Sipp {
    child: Child,
    name: &'static str,
    directory: TempDir,
}

impl Sipp {
    /// Starts a scenario of `scenarios/` on a local port. `numbers` are what `[field0]` stands for, one call after the other.
    pub(crate) fn start(
        name: &'static str,
        port: u16,
        to: Option<SocketAddr>,
        numbers: &[String],
        more: &[&str],
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory for SIPp");
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/calls/scenarios/{name}.xml"));
        let mut command = Command::new("sipp");
        if !numbers.is_empty() {
            let list = directory.path().join("numbers.csv");
            std::fs::write(&list, format!("SEQUENTIAL\n{}\n", numbers.join("\n"))).expect("the numbers");
            command.arg("-inf").arg(list);
        }
        command.arg("-sf").arg(scenario).args(["-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin"]);
        // The media port is named but not listened on.
        command.args(["-mi", "127.0.0.1", "-trace_err", "-error_file"]).arg(directory.path().join("errors")).args(more);
        command.args(to.map(|to| to.to_string()));
        let output = std::fs::File::create(directory.path().join("screen")).expect("a file");
        let errors = output.try_clone().expect("a file");
        command.env("TERM", "xterm").current_dir(directory.path()).stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = command.spawn().expect("SIPp is installed");
        until(Duration::from_secs(10), "SIPp listens", || {
            let ended = child.try_wait().expect("SIPp's state");
            assert!(ended.is_none(), "SIPp ended: {}", read(directory.path().join("screen")));
            listens(port).then_some(())
        });
        Self { child, name, directory }
    }

    /// Waits until all calls are made; each must have gone as the scenario says.
    #[track_caller]
    pub(crate) fn succeed(&mut self, limit: Duration) {
        let status = until(limit, "SIPp ends", || self.child.try_wait().expect("SIPp's state"));
        let file = |name: &str| {
            let text = read(self.directory.path().join(name));
            text[text.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at)..].to_owned()
        };
        assert_eq!(status.code(), Some(0), "{}: {}\n{}", self.name, file("errors"), file("screen"));
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read(path: PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// Whether some socket of this machine is bound to the UDP port.
fn listens(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&wanted)))
}
