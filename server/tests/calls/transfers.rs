//! Blind transfers: an agent's phone hands its call to somebody else.

use std::time::Duration;

use serde_json::json;

use crate::support::company::{Agent, Company, events, text};
use crate::support::message::Message;
use crate::support::peer::{Call, Peer};
use crate::support::phone::{Answering, Phone};
use crate::support::server::Server;
use crate::{CUSTOMER, NUMBER};

/// Somebody else in the world.
const FRIEND: &str = "+12025550188";
const AGENT: f64 = 640.0;
const CALLER: f64 = 880.0;
const OTHER: f64 = 1_500.0;
/// Long enough for a request that should not come.
const NEVER: Duration = Duration::from_millis(500);

/// A company whose number leads to a queue of ann, and bob, who is in no queue.
fn shop(server: &Server) -> (Company, Peer, Agent, Agent) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    company.assign(&company.number(NUMBER), &ann, 2);
    let queue = company.queue(20, 60, &[&ann]);
    company.route(NUMBER, "queue", &queue);
    (company, carrier, ann, bob)
}

/// The customer and the agent hear each other.
fn talking(carrier: &mut Peer, phone: &mut Peer) -> (Call, Call) {
    let mut call = carrier.invite(NUMBER);
    let mut agent = phone.incoming();
    agent.answer(phone);
    call.expect(carrier, 200);
    call.talk(CALLER);
    agent.talk(AGENT);
    call.audio.await_tone(AGENT);
    (call, agent)
}

impl Call {
    /// Transfers the other party; the status.
    #[track_caller]
    fn refer(&mut self, peer: &mut Peer, to: &str) -> Option<u16> {
        let headers = format!("Refer-To: <{to}>\r\nContact: <sip:phone@127.0.0.1:{}>\r\n", peer.port());
        self.ask(peer, "REFER", &headers).status()
    }

    /// Waits for news of a transfer: what is told, and whether it is the last.
    #[track_caller]
    fn news(&self, peer: &mut Peer) -> (String, bool) {
        let notify = self.asked(peer, "NOTIFY");
        assert!(notify.header("Event").starts_with("refer"), "{}", notify.header("Event"));
        assert!(notify.header("Content-Type").starts_with("message/sipfrag"));
        let last = notify.header("Subscription-State").starts_with("terminated");
        (notify.body.trim().trim_start_matches("SIP/2.0 ").get(..3).unwrap_or_default().to_owned(), last)
    }

    #[track_caller]
    fn expect_news(&self, peer: &mut Peer, status: &str) {
        assert_eq!(self.news(peer), ("100".to_owned(), false));
        assert_eq!(self.news(peer), (status.to_owned(), true));
    }
}

fn uri(server: &Server, user: &str) -> String {
    format!("sip:{user}@{}", server.sip)
}

/// Waits until the two hear each other.
#[track_caller]
fn hear(one: (&Call, f64), two: (&Call, f64)) {
    one.0.audio.await_tone_now(two.1);
    two.0.audio.await_tone_now(one.1);
}

#[test]
fn a_caller_is_handed_to_a_colleague_and_hears_music_until_they_answer() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let (mut phone, mut other) = (Peer::registered(server.sip, &ann.line), Peer::registered(server.sip, &bob.line));
    let by = [bob.line.number.clone(), bob.id.clone(), bob.email.replace('@', "%40"), bob.line.username.clone()];
    for name in &by {
        let (mut call, mut agent) = talking(&mut carrier, &mut phone);
        assert_eq!(agent.refer(&mut phone, &uri(&server, name)), Some(202), "{}", phone.story());
        let mut colleague = other.incoming();
        assert_eq!(colleague.invite().user_of("From"), CUSTOMER);
        colleague.ring(&mut other);
        call.audio.await_music(&[AGENT, CALLER]);
        colleague.answer(&mut other);
        agent.expect_news(&mut phone, "200");
        agent.hung_up(&mut phone);
        colleague.talk(OTHER);
        hear((&call, CALLER), (&colleague, OTHER));
        call.hang_up(&mut carrier);
        colleague.hung_up(&mut other);
    }
    let calls = company.ended_calls(by.len());
    let last = company.call(&text(&calls[0]["id"]));
    let events = last["events"].as_array().expect("events");
    let transferred = events.iter().find(|event| event["type"] == "transferred").expect("the transfer in the log");
    assert_eq!(transferred["data"]["agent"], ann.id.as_str(), "{transferred}");
    assert_eq!(transferred["data"]["to"], json!({ "kind": "agent", "agent": bob.id }), "{transferred}");
    assert_eq!((&last["status"], &last["telecaller"]["id"]), (&json!("completed"), &json!(ann.id)));
    server.await_idle();
}

