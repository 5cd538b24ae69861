//! The wire format against messages that hurt.

use bytes::Bytes;
use dialplane_signaling::sip::wire::*;

#[test]
fn an_everyday_invite_gives_what_a_transaction_needs() {
    let text = concat!(
        "\r\nINVITE sip:+15550100;phone-context=example.com@[2001:db8::9]:5070;transport=tcp SIP/2.0\r\n",
        "v: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKa;rport, SIP/2.0/UDP [2001:db8::1]:5061;branch=z9hG4bKb\r\n",
        "From : \"A, \\\"B\\\"\" <sip:a@example.com>;tag=abc\r\n",
        "t: <tel:+15550100;phone-context=x>\r\n",
        "i: call-1@host\r\nCSeq: 7\r\n  INVITE\r\n",
        "m: <sip:a@192.0.2.1>;+sip.instance=\"<urn:uuid:0>\";q=0.5;expires=60\r\n",
        "l: 3\r\n\r\nv=0junk"
    );
    let m = Message::parse(Bytes::from_static(text.as_bytes()), &Limits::default()).unwrap();
    let uri = m.request_uri().unwrap();
    assert_eq!((uri.number(), uri.phone_context(), uri.port), (Some("+15550100"), Some("example.com"), Some(5070)));
    assert_eq!(m.vias().map(|v| v.unwrap().branch.unwrap()).collect::<Vec<_>>(), ["z9hG4bKa", "z9hG4bKb"]);
    assert_eq!(m.via().unwrap().rport, Some(None));
    assert_eq!(m.from().unwrap().tag(), Some("abc"));
    assert_eq!(m.from().unwrap().display_name().unwrap(), "A, \"B\"");
    assert_eq!(m.to().unwrap().uri.number(), Some("+15550100"));
    assert_eq!(m.call_id().unwrap(), "call-1@host");
    assert_eq!(m.cseq().unwrap(), CSeq { number: 7, method: Method::Invite });
    let contact = m.contact().unwrap();
    assert_eq!(
        (contact.q(), contact.expires(), contact.param("+sip.instance")),
        (Some(500), Some(60), Some("<urn:uuid:0>"))
    );
    assert_eq!(m.body(), b"v=0");

    let m = m.from_source("198.51.100.7:9999".parse().unwrap());
    let answer = Builder::response_to(&m, 180, "").to_tag("local").finish();
    let answer = Message::parse(answer, &Limits::default()).unwrap();
    let via = answer.via().unwrap();
    assert_eq!((via.received_ip(), via.rport), (Some("198.51.100.7".parse().unwrap()), Some(Some(9999))));
    assert_eq!(answer.vias().count(), 2);
    assert_eq!(answer.to().unwrap().tag(), Some("local"));
    assert_eq!(answer.start(), StartLine::Response { status: 180, reason: "Ringing" });
}
