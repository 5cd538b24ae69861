//! Digest authentication and nonces.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dialplane_signaling::sip::digest::{Algorithm, Answer, Challenge, Credentials, DigestError, Ha1, Qop};
use dialplane_signaling::sip::nonce::{Admission, NonceCheck, NonceId, Nonces, ReplayGuard};
use dialplane_signaling::sip::wire::{Method, Name};

use crate::draft::Draft;

fn answer<'a>(method: &'a Method, nc: u32, body: &'a [u8]) -> Answer<'a> {
    Answer { method, uri: "sip:example.com", nc, cnonce: "0a4f113b", body }
}

#[test]
fn responses_computed_elsewhere_are_verified() {
    // Computed with Python's hashlib, step by step as RFC 7616 §3.4 says.
    for (algorithm, qop, response) in [
        ("MD5", "auth", "f20b6a1d973fad815c7cd9d0e6ca55dd"),
        ("SHA-256", "auth", "94b4a6cbf26912552d9bac8af73dc6db880bed7111fcb53eba66000b2e55ef95"),
        ("MD5-sess", "auth-int", "46e85e34ef348fef64a4c7502c3f5cf7"),
        ("SHA-256-sess", "auth-int", "cd1cc8d0aba3eb6d7182e2dfa24897627412a79a2c52b032572f375dbf415c0b"),
        ("MD5", "", "d3f7698abaffdf95c5959ac4353ae808"),
    ] {
        let qop = if qop.is_empty() { String::new() } else { format!(", qop={qop}, nc=0000001f") };
        let value = format!(
            "Digest username=\"ann\", realm=\"calls.example.com\", nonce=\"5a1f0c\", uri=\"sip:bob@example.com\", \
             response=\"{response}\", algorithm={algorithm}, cnonce=\"b00k\"{qop}"
        );
        let credentials = Credentials::parse(&value).unwrap();
        let ha1 = Ha1::new(credentials.algorithm, "ann", "calls.example.com", "open, sesame: 7");
        assert!(credentials.verify(Some(&ha1), &Method::Invite, b"v=0\r\n"), "{value}");
        assert!(!credentials.verify(Some(&ha1), &Method::Bye, b"v=0\r\n"), "{value}");
        assert!(!credentials.verify(None, &Method::Invite, b"v=0\r\n"), "{value}");
    }
}

#[test]
fn every_kind_of_challenge_can_be_answered_and_verified() {
    use Algorithm::{Md5, Md5Sess, Sha256, Sha256Sess};
    for algorithm in [Md5, Md5Sess, Sha256, Sha256Sess] {
        for (auth, auth_int) in [(true, true), (true, false), (false, true), (false, false)] {
            let challenge =
                Challenge { auth, auth_int, opaque: Some("o"), ..Challenge::new("realm", "nonce-1", algorithm) };
            let text = challenge.to_string();
            assert_eq!(Challenge::parse(&text), Ok(challenge.clone()), "{text}");
            let ha1 = Ha1::new(algorithm, "ann", "realm", "secret");
            let stored = Ha1::from_hex(algorithm, &ha1.to_hex()).unwrap();
            let value = challenge.answer("ann", &ha1, &answer(&Method::Invite, 0x1a, b"v=0")).unwrap();
            let credentials = Credentials::parse(&value).unwrap();
            assert_eq!((credentials.username, credentials.opaque), ("ann", Some("o")));
            assert_eq!(credentials.nc, (auth || auth_int).then_some(26));
            assert!(credentials.verify(Some(&stored), &Method::Invite, b"v=0"), "{value}");
            let protects_body = credentials.qop == Some(Qop::AuthInt);
            assert_eq!(credentials.verify(Some(&stored), &Method::Invite, b"v=1"), !protects_body, "{value}");
            let wrong = Ha1::new(algorithm, "ann", "realm", "Secret");
            assert!(!credentials.verify(Some(&wrong), &Method::Invite, b"v=0"));
            assert!(!credentials.verify(None, &Method::Invite, b"v=0"));
        }
    }
}

