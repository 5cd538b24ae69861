//! Hostile SIP over real sockets: each is answered or dropped as it deserves, and the next good call works.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::company::{Agent, Company};
use crate::support::message::Message;
use crate::support::peer::{Peer, unique};
use crate::support::server::Server;
use crate::support::shop::direct;
use crate::support::wait::until;
use crate::{CUSTOMER, NUMBER};

/// What a message deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Status(u16),
    /// One of these: the RFC leaves it open.
    Either(u16, u16),
    Silence,
}
use Due::{Either, Silence, Status};

/// OPTIONS with everything it needs; `{id}` becomes unique.
fn options(line: &str, more: &str) -> Vec<u8> {
    format!(
        "{line}\r\nVia: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{{id}};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:tester@127.0.0.1>;tag={{id}}\r\nTo: <sip:server@127.0.0.1>\r\nCall-ID: {{id}}\r\nCSeq: 7 OPTIONS\r\n{more}\r\n"
    )
    .into_bytes()
}

/// The same with one part replaced.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text =
        String::from_utf8(options("OPTIONS sip:server@127.0.0.1 SIP/2.0", "Content-Length: 0\r\n")).expect("text");
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

fn with(more: &str) -> Vec<u8> {
    options("OPTIONS sip:server@127.0.0.1 SIP/2.0", &format!("{more}\r\nContent-Length: 0\r\n"))
}

fn line(line: &str) -> Vec<u8> {
    options(line, "Content-Length: 0\r\n")
}

/// What phones and carriers really send, and other parsers refuse.
fn odd_but_good() -> Vec<(&'static str, Vec<u8>, Due)> {
    vec![
        ("an ordinary request", with("Accept: application/sdp"), Status(200)),
        ("IPv6 in the Request-URI", line("OPTIONS sip:server@[2001:db8::1] SIP/2.0"), Status(200)),
        ("IPv6 in From", changed("<sip:tester@127.0.0.1>", "<sip:tester@[2001:db8::2]:5060>"), Status(200)),
        ("a tel URI in From", changed("<sip:tester@127.0.0.1>", "<tel:+12025550177>"), Status(200)),
        ("a folded header", with("Subject: first\r\n  second\r\n\tthird"), Status(200)),
        ("a blank before the colon", changed("To: ", "To  : "), Status(200)),
        (
            "compact names",
            b"OPTIONS sip:server@127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
              f: <sip:tester@127.0.0.1>;tag={id}\r\nt: <sip:server@127.0.0.1>\r\ni: {id}\r\nCSeq: 7 OPTIONS\r\nl: 0\r\n\r\n"
                .to_vec(),
            Status(200),
        ),
        ("names in other letters", changed("Call-ID:", "cALL-iD:"), Status(200)),
        ("a semicolon in the user part", line("OPTIONS sip:server;day=tuesday@127.0.0.1 SIP/2.0"), Status(200)),
        ("escapes in the user part", line("OPTIONS sip:%73erver%20x@127.0.0.1 SIP/2.0"), Status(200)),
        ("headers in a URI", with("Contact: <sip:tester@127.0.0.1?Subject=hello&Priority=urgent>"), Status(200)),
        ("line feeds in front", [b"\r\n\r\n\r\n".to_vec(), with("Accept: */*")].concat(), Status(200)),
        ("a transport of browsers in a Via below", with("Via: SIP/2.0/WSS a1b2c3.invalid;branch=z9hG4bKbelow"), Status(200)),
        ("Vias in one line", changed(";rport", ";rport, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"), Status(200)),
        ("a name that is no UTF-8", torn("From: ", b"\"\xff\xfe\xc3\" "), Status(200)),
        ("a subject that is torn UTF-8", torn("Max-Forwards: 70\r\n", b"Subject: \xe2\x82\r\n"), Status(200)),
        ("an unknown header", with("X-Whatever: {\"a\": [1, 2]}"), Status(200)),
        ("more bytes than Content-Length", [with("Accept: */*"), b"INVITE sip:trailing SIP/2.0\r\n".to_vec()].concat(), Status(200)),
    ]
}

/// An ordinary request with bytes inserted behind a text.
fn torn(behind: &str, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(with("Accept: */*")).expect("text");
    let at = text.find(behind).expect("the place") + behind.len();
    [&text.as_bytes()[..at], bytes, &text.as_bytes()[at..]].concat()
}

