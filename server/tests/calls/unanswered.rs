//! Calls that nobody answers, or that end before or without a proper good-bye.

use std::time::Duration;

use crate::support::company::{Agent, Company, Figures, events};
use crate::support::peer::Peer;
use crate::support::phone::{Answering, Phone};
use crate::support::server::Server;
use crate::support::shop::direct;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

/// The shortest time that a queue rings an agent.
const RING: u32 = 5;
const RING_AND_MORE: Duration = Duration::from_secs(9);

/// A company whose number leads to a queue with agents of these names.
fn queue(server: &Server, max_wait: u32, names: &[&str]) -> (Company, Peer, Vec<Agent>) {
    let company = server.company();
    let carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let agents: Vec<Agent> = names.iter().map(|name| company.agent(name)).collect();
    let queue = company.queue(RING, max_wait, &agents.iter().collect::<Vec<_>>());
    company.route(NUMBER, "queue", &queue);
    (company, carrier, agents)
}

#[test]
fn a_call_that_one_agent_does_not_answer_rings_the_next() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 60, &["ann", "bob"]);
    let mut deaf = Peer::registered(server.sip, &agents[0].line);
    let mut phone = Phone::registered(server.sip, &agents[1].line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    let ignored = deaf.incoming();
    ignored.ring(&mut deaf);
    call.expect(&mut carrier, 180);
    ignored.cancelled(&mut deaf, RING_AND_MORE);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.hang_up(&mut carrier);
    phone.await_end();
    let call = company.only_call();
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!(call["telecaller"]["id"], agents[1].id.as_str());
    assert!(call["waitSeconds"].as_u64().is_some_and(|seconds| (5..=15).contains(&seconds)), "{call}");
    let told = events(&call);
    assert_eq!(told.iter().filter(|event| *event == "offered").count(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|event| *event == "offer_failed").count(), 1, "{told:?}");
    // The call is the agent's who took it.
    let none = Figures { total: 0, connected: 0, not_connected: 0 };
    assert_eq!((company.figures(&agents[0]), company.figures(&agents[1]).connected), (none, 1));
    server.await_idle();
}

#[test]
fn a_call_that_nobody_answers_is_given_up_after_the_longest_wait() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 5, &["ann"]);
    let mut deaf = Peer::registered(server.sip, &agents[0].line);
    let mut call = carrier.invite(NUMBER);
    let ignored = deaf.incoming();
    ignored.ring(&mut deaf);
    call.expect(&mut carrier, 180);
    ignored.cancelled(&mut deaf, RING_AND_MORE);
    call.expect(&mut carrier, 480);
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("no_answer"), Some("no_answer")),
        "{call}"
    );
    assert_eq!(call["hangup"]["side"], "system", "{call}");
    assert!(call["answerTime"].is_null() && call["duration"] == 0, "{call}");
    server.await_idle();
}

#[test]
fn busy_and_declined_are_passed_to_the_caller_and_logged() {
    let server = Server::start();
    let (company, mut carrier, agent) = direct(&server);
    let mut phone = Peer::registered(server.sip, &agent.line);
    for (answer, status) in [("486 Busy Here", 486), ("603 Decline", 603)] {
        let mut call = carrier.invite(NUMBER);
        let ringing = phone.incoming();
        ringing.ring(&mut phone);
        ringing.refuse(&mut phone, answer);
        call.expect(&mut carrier, status);
    }
    let calls = company.ended_calls(2);
    let causes: Vec<_> = calls.iter().map(|call| (call["status"].as_str(), call["hangup"]["cause"].as_str())).collect();
    assert_eq!(causes, [(Some("busy"), Some("call_rejected")), (Some("busy"), Some("user_busy"))]);
    server.await_idle();
}

#[test]
fn a_real_phone_that_declines_turns_the_caller_away() {
    let server = Server::start();
    let (company, mut carrier, agent) = direct(&server);
    let mut phone = Phone::registered(server.sip, &agent.line, 440, Answering::WhenTold);
    let mut call = carrier.invite(NUMBER);
    phone.await_ring();
    phone.command("hangup", "");
    // baresip declines with 486.
    call.expect(&mut carrier, 486);
    assert_eq!(company.only_call()["status"], "busy");
    server.await_idle();
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_stops_the_ringing() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 60, &["ann"]);
    let mut phone = Phone::registered(server.sip, &agents[0].line, 440, Answering::WhenTold);
    let mut call = carrier.invite(NUMBER);
    phone.await_ring();
    call.expect(&mut carrier, 180);
    call.cancel(&mut carrier);
    phone.await_end();
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["side"].as_str()),
        (Some("abandoned"), Some("caller")),
        "{call}"
    );
    assert_eq!(company.figures(&agents[0]).total, 0);
    server.await_idle();
    // The agent is free at once.
    let mut call = carrier.invite(NUMBER);
    phone.await_ring();
    call.cancel(&mut carrier);
    phone.await_end();
}

