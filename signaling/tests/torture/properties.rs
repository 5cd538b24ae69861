//! What holds for all messages.

use dialplane_signaling::sip::wire::{Builder, Limits, Message, Method, Name, NameAddr, StartLine};
use proptest::prelude::*;

const TOKEN: &str = "[A-Za-z0-9!%*_+`'~.-]{1,16}";

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        proptest::sample::select(Method::KNOWN.to_vec()),
        TOKEN.prop_map(|name| Method::from_bytes(name.as_bytes()).unwrap()),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        (
            "[a-z0-9.+;=-]{1,12}",
            "[a-z0-9-]{1,10}(\\.[a-z]{2,5})?",
            proptest::option::of(1u16..),
            "(;[a-z]{1,5}(=[a-z0-9]{1,5})?){0,3}"
        )
            .prop_map(|(user, host, port, params)| match port {
                Some(port) => format!("sip:{user}@{host}:{port}{params}"),
                None => format!("sips:{user}@{host}{params}"),
            }),
        "tel:\\+?[0-9-]{3,12}(;phone-context=[a-z.]{1,9})?",
        any::<u128>().prop_map(|ip| format!("sip:[{}]", std::net::Ipv6Addr::from(ip))),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = "[ -~\u{a1}-\u{17f}]{0,40}".prop_map(|text| text.trim_matches(' ').to_owned());
    proptest::collection::vec(("X-[A-Za-z0-9-]{1,12}", value), 0..12)
}

fn parse(bytes: bytes::Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_request_is_read_as_it_was_built(
        method in method(), uri in uri(), from in uri(), tag in TOKEN, display in "[ -~]{0,20}", number: u32,
        headers in headers(), body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let escaped = display.replace('\\', "\\\\").replace('"', "\\\"");
        let mut builder = Builder::request(&method, &uri)
            .header(Name::From, format!("\"{escaped}\" <{from}>;tag={tag}"))
            .header(Name::CSeq, format!("{number} {method}"));
        for (name, value) in &headers {
            builder = builder.header(name.as_str(), value);
        }
        let m = parse(builder.body("application/octet-stream", &body).finish());
        prop_assert_eq!(m.start(), StartLine::Request { method: &method, uri: &uri });
        prop_assert_eq!(m.request_uri().unwrap().to_string(), uri);
        let read: NameAddr<'_> = m.from().unwrap();
        prop_assert_eq!((read.uri.as_str(), read.tag()), (from.as_str(), Some(tag.as_str())));
        prop_assert_eq!(read.display_name().unwrap(), display);
        let cseq = m.cseq().unwrap();
        prop_assert_eq!((cseq.number, &cseq.method), (number, &method));
        let own: Vec<_> = m.raw_headers().filter(|(n, _)| n.starts_with("X-")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(own, headers);
        prop_assert_eq!(m.body(), &body[..]);
    }

    #[test]
    fn reading_twice_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..40), folds in 0usize..4, at in 0usize..200) {
        let mut text = b"\r\nINVITE sip:b@h SIP/2.0\r\nTo :  <sip:b>\r\nSubject: a b c\r\nl: 4\r\n\r\nbodyrest".to_vec();
        let at = at.min(text.len());
        text.splice(at..at, bytes);
        for _ in 0..folds {
            text.splice(at..at, *b"\r\n \t");
        }
        if let Ok(m) = Message::parse(text.into(), &Limits::default()) {
            let again = parse(m.bytes().clone());
            prop_assert_eq!(again.bytes(), m.bytes());
            prop_assert_eq!(again.start(), m.start());
            prop_assert_eq!(again.body(), m.body());
            prop_assert!(again.raw_headers().eq(m.raw_headers()));
        }
    }

    #[test]
    fn no_text_adds_a_header(value in any::<String>(), name in any::<String>(), tag in any::<String>()) {
        let bytes = Builder::response(200, &value)
            .header(Name::To, format!("<sip:b>{value}"))
            .header(Name::Other(&name), &value)
            .to_tag(&tag)
            .finish();
        let m = parse(bytes);
        prop_assert!(m.raw_headers().count() <= 3);
        prop_assert!(m.body().is_empty());
        prop_assert_eq!(m.malformed_line(), None);
    }
}
