//! Many calls at once.

use std::time::Duration;

use crate::support::company::Agent;
use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::support::wait::until;

const CALLS: usize = 20;
const NUMBER: &str = "+12025550100";

/// The tone of an agent, and of a caller: far enough apart from each other to be told by half a second.
fn agent_tone(n: usize) -> f64 {
    300.0 + 50.0 * n as f64
}

fn caller_tone(n: usize) -> f64 {
    1_500.0 + 50.0 * n as f64
}

fn caller_number(n: usize) -> String {
    format!("+1202555{:04}", 1_100 + n)
}

#[test]
fn twenty_calls_at_once_each_reach_an_agent_of_their_own() {
    let server = Server::start();
    let company = server.company();
    let agents: Vec<Agent> = (0..CALLS).map(|n| company.agent(&format!("agent{n}"))).collect();
    let mut phones: Vec<Peer> = agents.iter().map(|agent| Peer::registered(server.sip, &agent.line)).collect();
    let mut carriers: Vec<Peer> = (0..CALLS).map(|n| Peer::new(server.sip, &caller_number(n))).collect();
    company.trunk(carriers[0].port());
    let queue = company.queue(30, 60, &agents.iter().collect::<Vec<_>>());
    company.route(NUMBER, "queue", &queue);

    // All ring before any is answered, so that all are there at once.
    let mut calls: Vec<_> = carriers.iter_mut().map(|carrier| carrier.invite(NUMBER)).collect();
    let mut ringing = Vec::new();
    for phone in &mut phones {
        ringing.extend(phone.maybe_incoming(Duration::from_secs(10)));
    }
    let stories = || carriers.iter().map(Peer::story).collect::<Vec<_>>().join("\n");
    assert_eq!(ringing.len(), CALLS, "{}", stories());
    for (call, phone) in ringing.iter().zip(&mut phones) {
        call.ring(phone);
    }
    until(Duration::from_secs(5), "the gauge shows all calls", || {
        (server.metric("dialplane_calls_active")? == CALLS as f64).then_some(())
    });
    for (n, (call, phone)) in ringing.iter_mut().zip(&mut phones).enumerate() {
        call.answer(phone);
        call.talk(agent_tone(n));
    }
    for (n, (call, carrier)) in calls.iter_mut().zip(&mut carriers).enumerate() {
        call.expect(carrier, 200);
        call.talk(caller_tone(n));
    }

    // Which caller each agent has, by the number shown; both must hear that party and nobody else.
    let caller_of = |n: usize| {
        let shown = ringing[n].invite().user_of("From").to_owned();
        (0..CALLS).find(|n| caller_number(*n) == shown).unwrap_or_else(|| panic!("an unknown caller: {shown}"))
    };
    let callers: Vec<usize> = (0..CALLS).map(caller_of).collect();
    for (agent, caller) in callers.iter().copied().enumerate() {
        ringing[agent].audio.await_tone(caller_tone(caller));
        calls[caller].audio.await_tone(agent_tone(agent));
    }
    // Half of them are ended by the caller, half by the agent.
    for (agent, caller) in callers.iter().copied().enumerate() {
        if agent % 2 == 0 {
            calls[caller].hang_up(&mut carriers[caller]);
            ringing[agent].hung_up(&mut phones[agent]);
        } else {
            ringing[agent].hang_up(&mut phones[agent]);
            calls[caller].hung_up(&mut carriers[caller]);
        }
    }
    let log = company.ended_calls(CALLS);
    for call in &log {
        let agent =
            agents.iter().position(|agent| call["telecaller"]["id"] == agent.id.as_str()).expect("an agent of ours");
        assert_eq!(call["from"], caller_number(callers[agent]).as_str(), "the log pairs whom the media paired");
        assert_eq!(call["hangup"]["side"], if agent % 2 == 0 { "caller" } else { "callee" });
        assert_eq!(call["status"], "completed");
    }
    for agent in &agents {
        let figures = company.figures(agent);
        assert_eq!((figures.total, figures.connected), (1, 1));
    }
    server.await_idle();
}