#[test]
fn a_hash_of_the_other_kind_proves_nothing() {
    let md5 = Ha1::new(Algorithm::Md5, "a", "r", "p");
    assert!(Challenge::new("r", "n", Algorithm::Sha256).answer("a", &md5, &answer(&Method::Bye, 1, b"")).is_none());
    assert!(Ha1::from_hex(Algorithm::Sha256, &md5.to_hex()).is_none());
    assert!(!format!("{md5:?}").contains(&md5.to_hex()));
}

#[test]
fn counts_are_hexadecimal_and_names_of_any_case() {
    let value = "dIGEST UserName=\"CORP\\ann\" , Realm = \"a, \\\"b\\\"\",NONCE=\"n\",uri=\"sip:x\",response=\"AB\",\tALGORITHM=sha-256, \
        qop=AUTH, nc=0000000A, cnonce=\"\", x=\"y,z\"";
    let c = Credentials::parse(value).unwrap();
    assert_eq!((c.username, c.realm, c.nc, c.qop), ("CORP\\ann", "a, \\\"b\\\"", Some(10), Some(Qop::Auth)));
    assert_eq!(c.algorithm, Algorithm::Sha256);
    assert!(!c.verify(None, &Method::Bye, b""));
}

#[test]
fn a_quote_in_a_name_ends_nothing() {
    let challenge = Challenge::new("the \\\"realm\\\"", "n", Algorithm::Md5);
    assert_eq!(Challenge::parse(&challenge.to_string()).unwrap().realm, challenge.realm);
    for name in ["a\", x=\"b", "back\\", "back\\\\"] {
        let ha1 = Ha1::new(Algorithm::Md5, name, challenge.realm, "p");
        let value = challenge.answer(name, &ha1, &answer(&Method::Bye, 1, b"")).unwrap();
        assert_eq!(Credentials::parse(&value).unwrap().nonce, "n", "{value}");
    }
}

#[test]
fn unreadable_credentials_say_why() {
    let base = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"x\"";
    let error = |more: &str| Credentials::parse(&format!("{base}{more}")).unwrap_err();
    assert_eq!(error(", username=\"b\""), DigestError::Repeated("username"));
    assert_eq!(error(", algorithm=SHA-1"), DigestError::Algorithm);
    assert_eq!(error(", qop=auth, nc=1"), DigestError::Missing("cnonce"));
    assert_eq!(error(", qop=auth, cnonce=\"c\""), DigestError::Invalid("nc"));
    assert_eq!(error(", qop=auth, cnonce=\"c\", nc=-1"), DigestError::Invalid("nc"));
    assert_eq!(error(", qop=none"), DigestError::Invalid("qop"));
    assert!(matches!(error(", x=\"open"), DigestError::Syntax(_)));
    assert!(matches!(error(" y=1"), DigestError::Syntax(_)));
    assert_eq!(Credentials::parse("Basic QTpC"), Err(DigestError::OtherScheme));
    assert_eq!(Credentials::parse("Digest"), Err(DigestError::OtherScheme));
    assert_eq!(Credentials::parse("Digest realm=\"r\""), Err(DigestError::Missing("username")));
}

#[test]
fn several_challenges_may_share_a_line() {
    let m = Draft::response("SIP/2.0 401 Unauthorized")
        .with("WWW-Authenticate: Digest realm=\"a, Digest b=1\", nonce=\"1\", algorithm=SHA-256, Digest realm=\"a\", nonce=\"2\", qop=\"auth,auth-int\"")
        .with("WWW-Authenticate: Other x=1, Digest realm=\"c\", nonce=\"3\", stale=TRUE")
        .parse();
    let all: Vec<_> = m.www_authenticate().collect();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].as_ref().unwrap().realm, "a, Digest b=1");
    assert!(all[1].as_ref().is_ok_and(|c| c.nonce == "2" && c.auth && c.auth_int));
    assert_eq!(all[2], Err(DigestError::OtherScheme));
    assert!(all[3].as_ref().is_ok_and(|c| c.stale && !c.auth));
    assert_eq!(m.header_values(Name::WwwAuthenticate).count(), 2);
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

