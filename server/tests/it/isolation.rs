//! Who may do what: every route of the served description, asked by everybody, against a table that is kept with the tests.
//!
//! Every question is put to a fresh resource of company Alpha that belongs to somebody else. A route that is not in the table
//! fails; `UPDATE_GOLDEN=1` writes the table anew, for review.

use std::fmt::Write as _;
use std::path::PathBuf;

use dialplane_core::call::carrier::Service;
use dialplane_core::call::recording::{Recording, RecordingState};
use dialplane_core::call::{Direction, NewCall};
use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::command::flow::Left;
use dialplane_core::id::{CompanyId, IdSource, SystemIds, UserId};
use dialplane_core::job::{Job, JobKind, JobState};
use dialplane_core::pii::Pii;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, JobFilter, Page};
use dialplane_core::{Actor, Engine};
use dialplane_storage_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, Server, answer};

/// A text of company Alpha's that nobody outside may ever read.
const MARKER: &str = "AlphaSecretMarker";

/// A day of its own for each number.
fn day(number: u32) -> String {
    format!("20{:02}-01-{:02}", number / 28 % 20, number % 28 + 1)
}

struct World {
    server: Server,
    admin: Person,
    worker: Person,
    company: String,
    engine: Engine,
    made: u32,
    /// The call that went through the flow made last.
    traced: String,
}

