//! A company, set up and looked at over REST.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{self, Access, Answer};
use super::server::PASSWORD;
use super::wait::until;

/// A company, as its administrator uses it.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    http: SocketAddr,
    access: Access,
}

/// The SIP credentials of an agent.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) number: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A user who takes calls.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) line: Line,
    pub(crate) extension: String,
}

/// What the calls of an agent add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) total: u64,
    pub(crate) connected: u64,
    pub(crate) not_connected: u64,
}

impl Company {
    /// Signs somebody in.
    pub(crate) fn sign_in(http: SocketAddr, email: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = http::request(http, "POST", "/api/auth/login", None, Some(&body)).expect("an answer").expect(200);
        Self { http, access: Access { token: text(&answer["token"]), company: None } }
    }

    /// The token of whoever is signed in.
    pub(crate) fn token(&self) -> &str {
        &self.access.token
    }

    /// Another company, used by the administrator of the platform.
    pub(crate) fn found(&self, name: &str) -> Self {
        let company = self.post("/api/companies", &json!({ "name": name })).expect(201);
        let access = Access { company: Some(text(&company["company"]["id"])), ..self.access.clone() };
        Self { http: self.http, access }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).expect("an answer")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body)).expect("an answer")
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body)).expect("an answer")
    }

    /// A request that may fail because the server is not there.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        http::request(self.http, method, path, Some(&self.access), body)
    }

    /// An agent with a line, ready for calls. The name is the first part of the address, too.
    pub(crate) fn agent(&self, name: &str) -> Agent {
        let email = format!("{name}@example.com");
        let body = json!({ "name": name, "email": email, "password": PASSWORD, "role": "agent" });
        let user = self.post("/api/users", &body).expect(201);
        let id = text(&user["user"]["id"]);
        let extension = self.post(&format!("/api/users/{id}/extension"), &json!({})).expect(201)["extension"].clone();
        let line = Line {
            number: text(&extension["number"]),
            username: text(&extension["username"]),
            password: text(&extension["password"]),
        };
        let agent = Agent { id, email, line, extension: text(&extension["id"]) };
        self.choose(&agent, "available");
        agent
    }

    /// Sets an agent's availability.
    pub(crate) fn choose(&self, agent: &Agent, availability: &str) {
        let path = format!("/api/agents/{}/availability", agent.id);
        self.put(&path, &json!({ "availability": availability })).expect(200);
    }

    /// A number of the company; its id.
    pub(crate) fn number(&self, number: &str) -> String {
        let body = json!({ "phone_number": number, "provider": "test" });
        text(&self.post("/api/phone-numbers", &body).expect(201)["phoneNumber"]["id"])
    }

    /// Gives a number to an agent.
    pub(crate) fn assign(&self, number: &str, agent: &Agent, daily_limit: u32) {
        let body = json!({ "agentId": agent.id, "dailyLimit": daily_limit, "allowedCountries": [] });
        self.post(&format!("/api/phone-numbers/{number}/assign"), &body).expect(200);
    }

    /// A trunk to a carrier on this machine, for calls in both directions.
    pub(crate) fn trunk(&self, port: u16) {
        let body = json!({
            "name": "carrier", "transport": "udp", "host": "127.0.0.1", "port": port,
            "auth": { "kind": "address", "addresses": ["127.0.0.1"] }, "default": true,
        });
        self.post("/api/trunks", &body).expect(201);
    }

    /// A queue of these agents; its id.
    pub(crate) fn queue(&self, ring_seconds: u32, max_wait_seconds: u32, agents: &[&Agent]) -> String {
        let member = |(n, agent): (usize, &&Agent)| json!({ "agentId": agent.id, "tier": 1, "position": n + 1 });
        let members: Vec<Value> = agents.iter().enumerate().map(member).collect();
        let body = json!({
            "name": "sales", "strategy": "longest_idle", "ringSeconds": ring_seconds,
            "maxWaitSeconds": max_wait_seconds, "members": members,
        });
        text(&self.post("/api/queues", &body).expect(201)["queue"]["id"])
    }

    /// A flow, active; its id.
    #[track_caller]
    pub(crate) fn flow(&self, name: &str, flow: &Value) -> String {
        let id = text(&self.post("/api/ivr", &json!({ "name": name, "flow": flow })).expect(201)["flow"]["id"]);
        self.post(&format!("/api/ivr/{id}/activate"), &json!({})).expect(200);
        id
    }

    /// Uploads a recording for flows.
    #[track_caller]
    pub(crate) fn prompt(&self, name: &str, language: &str, wav: &[u8]) {
        let fields = [("name", name), ("language", language)];
        let answer = http::upload(self.http, "/api/ivr/prompts", &self.access, &fields, ("prompt.wav", wav));
        answer.expect("an answer").expect(201);
    }

    /// A file.
    pub(crate) fn download(&self, path: &str) -> Vec<u8> {
        http::download(self.http, path, &self.access).expect("a file")
    }

    /// Waits for the trace of a call through a flow.
    #[track_caller]
    pub(crate) fn trace(&self, flow: &str, call: &Value) -> Value {
        let path = format!("/api/ivr/{flow}/trace/{}", text(&call["id"]));
        until(Duration::from_secs(10), "the trace of a call", || {
            let answer = self.get(&path);
            (answer.status == 200).then(|| answer.json["trace"].clone())
        })
    }

    /// Leads calls to a number somewhere.
    pub(crate) fn route(&self, number: &str, kind: &str, id: &str) {
        let body = json!({ "number": number, "target": { "type": kind, "id": id } });
        self.post("/api/inbound-routes", &body).expect(201);
    }

    /// What the caller record of an agent says.
    pub(crate) fn figures(&self, agent: &Agent) -> Figures {
        let caller = self.get(&format!("/api/callers/{}", agent.id)).expect(200)["caller"].clone();
        let figure = |key: &str| caller[key].as_u64().expect("a figure");
        Figures {
            total: figure("total_calls"),
            connected: figure("connected_calls"),
            not_connected: figure("not_connected_calls"),
        }
    }

    /// The calls, newest first.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let answer = self.get("/api/calls?limit=200").expect(200);
        answer["calls"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the company has `count` calls and all of them are over; newest first.
    #[track_caller]
    pub(crate) fn ended_calls(&self, count: usize) -> Vec<Value> {
        until(Duration::from_secs(20), &format!("{count} ended calls in the log"), || {
            let calls = self.calls();
            (calls.len() == count && calls.iter().all(|call| !call["endTime"].is_null())).then_some(calls)
        })
    }

    /// Waits until the only call of the company is over, and gives it with its legs and events.
    #[track_caller]
    pub(crate) fn only_call(&self) -> Value {
        let calls = self.ended_calls(1);
        self.call(&text(&calls[0]["id"]))
    }

    /// Waits until the newest call of this number is over.
    #[track_caller]
    pub(crate) fn ended_call_of(&self, number: &str) -> Value {
        until(Duration::from_secs(20), "the end of a call in the log", || {
            let newest = self.calls().into_iter().find(|call| call["from"] == number)?;
            (!newest["endTime"].is_null()).then_some(newest)
        })
    }

    /// A call with its legs and events.
    pub(crate) fn call(&self, id: &str) -> Value {
        self.get(&format!("/api/calls/{id}")).expect(200)["call"].clone()
    }
}

/// A string of an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a text, got {value}")).to_owned()
}

/// The kinds of a call's events, in order.
pub(crate) fn events(call: &Value) -> Vec<String> {
    let events = call["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| text(&event["type"])).collect()
}
