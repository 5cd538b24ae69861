//! Why calls go where they go, how queues and agents stand, and calls that are given to somebody by hand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::company::{Agent, Company, text};
use crate::support::event_stream::EventStream;
use crate::support::peer::Peer;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);

/// A queue of three, asked in this order; the last one has no phone.
struct Desk {
    company: Company,
    carrier: Peer,
    queue: String,
    ann: Agent,
    bob: Agent,
    cid: Agent,
    phones: [Peer; 2],
}

impl Desk {
    fn new(server: &Server) -> Self {
        let company = server.company();
        let carrier = Peer::new(server.sip, CUSTOMER);
        company.trunk(carrier.port());
        let [ann, bob, cid] = ["ann", "bob", "cid"].map(|name| company.agent(name));
        let phones = [&ann, &bob].map(|agent| Peer::registered(server.sip, &agent.line));
        let queue = company.queue(20, 120, &[&ann, &bob, &cid]);
        let changed = json!({ "strategy": "top_down", "wrapUpSeconds": 30 });
        company.put(&format!("/api/queues/{queue}"), &changed).expect(200);
        company.route(NUMBER, "queue", &queue);
        Self { company, carrier, queue, ann, bob, cid, phones }
    }

    /// Signs an agent in.
    fn as_agent(&self, server: &Server, agent: &Agent) -> Company {
        Company::sign_in(server.http, &agent.email)
    }

    fn state(&self) -> Value {
        self.company.get(&format!("/api/queues/{}/state", self.queue)).expect(200)["state"].clone()
    }

    /// Waits until the queue stands so.
    #[track_caller]
    fn await_state(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(SOON, what, || Some(self.state()).filter(|state| fits(state)))
    }
}

/// What each agent is doing, by the order of the members.
fn doing(state: &Value) -> Vec<String> {
    state["agents"].as_array().expect("agents").iter().map(|agent| text(&agent["state"])).collect()
}

fn standings(candidates: &Value) -> Vec<(String, String)> {
    let candidates = candidates.as_array().expect("candidates");
    candidates.iter().map(|own| (text(&own["name"]), text(&own["standing"]))).collect()
}

fn told(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, standing)| ((*name).to_owned(), (*standing).to_owned())).collect()
}

#[test]
fn everybody_is_told_why_a_call_was_or_was_not_offered_to_them() {
    on(&Server::start());
}

#[test]
fn everybody_is_told_the_same_on_postgres() {
    let database = Database::create();
    on(&Server::on(&database.url));
}

