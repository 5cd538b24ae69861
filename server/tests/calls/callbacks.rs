//! People who are called back in their place of the queue.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::company::{Agent, Company, text};
use crate::support::peer::Peer;
use crate::support::postgres::Database;
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

/// Somebody else in the world.
const OTHER: &str = "+12025550188";
const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Desk {
    pub(crate) company: Company,
    pub(crate) carrier: Peer,
    pub(crate) queue: String,
    pub(crate) agent: Agent,
    pub(crate) phone: Peer,
}

/// A queue with one agent, who is on a break, and a number that leads to it.
pub(crate) fn desk(server: &Server) -> Desk {
    let company = server.company();
    let carrier = Peer::new(server.sip, OTHER);
    company.trunk(carrier.port());
    let agent = company.agent("ann");
    company.choose(&agent, "break");
    let phone = Peer::registered(server.sip, &agent.line);
    let queue = company.queue(5, 120, &[&agent]);
    company.route(NUMBER, "queue", &queue);
    Desk { company, carrier, queue, agent, phone }
}

impl Desk {
    pub(crate) fn ask(&self, more: &Value) -> String {
        let mut body = json!({ "queueId": self.queue, "number": CUSTOMER });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        text(&self.company.post("/api/callbacks", &body).expect(201)["callback"]["id"])
    }

    /// Rings customers first from now on.
    fn ring_customers_first(&self) {
        let changed = self.company.put(&format!("/api/queues/{}", self.queue), &json!({ "callbackFirst": "customer" }));
        assert_eq!(changed.expect(200)["queue"]["callbackFirst"], "customer");
    }

    pub(crate) fn callback(&self, id: &str) -> Value {
        self.company.get(&format!("/api/callbacks/{id}")).expect(200)["callback"].clone()
    }

    pub(crate) fn await_state(&self, id: &str, state: &str) -> Value {
        until(SOON, state, || Some(self.callback(id)).filter(|callback| callback["state"] == state))
    }
}

#[test]
fn whoever_is_to_be_called_back_keeps_the_place_before_those_who_came_later() {
    let server = Server::start();
    let mut desk = desk(&server);
    let id = desk.ask(&json!({}));
    assert_eq!(desk.ask(&json!({ "attempts": 5 })), id, "asked twice is waiting once");
    let mut later = desk.carrier.invite(NUMBER);
    desk.company.choose(&desk.agent, "available");
    let ringing = desk.phone.incoming_for(SOON);
    assert_eq!(ringing.invite().user_of("From"), CUSTOMER, "the agent sees whom they are about to talk to");
    assert!(desk.carrier.maybe_incoming(Duration::ZERO).is_none(), "nobody is called before an agent is there");
    ringing.answer(&mut desk.phone);
    let mut person = desk.carrier.incoming_for(SOON);
    assert!(person.invite().uri().starts_with(&format!("sip:{CUSTOMER}@")), "{}", person.invite().start);
    assert_eq!(person.invite().user_of("From"), NUMBER, "the number they had called is shown");
    person.answer(&mut desk.carrier);
    person.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut desk.phone);
    let done = desk.await_state(&id, "done");
    assert_eq!((&done["attemptsMade"], &done["agentId"]), (&json!(1), &json!(desk.agent.id)));
    let call = desk.company.call(done["callId"].as_str().expect("a call"));
    assert_eq!((&call["direction"], &call["queue"]["id"]), (&json!("outbound"), &json!(desk.queue)), "{call}");
    // Then the next.
    let next = desk.phone.incoming_for(SOON);
    next.answer(&mut desk.phone);
    later.expect(&mut desk.carrier, 200);
    later.hang_up(&mut desk.carrier);
    next.hung_up(&mut desk.phone);
    server.await_idle();
}

