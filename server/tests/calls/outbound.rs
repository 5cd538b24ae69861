//! Calls out of the company: placed over REST, dialled on a phone, and inside the company.

use std::time::Duration;

use serde_json::json;

use crate::support::audio::assert_tone;
use crate::support::company::{Agent, Company, Figures, text};
use crate::support::peer::Peer;
use crate::support::phone::{Answering, Phone};
use crate::support::server::Server;
use crate::{CUSTOMER, NUMBER};

/// A company with a carrier and an agent who may call with the company's number so many times.
fn shop(server: &Server, limit: u32) -> (Company, Peer, Agent) {
    let company = server.company();
    let carrier = Peer::new(server.sip, "carrier");
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let number = company.number(NUMBER);
    company.assign(&number, &ann, limit);
    (company, carrier, ann)
}

#[test]
fn a_call_placed_over_rest_rings_the_agent_then_the_customer_and_both_hear_each_other() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop(&server, 10);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::WhenTold);
    let own = Company::sign_in(server.http, &ann.email);
    let placed = own.post("/api/calls/initiate", &json!({ "to": CUSTOMER })).expect(201);
    assert_eq!(placed["remainingToday"], 9, "{placed}");
    phone.await_ring();
    // The customer is not disturbed before the agent is there.
    assert!(carrier.maybe_incoming(Duration::from_millis(100)).is_none());
    phone.command("accept", "");
    let mut call = carrier.incoming();
    assert!(call.invite().uri().starts_with(&format!("sip:{CUSTOMER}@")), "{}", call.invite().start);
    assert_eq!(call.invite().user_of("From"), NUMBER);
    call.ring(&mut carrier);
    call.answer(&mut carrier);
    call.talk(880.0);
    call.audio.await_tone(440.0);
    call.hang_up(&mut carrier);
    phone.await_end();
    assert_tone(&phone.heard(), 880.0, "the agent");

    let call = company.only_call();
    assert_eq!(call["id"], placed["call"]["id"]);
    assert_eq!((call["direction"].as_str(), call["status"].as_str()), (Some("outbound"), Some("completed")), "{call}");
    assert_eq!((text(&call["from"]), text(&call["to"])), (NUMBER.to_owned(), CUSTOMER.to_owned()));
    assert_eq!((call["hangup"]["side"].as_str(), call["telecaller"]["id"].as_str()), (Some("callee"), Some(&*ann.id)));
    assert_eq!(company.figures(&ann), Figures { total: 1, connected: 1, not_connected: 0 });
    server.await_idle();
}

#[test]
fn a_placed_call_that_the_customer_refuses_ends_the_agents_leg_too() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop(&server, 10);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::AtOnce);
    company.post("/api/calls/initiate", &json!({ "to": CUSTOMER, "agentId": ann.id })).expect(201);
    let call = carrier.incoming();
    phone.await_call();
    call.ring(&mut carrier);
    call.refuse(&mut carrier, "486 Busy Here");
    phone.await_end();
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("busy"), Some("user_busy")),
        "{call}"
    );
    let by = (call["hangup"]["side"].as_str(), call["hangup"]["sipStatus"].as_u64());
    assert_eq!(by, (Some("callee"), Some(486)), "{call}");
    assert_eq!(company.figures(&ann), Figures { total: 1, connected: 0, not_connected: 1 });
    server.await_idle();
}

#[test]
fn a_placed_call_can_be_ended_over_rest() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop(&server, 10);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::AtOnce);
    let placed = company.post("/api/calls/initiate", &json!({ "to": CUSTOMER, "agentId": ann.id })).expect(201);
    let call = carrier.incoming();
    call.answer(&mut carrier);
    phone.await_call();
    let path = format!("/api/calls/{}/hangup", text(&placed["call"]["id"]));
    company.post(&path, &json!({})).expect(202);
    call.hung_up(&mut carrier);
    phone.await_end();
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["side"].as_str()),
        (Some("completed"), Some("system")),
        "{call}"
    );
    server.await_idle();
}

