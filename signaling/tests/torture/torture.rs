//! One message for every trait that RFC 4475 describes, in words of our own, and what must become of it.

use bytes::Bytes;
use dialplane_signaling::sip::digest::DigestError;
use dialplane_signaling::sip::wire::{Message, Method, StartLine};

use crate::draft::{Draft, Verdict, parse, verdict};

/// The RFC's name of the trait, its section, the message, the verdict.
pub(crate) type Row = (&'static str, &'static str, Bytes, Verdict);

const ACCEPTED: Verdict = Verdict::Accepted;
const BAD: Verdict = Verdict::Rejected(400);

fn get(name: &str) -> Message {
    let rows = rows();
    let (_, _, bytes, _) = rows.iter().find(|(row, ..)| *row == name).expect("a row of this name");
    parse(bytes).expect("a message that can be represented")
}

/// Every trait.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = well_formed();
    rows.extend(malformed_lines());
    rows.extend(malformed_values());
    rows.extend(for_the_application());
    rows
}

/// Section 3.1.1.
fn well_formed() -> Vec<Row> {
    let row = |name, section, draft: Draft, verdict| (name, section, draft.bytes(), verdict);
    let odd_spaces = concat!(
        "INVITE sip:bob@example.com;unknown=yes SIP/2.0\r\nTO  :\r\n   sip:bob@example.com ;   tag    = bob1\r\n",
        "fRoM : \"Ann \\\\\\\"\"       <sip:ann@example.org>\r\n  ;\r\n  tag = ann1\r\nMAX-forwards: 0042\r\ni: odd.spaces\r\n",
        "l: 4\r\ncseq: 0012\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.9;branch=abc\r\ns :\r\n",
        "NewHeader: newer value\r\nUnknown : a\r\n b ,\r\n\tc\r\nv:  SIP  / 2.0  / TCP     one.example.com   ;\r\n  branch  =   z9hG4bK-b2 ,\r\n",
        " SIP  /    2.0   / UDP  192.0.2.8   ; branch= z9hG4bK-b3\r\n",
        "m:\"A \\\" B\" <sip:ann@example.org> ; newparam =\r\n  newvalue ; second ; q = 0.33\r\n",
        "c: application/sdp\r\n\r\nv=0\n"
    );
    let odd_user = "sip:9_x~(y)&z=+$,;?/:&q=1,w!*pa$w@example.com";
    let long = "long".repeat(100);
    let vias = (0..40).map(|n| format!("SIP/2.0/TCP hop{n}.example.com;branch=z9hG4bK{n}{}", "x".repeat(60)));
    let second = Draft::request("INVITE").bytes();
    let mut twice = Draft::request("REGISTER").bytes().to_vec();
    twice.splice(0..0, *b"\r\n\r\n");
    twice.extend_from_slice(&second);
    let parts = b"--cut\r\nContent-Type: text/plain\r\n\r\nhi\r\n--cut\r\nContent-Type: application/octet-stream\r\n\r\n\0\x01\xff\xfe\r\n\0\r\n--cut--\r\n";
    let unusual = "sip:mix%40x;par=u%40y@example.com";
    vec![
        ("wsinv", "3.1.1.1", Bytes::from_static(odd_spaces.as_bytes()), ACCEPTED),
        row(
            "intmeth",
            "3.1.1.2",
            Draft::line(&format!("!odd-Method_*+`.%x'~ {odd_user} SIP/2.0"), "!odd-Method_*+`.%x'~")
                .to(&format!("To: \"\u{7}\0\u{7f}\" <{odd_user}>"))
                .with("extension!.%*+_`'~: \u{7fff}\u{1f3b5}"),
            Verdict::Rejected(501),
        ),
        row(
            "esc01",
            "3.1.1.3",
            Draft::line("INVITE sip:sips%3Abob%40example.net@example.com SIP/2.0", "INVITE")
                .to("To: sip:%62o%62@example.com")
                .with("Contact: <sip:%61nn@example.org;%6C%72;n%61me=v%61lue%25%34%31>"),
            ACCEPTED,
        ),
        row(
            "escnull",
            "3.1.1.4",
            Draft::request("REGISTER")
                .to("To: sip:a-%00-b@example.com")
                .with("Contact: <sip:%00@example.com>, <sip:%00%00@example.com>"),
            ACCEPTED,
        ),
        row(
            "esc02",
            "3.1.1.5",
            Draft::line("INV%49TE sip:bob@example.com SIP/2.0", "INV%49TE").from("From: \"%Z%5\" <sip:a@b>;tag=1"),
            Verdict::Rejected(501),
        ),
        row("lwsdisp", "3.1.1.6", Draft::request("OPTIONS").from("From: Ann<sip:ann@example.org>;tag=9"), ACCEPTED),
        row(
            "longreq",
            "3.1.1.7",
            Draft::line(&format!("INVITE sip:{long}@example.com SIP/2.0"), "INVITE")
                .via(&format!("Via: {}", vias.collect::<Vec<_>>().join(", ")))
                .to(&format!("To: \"{long}\" <sip:{long}@example.com;{long}={long}>"))
                .with(&format!("X-{long}: {long}")),
            ACCEPTED,
        ),
        ("dblreq", "3.1.1.8", twice.into(), ACCEPTED),
        row("semiuri", "3.1.1.9", Draft::line(&format!("OPTIONS {unusual} SIP/2.0"), "OPTIONS"), ACCEPTED),
        row(
            "transports",
            "3.1.1.10",
            Draft::request("OPTIONS")
                .with("Via: SIP/2.0/SCTP a.example.com;branch=z9hG4bK2")
                .with("Via: SIP/2.0/TLS b.example.com;branch=z9hG4bK3")
                .with("Via: SIP/2.0/CARRIER-PIGEON c.example.com;branch=z9hG4bK4"),
            ACCEPTED,
        ),
        row("mpart01", "3.1.1.11", Draft::request("MESSAGE").body("multipart/mixed;boundary=cut", parts), ACCEPTED),
        row(
            "unreason",
            "3.1.1.12",
            Draft::response("SIP/2.0 200 = 2**3 \u{43f}\u{440}\u{43e}\u{441}\u{442}\u{43e}"),
            ACCEPTED,
        ),
        row("noreason", "3.1.1.13", Draft::response("SIP/2.0 100 "), ACCEPTED),
    ]
}

