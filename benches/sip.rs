//! Reading and writing an INVITE: ours against rsip and against the least any parser has to do.

#![forbid(unsafe_code)]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use dialplane_benches::turns::{Turns, repeated};
use dialplane_signaling::sip::validate;
use dialplane_signaling::sip::wire::{Builder, Limits, Message, Method, Name};
use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};

/// The size and the number of headers of the INVITE, so that figures of different days are of the same message.
const BYTES: usize = 1_031;
const HEADERS: usize = 14;

const SDP: &str = "v=0\r\n\
    o=desk 20518 20518 IN IP4 203.0.113.40\r\n\
    s=-\r\n\
    c=IN IP4 203.0.113.40\r\n\
    t=0 0\r\n\
    m=audio 31872 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=sendrecv\r\n";

/// What the headers hold; the builder writes the same message from it.
const VALUES: [(&str, &str); HEADERS - 2] = [
    ("Via", "SIP/2.0/UDP 203.0.113.40:5066;branch=z9hG4bKd1a7c03f55be9;rport"),
    ("Max-Forwards", "70"),
    ("From", "\"Reception Desk\" <sip:2201@pbx.example.net>;tag=c1d0b7e2f6"),
    ("To", "<sip:+12025550147@pbx.example.net>"),
    ("Call-ID", "b58a1e0c67d94ff2@203.0.113.40"),
    ("CSeq", "7 INVITE"),
    // Without the quoted +sip.instance that phones put here, which rsip cannot read.
    ("Contact", "<sip:2201@203.0.113.40:5066;transport=udp>;expires=3600"),
    ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, NOTIFY"),
    ("Supported", "replaces, timer, 100rel"),
    ("Session-Expires", "1800;refresher=uac"),
    ("P-Preferred-Identity", "<sip:2201@pbx.example.net>"),
    ("User-Agent", "DeskPhone 4.18.2"),
];
const URI: &str = "sip:+12025550147@pbx.example.net:5060;transport=udp";

/// The INVITE; a comment in User-Agent fills it up to its size.
fn invite() -> (Bytes, String) {
    let write = |filling: usize| {
        let mut text = format!("INVITE {URI} SIP/2.0\r\n");
        for (name, value) in VALUES {
            let comment = if name == "User-Agent" { format!(" ({})", "b".repeat(filling)) } else { String::new() };
            text += &format!("{name}: {value}{comment}\r\n");
        }
        text + &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len())
    };
    let bare = write(0).len();
    let filling = BYTES.checked_sub(bare).expect("the message without filling is smaller than its size");
    let agent = format!("DeskPhone 4.18.2 ({})", "b".repeat(filling));
    (Bytes::from(write(filling)), agent)
}

/// What the transaction layer takes from a message to match it (RFC 3261 §17.1.3, §17.2.3, §12.2.2).
fn transaction_needs(message: &Message) {
    let via = message.via().expect("a Via");
    black_box((via.branch, via.host, via.port));
    black_box(message.cseq().expect("a CSeq").number);
    black_box(message.call_id().expect("a Call-ID"));
    black_box(message.from().expect("a From").tag());
    black_box(message.to().expect("a To").tag());
}

fn rsip_untyped(text: &Bytes) -> rsip::Request {
    rsip::Request::try_from(text.as_ref()).expect("rsip reads it")
}

fn rsip_seven_typed(request: &rsip::Request) {
    black_box(request.via_header().expect("a Via").typed().expect("typed"));
    black_box(request.from_header().expect("a From").typed().expect("typed"));
    black_box(request.to_header().expect("a To").typed().expect("typed"));
    black_box(request.cseq_header().expect("a CSeq").typed().expect("typed"));
    black_box(request.call_id_header().expect("a Call-ID").value());
    black_box(request.contact_header().expect("a Contact").typed().expect("typed"));
    black_box(request.max_forwards_header().expect("a Max-Forwards").num().expect("a number"));
}

/// The least any parser does: find the ends of lines and the colons, and keep nothing.
fn memchr_split(text: &[u8]) -> (usize, usize) {
    let (mut rest, mut lines, mut names) = (text, 0, 0);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, next) = rest.split_at(end + 1);
        lines += 1;
        names += memchr::memchr(b':', line).unwrap_or_default();
        rest = next;
        if line.len() <= 2 {
            break;
        }
    }
    (lines, names)
}

fn parse(text: &Bytes, limits: &Limits) -> Message {
    Message::parse(text.clone(), limits).expect("ours reads it")
}

fn reading(criterion: &mut Criterion) {
    let (text, _) = invite();
    assert_eq!(text.len(), BYTES);
    assert_eq!(rsip_untyped(&text).headers.iter().count(), HEADERS);
    let limits = Limits::default();
    validate::request(&parse(&text, &limits)).expect("the INVITE is a good one");
    Turns::new("sip parse of an INVITE of 1,031 bytes, 14 headers")
        .baseline("rsip 0.4, untyped", repeated(|| rsip_untyped(&text)))
        .baseline("rsip 0.4, 7 typed headers", repeated(|| rsip_seven_typed(&rsip_untyped(&text))))
        .baseline("floor: memchr over lines and colons", repeated(|| memchr_split(black_box(&text))))
        .ours("parse", repeated(|| parse(&text, &limits)))
        .ours(
            "parse + what transactions need",
            repeated(|| {
                let message = parse(&text, &limits);
                transaction_needs(&message);
                message
            }),
        )
        .ours(
            "parse + validate",
            repeated(|| {
                let message = parse(&text, &limits);
                validate::request(&message).expect("a good request");
                message
            }),
        )
        .ours(
            "parse + what transactions need + validate",
            repeated(|| {
                let message = parse(&text, &limits);
                transaction_needs(&message);
                validate::request(&message).expect("a good request");
                message
            }),
        )
        .measure(criterion);
}

fn build(agent: &str) -> Bytes {
    let start = Builder::request(&Method::Invite, URI);
    let written = VALUES.iter().fold(start, |builder, (name, value)| {
        builder.header(Name::from(*name), if *name == "User-Agent" { agent } else { value })
    });
    written.body("application/sdp", SDP).finish()
}

fn writing(criterion: &mut Criterion) {
    let (text, agent) = invite();
    assert_eq!(build(&agent), text, "the builder writes the same INVITE");
    let request = rsip_untyped(&text);
    Turns::new("sip build of the same INVITE")
        .baseline("rsip 0.4, to bytes", repeated(|| -> Vec<u8> { request.clone().into() }))
        .baseline(
            "floor: one copy of its bytes",
            repeated(|| {
                let mut out = Vec::with_capacity(BYTES);
                out.extend_from_slice(black_box(&text));
                out
            }),
        )
        .ours("builder", repeated(|| build(black_box(&agent))))
        .measure(criterion);
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