#[test]
fn whoever_waits_on_no_line_is_told_apart_from_the_callers() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ask(&json!({}));
    let state = || desk.company.get(&format!("/api/queues/{}/state", desk.queue)).expect(200)["state"].clone();
    let counts = |state: &Value| ["waiting", "ringing", "callbacks"].map(|key| state[key].as_u64().expect(key));
    let stands = |expected: [u64; 3]| {
        until(SOON, "the queue stands so", || Some(state()).filter(|state| counts(state) == expected))
    };
    let told = until(SOON, "the callback has waited a while", || {
        Some(stands([0, 0, 1])).filter(|state| state["calls"][0]["waitSeconds"].as_u64() >= Some(1))
    });
    assert_eq!((&told["oldestWaitSeconds"], &told["calls"][0]["callback"]), (&json!(0), &json!(true)), "{told}");
    let mut caller = desk.carrier.invite(NUMBER);
    let told = stands([1, 0, 1]);
    let waits: Vec<&Value> = told["calls"].as_array().unwrap().iter().map(|call| &call["waitSeconds"]).collect();
    assert!(waits[0].as_u64() > told["oldestWaitSeconds"].as_u64(), "the callback came before: {told}");
    let all = desk.company.get("/api/queues/states").expect(200)["queues"][0].clone();
    assert_eq!(counts(&all), [1, 0, 1], "{all}");
    // It rings at the agent, and is no caller all the same.
    desk.company.choose(&desk.agent, "available");
    let ringing = desk.phone.incoming_for(SOON);
    ringing.ring(&mut desk.phone);
    stands([1, 0, 1]);
    ringing.refuse(&mut desk.phone, "603 Decline");
    caller.cancel(&mut desk.carrier);
    server.await_idle();
}

#[test]
fn whoever_waits_in_a_queue_that_is_deleted_is_led_on_or_called_off() {
    let server = Server::start();
    let mut desk = desk(&server);
    let ids = [desk.ask(&json!({})), desk.ask(&json!({ "number": "+12025550155", "delaySeconds": 600 }))];
    let mailbox = json!([{"afterSeconds": 600, "target": {"type": "voicemail", "id": "Sales"}}]);
    desk.company.put(&format!("/api/queues/{}", desk.queue), &json!({ "overflow": mailbox })).expect(200);
    let mut caller = desk.carrier.invite(NUMBER);
    until(SOON, "the caller waits", || {
        let state = desk.company.get(&format!("/api/queues/{}/state", desk.queue)).expect(200)["state"].clone();
        (state["waiting"] == 1 && state["callbacks"] == 1).then_some(())
    });
    let routes = desk.company.get("/api/inbound-routes").expect(200);
    let route = format!("/api/inbound-routes/{}", text(&routes["inboundRoutes"][0]["id"]));
    let queue = format!("/api/queues/{}", desk.queue);
    for path in [&route, &queue] {
        desk.company.send("DELETE", path, None).expect("an answer").expect(200);
    }
    for id in &ids {
        assert_eq!(desk.callback(id)["state"], "cancelled");
    }
    let heard = desk.company.get("/api/audit?type=callback.updated").expect(200);
    let off =
        heard["entries"].as_array().expect("entries").iter().filter(|entry| entry["data"]["state"] == "cancelled");
    assert_eq!(off.count(), 2, "{heard}");
    caller.expect(&mut desk.carrier, 200);
    caller.hang_up(&mut desk.carrier);
    let record = desk.company.only_call();
    let way = record["events"].as_array().into_iter().flatten().find(|event| event["type"] == "overflowed");
    let way = way.unwrap_or_else(|| panic!("no way out in {record}"));
    assert_eq!((&way["data"]["reason"], &way["data"]["to"]), (&json!("no_queue"), &json!("voicemail")), "{record}");
    // Nobody is rung for what was called off.
    desk.company.choose(&desk.agent, "available");
    assert!(desk.phone.maybe_incoming(Duration::from_millis(500)).is_none(), "{}", desk.phone.story());
    server.await_idle();
}

#[test]
fn who_is_busy_is_called_again_and_given_up_after_the_last_attempt() {
    let server = Server::start();
    let mut desk = desk(&server);
    let id = desk.ask(&json!({ "attempts": 2, "retrySeconds": 1 }));
    desk.company.choose(&desk.agent, "available");
    for attempt in 1..=2 {
        let ringing = desk.phone.incoming_for(Duration::from_secs(60));
        ringing.answer(&mut desk.phone);
        desk.carrier.incoming_for(SOON).refuse(&mut desk.carrier, "486 Busy Here");
        ringing.hung_up(&mut desk.phone);
        let made = || Some(desk.callback(&id)).filter(|callback| callback["attemptsMade"] == attempt);
        until(SOON, "the attempt", made);
    }
    assert_eq!(desk.callback(&id)["state"], "failed");
    server.await_idle();
}

