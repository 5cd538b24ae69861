//! Typed values: what phones and trunks really send, one trait each.

use dialplane_signaling::sip::wire::{
    CSeq, Contact, HeaderFault, Host, ListValues, MediaType, Message, Method, Name, NameAddr, RAck, Scheme, StartLine,
    Uri, UriBuf, Via,
};

use crate::draft::{Draft, parse};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|| panic!("no URI: {text}"))
}

#[test]
fn a_sip_uri_has_all_its_parts() {
    let u = uri("SIPS:ann%20x;day=tue:pa%3Ass@[2001:db8::1]:5061;transport=tcp;lr;x=?subject=a&to=b");
    assert_eq!((u.scheme, u.user, u.password), (Scheme::Sips, Some("ann%20x;day=tue"), Some("pa%3Ass")));
    assert_eq!(
        (u.host.unwrap().to_string(), u.port, u.headers),
        ("[2001:db8::1]".to_owned(), Some(5061), "subject=a&to=b")
    );
    assert_eq!((u.transport(), u.is_loose_router(), u.params.get("X")), (Some("tcp"), true, Some("")));
    assert_eq!((u.number(), u.user_decoded().unwrap().as_ref()), (Some("ann%20x"), "ann x;day=tue"));
    assert!(u.is_secure());
    assert_eq!(u.to_string(), u.as_str());
}

#[test]
fn a_number_may_come_as_tel_or_as_a_user() {
    let tel = uri("tel:7042;phone-context=example.com");
    let sip = uri("sip:7042;phone-context=example.com@gw.example.net;user=phone");
    let outside = uri("sip:7042@gw.example.net;phone-context=example.com");
    for u in [tel, sip, outside] {
        assert_eq!((u.number(), u.phone_context()), (Some("7042"), Some("example.com")), "{u}");
    }
    assert_eq!((tel.host, tel.port), (None, None));
    assert_eq!(sip.host, Some(Host::Domain("gw.example.net")));
}

#[test]
fn what_is_no_uri_is_none() {
    for text in [
        "",
        "bob",
        "sip",
        "sip:",
        ":x",
        "1sip:x",
        "sip:@",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@b/c",
        "sip:a b@c",
        "sip:a@<b>",
        "sip:[::1",
        "sip:[x]",
        "sip:[::1]x",
        "sip:a;;b",
        "tel:",
        "tel:;x=1",
        "sip:2001:db8::1",
        "sip:a@h\u{e9}",
    ] {
        assert_eq!(Uri::parse(text), None, "{text:?}");
    }
    assert_eq!(uri("sip:@h").user, None);
    assert_eq!(UriBuf::parse("sip:"), None);
    assert_eq!(UriBuf::parse("sip:a@b").unwrap().get(), Some(uri("sip:a@b")));
}

#[test]
fn uris_are_the_same_when_they_lead_to_the_same_place() {
    let same = [
        ("sip:%61nn@Example.com;Transport=TCP", "sip:ann@example.COM;transport=tcp"),
        ("sip:ann@example.com", "sip:ann@example.com;newparam=5"),
        ("sip:ann@[2001:db8::1]", "sip:ann@[2001:db8:0::1]"),
        ("tel:+1-555-0100", "tel:+1(555)0100"),
    ];
    let different = [
        ("sip:ann@example.com", "sip:Ann@example.com"),
        ("sip:ann@example.com", "sips:ann@example.com"),
        ("sip:ann@example.com", "sip:ann@example.com:5060"),
        ("sip:ann@example.com", "sip:ann@example.com;transport=udp"),
        ("sip:ann@example.com;a=1", "sip:ann@example.com;a=2"),
        ("sip:ann@example.com", "sip:ann@example.com?x=y"),
        ("tel:+15550100", "tel:15550100"),
    ];
    for (a, b) in same {
        assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
    }
    for (a, b) in different {
        assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
    }
}

fn read(text: &str) -> NameAddr<'_> {
    NameAddr::parse(text).unwrap_or_else(|| panic!("no address: {text}"))
}

