//! Twilio as a carrier, on each store, against a server that answers as Twilio does.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::call::recording::Recording;
use dialplane_core::command::lead::CreateLead;
use dialplane_core::id::UserId;
use dialplane_core::lead::{LeadStatus, NewLead, Owner};
use dialplane_core::store::{Access, Store};
use dialplane_core::{Actor, Engine};
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::fake_twilio::{ACCOUNT, FakeTwilio, Mood, PUBLIC, TOKEN, TwilioCall, now, signature, told, wav, with};
use crate::postgres::Database;
use crate::support::{Answer, PASSWORD, Person, Server, answer, assert_problem, output};

/// The agent's own telephone.
const TELEPHONE: &str = "+12025550177";
/// The number of the company.
const OURS: &str = "+12025550123";
/// The lead's number.
const LEAD: &str = "+12025550199";
/// Longer than anything here takes; only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// A company that calls by Twilio, with an agent who has a number and a lead.
pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) twilio: FakeTwilio,
    pub(crate) admin: Person,
    pub(crate) agent: Person,
    lead: String,
    /// Dropped after the server.
    database: Option<Database>,
}

impl Shop {
    pub(crate) async fn open(database: Option<Database>) -> Self {
        let twilio = FakeTwilio::start().await;
        let mut settings = settings(&twilio);
        settings.extend(database.iter().map(|database| ("DIALPLANE_DATABASE", database.url.clone())));
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
        Self::of(Server::start_with(&settings), twilio, database).await
    }

    pub(crate) async fn of(server: Server, twilio: FakeTwilio, database: Option<Database>) -> Self {
        let admin = server.set_up().await;
        let body = json!({"name": "Alice Johnson", "email": "alice@alpha.example", "password": PASSWORD, "role": "telecaller",
            "phone": TELEPHONE});
        server.ok("POST", "/api/users", &admin.token, body).await;
        let agent = server.login("alice@alpha.example", PASSWORD).await;
        let body = json!({"phone_number": OURS});
        let number = server.ok("POST", "/api/phone-numbers", &admin.token, body).await["phoneNumber"]["id"].clone();
        let path = format!("/api/phone-numbers/{}/assign", number.as_str().unwrap());
        let terms = json!({"agentId": agent.id, "dailyLimit": 500, "allowedCountries": ["US"]});
        server.ok("POST", &path, &admin.token, terms).await;
        let mut shop = Self { server, twilio, admin, agent, lead: String::new(), database };
        shop.lead = shop.make_lead(Some(LEAD), LeadStatus::New).await;
        shop
    }

    /// One on each kind of database.
    pub(crate) async fn on_each_store() -> [Self; 2] {
        [Self::open(None).await, Self::open(Some(Database::create())).await]
    }

    async fn store(&self) -> Box<dyn Store> {
        match &self.database {
            Some(database) => Box::new(PostgresStore::connect(&database.url).await.unwrap()),
            None => Box::new(SqliteStore::open(self.server.directory.path().join("data/dialplane.db")).await.unwrap()),
        }
    }

    async fn make_lead(&self, phone: Option<&str>, status: LeadStatus) -> String {
        let engine = Engine::on(self.store().await.into());
        let profile = self.server.get("/api/auth/profile", &self.admin.token).await;
        let company = profile["company"]["id"].as_str().unwrap().parse().unwrap();
        let owner: UserId = self.agent.id.parse().unwrap();
        let lead = NewLead {
            name: "John Doe".to_owned(),
            email: phone.is_none().then(|| "john@example.com".to_owned()),
            phone: phone.map(str::to_owned),
            status,
            owner: Owner::User(owner),
            ..NewLead::default()
        };
        engine.execute(&Actor::host(company), &CreateLead { lead }).await.unwrap().0.id.to_string()
    }

    /// The request of document 003.
    pub(crate) async fn initiate(&self) -> Answer {
        let body = json!({"leadId": self.lead, "callType": "outbound"});
        self.server.call("POST", "/api/calls/initiate", &self.agent.token, body).await
    }

