//! Via values (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::error::{Fault, HeaderError, HeaderFault};
use super::host::{Host, parse_v6};
use super::list::{cut, is_token_byte, skip_blanks};
use super::params::Params;
use super::uri::read_port;

/// One Via value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written: `UDP`, `TCP`, `TLS`, `WS`, `WSS` and others.
    pub transport: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, when written.
    pub port: Option<u16>,
    /// The branch, which names the transaction.
    pub branch: Option<&'a str>,
    /// The `received` parameter as written, with or without brackets.
    pub received: Option<&'a str>,
    /// `rport`: absent, asked for, or filled in (RFC 3581).
    pub rport: Option<Option<u16>>,
    /// The `maddr` parameter.
    pub maddr: Option<&'a str>,
    /// The `ttl` parameter.
    pub ttl: Option<u8>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// What a branch begins with that is unique in space and time (RFC 3261 §8.1.1.7).
    pub const MAGIC_COOKIE: &'static str = "z9hG4bK";

    /// Reads one value.
    pub fn parse(text: &'a str) -> Option<Via<'a>> {
        Self::read(text).ok()
    }

    /// Reads one value, for its error.
    pub(in crate::sip) fn read_as(text: &'a str) -> Result<Via<'a>, HeaderError> {
        Self::read(text).map_err(|fault| fault.of("Via"))
    }

    pub(super) fn read(text: &'a str) -> Result<Via<'a>, Fault> {
        let bytes = text.as_bytes();
        let after_name = expect_word(bytes, 0, b"SIP")?;
        let after_version = expect_word(bytes, expect_slash(bytes, after_name)?, b"2.0")?;
        let from = expect_slash(bytes, after_version)?;
        let to = from + bytes.get(from..).unwrap_or(&[]).iter().take_while(|b| is_token_byte(**b)).count();
        let sent_by = skip_blanks(bytes, to);
        if to == from || sent_by == to {
            return Err(Fault::new(HeaderFault::Protocol, to));
        }
        let (host, used) = Host::prefix(cut(text, sent_by, text.len())).map_err(|f| f.shift(sent_by))?;
        let mut at = skip_blanks(bytes, sent_by + used);
        let mut port = None;
        if bytes.get(at) == Some(&b':') {
            let (value, end) = read_port(text, skip_blanks(bytes, at + 1))?;
            port = Some(value);
            at = end;
        }
        let mut via = Via {
            transport: cut(text, from, to),
            host,
            port,
            branch: None,
            received: None,
            rport: None,
            maddr: None,
            ttl: None,
            params: Params::walked(cut(text, at, text.len())),
        };
        via.fill_params().map_err(|f| f.shift(at))?;
        Ok(via)
    }

    fn fill_params(&mut self) -> Result<(), Fault> {
        let mut walk = self.params.walk();
        while let Some(param) = walk.next_param()? {
            let value = param.value.unwrap_or("");
            match param.name.len() {
                6 if self.branch.is_none() && param.name.eq_ignore_ascii_case("branch") => self.branch = Some(value),
                8 if param.name.eq_ignore_ascii_case("received") => self.received = Some(value),
                5 if param.name.eq_ignore_ascii_case("rport") => self.rport = Some(value.parse().ok()),
                5 if param.name.eq_ignore_ascii_case("maddr") => self.maddr = Some(value),
                3 if param.name.eq_ignore_ascii_case("ttl") => self.ttl = value.parse().ok(),
                _ => {}
            }
        }
        Ok(())
    }

    /// The branch, when it is one of RFC 3261: the cookie and something after it.
    pub fn unique_branch(&self) -> Option<&'a str> {
        let branch = self.branch?;
        let cookie = branch.get(..Self::MAGIC_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(Self::MAGIC_COOKIE) && branch.len() > cookie.len()).then_some(branch)
    }

    /// The `received` parameter as an address; IPv6 with or without brackets (RFC 5118 §4.5).
    pub fn received_ip(&self) -> Option<IpAddr> {
        let text = self.received?;
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok().or_else(|| parse_v6(bare).map(IpAddr::V6))
    }

    /// Whether the transport keeps message borders and order.
    pub fn is_reliable(&self) -> bool {
        !self.transport.eq_ignore_ascii_case("UDP")
    }
}

/// Expects `word`, in any case, after blanks; gives the index after it.
fn expect_word(bytes: &[u8], from: usize, word: &[u8]) -> Result<usize, Fault> {
    let at = skip_blanks(bytes, from);
    match bytes.get(at..at + word.len()) {
        Some(found) if found.eq_ignore_ascii_case(word) => Ok(at + word.len()),
        _ => Err(Fault::new(HeaderFault::Protocol, at)),
    }
}

/// Expects a slash between blanks; gives the index of what follows.
fn expect_slash(bytes: &[u8], from: usize) -> Result<usize, Fault> {
    let at = skip_blanks(bytes, from);
    if bytes.get(at) == Some(&b'/') {
        Ok(skip_blanks(bytes, at + 1))
    } else {
        Err(Fault::new(HeaderFault::Protocol, at))
    }
}