#[test]
fn an_agent_who_does_not_answer_costs_no_attempt_and_the_next_one_calls() {
    let server = Server::start();
    let mut desk = desk(&server);
    let bob = desk.company.agent("bob");
    let mut other = Peer::registered(server.sip, &bob.line);
    let members = json!({ "strategy": "top_down", "members": [
        { "agentId": desk.agent.id, "position": 1 }, { "agentId": bob.id, "position": 2 } ] });
    desk.company.put(&format!("/api/queues/{}", desk.queue), &members).expect(200);
    desk.company.choose(&desk.agent, "available");
    let id = desk.ask(&json!({}));
    desk.phone.incoming_for(SOON).refuse(&mut desk.phone, "603 Decline");
    let ringing = other.incoming_for(SOON);
    ringing.answer(&mut other);
    let mut person = desk.carrier.incoming_for(SOON);
    person.answer(&mut desk.carrier);
    person.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut other);
    let done = desk.await_state(&id, "done");
    assert_eq!((&done["attemptsMade"], &done["agentId"]), (&json!(1), &json!(bob.id)));
    server.await_idle();
}

#[test]
fn one_agent_calls_back_where_all_ring_and_then_all_take_the_next_call() {
    let server = Server::start();
    let Desk { company, mut carrier, queue, agent, phone } = desk(&server);
    let bob = company.agent("bob");
    let mut phones = [phone, Peer::registered(server.sip, &bob.line)];
    let all = json!({ "strategy": "ring_all", "members": [{ "agentId": agent.id }, { "agentId": bob.id }] });
    company.put(&format!("/api/queues/{queue}"), &all).expect(200);
    company.choose(&agent, "available");
    company.choose(&bob, "available");
    company.post("/api/callbacks", &json!({ "queueId": queue, "number": CUSTOMER })).expect(201);
    let rung = |phone: &mut Peer| phone.maybe_incoming(Duration::from_millis(50));
    let (n, ringing) =
        until(SOON, "one phone", || phones.iter_mut().enumerate().find_map(|(n, phone)| Some((n, rung(phone)?))));
    ringing.answer(&mut phones[n]);
    let mut person = carrier.incoming_for(SOON);
    person.answer(&mut carrier);
    assert!(phones[1 - n].maybe_incoming(Duration::ZERO).is_none(), "{}", phones[1 - n].story());
    person.hang_up(&mut carrier);
    ringing.hung_up(&mut phones[n]);
    let mut caller = carrier.invite(NUMBER);
    let both = phones.each_mut().map(|phone| phone.incoming_for(SOON));
    both[0].ring(&mut phones[0]);
    both[1].ring(&mut phones[1]);
    caller.expect(&mut carrier, 180);
    caller.cancel(&mut carrier);
    both[0].cancelled(&mut phones[0], SOON);
    both[1].cancelled(&mut phones[1], SOON);
    server.await_idle();
}

#[test]
fn who_calls_again_has_the_place_and_is_not_called_back_once_they_were_answered() {
    let server = Server::start();
    let mut desk = desk(&server);
    let id = text(
        &desk.company.post("/api/callbacks", &json!({ "queueId": desk.queue, "number": OTHER })).expect(201)["callback"]
            ["id"],
    );
    // Somebody else comes, then the person themself, who waits longer nevertheless.
    let mut stranger = Peer::new(server.sip, CUSTOMER);
    let mut first = stranger.invite(NUMBER);
    let mut again = desk.carrier.invite(NUMBER);
    desk.company.choose(&desk.agent, "available");
    let ringing = desk.phone.incoming_for(SOON);
    assert_eq!(ringing.invite().user_of("From"), OTHER);
    ringing.answer(&mut desk.phone);
    again.expect(&mut desk.carrier, 200);
    again.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut desk.phone);
    assert_eq!(desk.await_state(&id, "done")["attemptsMade"], 0);
    let next = desk.phone.incoming_for(SOON);
    assert_eq!(next.invite().user_of("From"), CUSTOMER);
    next.answer(&mut desk.phone);
    first.expect(&mut stranger, 200);
    first.hang_up(&mut stranger);
    next.hung_up(&mut desk.phone);
    server.await_idle();
}