/// Section 3.1.2, start lines and framing.
fn malformed_lines() -> Vec<Row> {
    let row = |name, section, draft: Draft, verdict| (name, section, draft.bytes(), verdict);
    let line = |text: &str| Draft::line(text, "INVITE");
    vec![
        row(
            "badinv01",
            "3.1.2.1",
            Draft::request("INVITE")
                .via("Via: SIP/2.0/UDP 192.0.2.15;;,;,,")
                .with("Contact: \"Ann\" <sip:ann@example.org>;;;;"),
            BAD,
        ),
        row("clerr", "3.1.2.2", Draft::request("INVITE").body("application/sdp", "v=0").length("9999"), BAD),
        row("ncl", "3.1.2.3", Draft::request("INVITE").body("application/sdp", "v=0").length("-999"), BAD),
        row("ltgtruri", "3.1.2.7", line("INVITE <sip:bob@example.com> SIP/2.0"), BAD),
        row("lwsruri", "3.1.2.8", line("INVITE sip:bob@example.com; lr SIP/2.0"), BAD),
        row("lwsstart", "3.1.2.9", line("INVITE  sip:bob@example.com  SIP/2.0"), BAD),
        row("trws", "3.1.2.10", line("INVITE sip:bob@example.com SIP/2.0  "), BAD),
        row("escruri", "3.1.2.11", line("INVITE sip:bob@example.com?Route=%3Csip:x%3E SIP/2.0"), BAD),
        row(
            "badvers",
            "3.1.2.16",
            Draft::line("OPTIONS sip:bob@example.com SIP/7.0", "OPTIONS"),
            Verdict::Rejected(505),
        ),
        row("mismatch01", "3.1.2.17", Draft::request("OPTIONS").cseq("CSeq: 8 INVITE"), BAD),
        row("mismatch02", "3.1.2.18", Draft::request("NEWTHING").cseq("CSeq: 8 INVITE"), BAD),
        row("bigcode", "3.1.2.19", Draft::response("SIP/2.0 4294967301 better not break"), Verdict::Dropped),
    ]
}