#[test]
fn addresses_are_read_with_and_without_brackets() {
    let bare = read("sip:ann@example.org;tag=1;x=\"a;b>c\"");
    assert_eq!((bare.uri.as_str(), bare.tag(), bare.param("x")), ("sip:ann@example.org", Some("1"), Some("a;b>c")));
    let plain = read("Ann  Doe <sip:ann@example.org;tag=no> ;TAG = 2");
    assert_eq!((plain.display, plain.tag()), (Some("Ann  Doe"), Some("2")));
    let quoted = read("\"Doe, \\\"Ann\\\" <sip:fake@x>\"<sip:ann@example.org>");
    assert_eq!(quoted.display_name().unwrap(), "Doe, \"Ann\" <sip:fake@x>");
    assert_eq!((quoted.uri.user, quoted.tag()), (Some("ann"), None));
    let q = |text: &str| read(&format!("<sip:a>;q={text}")).q();
    assert_eq!(
        ["1", "1.0", "0.25", "0", "1.1", "2", "0.1234", "x"].map(q),
        [Some(1000), Some(1000), Some(250), Some(0), None, None, None, None]
    );
    let expires = |text: &str| read(&format!("<sip:a>;expires={text}")).expires();
    assert_eq!(["60", "99999999999", "-1", ""].map(expires), [Some(60), Some(u32::MAX), None, None]);
    for text in [
        "",
        "<>",
        "<sip:a",
        "\"a <sip:a>",
        "a\" <sip:a>",
        "<sip:a>x",
        "\"a\" sip:a",
        "a;b <sip:a>",
        "sip:a?b=c",
        "<sip:a>;;x",
    ] {
        assert_eq!(NameAddr::parse(text), None, "{text:?}");
    }
}

#[test]
fn every_value_of_every_line_is_listed() {
    let m = Draft::request("REGISTER")
        .with("m: \"a, b\" <sip:a,b@x>;q=1 , <sip:c@x>, ,")
        .with("Contact: *")
        .with("k: timer,100rel")
        .with("Supported:")
        .with("Subject: one, two")
        .with("X-List: one, two")
        .parse();
    let contacts: Vec<_> = m.contacts().map(Result::unwrap).collect();
    assert!(matches!(contacts[..], [Contact::Addr(a), Contact::Addr(_), Contact::Star] if a.uri.user == Some("a,b")));
    assert!(m.supports("Timer") && m.supports("100rel") && !m.supports("path"));
    assert_eq!(m.header_values(Name::Subject).collect::<Vec<_>>(), ["one, two"]);
    assert_eq!(m.header_values(Name::Other("x-list")).count(), 1);
    assert_eq!(m.header_values(Name::Other("SUPPORTED")).count(), 2);
    assert_eq!(ListValues::new(" a ,\"b,c\",<d,e>,\"f").collect::<Vec<_>>(), ["a", "\"b,c\"", "<d,e>", "\"f"]);
}

#[test]
fn names_are_known_in_every_writing() {
    for (short, long) in
        [("v", "VIA"), ("F", "from"), ("t", "To"), ("i", "CALL-id"), ("m", "Contact"), ("l", "content-length")]
    {
        assert_eq!(Name::from(short), Name::from(long));
        assert!(!matches!(Name::from(long), Name::Other(_)));
    }
    assert_eq!(Name::Other("cseq"), Name::CSeq);
    assert_eq!(Name::Other("x-own"), Name::Other("X-OWN"));
    assert_ne!(Name::from("q"), Name::from("v"));
    assert!(matches!(Name::from("Vi"), Name::Other("Vi")));
}

