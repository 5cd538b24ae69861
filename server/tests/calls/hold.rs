//! Parties on hold hear music, whoever holds them and however it ends.

use std::time::Duration;

use serde_json::json;

use crate::support::company::events;
use crate::support::peer::{Call, Peer};
use crate::support::server::Server;
use crate::support::shop::direct;
use crate::{CUSTOMER, NUMBER};

/// The agent's tone.
const AGENT: f64 = 640.0;
/// The customer's.
const CALLER: f64 = 880.0;
/// Long enough for a request that should not come.
const NEVER: Duration = Duration::from_millis(500);

/// Two parties that hear each other: the customer's call and the agent's.
fn talking(carrier: &mut Peer, phone: &mut Peer) -> (Call, Call) {
    let mut call = carrier.invite(NUMBER);
    let mut agent = phone.incoming();
    agent.answer(phone);
    call.expect(carrier, 200);
    call.talk(CALLER);
    agent.talk(AGENT);
    call.audio.await_tone(AGENT);
    agent.audio.await_tone(CALLER);
    (call, agent)
}

#[test]
fn either_party_may_hold_the_other_who_hears_music_and_is_not_disturbed() {
    let server = Server::start();
    let (company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let (mut call, mut agent) = talking(&mut carrier, &mut phone);
    for direction in ["a=sendonly", "a=inactive"] {
        agent.reinvite(&mut phone, direction);
        call.audio.await_music(&[AGENT, CALLER]);
        agent.reinvite(&mut phone, "a=sendrecv");
        call.audio.await_tone_now(AGENT);
        agent.audio.await_tone_now(CALLER);
    }
    call.reinvite(&mut carrier, "a=sendonly");
    agent.audio.await_music(&[AGENT, CALLER]);
    // Whoever holds whom holds them hears nothing either, until one of them is back.
    agent.reinvite(&mut phone, "a=sendonly");
    assert!(carrier.wait_maybe(NEVER, |m| m.method() == "INVITE").is_none(), "{}", carrier.story());
    agent.hang_up(&mut phone);
    call.hung_up(&mut carrier);
    let told = events(&company.only_call());
    let count = |what: &str| told.iter().filter(|event| *event == what).count();
    assert_eq!((count("held"), count("resumed")), (4, 2), "{told:?}");
    server.await_idle();
}

#[test]
fn a_caller_on_hold_whose_agent_hangs_up_goes_on_in_the_flow() {
    let server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let flow = json!({"version": 1, "start": "ask", "onError": "bye",
        "prompts": {"beep": {"*": [{"beep": 5000}, {"beep": 5000}]}},
        "nodes": {
            "ask": {"type": "dial", "to": {"agent": ann.email}, "next": "after", "onFail": "bye"},
            "after": {"type": "play", "prompt": "beep", "next": "bye"},
            "bye": {"type": "hangup"}}});
    let flow = company.flow("main", &flow);
    company.route(NUMBER, "flow", &flow);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let (mut call, mut agent) = talking(&mut carrier, &mut phone);
    agent.reinvite(&mut phone, "a=sendonly");
    call.audio.await_music(&[AGENT, CALLER]);
    agent.hang_up(&mut phone);
    call.audio.await_tone_now(1_000.0);
    call.hang_up(&mut carrier);
    company.ended_calls(1);
    server.await_idle();
}
