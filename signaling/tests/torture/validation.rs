//! What a peer is owed, one line per defect that other parsers let through.

use dialplane_signaling::sip::validate::{self, Dropped, Policy};
use dialplane_signaling::sip::wire::{ContentLength, Limits, Message, Method, Name, ParseErrorKind};

use crate::draft::{Draft, Verdict, parse, verdict};

fn status(draft: &Draft) -> Verdict {
    verdict(&draft.bytes())
}

const BAD: Verdict = Verdict::Rejected(400);

#[test]
fn a_good_request_passes() {
    for method in Method::KNOWN {
        assert_eq!(status(&Draft::request(method.as_str())), Verdict::Accepted, "{method}");
    }
    assert_eq!(status(&Draft::line("INVITE tel:+15550100 SIP/2.0", "INVITE")), Verdict::Accepted);
}

#[test]
fn each_header_of_a_transaction_must_be_there_once_and_readable() {
    let base = || Draft::request("INVITE");
    let missing = [
        Draft { via: None, ..base() },
        Draft { from: None, ..base() },
        Draft { to: None, ..base() },
        Draft { call_id: None, ..base() },
        Draft { cseq: None, ..base() },
    ];
    let broken = [
        base().via("Via: SIP/3.0/UDP a;branch=z9hG4bK1"),
        base().via("Via: SIP/2.0/UDP a:99999;branch=z9hG4bK1"),
        base().via("Via: SIP/2.0/UDP"),
        base().from("From:"),
        base().to("To: bob"),
        base().cseq("CSeq: INVITE"),
        base().cseq("CSeq: -1 INVITE"),
        base().cseq("CSeq: 4294967296 INVITE"),
        base().cseq("CSeq: 1 BYE"),
        base().cseq("CSeq: 1 invite"),
        Draft { call_id: Some("Call-ID: a b".to_owned()), ..base() },
        base().with("Max-Forwards: 70"),
        base().with("Contact: <sip:a"),
        base().with("Expires: soon"),
        base().with("no header at all"),
        base().with("bad name: x"),
    ];
    for draft in missing.iter().chain(&broken) {
        assert_eq!(status(draft), BAD, "{draft:?}");
    }
    let mut hops = base();
    hops.more = vec!["Max-Forwards: 256".to_owned()];
    assert_eq!(status(&hops), BAD);
}

#[test]
fn content_length_is_held_against_what_came() {
    let of = |value: &str| Draft::request("INVITE").body("application/sdp", "v=0\r\n").length(value);
    assert_eq!(of("5").parse().content_length(), ContentLength::Stated(5));
    assert_eq!(of("3").parse().body(), b"v=0");
    assert_eq!(of("6").parse().content_length(), ContentLength::BeyondEnd);
    for value in ["6", "-5", "", "5x", "+5", "99999999999999999999999999", "5, 5"] {
        assert_eq!(status(&of(value)), BAD, "{value}");
    }
    assert_eq!(status(&of("5").with("l: 5")), BAD);
    let bytes = String::from_utf8(of("5").bytes().to_vec()).unwrap().replace("Content-Length: 5\r\n", "");
    assert_eq!(parse(&bytes.into()).unwrap().body(), b"v=0\r\n");
}

#[test]
fn a_rejection_says_what_the_status_requires() {
    let header = |draft: &Draft, name: Name<'_>| {
        let m = draft.parse();
        let rejection = validate::request(&m).unwrap_err();
        let answer = Message::parse(rejection.response(&m).finish(), &Limits::default()).unwrap();
        (answer.status().unwrap(), answer.header(name).unwrap_or("").to_owned())
    };
    let unknown = Draft::request("INVITE").with("Require: 100rel, foo").with("Require: bar");
    assert_eq!(header(&unknown, Name::Unsupported), (420, "foo, bar".to_owned()));
    let (code, allow) = header(&Draft::request("FETCH"), Name::Allow);
    assert!(code == 501 && allow.starts_with("INVITE, ACK"));
    assert_eq!(header(&Draft::request("INVITE").body("text/x", "a"), Name::Accept).0, 415);
    let packed = Draft::request("INVITE").with("e: gzip").body("application/sdp", "a");
    assert_eq!(header(&packed, Name::AcceptEncoding), (415, "identity".to_owned()));
}

#[test]
fn a_method_known_but_not_supported_is_405() {
    let policy = Policy { methods: &[Method::Invite], ..Policy::default() };
    assert_eq!(validate::request_with(&Draft::request("REFER").parse(), &policy).unwrap_err().status, 405);
    assert_eq!(validate::request_with(&Draft::request("INVITE").parse(), &policy), Ok(()));
}

#[test]
fn cancel_and_ack_are_never_refused_for_extensions() {
    for method in ["ACK", "CANCEL"] {
        assert_eq!(status(&Draft::request(method).with("Require: foo")), Verdict::Accepted);
    }
}

