//! `name-addr` and `addr-spec` values: From, To, Contact, Route and their like (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use super::error::{Fault, HeaderFault};
use super::list::{closing_quote, cut, skip_blanks, trim};
use super::params::Params;
use super::uri::Uri;

/// A URI with an optional display name and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, without quotes, escapes still in it.
    pub display: Option<&'a str>,
    /// The URI.
    pub uri: Uri<'a>,
    /// The parameters of the header (not of the URI).
    pub params: Params<'a>,
    tag: Option<&'a str>,
}

/// One value of a Contact header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: all bindings (RFC 3261 §10.2.2).
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    pub fn parse(text: &'a str) -> Option<NameAddr<'a>> {
        Self::read(text).ok()
    }

    pub(super) fn read(text: &'a str) -> Result<NameAddr<'a>, Fault> {
        let bytes = text.as_bytes();
        let start = skip_blanks(bytes, 0);
        if bytes.get(start) == Some(&b'"') {
            let close = closing_quote(bytes, start).ok_or(Fault::new(HeaderFault::UnterminatedQuote, start))?;
            let open = skip_blanks(bytes, close + 1);
            if bytes.get(open) != Some(&b'<') {
                return Err(Fault::new(HeaderFault::Trailing, open));
            }
            return Self::bracketed(text, Some(cut(text, start + 1, close)), open);
        }
        // A quote before the bracket belongs to a parameter of the form without brackets.
        match memchr::memchr2(b'<', b'"', bytes) {
            Some(open) if bytes.get(open) == Some(&b'<') => {
                let display = trim(cut(text, start, open));
                if let Some(at) = memchr::memchr2(b',', b';', display.as_bytes()) {
                    return Err(Fault::new(HeaderFault::DisplayName, start + at));
                }
                Self::bracketed(text, (!display.is_empty()).then_some(display), open)
            }
            _ => Self::bare(text, start),
        }
    }

    fn bracketed(text: &'a str, display: Option<&'a str>, open: usize) -> Result<NameAddr<'a>, Fault> {
        let inner = text.as_bytes().get(open..).unwrap_or(&[]);
        let close = open + memchr::memchr(b'>', inner).ok_or(Fault::new(HeaderFault::UnterminatedAngle, open))?;
        let uri = Uri::read(cut(text, open + 1, close)).map_err(|f| f.shift(open + 1))?;
        Self::finish(text, display, uri, close + 1)
    }

    /// Without brackets all parameters are the header's, and the URI may hold neither `?` nor `,` (RFC 3261 §20).
    fn bare(text: &'a str, start: usize) -> Result<NameAddr<'a>, Fault> {
        let rest = text.as_bytes().get(start..).unwrap_or(&[]);
        let end = start + rest.iter().position(|b| matches!(b, b';' | b' ' | b'\t')).unwrap_or(rest.len());
        let addr = cut(text, start, end);
        if let Some(at) = memchr::memchr2(b'?', b',', addr.as_bytes()) {
            return Err(Fault::new(HeaderFault::Uri, start + at));
        }
        let uri = Uri::read(addr).map_err(|f| f.shift(start))?;
        Self::finish(text, None, uri, end)
    }

    fn finish(text: &'a str, display: Option<&'a str>, uri: Uri<'a>, at: usize) -> Result<NameAddr<'a>, Fault> {
        let params = Params::walked(cut(text, at, text.len()));
        let mut tag = None;
        let mut walk = params.walk();
        while let Some(param) = walk.next_param().map_err(|f| f.shift(at))? {
            if tag.is_none() && param.name.eq_ignore_ascii_case("tag") {
                tag = param.value.filter(|v| !v.is_empty());
            }
        }
        Ok(NameAddr { display, uri, params, tag })
    }

    /// The `tag` parameter, the mark of one end of a dialog.
    pub const fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The value of a parameter of the header; the empty string for a flag.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The preference in thousandths, 0 to 1000 (RFC 3261 §20.10); `None` when absent or unreadable.
    pub fn q(&self) -> Option<u16> {
        parse_q(self.params.get("q")?)
    }

    /// The `expires` parameter in seconds; a value beyond 32 bits counts as the largest.
    pub fn expires(&self) -> Option<u32> {
        let text = self.params.get("expires")?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    }

    /// The display name with escapes resolved.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        self.display.map(|raw| {
            if !raw.contains('\\') {
                return Cow::Borrowed(raw);
            }
            let mut out = String::with_capacity(raw.len());
            let mut chars = raw.chars();
            while let Some(c) = chars.next() {
                out.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            Cow::Owned(out)
        })
    }
}

/// `0.7` as 700.
fn parse_q(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction.bytes().chain(*b"000").take(3).fold(0u16, |sum, b| sum * 10 + u16::from(b - b'0'));
    match whole {
        "0" | "" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}