fn bad() -> Vec<(&'static str, Vec<u8>, Due)> {
    let length = |value: &str| changed("Content-Length: 0", &format!("Content-Length: {value}"));
    vec![
        ("an unknown method", String::from_utf8(line("FROB sip:a@127.0.0.1 SIP/2.0")).expect("text").replace("7 OPTIONS", "7 FROB").into_bytes(), Either(501, 405)),
        ("a version to come", line("OPTIONS sip:a@127.0.0.1 SIP/7.0"), Either(505, 400)),
        ("another method in CSeq", changed("7 OPTIONS", "7 INVITE"), Status(400)),
        ("a CSeq beyond 32 bits", changed("7 OPTIONS", "36893488147419103232 OPTIONS"), Status(400)),
        ("no Call-ID", changed("Call-ID: {id}\r\n", ""), Status(400)),
        ("no From", changed("From: <sip:tester@127.0.0.1>;tag={id}\r\n", ""), Status(400)),
        ("two From headers", with("From: <sip:other@127.0.0.1>;tag=2"), Status(400)),
        ("a negative length", length("-1"), Status(400)),
        ("a length beyond the end", length("9999"), Status(400)),
        ("a length that overflows", length("99999999999999999999999999"), Status(400)),
        ("two lengths", with("Content-Length: 4"), Status(400)),
        ("hops that are no number", changed("Max-Forwards: 70", "Max-Forwards: many"), Status(400)),
        ("an extension nobody has", with("Require: nothingSupportsThis"), Status(420)),
        ("a quoted name without end", changed("From: <", "From: \"tester <"), Status(400)),
        ("an angle without end", changed("<sip:server@127.0.0.1>", "<sip:server@127.0.0.1"), Status(400)),
        ("a URI of another kind", line("OPTIONS http://127.0.0.1/ SIP/2.0"), Either(416, 400)),
        ("no Via", changed("Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{id};rport\r\n", ""), Silence),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec(), Silence),
        ("zeros", vec![0; 300], Silence),
        ("bytes of every kind", (0..=255).cycle().take(2_000).collect(), Silence),
        ("a head without end", b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n".to_vec(), Silence),
        ("nothing but line feeds", b"\r\n\r\n".to_vec(), Silence),
        ("a response to nothing", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{id}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".to_vec(), Silence),
        ("an ACK of nothing", String::from_utf8(line("ACK sip:a@127.0.0.1 SIP/2.0")).expect("text").replace("7 OPTIONS", "7 ACK").into_bytes(), Silence),
        ("a BYE of nothing", String::from_utf8(line("BYE sip:a@127.0.0.1 SIP/2.0")).expect("text").replace("7 OPTIONS", "7 BYE").into_bytes(), Status(481)),
        ("a CANCEL of nothing", String::from_utf8(line("CANCEL sip:a@127.0.0.1 SIP/2.0")).expect("text").replace("7 OPTIONS", "7 CANCEL").into_bytes(), Status(481)),
        ("too many headers", with(&vec!["X-Many: 1"; 2_000].join("\r\n")), Silence),
        ("a header of 60,000 bytes", with(&format!("X-Long: {}", "x".repeat(60_000))), Silence),
        ("a URI of 60,000 bytes", line(&format!("OPTIONS sip:{}@127.0.0.1 SIP/2.0", "x".repeat(60_000))), Silence),
    ]
}

fn named(bytes: &[u8], id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(4).position(|window| window == b"{id}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(id.as_bytes());
        rest = &rest[at + 4..];
    }
    out.extend_from_slice(rest);
    out
}

/// A company whose number leads to an agent with a phone, for the good call afterwards.
fn shop(server: &Server) -> (Company, Peer, Peer, Agent) {
    let (company, carrier, ann) = direct(server);
    let phone = Peer::registered(server.sip, &ann.line);
    (company, carrier, phone, ann)
}

#[track_caller]
fn good_call(carrier: &mut Peer, phone: &mut Peer) {
    let mut call = carrier.invite(NUMBER);
    let ringing = phone.incoming();
    ringing.ring(phone);
    call.expect(carrier, 180);
    ringing.answer(phone);
    call.expect(carrier, 200);
    call.hang_up(carrier);
    ringing.hung_up(phone);
}

/// The responses that come before the answer to a plain request: datagrams of one socket are handled in their order.
#[track_caller]
fn answers(peer: &mut Peer) -> Vec<Message> {
    let id = unique();
    peer.send(named(&with("Accept: */*"), &id));
    let mut before = Vec::new();
    loop {
        let message = peer.wait("answer", |m| m.status().is_some());
        if message.header("Call-ID") == id {
            return before;
        }
        before.push(message);
    }
}

#[track_caller]
fn check(what: &str, due: Due, got: &[Message]) {
    let statuses: Vec<u16> = got.iter().filter_map(Message::status).collect();
    let right = match due {
        Status(status) => statuses == [status],
        Either(one, other) => statuses == [one] || statuses == [other],
        Silence => statuses.is_empty(),
    };
    assert!(right, "{what}: due {due:?}, got {statuses:?}: {got:#?}");
}

#[test]
fn hostile_datagrams_get_what_they_deserve_and_a_good_call_works_afterwards() {
    let server = Server::start();
    let (_company, mut carrier, mut phone, _) = shop(&server);
    let mut peer = Peer::new(server.sip, "tester");
    for (what, bytes, due) in odd_but_good().into_iter().chain(bad()) {
        peer.send(named(&bytes, &unique()));
        check(what, due, &answers(&mut peer));
    }
    good_call(&mut carrier, &mut phone);
    server.await_idle();
}

#[test]
fn odd_invites_of_the_carrier_reach_the_agent() {
    let server = Server::start();
    let (company, mut carrier, mut phone, _) = shop(&server);
    let uris = [
        format!("sip:{NUMBER};phone-context=example.com@127.0.0.1;user=phone"),
        format!("tel:{NUMBER}"),
        format!("sip:{NUMBER}@[2001:db8::1];user=phone"),
        "sip:%2B12025550100@127.0.0.1".to_owned(),
    ];
    for (n, uri) in uris.iter().enumerate() {
        let id = unique();
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
             f: \"A, B\" <tel:+12025550177>;tag={id}\r\nt: <{uri}>\r\ni: {id}\r\nCSeq: 1 INVITE\r\nm: <sip:c@127.0.0.1:{port}>\r\n\
             l: 0\r\n\r\n",
            port = carrier.port()
        );
        carrier.send(invite);
        // Without a description the server makes the offer; declined here, as the story ends with ringing.
        let ringing = phone.maybe_incoming(Duration::from_secs(5));
        let ringing = ringing.unwrap_or_else(|| panic!("{uri} reached nobody\n{}", carrier.story()));
        assert_eq!(ringing.invite().user_of("From"), CUSTOMER);
        ringing.ring(&mut phone);
        carrier.wait("180", |m| m.header("Call-ID") == id && m.status() == Some(180));
        ringing.refuse(&mut phone, "486 Busy Here");
        carrier.wait("486", |m| m.header("Call-ID") == id && m.status() == Some(486));
        company.ended_calls(n + 1);
    }
    server.await_idle();
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.sip).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream
}

