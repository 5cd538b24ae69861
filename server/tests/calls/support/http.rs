//! Just enough HTTP to use the REST interface: one request a connection, so that a request never waits for another.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) token: String,
    /// The company a platform admin acts in, when it is not their own.
    pub(crate) company: Option<String>,
}

/// An answer of the REST interface.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body, `Null` when it is no JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// The code of an error answer.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

/// Sends a form with a file and some fields.
pub(crate) fn upload(
    to: SocketAddr,
    path: &str,
    access: &Access,
    fields: &[(&str, &str)],
    file: (&str, &[u8]),
) -> io::Result<Answer> {
    let edge = "a-part-of-a-form";
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.into_bytes());
    }
    let part = format!(
        "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: audio/wav\r\n\r\n",
        file.0
    );
    body.extend(part.into_bytes());
    body.extend(file.1);
    body.extend(format!("\r\n--{edge}--\r\n").into_bytes());
    send(to, "POST", path, Some(access), &format!("multipart/form-data; boundary={edge}"), &body)
}

/// Reads a file.
pub(crate) fn download(to: SocketAddr, path: &str, access: &Access) -> io::Result<Vec<u8>> {
    let bytes = exchange(to, "GET", path, Some(access), "", &[])?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len() - 4);
    Ok(bytes[end + 4..].to_vec())
}

/// Sends a request and reads the answer.
pub(crate) fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    access: Option<&Access>,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let body = body.map(Value::to_string).unwrap_or_default();
    send(to, method, path, access, "application/json", body.as_bytes())
}

fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    access: Option<&Access>,
    kind: &str,
    body: &[u8],
) -> io::Result<Answer> {
    let bytes = exchange(to, method, path, access, kind, body)?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off"))
}

fn exchange(
    to: SocketAddr,
    method: &str,
    path: &str,
    access: Option<&Access>,
    kind: &str,
    body: &[u8],
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !body.is_empty() {
        head += &format!("Content-Type: {kind}\r\n");
    }
    if let Some(access) = access {
        head += &format!("Authorization: Bearer {}\r\n", access.token);
        head += &access.company.as_ref().map(|id| format!("X-Company-Id: {id}\r\n")).unwrap_or_default();
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &bytes[end + 4..];
    let length = header(head, "content-length").and_then(|value| value.parse::<usize>().ok());
    let body = match length {
        Some(length) => body.get(..length)?.to_vec(),
        None if header(head, "transfer-encoding").is_some() => unchunked(body)?,
        None => body.to_vec(),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    Some(Answer { status, json: serde_json::from_str(&text).unwrap_or_default(), text })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        let chunk = rest.get(line + 2..line + 2 + length)?;
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + length..)?;
    }
}
