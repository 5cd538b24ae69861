//! CANCEL in both directions, and its race with the answer.

use crate::support::*;
use dialplane_signaling::sip::endpoint::Command;
use dialplane_signaling::sip::transaction::timers::T1;

#[test]
fn a_cancel_is_answered_and_told_once() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    endpoint.receive(now, udp(), Peer::new("c").request("CANCEL"));
    let Some(Command::Cancel { tx: cancelled, .. }) = endpoint.poll_command() else { panic!() };
    assert_eq!(cancelled, tx);
    let ok = sent(&mut endpoint);
    assert_eq!(title(&ok.bytes), "200 CANCEL");
    assert_eq!(parse(&ok.bytes).to().unwrap().tag(), Some(incoming.local_tag.to_string().as_str()));
    endpoint.receive(now, udp(), Peer::new("c").request("CANCEL"));
    assert_eq!(sent(&mut endpoint), ok);
    respond(&mut endpoint, now, &incoming, tx, 487);
    endpoint.receive(now, udp(), Peer::new("c").tagged(incoming.local_tag.to_string()).request("ACK"));
    assert_eq!(drain(&mut endpoint), ["send 487 INVITE to 198.51.100.7:40000"]);
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn a_cancel_of_nothing_is_answered_481() {
    let (now, mut endpoint) = endpoint();
    endpoint.receive(now, udp(), Peer::new("c").request("CANCEL"));
    assert_eq!(drain(&mut endpoint), ["send 481 CANCEL to 198.51.100.7:40000"]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn a_cancel_that_comes_after_the_answer_changes_nothing() {
    let (now, mut endpoint) = endpoint();
    let incoming = receive(&mut endpoint, now, udp(), Peer::new("c").request("INVITE"));
    let tx = endpoint.accept(now, &incoming).unwrap();
    respond(&mut endpoint, now, &incoming, tx, 200);
    endpoint.receive(now, udp(), Peer::new("c").request("CANCEL"));
    assert_eq!(
        drain(&mut endpoint),
        ["send 200 INVITE to 198.51.100.7:40000", "send 200 CANCEL to 198.51.100.7:40000"]
    );
}

#[test]
fn our_cancel_waits_for_a_provisional_response() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    let tx = endpoint.send_request(now, invite.clone(), udp()).unwrap();
    drain(&mut endpoint);
    endpoint.cancel(now, tx, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    assert_eq!(drain(&mut endpoint), [""; 0]);
    endpoint.receive(now, udp(), answer(&invite, 180, "t"));
    let Some(Command::Response { .. }) = endpoint.poll_command() else { panic!() };
    let cancel = parse(&sent(&mut endpoint).bytes);
    let invite_message = parse(&invite);
    assert_eq!(cancel.via().unwrap().branch, invite_message.via().unwrap().branch);
    assert_eq!(cancel.cseq().unwrap().number, 4);
    assert_eq!(cancel.to().unwrap().tag(), None);
    assert_eq!(cancel.routes().count(), 1);
    assert_eq!(cancel.header("Reason".into()), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    endpoint.receive(now, udp(), answer(cancel.bytes(), 200, "t"));
    endpoint.receive(now, udp(), answer(&invite, 487, "t"));
    assert_eq!(drain(&mut endpoint), ["send ACK to 198.51.100.7:40000", "response 487 INVITE"]);
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}

#[test]
fn the_answer_may_be_faster_than_our_cancel() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &udp(), "c");
    let tx = endpoint.send_request(now, invite.clone(), udp()).unwrap();
    endpoint.receive(now, udp(), answer(&invite, 180, "t"));
    drain(&mut endpoint);
    endpoint.cancel(now, tx, None);
    endpoint.cancel(now, tx, None);
    let cancel = sent(&mut endpoint).bytes;
    endpoint.receive(now, udp(), answer(&invite, 200, "t"));
    endpoint.receive(now, udp(), answer(&cancel, 200, "t"));
    assert_eq!(drain(&mut endpoint), ["response 200 INVITE"]);
    endpoint.cancel(now, tx, None);
    assert_eq!(drain(&mut endpoint), [""; 0]);
}

#[test]
fn a_cancelled_call_that_never_ends_is_given_up() {
    let (now, mut endpoint) = endpoint();
    let invite = our_invite(&mut endpoint, &tcp(), "c");
    let tx = endpoint.send_request(now, invite.clone(), tcp()).unwrap();
    endpoint.receive(now, tcp(), answer(&invite, 180, "t"));
    drain(&mut endpoint);
    endpoint.cancel(now, tx, None);
    drain(&mut endpoint);
    endpoint.handle_timeout(now + 64 * T1);
    assert_eq!(drain(&mut endpoint), ["timeout"]);
    assert_eq!(run_out(&mut endpoint), [""; 0]);
    assert_eq!(endpoint.gauges(), [0; 4]);
}