fn on(server: &Server) {
    let mut desk = Desk::new(server);
    desk.company.choose(&desk.bob, "break");
    let mut caller = desk.carrier.invite(NUMBER);
    let ringing = desk.phones[0].incoming();
    ringing.ring(&mut desk.phones[0]);
    let state = desk.await_state("ann's phone rings", |state| state["ringing"] == 1);
    assert_eq!(doing(&state), ["offered", "on_break", "unreachable"], "{state}");
    assert_eq!(state["calls"][0]["ringing"], json!([desk.ann.id]), "{state}");
    let call = text(&state["calls"][0]["id"]);
    let assign = format!("/api/calls/{call}/assign");
    let refused = desk.company.post(&assign, &json!({ "agentId": desk.bob.id }));
    assert_eq!((refused.status, refused.code()), (409, "being_offered"));
    ringing.refuse(&mut desk.phones[0], "486 Busy Here");

    let routing = format!("/api/calls/{call}/routing");
    let told_now = until(SOON, "the refusal is known", || {
        // Before the record of the call is written there is nothing to tell of.
        let told = desk.company.get(&routing).json;
        (told["decisions"][0]["outcome"] == "busy" && told["waiting"].is_object()).then_some(told)
    });
    let decision = &told_now["decisions"][0];
    assert_eq!((&decision["chosen"], &decision["queue"]), (&json!(desk.ann.id), &json!(desk.queue)));
    assert_eq!((&decision["tieBreak"], &decision["occasion"]), (&json!("alone"), &json!("call_sought")));
    let version = desk.company.get(&format!("/api/queues/{}", desk.queue)).expect(200)["queue"]["version"].clone();
    assert_eq!((&decision["configVersion"], &decision["members"]), (&version, &json!(3)), "{decision}");
    let stood = told(&[("ann", "chosen"), ("cid", "unreachable"), ("bob", "on_break")]);
    assert_eq!(standings(&decision["candidates"]), stood, "{decision}");
    assert_eq!(decision["candidates"][2]["reason"], "was on a break");
    assert_eq!(decision["candidates"][0]["included"], true);
    assert_eq!(decision["candidates"][1]["included"], false);
    let waiting = &told_now["waiting"];
    let stands = told(&[("ann", "busy"), ("bob", "on_break"), ("cid", "unreachable")]);
    assert_eq!((standings(&waiting["candidates"]), &waiting["position"]), (stands, &json!(1)), "{waiting}");
    // Why not this one? Also for somebody who is no member.
    let asked = desk.company.get(&format!("{routing}?agent={}", desk.cid.id)).expect(200);
    assert_eq!(asked["decisions"][0]["agent"]["reason"], "had no phone that could be reached");
    assert_eq!(asked["waiting"]["agent"]["reason"], "has no phone that could be reached");
    let stranger = desk.company.agent("dan");
    let asked = desk.company.get(&format!("{routing}?agent={}", stranger.id)).expect(200);
    assert_eq!(asked["decisions"][0]["agent"]["standing"], "no_member", "{asked}");
    // Agents are told about themselves, and others about nothing.
    let (ann, bob, dan) =
        (desk.as_agent(server, &desk.ann), desk.as_agent(server, &desk.bob), desk.as_agent(server, &stranger));
    let own = ann.get(&routing).expect(200);
    assert_eq!(standings(&own["decisions"][0]["candidates"]), told(&[("ann", "chosen")]), "{own}");
    assert_eq!(ann.get(&format!("{routing}?agent={}", desk.bob.id)).status, 403);
    assert_eq!(dan.get(&routing).status, 404);
    // The history of the call is not swollen by it.
    let events = desk.company.call(&call)["events"].to_string();
    assert!(!events.contains("candidates"), "{events}");

    next_and_by_hand(server, &mut desk, &call, &assign, &bob, &dan);
    caller.expect(&mut desk.carrier, 200);
    caller.hang_up(&mut desk.carrier);
    wrap_up(&desk, &bob, &ann);
    let told_then = desk.company.get(&routing).expect(200);
    let outcomes: Vec<&Value> =
        told_then["decisions"].as_array().unwrap().iter().map(|made| &made["outcome"]).collect();
    assert_eq!(outcomes, ["busy", "answered"], "{told_then}");
    let second = &told_then["decisions"][1];
    assert_eq!((&second["occasion"], &second["assignedBy"]), (&json!("assigned"), &json!(desk.bob.id)));
    assert!(told_then["waiting"].is_null());
    desk.company.ended_calls(1);
    log(server, &mut desk, &ann);
    server.await_idle();
}

