//! Queues that ring several agents at once.

use std::time::Duration;

use serde_json::json;

use crate::support::company::{Agent, Company};
use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);
const ROUNDS: usize = 30;

/// A queue with this strategy for the agents, who are all there.
fn desk(server: &Server, strategy: &str, count: usize) -> (Company, Peer, Vec<Agent>, Vec<Peer>) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let agents: Vec<Agent> = (0..count).map(|n| company.agent(&format!("agent{n}"))).collect();
    let phones: Vec<Peer> = agents.iter().map(|agent| Peer::registered(server.sip, &agent.line)).collect();
    let queue = company.queue(20, 120, &agents.iter().collect::<Vec<_>>());
    let changed = json!({ "strategy": strategy, "progressiveSeconds": 1 });
    assert_eq!(company.put(&format!("/api/queues/{queue}"), &changed).expect(200)["queue"]["strategy"], strategy);
    company.route(NUMBER, "queue", &queue);
    for agent in &agents {
        company.choose(agent, "available");
    }
    (company, carrier, agents, phones)
}

#[test]
fn of_two_who_answer_at_once_one_is_connected_and_the_other_told_that_somebody_else_was_faster() {
    let server = Server::start();
    let (company, mut carrier, agents, mut phones) = desk(&server, "ring_all", 3);
    let mut won = [0; 2];
    for round in 0..ROUNDS {
        let mut caller = carrier.invite(NUMBER);
        let ringing: Vec<_> = phones.iter_mut().map(Peer::incoming).collect();
        for (ringing, phone) in ringing.iter().zip(&mut phones) {
            ringing.ring(phone);
        }
        caller.expect(&mut carrier, 180);
        let (first, second) = (round % 2, 1 - round % 2);
        for n in [first, second] {
            ringing[n].answer_only(&mut phones[n]);
        }
        caller.expect(&mut carrier, 200);
        // The third is cancelled while it rings; by the reason its display shows no missed call (RFC 3326).
        let cancel = ringing[2].maybe_cancelled(&mut phones[2], SOON).expect("a CANCEL");
        assert!(cancel.header("Reason").contains("cause=200"), "{}", phones[2].story());
        ringing[2].refuse(&mut phones[2], "487 Request Terminated");
        // Whoever was slower is cancelled, and as the answer and the CANCEL crossed, hung up.
        let slower = ringing[second].maybe_cancelled(&mut phones[second], SOON).is_some();
        let (winner, loser) = if slower { (first, second) } else { (second, first) };
        ringing[loser].await_ack(&mut phones[loser]);
        ringing[loser].hung_up(&mut phones[loser]);
        ringing[winner].await_ack(&mut phones[winner]);
        won[winner] += 1;
        caller.hang_up(&mut carrier);
        ringing[winner].hung_up(&mut phones[winner]);
    }
    assert!(won.iter().all(|won| *won > 0), "who answers first wins: {won:?}");
    company.ended_calls(ROUNDS);
    let connected: u64 = agents.iter().map(|agent| company.figures(agent).connected).sum();
    assert_eq!(connected, ROUNDS as u64);
    server.await_idle();
    // Nobody is stuck: the next call rings everywhere.
    let mut last = carrier.invite(NUMBER);
    for phone in &mut phones {
        phone.incoming();
    }
    last.cancel(&mut carrier);
}

#[test]
fn one_agent_more_rings_every_so_often_until_somebody_answers() {
    let server = Server::start();
    let (company, mut carrier, agents, mut phones) = desk(&server, "ring_progressively", 3);
    let mut caller = carrier.invite(NUMBER);
    let first = phones[0].incoming();
    first.ring(&mut phones[0]);
    let second = phones[1].incoming_for(SOON);
    second.answer(&mut phones[1]);
    caller.expect(&mut carrier, 200);
    first.cancelled(&mut phones[0], SOON);
    caller.hang_up(&mut carrier);
    let record = company.only_call();
    assert_eq!(record["telecaller"]["id"], json!(agents[1].id));
    assert!(phones[2].maybe_incoming(Duration::ZERO).is_none(), "{}", phones[2].story());
    server.await_idle();
}
