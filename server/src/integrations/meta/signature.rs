//! What proves that a delivery is Meta's: `X-Hub-Signature-256: sha256=<hex>`, the HMAC of the body as it came, by the secret of the app.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// The header.
const HEADER: &str = "x-hub-signature-256";

/// A signature that was read and not yet compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature([u8; 32]);

impl Signature {
    /// Reads the header; absent, repeated or of another form is none.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::read(value.to_str().ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256=")?;
        if hex.len() != 64 {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Whether it is that of `body` by `secret`. Takes the same time whatever differs.
    pub(super) fn proves(&self, body: &[u8], secret: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(body);
        mac.verify_slice(&self.0).is_ok()
    }
}

/// Whether two texts are the same. Takes the same time whatever differs, their lengths included.
pub(super) fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one).ct_eq(&*Sha256::digest(other)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "app-secret";
    const BODY: &str = concat!(
        r#"{"object":"page","entry":[{"id":"987987987","time":1630087927,"changes":[{"value":{"form_id":"456456456","#,
        r#""leadgen_id":"321321321","created_time":1630087926,"page_id":"123123123"},"field":"leadgen"}]}]}"#
    );
    const SIGNED: &str = "sha256=c12285bb67a3b009b2c489ac8d74bedf898c9524e77e6e18fbc59a6ceec449f4";

    fn proves(signature: &str, body: &str, secret: &str) -> bool {
        Signature::read(signature).is_some_and(|signature| signature.proves(body.as_bytes(), secret))
    }

    #[test]
    fn a_signature_is_of_these_bytes_by_this_secret() {
        assert!(proves(SIGNED, BODY, SECRET));
        assert!(!proves(SIGNED, &format!("{BODY} "), SECRET));
        assert!(!proves(SIGNED, BODY, "app-secreu"));
        assert!(!proves(SIGNED, BODY, ""));
    }

    #[test]
    fn every_single_changed_bit_is_noticed() {
        let Signature(bytes) = Signature::read(SIGNED).unwrap();
        for bit in 0..256 {
            let mut forged = bytes;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!Signature(forged).proves(BODY.as_bytes(), SECRET), "bit {bit}");
        }
    }

    #[test]
    fn other_forms_are_no_signature() {
        let hex = SIGNED.strip_prefix("sha256=").unwrap();
        let wrong = [hex, "", "sha256=", &format!("sha1={hex}"), &format!("sha256={hex}0"), &SIGNED[..70]];
        for text in wrong.into_iter().chain([format!("sha256={}", "g".repeat(64)).as_str(), &"é".repeat(40)]) {
            assert!(Signature::read(text).is_none(), "{text}");
        }
        assert!(Signature::read(&format!("sha256={}", hex.to_uppercase())).is_some());
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(same("token", "token"));
        assert!(!same("token", "toke") && !same("", "token") && !same("token", "Token"));
    }
}
