//! Signatures by the Standard Webhooks specification 1.0, so that a web service knows whom it is asked by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a company's requests are signed with.
#[derive(Clone)]
pub(crate) struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("a key of any length fits"));
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl SigningKey {
    /// The key of a company, made of the server's secret: every node of one server has the same.
    pub(crate) fn of(secret: &[u8], company: &str) -> Self {
        Self(mac(secret, format!("requests of flows of {company}").as_bytes()))
    }

    /// The key as it is handed to whoever checks signatures.
    pub(crate) fn shown(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The headers of a request.
    pub(crate) fn sign(&self, id: &str, seconds: i64, body: &str) -> [(&'static str, String); 3] {
        let signature = STANDARD.encode(mac(&self.0, format!("{id}.{seconds}.{body}").as_bytes()));
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", format!("v1,{signature}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let content = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        assert_eq!(STANDARD.encode(mac(&key, content.as_bytes())), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_company_has_a_key_of_its_own_and_it_is_not_printed() {
        let (one, other) = (SigningKey::of(b"secret", "one"), SigningKey::of(b"secret", "other"));
        assert_ne!(one.shown(), other.shown());
        assert_eq!(format!("{one:?}"), "SigningKey");
        assert_eq!(one.sign("m", 7, "{}")[1], ("webhook-timestamp", "7".to_owned()));
    }
}
