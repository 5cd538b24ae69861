//! To the types of rsip and back.

use dialplane_signaling::sip::message::{ConversionError, UriText, uri_to_rsip};
use dialplane_signaling::sip::wire::{Message, Method, Name, Uri};

use crate::draft::Draft;

#[test]
fn a_request_comes_back_as_it_went() {
    let m = Draft::request("INVITE")
        .with("m: <sip:ann@[2001:db8::1]>;+sip.instance=\"<urn:uuid:0>\"")
        .with("Session-Expires: 1800")
        .with("X-Own: a: b")
        .body("application/x", b"\0\xff\r\n")
        .parse();
    let rsip = rsip::SipMessage::try_from(&m).unwrap();
    let rsip::SipMessage::Request(request) = &rsip else { panic!("not a request") };
    assert_eq!(request.method, rsip::Method::Invite);
    assert!(request.headers.iter().any(|h| matches!(h, rsip::Header::Contact(_))));
    let back = Message::try_from(&rsip).unwrap();
    assert_eq!(back.start(), m.start());
    assert_eq!(back.body(), m.body());
    let values = |m: &Message| m.headers().map(|(n, v)| (n.as_str().to_owned(), v.to_owned())).collect::<Vec<_>>();
    assert_eq!(values(&back), values(&m));
}

#[test]
fn a_response_keeps_its_code_and_an_own_reason() {
    for start in ["SIP/2.0 180 Ringing", "SIP/2.0 299 Own Words"] {
        let m = Draft::response(start).parse();
        let back = Message::try_from(&rsip::SipMessage::try_from(&m).unwrap()).unwrap();
        assert_eq!(back.start(), m.start());
        assert_eq!(back.header(Name::To), m.header(Name::To));
    }
}

#[test]
fn uris_come_back_as_they_went() {
    for text in [
        "sip:bob@example.com",
        "sips:bob:pw@[2001:db8::1]:5061;transport=tcp;lr",
        "sip:+1555;phone-context=x.com@192.0.2.1;user=phone;maddr=192.0.2.9;ob",
        "tel:+1-555-0100;phone-context=example.com",
    ] {
        let rsip = uri_to_rsip(&Uri::parse(text).unwrap()).unwrap();
        assert_eq!(UriText(&rsip).to_string(), text);
    }
}

#[test]
fn what_rsip_cannot_carry_is_an_error() {
    let error = |draft: Draft| rsip::SipMessage::try_from(&draft.parse()).unwrap_err();
    assert_eq!(error(Draft::request("FETCH")), ConversionError::Method("FETCH".into()));
    let line = |text: &str| Draft::line(text, "OPTIONS");
    assert_eq!(error(line("OPTIONS mailto:a@b SIP/2.0")), ConversionError::Scheme("mailto".into()));
    assert_eq!(error(line("OPTIONS sip:a?b=c SIP/2.0")), ConversionError::UriHeaders);
    assert_eq!(error(line("OPTIONS <sip:a> SIP/2.0")), ConversionError::Uri);
    assert_eq!(error(line("OPTIONS sip:a SIP/3.0")), ConversionError::Version);
    let response = Draft::response("SIP/2.0 200 OK").parse();
    assert_eq!(rsip::Request::try_from(&response).unwrap_err(), ConversionError::Kind);
}

#[test]
fn every_method_of_rsip_is_known_here() {
    for method in rsip::Method::all() {
        let ours = Method::from(method);
        assert_eq!(ours.as_str(), method.to_string());
        assert_eq!(rsip::Method::try_from(&ours), Ok(method));
    }
}
