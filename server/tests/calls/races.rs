//! What happens at the same time: answers against cancellations, good-byes from both sides, hanging up at every stage.

use std::time::Duration;

use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::support::shop::direct;
use crate::{CUSTOMER, NUMBER};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn an_answer_and_a_cancellation_that_cross_leave_nothing_behind() {
    let server = Server::start();
    let (company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    let rounds = 40;
    let mut connected = 0;
    for round in 0..rounds {
        let mut call = carrier.invite(NUMBER);
        let ringing = phone.incoming();
        ringing.ring(&mut phone);
        call.expect(&mut carrier, 180);
        if round % 2 == 0 {
            call.cancel_only(&mut carrier);
            ringing.answer_only(&mut phone);
        } else {
            ringing.answer_only(&mut phone);
            call.cancel_only(&mut carrier);
        }
        // Whatever won, the agent's answer is acknowledged, and the call is over or can be ended.
        let last = carrier.wait("final response", |m| {
            m.header("CSeq").ends_with("INVITE")
                && m.header("Call-ID") == call.id()
                && m.status().is_some_and(|s| s >= 200)
        });
        call.acknowledge(&mut carrier, &last);
        ringing.await_ack(&mut phone);
        if last.status() == Some(200) {
            connected += 1;
            call.hang_up(&mut carrier);
        } else {
            assert_eq!(last.status(), Some(487), "{}", carrier.story());
        }
        ringing.hung_up(&mut phone);
    }
    let calls = company.ended_calls(rounds);
    let completed = calls.iter().filter(|call| call["status"] == "completed").count();
    assert_eq!(completed, connected);
    assert_eq!(company.figures(&ann).connected, connected as u64);
    server.await_idle();
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let server = Server::start();
    let (company, mut carrier, ann) = direct(&server);
    let mut phone = Peer::registered(server.sip, &ann.line);
    for _ in 0..20 {
        let mut call = carrier.invite(NUMBER);
        let mut ringing = phone.incoming();
        ringing.answer(&mut phone);
        call.expect(&mut carrier, 200);
        call.hang_up_only(&mut carrier);
        ringing.hang_up_only(&mut phone);
        // Each BYE is answered, by 200 or, when the dialog was gone already, by 481.
        for peer in [&mut carrier, &mut phone] {
            let answer = peer.wait("answer to BYE", |m| m.header("CSeq").ends_with("BYE") && m.status().is_some());
            assert!(matches!(answer.status(), Some(200 | 481)), "{}", peer.story());
        }
    }
    company.ended_calls(20);
    assert_eq!(company.figures(&ann).connected, 20);
    server.await_idle();
}

#[test]
fn a_caller_may_hang_up_at_every_stage_and_the_agent_is_free_at_once() {
    let server = Server::start();
    let company = server.company();
    let mut carrier = Peer::new(server.sip, CUSTOMER);
    company.trunk(carrier.port());
    let ann = company.agent("ann");
    let queue = company.queue(60, 0, &[&ann]);
    company.route(NUMBER, "queue", &queue);
    let mut phone = Peer::registered(server.sip, &ann.line);
    for stage in ["invited", "trying", "ringing", "answered", "talking"].into_iter().cycle().take(15) {
        let mut call = carrier.invite(NUMBER);
        if stage == "invited" {
            call.cancel(&mut carrier);
            // The phone may have been rung for a moment. It is told once it has said something itself (RFC 3261 §9.1).
            if let Some(ringing) = phone.maybe_incoming(Duration::from_millis(50)) {
                ringing.ring(&mut phone);
                ringing.cancelled(&mut phone, SOON);
            }
            continue;
        }
        let ringing = phone.incoming();
        if stage != "trying" {
            ringing.ring(&mut phone);
            call.expect(&mut carrier, 180);
        }
        match stage {
            "trying" | "ringing" => {
                call.cancel(&mut carrier);
                if stage == "trying" {
                    // A CANCEL waits for a first provisional response (RFC 3261 §9.1).
                    ringing.ring(&mut phone);
                }
                ringing.cancelled(&mut phone, SOON);
            }
            "answered" => {
                ringing.answer_only(&mut phone);
                call.expect(&mut carrier, 200);
                call.hang_up(&mut carrier);
                ringing.await_ack(&mut phone);
                ringing.hung_up(&mut phone);
            }
            _ => {
                ringing.answer(&mut phone);
                call.expect(&mut carrier, 200);
                call.talk(880.0);
                call.hang_up(&mut carrier);
                ringing.hung_up(&mut phone);
            }
        }
    }
    company.ended_calls(15);
    assert_eq!(company.figures(&ann).connected, 6);
    server.await_idle();
    server.await_zero("dialplane_queue_waiting", SOON);
}
