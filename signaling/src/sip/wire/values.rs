//! Small typed values: CSeq, RAck, media types, numbers.

use super::error::{Fault, HeaderFault};
use super::list::{cut, is_token, skip_blanks, trim};
use super::method::Method;
use super::params::Params;

/// A CSeq value (RFC 3261 §20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
}

/// An RAck value (RFC 3262 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response acknowledged.
    pub response: u32,
    /// The CSeq number of the response acknowledged.
    pub number: u32,
    /// The method of that CSeq.
    pub method: Method,
}

/// A media type (RFC 3261 §20.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// `application` of `application/sdp`.
    pub kind: &'a str,
    /// `sdp` of `application/sdp`.
    pub subtype: &'a str,
    /// Its parameters, as `boundary`.
    pub params: Params<'a>,
}

impl CSeq {
    pub(super) fn read(text: &str) -> Result<CSeq, Fault> {
        let (number, at) = read_number(text, 0)?;
        let method = read_method(text, at)?;
        Ok(CSeq { number, method })
    }
}

impl RAck {
    pub(super) fn read(text: &str) -> Result<RAck, Fault> {
        let (response, at) = read_number(text, 0)?;
        let (number, at) = read_number(text, skip_blanks(text.as_bytes(), at))?;
        let method = read_method(text, at)?;
        Ok(RAck { response, number, method })
    }
}

impl<'a> MediaType<'a> {
    /// Reads `type/subtype` and parameters.
    pub fn parse(text: &'a str) -> Option<MediaType<'a>> {
        Self::read(text).ok()
    }

    pub(super) fn read(text: &'a str) -> Result<MediaType<'a>, Fault> {
        let end = memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len());
        let slash = memchr::memchr(b'/', cut(text, 0, end).as_bytes()).ok_or(Fault::new(HeaderFault::Token, 0))?;
        let (kind, subtype) = (trim(cut(text, 0, slash)), trim(cut(text, slash + 1, end)));
        if !is_token(kind.as_bytes()) || !is_token(subtype.as_bytes()) {
            return Err(Fault::new(HeaderFault::Token, 0));
        }
        let params = Params::parse(cut(text, end, text.len())).map_err(|f| f.shift(end))?;
        Ok(MediaType { kind, subtype, params })
    }

    /// Whether this is `kind/subtype`, without regard to case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }
}

/// Digits at `from`, at most 2^32 - 1; gives the number and the index after it.
fn read_number(text: &str, from: usize) -> Result<(u32, usize), Fault> {
    let digits = text.as_bytes().get(from..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
    let end = from + digits;
    let number = cut(text, from, end).parse().map_err(|_| Fault::new(HeaderFault::Number, from))?;
    Ok((number, end))
}

/// Blanks and a method up to the end of `text`.
fn read_method(text: &str, from: usize) -> Result<Method, Fault> {
    let at = skip_blanks(text.as_bytes(), from);
    if at == from {
        return Err(Fault::new(HeaderFault::Token, at));
    }
    Method::from_bytes(cut(text, at, text.len()).as_bytes()).ok_or(Fault::new(HeaderFault::Token, at))
}

/// A number that is the whole value.
pub(super) fn read_u32(text: &str) -> Result<u32, Fault> {
    match read_number(text, 0)? {
        (number, end) if end == text.len() => Ok(number),
        (_, end) => Err(Fault::new(HeaderFault::Number, end)),
    }
}

/// Seconds, followed by parameters or a comment that are ignored here (Retry-After, Session-Expires).
pub(super) fn read_seconds(text: &str) -> Result<u32, Fault> {
    let (number, end) = read_number(text, 0)?;
    let at = skip_blanks(text.as_bytes(), end);
    match text.as_bytes().get(at) {
        None | Some(b';' | b'(') => Ok(number),
        Some(_) => Err(Fault::new(HeaderFault::Number, end)),
    }
}

/// Call-ID: visible characters without blanks (`word [ "@" word ]`).
pub(super) fn read_call_id(text: &str) -> Result<&str, Fault> {
    match text.bytes().position(|b| b <= b' ' || b == 0x7f || b == b',') {
        None if text.is_empty() => Err(Fault::new(HeaderFault::Empty, 0)),
        None => Ok(text),
        Some(at) => Err(Fault::new(HeaderFault::Token, at)),
    }
}
