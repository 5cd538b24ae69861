//! A company whose numbers ring registered phones.

use std::io;

use dialplane_benches::server::{PASSWORD, Rest, Server};
use serde_json::{Value, json};

use crate::sipp::HOST;

/// A phone's credentials and the number that rings it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) number: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Makes a trunk that calls arrive by, and agents with a line and a number each that leads to it.
pub(crate) fn set_up(server: &Server, lines: usize) -> io::Result<Vec<Line>> {
    server.rest.send(
        "POST",
        "/api/trunks",
        Some(&json!({
            "name": "carrier", "transport": "udp", "host": HOST, "port": crate::sipp::CALLER_PORT,
            "auth": { "kind": "address", "addresses": [HOST] }, "default": true,
        })),
    )?;
    (0..lines).map(|n| line(server, n)).collect()
}

fn line(server: &Server, n: usize) -> io::Result<Line> {
    let user = json!({
        "name": format!("Agent {n}"), "email": format!("agent{n}@example.com"), "password": PASSWORD, "role": "agent",
    });
    let user = Rest::text(&server.rest.send("POST", "/api/users", Some(&user))?, "/user/id")?;
    let made = server.rest.send("POST", &format!("/api/users/{user}/extension"), Some(&json!({})))?;
    let number = format!("+12025550{:03}", 100 + n);
    let inventory = json!({ "phone_number": number, "provider": "bench" });
    server.rest.send("POST", "/api/phone-numbers", Some(&inventory))?;
    let target = json!({ "type": "extension", "id": Rest::text(&made, "/extension/id")? });
    server.rest.send("POST", "/api/inbound-routes", Some(&json!({ "number": number, "target": target })))?;
    Ok(Line {
        number,
        username: Rest::text(&made, "/extension/username")?,
        password: Rest::text(&made, "/extension/password")?,
    })
}

/// Calls in the log.
pub(crate) fn logged(server: &Server) -> io::Result<u64> {
    let answer = server.rest.send("GET", "/api/calls?limit=1", None)?;
    let total = answer.pointer("/pagination/total").and_then(Value::as_u64);
    total.ok_or_else(|| io::Error::other(format!("no total in {answer}")))
}