#[test]
fn a_server_killed_while_an_agent_rings_calls_back_after_all() {
    let mut server = Server::start();
    let mut desk = desk(&server);
    let id = desk.ask(&json!({}));
    desk.company.choose(&desk.agent, "available");
    desk.phone.incoming_for(SOON);
    desk.await_state(&id, "dialling");
    server.kill();
    server.restart();
    let mut phone = Peer::registered(server.sip, &desk.agent.line);
    let ringing = phone.incoming_for(Duration::from_secs(30));
    ringing.answer(&mut phone);
    let mut person = desk.carrier.incoming_for(SOON);
    person.answer(&mut desk.carrier);
    person.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut phone);
    assert_eq!(desk.await_state(&id, "done")["attemptsMade"], 1);
    server.await_idle();
}

#[test]
fn a_customer_who_is_rung_first_waits_in_their_place_with_music_until_an_agent_answers() {
    rung_first(&Server::start());
}

#[test]
fn the_same_holds_of_customers_rung_first_on_postgres() {
    let database = Database::create();
    rung_first(&Server::on(&database.url));
}

#[track_caller]
fn rung_first(server: &Server) {
    let mut desk = desk(server);
    desk.ring_customers_first();
    let id = desk.ask(&json!({}));
    desk.company.choose(&desk.agent, "available");
    let mut person = desk.carrier.incoming_for(SOON);
    assert!(person.invite().uri().starts_with(&format!("sip:{CUSTOMER}@")), "{}", person.invite().start);
    assert_eq!(person.invite().user_of("From"), NUMBER, "the number they had called is shown");
    person.ring(&mut desk.carrier);
    // No agent is held for it: the next caller is taken, and one more comes.
    let mut early = desk.carrier.invite(NUMBER);
    let ringing = desk.phone.incoming_for(SOON);
    assert_eq!(ringing.invite().user_of("From"), OTHER);
    ringing.answer(&mut desk.phone);
    early.expect(&mut desk.carrier, 200);
    let mut later = desk.carrier.invite(NUMBER);
    until(SOON, "the later caller", || server.metric("dialplane_queue_waiting").filter(|waiting| *waiting == 1.0));
    person.answer(&mut desk.carrier);
    person.talk(880.0);
    person.audio.await_music(&[425.0, 880.0]);
    assert_eq!(desk.callback(&id)["state"], "dialling");
    // The agent is free again, and the person has the place of their callback.
    early.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut desk.phone);
    let mut next = desk.phone.incoming_for(SOON);
    assert_eq!(next.invite().user_of("From"), CUSTOMER);
    next.answer(&mut desk.phone);
    next.talk(440.0);
    person.audio.await_tone_now(440.0);
    next.audio.await_tone(880.0);
    person.hang_up(&mut desk.carrier);
    next.hung_up(&mut desk.phone);
    let done = desk.await_state(&id, "done");
    assert_eq!((&done["attemptsMade"], &done["agentId"]), (&json!(1), &json!(desk.agent.id)));
    let call = desk.company.call(done["callId"].as_str().expect("a call"));
    assert_eq!((&call["direction"], &call["status"]), (&json!("outbound"), &json!("completed")), "{call}");
    assert_eq!(
        (&call["queue"]["id"], &call["telecaller"]["id"]),
        (&json!(desk.queue), &json!(desk.agent.id)),
        "{call}"
    );
    let last = desk.phone.incoming_for(SOON);
    assert_eq!(last.invite().user_of("From"), OTHER);
    last.answer(&mut desk.phone);
    later.expect(&mut desk.carrier, 200);
    later.hang_up(&mut desk.carrier);
    last.hung_up(&mut desk.phone);
    server.await_idle();
}

#[test]
fn a_customer_who_is_rung_first_and_does_not_answer_is_called_again_and_costs_no_agent_anything() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    let id = desk.ask(&json!({ "attempts": 2, "retrySeconds": 1 }));
    desk.company.choose(&desk.agent, "available");
    for attempt in 1..=2 {
        let person = desk.carrier.incoming_for(Duration::from_secs(30));
        person.ring(&mut desk.carrier);
        person.refuse(&mut desk.carrier, "486 Busy Here");
        let made = || Some(desk.callback(&id)).filter(|callback| callback["attemptsMade"] == attempt);
        until(SOON, "the attempt", made);
    }
    assert_eq!(desk.callback(&id)["state"], "failed");
    assert!(desk.phone.maybe_incoming(Duration::ZERO).is_none(), "{}", desk.phone.story());
    // The agent is where they were: the next call rings at once.
    let mut caller = desk.carrier.invite(NUMBER);
    let ringing = desk.phone.incoming();
    ringing.ring(&mut desk.phone);
    caller.expect(&mut desk.carrier, 180);
    caller.cancel(&mut desk.carrier);
    ringing.cancelled(&mut desk.phone, SOON);
    server.await_idle();
}

