//! Calls to the company's number that are answered.

use crate::support::audio::assert_tone;
use crate::support::company::{Agent, Company, Figures, events, text};
use crate::support::peer::Peer;
use crate::support::phone::{Answering, Phone};
use crate::support::server::Server;
use crate::{CUSTOMER, NUMBER};

/// A company with a carrier, two agents and a queue behind its number.
fn shop(server: &Server) -> (Company, Peer, Agent, Agent) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    company.number(NUMBER);
    let queue = company.queue(20, 60, &[&ann, &bob]);
    company.route(NUMBER, "queue", &queue);
    (company, carrier, ann, bob)
}

const ONE_TALK: Figures = Figures { total: 1, connected: 1, not_connected: 0 };
const NONE: Figures = Figures { total: 0, connected: 0, not_connected: 0 };

#[test]
fn a_call_to_the_number_reaches_the_longest_idle_agent_and_carries_audio_both_ways() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let mut first = Phone::registered(server.sip, &ann.line, 440, Answering::WhenTold);
    let mut second = Phone::registered(server.sip, &bob.line, 620, Answering::WhenTold);

    // The first call goes to the agent who has been idle longest, and the callee ends it.
    let mut call = carrier.invite(NUMBER);
    let ring = first.await_ring();
    assert!(text(&ring["peeruri"]).contains(CUSTOMER), "the phone shows who calls: {ring}");
    call.expect(&mut carrier, 180);
    first.command("accept", "");
    call.expect(&mut carrier, 200);
    first.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    first.command("hangup", "");
    call.hung_up(&mut carrier);
    first.await_end();
    assert_tone(&first.heard(), 880.0, "the first agent");
    check_log(&company.only_call(), &ann, "callee");
    assert_eq!((company.figures(&ann), company.figures(&bob)), (ONE_TALK, NONE));

    // Now the other one has been idle longer, and the caller ends it.
    let mut call = carrier.invite(NUMBER);
    second.await_ring();
    call.expect(&mut carrier, 180);
    second.command("accept", "");
    call.expect(&mut carrier, 200);
    second.await_call();
    call.talk(880.0);
    call.audio.await_tone(620.0);
    call.hang_up(&mut carrier);
    second.await_end();
    assert_tone(&second.heard(), 880.0, "the second agent");
    let calls = company.ended_calls(2);
    check_log(&company.call(&text(&calls[0]["id"])), &bob, "caller");
    assert_eq!((company.figures(&ann), company.figures(&bob)), (ONE_TALK, ONE_TALK));
    server.await_idle();
}

/// The log of a call from the carrier, through the queue, to an agent.
#[track_caller]
fn check_log(call: &serde_json::Value, agent: &Agent, side: &str) {
    assert_eq!(call["direction"], "inbound", "{call}");
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!((text(&call["from"]), text(&call["to"])), (CUSTOMER.to_owned(), NUMBER.to_owned()));
    assert_eq!(call["telecaller"]["id"], agent.id.as_str(), "{call}");
    assert_eq!(call["hangup"]["side"], side, "{call}");
    assert_eq!(call["hangup"]["cause"], "normal_clearing", "{call}");
    assert!(call["answerTime"].as_str() <= call["endTime"].as_str(), "{call}");
    assert!(call["duration"].as_u64().is_some_and(|seconds| seconds < 20), "{call}");
    let legs = call["legs"].as_array().expect("legs");
    let kinds: Vec<_> = legs.iter().map(|leg| (text(&leg["kind"]), text(&leg["codec"]), text(&leg["state"]))).collect();
    let leg = |kind: &str| (kind.to_owned(), "PCMU".to_owned(), "ended".to_owned());
    assert_eq!(kinds, [leg("carrier"), leg("sip")], "{call}");
    assert_eq!(legs[1]["agentId"], agent.id.as_str(), "{call}");
    let happened = events(call);
    let told: Vec<&str> = happened.iter().map(String::as_str).collect();
    let story = ["leg_added", "queued", "offered", "ringing", "answered", "bridged", "ended"];
    let mut rest = told.iter();
    for step in story {
        assert!(rest.any(|event| *event == step), "{step} in its place in {told:?}");
    }
}

#[test]
fn a_number_may_lead_to_an_agent_or_to_one_extension() {
    let server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let (ann, bob) = (company.agent("ann"), company.agent("bob"));
    company.route(NUMBER, "agent", &ann.id);
    company.route("+12025550101", "extension", &bob.extension);
    let mut phones = [&ann, &bob].map(|agent| Peer::registered(server.sip, &agent.line));
    // Numbers are read in the forms that carriers send.
    for (number, which) in [(NUMBER, 0), ("12025550100", 0), ("+12025550101", 1), ("2025550101", 1)] {
        let phone = &mut phones[which];
        let mut call = carrier.invite(number);
        let mut ringing = phone.incoming();
        ringing.ring(phone);
        call.expect(&mut carrier, 180);
        ringing.answer(phone);
        call.expect(&mut carrier, 200);
        ringing.talk(440.0);
        call.talk(880.0);
        call.audio.await_tone(440.0);
        ringing.audio.await_tone(880.0);
        call.hang_up(&mut carrier);
        ringing.hung_up(phone);
        server.await_idle();
    }
    company.ended_calls(4);
    assert_eq!((company.figures(&ann).connected, company.figures(&bob).connected), (2, 2));
}

#[test]
fn an_unknown_number_and_a_stranger_are_turned_away() {
    let server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    // Nobody knows this address yet: a stranger is asked for a password.
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 401);
    company.trunk(carrier.port());
    let mut call = carrier.invite("+12025550142");
    call.expect(&mut carrier, 404);
    server.await_idle();
    assert!(company.calls().is_empty());
}

#[test]
fn a_phone_behind_a_tcp_connection_is_called_and_calls() {
    let server = Server::start();
    let (company, mut carrier, ann, bob) = shop(&server);
    let mut first = Phone::registered_over_tcp(server.sip, &ann.line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    first.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    call.hang_up(&mut carrier);
    first.await_end();
    assert_tone(&first.heard(), 880.0, "the agent");
    let mut colleague = Peer::registered(server.sip, &bob.line);
    first.dial(&bob.line.number);
    let ringing = colleague.incoming();
    ringing.answer(&mut colleague);
    first.await_call();
    first.command("hangup", "");
    ringing.hung_up(&mut colleague);
    first.await_end();
    company.ended_calls(2);
    server.await_idle();
}

#[test]
fn a_call_is_held_and_taken_back() {
    let server = Server::start();
    let (company, mut carrier, ann, _) = shop(&server);
    let mut phone = Phone::registered(server.sip, &ann.line, 640, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.talk(880.0);
    call.audio.await_tone(640.0);
    phone.command("hold", "");
    call.audio.await_music(&[640.0, 880.0]);
    phone.command("resume", "");
    call.audio.await_tone_now(640.0);
    call.hang_up(&mut carrier);
    phone.await_end();
    let told = events(&company.only_call());
    assert!(told.iter().any(|event| event == "held") && told.iter().any(|event| event == "resumed"), "{told:?}");
    server.await_idle();
}
