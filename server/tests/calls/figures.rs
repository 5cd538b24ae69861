//! What agents did today: one rule, whoever asks and whenever.

use std::time::Duration;

use serde_json::{Value, json};

use crate::NUMBER;
use crate::callbacks::{Desk, desk};
use crate::support::company::text;
use crate::support::peer::{Call, Peer};
use crate::support::server::Server;
use crate::support::wait::until;

/// A number that leads straight to the agent.
const DIRECT: &str = "+12025550101";
const SOON: Duration = Duration::from_secs(10);
/// Long enough to be seconds of talk together.
const TALK: Duration = Duration::from_millis(1_100);

/// What an agent did: calls and seconds, as told live.
fn live(desk: &Desk) -> (u64, u64) {
    let state = desk.company.get(&format!("/api/agents/{}/state", desk.agent.id)).expect(200)["state"].clone();
    let figure = |key: &str| state[key].as_u64().unwrap_or_else(|| panic!("{key} in {state}"));
    (figure("takenToday"), figure("talkSecondsToday"))
}

/// The same, as reported; it is right a moment after a call has ended.
fn reported(desk: &Desk) -> (u64, u64) {
    let company = text(&desk.company.get("/api/auth/profile").expect(200)["company"]["id"]);
    let told = desk.company.get(&format!("/api/analytics/company/{company}/agents/performance")).expect(200);
    let own = told["agents"].as_array().and_then(|agents| agents.first()).cloned().unwrap_or_default();
    let figure = |key: &str| own[key].as_u64().unwrap_or_default();
    (figure("taken"), figure("queueTalkSeconds"))
}

/// The two talk, and the one outside hangs up.
fn talk(desk: &mut Desk, person: &mut Call, ringing: &Call) {
    assert!(desk.carrier.wait_maybe(TALK, |message| message.method() == "BYE").is_none());
    person.hang_up(&mut desk.carrier);
    ringing.hung_up(&mut desk.phone);
}

#[test]
fn what_agents_did_today_is_told_the_same_live_in_reports_and_after_a_restart() {
    let mut server = Server::start();
    let mut desk = desk(&server);
    desk.company.route(DIRECT, "agent", &desk.agent.id);
    desk.company.choose(&desk.agent, "available");
    // A caller of the queue: counts.
    let mut caller = desk.carrier.invite(NUMBER);
    let ringing = desk.phone.incoming_for(SOON);
    ringing.answer(&mut desk.phone);
    caller.expect(&mut desk.carrier, 200);
    talk(&mut desk, &mut caller, &ringing);
    until(SOON, "one call counts", || (live(&desk) == (1, 1)).then_some(()));
    // A callback that finds the customer busy: the agent has picked up, and talked with nobody.
    let in_vain = desk.ask(&json!({ "attempts": 1 }));
    let ringing = desk.phone.incoming_for(SOON);
    ringing.answer(&mut desk.phone);
    let person = desk.carrier.incoming_for(SOON);
    let waits = |state: &Value| state["state"] == "on_call" && state["takenToday"] == 1;
    until(SOON, "the agent waits for the customer", || {
        let state = desk.company.get(&format!("/api/agents/{}/state", desk.agent.id)).expect(200)["state"].clone();
        waits(&state).then_some(())
    });
    person.refuse(&mut desk.carrier, "486 Busy Here");
    ringing.hung_up(&mut desk.phone);
    desk.await_state(&in_vain, "failed");
    // One that reaches them: counts from their answer.
    let reached = desk.ask(&json!({}));
    let ringing = desk.phone.incoming_for(SOON);
    ringing.answer(&mut desk.phone);
    let mut person = desk.carrier.incoming_for(SOON);
    person.ring(&mut desk.carrier);
    assert!(desk.carrier.wait_maybe(TALK, |message| message.method() == "CANCEL").is_none());
    person.answer(&mut desk.carrier);
    talk(&mut desk, &mut person, &ringing);
    desk.await_state(&reached, "done");
    // One who calls the agent is no caller of a queue.
    let mut direct = desk.carrier.invite(DIRECT);
    let ringing = desk.phone.incoming_for(SOON);
    ringing.answer(&mut desk.phone);
    direct.expect(&mut desk.carrier, 200);
    talk(&mut desk, &mut direct, &ringing);
    desk.company.ended_calls(4);

    let told = until(SOON, "both callers count", || Some(live(&desk)).filter(|(taken, _)| *taken == 2));
    assert!((2..=3).contains(&told.1), "twice a good second, and not what the customer's phone rang: {told:?}");
    until(SOON, "the report says the same", || (reported(&desk) == told).then_some(()));
    server.kill();
    server.restart();
    assert_eq!(live(&desk), told);
    // From there it goes on.
    desk.phone = Peer::registered(server.sip, &desk.agent.line);
    let mut caller = desk.carrier.invite(NUMBER);
    let ringing = desk.phone.incoming_for(SOON);
    ringing.answer(&mut desk.phone);
    caller.expect(&mut desk.carrier, 200);
    talk(&mut desk, &mut caller, &ringing);
    let told = until(SOON, "the third counts", || Some(live(&desk)).filter(|now| now.0 == 3 && now.1 > told.1));
    until(SOON, "the report says the same", || (reported(&desk) == told).then_some(()));
    server.await_idle();
}