#[test]
fn an_agent_who_hands_a_call_on_has_their_time_after_it_from_then_on() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let members = json!([{ "agentId": ann.id, "position": 1 }, { "agentId": bob.id, "position": 2 }]);
    let body =
        json!({ "name": "after", "strategy": "top_down", "wrapUpSeconds": 300, "ringSeconds": 20, "members": members });
    let queue = text(&company.post("/api/queues", &body).expect(201)["queue"]["id"]);
    company.route(FRIEND, "queue", &queue);
    let carl = company.agent("carl");
    let (mut phone, mut third) = (Peer::registered(server.sip, &ann.line), Peer::registered(server.sip, &carl.line));
    let mut call = carrier.invite(FRIEND);
    let mut agent = phone.incoming();
    agent.answer(&mut phone);
    call.expect(&mut carrier, 200);
    let mut other = Peer::registered(server.sip, &bob.line);
    assert_eq!(agent.refer(&mut phone, &uri(&server, &carl.line.number)), Some(202));
    let colleague = third.incoming();
    colleague.answer(&mut third);
    agent.expect_news(&mut phone, "200");
    agent.hung_up(&mut phone);
    // The first by rank is at work after the call, though the call goes on: the next one is rung.
    let mut next = carrier.invite(FRIEND);
    let mut ringing = other.incoming();
    ringing.answer(&mut other);
    next.expect(&mut carrier, 200);
    assert!(phone.maybe_incoming(NEVER).is_none(), "{}", phone.story());
    ringing.hang_up(&mut other);
    next.hung_up(&mut carrier);
    call.hang_up(&mut carrier);
    colleague.hung_up(&mut third);
    company.ended_calls(2);
    server.await_idle();
}

#[test]
fn a_call_that_nobody_takes_stays_with_the_agent() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let (mut phone, mut other) = (Peer::registered(server.sip, &ann.line), Peer::registered(server.sip, &bob.line));
    let (mut call, mut agent) = talking(&mut carrier, &mut phone);
    for status in ["486 Busy Here", "603 Decline"] {
        assert_eq!(agent.refer(&mut phone, &uri(&server, &bob.line.number)), Some(202));
        let colleague = other.incoming();
        call.audio.await_music(&[AGENT, CALLER]);
        colleague.refuse(&mut other, status);
        agent.expect_news(&mut phone, &status[..3]);
        hear((&call, CALLER), (&agent, AGENT));
    }
    // Nor does a line take it that has no phone.
    let carl = company.agent("carl");
    assert_eq!(agent.refer(&mut phone, &uri(&server, &carl.line.number)), Some(202));
    agent.expect_news(&mut phone, "480");
    hear((&call, CALLER), (&agent, AGENT));
    // A caller who hangs up meanwhile ends it for all.
    assert_eq!(agent.refer(&mut phone, &uri(&server, &bob.line.number)), Some(202));
    let colleague = other.incoming();
    colleague.ring(&mut other);
    call.hang_up(&mut carrier);
    colleague.cancelled(&mut other, Duration::from_secs(5));
    agent.hung_up(&mut phone);
    let told = events(&company.only_call());
    assert!(!told.iter().any(|event| event == "transferred"), "{told:?}");
    server.await_idle();
}