fn valid(nonces: &Nonces, nonce: &str, now: SystemTime) -> NonceId {
    match nonces.check(nonce, now, HERE) {
        NonceCheck::Valid(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nonce_is_good_for_its_time_its_place_and_its_key() {
    let nonces = Nonces::new(&[1; 32], Duration::from_secs(30));
    let nonce = nonces.issue(at(0), HERE);
    assert_eq!(nonce.len(), 56);
    let sibling = Nonces::new(&[1; 32], Duration::from_secs(30));
    valid(&sibling, &nonce, at(30));
    assert_eq!(nonces.check(&nonce, at(31), HERE), NonceCheck::Expired);
    assert_eq!(nonces.check(&nonce, at(1), THERE), NonceCheck::Foreign);
    assert_eq!(nonces.check(&nonce, at(1), None), NonceCheck::Foreign);
    assert_eq!(Nonces::new(&[2; 32], Duration::from_secs(30)).check(&nonce, at(1), HERE), NonceCheck::Foreign);
    assert_ne!(nonces.issue(at(0), HERE), nonce);
}

#[test]
fn no_digit_of_a_nonce_can_be_changed() {
    let nonces = Nonces::new(&[1; 32], Duration::from_secs(30));
    let nonce = nonces.issue(at(0), HERE);
    for place in 0..nonce.len() {
        let mut forged = nonce.clone().into_bytes();
        forged[place] = if forged[place] == b'0' { b'1' } else { b'0' };
        assert_eq!(
            nonces.check(&String::from_utf8(forged).unwrap(), at(0), HERE),
            NonceCheck::Foreign,
            "digit {place}"
        );
    }
    for garbage in ["", "zz", &nonce[1..], &"é".repeat(28)] {
        assert_eq!(nonces.check(garbage, at(0), HERE), NonceCheck::Foreign);
    }
}

#[test]
fn each_count_of_a_nonce_is_good_once() {
    let nonces = Nonces::new(&[1; 32], Duration::from_secs(30));
    let id = valid(&nonces, &nonces.issue(at(0), HERE), at(0));
    let mut guard = ReplayGuard::new(10);
    let seen = [1, 2, 5, 4, 3, 300, 237].map(|nc| guard.admit(id, Some(nc)));
    assert_eq!(seen, [Admission::Admitted; 7]);
    let again = [0, 1, 4, 300, 236, 237].map(|nc| guard.admit(id, Some(nc)));
    assert_eq!(again, [Admission::Replayed; 6]);
    let uncounted = valid(&nonces, &nonces.issue(at(1), HERE), at(1));
    assert_eq!(guard.admit(uncounted, None), Admission::Admitted);
    assert_eq!(guard.admit(uncounted, None), Admission::Replayed);
}

#[test]
fn a_full_guard_forgets_the_oldest_and_says_so() {
    let nonces = Nonces::new(&[1; 32], Duration::from_secs(3000));
    let ids: Vec<_> = (0..100).map(|n| valid(&nonces, &nonces.issue(at(n), HERE), at(n))).collect();
    let mut guard = ReplayGuard::new(10);
    assert!(ids.iter().all(|id| guard.admit(*id, Some(1)) == Admission::Admitted));
    assert_eq!(guard.len(), 10);
    assert_eq!(guard.admit(ids[0], Some(1)), Admission::Forgotten);
    assert_eq!(guard.admit(ids[99], Some(1)), Admission::Replayed);
    assert_eq!(guard.admit(ids[99], Some(2)), Admission::Admitted);
}
