//! Hosts: names and addresses (RFC 3261 §25.1, RFC 5954, RFC 5118).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{Fault, HeaderFault};
use super::list::cut;

/// The host of a URI or of a Via's sent-by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A domain name, as written.
    Domain(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host that is the whole of `text`; IPv6 with brackets.
    pub fn parse(text: &'a str) -> Option<Host<'a>> {
        let (host, end) = Self::prefix(text).ok()?;
        (end == text.len()).then_some(host)
    }

    /// The address, when the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Domain(_) => None,
            Host::V4(ip) => Some(IpAddr::V4(*ip)),
            Host::V6(ip) => Some(IpAddr::V6(*ip)),
        }
    }

    /// Reads a host at the start of `text`; gives it and the index after it.
    pub(super) fn prefix(text: &'a str) -> Result<(Host<'a>, usize), Fault> {
        let bytes = text.as_bytes();
        if bytes.first() == Some(&b'[') {
            let close = memchr::memchr(b']', bytes).ok_or(Fault::new(HeaderFault::Host, 0))?;
            let ip = parse_v6(cut(text, 1, close)).ok_or(Fault::new(HeaderFault::Host, 1))?;
            return Ok((Host::V6(ip), close + 1));
        }
        let end = bytes.iter().position(|b| !HOST[usize::from(*b)]).unwrap_or(bytes.len());
        if end == 0 {
            return Err(Fault::new(HeaderFault::Host, 0));
        }
        let name = cut(text, 0, end);
        // A name does not end in a digit, unless it is an address or nearly one.
        if name.ends_with(|c: char| c.is_ascii_digit())
            && let Ok(ip) = name.parse::<Ipv4Addr>()
        {
            return Ok((Host::V4(ip), end));
        }
        Ok((Host::Domain(name), end))
    }
}

/// Characters of a host name, and underscores, which are none and in use all the same.
static HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        let b = at as u8;
        table[at] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        at += 1;
    }
    table
};

/// An IPv6 literal without brackets. The ABNF of RFC 3261 once led senders to write three colons before an embedded IPv4 address
/// (RFC 5118 §4.10); they are read as two. A zone is ignored.
pub(super) fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    match text.parse() {
        Ok(ip) => Some(ip),
        Err(_) if text.len() <= 64 && text.contains(":::") => text.replacen(":::", "::", 1).parse().ok(),
        Err(_) => None,
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Domain(name) => f.write_str(name),
            Host::V4(ip) => ip.fmt(f),
            Host::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

impl From<IpAddr> for Host<'static> {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Host::V4(ip),
            IpAddr::V6(ip) => Host::V6(ip),
        }
    }
}