/// The log tells of the call that was taken, and of one that was given up and one that waited too long; so do the figures of the agents.
fn log(server: &Server, desk: &mut Desk, ann: &Company) {
    desk.company.choose(&desk.ann, "break");
    desk.company.choose(&desk.bob, "break");
    let mut given_up = desk.carrier.invite(NUMBER);
    desk.await_state("the second caller waits", |state| state["waiting"] == 1);
    given_up.cancel(&mut desk.carrier);
    desk.company.put(&format!("/api/queues/{}", desk.queue), &json!({ "maxWaitSeconds": 1 })).expect(200);
    let mut too_long = desk.carrier.invite(NUMBER);
    too_long.expect(&mut desk.carrier, 480);
    desk.company.ended_calls(3);
    let path = format!("/api/queues/{}/log", desk.queue);
    let log = desk.company.get(&path).expect(200);
    let entries = log["entries"].as_array().expect("entries");
    let verbs: Vec<_> = entries.iter().map(|entry| (text(&entry["event"]), entry["agent"].as_str())).collect();
    let verbs: Vec<_> = verbs.iter().map(|(verb, agent)| (verb.as_str(), *agent)).collect();
    let expected = [
        ("ENTERQUEUE", None),
        ("RINGNOANSWER", Some("ann")),
        ("CONNECT", Some("bob")),
        ("COMPLETECALLER", Some("bob")),
        ("ENTERQUEUE", None),
        ("ABANDON", None),
        ("ENTERQUEUE", None),
        ("EXITWITHTIMEOUT", None),
    ];
    assert_eq!(verbs, expected, "{log}");
    assert_eq!((&entries[1]["detail"], &entries[5]["position"]), (&json!("busy"), &json!(1)), "{log}");
    assert!(entries[3]["talkSeconds"].is_u64() && entries[2]["ringSeconds"].is_u64(), "{log}");
    assert_eq!(log["pagination"]["total"], 3);
    let last = desk.company.get(&format!("{path}?limit=1&page=3")).expect(200);
    assert_eq!(last["entries"][1]["event"], "EXITWITHTIMEOUT", "{last}");
    let csv = desk.company.get(&format!("{path}?format=csv"));
    assert_eq!((csv.status, csv.text.trim().lines().count()), (200, 9), "{}", csv.text);
    assert!(csv.text.contains("RINGNOANSWER") && csv.text.contains(",ann,"), "{}", csv.text);
    let old = desk.company.get(&format!("{path}?from=2020-01-01&to=2020-01-31")).expect(200);
    assert_eq!((&old["entries"], &old["pagination"]["total"]), (&json!([]), &json!(0)));
    assert_eq!(desk.company.get(&format!("{path}?from=2020-01-01&to=2020-12-31")).status, 400);
    assert_eq!(ann.get(&path).status, 403);

    let company = text(&desk.company.get("/api/auth/profile").expect(200)["company"]["id"]);
    let path = format!("/api/analytics/company/{company}/agents/performance");
    let told = desk.company.get(&path).expect(200);
    let of = |name: &str| {
        let agents = told["agents"].as_array().expect("agents");
        agents.iter().find(|own| own["agent"]["name"] == name).unwrap_or_else(|| panic!("{name} in {told}")).clone()
    };
    let figures = |own: &Value| ["offered", "taken", "missed", "cancelled"].map(|key| own[key].as_u64().unwrap());
    assert_eq!((figures(&of("bob")), figures(&of("ann"))), ([1, 1, 0, 0], [1, 0, 1, 0]), "{told}");
    assert_eq!((&of("bob")["answerRate"], &of("bob")["allCalls"]["connected"]), (&json!(100.0), &json!(1)), "{told}");
    let own = ann.get(&path).expect(200);
    assert_eq!(own["agents"].as_array().map(Vec::len), Some(1), "{own}");
    assert_eq!(own["agents"][0]["missed"], 1);
    server.await_zero("dialplane_queue_waiting", SOON);
}

/// The waiting call is the next one, and bob, who is on a break, takes it.
fn next_and_by_hand(server: &Server, desk: &mut Desk, call: &str, assign: &str, bob: &Company, dan: &Company) {
    let next = |company: &Company, query: &str| company.get(&format!("/api/calls/queue/next{query}"));
    let all = next(&desk.company, "").expect(200)["call"].clone();
    assert_eq!((text(&all["id"]), text(&all["from"])), (call.to_owned(), CUSTOMER.to_owned()));
    assert_eq!((&all["queue"], &all["position"]), (&json!(desk.queue), &json!(1)));
    let of_queue = next(&desk.company, &format!("?queueId={}", desk.queue)).expect(200);
    assert_eq!(of_queue["call"]["id"], json!(call));
    let own = next(bob, "").expect(200)["call"].clone();
    assert_eq!(text(&own["id"]), call);
    assert!(!own["from"].to_string().contains("555"), "an agent is not shown the number: {own}");
    assert_eq!(next(dan, "").expect(200)["call"], Value::Null);
    assert_eq!(next(bob, &format!("?agentId={}", desk.ann.id)).status, 403);

    let unreachable = desk.company.post(assign, &json!({ "agentId": desk.cid.id }));
    assert_eq!((unreachable.status, unreachable.code()), (409, "agent_unreachable"));
    assert_eq!(bob.post(assign, &json!({ "agentId": desk.ann.id })).status, 403);
    assert_eq!(dan.post(assign, &json!({})).status, 404, "who is no member takes no calls out of the queue");
    assert_eq!(desk.company.post(assign, &json!({ "agentId": "nobody" })).status, 400);
    bob.post(assign, &json!({})).expect(202);
    let ringing = desk.phones[1].incoming();
    ringing.answer(&mut desk.phones[1]);
    desk.await_state("bob is on the call", |state| doing(state)[1] == "on_call");
    let late = desk.company.post(assign, &json!({ "agentId": desk.ann.id }));
    assert_eq!((late.status, late.code()), (409, "not_waiting"));
    let noted = until(SOON, "the assignment is in the audit log", || {
        let events = desk.company.get("/api/audit?type=call.assigned").expect(200);
        events["entries"].as_array().and_then(|events| events.first().cloned())
    });
    assert_eq!((&noted["data"]["by"], &noted["data"]["agent"]), (&json!(desk.bob.id), &json!(desk.bob.id)), "{noted}");
    desk.company.choose(&desk.bob, "available");
    server.await_zero("dialplane_queue_waiting", SOON);
}