#[test]
fn a_phone_dials_out_with_the_assigned_number_until_the_limit_is_reached() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop(&server, 1);
    let mut phone = Phone::registered(server.sip, &ann.line, 440, Answering::WhenTold);
    // As people dial it in the company's country.
    phone.dial("2025550177");
    let mut call = carrier.incoming();
    assert!(call.invite().uri().starts_with(&format!("sip:{CUSTOMER}@")), "{}", call.invite().start);
    assert_eq!(call.invite().user_of("From"), NUMBER);
    call.ring(&mut carrier);
    call.answer(&mut carrier);
    phone.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    phone.command("hangup", "");
    call.hung_up(&mut carrier);
    phone.await_end();
    assert_tone(&phone.heard(), 880.0, "the agent");
    let first = company.only_call();
    assert_eq!(
        (first["direction"].as_str(), first["status"].as_str()),
        (Some("outbound"), Some("completed")),
        "{first}"
    );
    assert_eq!(first["hangup"]["side"], "caller", "{first}");

    phone.dial(CUSTOMER);
    let refused = phone.await_end();
    assert!(text(&refused["param"]).starts_with("403"), "{refused}");
    assert!(carrier.maybe_incoming(Duration::from_millis(100)).is_none());
    let calls = company.ended_calls(2);
    assert_eq!(
        (calls[0]["status"].as_str(), calls[0]["hangup"]["cause"].as_str()),
        (Some("failed"), Some("not_allowed"))
    );
    let usage = company.post("/api/calls/initiate", &json!({ "to": CUSTOMER, "agentId": ann.id }));
    assert_eq!((usage.status, usage.code()), (422, "daily_limit_reached"), "{}", usage.text);
    server.await_idle();
}

#[test]
fn a_phone_whose_user_has_no_number_cannot_call_out() {
    let server = Server::start();
    let (company, mut carrier, _) = shop(&server, 10);
    let bob = company.agent("bob");
    let mut phone = Peer::registered(server.sip, &bob.line);
    let mut call = phone.dial(CUSTOMER, &bob.line);
    call.expect(&mut phone, 403);
    assert!(carrier.maybe_incoming(Duration::from_millis(100)).is_none());
    server.await_idle();
}

#[test]
fn a_dialled_call_that_is_given_up_is_cancelled_at_the_carrier() {
    let server = Server::start();
    let (company, mut carrier, ann) = shop(&server, 10);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let mut call = phone.dial(CUSTOMER, &ann.line);
    let there = carrier.incoming();
    there.ring(&mut carrier);
    call.expect(&mut phone, 180);
    call.cancel_only(&mut phone);
    there.cancelled(&mut carrier, Duration::from_secs(5));
    call.expect(&mut phone, 487);
    assert_eq!(company.only_call()["status"], "cancelled");
    server.await_idle();
}

#[test]
fn extensions_call_each_other_inside_a_company_and_never_into_another() {
    let server = Server::start();
    let company = server.company();
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    let mut caller = Phone::registered(server.sip, &ann.line, 440, Answering::WhenTold);
    let mut callee = Phone::registered(server.sip, &bob.line, 620, Answering::AtOnce);
    caller.dial(&bob.line.number);
    callee.await_call();
    caller.await_call();
    // The phones record; a second is enough to tell the tones.
    std::thread::park_timeout(Duration::from_millis(1_200));
    caller.command("hangup", "");
    callee.await_end();
    caller.await_end();
    assert_tone(&callee.heard(), 440.0, "the callee");
    assert_tone(&caller.heard(), 620.0, "the caller");
    let call = company.only_call();
    assert_eq!((call["direction"].as_str(), call["status"].as_str()), (Some("internal"), Some("completed")), "{call}");

    let other = company.found("Other company");
    let eve = other.agent("eve");
    other.post(&format!("/api/users/{}/extension", eve.id), &json!({ "number": "7777" })).expect(201);
    let mut stranger = Peer::registered(server.sip, &eve.line);
    for target in ["7777", &eve.line.username] {
        caller.dial(target);
        let refused = caller.await_end();
        let reason = text(&refused["param"]);
        assert!(reason.starts_with('4'), "{refused}");
    }
    assert!(stranger.maybe_incoming(Duration::from_millis(100)).is_none());
    assert!(other.calls().is_empty(), "the other company sees nothing of it");
    server.await_idle();
}