impl World {
    async fn new() -> (Self, [(&'static str, Option<Person>); 5]) {
        let server =
            Server::start_with(&[("DIALPLANE_RATE_LIMITS", "off"), ("DIALPLANE_PUBLIC_URL", "https://alpha.example")]);
        let root = server.set_up().await;
        let admin = server.join(&root.token, "admin", "admin@alpha.example").await;
        let manager = server.join(&root.token, "manager", "manager@alpha.example").await;
        let agent = server.join(&root.token, "agent", "agent@alpha.example").await;
        let worker = server.join(&root.token, "agent", "worker@alpha.example").await;
        let beta = server.ok("POST", "/api/companies", &root.token, json!({"name": "Beta"})).await;
        let stranger = json!({"name": "Bea", "email": "bea@beta.example", "password": PASSWORD, "role": "admin"});
        let request = server.request("POST", "/api/users", &root.token).json(&stranger);
        let made = request.header("x-company-id", beta["company"]["id"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let stranger = server.login("bea@beta.example", PASSWORD).await;
        let company = server.get("/api/auth/profile", &root.token).await["company"]["id"].as_str().unwrap().to_owned();
        server.ok("PUT", &format!("/api/companies/{company}"), &root.token, json!({"name": MARKER})).await;
        let engine = Engine::new(SqliteStore::open(server.directory.path().join("data/dialplane.db")).await.unwrap());
        let people = [
            ("anonymous", None),
            ("agent", Some(agent)),
            ("manager", Some(manager)),
            ("admin", Some(admin.clone())),
            ("stranger", Some(stranger)),
        ];
        (Self { server, admin, worker, company, engine, made: 0, traced: String::new() }, people)
    }

    /// A number that counts up, for names and telephone numbers.
    fn next(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    async fn make(&self, path: &str, body: Value, key: &str) -> String {
        let made = self.server.ok("POST", path, &self.admin.token, body).await;
        made[key]["id"].as_str().unwrap().to_owned()
    }

    async fn user(&mut self) -> String {
        let n = self.next();
        let body =
            json!({"name": MARKER, "email": format!("u{n}@alpha.example"), "password": PASSWORD, "role": "agent"});
        self.make("/api/users", body, "user").await
    }

    async fn number(&mut self) -> String {
        let n = self.next();
        let body = json!({"phone_number": format!("+1202555{n:04}"), "provider": MARKER});
        self.make("/api/phone-numbers", body, "phoneNumber").await
    }

    async fn assigned_number(&mut self) -> String {
        let id = self.number().await;
        let body = json!({"agentId": self.worker.id});
        self.server.ok("POST", &format!("/api/phone-numbers/{id}/assign"), &self.admin.token, body).await;
        id
    }

    async fn queue(&mut self) -> String {
        let n = self.next();
        self.make("/api/queues", json!({"name": format!("{MARKER} {n}")}), "queue").await
    }

    async fn lead(&mut self) -> String {
        let n = self.next();
        let body =
            json!({"name": MARKER, "phone": format!("+1707555{n:04}"), "notes": MARKER, "assignedTo": self.worker.id});
        self.make("/api/leads", body, "lead").await
    }

    async fn call(&self) -> String {
        self.call_that_left(Vec::new()).await
    }

    async fn call_that_left(&self, left: Vec<Left>) -> String {
        let ids = SystemIds::default();
        let (ids, now): (&dyn IdSource, _) = (&ids, SystemClock.now());
        let company: CompanyId = self.company.parse().unwrap();
        let agent: UserId = self.worker.id.parse().unwrap();
        let call = ids.id(now);
        let begin = NewCall {
            id: call,
            company,
            direction: Direction::Outbound,
            from: Pii::from(MARKER),
            to: Pii::from(MARKER),
            agent: Some(agent),
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: now,
        };
        let reports = vec![CallReport { begin: Some(begin), left, ..CallReport::nothing(call) }];
        self.engine.execute(&Actor::system_for(company), &RecordCalls { reports }).await.unwrap();
        call.to_string()
    }

    /// A recording of a call, with its audio.
    async fn recording(&mut self) -> String {
        let (n, call) = (self.next(), self.call().await.parse().unwrap());
        let ids = SystemIds::default();
        let (ids, now): (&dyn IdSource, _) = (&ids, SystemClock.now());
        let company: CompanyId = self.company.parse().unwrap();
        let recording = Recording {
            id: ids.id(now),
            company,
            call,
            service: Service::Twilio,
            sid: format!("RE{n}"),
            state: RecordingState::Stored,
            media_type: Some("audio/wav".to_owned()),
            bytes: MARKER.len() as u64,
            seconds: 1,
            due_at: None,
            attempts: 1,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let scope = Actor::system_for(company).scope();
        let mut tx = self.engine.store().begin(scope, Access::Write).await.unwrap();
        tx.insert_recording(&recording).await.unwrap();
        tx.commit().await.unwrap();
        let folder = self.server.directory.path().join("data/recordings").join(company.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(recording.id.to_string()), MARKER).unwrap();
        recording.id.to_string()
    }

    /// An active flow that a call went through.
    async fn flow(&mut self) -> String {
        let n = self.next();
        let flow = json!({"version": 1, "start": "a", "description": MARKER, "nodes": {"a": {"type": "hangup"}}});
        let id = self.make("/api/ivr", json!({"name": format!("{MARKER} {n}"), "flow": flow}), "flow").await;
        self.server.ok("POST", &format!("/api/ivr/{id}/activate"), &self.admin.token, Value::Null).await;
        let (ended, at) = (MARKER.to_owned(), SystemClock.now());
        let trace = Left::Trace { flow: id.parse().unwrap(), version: 1, steps: json!([{"node": MARKER}]), ended, at };
        self.traced = self.call_that_left(vec![trace]).await;
        id
    }

    /// Sends in a prompt of a tenth of a second.
    async fn prompt(&mut self, token: &str, name: &str) -> Answer {
        let samples = vec![0u8; 1_600];
        let file = [
            &b"RIFF\x64\x06\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x40\x06\0\0"[..],
            &samples,
        ]
        .concat();
        let form = reqwest::multipart::Form::new().text("name", format!("{name} {}", self.next()));
        let form = form.part("file", reqwest::multipart::Part::bytes(file).file_name(name.to_owned()));
        answer(self.server.request("POST", "/api/ivr/prompts", token).multipart(form)).await
    }

    /// A voicemail, without its audio.
    async fn voicemail(&self) -> String {
        let at = self.engine.now();
        let id = self.engine.ids().id(at);
        let (mailbox, from) = (MARKER.to_owned(), Pii::from(MARKER));
        let voicemail = Left::Voicemail { id, flow: None, mailbox, from, length_ms: 1, bytes: 1, at };
        self.call_that_left(vec![voicemail]).await;
        id.to_string()
    }

    /// A fresh resource for the parameter of a path.
    async fn resource(&mut self, path: &str) -> String {
        let n = self.next();
        match path {
            _ if path.contains("{companyId}") || path.starts_with("/api/companies/") => self.company.clone(),
            _ if path.ends_with("/unassign") || path.ends_with("/assignment") => self.assigned_number().await,
            "/api/users/{id}/extension" => {
                let user = self.user().await;
                self.make(&format!("/api/users/{user}/extension"), Value::Null, "extension").await;
                user
            }
            _ if path.starts_with("/api/phone-numbers/{id}") => self.number().await,
            _ if path.starts_with("/api/extensions/") => {
                let user = self.user().await;
                self.make(&format!("/api/users/{user}/extension"), Value::Null, "extension").await
            }
            _ if path.starts_with("/api/trunks/") => {
                let auth = json!({"kind": "address", "addresses": ["192.0.2.1"]});
                self.make(
                    "/api/trunks",
                    json!({"name": format!("{MARKER} {n}"), "host": "192.0.2.1", "auth": auth}),
                    "trunk",
                )
                .await
            }
            _ if path.starts_with("/api/inbound-routes/") => {
                let target = json!({"type": "agent", "id": self.worker.id});
                self.make(
                    "/api/inbound-routes",
                    json!({"number": format!("+1303555{n:04}"), "target": target}),
                    "inboundRoute",
                )
                .await
            }
            _ if path.starts_with("/api/queues/") => self.queue().await,
            _ if path.starts_with("/api/ivr/calendars/") => {
                self.make("/api/ivr/calendars", json!({"name": format!("{MARKER} {n}")}), "calendar").await
            }
            _ if path.starts_with("/api/ivr/prompts/") => {
                let token = self.admin.token.clone();
                self.prompt(&token, MARKER).await.body["prompt"]["id"].as_str().unwrap().to_owned()
            }
            _ if path.starts_with("/api/ivr/{id}") => self.flow().await,
            _ if path.starts_with("/api/voicemails/") => self.voicemail().await,
            _ if path.starts_with("/api/clients/") => {
                self.make("/api/clients", json!({"name": format!("{MARKER} {n}")}), "client").await
            }
            _ if path.starts_with("/api/recordings/") => self.recording().await,
            _ if path.starts_with("/api/calls/") => self.call().await,
            _ if path.starts_with("/api/reports/export/") => "daily".to_owned(),
            _ if path.starts_with("/api/reports/download/") => {
                let made = self.server.get("/api/reports/export/summary?format=csv", &self.admin.token).await;
                made["downloadUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
            }
            _ if path.starts_with("/api/reports/") => {
                let body = json!({"userId": self.worker.id, "reportDate": day(n), "notes": MARKER});
                self.make("/api/reports", body, "report").await
            }
            _ if path.starts_with("/api/jobs/") => self.job().await,
            _ if path.starts_with("/api/leads/{id}") => self.lead().await,
            _ if path.starts_with("/api/dispositions/") => {
                self.make("/api/dispositions", json!({"code": format!("c{n}"), "label": MARKER}), "disposition").await
            }
            _ => self.user().await,
        }
    }

    /// A body that is right for the route, so that only rights decide.
    async fn body(&mut self, method: &str, path: &str) -> Value {
        let n = self.next();
        match (method, path) {
            ("POST", "/api/users" | "/api/auth/register") => {
                json!({"name": "New", "email": format!("n{n}@alpha.example"), "password": PASSWORD, "role": "agent"})
            }
            ("PUT", "/api/users/{id}/role") => json!({"role": "caller"}),
            ("PUT", "/api/users/{id}/password") => json!({"newPassword": PASSWORD}),
            ("POST", "/api/companies") => json!({"name": "New"}),
            ("POST", "/api/phone-numbers") => json!({"phone_number": format!("+1404555{n:04}")}),
            ("POST", "/api/phone-numbers/bulk-upload") => json!({"numbers": format!("+1505555{n:04}")}),
            ("POST", "/api/phone-numbers/{id}/assign") => json!({"agentId": self.worker.id}),
            ("PUT", "/api/agents/{id}/availability") => json!({"availability": "break"}),
            ("POST", "/api/agents/{id}/wrap-up") => json!({"seconds": 0}),
            ("POST", "/api/trunks") => {
                json!({"name": format!("T{n}"), "host": "192.0.2.1", "auth": {"kind": "address", "addresses": ["192.0.2.1"]}})
            }
            ("POST", "/api/inbound-routes") => {
                json!({"number": format!("+1606555{n:04}"), "target": {"type": "agent", "id": self.worker.id}})
            }
            ("POST", "/api/leads") => json!({"name": "New", "email": format!("l{n}@alpha.example")}),
            ("POST", "/api/leads/bulk") => {
                json!({"action": "edit", "leads": [self.lead().await], "changes": {"quality": "hot"}})
            }
            ("POST", "/api/leads/{id}/assign") => json!({"assignedTo": null}),
            ("POST", "/api/leads/{id}/merge") => json!({"duplicates": [self.lead().await]}),
            ("POST", "/api/dispositions") => json!({"code": format!("d{n}"), "label": "New"}),
            ("POST", "/api/clients") => json!({"name": "New"}),
            ("POST", "/api/clients/{id}/notes") => json!({"text": "New"}),
            ("POST", "/api/queues") => json!({"name": format!("Q{n}")}),
            ("POST", "/api/ivr") => json!({"name": format!("F{n}")}),
            ("POST", "/api/ivr/calendars") => json!({"name": format!("C{n}")}),
            ("POST", "/api/ivr/{id}/simulate") => json!({"script": []}),
            ("PUT", "/api/voicemails/{id}") => json!({"heard": true}),
            ("POST", "/api/reports") => json!({"userId": self.worker.id, "reportDate": day(n)}),
            ("POST", "/api/calls") => json!({"officerId": self.worker.id}),
            ("POST", "/api/calls/initiate") => json!({"to": "+12025550123", "agentId": self.worker.id}),
            ("POST", "/api/auth/login") => json!({"email": "nobody@alpha.example", "password": PASSWORD}),
            ("POST", "/api/auth/refresh") => json!({"refreshToken": "none"}),
            ("PUT", "/api/auth/password") => json!({"currentPassword": PASSWORD, "newPassword": PASSWORD}),
            ("POST", "/api/setup") => {
                json!({"token": "none", "companyName": "X", "name": "X", "email": "x@x.example", "password": PASSWORD})
            }
            ("PUT", "/api/settings/twilio") => json!({"accountSid": "AC1", "authToken": "a-token-of-twilio"}),
            ("PUT", _) => json!({}),
            _ => Value::Null,
        }
    }

    /// The beginning of an answer that goes on.
    async fn opened(&self, path: &str, person: Option<&Person>) -> Answer {
        let request = self.server.request("GET", path, person.map_or("", |person| &person.token));
        let mut response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        Answer { status, headers, text, body: Value::Null }
    }

    /// A job that another node runs: it neither begins nor ends while it is asked about.
    async fn job(&mut self) -> String {
        let company: CompanyId = self.company.parse().unwrap();
        let own = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
        let mut tx = self.engine.store().begin(Scope::Company(company), Access::Write).await.unwrap();
        let running = tx.jobs(&own, Page::FIRST).await.unwrap().items.into_iter().next();
        if let Some(job) = running {
            return job.id.to_string();
        }
        let ids = SystemIds::default();
        let (ids, now): (&dyn IdSource, _) = (&ids, SystemClock.now());
        let what = (json!({"file": MARKER}), 1);
        let job = Job::queued(ids.id(now), company, JobKind::LeadImport, what, None, now).take(now).unwrap();
        let job = Job { lease_until: Some(now + chrono::TimeDelta::days(1)), ..job };
        tx.insert_job(&job, b"").await.unwrap();
        tx.commit().await.unwrap();
        job.id.to_string()
    }

    /// Sends a file of one lead in.
    async fn import(&mut self, token: &str) -> Answer {
        let text = format!("name,phone\nSomebody,+1707555{:04}\n", self.next());
        let path = "/api/leads/import?fileName=leads.csv";
        answer(self.server.request("POST", path, token).header("content-type", "text/csv").body(text)).await
    }

    async fn ask(&mut self, method: &str, path: &str, person: Option<&Person>) -> Answer {
        let mut url = path.to_owned();
        if let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            url.replace_range(from..=to, &self.resource(path).await);
        }
        url = url.replace("{number}", "1").replace("{callId}", &self.traced);
        let body = self.body(method, path).await;
        if path == "/api/events" {
            // A stream that has begun has no end; what it carries is tested with the streams.
            return self.opened(path, person).await;
        }
        let token = person.map_or("", |person| &person.token);
        if path == "/api/leads/import" {
            return self.import(token).await;
        }
        if (method, path) == ("POST", "/api/ivr/prompts") {
            return self.prompt(token, "New").await;
        }
        self.server.call(method, &url, token, body).await
    }
}

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/isolation_matrix.txt")
}

#[tokio::test]
async fn isolation_matrix() {
    let (mut world, mut people) = World::new().await;
    let description = world.server.call("GET", "/api/openapi.json", "", Value::Null).await.body;
    let mut table =
        String::from("# Status codes by route and by who asks. Written by the isolation test; review every change.\n");
    let mut routes: Vec<(String, String)> = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        routes.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    routes.sort();
    for (path, method) in &routes {
        let _ = write!(table, "{method:6} {path}:");
        for (name, person) in &mut people {
            let answer = world.ask(method, path, person.as_ref()).await;
            let _ = write!(table, " {name}={}", answer.status);
            assert!(answer.status != 500, "{method} {path} as {name}: {}", answer.text);
            if matches!(*name, "stranger" | "anonymous") {
                assert!(!answer.text.contains(MARKER), "{method} {path} tells {name}: {}", answer.text);
            }
            // These end the session of whoever asks.
            if let Some(person) =
                person.as_mut().filter(|_| path.ends_with("/logout") || path.ends_with("/auth/password"))
            {
                *person = world.server.login(&person.email, PASSWORD).await;
                if *name == "admin" {
                    world.admin = person.clone();
                }
            }
        }
        table.push('\n');
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden(), &table).unwrap();
    }
    let kept = std::fs::read_to_string(golden()).unwrap_or_default();
    for (new, old) in table.lines().zip(kept.lines().chain(std::iter::repeat("(no such line)"))) {
        assert_eq!(new, old, "the table has changed: run with UPDATE_GOLDEN=1 and review it");
    }
    assert_eq!(
        table.lines().count(),
        kept.lines().count(),
        "routes are gone: run with UPDATE_GOLDEN=1 and review the table"
    );
}