    /// A call that Twilio has taken.
    pub(crate) async fn placed(&self) -> (String, TwilioCall) {
        let placed = self.initiate().await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        (placed.body["call"]["id"].as_str().unwrap().to_owned(), self.twilio.last())
    }

    pub(crate) async fn call(&self, id: &str) -> Value {
        self.server.get(&format!("/api/calls/{id}"), &self.agent.token).await["call"].clone()
    }

    /// Sends what Twilio sends to one of the addresses it was given, through the proxy that is in front of us.
    pub(crate) async fn send(&self, url: &str, form: &[(String, String)], signature: Option<&str>) -> Answer {
        let path = url.strip_prefix(PUBLIC).expect("an address of ours");
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self.server.request("POST", path, "").body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(signature) = signature {
            request = request.header("x-twilio-signature", signature);
        }
        answer(request).await
    }

    pub(crate) async fn tell(&self, url: &str, form: &[(String, String)]) {
        let told = self.send(url, form, Some(&signature(url, form))).await;
        assert_eq!(told.status, 200, "{}", told.text);
    }

    /// Waits until a call is as wanted.
    pub(crate) async fn until(&self, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let call = self.call(id).await;
                if is(&call) {
                    return call;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("the call is never {what}"))
    }

    /// Waits until the only recording of a call is as wanted in the store.
    async fn recording(&self, call: &str, is: impl Fn(&Recording) -> bool) -> Recording {
        let (store, call) = (self.store().await, call.parse().unwrap());
        let waiting = async {
            loop {
                let mut tx = store.begin(Actor::system().scope(), Access::Read).await.unwrap();
                let recordings = tx.recordings(&[call]).await.unwrap();
                drop(tx);
                assert!(recordings.len() <= 1, "{recordings:?}");
                if let Some(recording) = recordings.into_iter().next().filter(|recording| is(recording)) {
                    return recording;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the recording comes to be as wanted")
    }

    async fn figures(&self) -> (i64, i64, i64) {
        let officer = self.server.get(&format!("/api/officers/{}", self.agent.id), &self.admin.token).await;
        let of = |name: &str| officer["officer"][name].as_i64().unwrap();
        (of("totalCalls"), of("connectedCalls"), of("talkSeconds"))
    }
}

pub(crate) fn settings(twilio: &FakeTwilio) -> Vec<(&'static str, String)> {
    vec![
        ("DIALPLANE_RATE_LIMITS", "off".to_owned()),
        ("DIALPLANE_LOG", "debug".to_owned()),
        ("DIALPLANE_PUBLIC_URL", PUBLIC.to_owned()),
        ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("DIALPLANE_TWILIO_API_URL", twilio.url.clone()),
        ("DIALPLANE_TWILIO_RECORD", "on".to_owned()),
    ]
}

/// The callbacks of a call in which people talk for half a minute, in order, each with its address. They are sent before that time
/// is over: a clock that is ahead by less than a minute is believed.
fn story(call: &TwilioCall, child: &str, begun: DateTime<Utc>) -> Vec<(String, Vec<(String, String)>)> {
    let (agent, other) = (call.field("StatusCallback").to_owned(), call.attribute("statusCallback"));
    let sid = call.sid.as_str();
    let at = |seconds: i64| begun + TimeDelta::seconds(seconds);
    let ours = |status: &str, seq, after| (agent.clone(), told(sid, None, status, seq, at(after)));
    let theirs = |status: &str, seq, after| (other.clone(), told(child, Some(sid), status, seq, at(after)));
    let over = |(url, form): (String, Vec<_>), seconds: &str| (url, with(form, "CallDuration", seconds));
    vec![
        ours("initiated", 0, 0),
        ours("ringing", 1, 1),
        ours("in-progress", 2, 5),
        theirs("initiated", 0, 5),
        theirs("ringing", 1, 6),
        theirs("in-progress", 2, 10),
        over(theirs("completed", 3, 40), "30"),
        over(ours("completed", 3, 40), "35"),
    ]
}

#[tokio::test]
async fn the_documented_call_is_placed_told_of_recorded_and_heard() {
    for shop in Shop::on_each_store().await {
        let placed = shop.initiate().await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        let twilio = shop.twilio.last();
        let call = &placed.body["call"];
        assert_eq!(call["_id"], call["id"]);
        assert_eq!(json!([call["status"], call["twilioCallSid"]]), json!(["initiated", twilio.sid]));
        assert_eq!(placed.body["twilioCall"], json!({"sid": twilio.sid, "status": "initiated"}));
        assert_eq!(json!([call["from"], call["to"], call["lead"]["_id"]]), json!([OURS, LEAD, shop.lead]));
        assert!(call["startTime"].is_string());
        assert_eq!(placed.body["remainingToday"], 499);
        assert_eq!((twilio.field("To"), twilio.field("From")), (TELEPHONE, OURS));
        assert!(twilio.field("Twiml").contains(&format!(">{LEAD}</Number>")), "{}", twilio.field("Twiml"));

        let id = call["id"].as_str().unwrap();
        let begun: DateTime<Utc> = call["startTime"].as_str().unwrap().parse().unwrap();
        // Twilio's times are whole seconds.
        let begun = begun + TimeDelta::seconds(1);
        let child = shop.twilio.dial(&twilio.sid);
        for (at, (url, form)) in story(&twilio, &child, begun).iter().enumerate() {
            shop.tell(url, form).await;
            let status =
                ["initiated", "ringing", "ringing", "ringing", "ringing", "in_progress", "completed", "completed"];
            assert_eq!(shop.call(id).await["status"], status[at], "after {at}");
        }
        let call = shop.call(id).await;
        assert_eq!(json!([call["duration"], call["hangup"]["cause"]]), json!([30, "normal_clearing"]));
        assert_eq!(json!([call["telecaller"]["_id"], call["recordingUrl"]]), json!([shop.agent.id, null]));
        let legs: Vec<_> =
            call["legs"].as_array().unwrap().iter().map(|leg| [&leg["kind"], &leg["party"], &leg["state"]]).collect();
        assert_eq!(json!(legs), json!([["carrier", TELEPHONE, "ended"], ["carrier", LEAD, "ended"]]));
        let kinds: Vec<_> =
            call["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        let expected =
            ["leg_added", "ringing", "answered", "leg_added", "ringing", "answered", "bridged", "leg_ended", "ended"];
        assert_eq!(kinds, expected);
        assert_eq!(shop.figures().await, (1, 1, 30));

        its_notes_are_written(&shop, id).await;

        // The recording comes after two failures, once, and is heard in parts.
        let audio = wav(4_000);
        shop.twilio.serve(&[404, 503], "audio/x-wav", &audio);
        let url = twilio.attribute("recordingStatusCallback");
        let form: Vec<(String, String)> = [
            ("AccountSid", ACCOUNT),
            ("CallSid", &twilio.sid),
            ("RecordingSid", "RE0123456789abcdef0123456789abcdef"),
            ("RecordingUrl", "http://127.0.0.1:1/never-asked"),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", "60"),
            ("RecordingChannels", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for _ in 0..3 {
            shop.tell(&url, &form).await;
        }
        let call = shop.until(id, "recorded", |call| call["recordingUrl"].is_string()).await;
        assert_eq!(shop.twilio.fetched(), 3);
        let path = call["recordingUrl"].as_str().unwrap();
        let listed = shop.server.get("/api/calls", &shop.admin.token).await;
        assert_eq!(listed["calls"][0]["recordingUrl"], path);
        assert_eq!(listed["calls"][0]["twilioCallSid"], twilio.sid);
        let whole = shop.server.request("GET", path, &shop.agent.token).send().await.unwrap();
        assert_eq!((whole.status().as_u16(), &whole.headers()["content-type"]), (200, &"audio/wav".parse().unwrap()));
        assert_eq!(whole.bytes().await.unwrap(), audio);
        let part =
            shop.server.request("GET", path, &shop.agent.token).header("range", "bytes=8-11").send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], format!("bytes 8-11/{}", audio.len()));
        assert_eq!(part.bytes().await.unwrap(), "WAVE");
        let beyond =
            shop.server.request("GET", path, &shop.agent.token).header("range", "bytes=99999-").send().await.unwrap();
        assert_eq!(beyond.status(), 416);
        let other = shop.server.join(&shop.admin.token, "agent", "other@alpha.example").await;
        assert_problem(&shop.server.call("GET", path, &other.token, Value::Null).await, 404, "not_found");
        assert_problem(&shop.server.call("GET", path, "", Value::Null).await, 401, "no_token");

        // With its call it goes, and nothing of it stays.
        let folder = shop.server.directory.path().join("data/recordings");
        let files = || walk(&folder);
        assert_eq!(files(), 1);
        shop.server.ok("DELETE", &format!("/api/calls/{id}"), &shop.admin.token, Value::Null).await;
        assert_problem(&shop.server.call("GET", path, &shop.admin.token, Value::Null).await, 404, "not_found");
        assert_eq!(files(), 0);
    }
}

/// What an agent says of a carried call beside its notes is passed over: it is known.
async fn its_notes_are_written(shop: &Shop, id: &str) {
    let said = json!({"status": "completed", "duration": 300, "notes": "Call completed successfully"});
    let said = shop.server.ok("PUT", &format!("/api/calls/{id}"), &shop.agent.token, said).await["call"].clone();
    let expected = json!(["completed", 30, "Call completed successfully"]);
    assert_eq!(json!([said["status"], said["duration"], said["notes"]]), expected);
    assert_eq!(json!([said["lead"]["name"], said["lead"]["phone"]]), json!(["John Doe", LEAD]));
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn two_hundred_callbacks_in_any_order_end_in_one_right_call() {
    for (round, shop) in Shop::on_each_store().await.into_iter().enumerate() {
        let (id, twilio) = shop.placed().await;
        let child = shop.twilio.dial(&twilio.sid);
        let begun: DateTime<Utc> = shop.call(&id).await["startTime"].as_str().unwrap().parse().unwrap();
        let story = story(&twilio, &child, begun + TimeDelta::seconds(1));
        let mut all: Vec<_> = (0..200).map(|n| story[n % story.len()].clone()).collect();
        let mut seed = 0x9e37_79b9_u64 + round as u64;
        for at in (1..all.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.swap(at, (seed >> 33) as usize % (at + 1));
        }
        let (shop, all) = (&shop, &all);
        // Eight at a time, as they come over several connections.
        futures::future::join_all((0..8).map(|lane| async move {
            for (url, form) in all.iter().skip(lane).step_by(8) {
                shop.tell(url, form).await;
            }
        }))
        .await;
        let call = shop.call(&id).await;
        assert_eq!(json!([call["status"], call["duration"]]), json!(["completed", 30]), "round {round}");
        assert_eq!(call["legs"].as_array().unwrap().len(), 2);
        let ends = call["events"].as_array().unwrap().iter().filter(|event| event["type"] == "ended").count();
        assert_eq!(ends, 1);
        assert_eq!(shop.figures().await, (1, 1, 30));
        let caller = shop.server.get(&format!("/api/callers/{}", shop.agent.id), &shop.admin.token).await;
        assert_eq!(caller["caller"]["total_calls"], 1);
    }
}

#[tokio::test]
async fn what_is_forged_is_refused_and_what_is_unknown_passed_over() {
    for shop in Shop::on_each_store().await {
        let (id, twilio) = shop.placed().await;
        let url = twilio.field("StatusCallback");
        let form = told(&twilio.sid, None, "completed", 3, now());
        let right = signature(url, &form);
        assert_problem(&shop.send(url, &form, None).await, 403, "invalid_signature");
        assert_problem(&shop.send(url, &form, Some("")).await, 403, "invalid_signature");
        let other = signature(url, &told(&twilio.sid, None, "busy", 3, now()));
        assert_problem(&shop.send(url, &form, Some(&other)).await, 403, "invalid_signature");
        let elsewhere = url.replace("end=agent", "end=destination");
        assert_problem(&shop.send(&elsewhere, &form, Some(&right)).await, 403, "invalid_signature");
        let recording = twilio.attribute("recordingStatusCallback");
        assert_problem(&shop.send(&recording, &form, Some(&right)).await, 403, "invalid_signature");
        assert_eq!(shop.call(&id).await["status"], "initiated");

        // Signed, and about nothing we know, or of another name: Twilio is told that it was heard.
        let unknown = url.replace(&id, "0199a0a0-0000-7000-8000-000000000000");
        shop.tell(&unknown, &form).await;
        shop.tell(&format!("{PUBLIC}/api/calls/status-callback"), &form).await;
        shop.tell(url, &told("CAsomebodyelses", None, "busy", 0, now())).await;
        shop.tell(url, &told(&twilio.sid, None, "daydreaming", 0, now())).await;
        shop.tell(url, &with(Vec::new(), "CallSid", &twilio.sid)).await;
        assert_eq!(shop.call(&id).await["status"], "initiated");

        // A body that is no form is covered by its hash.
        let body = json!({"CallSid": twilio.sid, "CallStatus": "ringing", "SequenceNumber": 1}).to_string();
        let hash = sha256(body.as_bytes());
        let hashed = format!("{url}&bodySHA256={hash}");
        let path = hashed.strip_prefix(PUBLIC).unwrap();
        let post = |body: String| {
            let request = shop.server.request("POST", path, "").header("content-type", "application/json");
            answer(request.header("x-twilio-signature", signature(&hashed, &[])).body(body))
        };
        assert_problem(&post(body.replace("ringing", "failed")).await, 403, "invalid_signature");
        assert_eq!(post(body).await.status, 200);
        assert_eq!(shop.call(&id).await["status"], "ringing");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn every_way_to_fail_ends_in_the_log_with_its_cause() {
    for shop in Shop::on_each_store().await {
        for (status, expected, cause, sip) in [
            ("busy", "busy", "user_busy", None),
            ("no-answer", "no_answer", "no_answer", None),
            ("canceled", "cancelled", "cancelled", None),
            ("failed", "failed", "unallocated_number", Some("404")),
        ] {
            // Of the agent, and of the number that is called.
            for is_agent in [true, false] {
                let (id, twilio) = shop.placed().await;
                let child = shop.twilio.dial(&twilio.sid);
                let (url, form) = if is_agent {
                    (twilio.field("StatusCallback").to_owned(), told(&twilio.sid, None, status, 2, now()))
                } else {
                    (twilio.attribute("statusCallback"), told(&child, Some(&twilio.sid), status, 2, now()))
                };
                let form = if let Some(sip) = sip { with(form, "SipResponseCode", sip) } else { form };
                shop.tell(&url, &form).await;
                let call = shop.call(&id).await;
                assert_eq!(
                    json!([call["status"], call["hangup"]["cause"], call["duration"]]),
                    json!([expected, cause, 0])
                );
                assert_eq!(
                    call["hangup"]["sipStatus"],
                    sip.map_or(Value::Null, |sip| json!(sip.parse::<u16>().unwrap()))
                );
                // Nothing brings it back.
                shop.tell(&url, &told(&twilio.sid, None, "in-progress", 1, now())).await;
                assert_eq!(shop.call(&id).await["status"], expected);
            }
        }
        assert_eq!(shop.figures().await, (8, 0, 0));
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_ends_the_call() {
    for shop in Shop::on_each_store().await {
        shop.twilio.feel(Mood::Refusing(400, 21_215, "Account not authorized to call that country"));
        let refused = shop.initiate().await;
        assert_problem(&refused, 422, "carrier_refused");
        assert!(refused.text.contains("Account not authorized to call that country"), "{}", refused.text);
        shop.twilio.feel(Mood::Refusing(401, 20_003, "Authenticate"));
        assert_problem(&shop.initiate().await, 422, "carrier_refused");
        shop.twilio.feel(Mood::Busy(7));
        let busy = shop.initiate().await;
        assert_problem(&busy, 503, "carrier_unavailable");
        assert_eq!(busy.headers["retry-after"], "7");
        let calls = shop.server.get("/api/calls", &shop.agent.token).await["calls"].clone();
        let ends: Vec<_> =
            calls.as_array().unwrap().iter().map(|call| [&call["status"], &call["hangup"]["cause"]]).collect();
        assert_eq!(
            json!(ends),
            json!([["failed", "network_out_of_order"], ["failed", "not_allowed"], ["failed", "not_allowed"]])
        );
        // Nothing was tried twice.
        assert_eq!((shop.twilio.requests(), shop.twilio.calls().len()), (3, 0));

        // After five failures in a row Twilio is left alone, and no allowance is spent.
        for _ in 0..4 {
            assert_problem(&shop.initiate().await, 503, "carrier_unavailable");
        }
        let before = shop.twilio.requests();
        let rested = shop.initiate().await;
        assert_problem(&rested, 503, "carrier_unavailable");
        assert!(rested.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 7);
        assert_eq!(shop.twilio.requests(), before);
        let total = shop.server.get("/api/calls", &shop.agent.token).await["pagination"]["total"].clone();
        assert_eq!(total, 7);
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_before_anything_is_counted() {
    for shop in Shop::on_each_store().await {
        let initiate =
            async |body: Value| shop.server.call("POST", "/api/calls/initiate", &shop.agent.token, body).await;
        assert_problem(&initiate(json!({"callType": "outbound"})).await, 400, "invalid_input");
        let nobody = json!({"leadId": "0199a0a0-0000-7000-8000-000000000000"});
        assert_problem(&initiate(nobody).await, 404, "not_found");
        let closed = shop.make_lead(Some("+12025550188"), LeadStatus::DoNotCall).await;
        assert_problem(&initiate(json!({"leadId": closed})).await, 422, "do_not_call");
        assert_problem(&initiate(json!({"leadId": closed, "to": "+12025550187"})).await, 422, "do_not_call");
        assert_problem(&initiate(json!({"to": "(202) 555-0188"})).await, 422, "do_not_call");
        let again = shop.make_lead(Some("+12025550188"), LeadStatus::New).await;
        assert_problem(&initiate(json!({"leadId": again})).await, 422, "do_not_call");
        let unreachable = shop.make_lead(None, LeadStatus::New).await;
        assert_problem(&initiate(json!({"leadId": unreachable})).await, 400, "invalid_input");
        let path = format!("/api/users/{}", shop.agent.id);
        shop.server.ok("PUT", &path, &shop.admin.token, json!({"phone": null})).await;
        assert_problem(&shop.initiate().await, 422, "agent_without_telephone");
        let usage = shop.server.get("/api/phone-numbers/usage", &shop.admin.token).await;
        assert_eq!(usage["usage"], json!([]));
        assert_eq!(shop.twilio.requests(), 0);
        // A trunk comes first, unless the settings say otherwise: then no telephone is needed.
        let trunk = json!({"name": "T", "host": "192.0.2.1", "auth": {"kind": "address", "addresses": ["192.0.2.1"]}, "default": true});
        shop.server.ok("POST", "/api/trunks", &shop.admin.token, trunk).await;
        let placed = shop.initiate().await;
        assert_eq!((placed.status, placed.body.get("twilioCall")), (201, None), "{}", placed.text);
        assert_eq!(shop.twilio.requests(), 0);
    }
}

#[tokio::test]
async fn a_call_is_ended_from_our_side() {
    let shop = Shop::open(None).await;
    let (id, twilio) = shop.placed().await;
    let path = format!("/api/calls/{id}/hangup");
    assert_eq!(shop.server.call("POST", &path, &shop.agent.token, Value::Null).await.status, 202);
    assert_eq!(shop.twilio.last().status, "completed");
    shop.tell(twilio.field("StatusCallback"), &told(&twilio.sid, None, "canceled", 1, now())).await;
    assert_eq!(shop.call(&id).await["status"], "cancelled");
    assert_problem(&shop.server.call("POST", &path, &shop.agent.token, Value::Null).await, 409, "call_ended");
}

#[tokio::test]
async fn a_request_without_an_answer_is_one_call_or_none_and_never_two() {
    let shops = Shop::on_each_store().await;
    let unanswered = async |shop: &Shop, mood: Mood| {
        shop.twilio.feel(mood);
        let placed = shop.initiate().await;
        assert_eq!(placed.status, 202, "{}", placed.text);
        assert_eq!(placed.body["twilioCall"], json!({"sid": null, "status": "unconfirmed"}));
        placed.body["call"]["id"].as_str().unwrap().to_owned()
    };
    let check = async |shop: &Shop| {
        let garbled = unanswered(shop, Mood::Garbled).await;
        let garbled_sid = shop.twilio.last().sid;
        // A callback overtakes: it tells the name and how it stands.
        let url = shop.twilio.last().field("StatusCallback").to_owned();
        shop.tell(&url, &told(&garbled_sid, None, "ringing", 1, now())).await;
        let call = shop.call(&garbled).await;
        assert_eq!(json!([call["twilioCallSid"], call["status"]]), json!([garbled_sid, "ringing"]));
        let silent = unanswered(shop, Mood::Silent).await;
        let silent_sid = shop.twilio.last().sid;
        shop.twilio.set(&silent_sid, "no-answer", None);
        let dead = unanswered(shop, Mood::Dead).await;
        // Nobody tells of these two: Twilio is asked.
        let found = shop.until(&silent, "over", |call| call["endTime"].is_string()).await;
        assert_eq!(json!([found["twilioCallSid"], found["status"]]), json!([silent_sid, "no_answer"]));
        let lost = shop.until(&dead, "over", |call| call["endTime"].is_string()).await;
        assert_eq!(json!([lost["status"], lost["hangup"]["cause"]]), json!(["failed", "timer_expired"]));
        assert_eq!(lost.get("twilioCallSid"), None);
        // The first goes on as before.
        assert_eq!(shop.call(&garbled).await["status"], "ringing");
        assert_eq!((shop.twilio.requests(), shop.twilio.calls().len()), (3, 2));
    };
    futures::future::join(check(&shops[0]), check(&shops[1])).await;
}

#[tokio::test]
async fn a_restart_loses_neither_calls_nor_recordings_on_their_way() {
    let mut shop = Shop::open(None).await;
    let (id, twilio) = shop.placed().await;
    shop.twilio.serve(&[503, 301, 404], "audio/mpeg", b"ID3 and so on");
    let form: Vec<(String, String)> = [
        ("CallSid", &*twilio.sid),
        ("RecordingSid", "RE1"),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "x"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    shop.tell(&twilio.attribute("recordingStatusCallback"), &form).await;
    // Between two attempts: what is being fetched is left to whoever fetches it for some minutes.
    shop.recording(&id, |recording| {
        recording.due_at.is_some_and(|due| due - recording.updated_at < TimeDelta::minutes(1) && recording.attempts > 0)
    })
    .await;
    shop.server.kill();
    let directory = std::mem::replace(&mut shop.server.directory, tempfile::tempdir().unwrap());
    let settings = settings(&shop.twilio);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
    shop.server = Server::start_in(directory, &settings);
    assert_eq!(shop.call(&id).await["status"], "initiated", "twilio carries it, not the process that died");
    // A redirect is not followed: the credentials go to one host.
    let call = shop.until(&id, "recorded", |call| call["recordingUrl"].is_string()).await;
    let path = call["recordingUrl"].as_str().unwrap();
    let heard = shop.server.request("GET", path, &shop.agent.token).send().await.unwrap();
    assert_eq!(heard.headers()["content-type"], "audio/mpeg");
    assert_eq!(heard.bytes().await.unwrap(), "ID3 and so on");
    let child = shop.twilio.dial(&twilio.sid);
    let gone = told(&child, Some(&twilio.sid), "busy", 2, now());
    shop.tell(&twilio.attribute("statusCallback"), &gone).await;
    assert_eq!(shop.call(&id).await["status"], "busy");
}

#[tokio::test]
async fn lost_callbacks_are_made_up_for_by_asking() {
    let shop = Shop::open(None).await;
    let (id, twilio) = shop.placed().await;
    let child = shop.twilio.dial(&twilio.sid);
    shop.twilio.set(&child, "completed", Some(3));
    shop.twilio.set(&twilio.sid, "completed", Some(9));
    // All that is heard is that the agent has gone.
    let gone = with(told(&twilio.sid, None, "completed", 3, now()), "CallDuration", "9");
    shop.tell(twilio.field("StatusCallback"), &gone).await;
    assert_eq!(shop.call(&id).await["endTime"], Value::Null);
    let call = shop.until(&id, "over", |call| call["endTime"].is_string()).await;
    assert_eq!(json!([call["status"], call["legs"][1]["party"]]), json!(["completed", LEAD]));
    assert!(call["duration"].as_u64().unwrap() <= 3, "{call}");
}

#[tokio::test]
async fn what_is_no_audio_is_not_kept() {
    let shop = Shop::open(None).await;
    let (id, twilio) = shop.placed().await;
    shop.twilio.serve(&[], "text/html", b"<html>");
    let note = async |sid: &str| {
        let form: Vec<(String, String)> =
            [("CallSid", &*twilio.sid), ("RecordingSid", sid), ("RecordingStatus", "completed")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        shop.tell(&twilio.attribute("recordingStatusCallback"), &form).await;
    };
    note("RE1").await;
    // A name that is a path is none.
    note("../../Calls").await;
    let recording = shop.recording(&id, |recording| recording.due_at.is_none()).await;
    assert_eq!(recording.state.as_str(), "failed");
    assert_eq!(shop.twilio.fetched(), 1, "what is no audio now is none later");
    let path = format!("/api/recordings/{}", recording.id);
    assert_problem(&shop.server.call("GET", &path, &shop.agent.token, Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn neither_the_token_nor_a_number_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.txt");
    let twilio = FakeTwilio::start().await;
    let settings = settings(&twilio);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
    let server = Server::start_logged(directory, &settings, std::fs::File::create(&log).unwrap().into());
    let shop = Shop::of(server, twilio, None).await;
    let (id, call) = shop.placed().await;
    let child = shop.twilio.dial(&call.sid);
    for (url, form) in story(&call, &child, now()) {
        shop.tell(&url, &form).await;
        shop.send(&url, &form, Some("forged")).await;
    }
    shop.twilio.serve(&[403], "audio/x-wav", &wav(100));
    let form: Vec<(String, String)> =
        [("CallSid", &*call.sid), ("RecordingSid", "RE1"), ("RecordingStatus", "completed")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    shop.tell(&call.attribute("recordingStatusCallback"), &form).await;
    shop.until(&id, "recorded", |call| call["recordingUrl"].is_string()).await;
    shop.twilio.feel(Mood::Refusing(400, 21_211, "The 'To' number +12025550177 is not valid"));
    shop.initiate().await;
    shop.twilio.feel(Mood::Garbled);
    shop.initiate().await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("twilio refused a call"), "{text}");
    let secrets = [TOKEN, TELEPHONE, OURS, LEAD, "Basic ", &signature(PUBLIC, &[])];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let environment = [("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", TOKEN), ("DIALPLANE_PUBLIC_URL", PUBLIC)];
    for arguments in [&["config", "print"][..], &["--json", "config", "print"], &["--json", "doctor"]] {
        let printed = output(directory.path(), arguments, &environment);
        let text = [printed.stdout, printed.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(TOKEN), "{text}");
    }
    let without = output(directory.path(), &["--json", "doctor"], &environment[..2]);
    assert!(!without.status.success());
    let text = String::from_utf8_lossy(&without.stdout).into_owned();
    assert!(text.contains("public_url") && !text.contains(TOKEN), "{text}");
}
