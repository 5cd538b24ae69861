//! What is refused, what costs nothing, and what is left behind.

use crate::support::*;
use bytes::Bytes;
use dialplane_signaling::sip::endpoint::{Config, Endpoint};
use std::time::Instant;

#[test]
fn a_challenge_makes_no_transaction_and_copies_get_the_same_answer() {
    let (now, mut endpoint) = endpoint();
    let mut answers = vec![];
    for _ in 0..2 {
        let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
        let response = endpoint.response(&incoming, 401, "").header("WWW-Authenticate", "Digest realm=\"x\"").finish();
        endpoint.reply(&incoming, response);
        answers.push(sent(&mut endpoint));
    }
    assert_eq!(answers[0], answers[1]);
    let tag = parse(&answers[0].bytes).to().unwrap().tag().unwrap().to_owned();
    endpoint.receive(now, udp(), Peer::new("c").tagged(tag).request("ACK"));
    assert_eq!(drain(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
    // The same call with credentials is another request.
    let again = Peer::new("c").cseq(2).via("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKagain");
    let incoming = receive(&mut endpoint, now, udp(), again.request("INVITE"));
    endpoint.accept(now, &incoming).unwrap();
}

#[test]
fn a_full_endpoint_sheds_new_calls_and_serves_dialogs() {
    let now = Instant::now();
    let mut endpoint = Endpoint::new(Config { max_transactions: 1, ..Config::new([1; 16]) });
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("a").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 200);
    drain(&mut endpoint);
    for method in ["INVITE", "REGISTER", "OPTIONS"] {
        let peer = Peer::new(method).via("SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bKnew");
        endpoint.receive(now, udp(), peer.request(method));
        let busy = parse(&sent(&mut endpoint).bytes);
        assert_eq!(busy.status(), Some(503));
        assert!((1..=5).contains(&busy.retry_after().unwrap().unwrap()));
    }
    assert_eq!(endpoint.stats().shed, 3);
    let tag = incoming.local_tag.to_string();
    let ack = Peer::new("a").via("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKack").tagged(tag.clone());
    endpoint.receive(now, udp(), ack.request("ACK"));
    let bye = Peer::new("a").via("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKbye").cseq(2).tagged(tag);
    endpoint.receive(now, udp(), bye.request("BYE"));
    endpoint.receive(now, udp(), Peer::new("a").request("CANCEL"));
    assert_eq!(drain(&mut endpoint), ["ack", "request BYE", "send 200 CANCEL to 198.51.100.7:40000"]);
}

#[test]
fn a_flood_of_challenged_requests_leaves_nothing() {
    let (now, mut endpoint) = endpoint();
    for n in 0..10_000 {
        let incoming = receive(&mut endpoint, now, udp(), Peer::new(n.to_string()).request("REGISTER"));
        let response = endpoint.response(&incoming, 401, "").finish();
        endpoint.reply(&incoming, response);
        drain(&mut endpoint);
    }
    assert_eq!(endpoint.gauges(), [0; 4]);
    assert_eq!(endpoint.poll_timeout(), None);
}

#[test]
fn invalid_requests_are_answered_without_state() {
    let (now, mut endpoint) = endpoint();
    let good = String::from_utf8(Peer::new("c").request("OPTIONS").to_vec()).unwrap();
    for (from, to, status) in [
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", "505"),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "400"),
        ("CSeq: 1 OPTIONS\r\n", "", "400"),
        ("Call-ID: c\r\n", "", "400"),
        ("OPTIONS sip:1000@192.0.2.1", "OPTIONS http://x", "416"),
        ("Max-Forwards", "Require: sorcery\r\nMax-Forwards", "420"),
        ("Content-Length: 0", "Content-Length: 99", "400"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        endpoint.receive(now, udp(), bad.clone().into());
        let lines: Vec<_> = std::iter::from_fn(|| endpoint.poll_command()).collect();
        let [dialplane_signaling::sip::endpoint::Command::Transmit(transmit)] = &lines[..] else {
            panic!("{bad}: {lines:?}")
        };
        let answer = String::from_utf8_lossy(&transmit.bytes);
        assert!(answer.starts_with(&format!("SIP/2.0 {status}")), "{bad}\n{answer}");
    }
    assert_eq!(endpoint.stats().invalid, 7);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    let (now, mut endpoint) = endpoint();
    let good = String::from_utf8(Peer::new("c").request("OPTIONS").to_vec()).unwrap();
    let ack = String::from_utf8(Peer::new("c").request("ACK").to_vec()).unwrap();
    for bad in [
        "nonsense".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        good.replace("Via: SIP/2.0/UDP", "Via: nonsense"),
        ack.replace("CSeq: 1 ACK", "CSeq: x"),
        "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n".to_owned(),
    ] {
        endpoint.receive(now, udp(), Bytes::from(bad));
        assert_eq!(drain(&mut endpoint), [""; 0]);
    }
    assert_eq!(endpoint.stats().unparsable + endpoint.stats().invalid, 5);
}

#[test]
fn twenty_thousand_transactions_leave_nothing_behind() {
    let (now, mut endpoint) = endpoint();
    for n in 0..5_000 {
        let call = n.to_string();
        let incoming = receive(&mut endpoint, now, udp(), Peer { via: leak(n), ..Peer::new(&*call) }.request("INVITE"));
        let tx = endpoint.accept(now, &incoming).unwrap();
        respond(&mut endpoint, now, &incoming, tx, if n % 2 == 0 { 200 } else { 486 });
        drain(&mut endpoint);
        let incoming =
            receive(&mut endpoint, now, udp(), Peer { via: leak(n), ..Peer::new(&*call) }.request("OPTIONS"));
        let tx = endpoint.accept(now, &incoming).unwrap();
        respond(&mut endpoint, now, &incoming, tx, 200);
        let invite = our_invite(&mut endpoint, &udp(), &call);
        endpoint.send_request(now, invite.clone(), udp()).unwrap();
        if n % 3 == 0 {
            endpoint.receive(now, udp(), answer(&invite, if n % 2 == 0 { 200 } else { 486 }, "t"));
        }
        let via = endpoint.via(&udp());
        let bye = Peer { via: Box::leak(via.into_boxed_str()), ..Peer::new(&*call) }.tagged("t").request("BYE");
        endpoint.send_request(now, bye, udp()).unwrap();
        drain(&mut endpoint);
    }
    assert_eq!(endpoint.transactions(), 20_000);
    run_out(&mut endpoint);
    assert_eq!(endpoint.gauges(), [0; 4]);
    assert_eq!(endpoint.poll_timeout(), None);
}

fn leak(n: usize) -> &'static str {
    Box::leak(format!("SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bK{n}").into_boxed_str())
}