/// Bob's wrap-up is made longer and ended.
fn wrap_up(desk: &Desk, bob: &Company, ann: &Company) {
    let path = format!("/api/agents/{}/wrap-up", desk.bob.id);
    let state = desk.await_state("bob wraps up", |state| doing(state)[1] == "wrap_up");
    let left = state["agents"][1]["secondsLeft"].as_u64().expect("a time");
    assert!((1..=30).contains(&left), "{state}");
    let longer = bob.post(&path, &json!({ "seconds": 300 })).expect(200);
    assert!((290..=300).contains(&longer["state"]["secondsLeft"].as_u64().unwrap_or(0)), "{longer}");
    assert_eq!(ann.post(&path, &json!({ "seconds": 0 })).status, 403);
    assert_eq!(bob.post(&path, &json!({ "seconds": 3_601 })).status, 400);
    assert_eq!(bob.post(&path, &json!({ "seconds": 0 })).expect(200)["state"]["state"], "idle");
    let none = desk.company.post(&path, &json!({ "seconds": 5 }));
    assert_eq!((none.status, none.code()), (409, "not_in_wrap_up"));
    let own = until(SOON, "bob is idle", || {
        let state = bob.get(&format!("/api/agents/{}/state", desk.bob.id)).expect(200)["state"].clone();
        (state["state"] == "idle").then_some(state)
    });
    assert_eq!((&own["takenToday"], &own["calls"]), (&json!(1), &json!(0)), "{own}");
    assert_eq!(ann.get(&format!("/api/agents/{}/state", desk.bob.id)).status, 403);
    // A member sees the queue, and of the members themselves.
    let seen = ann.get(&format!("/api/queues/{}/state", desk.queue)).expect(200)["state"].clone();
    assert_eq!((doing(&seen).len(), &seen["members"]), (1, &json!(3)), "{seen}");
    let all = desk.company.get("/api/queues/states").expect(200);
    assert_eq!((&all["queues"][0]["name"], &all["queues"][0]["present"]), (&json!("sales"), &json!(2)), "{all}");
}

