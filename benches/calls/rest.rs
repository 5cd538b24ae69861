//! The little HTTP that setting a company up takes: one request a connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Somebody signed in.
pub(crate) struct Rest {
    pub(crate) server: SocketAddr,
    pub(crate) token: String,
}

impl Rest {
    /// The JSON of a good answer.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
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
    pub(crate) fn text(answer: &Value, pointer: &str) -> io::Result<String> {
        let text = answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| io::Error::other(format!("no {pointer} in {answer}")))
    }
}