#[test]
fn an_agent_who_hangs_up_at_once_is_not_missed() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let (mut phone, mut other) = (Peer::registered(server.sip, &ann.line), Peer::registered(server.sip, &bob.line));
    for answers in [true, false] {
        let (call, mut agent) = talking(&mut carrier, &mut phone);
        assert_eq!(agent.refer(&mut phone, &uri(&server, &bob.line.number)), Some(202));
        agent.hang_up(&mut phone);
        let mut colleague = other.incoming();
        call.audio.await_music(&[AGENT, CALLER]);
        if answers {
            colleague.answer(&mut other);
            colleague.talk(OTHER);
            hear((&call, CALLER), (&colleague, OTHER));
            colleague.hang_up(&mut other);
        } else {
            colleague.refuse(&mut other, "486 Busy Here");
        }
        call.hung_up(&mut carrier);
    }
    company.ended_calls(2);
    server.await_idle();
}

#[test]
fn a_caller_is_handed_to_another_queue() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let body =
        json!({ "name": "support", "ringSeconds": 20, "maxWaitSeconds": 60, "members": [{ "agentId": bob.id }] });
    let queue = text(&company.post("/api/queues", &body).expect(201)["queue"]["id"]);
    company.route(FRIEND, "queue", &queue);
    let mut phone = Peer::registered(server.sip, &ann.line);
    for (n, name) in ["support", FRIEND].into_iter().enumerate() {
        let (mut call, mut agent) = talking(&mut carrier, &mut phone);
        assert_eq!(agent.refer(&mut phone, &uri(&server, name)), Some(202));
        agent.expect_news(&mut phone, "200");
        agent.hung_up(&mut phone);
        // Nobody is there yet, at first.
        call.audio.await_music(&[AGENT, CALLER]);
        let mut other = Peer::registered(server.sip, &bob.line);
        let mut colleague = other.incoming();
        assert_eq!(colleague.invite().user_of("From"), CUSTOMER);
        colleague.answer(&mut other);
        colleague.talk(OTHER);
        hear((&call, CALLER), (&colleague, OTHER));
        call.hang_up(&mut carrier);
        colleague.hung_up(&mut other);
        assert_eq!(other.register(&bob.line, &bob.line.password, 0).status(), Some(200));
        let calls = company.ended_calls(n + 1);
        let call = company.call(&text(&calls[0]["id"]));
        let told = events(&call);
        let queued = told.iter().filter(|event| *event == "queued").count();
        assert_eq!((queued, call["status"].as_str()), (2, Some("completed")), "{told:?}");
    }
    server.await_idle();
}

