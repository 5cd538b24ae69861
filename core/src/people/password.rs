//! Passwords and tokens: checked for sanity, kept only as hashes.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::refusal;

/// A password hash in PHC string format. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a stored hash.
    #[must_use]
    pub const fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for storage.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Why a password was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Shorter than 8 characters or longer than 1,024 bytes (ASVS 6.2.1 and 6.2.9).
    #[error("a password has 8 to 128 characters")]
    Length,
    /// One of the passwords that everybody tries first (ASVS 6.2.4).
    #[error("this password is too common")]
    Common,
}

refusal!(PasswordRefused {
    Self::Length => Invalid, "weak_password", "password";
    Self::Common => Invalid, "weak_password", "password";
});

/// The passwords of eight and more characters that lead every leaked list; shorter ones are refused by length.
const COMMON: [&str; 24] = [
    "password",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyui",
    "qwertyuiop",
    "11111111",
    "00000000",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "88888888",
    "87654321",
    "asdfghjk",
    "1q2w3e4r",
    "1qaz2wsx",
    "letmein1",
    "welcome1",
    "admin123",
    "changeme",
];

/// Checks a new password. Only length and the commonest choices are refused: rules of composition make people predictable.
///
/// # Errors
/// [`PasswordRefused`].
pub fn check_password(password: &str) -> Result<(), PasswordRefused> {
    let count = password.chars().count();
    if !(8..=128).contains(&count) {
        return Err(PasswordRefused::Length);
    }
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || lower.chars().all(|c| lower.starts_with(c)) {
        return Err(PasswordRefused::Common);
    }
    Ok(())
}

/// Hashing of passwords. Slow by intent (tens of milliseconds): call it outside a unit of work and off the async threads.
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes a password with a fresh salt.
    fn hash(&self, password: &str) -> PasswordHash;

    /// Whether the password fits the hash. `None` stands for an unknown user and costs the same time.
    fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> bool;
}

/// Argon2id (RFC 9106).
pub struct Argon2Hasher {
    argon2: argon2::Argon2<'static>,
    /// Verified against when there is no such user, so that the answer takes as long.
    decoy: PasswordHash,
}

impl fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2Hasher")
    }
}

impl Argon2Hasher {
    /// The cost that RFC 9106 and OWASP advise for interactive sign-in: 19 MiB, two passes.
    #[must_use]
    pub fn new() -> Self {
        Self::with(argon2::Params::DEFAULT)
    }

    /// The lowest cost the algorithm has. For tests only.
    #[must_use]
    pub fn for_tests() -> Self {
        Self::with(argon2::Params::new(8, 1, 1, None).unwrap_or(argon2::Params::DEFAULT))
    }

    fn with(params: argon2::Params) -> Self {
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let decoy = hash_with(&argon2, "a password that nobody has");
        Self { argon2, decoy }
    }
}

impl Default for Argon2Hasher {
    fn default() -> Self {
        Self::new()
    }
}

fn hash_with(argon2: &argon2::Argon2<'_>, password: &str) -> PasswordHash {
    use argon2::PasswordHasher as _;
    // Fails only without randomness or with invalid parameters, and the parameters are constants.
    let phc = argon2.hash_password(password.as_bytes()).expect("argon2 hashes with valid parameters");
    PasswordHash(phc.to_string())
}

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &str) -> PasswordHash {
        hash_with(&self.argon2, password)
    }

    fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> bool {
        use argon2::PasswordVerifier as _;
        let parsed = argon2::password_hash::phc::PasswordHash::new(&hash.unwrap_or(&self.decoy).0);
        let fits = parsed.is_ok_and(|parsed| self.argon2.verify_password(password.as_bytes(), &parsed).is_ok());
        fits && hash.is_some()
    }
}

/// The SHA-256 of a random token, as stored. Tokens carry 256 bits of randomness, so a fast hash is enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hasher = Argon2Hasher::for_tests();
        let hash = hasher.hash("correct horse");
        assert!(hasher.verify("correct horse", Some(&hash)));
        assert!(!hasher.verify("Correct horse", Some(&hash)));
        assert!(!hasher.verify("a password that nobody has", None));
        assert!(!hasher.verify("x", Some(&PasswordHash::from_stored("nonsense".into()))));
        assert!(!format!("{hash:?}").contains("argon2"));
    }

    #[test]
    fn short_common_and_uniform_passwords_are_refused() {
        assert_eq!(check_password("seven77"), Err(PasswordRefused::Length));
        assert_eq!(check_password("Password"), Err(PasswordRefused::Common));
        assert_eq!(check_password("zzzzzzzzzz"), Err(PasswordRefused::Common));
        assert_eq!(check_password("a b c d e f"), Ok(()));
    }
}