#[test]
fn a_phone_killed_while_it_rings_loses_the_call_to_the_next_agent() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 60, &["ann", "bob"]);
    let mut doomed = Phone::registered(server.sip, &agents[0].line, 440, Answering::WhenTold);
    let mut other = Phone::registered(server.sip, &agents[1].line, 620, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    doomed.await_ring();
    doomed.kill();
    call.expect_for(&mut carrier, RING_AND_MORE, 200);
    other.await_call();
    call.talk(880.0);
    call.audio.await_tone(620.0);
    call.hang_up(&mut carrier);
    other.await_end();
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["telecaller"]["id"].as_str()),
        (Some("completed"), Some(agents[1].id.as_str()))
    );
    server.await_idle_within(Duration::from_secs(37));
}

#[test]
fn a_phone_killed_in_a_call_leaves_a_call_that_the_caller_can_end() {
    let server = Server::start();
    let (company, mut carrier, agent) = direct(&server);
    let mut phone = Phone::registered(server.sip, &agent.line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    phone.kill();
    call.hang_up(&mut carrier);
    // The BYE to the dead phone is never answered; the call is over all the same.
    let log = company.only_call();
    assert_eq!((log["status"].as_str(), log["hangup"]["side"].as_str()), (Some("completed"), Some("caller")), "{log}");
    assert_eq!(company.figures(&agent), Figures { total: 1, connected: 1, not_connected: 0 });
    server.await_idle();
}

#[test]
fn a_call_to_an_agent_without_a_phone_fails_at_once() {
    let server = Server::start();
    let (company, mut carrier, _) = direct(&server);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 480);
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("failed"), Some("subscriber_absent")),
        "{call}"
    );
    server.await_idle();
}

#[test]
fn a_caller_waits_in_the_queue_until_a_phone_registers() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 60, &["ann"]);
    let mut call = carrier.invite(NUMBER);
    until(Duration::from_secs(5), "the caller waits", || {
        (server.metric("dialplane_queue_waiting")? == 1.0).then_some(())
    });
    let mut phone = Phone::registered(server.sip, &agents[0].line, 440, Answering::AtOnce);
    call.expect(&mut carrier, 200);
    phone.await_call();
    phone.command("hangup", "");
    call.hung_up(&mut carrier);
    assert_eq!(company.only_call()["status"], "completed");
    server.await_zero("dialplane_queue_waiting", Duration::from_secs(1));
    server.await_idle();
}

#[test]
fn a_caller_who_gives_up_in_the_queue_has_abandoned_the_call() {
    let server = Server::start();
    let (company, mut carrier, _) = queue(&server, 60, &["ann"]);
    let mut call = carrier.invite(NUMBER);
    until(Duration::from_secs(5), "the caller waits", || {
        (server.metric("dialplane_queue_waiting")? == 1.0).then_some(())
    });
    call.cancel(&mut carrier);
    assert_eq!(company.only_call()["status"], "abandoned");
    server.await_zero("dialplane_queue_waiting", Duration::from_secs(1));
    server.await_idle();
}

#[test]
fn an_agent_on_a_break_is_not_offered_calls() {
    let server = Server::start();
    let (company, mut carrier, agents) = queue(&server, 60, &["ann", "bob"]);
    let mut resting = Peer::registered(server.sip, &agents[0].line);
    let mut phone = Phone::registered(server.sip, &agents[1].line, 440, Answering::AtOnce);
    company.choose(&agents[0], "break");
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.hang_up(&mut carrier);
    phone.await_end();
    assert!(resting.wait_maybe(Duration::from_millis(100), |m| m.method() == "INVITE").is_none());
    server.await_idle();
}

#[test]
fn a_call_in_which_the_agents_phone_has_died_is_ended_though_the_caller_talks_on() {
    let server = Server::start();
    let (company, mut carrier, agent) = direct(&server);
    let mut phone = Phone::registered(server.sip, &agent.line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    call.expect(&mut carrier, 200);
    phone.await_call();
    call.talk(880.0);
    call.audio.await_tone(440.0);
    phone.kill();
    // A minute without the phone, and the time between two looks.
    call.hung_up_within(&mut carrier, Duration::from_secs(75));
    let call = company.only_call();
    assert_eq!(
        (call["status"].as_str(), call["hangup"]["cause"].as_str()),
        (Some("completed"), Some("media_timeout")),
        "{call}"
    );
    assert_eq!(company.figures(&agent), Figures { total: 1, connected: 1, not_connected: 0 });
    server.await_idle();
}

#[test]
fn a_caller_who_never_acknowledges_the_answer_is_told_goodbye_as_well() {
    let server = Server::start();
    let (company, mut carrier, agent) = direct(&server);
    let mut phone = Phone::registered(server.sip, &agent.line, 440, Answering::AtOnce);
    let mut call = carrier.invite(NUMBER);
    phone.await_call();
    // No ACK: the answer is repeated for 64 times T1 (RFC 3261, 13.3.1.4), then the dialog ends.
    let bye = call.unconfirmed(&mut carrier, Duration::from_secs(40));
    assert!(bye.header("CSeq").ends_with("BYE"));
    phone.await_end();
    let call = company.only_call();
    assert_eq!(call["hangup"]["cause"], "no_user_responding", "{call}");
    server.await_idle();
}
