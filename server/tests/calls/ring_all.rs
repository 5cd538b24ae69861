//! Queues that ring several agents at once.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::company::{Agent, Company};
use crate::support::peer::{Call, Peer};
use crate::support::server::Server;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);
/// Queues whose calls are under way at the same time.
const DESKS: usize = 4;
/// Calls of each, in which two answer at once.
const ROUNDS: usize = 50;

/// A queue and who is there for it.
struct Desk {
    number: String,
    carrier: Peer,
    agents: Vec<Agent>,
    phones: Vec<Peer>,
}

/// A queue with this strategy for three agents, who are all there; `nth` of the company.
fn desk(server: &Server, company: &Company, strategy: &str, nth: usize) -> Desk {
    let carrier = Peer::new(server.sip, CUSTOMER);
    if nth == 0 {
        company.trunk(carrier.port());
    }
    let agents: Vec<Agent> = (0..3).map(|n| company.agent(&format!("agent{nth}{n}"))).collect();
    let phones: Vec<Peer> = agents.iter().map(|agent| Peer::registered(server.sip, &agent.line)).collect();
    let queue = company.queue(20, 120, &agents.iter().collect::<Vec<_>>());
    let changed = json!({ "name": format!("desk {nth}"), "strategy": strategy, "progressiveSeconds": 1 });
    assert_eq!(company.put(&format!("/api/queues/{queue}"), &changed).expect(200)["queue"]["strategy"], strategy);
    let number = format!("{}{nth}", &NUMBER[..NUMBER.len() - 1]);
    company.route(&number, "queue", &queue);
    for agent in &agents {
        company.choose(agent, "available");
    }
    Desk { number, carrier, agents, phones }
}

impl Desk {
    /// A call that rings everywhere.
    fn call(&mut self) -> (Call, Vec<Call>) {
        let mut caller = self.carrier.invite(&self.number);
        let ringing: Vec<Call> = self.phones.iter_mut().map(|phone| phone.incoming_for(SOON)).collect();
        for (ringing, phone) in ringing.iter().zip(&mut self.phones) {
            ringing.ring(phone);
        }
        caller.expect(&mut self.carrier, 180);
        (caller, ringing)
    }

    /// Whether the phone is cancelled; by the reason its display shows no missed call then (RFC 3326).
    fn is_cancelled(&mut self, ringing: &[Call], n: usize) -> bool {
        let cancel = ringing[n].maybe_cancelled(&mut self.phones[n], SOON);
        let told = |cancel: &crate::support::message::Message| cancel.header("Reason").contains("SIP;cause=200");
        assert!(cancel.as_ref().is_none_or(told), "{}", self.phones[n].story());
        cancel.is_some()
    }

    /// The phone rings no more, because somebody else was faster.
    fn is_freed(&mut self, ringing: &[Call], n: usize) {
        assert!(self.is_cancelled(ringing, n), "a CANCEL; {}", self.phones[n].story());
        ringing[n].refuse(&mut self.phones[n], "487 Request Terminated");
    }

    /// A call that two answer at once; who has it.
    fn race(&mut self, [first, second]: [usize; 2]) -> usize {
        let (mut caller, ringing) = self.call();
        for n in [first, second] {
            ringing[n].answer_only(&mut self.phones[n]);
        }
        caller.expect(&mut self.carrier, 200);
        self.is_freed(&ringing, 2);
        // Whoever was slower is cancelled, and as the answer and the CANCEL crossed, hung up.
        let (winner, loser) = if self.is_cancelled(&ringing, second) { (first, second) } else { (second, first) };
        ringing[loser].await_ack(&mut self.phones[loser]);
        let bye = ringing[loser].hung_up(&mut self.phones[loser]);
        assert!(bye.header("Reason").contains("SIP;cause=200"), "{}", self.phones[loser].story());
        ringing[winner].await_ack(&mut self.phones[winner]);
        caller.hang_up(&mut self.carrier);
        ringing[winner].hung_up(&mut self.phones[winner]);
        winner
    }

    /// Nobody is stuck: calls ring everywhere, and each agent takes one more.
    fn all_take_one_more(&mut self) {
        for n in 0..self.phones.len() {
            let (mut caller, ringing) = self.call();
            ringing[n].answer(&mut self.phones[n]);
            caller.expect(&mut self.carrier, 200);
            for other in (0..self.phones.len()).filter(|other| *other != n) {
                self.is_freed(&ringing, other);
            }
            caller.hang_up(&mut self.carrier);
            ringing[n].hung_up(&mut self.phones[n]);
        }
    }
}

#[test]
fn of_two_who_answer_at_once_one_is_connected_and_the_other_told_that_somebody_else_was_faster() {
    let server = Server::start_roomy();
    let company = server.company();
    let mut desks: Vec<Desk> = (0..DESKS).map(|nth| desk(&server, &company, "ring_all", nth)).collect();
    thread::scope(|all| {
        for desk in &mut desks {
            all.spawn(|| {
                let mut won = [0; 2];
                for round in 0..ROUNDS {
                    won[desk.race([round % 2, 1 - round % 2])] += 1;
                }
                assert!(won.iter().all(|won| *won > 0), "who answers first wins: {won:?}");
                desk.all_take_one_more();
            });
        }
    });
    let calls = (DESKS * (ROUNDS + 3)) as u64;
    let connected =
        || desks.iter().flat_map(|desk| &desk.agents).map(|agent| company.figures(agent).connected).sum::<u64>();
    until(SOON, "every call in the log, connected with one agent", || (connected() == calls).then_some(()));
    let total: u64 = desks.iter().flat_map(|desk| &desk.agents).map(|agent| company.figures(agent).total).sum();
    assert_eq!(total, calls);
    server.await_idle();
}

#[test]
fn one_agent_more_rings_every_so_often_until_somebody_answers() {
    let server = Server::start();
    let company = server.company();
    let Desk { mut carrier, agents, mut phones, .. } = desk(&server, &company, "ring_progressively", 0);
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