/// What comes until `enough`, or the end.
fn read_until(stream: &mut TcpStream, enough: impl Fn(&str) -> bool) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if enough(&text) {
            return text;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return text,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return text,
            Err(error) => panic!("{error}, after {text}"),
        }
    }
}

#[test]
fn hostile_streams_are_answered_or_cut_and_others_go_on() {
    let server = Server::start();
    let (_company, mut carrier, mut phone, _) = shop(&server);
    let over_tcp = |bytes: Vec<u8>| {
        let text = named(&bytes, &unique());
        text.windows(3)
            .position(|w| w == b"UDP")
            .map_or(text.clone(), |at| [&text[..at], b"TCP", &text[at + 3..]].concat())
    };
    // One byte at a time, and two requests in one piece.
    let mut slow = connect(&server);
    for byte in over_tcp(with("Accept: */*")) {
        slow.write_all(&[byte]).expect("a byte");
    }
    assert!(read_until(&mut slow, |text| text.contains("200 OK")).contains("200 OK"));
    let two = [over_tcp(with("Accept: */*")), over_tcp(with("Accept: */*"))].concat();
    slow.write_all(&two).expect("two requests");
    assert_eq!(read_until(&mut slow, |text| text.matches("200 OK").count() == 2).matches("200 OK").count(), 2);
    // What cannot be framed ends the connection.
    let endless = [b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nX: ".to_vec(), vec![b'x'; 200_000]].concat();
    let unframed: [(&str, Vec<u8>); 4] = [
        ("a head without end", endless),
        ("a negative length", over_tcp(changed("Content-Length: 0", "Content-Length: -1"))),
        ("an overflowing length", over_tcp(changed("Content-Length: 0", "Content-Length: 99999999999999999999"))),
        ("a length of gigabytes", over_tcp(changed("Content-Length: 0", "Content-Length: 4000000000"))),
    ];
    for (what, bytes) in unframed {
        let mut stream = connect(&server);
        // The server may cut it before all is written.
        stream.write_all(&bytes).ok();
        let answer = read_until(&mut stream, |_| false);
        assert!(!answer.contains("200 OK"), "{what}: {answer}");
    }
    // A ping is answered (RFC 5626 §3.5.1), garbage is survived.
    let mut ping = connect(&server);
    ping.write_all(b"\r\n\r\n").expect("a ping");
    assert_eq!(read_until(&mut ping, |text| text.contains("\r\n")), "\r\n");
    connect(&server).write_all(&[0xff; 5_000]).ok();
    good_call(&mut carrier, &mut phone);
    server.await_idle();
}

/// An INVITE of the carrier over TCP.
fn invite_over_tcp(to: SocketAddr, from: SocketAddr, number: &str) -> String {
    let id = unique();
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
    format!(
        "INVITE sip:{number}@{to} SIP/2.0\r\nVia: SIP/2.0/TCP {from};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{CUSTOMER}@{from}>;tag={id}\r\nTo: <sip:{number}@{to}>\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:c@{from};transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

#[test]
fn a_thousand_callers_that_vanish_after_their_invite_leave_nothing_behind() {
    let server = Server::start_roomy();
    let (company, mut carrier, mut phone, _) = shop(&server);
    let absent = company.agent("bob");
    company.route("+12025550101", "agent", &absent.id);
    let before = server.descriptors();
    for n in 0..1_000 {
        // Most are turned away at once; each fiftieth rings a phone.
        let number = if n % 50 == 0 { NUMBER } else { "+12025550101" };
        let mut stream = connect(&server);
        let from = stream.local_addr().expect("an address");
        stream.write_all(invite_over_tcp(server.sip, from, number).as_bytes()).expect("an INVITE");
        if n % 2 == 0 {
            // With an answer that nobody reads, closing resets the connection.
            let mut byte = [0];
            stream.peek(&mut byte).expect("an answer");
        }
        drop(stream);
    }
    for _ in 0..20 {
        let ringing = phone.incoming();
        ringing.ring(&mut phone);
        ringing.refuse(&mut phone, "486 Busy Here");
    }
    server.await_idle();
    until(Duration::from_secs(10), "descriptors are closed", || (server.descriptors() <= before + 4).then_some(()));
    // An INVITE whose sender hung up the connection in the same instant may be lost with it; what became a call is in the log.
    let begun = server.metric("dialplane_calls_total").unwrap_or_default() as u64;
    assert!((500..=1_000).contains(&begun), "{begun}");
    until(Duration::from_secs(20), "every call is in the log", || {
        (company.get("/api/calls?limit=1").expect(200)["pagination"]["total"] == begun).then_some(())
    });
    good_call(&mut carrier, &mut phone);
    server.await_idle();
    server.await_zero("dialplane_sip_transactions_active", Duration::from_secs(37));
}

#[test]
fn a_flood_of_invites_from_strangers_makes_no_calls() {
    let server = Server::start();
    let company = server.company();
    let mut stranger = Peer::new(server.sip, "attacker");
    for _ in 0..500 {
        let mut call = stranger.invite(NUMBER);
        call.expect(&mut stranger, 401);
    }
    assert_eq!(server.metric("dialplane_calls_total"), Some(0.0));
    assert_eq!(server.metric("dialplane_sip_transactions_active"), Some(0.0));
    assert!(company.calls().is_empty());
}