#[test]
fn small_values_are_read() {
    let m = Draft::request("PRACK")
        .with("RAck: 776656 1 INVITE")
        .with("RSeq: 5")
        .with("x: 1800;refresher=uac")
        .with("Min-SE: 90")
        .with("Retry-After: 18 (in a moment);duration=5")
        .with("c: Application / SDP ; charset=\"utf-8\"")
        .with("Refer-To: <sip:x@y?Replaces=1>")
        .parse();
    assert_eq!(m.rack(), Ok(RAck { response: 776_656, number: 1, method: Method::Invite }));
    assert_eq!(
        (m.rseq(), m.session_expires(), m.min_se(), m.retry_after()),
        (Ok(5), Some(Ok(1800)), Some(Ok(90)), Some(Ok(18)))
    );
    let kind = m.content_type().unwrap().unwrap();
    assert!(kind.is("application", "sdp") && kind.params.get("charset") == Some("utf-8"));
    assert_eq!(m.addresses(Name::ReferTo).next().unwrap().unwrap().uri.headers, "Replaces=1");
    assert_eq!(m.cseq(), Ok(CSeq { number: 17, method: Method::Prack }));
    assert_eq!((m.expires(), m.min_expires()), (None, None));
    assert_eq!(MediaType::parse("text"), None);
    let missing = m.contact().unwrap_err();
    assert_eq!((missing.header, missing.fault), ("Contact", HeaderFault::Missing));
}

#[test]
fn an_error_says_where() {
    let m = Draft::request("OPTIONS").to("To: \"Bob\" <sip:bob@exa mple.com>").parse();
    let error = m.to().unwrap_err();
    assert_eq!((error.header, error.fault, error.offset), ("To", HeaderFault::Uri, 18));
    assert_eq!(error.to_string(), "To: invalid URI (at byte 18 of the value)");
}

#[test]
fn bytes_that_are_no_text_spoil_only_themselves() {
    let mut bytes = Draft::request("INVITE")
        .from("From: \"Ann #\" <sip:ann@example.org>;tag=1")
        .body("x/y", b"\xff\0\xfe")
        .bytes()
        .to_vec();
    let at = bytes.iter().position(|b| *b == b'#').unwrap();
    bytes[at] = 0xe9;
    let m = parse(&bytes.into()).unwrap();
    assert_eq!(m.from().unwrap().display, Some("Ann \u{fffd}"));
    assert_eq!(m.from().unwrap().tag(), Some("1"));
    assert_eq!(m.body(), b"\xff\0\xfe");
    let mut reply = Draft::response("SIP/2.0 486 Besetzt#").bytes().to_vec();
    reply[19] = 0xfc;
    let m = parse(&reply.into()).unwrap();
    assert_eq!(m.start(), StartLine::Response { status: 486, reason: "Besetzt\u{fffd}" });
}

#[test]
fn line_ends_without_carriage_return_are_read() {
    let text = String::from_utf8(Draft::request("OPTIONS").bytes().to_vec()).unwrap().replace("\r\n", "\n");
    let m = parse(&text.into()).unwrap();
    assert_eq!(m.cseq().unwrap().method, Method::Options);
}

#[test]
fn a_space_before_the_colon_hides_no_header() {
    let m = Draft::request("INVITE").with("P-Asserted-Identity : <sip:boss@example.com>").with("X-Own\t: 1").parse();
    assert_eq!(m.count(Name::PAssertedIdentity), 1);
    assert_eq!(m.header(Name::Other("X-Own")), Some("1"));
}

#[test]
fn vias_of_every_transport_are_read() {
    for transport in ["UDP", "TCP", "TLS", "WS", "WSS", "TLS-SCTP"] {
        let text = format!("SIP/2.0/{transport} h;branch=z9hG4bKx");
        let via = Via::parse(&text).unwrap();
        assert_eq!((via.transport, via.is_reliable()), (transport, transport != "UDP"));
    }
    let via = Via::parse("sip/2.0/udp 192.0.2.1 : 5060 ; BRANCH=Z9HG4BKx;rport=;ttl=16;maddr=224.2.0.1").unwrap();
    assert_eq!(
        (via.port, via.unique_branch(), via.rport, via.ttl, via.maddr),
        (Some(5060), Some("Z9HG4BKx"), Some(None), Some(16), Some("224.2.0.1"))
    );
    for text in [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/ h",
        "SIP/2.0/UDPh",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP h x",
        "SIP/2.0/UDP h:",
    ] {
        assert_eq!(Via::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_clone_shares_the_buffer() {
    let m: Message = Draft::request("INVITE").body("a/b", "xyz").parse();
    assert_eq!(m.clone().bytes().as_ptr(), m.bytes().as_ptr());
    assert_eq!(m.body_bytes().as_ptr(), m.body().as_ptr());
}
