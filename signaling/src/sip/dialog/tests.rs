use super::*;
use crate::sip::wire::Limits;

const VIA: &str = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew";

fn message(text: &str) -> Message {
    Message::parse(text.replace('\n', "\r\n").into(), &Limits::default()).unwrap()
}

fn invite() -> Message {
    message(
        "INVITE sip:bob@example.com SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n\
         Record-Route: <sip:near.example.com;lr>, <sip:far.example.com;lr>\n\
         From: \"Alice\" <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>\n\
         Call-ID: call\n\
         CSeq: 7 INVITE\n\
         Contact: <sip:alice@192.0.2.9:5062>\n\n",
    )
}

fn response(status: &str, tag: &str, routes: &str, contact: &str) -> Message {
    message(&format!(
        "SIP/2.0 {status}\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n\
         {routes}From: \"Alice\" <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>;tag={tag}\n\
         Call-ID: call\n\
         CSeq: 7 INVITE\n\
         Contact: <{contact}>\n\n"
    ))
}

fn in_dialog(method: &str, cseq: u32, contact: &str) -> Message {
    message(&format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{cseq}{method}\n\
         From: <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>;tag=b\n\
         Call-ID: call\n\
         CSeq: {cseq} {method}\n\
         Contact: <{contact}>\n\n"
    ))
}

fn built(builder: Builder) -> Message {
    Message::parse(builder.finish(), &Limits::default()).unwrap()
}

fn routes(message: &Message) -> Vec<&str> {
    message.routes().map(|route| route.unwrap().uri.as_str()).collect()
}

#[test]
fn a_uas_answers_back_along_the_recorded_route() {
    let mut dialog = Dialog::uas(&invite(), "b").unwrap();
    assert_eq!(dialog.state(), DialogState::Early);
    assert_eq!(dialog.next_hop(), "sip:near.example.com;lr");
    let bye = built(dialog.request(&Method::Bye, VIA));
    assert_eq!(bye.request_uri().unwrap().as_str(), "sip:alice@192.0.2.9:5062");
    assert_eq!(routes(&bye), ["sip:near.example.com;lr", "sip:far.example.com;lr"]);
    assert_eq!(bye.from().unwrap().tag(), Some("b"));
    assert_eq!(bye.to().unwrap().tag(), Some("a"));
    assert_eq!(bye.to().unwrap().display, Some("Alice"));
    assert_eq!(bye.cseq().unwrap().number, 1);
    assert_eq!(bye.via().unwrap().branch, Some("z9hG4bKnew"));
}

#[test]
fn a_uac_reverses_the_recorded_route_and_acknowledges_with_the_number_of_the_invite() {
    let recorded = "Record-Route: <sip:far.example.com;lr>\nRecord-Route: <sip:near.example.com;lr>\n";
    let ok = response("200 OK", "b", recorded, "sip:bob@198.51.100.2");
    let mut dialog = Dialog::uac(&invite(), &ok).unwrap();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    let ack = built(dialog.ack(7, VIA));
    assert_eq!(ack.cseq().unwrap().number, 7);
    assert_eq!(routes(&ack), ["sip:near.example.com;lr", "sip:far.example.com;lr"]);
    assert_eq!(ack.request_uri().unwrap().as_str(), "sip:bob@198.51.100.2");
    assert_eq!(built(dialog.request(&Method::Info, VIA)).cseq().unwrap().number, 8);
}

#[test]
fn each_fork_is_a_dialog_and_the_2xx_brings_the_final_route() {
    let one = response("180 Ringing", "one", "Record-Route: <sip:old.example.com;lr>\n", "sip:one@198.51.100.1");
    let two = response("180 Ringing", "two", "", "sip:two@198.51.100.2");
    let mut first = Dialog::uac(&invite(), &one).unwrap();
    let second = Dialog::uac(&invite(), &two).unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(first.state(), DialogState::Early);
    let ok = response("200 OK", "one", "Record-Route: <sip:new.example.com;lr>\n", "sip:one@203.0.113.1");
    assert_eq!(DialogId::of_response(&ok).as_ref(), Some(first.id()));
    first.receive_response(&ok).unwrap();
    assert_eq!(first.state(), DialogState::Confirmed);
    assert_eq!(first.next_hop(), "sip:new.example.com;lr");
    assert_eq!(first.remote_target().as_str(), "sip:one@203.0.113.1");
}

#[test]
fn a_response_without_tag_makes_no_dialog() {
    let trying = message(
        "SIP/2.0 100 Trying\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\nFrom: <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>\nCall-ID: call\nCSeq: 7 INVITE\n\n",
    );
    assert_eq!(Dialog::uac(&invite(), &trying).unwrap_err(), DialogError::NoTag);
}

#[test]
fn requests_are_matched_by_call_id_and_tags_and_checked_for_order() {
    let mut dialog = Dialog::uas(&invite(), "b").unwrap();
    let info = in_dialog("INFO", 9, "sip:other@192.0.2.9");
    assert_eq!(DialogId::of_request(&info).as_ref(), Some(dialog.id()));
    assert_eq!(DialogId::of_request(&invite()), None);
    dialog.receive_request(&info).unwrap();
    let late = dialog.receive_request(&in_dialog("INFO", 8, "sip:x@h")).unwrap_err();
    assert_eq!(late, DialogError::OutOfOrder { last: 9, got: 8 });
    assert_eq!(late.status(), 500);
    dialog.receive_request(&in_dialog("ACK", 7, "sip:x@h")).unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:alice@192.0.2.9:5062");
}

#[test]
fn a_reinvite_moves_the_remote_target() {
    let mut dialog = Dialog::uas(&invite(), "b").unwrap();
    dialog.receive_request(&in_dialog("INVITE", 8, "sip:alice@203.0.113.9")).unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:alice@203.0.113.9");
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let recorded = "Record-Route: <sip:loose.example.com;lr>\nRecord-Route: <sip:strict.example.com>\n";
    let ok = response("200 OK", "b", recorded, "sip:bob@198.51.100.2");
    let mut dialog = Dialog::uac(&invite(), &ok).unwrap();
    let bye = built(dialog.request(&Method::Bye, VIA));
    assert_eq!(bye.request_uri().unwrap().as_str(), "sip:strict.example.com");
    assert_eq!(routes(&bye), ["sip:loose.example.com;lr", "sip:bob@198.51.100.2"]);
}

#[test]
fn an_invite_without_contact_makes_no_dialog() {
    let text = String::from_utf8(invite().bytes().to_vec()).unwrap();
    let without = text.replace("Contact: <sip:alice@192.0.2.9:5062>\r\n", "");
    let without = Message::parse(without.into(), &Limits::default()).unwrap();
    assert_eq!(Dialog::uas(&without, "b").unwrap_err().status(), 400);
}

#[test]
fn a_dialog_is_confirmed_once_and_does_not_come_back() {
    let mut dialog = Dialog::uas(&invite(), "b").unwrap();
    dialog.confirm();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    dialog.terminate();
    dialog.confirm();
    assert_eq!(dialog.state(), DialogState::Terminated);
    assert_eq!(dialog.id().local_tag(), "b");
    assert_eq!(dialog.id().remote_tag(), "a");
}
