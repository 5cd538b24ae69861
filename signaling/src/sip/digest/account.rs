//! The client's side of digest authentication: proofs for a server that challenges requests of ours (RFC 3261 §22.2).

use dialplane_core::phone::TrunkAccount;

use super::text::split_values;
use super::{Answer, Challenge, Ha1};
use crate::sip::wire::{Message, Method, Name};

/// A server's challenge that an account can answer, and how often its nonce has been used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenged {
    /// The challenge, as it was sent.
    value: String,
    /// Whether a proxy asks (407).
    proxy: bool,
    uses: u32,
}

impl Challenged {
    /// The first challenge of a 401 or 407 that can be answered: the server puts what it likes best first (RFC 8760 §2.4). An account that
    /// names its realm answers no other.
    #[must_use]
    pub fn of(refusal: &Message, account: &TrunkAccount) -> Option<Self> {
        let proxy = refusal.status() == Some(407);
        let name = if proxy { Name::ProxyAuthenticate } else { Name::WwwAuthenticate };
        let usable = |value: &&str| {
            let challenge = Challenge::parse(value).ok();
            challenge.is_some_and(|c| account.realm.as_ref().is_none_or(|realm| realm == c.realm))
        };
        let value = refusal.header_values(name).flat_map(split_values).find(usable)?;
        Some(Self { value: value.to_owned(), proxy, uses: 0 })
    }

    /// Whether the server says that the password was right and only the nonce too old.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        Challenge::parse(&self.value).is_ok_and(|challenge| challenge.stale)
    }

    /// The header that proves the account's password for a request. Each call is one more use of the nonce.
    pub fn prove(
        &mut self,
        account: &TrunkAccount,
        method: &Method,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Option<(Name<'static>, String)> {
        self.uses = self.uses.checked_add(1)?;
        let challenge = Challenge::parse(&self.value).ok()?;
        let user = account.auth_username.as_ref().unwrap_or(&account.username);
        let ha1 = Ha1::new(challenge.algorithm, user, challenge.realm, account.password.expose());
        let answer = Answer { method, uri, nc: self.uses, cnonce, body };
        let name = if self.proxy { Name::ProxyAuthorization } else { Name::Authorization };
        challenge.answer(user, &ha1, &answer).map(|value| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use dialplane_core::pii::Secret;

    use super::*;
    use crate::sip::digest::{Algorithm, Credentials};
    use crate::sip::wire::Limits;

    fn account(realm: Option<&str>) -> TrunkAccount {
        TrunkAccount {
            username: "alice".into(),
            auth_username: Some("id-77".into()),
            password: Secret::new("pass".into()),
            realm: realm.map(Into::into),
            expires_seconds: 600,
        }
    }

    fn refusal(status: u16, headers: &str) -> Message {
        let text = format!("SIP/2.0 {status} No\r\n{headers}Content-Length: 0\r\n\r\n");
        Message::parse(text.into(), &Limits::default()).unwrap()
    }

    #[test]
    fn proofs_are_accepted_and_count_the_uses_of_the_nonce() {
        let refusal = refusal(401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", opaque=\"o\"\r\n");
        let mut challenged = Challenged::of(&refusal, &account(None)).unwrap();
        let ha1 = Ha1::new(Algorithm::Md5, "id-77", "r", "pass");
        for nc in 1..=3 {
            let (name, value) =
                challenged.prove(&account(None), &Method::Register, "sip:x", b"", "some-random-text").unwrap();
            assert_eq!(name, Name::Authorization);
            let credentials = Credentials::parse(&value).unwrap();
            assert_eq!((credentials.nc, credentials.opaque, credentials.username), (Some(nc), Some("o"), "id-77"));
            assert!(credentials.verify(Some(&ha1), &Method::Register, b""));
        }
    }

    #[test]
    fn the_first_challenge_of_a_known_kind_and_the_right_realm_is_answered() {
        let several = "Proxy-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256\r\n\
                       Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\", algorithm=SHA-256, stale=TRUE\r\n\
                       Proxy-Authenticate: Digest realm=\"c\", nonce=\"3\"\r\n";
        let proof = |realm| {
            let account = account(realm);
            let mut challenged = Challenged::of(&refusal(407, several), &account)?;
            let stale = challenged.is_stale();
            let (name, value) = challenged.prove(&account, &Method::Invite, "sip:x", b"", "c").unwrap();
            assert_eq!(name, Name::ProxyAuthorization);
            let credentials = Credentials::parse(&value).unwrap();
            Some((credentials.nonce.to_owned(), credentials.algorithm, stale))
        };
        assert_eq!(proof(None), Some(("2".into(), Algorithm::Sha256, true)));
        assert_eq!(proof(Some("c")), Some(("3".into(), Algorithm::Md5, false)));
        assert_eq!(proof(Some("a")), None, "its algorithm is not known");
        assert_eq!(proof(Some("elsewhere")), None);
        assert_eq!(Challenged::of(&refusal(401, several), &account(None)), None, "a server asks by another header");
    }
}
