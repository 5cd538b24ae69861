//! Trunks: where calls to and from a carrier go. A trunk by address is trusted by its source address, and by that only; a trunk by
//! registration is an account at the carrier, which sends its calls to whoever has registered with it.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::refusal;
use crate::id::{CompanyId, TrunkId};
use crate::pii::Secret;

/// The most addresses of a trunk.
pub const ADDRESSES_MAX: usize = 64;

/// How long a registration may last, in seconds: shorter is a burden for the carrier, longer keeps calls away for long once our
/// address has changed.
pub const REGISTRATION_SECONDS: RangeInclusive<u32> = 60..=86_400;

/// The most characters of each word of an account.
const WORD_MAX: usize = 128;

/// A connection to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// The company.
    pub company: CompanyId,
    /// Its name.
    pub name: String,
    /// How SIP is carried.
    pub transport: TrunkTransport,
    /// The carrier's host name or address.
    pub host: String,
    /// The carrier's port.
    pub port: u16,
    /// How the two know each other.
    pub auth: TrunkAuth,
    /// Whether outbound calls use it when nothing else is said. At most one of a company.
    pub is_default: bool,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// How SIP is carried to the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl TrunkTransport {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl FromStr for TrunkTransport {
    type Err = TrunkRefused;
    fn from_str(text: &str) -> Result<Self, TrunkRefused> {
        match text {
            "udp" => Ok(Self::Udp),
            "tcp" => Ok(Self::Tcp),
            _ => Err(TrunkRefused::BadTransport),
        }
    }
}

/// How a carrier and we know each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum TrunkAuth {
    /// By source address: INVITEs are accepted from these addresses and from no other.
    Address {
        /// The carrier's addresses.
        addresses: Vec<IpAddr>,
    },
    /// By an account at the carrier: we register there (RFC 3261 §10), and INVITEs are accepted from where we do.
    Registration(TrunkAccount),
}

/// An account at a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkAccount {
    /// The user part of the account's address.
    pub username: String,
    /// The name that the password belongs to, where the carrier gives another one than [`username`](Self::username).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_username: Option<String>,
    /// The password. It is kept as it is: the realm that it is hashed with is known only once the carrier asks.
    pub password: Secret,
    /// The only realm that is given a proof of the password; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// How long a registration is to last, in seconds within [`REGISTRATION_SECONDS`]; the carrier may choose less.
    pub expires_seconds: u32,
}

impl TrunkAccount {
    fn clean(&mut self) {
        self.username = self.username.trim().to_owned();
        for word in [&mut self.auth_username, &mut self.realm] {
            *word = word.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        }
    }

    fn faults(&self) -> impl Iterator<Item = TrunkRefused> + use<> {
        // What stands in the user part of a URI without escape (RFC 3261 §25.1).
        let user = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$".contains(c);
        let fits = |text: &str| (1..=WORD_MAX).contains(&text.len());
        let word = |text: &Option<String>| {
            text.as_ref().is_none_or(|text| fits(text) && text.bytes().all(|b| b.is_ascii_graphic() || b == b' '))
        };
        let password = self.password.expose();
        let rules = [
            (fits(&self.username) && self.username.chars().all(user), TrunkRefused::BadUsername),
            (word(&self.auth_username), TrunkRefused::BadAuthUsername),
            (fits(password) && !password.chars().any(char::is_control), TrunkRefused::BadPassword),
            (word(&self.realm), TrunkRefused::BadRealm),
            (REGISTRATION_SECONDS.contains(&self.expires_seconds), TrunkRefused::BadExpires),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused)
    }
}

