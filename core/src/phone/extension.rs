//! Extensions: the SIP credentials of a user. The secret is shown once; only its digests are kept.

use std::fmt;

use chrono::{DateTime, Utc};
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::error::refusal;
use crate::id::{CompanyId, ExtensionId, UserId};
use crate::people::password::hex;

/// The realm of SIP authentication. A constant, because the digests that are stored contain it.
pub const SIP_REALM: &str = "dialplane";

/// The first extension number of a company.
pub const FIRST_EXTENSION: u32 = 1001;

/// The digests of a SIP password: `H(username:realm:password)` (RFC 8760), in lower-case hexadecimal. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SipSecret {
    /// By MD5, for the phones that know nothing better.
    pub md5: String,
    /// By SHA-256.
    pub sha256: String,
}

impl SipSecret {
    /// The digests of `password` for `username` in [`SIP_REALM`].
    #[must_use]
    pub fn of(username: &str, password: &str) -> Self {
        let text = format!("{username}:{SIP_REALM}:{password}");
        Self { md5: hex(&Md5::digest(text.as_bytes())), sha256: hex(&Sha256::digest(text.as_bytes())) }
    }
}

impl fmt::Debug for SipSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SipSecret(…)")
    }
}

/// A line of a user: a number inside the company and the credentials to register phones with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its id.
    pub id: ExtensionId,
    /// The company.
    pub company: CompanyId,
    /// Whose it is.
    pub user: UserId,
    /// The number inside the company, such as `1001`. Unique in the company.
    pub number: String,
    /// The SIP user name. Unique over all companies, as a REGISTER names nothing else.
    pub username: String,
    /// The digests of the secret.
    pub secret: SipSecret,
    /// Counts the changes.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why an extension was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionRefused {
    /// No such user, or disabled.
    #[error("there is no such user")]
    NoSuchUser,
    /// The number is not 2 to 8 digits.
    #[error("an extension number has 2 to 8 digits and does not begin with 0")]
    BadNumber,
    /// The number is taken.
    #[error("this extension number is taken")]
    NumberTaken,
    /// No such extension.
    #[error("there is no such extension")]
    NotFound,
}

refusal!(ExtensionRefused {
    Self::NoSuchUser => NotFound, "not_found";
    Self::BadNumber => Invalid, "invalid_input", "number";
    Self::NumberTaken => Conflict, "number_taken", "number";
    Self::NotFound => NotFound, "not_found";
});

/// Checks an extension number: 2 to 8 digits, so that it cannot be mistaken for a number to dial out.
///
/// # Errors
/// [`ExtensionRefused::BadNumber`].
pub fn extension_number(text: &str) -> Result<String, ExtensionRefused> {
    let text = text.trim();
    let fits = (2..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if fits { Ok(text.to_owned()) } else { Err(ExtensionRefused::BadNumber) }
}

/// The number after the highest one in use.
#[must_use]
pub fn next_number<'a>(taken: impl IntoIterator<Item = &'a str>) -> String {
    let highest = taken.into_iter().filter_map(|n| n.parse::<u32>().ok()).max().unwrap_or(0);
    highest.saturating_add(1).max(FIRST_EXTENSION).to_string()
}

/// The SIP user name of an extension: its number and a few characters of the company's id, because several companies share
/// one SIP domain and each has a `1001`.
#[must_use]
pub fn username(number: &str, company: CompanyId) -> String {
    let id = company.as_uuid().simple().to_string();
    format!("{number}-{}", id.get(id.len() - 8..).unwrap_or(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_1001_and_grow() {
        assert_eq!(next_number([]), "1001");
        assert_eq!(next_number(["12"]), "1001");
        assert_eq!(next_number(["1001", "2000"]), "2001");
    }

    #[test]
    fn only_short_digit_strings_are_extensions() {
        assert!(extension_number("1001").is_ok());
        for text in ["", "1", "0123", "123456789", "10a1", "+101"] {
            assert_eq!(extension_number(text), Err(ExtensionRefused::BadNumber), "{text}");
        }
    }
}
