//! One message for every trait that RFC 5118 describes, in words of our own.

use std::net::IpAddr;

use bytes::Bytes;
use dialplane_signaling::sip::wire::{Host, Message};

use crate::draft::{Draft, Verdict, verdict};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn to_uri(uri: &str) -> Draft {
    Draft::line(&format!("REGISTER {uri} SIP/2.0"), "REGISTER")
}

const SDP_V6: &str =
    "v=0\r\no=ann 1 1 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";
const SDP_MIXED: &str = "v=0\r\no=ann 1 1 IN IP6 2001:db8::7\r\ns=-\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n\
    m=video 6002 RTP/AVP 31\r\nc=IN IP4 192.0.2.7\r\n";

/// Section, message, verdict.
pub(crate) fn rows() -> Vec<(&'static str, Bytes, Verdict)> {
    let v6_via = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK1";
    let row = |section, draft: Draft| (section, draft.bytes(), Verdict::Accepted);
    vec![
        row("4.1", to_uri("sip:[2001:db8::10]").via(v6_via).with("Contact: <sip:ann@[2001:db8::1]>")),
        ("4.2", to_uri("sip:2001:db8::10").bytes(), Verdict::Rejected(400)),
        row("4.3", to_uri("sip:[2001:db8::10:5070]")),
        row("4.4", to_uri("sip:[2001:db8::10]:5070")),
        row("4.5 with brackets", to_uri("sip:x").via(&format!("{v6_via};received=[2001:db8::9:255]"))),
        row("4.5 without brackets", to_uri("sip:x").via(&format!("{v6_via};received=2001:db8::9:255"))),
        row("4.6", Draft::line("INVITE sip:bob@[2001:db8::10] SIP/2.0", "INVITE").body("application/sdp", SDP_V6)),
        row(
            "4.7",
            Draft::request("BYE")
                .via("Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bK1;received=192.0.2.1;rport")
                .with("Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK2;received=[2001:db8::9:255]")
                .with("Route: <sip:[2001:db8::5];lr>, <sip:192.0.2.5;lr>"),
        ),
        row("4.8", Draft::request("INVITE").body("application/sdp", SDP_MIXED)),
        row(
            "4.9",
            Draft::request("INVITE")
                .via("Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bK1")
                .with("Contact: <sip:ann@[::ffff:192.0.2.10]:19823>"),
        ),
        row(
            "4.9 in SDP",
            Draft::request("INVITE").body("application/sdp", SDP_V6.replace("2001:db8::7", "::ffff:192.0.2.7")),
        ),
        row("4.10", Draft::line("OPTIONS sip:bob@[2001:db8:::192.0.2.1] SIP/2.0", "OPTIONS")),
    ]
}

fn get(section: &str) -> Message {
    let (_, bytes, _) = rows().into_iter().find(|(row, ..)| *row == section).unwrap();
    crate::draft::parse(&bytes).unwrap()
}

#[test]
fn every_trait_gets_its_verdict() {
    for (section, bytes, expected) in rows() {
        assert_eq!(verdict(&bytes), expected, "section {section}");
    }
}

#[test]
fn brackets_part_address_and_port() {
    let host = |section| {
        let m = get(section);
        let uri = m.request_uri().unwrap();
        (uri.host.unwrap().ip().unwrap(), uri.port)
    };
    assert_eq!(host("4.1"), (ip("2001:db8::10"), None));
    assert_eq!(host("4.3"), (ip("2001:db8::10:5070"), None));
    assert_eq!(host("4.4"), (ip("2001:db8::10"), Some(5070)));
    assert_eq!(host("4.10").0, ip("2001:db8::192.0.2.1"));
}

#[test]
fn received_is_read_with_and_without_brackets() {
    for section in ["4.5 with brackets", "4.5 without brackets"] {
        assert_eq!(get(section).via().unwrap().received_ip(), Some(ip("2001:db8::9:255")), "{section}");
    }
}

#[test]
fn an_address_is_written_as_it_is_read() {
    for text in ["[2001:db8::1]", "192.0.2.1", "example.com"] {
        assert_eq!(Host::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Host::parse("2001:db8::1"), None);
    assert_eq!(Host::parse("[2001:db8::1"), None);
}
