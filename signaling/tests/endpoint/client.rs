//! Requests of ours.

use crate::support::*;
use dialplane_signaling::sip::dialog::Dialog;
use dialplane_signaling::sip::endpoint::{Command, SendRequestError};
use dialplane_signaling::sip::transaction::timers::{T1, TIMER_B};

#[test]
fn the_ack_of_a_failure_is_made_from_the_invite() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    endpoint.send_request(now, invite.clone(), udp()).unwrap();
    drain(&mut endpoint);
    endpoint.receive(now, udp(), answer(&invite, 486, "them"));
    let ack = sent(&mut endpoint);
    let message = parse(&ack.bytes);
    assert_eq!(message.request_uri().unwrap().as_str(), "sip:2000@198.51.100.7");
    assert_eq!(message.via().unwrap().branch, parse(&invite).via().unwrap().branch);
    assert_eq!(message.to().unwrap().tag(), Some("them"));
    assert_eq!(message.from().unwrap().tag(), Some("us"));
    assert_eq!((message.cseq().unwrap().number, message.routes().count()), (4, 1));
    assert_eq!(drain(&mut endpoint), ["response 486 INVITE"]);
    endpoint.receive(now, udp(), answer(&invite, 486, "them"));
    assert_eq!(sent(&mut endpoint), ack);
    assert_eq!(drain(&mut endpoint), [""; 0]);
}

#[test]
fn a_repeated_2xx_gets_its_ack_again_and_each_fork_is_told() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    let tx = endpoint.send_request(now, invite.clone(), udp()).unwrap();
    drain(&mut endpoint);
    let ok = answer(&invite, 200, "one");
    endpoint.receive(now, udp(), ok.clone());
    endpoint.receive(now, udp(), ok.clone());
    let Some(Command::Response { message, .. }) = endpoint.poll_command() else { panic!() };
    assert_eq!(drain(&mut endpoint), [""; 0]);
    let dialog = Dialog::uac(&parse(&invite), &message).unwrap();
    let via = endpoint.via(&udp());
    endpoint.acknowledge(tx, &message, &dialog.ack(4, via).finish(), udp());
    let ack = sent(&mut endpoint);
    endpoint.receive(now, udp(), ok);
    assert_eq!(sent(&mut endpoint), ack);
    endpoint.receive(now, udp(), answer(&invite, 200, "two"));
    assert_eq!(drain(&mut endpoint), ["response 200 INVITE"]);
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn an_unanswered_invite_times_out_after_64_t1() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    endpoint.send_request(now, invite, udp()).unwrap();
    let mut last = now;
    let mut lines = drain(&mut endpoint);
    while let Some(at) = endpoint.poll_timeout() {
        last = at;
        endpoint.handle_timeout(at);
        lines.extend(drain(&mut endpoint));
    }
    assert_eq!(last - now, TIMER_B);
    assert_eq!(lines.len(), 8);
    assert_eq!(lines.last().unwrap(), "timeout");
}

#[test]
fn a_failed_send_ends_the_transaction() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &tcp(), "c");
    let tx = endpoint.send_request(now, invite, tcp()).unwrap();
    assert_eq!(endpoint.connection(tx), tcp().connection);
    drain(&mut endpoint);
    endpoint.transport_failed(now, tx);
    assert_eq!(drain(&mut endpoint), ["transport error"]);
    endpoint.transport_failed(now, tx);
    assert_eq!(drain(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.transactions(), 0);
}

#[test]
fn responses_that_answer_nothing_are_dropped() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    endpoint.receive(now, udp(), answer(&invite, 200, "t"));
    endpoint.receive(now, udp(), Peer::new("x").request("ACK"));
    assert_eq!(drain(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.stats().stray, 2);
}

#[test]
fn only_requests_that_make_a_transaction_are_sent() {
    let (now, mut endpoint) = endpoint();
    let peer = Peer::new("c");
    for method in ["ACK", "CANCEL"] {
        assert_eq!(endpoint.send_request(now, peer.request(method), udp()), Err(SendRequestError::NoTransaction));
    }
    let old = Peer::new("c").via("SIP/2.0/UDP 192.0.2.1;branch=1").request("OPTIONS");
    assert_eq!(endpoint.send_request(now, old, udp()), Err(SendRequestError::Branch));
    endpoint.send_request(now, peer.request("OPTIONS"), udp()).unwrap();
    assert_eq!(endpoint.send_request(now, peer.request("OPTIONS"), udp()), Err(SendRequestError::Branch));
    assert!(matches!(endpoint.send_request(now, "nonsense".into(), udp()), Err(SendRequestError::Parse(_))));
}

#[test]
fn branches_differ() {
    let (_, mut endpoint) = endpoint();
    let branches: std::collections::HashSet<String> = (0..1000).map(|_| endpoint.branch().to_string()).collect();
    assert_eq!(branches.len(), 1000);
    let via = endpoint.via(&udp());
    assert!(via.starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"), "{via}");
    assert_eq!(T1.as_millis(), 500);
}