/// Why a trunk was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrunkRefused {
    /// The name is empty or too long.
    #[error("a trunk's name has 1 to 100 characters")]
    BadName,
    /// The transport is not supported.
    #[error("a transport is udp or tcp")]
    BadTransport,
    /// The host is not a host name or address.
    #[error("this is not a host name or an address")]
    BadHost,
    /// The port is 0.
    #[error("a port is between 1 and 65535")]
    BadPort,
    /// No address, too many, or one that is not an address.
    #[error("give 1 to 64 IP addresses")]
    BadAddresses,
    /// Another trunk of the company has the name.
    #[error("another trunk has this name")]
    NameTaken,
    /// There is no such way to know each other.
    #[error("a trunk is known by address or by registration")]
    UnsupportedAuth,
    /// The user name cannot stand in an address, is empty or too long.
    #[error("a user name has 1 to 128 letters, digits or marks that may stand in a SIP address")]
    BadUsername,
    /// The user name for the password is too long or holds what cannot be sent.
    #[error("a user name for the password has at most 128 characters of ASCII")]
    BadAuthUsername,
    /// The password is empty, too long or holds control characters.
    #[error("a password has 1 to 128 bytes")]
    BadPassword,
    /// The realm is too long or holds what cannot be sent.
    #[error("a realm has at most 128 characters of ASCII")]
    BadRealm,
    /// The registration is to last too short or too long.
    #[error("a registration lasts 60 to 86400 seconds")]
    BadExpires,
    /// No such trunk.
    #[error("there is no such trunk")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(TrunkRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::BadTransport => Invalid, "invalid_input", "transport";
    Self::BadHost => Invalid, "invalid_input", "host";
    Self::BadPort => Invalid, "invalid_input", "port";
    Self::BadAddresses => Invalid, "invalid_input", "auth";
    Self::NameTaken => Conflict, "name_taken", "name";
    Self::UnsupportedAuth => Invalid, "unsupported", "auth";
    Self::BadUsername => Invalid, "invalid_input", "auth.username";
    Self::BadAuthUsername => Invalid, "invalid_input", "auth.authUsername";
    Self::BadPassword => Invalid, "invalid_input", "auth.password";
    Self::BadRealm => Invalid, "invalid_input", "auth.realm";
    Self::BadExpires => Invalid, "invalid_input", "auth.expiresSeconds";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

/// What a trunk is made of.
#[derive(Debug, Clone)]
pub struct TrunkSettings {
    /// Its name.
    pub name: String,
    /// How SIP is carried.
    pub transport: TrunkTransport,
    /// The carrier's host name or address.
    pub host: String,
    /// The carrier's port.
    pub port: u16,
    /// How the two know each other.
    pub auth: TrunkAuth,
    /// Whether outbound calls use it.
    pub is_default: bool,
}

impl TrunkSettings {
    /// Checks and cleans the settings.
    ///
    /// # Errors
    /// [`TrunkRefused`] names the field at fault.
    pub fn checked(mut self) -> Result<Self, TrunkRefused> {
        self.clean();
        self.faults().next().map_or(Ok(self), Err)
    }

    fn clean(&mut self) {
        self.name = self.name.trim().to_owned();
        self.host = self.host.trim().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        match &mut self.auth {
            TrunkAuth::Address { addresses } => {
                for address in addresses.iter_mut() {
                    *address = address.to_canonical();
                }
                addresses.sort_unstable();
                addresses.dedup();
            }
            TrunkAuth::Registration(account) => account.clean(),
        }
    }

    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> impl Iterator<Item = TrunkRefused> + use<> {
        let mut clean = self.clone();
        clean.clean();
        let Self { name, host, port, auth, .. } = clean;
        let (addresses, account) = match auth {
            TrunkAuth::Address { addresses } => (Some(addresses), None),
            TrunkAuth::Registration(account) => (None, Some(account)),
        };
        let usable = |addresses: Vec<IpAddr>| {
            (1..=ADDRESSES_MAX).contains(&addresses.len()) && !addresses.iter().any(IpAddr::is_unspecified)
        };
        let rules = [
            (
                !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control),
                TrunkRefused::BadName,
            ),
            (host.parse::<IpAddr>().is_ok() || is_host_name(&host), TrunkRefused::BadHost),
            (port != 0, TrunkRefused::BadPort),
            (addresses.is_none_or(usable), TrunkRefused::BadAddresses),
        ];
        let account = account.into_iter().flat_map(|account| account.faults());
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused).chain(account)
    }
}

