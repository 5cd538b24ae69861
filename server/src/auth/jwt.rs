//! Access tokens: JSON Web Tokens (RFC 7519) signed by HS256 and by nothing else.
//!
//! Signing and checking one algorithm is a few lines; a library would bring the algorithms that must never be accepted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use dialplane_core::id::{CompanyId, UserId};
use dialplane_core::people::{Role, User};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Who issues the tokens, and for whom.
const ISSUER: &str = "dialplane";
const AUDIENCE: &str = "dialplane-api";
/// What the tokens are for: tokens of another use must not pass here.
const TYPE: &str = "access";
/// The header of every token: no other is accepted.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// The longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 2_048;
/// Seconds by which another node's clock may be ahead.
const NOT_BEFORE_LEEWAY: i64 = 60;

#[derive(Serialize, Deserialize)]
struct Payload {
    iss: String,
    aud: String,
    typ: String,
    sub: UserId,
    company: CompanyId,
    role: Role,
    ver: u32,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// What a valid token says. The role in it is for clients; the server reads the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) user: UserId,
    pub(crate) company: CompanyId,
    /// The version of the user's tokens; an older one has been revoked.
    pub(crate) version: u32,
    /// When it ends.
    pub(crate) expires: DateTime<Utc>,
}

/// Issues and checks access tokens.
pub(crate) struct Tokens {
    key: Hmac<Sha256>,
    life: Duration,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("life", &self.life).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with `secret` that live for `life`.
    pub(crate) fn new(secret: &[u8], life: Duration) -> Self {
        // HMAC takes keys of every length (RFC 2104 §3).
        let key = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");
        Self { key, life }
    }

    /// Seconds for which a token is valid.
    pub(crate) const fn life_seconds(&self) -> u64 {
        self.life.as_secs()
    }

    /// A token for `user`.
    pub(crate) fn issue(&self, user: &User, now: DateTime<Utc>) -> String {
        let now = now.timestamp();
        let payload = Payload {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: TYPE.to_owned(),
            sub: user.id,
            company: user.company,
            role: user.role,
            ver: user.token_version,
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(self.life.as_secs()),
        };
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
        let mut mac = self.key.clone();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// What the token says, when it is ours and valid at `now`.
    pub(crate) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Claims> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let mut mac = self.key.clone();
        mac.update(signed.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        if !is_our_header(&URL_SAFE_NO_PAD.decode(header).ok()?) {
            return None;
        }
        let claims: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let now = now.timestamp();
        let fits = claims.iss == ISSUER && claims.aud == AUDIENCE && claims.typ == TYPE;
        let timely = now < claims.exp && claims.nbf <= now + NOT_BEFORE_LEEWAY;
        let expires = DateTime::from_timestamp(claims.exp, 0)?;
        let (user, company, version) = (claims.sub, claims.company, claims.ver);
        (fits && timely).then_some(Claims { user, company, version, expires })
    }
}

/// Accepts the algorithm and the type in any order, and no other member: no key by URL, no certificate, no critical extension.
fn is_our_header(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Header {
        alg: String,
        typ: Option<String>,
    }
    serde_json::from_slice::<Header>(bytes)
        .is_ok_and(|header| header.alg == "HS256" && header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialplane_core::id::{IdSource, SeededIds};
    use dialplane_core::people::{NewUser, PasswordHash};

    fn user() -> User {
        let source = SeededIds::new(1);
        let ids: &dyn IdSource = &source;
        let new = NewUser {
            name: "Ann".into(),
            email: "ann@example.com".into(),
            password: PasswordHash::from_stored(String::new()),
            initials: None,
            role: Role::Agent,
            phone: None,
            country_code: None,
            department: None,
            reporting_to: None,
        };
        User::register(ids.id(at(0)), ids.id(at(0)), new, at(0)).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn tokens(secret: &[u8]) -> Tokens {
        Tokens::new(secret, Duration::from_secs(900))
    }

    fn signed(tokens: &Tokens, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mut mac = tokens.key.clone();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_token_is_valid_for_its_life_and_from_its_beginning() {
        let (tokens, user) = (tokens(b"one"), user());
        let token = tokens.issue(&user, at(1_000));
        let claims = Claims { user: user.id, company: user.company, version: 0, expires: at(1_900) };
        assert_eq!(tokens.verify(&token, at(1_899)), Some(claims));
        assert_eq!(tokens.verify(&token, at(1_900)), None);
        assert_eq!(tokens.verify(&token, at(1_000 - NOT_BEFORE_LEEWAY - 1)), None);
    }

    #[test]
    fn another_key_another_algorithm_and_torn_tokens_are_refused() {
        let (ours, user) = (tokens(b"one"), user());
        let token = ours.issue(&user, at(1_000));
        assert_eq!(tokens(b"two").verify(&token, at(1_000)), None);
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
        assert!(ours.verify(&signed(&ours, HEADER, &payload), at(1_000)).is_some());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT","jku":"https://evil.example"}"#,
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
        ] {
            assert_eq!(ours.verify(&signed(&ours, header, &payload), at(1_000)), None, "{header}");
        }
        for changed in ["\"aud\":\"dialplane-api\"", "\"iss\":\"dialplane\"", "\"typ\":\"access\""] {
            let other = payload.replace(changed, &changed.replace(":\"", ":\"x"));
            assert_eq!(ours.verify(&signed(&ours, HEADER, &other), at(1_000)), None, "{changed}");
        }
        for torn in ["", ".", "..", "a.b.c", &token[..token.len() - 2], &format!("{token}."), &"a".repeat(5_000)] {
            assert_eq!(ours.verify(torn, at(1_000)), None, "{torn}");
        }
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), token.split('.').nth(1).unwrap());
        assert_eq!(ours.verify(&unsigned, at(1_000)), None);
    }
}