#[test]
fn a_customer_who_was_rung_first_and_hangs_up_while_they_wait_is_not_called_again() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    let id = desk.ask(&json!({ "retrySeconds": 1 }));
    desk.company.choose(&desk.agent, "available");
    let mut person = desk.carrier.incoming_for(SOON);
    desk.company.choose(&desk.agent, "break");
    person.answer(&mut desk.carrier);
    until(SOON, "the person in line", || server.metric("dialplane_queue_waiting").filter(|waiting| *waiting == 1.0));
    person.hang_up(&mut desk.carrier);
    let done = desk.await_state(&id, "done");
    assert_eq!((&done["attemptsMade"], &done["agentId"]), (&json!(1), &json!(null)));
    let call = desk.company.call(done["callId"].as_str().expect("a call"));
    assert_eq!((&call["direction"], &call["status"]), (&json!("outbound"), &json!("abandoned")), "{call}");
    desk.company.choose(&desk.agent, "available");
    server.await_idle();
    assert!(desk.carrier.maybe_incoming(Duration::ZERO).is_none(), "{}", desk.carrier.story());
}

#[test]
fn a_customer_who_was_rung_first_and_had_to_be_let_go_without_an_agent_is_called_again() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    desk.company.put(&format!("/api/queues/{}", desk.queue), &json!({ "maxWaitSeconds": 1 })).expect(200);
    let id = desk.ask(&json!({ "retrySeconds": 3_600 }));
    desk.company.choose(&desk.agent, "available");
    let mut person = desk.carrier.incoming_for(SOON);
    desk.company.choose(&desk.agent, "break");
    person.answer(&mut desk.carrier);
    person.talk(0.0);
    // They are told that nobody can take the call.
    person.hung_up_within(&mut desk.carrier, Duration::from_secs(20));
    let later = desk.await_state(&id, "waiting");
    assert_eq!(later["attemptsMade"], 1);
    assert!(text(&later["dueAt"]) > text(&later["updatedAt"]), "{later}");
    server.await_idle();
}

#[test]
fn customers_are_rung_first_one_for_each_agent_who_is_free_and_in_their_order() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    let numbers: Vec<String> = (1..=3).map(|n| format!("+1202555017{n}")).collect();
    for number in &numbers {
        let body = json!({ "queueId": desk.queue, "number": number });
        desk.company.post("/api/callbacks", &body).expect(201);
    }
    desk.company.choose(&desk.agent, "available");
    for number in &numbers {
        let person = desk.carrier.incoming_for(SOON);
        assert!(person.invite().uri().starts_with(&format!("sip:{number}@")), "{}", person.invite().start);
        // Whatever the server was about to do it has done once it has taken a change over.
        let far = json!({ "queueId": desk.queue, "number": OTHER, "delaySeconds": 3_600 });
        desk.company.post("/api/callbacks", &far).expect(201);
        assert!(desk.carrier.maybe_incoming(Duration::ZERO).is_none(), "one agent is one customer");
        person.refuse(&mut desk.carrier, "486 Busy Here");
    }
    server.await_idle();
}

#[test]
fn two_customers_are_rung_first_at_once_where_two_agents_are_free_and_not_three() {
    let server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    let bob = desk.company.agent("bob");
    let _other = Peer::registered(server.sip, &bob.line);
    let members = json!({ "members": [{ "agentId": desk.agent.id }, { "agentId": bob.id }] });
    desk.company.put(&format!("/api/queues/{}", desk.queue), &members).expect(200);
    desk.company.choose(&desk.agent, "available");
    desk.company.choose(&bob, "available");
    for n in 1..=3 {
        let body = json!({ "queueId": desk.queue, "number": format!("+1202555017{n}"), "retrySeconds": 3_600 });
        desk.company.post("/api/callbacks", &body).expect(201);
    }
    let rung = [(); 2].map(|()| desk.carrier.incoming_for(SOON));
    // Whatever the server was about to do it has done once it has taken a change over.
    let far = json!({ "queueId": desk.queue, "number": OTHER, "delaySeconds": 3_600 });
    desk.company.post("/api/callbacks", &far).expect(201);
    assert!(desk.carrier.maybe_incoming(Duration::ZERO).is_none(), "two agents are two customers");
    rung[0].refuse(&mut desk.carrier, "486 Busy Here");
    let third = desk.carrier.incoming_for(SOON);
    assert!(third.invite().uri().starts_with("sip:+12025550173@"), "{}", third.invite().start);
    rung[1].refuse(&mut desk.carrier, "486 Busy Here");
    third.refuse(&mut desk.carrier, "486 Busy Here");
    server.await_idle();
}

