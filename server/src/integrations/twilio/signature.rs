//! The signature of Twilio's callbacks: who has it knows the account's auth token.
//!
//! It is the HMAC-SHA1 of the URL that Twilio called, followed by every parameter of a form, sorted by name, each name followed by its
//! value. The body of anything but a form is covered by its SHA-256, which is part of the URL.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The parameter of the URL that holds the hash of a body.
const BODY_HASH: &str = "bodySHA256";

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sent<'b> {
    /// The parameters of a form.
    Form(&'b [(String, String)]),
    /// Any other body.
    Body(&'b [u8]),
}

/// Whether `signature` is Twilio's for what was sent to `url`. Takes the same time wherever it differs.
pub(super) fn is_genuine(token: &str, signature: &str, url: &str, sent: Sent<'_>) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let mut parameters = String::new();
    match sent {
        Sent::Form(form) => {
            let distinct: BTreeSet<&(String, String)> = form.iter().collect();
            for (name, value) in distinct {
                parameters.push_str(name);
                parameters.push_str(value);
            }
        }
        Sent::Body(body) => {
            if !is_hash_of(url, body) {
                return false;
            }
        }
    }
    // Twilio is known to sign with the port and without it.
    let mut genuine = false;
    for url in spellings(url) {
        genuine |= bool::from(hash(token, &url, &parameters).as_slice().ct_eq(&signature));
    }
    genuine
}

fn hash(token: &str, url: &str, parameters: &str) -> Vec<u8> {
    // A key of any length will do.
    let Ok(mut hash) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return Vec::new() };
    hash.update(url.as_bytes());
    hash.update(parameters.as_bytes());
    hash.finalize().into_bytes().to_vec()
}

/// Whether the URL names the hash of the body.
fn is_hash_of(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_HASH);
    let hash = Sha256::digest(body).iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    });
    named.is_some_and(|(_, said)| said.to_ascii_lowercase().as_bytes().ct_eq(hash.as_bytes()).into())
}

/// The URL with its port and without.
fn spellings(url: &str) -> [String; 2] {
    let other = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let usual = if scheme == "https" { "443" } else { "80" };
        Some(match port {
            Some((host, _)) => format!("{scheme}://{host}{path}"),
            None => format!("{scheme}://{authority}:{usual}{path}"),
        })
    };
    [url.to_owned(), other().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    fn form(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn caller() -> Vec<(String, String)> {
        form(&[
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("From", "+14158675309"),
            ("Caller", "+14158675309"),
        ])
    }

    #[test]
    fn the_published_vectors_are_genuine() {
        for (url, signature) in [
            (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("https://mycompany.com:443/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ] {
            assert!(is_genuine(TOKEN, signature, url, Sent::Form(&caller())), "{url} {signature}");
        }
        let repeated = form(&[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ]);
        assert!(is_genuine(TOKEN, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", URL, Sent::Form(&repeated)));
    }

    #[test]
    fn a_change_of_anything_is_a_forgery() {
        let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(!is_genuine("12346", good, URL, Sent::Form(&caller())));
        assert!(!is_genuine(TOKEN, good, "https://mycompany.com/myapp.php?foo=1&bar=3", Sent::Form(&caller())));
        assert!(!is_genuine(TOKEN, good, "https://mycompany.com:8443/myapp.php?foo=1&bar=2", Sent::Form(&[])));
        for at in 0..caller().len() {
            let mut changed = caller();
            changed[at].1.push('0');
            assert!(!is_genuine(TOKEN, good, URL, Sent::Form(&changed)));
        }
        let bytes = STANDARD.decode(good).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_genuine(TOKEN, &STANDARD.encode(flipped), URL, Sent::Form(&caller())));
        }
        for nonsense in ["", "x", "!!!!", "RSOYDt4T1cUTdK1PDd93"] {
            assert!(!is_genuine(TOKEN, nonsense, URL, Sent::Form(&caller())));
        }
    }

    #[test]
    fn any_other_body_is_covered_by_its_hash_in_the_url() {
        let body = br#"{"property": "value", "boolean": true}"#;
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let url = format!("{URL}&bodySHA256={hash}");
        let signature = STANDARD.encode(super::hash(TOKEN, &url, ""));
        assert!(is_genuine(TOKEN, &signature, &url, Sent::Body(body)));
        assert!(!is_genuine(TOKEN, &signature, &url, Sent::Body(b"{}")));
        let unhashed = STANDARD.encode(super::hash(TOKEN, URL, ""));
        assert!(!is_genuine(TOKEN, &unhashed, URL, Sent::Body(body)), "nothing covers this body");
    }
}