/// Section 3.1.2, header values.
fn malformed_values() -> Vec<Row> {
    let row = |name, section, draft: Draft, verdict| (name, section, draft.bytes(), verdict);
    let huge = "36893488147419103232";
    vec![
        row(
            "scalar02",
            "3.1.2.4",
            Draft::request("REGISTER")
                .cseq(&format!("CSeq: {huge} REGISTER"))
                .with(&format!("Expires: {huge}"))
                .with(&format!("Contact: <sip:ann@192.0.2.1>;expires={huge}")),
            BAD,
        ),
        row(
            "scalarlg",
            "3.1.2.5",
            Draft::response("SIP/2.0 503 Service Unavailable")
                .cseq("CSeq: 9223372036854775808 INVITE")
                .with("Retry-After: 949302838503028349304023988"),
            Verdict::Dropped,
        ),
        row("quotbal", "3.1.2.6", Draft::request("INVITE").to("To: \"Mr. B <sip:bob@example.com>"), BAD),
        row("baddate", "3.1.2.12", Draft::request("INVITE").with("Date: Fri, 01 Jan 2010 16:00:00 EST"), BAD),
        row(
            "regbadct",
            "3.1.2.13",
            Draft::request("REGISTER").with("Contact: sip:ann@example.org?Route=%3Csip:sip.example.com%3E"),
            BAD,
        ),
        row("badaspec", "3.1.2.14", Draft::request("OPTIONS").to("To: \"B, Bob\" < sip:bob@example.com >"), BAD),
        row("baddn", "3.1.2.15", Draft::request("OPTIONS").from("From: Doe, Ann <sip:ann@example.org>;tag=4"), BAD),
    ]
}

