//! What is built can be read, and holds nothing that was not meant.

use dialplane_signaling::sip::wire::{Builder, Message, Method, Name, StartLine};

use crate::draft::{Draft, parse};

fn read(builder: Builder) -> Message {
    parse(&builder.finish()).unwrap()
}

#[test]
fn no_value_begins_a_new_line() {
    let evil = "x\r\nInjected: yes\r\n\r\nbody\0\u{b}";
    let m = read(
        Builder::request(&Method::Options, format!("sip:b@h {evil}"))
            .header(Name::Subject, evil)
            .header(Name::Other("X-A: b\r\nInjected"), "c")
            .header(Name::Other("\r\n"), "nameless")
            .header(Name::ContentLength, 999)
            .body(&format!("text/plain{evil}"), "hello"),
    );
    assert_eq!(m.count(Name::Other("Injected")), 0);
    assert_eq!(m.raw_headers().count(), 4);
    assert_eq!(m.header(Name::Other("X-AbInjected")), Some("c"));
    assert_eq!(m.body(), b"hello");
    let r = read(Builder::response(200, evil).header(Name::To, "<sip:b>").to_tag(evil));
    assert_eq!(r.count(Name::Other("Injected")), 0);
    assert_eq!(r.status(), Some(200));
}

#[test]
fn an_unnamed_reason_becomes_the_usual_one() {
    assert_eq!(read(Builder::response(486, "")).start(), StartLine::Response { status: 486, reason: "Busy Here" });
}

#[test]
fn a_response_repeats_every_via_in_order() {
    let request = Draft::request("INVITE")
        .via("Via: SIP/2.0/TCP a;branch=z9hG4bK1;rport;keep=\"x y\", SIP/2.0/UDP b:5070;branch=z9hG4bK2")
        .with("Via: SIP/2.0/UDP c;branch=z9hG4bK3;received=192.0.2.3")
        .with("Record-Route: <sip:p1;lr>, <sip:p2;lr>")
        .with("Timestamp: 54")
        .parse()
        .from_source("[::ffff:198.51.100.1]:4000".parse().unwrap());
    let m = read(Builder::response_to(&request, 100, "").record_routes_of(&request));
    let branches: Vec<_> = m.vias().map(|via| via.unwrap().branch.unwrap()).collect();
    assert_eq!(branches, ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]);
    let top = m.via().unwrap();
    assert_eq!(
        (top.received, top.rport, top.params.get("keep")),
        (Some("198.51.100.1"), Some(Some(4000)), Some("x y"))
    );
    assert_eq!(m.vias().nth(1).unwrap().unwrap().received, None);
    assert_eq!(m.vias().nth(2).unwrap().unwrap().received, Some("192.0.2.3"));
    assert_eq!(m.record_routes().count(), 2);
    assert_eq!(m.header(Name::Timestamp), Some("54"));
    assert_eq!(m.call_id(), request.call_id());
    assert_eq!(m.cseq(), request.cseq());
}

#[test]
fn a_lie_about_received_is_replaced() {
    let request = Draft::request("OPTIONS")
        .via("Via: SIP/2.0/UDP 192.0.2.1;received=10.0.0.1;branch=z9hG4bK1;received=10.0.0.2")
        .parse();
    let honest = read(Builder::response_to(&request.clone().from_source("192.0.2.1:5060".parse().unwrap()), 200, ""));
    assert_eq!(honest.via().unwrap().received, None);
    let moved = read(Builder::response_to(&request.from_source("192.0.2.2:5060".parse().unwrap()), 200, ""));
    assert_eq!(moved.header(Name::Via), Some("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=192.0.2.2"));
}

#[test]
fn a_tag_is_given_once() {
    let open = Draft::request("INVITE").to("To: <sip:bob@example.com;tag=not-this>;x=1").parse();
    let m = read(Builder::response_to(&open, 180, "").to_tag("new"));
    assert_eq!((m.to().unwrap().tag(), m.to().unwrap().param("x")), (Some("new"), Some("1")));
    let inside = Draft::request("BYE").to("To: <sip:bob@example.com>;tag=old").parse();
    assert_eq!(read(Builder::response_to(&inside, 200, "").to_tag("new")).to().unwrap().tag(), Some("old"));
}
