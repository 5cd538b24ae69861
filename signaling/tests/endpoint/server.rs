//! Requests received.

use crate::support::*;
use dialplane_signaling::sip::endpoint::{AcceptError, RespondError};
use dialplane_signaling::sip::transaction::Misuse;
use dialplane_signaling::sip::transaction::timers::{T1, TIMER_H, TIMER_J, TIMER_L};
use std::time::Duration;

#[test]
fn a_retransmitted_invite_gets_the_same_response() {
    let (now, mut endpoint) = endpoint();
    let invite = Peer::new("c").request("INVITE");
    let incoming = receive(&mut endpoint, now, udp(), invite.clone());
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 180);
    let first = sent(&mut endpoint);
    endpoint.receive(now, udp(), invite.clone());
    assert_eq!(sent(&mut endpoint), first);
    respond(&mut endpoint, now, &incoming, tx, 486);
    let busy = sent(&mut endpoint);
    endpoint.receive(now, udp(), invite);
    assert_eq!(sent(&mut endpoint), busy);
    assert_eq!(drain(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.stats().retransmissions, 2);
}

#[test]
fn a_silent_user_gets_a_100_sent_and_it_has_no_tag() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    endpoint.accept(now, &incoming).unwrap();
    assert_eq!(endpoint.poll_timeout(), Some(now + Duration::from_millis(200)));
    endpoint.handle_timeout(now + Duration::from_millis(200));
    let trying = sent(&mut endpoint);
    assert_eq!(title(&trying.bytes), "100 INVITE");
    assert_eq!(parse(&trying.bytes).to().unwrap().tag(), None);
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_the_ack_is_told_once() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, tcp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 200);
    endpoint.handle_timeout(now + T1);
    assert_eq!(
        drain(&mut endpoint),
        ["send 200 INVITE to 198.51.100.7:40000", "send 200 INVITE to 198.51.100.7:40000"]
    );
    let ack = Peer::new("c").via("SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKack").tagged(incoming.local_tag.to_string());
    endpoint.receive(now + T1, tcp(), ack.request("ACK"));
    endpoint.receive(now + T1, tcp(), ack.request("ACK"));
    assert_eq!(drain(&mut endpoint), ["ack"]);
    endpoint.handle_timeout(now + 3 * T1);
    assert_eq!(drain(&mut endpoint), [""; 0]);
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn a_2xx_without_ack_times_out_after_64_t1() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 200);
    let lines = run_out(&mut endpoint);
    assert_eq!(lines.iter().filter(|line| line.starts_with("send 200")).count(), 11);
    assert_eq!(lines.last().unwrap(), "timeout");
    assert_eq!(endpoint.gauges(), [0; 4]);
    assert_eq!(TIMER_L, 64 * T1);
}

#[test]
fn the_ack_of_a_failure_stops_its_repetition_and_is_not_told() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 486);
    drain(&mut endpoint);
    endpoint.receive(now, udp(), Peer::new("c").tagged(incoming.local_tag.to_string()).request("ACK"));
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn a_failure_without_ack_times_out_after_timer_h() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, tcp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 486);
    drain(&mut endpoint);
    endpoint.handle_timeout(now + TIMER_H);
    assert_eq!(drain(&mut endpoint), ["timeout"]);
}

#[test]
fn responses_follow_rport_or_sent_by_over_udp() {
    let (now, mut endpoint) = endpoint();
    let with = receive(&mut endpoint, now, udp(), Peer::new("a").request("OPTIONS"));
    let response = endpoint.response(&with, 200, "").finish();
    endpoint.reply(&with, response);
    let transmit = sent(&mut endpoint);
    assert_eq!(transmit.flow.remote, address(PEER));
    let via = parse(&transmit.bytes);
    let via = via.via().unwrap();
    assert_eq!((via.received, via.rport), (Some("198.51.100.7"), Some(Some(40_000))));

    for (via, to) in [
        ("SIP/2.0/UDP 10.0.0.5:5070;branch=z9hG4bKb", "198.51.100.7:5070"),
        ("SIP/2.0/UDP phone.example.com;branch=z9hG4bKc", "198.51.100.7:5060"),
        ("SIP/2.0/UDP 10.0.0.5;maddr=203.0.113.1;branch=z9hG4bKd", "198.51.100.7:5060"),
    ] {
        let incoming = receive(&mut endpoint, now, udp(), Peer::new("b").via(via).request("OPTIONS"));
        let response = endpoint.response(&incoming, 200, "").finish();
        endpoint.reply(&incoming, response);
        assert_eq!(sent(&mut endpoint).flow.remote, address(to));
    }
}

