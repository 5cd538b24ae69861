//! A thousand calls.

use std::time::Duration;

use serde_json::json;

use crate::support::company::Agent;
use crate::support::peer::Peer;
use crate::support::ports::Ports;
use crate::support::server::Server;
use crate::support::sipp::Sipp;

const CALLS: u64 = 1_000;
const LINES: usize = 10;

#[test]
fn a_thousand_calls_at_fifty_a_second_all_succeed_and_leave_nothing_behind() {
    let server = Server::start_roomy();
    let company = server.company();
    let ports = Ports::reserve();
    company.trunk(ports.single(10));
    let agents: Vec<Agent> = (0..LINES).map(|n| company.agent(&format!("agent{n}"))).collect();
    let numbers: Vec<String> = (0..LINES).map(|n| format!("+1202555{:04}", 100 + n)).collect();
    for (agent, number) in agents.iter().zip(&numbers) {
        company.route(number, "extension", &agent.extension);
        // SIPp answers where these registrations came from.
        let mut phone = Peer::on(server.sip, &agent.line.username, ports.single(20));
        assert_eq!(phone.register(&agent.line, &agent.line.password, 600).status(), Some(200), "{}", phone.story());
    }
    let calls = CALLS.to_string();
    let mut phones =
        Sipp::start("phone", ports.single(20), None, &[], &["-m", &calls, "-mp", &ports.single(80).to_string()]);
    let customer = ["-m", &calls, "-r", "50", "-l", "600", "-mp", &ports.single(90).to_string()];
    let mut customers = Sipp::start("customer", ports.single(10), Some(server.sip), &numbers, &customer);
    customers.succeed(Duration::from_secs(60));
    phones.succeed(Duration::from_secs(10));

    server.await_idle();
    assert_eq!(server.metric("dialplane_calls_total"), Some(CALLS as f64));
    let total =
        |query: &str| company.get(&format!("/api/calls?limit=1{query}")).expect(200)["pagination"]["total"].clone();
    crate::support::wait::until(Duration::from_secs(20), "all calls in the log", || {
        (total("&status=completed") == json!(CALLS)).then_some(())
    });
    assert_eq!(total(""), json!(CALLS));
    let connected: u64 = agents.iter().map(|agent| company.figures(agent).connected).sum();
    assert_eq!(connected, CALLS);
    // RFC 3261 keeps transactions for 32 s.
    server.await_zero("dialplane_sip_transactions_active", Duration::from_secs(37));
}

const LISTENERS: u64 = 100;

#[test]
fn a_hundred_callers_at_once_hear_a_prompt_evenly() {
    let server = Server::start_roomy();
    let company = server.company();
    let ports = Ports::reserve();
    company.trunk(ports.single(10));
    let flow = json!({"version": 1, "start": "long", "onError": "bye", "prompts": {"long": {"*": [{"beep": 5000}, {"beep": 5000}]}}, "nodes": {
        "long": {"type": "play", "prompt": "long", "next": "bye"}, "bye": {"type": "hangup"}}});
    let id = company.flow("main", &flow);
    company.route(crate::NUMBER, "flow", &id);
    let listeners = LISTENERS.to_string();
    let more = ["-m", &listeners, "-r", "50", "-l", &listeners, "-mp", &ports.single(90).to_string()];
    let mut callers = Sipp::start("listener", ports.single(10), Some(server.sip), &[crate::NUMBER.to_owned()], &more);
    callers.succeed(Duration::from_secs(60));
    server.await_idle();
    let frames = server.metric("dialplane_voice_frames_total").expect("a count");
    let gaps = server.metric("dialplane_voice_gaps_total").expect("a count");
    eprintln!("{frames} frames, {gaps} of them more than 30 ms after the one before");
    // Ten seconds are 500 frames. Other tests have the machine as well, so that a thread may be woken late now and then.
    assert!(frames >= LISTENERS as f64 * 500.0, "{frames}");
    assert!(gaps <= frames / 100.0, "{gaps} of {frames}");
}
