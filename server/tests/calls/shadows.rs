//! What a queue would decide with other settings, beside live calls and after them.

use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::support::company::{Agent, Company, text};
use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);

/// A queue of two with phones, asked in this order.
struct Desk {
    company: Company,
    carrier: Peer,
    queue: String,
    agents: [Agent; 2],
    phones: [Peer; 2],
}

impl Desk {
    fn new(server: &Server) -> Self {
        let company = server.company();
        let carrier = Peer::new(server.sip, CUSTOMER);
        company.trunk(carrier.port());
        let agents = ["ann", "bob"].map(|name| company.agent(name));
        let phones = [0, 1].map(|n: usize| Peer::registered(server.sip, &agents[n].line));
        let queue = company.queue(20, 120, &[&agents[0], &agents[1]]);
        company.put(&format!("/api/queues/{queue}"), &json!({ "strategy": "top_down" })).expect(200);
        company.route(NUMBER, "queue", &queue);
        agents.iter().for_each(|agent| company.choose(agent, "available"));
        Self { company, carrier, queue, agents, phones }
    }

    fn path(&self) -> String {
        format!("/api/queues/{}/shadow", self.queue)
    }

    /// Waits until so many calls are compared.
    #[track_caller]
    fn compared(&self, calls: u64) -> Value {
        until(SOON, "calls are compared", || {
            let shadow = self.company.get(&self.path()).expect(200)["shadow"].clone();
            (shadow["own"]["calls"] == calls).then_some(shadow)
        })
    }

    /// A call that the first agent takes.
    fn call(&mut self) {
        let mut caller = self.carrier.invite(NUMBER);
        let ringing = self.phones[0].incoming();
        ringing.ring(&mut self.phones[0]);
        ringing.answer(&mut self.phones[0]);
        caller.expect(&mut self.carrier, 200);
        caller.hang_up(&mut self.carrier);
        ringing.hung_up(&mut self.phones[0]);
    }
}

#[test]
fn a_shadow_tells_whom_other_settings_would_have_rung_and_the_day_is_played_again() {
    let server = Server::start();
    let mut desk = Desk::new(&server);
    let path = desk.path();
    let [ann, bob] = [0, 1].map(|n: usize| json!(desk.agents[n].id));
    assert_eq!(desk.company.get(&path).status, 404, "none is there yet");
    let bad = desk.company.put(&path, &json!({ "ringSeconds": 1 }));
    assert_eq!((bad.status, bad.json.to_string().contains("ringSeconds")), (400, true), "{}", bad.json);

    let others = json!({ "members": [{ "agentId": bob, "position": 1 }, { "agentId": ann, "position": 2 }] });
    let shadow = desk.company.put(&path, &others).expect(200)["shadow"].clone();
    assert_eq!((&shadow["own"]["calls"], &shadow["queueId"]), (&json!(0), &json!(desk.queue)));
    desk.call();
    let shadow = desk.compared(1);
    assert_eq!((&shadow["own"]["otherAgent"], &shadow["open"]), (&json!(1), &json!(0)), "{shadow}");
    let differing = &shadow["differing"][0];
    assert_eq!((&differing["live"]["agentId"], &differing["shadow"]["agentId"]), (&ann, &bob), "{shadow}");
    assert_eq!((&shadow["own"]["waitSeconds"], &shadow["own"]["shadowWaitSeconds"]), (&json!(0.0), &json!(0.0)));
    let queue = desk.company.get(&format!("/api/queues/{}", desk.queue)).expect(200)["queue"].clone();
    assert_eq!(queue["members"][0]["agentId"], ann, "the queue is as it was");

    // As the queue is, its shadow does not differ.
    desk.company.put(&path, &json!({})).expect(200);
    desk.call();
    let shadow = desk.compared(1);
    assert_eq!((&shadow["own"]["alike"], &shadow["differing"]), (&json!(1), &json!([])), "{shadow}");

    let name = |n: usize| json!({ "name": format!("queue{n}") });
    for n in 0..4 {
        let queue = text(&desk.company.post("/api/queues", &name(n)).expect(201)["queue"]["id"]);
        let cast = desk.company.put(&format!("/api/queues/{queue}/shadow"), &json!({}));
        assert_eq!(cast.status, if n < 3 { 200 } else { 409 }, "{}", cast.json);
    }
    let end = |path: &str| desk.company.send("DELETE", path, None).unwrap().status;
    assert_eq!((end(&path), end(&path), desk.company.get(&path).status), (200, 404, 404));

    // The two calls, out of the database.
    let calls = desk.company.ended_calls(2);
    let began: DateTime<Utc> = text(&calls[1]["startTime"]).parse().unwrap();
    let zone: Tz = text(&desk.company.get("/api/auth/profile").expect(200)["company"]["timezone"]).parse().unwrap();
    let day = began.with_timezone(&zone).date_naive().to_string();
    let directory = server.database_file().parent().unwrap().parent().unwrap().to_owned();
    let played = Command::new(env!("CARGO_BIN_EXE_dialplane"))
        .env_clear()
        .current_dir(directory)
        .args(["--json", "replay", "--day", &day, "--set", "sales.strategy=longest_idle"])
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let told: Value = serde_json::from_slice(&played.stdout).unwrap();
    for day in ["recorded", "replayed", "changed"] {
        let total = &told[day]["total"];
        assert_eq!(
            (&total["offered"]["mean"], &total["answered"]["mean"]),
            (&json!(2.0), &json!(2.0)),
            "{day}: {told}"
        );
    }
    assert_eq!((&told["agents"], &told["recorded"]["total"]["serviceLevel"]["mean"]), (&json!(2), &json!(1.0)));
}