#[test]
fn responses_over_tcp_use_the_connection_and_fall_back_to_sent_by() {
    let (now, mut endpoint) = endpoint();
    let peer = Peer::new("a").via("SIP/2.0/TCP 10.0.0.5:5070;branch=z9hG4bKb");
    let incoming = receive(&mut endpoint, now, tcp(), peer.request("OPTIONS"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 200);
    let transmit = sent(&mut endpoint);
    assert_eq!(transmit.flow, tcp());
    assert_eq!(transmit.fallback, Some(address("198.51.100.7:5070")));
}

#[test]
fn a_peer_of_rfc_2543_is_matched_without_a_unique_branch() {
    for via in ["SIP/2.0/UDP 10.0.0.5:5070", "SIP/2.0/UDP 10.0.0.5:5070;branch=1"] {
        let (now, mut endpoint) = endpoint();
        let peer = Peer::new("old").via(via);
        let incoming = receive(&mut endpoint, now, udp(), peer.request("INVITE"));
        let tx = endpoint.accept(now, &incoming).unwrap();
        respond(&mut endpoint, now, &incoming, tx, 486);
        endpoint.receive(now, udp(), peer.request("INVITE"));
        assert_eq!(
            drain(&mut endpoint),
            ["send 486 INVITE to 198.51.100.7:5070", "send 486 INVITE to 198.51.100.7:5070"]
        );
        endpoint.receive(now, udp(), peer.clone().tagged(incoming.local_tag.to_string()).request("ACK"));
        assert_eq!(run_out(&mut endpoint), [""; 0]);
        let another = receive(&mut endpoint, now, udp(), peer.cseq(2).request("INVITE"));
        assert!(endpoint.accept(now, &another).is_ok());
    }
}

#[test]
fn the_same_branch_of_another_host_is_another_transaction() {
    let (now, mut endpoint) = endpoint();
    let one =
        receive(&mut endpoint, now, udp(), Peer::new("a").via("SIP/2.0/UDP h1;branch=z9hG4bKx").request("OPTIONS"));
    endpoint.accept(now, &one).unwrap();
    let two =
        receive(&mut endpoint, now, udp(), Peer::new("a").via("SIP/2.0/UDP h2;branch=z9hG4bKx").request("OPTIONS"));
    endpoint.accept(now, &two).unwrap();
    assert_eq!(endpoint.transactions(), 2);
}

#[test]
fn an_invite_that_comes_along_two_paths_is_refused_the_second_time() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    endpoint.accept(now, &incoming).unwrap();
    let merged = Peer::new("c").via("SIP/2.0/UDP 10.0.0.6:5070;rport;branch=z9hG4bKother");
    endpoint.receive(now, udp(), merged.request("INVITE"));
    assert_eq!(drain(&mut endpoint), ["send 482 INVITE to 198.51.100.7:40000"]);
}

#[test]
fn a_copy_that_was_received_before_the_first_was_accepted_is_noticed() {
    let (now, mut endpoint) = endpoint();
    let first = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let second = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &first).unwrap();
    assert_eq!(endpoint.accept(now, &second), Err(AcceptError::Duplicate(tx)));
}

#[test]
fn answering_twice_or_nonsense_is_refused() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("OPTIONS"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    let request = Peer::new("c").request("OPTIONS");
    assert_eq!(endpoint.respond(now, tx, request), Err(RespondError::NotAResponse));
    let ok = endpoint.response(&incoming, 200, "").finish();
    endpoint.respond(now, tx, ok.clone()).unwrap();
    assert_eq!(endpoint.respond(now, tx, ok.clone()), Err(RespondError::Misuse(Misuse::AlreadyAnswered)));
    endpoint.handle_timeout(now + TIMER_J);
    assert_eq!(endpoint.respond(now, tx, ok), Err(RespondError::Unknown));
}

#[test]
fn a_failed_send_of_a_response_is_told_and_the_call_can_still_be_answered() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, tcp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    endpoint.transport_failed(now, tx);
    assert_eq!(drain(&mut endpoint), ["transport error"]);
    respond(&mut endpoint, now, &incoming, tx, 200);
    assert_eq!(drain(&mut endpoint), ["send 200 INVITE to 198.51.100.7:40000"]);
}