#[test]
fn of_a_call_that_was_offered_to_nobody_it_is_told_how_everybody_stood_when_it_left() {
    let server = Server::start();
    let mut desk = Desk::new(&server);
    desk.company.choose(&desk.ann, "break");
    desk.company.choose(&desk.bob, "offline");
    let stood = told(&[("cid", "unreachable"), ("ann", "on_break"), ("bob", "offline")]);
    // Whom the caller has left, and whom the router has sent on and forgotten.
    let mut caller = desk.carrier.invite(NUMBER);
    let waits = desk.await_state("the caller waits", |state| state["waiting"] == 1);
    let routing = format!("/api/calls/{}/routing", text(&waits["calls"][0]["id"]));
    let waits = until(SOON, "the call is in the log", || {
        let told = desk.company.get(&routing).json;
        told["waiting"].is_object().then_some(told)
    });
    assert!(waits["left"].is_null(), "{waits}");
    caller.cancel(&mut desk.carrier);
    desk.company.ended_calls(1);
    let left = desk.company.get(&routing).expect(200)["left"].clone();
    assert_eq!((&left["reason"], &left["queue"]), (&json!("abandoned"), &json!(desk.queue)), "{left}");
    assert_eq!(standings(&left["candidates"]), stood, "{left}");
    assert_eq!(left["candidates"][1]["reason"], "was on a break");
    desk.company.put(&format!("/api/queues/{}", desk.queue), &json!({ "maxWaitSeconds": 2 })).expect(200);
    let mut caller = desk.carrier.invite(NUMBER);
    caller.expect(&mut desk.carrier, 480);
    let call = text(&desk.company.ended_calls(2)[0]["id"]);
    let routing = format!("/api/calls/{call}/routing");
    let told = desk.company.get(&routing).expect(200);
    assert_eq!((&told["decisions"], &told["waiting"]), (&json!([]), &Value::Null), "{told}");
    let left = &told["left"];
    let waited = left["waitedSeconds"].as_u64().unwrap_or_default();
    assert!(left["reason"] == "timed_out" && (1..=2).contains(&waited), "{left}");
    assert_eq!((standings(&left["candidates"]), &left["others"]), (stood, &json!([])), "{left}");
    assert!(left["agent"].is_null() && left["candidates"][0]["score"].is_null(), "{left}");
    // Why not this one? Agents are told about themselves, and who was not looked at nothing.
    let dan = desk.company.agent("dan");
    let of = |agent: &Agent| desk.company.get(&format!("{routing}?agent={}", agent.id)).expect(200)["left"].clone();
    assert_eq!(of(&desk.cid)["agent"]["reason"], "had no phone that could be reached");
    assert_eq!(of(&dan)["agent"]["standing"], "no_member");
    let own = desk.as_agent(&server, &desk.ann).get(&routing).expect(200)["left"].clone();
    assert_eq!(standings(&own["candidates"]), self::told(&[("ann", "on_break")]), "{own}");
    assert_eq!(desk.as_agent(&server, &dan).get(&routing).status, 404);
    let events = desk.company.call(&call)["events"].to_string();
    assert!(events.contains("left_queue") && !events.contains("candidates"), "{events}");
    // Whoever was asked in vain is told of with the offer.
    desk.company.put(&format!("/api/queues/{}", desk.queue), &json!({ "maxWaitSeconds": 4 })).expect(200);
    desk.company.choose(&desk.ann, "available");
    let mut caller = desk.carrier.invite(NUMBER);
    desk.phones[0].incoming().refuse(&mut desk.phones[0], "486 Busy Here");
    caller.expect(&mut desk.carrier, 480);
    let call = text(&desk.company.ended_calls(3)[0]["id"]);
    let told = desk.company.get(&format!("/api/calls/{call}/routing")).expect(200);
    assert_eq!((&told["decisions"][0]["outcome"], &told["left"]), (&json!("busy"), &Value::Null), "{told}");
    server.await_idle();
}

#[test]
fn those_who_watch_are_told_how_their_queues_stand_and_others_are_not() {
    let server = Server::start();
    let mut desk = Desk::new(&server);
    let dan = desk.company.agent("dan");
    let open = |company: &Company, types: &str| {
        let path = format!("/api/events?types={types}");
        let mut stream = EventStream::open(server.http, &path, company.token(), "");
        stream.expect("cursor");
        stream
    };
    let mut all = open(&desk.company, "queue.state");
    let mut anns = open(&desk.as_agent(&server, &desk.ann), "queue.*");
    let mut dans = open(&desk.as_agent(&server, &dan), "queue.state,agent.*");
    let first = all.expect("queue.state");
    assert_eq!(first.id, None, "nothing of it is sent again");
    assert_eq!((&first.data["queue"], &first.data["free"]), (&json!(desk.queue), &json!(2)), "{}", first.data);
    assert_eq!(first.data["memberStates"], json!({ "idle": 2, "unreachable": 1 }));
    let mut caller = desk.carrier.invite(NUMBER);
    desk.phones[0].incoming().refuse(&mut desk.phones[0], "486 Busy Here");
    let rung = desk.phones[1].incoming();
    // What came in between may have been told, or not.
    let rings = |data: &Value| data["memberStates"]["offered"] == 1 && data["memberStates"]["busy"] == 1;
    for stream in [&mut all, &mut anns] {
        while !rings(&stream.expect("queue.state").data) {}
    }
    rung.refuse(&mut desk.phones[1], "486 Busy Here");
    let waiting = std::iter::repeat_with(|| all.expect("queue.state").data).find(|data| data["waiting"] == 1).unwrap();
    assert!(waiting["oldest"].is_string() && waiting["oldestSince"].is_string(), "{waiting}");
    caller.cancel(&mut desk.carrier);
    while all.expect("queue.state").data["waiting"] != 0 {}
    // Whoever is no member has heard nothing of all this.
    desk.company.choose(&dan, "break");
    dans.expect("agent.availability_changed");
    server.await_idle();
}
