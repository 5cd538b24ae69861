//! Trunks: where calls to and from a carrier go. A trunk by address is trusted by its source address, and by that only.

use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::refusal;
use crate::id::{CompanyId, TrunkId};

/// The most addresses of a trunk.
pub const ADDRESSES_MAX: usize = 64;

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
}

impl TrunkAuth {
    /// Whether requests from `source` are the carrier's.
    #[must_use]
    pub fn admits(&self, source: IpAddr) -> bool {
        let Self::Address { addresses } = self;
        addresses.contains(&source.to_canonical())
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
    /// Registration at the carrier is not available.
    #[error("only trunks by address are supported")]
    UnsupportedAuth,
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
        let TrunkAuth::Address { addresses } = &mut self.auth;
        for address in addresses.iter_mut() {
            *address = address.to_canonical();
        }
        addresses.sort_unstable();
        addresses.dedup();
    }

    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> impl Iterator<Item = TrunkRefused> + use<> {
        let mut clean = self.clone();
        clean.clean();
        let Self { name, host, port, auth: TrunkAuth::Address { addresses }, .. } = clean;
        let rules = [
            (
                !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control),
                TrunkRefused::BadName,
            ),
            (host.parse::<IpAddr>().is_ok() || is_host_name(&host), TrunkRefused::BadHost),
            (port != 0, TrunkRefused::BadPort),
            (
                (1..=ADDRESSES_MAX).contains(&addresses.len()) && !addresses.iter().any(IpAddr::is_unspecified),
                TrunkRefused::BadAddresses,
            ),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused)
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
    fn a_trunk_admits_its_own_addresses_in_either_notation() {
        let trunk = settings("sip.example.com", &["::ffff:192.0.2.1", "192.0.2.1"]).checked().unwrap();
        assert!(trunk.auth.admits("192.0.2.1".parse().unwrap()));
        assert!(trunk.auth.admits("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!trunk.auth.admits("192.0.2.2".parse().unwrap()));
        assert_eq!(trunk.name, "Carrier");
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