#[test]
fn a_server_killed_while_a_customer_rings_first_calls_them_again() {
    let mut server = Server::start();
    let mut desk = desk(&server);
    desk.ring_customers_first();
    let id = desk.ask(&json!({ "retrySeconds": 1 }));
    desk.company.choose(&desk.agent, "available");
    desk.carrier.incoming_for(SOON);
    desk.await_state(&id, "dialling");
    server.kill();
    server.restart();
    let mut phone = Peer::registered(server.sip, &desk.agent.line);
    let mut person = desk.carrier.incoming_for(Duration::from_secs(30));
    person.answer(&mut desk.carrier);
    let ringing = phone.incoming_for(SOON);
    ringing.answer(&mut phone);
    person.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut phone);
    // The person was rung before as well: the log had it, or the server died first.
    assert!(desk.await_state(&id, "done")["attemptsMade"].as_u64().is_some_and(|made| made <= 2));
    server.await_idle();
}

#[test]
fn a_callback_that_its_agents_declined_rests_and_rings_them_no_more_until_then() {
    declined(&Server::start());
}

#[test]
fn the_same_holds_of_declined_callbacks_on_postgres() {
    let database = Database::create();
    declined(&Server::on(&database.url));
}

#[track_caller]
fn declined(server: &Server) {
    let mut desk = desk(server);
    desk.company.choose(&desk.agent, "available");
    let id = desk.ask(&json!({ "retrySeconds": 3_600 }));
    let asked = desk.callback(&id);
    desk.phone.incoming_for(SOON).refuse(&mut desk.phone, "603 Decline");
    let rests = || Some(desk.callback(&id)).filter(|callback| callback["dueAt"] != asked["dueAt"]);
    let resting = until(Duration::from_secs(40), "its rest", rests);
    assert_eq!((&resting["state"], &resting["attemptsMade"]), (&json!("waiting"), &json!(0)));
    assert_eq!(resting["since"], asked["since"], "the place stays");
    assert!(desk.phone.maybe_incoming(Duration::ZERO).is_none(), "{}", desk.phone.story());
    server.await_idle();
}

#[test]
fn what_cannot_be_asked_for_is_refused_and_a_callback_can_be_called_off() {
    let server = Server::start();
    let desk = desk(&server);
    let bad =
        json!({ "queueId": desk.queue, "number": "12", "attempts": 0, "retrySeconds": 0, "delaySeconds": 999_999 });
    let refused = desk.company.post("/api/callbacks", &bad).expect(400);
    let fields: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().filter_map(|fault| fault["field"].as_str()).collect();
    assert_eq!(fields, ["number"], "{refused}");
    let bad =
        json!({ "queueId": desk.queue, "number": CUSTOMER, "attempts": 0, "retrySeconds": 0, "delaySeconds": 999_999 });
    let refused = desk.company.post("/api/callbacks", &bad).expect(400);
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(3), "{refused}");
    let id = desk.ask(&json!({ "delaySeconds": 3_600 }));
    let path = format!("/api/callbacks/{id}");
    assert_eq!(desk.company.send("DELETE", &path, None).unwrap().expect(200)["callback"]["state"], "cancelled");
    desk.company.send("DELETE", &path, None).unwrap().expect(409);
    let own = Company::sign_in(server.http, &desk.agent.email);
    own.get("/api/callbacks").expect(403);
    assert_eq!(desk.company.get("/api/callbacks?state=cancelled").expect(200)["pagination"]["total"], 1);
    desk.company.get("/api/callbacks?state=lost").expect(400);
}