#[test]
fn a_transfer_to_a_number_outside_is_counted_and_refused_when_nothing_is_left() {
    let server = Server::start();
    let (company, mut carrier, ann, _) = shop(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    for _ in 0..2 {
        let (call, mut agent) = talking(&mut carrier, &mut phone);
        assert_eq!(agent.refer(&mut phone, &uri(&server, FRIEND)), Some(202), "{}", phone.story());
        let mut friend = carrier.incoming();
        assert!(friend.invite().uri().starts_with(&format!("sip:{FRIEND}@")), "{}", friend.invite().start);
        assert_eq!(friend.invite().user_of("From"), NUMBER);
        friend.ring(&mut carrier);
        friend.answer(&mut carrier);
        agent.expect_news(&mut phone, "200");
        agent.hung_up(&mut phone);
        friend.talk(OTHER);
        hear((&call, CALLER), (&friend, OTHER));
        friend.hang_up(&mut carrier);
        call.hung_up(&mut carrier);
    }
    let (mut call, mut agent) = talking(&mut carrier, &mut phone);
    assert_eq!(agent.refer(&mut phone, &uri(&server, FRIEND)), Some(202));
    assert_eq!(agent.news(&mut phone), ("100".to_owned(), false));
    let (status, last) = agent.news(&mut phone);
    assert!(last && status.starts_with(['4', '6']), "{status}");
    assert!(carrier.maybe_incoming(NEVER).is_none());
    hear((&call, CALLER), (&agent, AGENT));
    call.hang_up(&mut carrier);
    agent.hung_up(&mut phone);
    let calls = company.ended_calls(3);
    let call = company.call(&text(&calls[1]["id"]));
    let transferred = call["events"].as_array().expect("events").iter().find(|event| event["type"] == "transferred");
    assert_eq!(transferred.expect("a transfer")["data"]["to"], json!({ "kind": "number", "number": FRIEND }));
    server.await_idle();
}

#[test]
fn whoever_was_called_is_handed_on_as_well() {
    let server = Server::start();
    let (_company, mut carrier, ann, bob) = shop(&server);
    let (mut phone, mut other) = (Peer::registered(server.sip, &ann.line), Peer::registered(server.sip, &bob.line));
    let mut agent = phone.dial(CUSTOMER, &ann.line);
    let mut called = carrier.incoming();
    called.answer(&mut carrier);
    agent.expect(&mut phone, 200);
    agent.talk(AGENT);
    called.talk(CALLER);
    hear((&called, CALLER), (&agent, AGENT));
    assert_eq!(agent.refer(&mut phone, &uri(&server, &bob.line.number)), Some(202));
    let mut colleague = other.incoming();
    assert_eq!(colleague.invite().user_of("From"), CUSTOMER, "the colleague sees whom they will talk with");
    called.audio.await_music(&[AGENT, CALLER]);
    colleague.answer(&mut other);
    agent.expect_news(&mut phone, "200");
    agent.hung_up(&mut phone);
    colleague.talk(OTHER);
    hear((&called, CALLER), (&colleague, OTHER));
    colleague.hang_up(&mut other);
    called.hung_up(&mut carrier);
    server.await_idle();
}

#[test]
fn what_is_no_transfer_of_an_agent_is_refused_and_the_call_goes_on() {
    let server = Server::start();
    let (_company, mut carrier, ann, bob) = shop(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let out_of_dialog = phone.ask("REFER", &uri(&server, NUMBER), "Refer-To: <sip:1@example.com>\r\n");
    assert_eq!(out_of_dialog.status(), Some(403));
    let (mut call, mut agent) = talking(&mut carrier, &mut phone);
    assert_eq!(call.refer(&mut carrier, &uri(&server, &bob.line.number)), Some(403), "a carrier");
    let mut stranger = Peer::at(server.sip, "stranger", ([127, 0, 0, 2], 0).into());
    assert_eq!(agent.refer(&mut stranger, &uri(&server, &bob.line.number)), Some(403), "from elsewhere");
    let attended = format!("{}?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2", uri(&server, &bob.line.number));
    assert_eq!(agent.refer(&mut phone, &attended), Some(501), "attended");
    for headers in
        ["", "Refer-To: <>\r\n", "Refer-To: <sip:1@x>\r\nRefer-To: <sip:2@x>\r\n", "Refer-To: <sip:x.example>\r\n"]
    {
        assert_eq!(agent.ask(&mut phone, "REFER", headers).status(), Some(400), "{headers}");
    }
    hear((&call, CALLER), (&agent, AGENT));
    // Without news, where none are wanted (RFC 4488).
    let quiet = format!("Require: norefersub\r\nRefer-Sub: false\r\nRefer-To: <{}>\r\n", uri(&server, "4711"));
    let accepted: Message = agent.ask(&mut phone, "REFER", &quiet);
    assert_eq!((accepted.status(), accepted.header("Refer-Sub")), (Some(202), "false"), "{}", phone.story());
    assert!(phone.wait_maybe(NEVER, |m| m.method() == "NOTIFY").is_none(), "{}", phone.story());
    call.hang_up(&mut carrier);
    agent.hung_up(&mut phone);
    server.await_idle();
}

#[test]
fn a_real_phone_transfers_a_call() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let mut phone = Phone::registered(server.sip, &ann.line, 640, Answering::AtOnce);
    let mut other = Phone::registered(server.sip, &bob.line, 1_500, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.talk(CALLER);
    call.audio.await_tone(AGENT);
    phone.command("transfer", &uri(&server, &bob.line.number));
    other.await_call();
    phone.await_end();
    call.audio.await_tone_now(OTHER);
    call.hang_up(&mut carrier);
    other.await_end();
    let told = events(&company.only_call());
    assert!(told.iter().any(|event| event == "transferred"), "{told:?}");
    server.await_idle();
}
