//! A plain client of server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream.
#[derive(Debug)]
pub(crate) struct EventStream {
    pub(crate) status: u16,
    pub(crate) headers: String,
    lines: BufReader<TcpStream>,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

impl EventStream {
    /// Asks for a path with a token and further headers, each with its end of line. HTTP/1.0 has no chunks: what comes is the stream itself.
    pub(crate) fn open(server: SocketAddr, path: &str, token: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let request =
            format!("GET {path} HTTP/1.0\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).expect("an answer") > 0, "the answer ends early: {head}");
        }
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        Self { status, headers: head.to_lowercase(), lines }
    }

    /// The next event; `None` when the stream has ended.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Told> {
        let mut told = Told { event: String::new(), id: None, data: Value::Null };
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("something is told in time") == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => told.event = name.to_owned(),
                Some(("id", id)) => told.id = Some(id.parse().expect("a place")),
                Some(("data", data)) => told.data = serde_json::from_str(data).expect("JSON"),
                _ if line.trim_end().is_empty() && !told.event.is_empty() => return Some(told),
                _ => {}
            }
        }
    }

    /// The next event, which must be of this name.
    #[track_caller]
    pub(crate) fn expect(&mut self, event: &str) -> Told {
        let told = self.next().expect("the stream goes on");
        assert_eq!(told.event, event, "{told:?}");
        told
    }
}