#[test]
fn hops_end_where_a_call_would_be_passed_on() {
    let mut last = Draft::request("INVITE");
    last.more = vec!["Max-Forwards: 0".to_owned()];
    assert_eq!(status(&last), Verdict::Rejected(483));
    let inside = last.clone().to("To: <sip:b@example.com>;tag=1");
    assert_eq!(status(&inside), Verdict::Accepted);
    let policy = Policy { forwarding: false, ..Policy::default() };
    assert_eq!(validate::request_with(&last.parse(), &policy), Ok(()));
}

#[test]
fn a_body_that_may_be_ignored_is_no_reason_to_refuse() {
    let draft = Draft::request("INVITE").with("Content-Disposition: icon;handling=optional").body("image/png", "x");
    assert_eq!(status(&draft), Verdict::Accepted);
    let any = Draft::request("INVITE").with("Accept: text/plain, application/*;q=0.5");
    assert_eq!(status(&any), Verdict::Accepted);
}

#[test]
fn an_ack_and_a_request_without_via_are_not_answerable() {
    assert!(validate::answerable(&Draft::request("INVITE").parse()));
    assert!(!validate::answerable(&Draft::request("ACK").parse()));
    assert!(!validate::answerable(&Draft { via: None, ..Draft::request("INVITE") }.parse()));
}

#[test]
fn responses_are_taken_or_dropped() {
    let good = Draft::response("SIP/2.0 200");
    assert_eq!(validate::response(&good.parse()), Ok(()));
    let dropped = |draft: Draft| validate::response(&draft.parse()).unwrap_err();
    assert_eq!(dropped(good.clone().with("Via: SIP/2.0/UDP x;branch=z9hG4bK2")), Dropped::Misrouted(2));
    assert_eq!(dropped(good.clone().with("CSeq: 1 INVITE")), Dropped::Repeated);
    assert_eq!(dropped(good.clone().length("7")), Dropped::ContentLength);
    assert!(matches!(dropped(Draft { to: None, ..good }), Dropped::Header(e) if e.header == "To"));
    assert_eq!(dropped(Draft::request("INVITE")), Dropped::NotAResponse);
}

#[test]
fn what_is_no_message_is_dropped_with_a_reason() {
    let kind = |bytes: &'static [u8]| parse(&bytes::Bytes::from_static(bytes)).unwrap_err().kind;
    assert_eq!(kind(b""), ParseErrorKind::KeepAlive);
    assert_eq!(kind(b"\r\n\r\n"), ParseErrorKind::KeepAlive);
    assert_eq!(kind(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ParseErrorKind::NotSip);
    assert_eq!(kind(b"INVITE\r\n\r\n"), ParseErrorKind::NotSip);
    assert_eq!(kind(b"IN\"VITE sip:a SIP/2.0\r\n\r\n"), ParseErrorKind::NotSip);
    assert_eq!(kind(b"SIP/2.0 099 x\r\n\r\n"), ParseErrorKind::StatusCode);
    assert_eq!(kind(b"SIP/2.0 20 x\r\n\r\n"), ParseErrorKind::StatusCode);
    assert_eq!(kind(b"SIP/2.0 2000\r\n\r\n"), ParseErrorKind::StatusCode);
    assert_eq!(kind(b"SIP/3.0 200 OK\r\n\r\n"), ParseErrorKind::ResponseVersion);
    assert_eq!(kind(b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n"), ParseErrorKind::HeadersWithoutEnd);
}

#[test]
fn sizes_beyond_the_limits_are_refused() {
    let limits = Limits { message: 900, start_line: 80, header_name: 20, header_value: 100, headers: 12, uri: 40 };
    let kind = |draft: Draft| Message::parse(draft.bytes(), &limits).map_err(|e| e.kind).err();
    let base = || Draft::request("OPTIONS");
    assert_eq!(kind(base()), None);
    assert_eq!(kind(base().body("a/b", vec![0; 900])), Some(ParseErrorKind::MessageTooLarge));
    assert_eq!(
        kind(Draft::line(&format!("OPTIONS sip:{} SIP/2.0", "a".repeat(80)), "OPTIONS")),
        Some(ParseErrorKind::StartLineTooLong)
    );
    assert_eq!(
        kind(Draft::line(&format!("OPTIONS sip:{} SIP/2.0", "a".repeat(40)), "OPTIONS")),
        Some(ParseErrorKind::UriTooLong)
    );
    assert_eq!(kind(base().with(&format!("{}: 1", "n".repeat(21)))), Some(ParseErrorKind::HeaderNameTooLong));
    assert_eq!(kind(base().with(&format!("n: {}", "v".repeat(101)))), Some(ParseErrorKind::HeaderValueTooLong));
    assert_eq!(kind((0..10).fold(base(), |d, n| d.with(&format!("n{n}: 1")))), Some(ParseErrorKind::TooManyHeaders));
}