/// Sections 3.2 to 3.4: well-formed, and for layers above to refuse.
fn for_the_application() -> Vec<Row> {
    let row = |name, section, draft: Draft, verdict| (name, section, draft.bytes(), verdict);
    let insufficient = Draft { from: None, to: None, call_id: None, ..Draft::request("INVITE") };
    let no_tags = Draft::request("INVITE").via("Via: SIP/2.0/UDP old.example.org").from("From: <sip:ann@example.org>");
    let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
    vec![
        row("badbranch", "3.2.1", Draft::request("OPTIONS").via("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), ACCEPTED),
        row("insuf", "3.3.1", insufficient, BAD),
        row("unkscm", "3.3.2", Draft::line("OPTIONS nobodyknows:opaque SIP/2.0", "OPTIONS"), Verdict::Rejected(416)),
        row(
            "novelsc",
            "3.3.3",
            Draft::line("OPTIONS soap.x://192.0.2.3:3002 SIP/2.0", "OPTIONS"),
            Verdict::Rejected(416),
        ),
        row(
            "unksm2",
            "3.3.4",
            Draft::request("REGISTER")
                .to("To: isbn:123456789")
                .from("From: <http://www.example.com>;tag=3")
                .with("Contact: <name:Ann_Doe>"),
            ACCEPTED,
        ),
        row(
            "bext01",
            "3.3.5",
            Draft::request("OPTIONS").with("Require: never-heard-of, timer").with("Proxy-Require: nor-of-this"),
            Verdict::Rejected(420),
        ),
        row("invut", "3.3.6", Draft::request("INVITE").body("application/unheard", "<a/>"), Verdict::Rejected(415)),
        row(
            "regaut01",
            "3.3.7",
            Draft::request("REGISTER").with("Authorization: Secret-Handshake grip=left"),
            ACCEPTED,
        ),
        row(
            "multi01",
            "3.3.8",
            Draft::request("INVITE")
                .with("CSeq: 59 INVITE")
                .with("Call-ID: another@one")
                .with("From: <sip:carol@example.org>;tag=5")
                .with("To: <sip:dave@example.org>"),
            BAD,
        ),
        row("mcl01", "3.3.9", Draft::request("OPTIONS").with("Content-Length: 13"), BAD),
        row(
            "bcast",
            "3.3.10",
            Draft::response("SIP/2.0 200 OK").with("Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2"),
            Verdict::Dropped,
        ),
        row("zeromf", "3.3.11", zero_hops("OPTIONS"), ACCEPTED),
        row("zeromf", "3.3.11", zero_hops("INVITE"), Verdict::Rejected(483)),
        row(
            "cparam01",
            "3.3.12",
            Draft::request("REGISTER").with("Contact: sip:+1555@gw.example.net;mystery"),
            ACCEPTED,
        ),
        row(
            "cparam02",
            "3.3.13",
            Draft::request("REGISTER").with("Contact: <sip:+1555@gw.example.net;mystery>"),
            ACCEPTED,
        ),
        row(
            "regescrt",
            "3.3.14",
            Draft::request("REGISTER").with("Contact: <sip:ann@example.org?Route=%3Csip:sip.example.com%3E>"),
            ACCEPTED,
        ),
        row(
            "sdp01",
            "3.3.15",
            Draft::request("INVITE").with("Accept: text/unheard").body("application/sdp", sdp),
            Verdict::Rejected(406),
        ),
        row("inv2543", "3.4.1", no_tags.body("application/sdp", sdp), ACCEPTED),
    ]
}

fn zero_hops(method: &str) -> Draft {
    let mut draft = Draft::request(method);
    draft.more = vec!["Max-Forwards: 0".to_owned()];
    draft
}

#[test]
fn every_trait_gets_its_verdict() {
    let wrong: Vec<String> = rows()
        .iter()
        .filter(|(_, _, bytes, expected)| verdict(bytes) != *expected)
        .map(|(name, section, bytes, expected)| format!("{name} ({section}): {expected:?}, got {:?}", verdict(bytes)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(rows().len(), 50);
}

#[test]
fn odd_spaces_and_folds_change_no_value() {
    let m = get("wsinv");
    assert_eq!(m.cseq().unwrap().number, 12);
    assert_eq!(m.max_forwards(), Some(Ok(42)));
    let branches: Vec<_> = m.vias().map(|via| via.unwrap().branch.unwrap()).collect();
    assert_eq!(branches, ["abc", "z9hG4bK-b2", "z9hG4bK-b3"]);
    assert_eq!(m.vias().nth(1).unwrap().unwrap().transport, "TCP");
    assert_eq!((m.from().unwrap().tag(), m.to().unwrap().tag()), (Some("ann1"), Some("bob1")));
    assert_eq!(m.from().unwrap().display_name().unwrap(), "Ann \\\"");
    let contact = m.contact().unwrap();
    assert_eq!(
        (contact.q(), contact.param("newparam"), contact.param("second")),
        (Some(330), Some("newvalue"), Some(""))
    );
    assert_eq!(m.header("Unknown".into()), Some("a b , c"));
    assert_eq!(m.header("Subject".into()), Some(""));
    assert_eq!(m.body(), b"v=0\n");
}

#[test]
fn a_method_of_odd_characters_stays_itself() {
    let m = get("intmeth");
    assert_eq!(m.method().unwrap().as_str(), "!odd-Method_*+`.%x'~");
    assert_eq!(m.cseq().unwrap().method, *m.method().unwrap());
    let uri = m.request_uri().unwrap();
    assert_eq!((uri.user, uri.password), (Some("9_x~(y)&z=+$,;?/"), Some("&q=1,w!*pa$w")));
    // An escape in a method is no escape: this is not INVITE.
    assert_eq!(get("esc02").method(), Some(&Method::Other("INV%49TE".into())));
}

#[test]
fn escapes_are_resolved_on_demand_only() {
    let m = get("esc01");
    assert_eq!(m.request_uri().unwrap().user, Some("sips%3Abob%40example.net"));
    assert_eq!(m.request_uri().unwrap().user_decoded().unwrap(), "sips:bob@example.net");
    assert_eq!(m.to().unwrap().uri.user_decoded().unwrap(), "bob");
    assert_eq!(get("escnull").contacts().count(), 2);
    assert_eq!(get("escnull").to().unwrap().uri.user_decoded().unwrap(), "a-\0-b");
}

#[test]
fn a_second_message_in_a_datagram_is_cut_off() {
    let m = get("dblreq");
    assert_eq!(m.method(), Some(&Method::Register));
    assert!(m.body().is_empty());
    assert!(m.bytes().ends_with(b"\r\n\r\n"));
}

#[test]
fn bodies_keep_their_bytes() {
    assert!(get("mpart01").body().windows(6).any(|w| w == b"\0\x01\xff\xfe\r\n"));
}

#[test]
fn reasons_may_be_of_any_script_or_absent() {
    assert!(
        matches!(get("unreason").start(), StartLine::Response { status: 200, reason } if reason.contains('\u{43f}'))
    );
    assert_eq!(get("noreason").start(), StartLine::Response { status: 100, reason: "" });
}

#[test]
fn semicolons_before_the_at_sign_belong_to_the_user() {
    let m = get("semiuri");
    let uri = m.request_uri().unwrap();
    assert_eq!((uri.user, uri.number()), (Some("mix%40x;par=u%40y"), Some("mix%40x")));
    assert!(uri.params.is_empty());
}

#[test]
fn parameters_belong_to_the_contact_or_to_its_uri() {
    let outside = get("cparam01");
    assert!(outside.contact().unwrap().params.has("mystery") && !outside.contact().unwrap().uri.params.has("mystery"));
    let inside = get("cparam02");
    assert!(!inside.contact().unwrap().params.has("mystery") && inside.contact().unwrap().uri.params.has("mystery"));
}

#[test]
fn an_empty_branch_names_no_transaction() {
    assert_eq!(get("badbranch").via().unwrap().unique_branch(), None);
    assert_eq!(get("inv2543").via().unwrap().branch, None);
}

#[test]
fn an_unknown_scheme_of_credentials_is_told_apart() {
    assert_eq!(get("regaut01").authorization().next(), Some(Err(DigestError::OtherScheme)));
}