/// A host name by RFC 1123 §2.1.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label) && !text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: &str, addresses: &[&str]) -> TrunkSettings {
        TrunkSettings {
            name: " Carrier ".into(),
            transport: TrunkTransport::Udp,
            host: host.into(),
            port: 5060,
            auth: TrunkAuth::Address { addresses: addresses.iter().map(|a| a.parse().unwrap()).collect() },
            is_default: true,
        }
    }

    #[test]
    fn addresses_are_kept_once_in_their_own_notation() {
        let trunk = settings("sip.example.com", &["::ffff:192.0.2.1", "192.0.2.1"]).checked().unwrap();
        assert_eq!(trunk.auth, TrunkAuth::Address { addresses: vec!["192.0.2.1".parse().unwrap()] });
        assert_eq!(trunk.name, "Carrier");
    }

    fn account() -> TrunkAccount {
        TrunkAccount {
            username: " 12025550100 ".into(),
            auth_username: Some("  ".into()),
            password: Secret::new("pw".into()),
            realm: None,
            expires_seconds: 600,
        }
    }

    #[test]
    fn an_account_is_cleaned_and_each_word_of_it_is_checked() {
        let checked = |account| {
            let settings = TrunkSettings { auth: TrunkAuth::Registration(account), ..settings("x.example", &[]) };
            settings.checked().map(|settings| settings.auth)
        };
        let clean = TrunkAccount { username: "12025550100".into(), auth_username: None, ..account() };
        assert_eq!(checked(account()), Ok(TrunkAuth::Registration(clean)));
        let long = || "x".repeat(129);
        for (account, refused) in [
            (TrunkAccount { username: String::new(), ..account() }, TrunkRefused::BadUsername),
            (TrunkAccount { username: "a@b".into(), ..account() }, TrunkRefused::BadUsername),
            (TrunkAccount { auth_username: Some(long()), ..account() }, TrunkRefused::BadAuthUsername),
            (TrunkAccount { password: Secret::new(String::new()), ..account() }, TrunkRefused::BadPassword),
            (TrunkAccount { password: Secret::new("a\r\nb".into()), ..account() }, TrunkRefused::BadPassword),
            (TrunkAccount { realm: Some("a\nb".into()), ..account() }, TrunkRefused::BadRealm),
            (TrunkAccount { expires_seconds: 59, ..account() }, TrunkRefused::BadExpires),
        ] {
            assert_eq!(checked(account), Err(refused));
        }
    }

    #[test]
    fn the_password_of_an_account_is_stored_and_never_printed() {
        let auth = TrunkAuth::Registration(TrunkAccount { password: Secret::new("tell-nobody".into()), ..account() });
        assert!(!format!("{auth:?}").contains("tell-nobody"));
        let stored = serde_json::to_string(&auth).unwrap();
        assert_eq!(serde_json::from_str::<TrunkAuth>(&stored).unwrap(), auth);
    }

    #[test]
    fn nonsense_hosts_and_empty_lists_are_refused() {
        for host in ["", "a b", "-x", "300.1.1.1", "x..y", "sip:x"] {
            assert_eq!(settings(host, &["192.0.2.1"]).checked().unwrap_err(), TrunkRefused::BadHost, "{host}");
        }
        assert_eq!(settings("x.example", &[]).checked().unwrap_err(), TrunkRefused::BadAddresses);
        assert_eq!(settings("x.example", &["0.0.0.0"]).checked().unwrap_err(), TrunkRefused::BadAddresses);
        assert!(settings("[2001:db8::1]", &["2001:db8::1"]).checked().is_ok());
    }
}
