//! Chance against the parser: nothing it is given makes it panic or linger.

use std::time::Duration;

use bytes::Bytes;
use dialplane_signaling::sip::digest::{Challenge, Credentials};
use dialplane_signaling::sip::validate;
use dialplane_signaling::sip::wire::{Builder, Framer, Limits, MediaType, Message, Name, NameAddr, Uri, Via};
use rustix::time::{ClockId, clock_gettime};

/// Reads everything a message offers.
pub(crate) fn exercise(bytes: &Bytes) {
    let Ok(m) = Message::parse(bytes.clone(), &Limits::default()) else { return };
    let again = Message::parse(m.bytes().clone(), &Limits::default()).unwrap();
    assert!(
        again == m && again.start() == m.start() && again.raw_headers().eq(m.raw_headers()) && again.body() == m.body()
    );
    let _ = (m.start(), m.request_uri(), m.via(), m.from(), m.to(), m.call_id(), m.cseq());
    let _ = (m.max_forwards(), m.expires(), m.session_expires(), m.content_type(), m.rack(), m.contact());
    for via in m.vias().flatten() {
        let _ = (via.unique_branch(), via.received_ip(), via.params.iter().count());
    }
    for addr in m.routes().chain(m.record_routes()).chain(m.addresses(Name::ReferTo)).flatten() {
        let _ = (
            addr.tag(),
            addr.q(),
            addr.expires(),
            addr.display_name(),
            addr.uri.user_decoded(),
            addr.uri.phone_context(),
        );
        let _ = addr.uri.equivalent(&addr.uri);
    }
    let _ = (m.contacts().count(), m.authorization().count(), m.www_authenticate().count());
    let _ = (validate::request(&m), validate::response(&m));
    let m = m.from_source(([192, 0, 2, 1], 5060).into());
    let answer = Builder::response_to(&m, 500, "").to_tag("t").record_routes_of(&m).finish();
    assert!(Message::parse(answer, &Limits { header_value: 1 << 20, message: 1 << 20, ..Limits::default() }).is_ok());
    let _ = rsip::SipMessage::try_from(&m);
}

/// A small generator, so that a failure can be repeated from its seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % (n.max(1) as u64)) as usize
    }
}

const SPICE: [&[u8]; 24] = [
    b"\r\n",
    b"\r\n ",
    b"\n",
    b"\r",
    b"\0",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"[",
    b"]",
    b"%",
    b"\xff",
    b"\xc3\xa9",
    b"\r\n\r\n",
    b"-1",
    b"4294967296",
    b";tag=",
    b"*",
];

fn mutate(chance: &mut Chance, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(24)).min(bytes.len());
        match chance.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, SPICE[chance.below(SPICE.len())].iter().copied())),
            3 => drop(bytes.splice(at..end, SPICE[chance.below(SPICE.len())].iter().copied())),
            4 => {
                let from = chance.below(other.len());
                let to = (from + chance.below(60)).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            _ => bytes.truncate(at.max(20)),
        }
    }
    bytes
}

#[test]
fn mutated_messages_never_panic() {
    let mut corpus: Vec<Bytes> = crate::torture::rows().into_iter().map(|(_, _, bytes, _)| bytes).collect();
    corpus.extend(crate::ipv6::rows().into_iter().map(|(_, bytes, _)| bytes));
    let mut chance = Chance(0x5eed_0001);
    for _ in 0..80_000 {
        let seed = &corpus[chance.below(corpus.len())];
        let other = &corpus[chance.below(corpus.len())];
        let bytes = Bytes::from(mutate(&mut chance, seed, other));
        exercise(&bytes);
        let mut framer = Framer::new(&Limits::default());
        framer.push(&bytes);
        while let Ok(Some(_)) = framer.next_frame() {}
    }
}

#[test]
fn mutated_values_never_panic() {
    let corpus: [&[u8]; 6] = [
        b"\"A \\\" B\" <sip:a:p@[2001:db8::1]:5060;transport=tcp;lr?x=y>;tag=1;q=0.5;expires=9;+sip.instance=\"<urn:x>\"",
        b"SIP / 2.0 / UDP [2001:db8::1]:5060;branch=z9hG4bK1;rport=5;received=1.2.3.4;maddr=x;ttl=3",
        b"tel:+1-555;phone-context=+1;ext=5",
        b"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"00\", qop=auth, nc=00000001, cnonce=\"c\"",
        b"Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", stale=true, algorithm=SHA-256",
        b"multipart/mixed;boundary=\"a b\"",
    ];
    let mut chance = Chance(0x5eed_0002);
    for _ in 0..200_000 {
        let seed = corpus[chance.below(corpus.len())];
        let other = corpus[chance.below(corpus.len())];
        let bytes = mutate(&mut chance, seed, other);
        let text = String::from_utf8_lossy(&bytes);
        let _ = (NameAddr::parse(&text), Via::parse(&text), Uri::parse(&text), MediaType::parse(&text));
        let _ = (Challenge::parse(&text), Credentials::parse(&text));
    }
}

/// Processor time of this thread: what else runs on the machine hardly changes it.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The best of a few runs.
fn best(bytes: &Bytes) -> Duration {
    let run = || {
        let start = used();
        exercise(bytes);
        used() - start
    };
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn the_largest_hostile_messages_take_bounded_time() {
    let wrap = |line: &str| Bytes::from(format!("INVITE sip:b SIP/2.0\r\n{line}\r\n\r\n"));
    let hostile = [
        wrap(&format!("Via: SIP/2.0/UDP a{}", ";a=b".repeat(4000))),
        wrap(&format!("Via: SIP/2.0/UDP a{}", ",".repeat(16_000))),
        wrap(&format!("Contact: {}", "<sip:a>,".repeat(2000))),
        wrap(&format!("Contact: {}", "\"\\".repeat(8000))),
        wrap(&format!("To: {}", "<".repeat(16_000))),
        wrap(&format!("WWW-Authenticate: Digest {}", "a b,".repeat(4000))),
        wrap(&"a:b\r\n".repeat(250)),
        wrap(&format!("To: {}", "\r\n ".repeat(5000))),
        wrap(&"\r\n ".repeat(20_000)),
        Bytes::from(vec![b'\n'; 65_000]),
        Bytes::from(b"A:\n".repeat(21_000)),
        Bytes::from([&b"SIP/2.0 200 "[..], &[0xff; 4000], b"\r\n\r\n"].concat()),
    ];
    for bytes in hostile {
        let took = best(&bytes);
        let head = String::from_utf8_lossy(&bytes[..60]).into_owned();
        assert!(took < Duration::from_millis(50), "{took:?} for {head:?}");
    }
}

#[test]
fn a_via_of_ten_thousand_parameters_is_read_once() {
    let via = format!("SIP/2.0/UDP a{};branch=z9hG4bKlast", ";p=1".repeat(10_000));
    let parsed = Via::parse(&via).unwrap();
    assert_eq!(parsed.unique_branch(), Some("z9hG4bKlast"));
    assert_eq!(parsed.params.iter().count(), 10_001);
}
