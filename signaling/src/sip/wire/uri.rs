//! URIs: `sip`, `sips` (RFC 3261 §19.1), `tel` (RFC 3966), and the shape of any other.

use std::borrow::Cow;
use std::fmt;

use super::error::{Fault, HeaderFault};
use super::host::Host;
use super::list::cut;
use super::params::Params;

/// The scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel`
    Tel,
    /// Any other, as written.
    Other(&'a str),
}

impl<'a> Scheme<'a> {
    /// The scheme in its usual writing.
    pub const fn as_str(&self) -> &'a str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(text) => text,
        }
    }
}

/// A URI, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    /// Its scheme.
    pub scheme: Scheme<'a>,
    /// The user part with its parameters and escapes (`sip`, `sips`), or the number (`tel`).
    pub user: Option<&'a str>,
    /// The password, which nobody should send.
    pub password: Option<&'a str>,
    /// The host; only `sip` and `sips` have one.
    pub host: Option<Host<'a>>,
    /// The port, when written.
    pub port: Option<u16>,
    /// The parameters after `;`.
    pub params: Params<'a>,
    /// What stands after `?`, without it; empty when there is nothing.
    pub headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI that is the whole of `text`; `None` when it is none.
    pub fn parse(text: &'a str) -> Option<Uri<'a>> {
        Self::read(text).ok()
    }

    pub(super) fn read(text: &'a str) -> Result<Uri<'a>, Fault> {
        let colon = scheme_end(text.as_bytes()).ok_or(Fault::new(HeaderFault::Uri, 0))?;
        if text.bytes().fold(false, |found, b| found | is_forbidden(b)) {
            let at = text.bytes().position(is_forbidden).unwrap_or(0);
            return Err(Fault::new(HeaderFault::Uri, at));
        }
        let name = cut(text, 0, colon);
        let scheme = match colon {
            3 if name.eq_ignore_ascii_case("sip") => Scheme::Sip,
            4 if name.eq_ignore_ascii_case("sips") => Scheme::Sips,
            3 if name.eq_ignore_ascii_case("tel") => Scheme::Tel,
            _ => Scheme::Other(name),
        };
        let rest = cut(text, colon + 1, text.len());
        let mut uri = Uri {
            text,
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params: Params::default(),
            headers: "",
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.fill_sip(rest).map_err(|f| f.shift(colon + 1))?,
            Scheme::Tel => uri.fill_tel(rest).map_err(|f| f.shift(colon + 1))?,
            Scheme::Other(_) => {}
        }
        Ok(uri)
    }

    fn fill_sip(&mut self, rest: &'a str) -> Result<(), Fault> {
        let mut at = 0;
        if let Some(sign) = memchr::memchr(b'@', rest.as_bytes()) {
            let userinfo = cut(rest, 0, sign);
            let (user, password) = match memchr::memchr(b':', userinfo.as_bytes()) {
                Some(colon) => (cut(userinfo, 0, colon), Some(cut(userinfo, colon + 1, sign))),
                None => (userinfo, None),
            };
            // `sip:@host` is sent by some for an anonymous party.
            self.user = (!user.is_empty()).then_some(user);
            self.password = password;
            at = sign + 1;
        }
        let (host, used) = Host::prefix(cut(rest, at, rest.len())).map_err(|f| f.shift(at))?;
        self.host = Some(host);
        at += used;
        if rest.as_bytes().get(at) == Some(&b':') {
            let (port, end) = read_port(rest, at + 1)?;
            self.port = Some(port);
            at = end;
        }
        self.fill_tail(rest, at)
    }

    fn fill_tel(&mut self, rest: &'a str) -> Result<(), Fault> {
        let end = memchr::memchr2(b';', b'?', rest.as_bytes()).unwrap_or(rest.len());
        if end == 0 {
            return Err(Fault::new(HeaderFault::Uri, 0));
        }
        self.user = Some(cut(rest, 0, end));
        self.fill_tail(rest, end)
    }

    fn fill_tail(&mut self, rest: &'a str, at: usize) -> Result<(), Fault> {
        if at >= rest.len() {
            return Ok(());
        }
        let mark = rest.as_bytes().get(at..).and_then(|tail| memchr::memchr(b'?', tail));
        let end = mark.map_or(rest.len(), |found| at + found);
        let (params, headers) = (cut(rest, at, end), cut(rest, end + 1, rest.len()));
        if !params.is_empty() && !params.starts_with(';') {
            return Err(Fault::new(HeaderFault::Host, at));
        }
        self.params = Params::parse(params).map_err(|f| f.shift(at))?;
        self.headers = headers;
        Ok(())
    }

    /// The URI as written.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether a request to this URI must go over TLS (RFC 3261 §26.2).
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Sips
    }

    /// The user part with `%xx` resolved.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(decode)
    }

    /// The dialled number or name: the number of a `tel`, or the user part without its parameters (`;phone-context=...`).
    pub fn number(&self) -> Option<&'a str> {
        self.user.map(|user| user.split(';').next().unwrap_or(user))
    }

    /// The same with `%xx` resolved: some carriers escape the `+`.
    pub fn number_decoded(&self) -> Option<Cow<'a, str>> {
        self.number().map(decode)
    }

    /// The `phone-context` of a local number, wherever it stands (RFC 3966 §5.1.5, RFC 3261 §19.1.6).
    pub fn phone_context(&self) -> Option<&'a str> {
        let in_user = self.user.and_then(|user| user.find(';').map(|at| Params::walked(cut(user, at, user.len()))));
        in_user.and_then(|params| params.get("phone-context")).or_else(|| self.params.get("phone-context"))
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&'a str> {
        self.params.get("transport")
    }

    /// Whether this is a loose router (`;lr`, RFC 3261 §16.12).
    pub fn is_loose_router(&self) -> bool {
        self.params.has("lr")
    }

    /// An owned copy.
    pub fn to_owned(&self) -> UriBuf {
        UriBuf(self.text.into())
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4): user exactly, host without case, and the parameters that matter.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        if self.scheme.as_str() != other.scheme.as_str() || self.port != other.port {
            return false;
        }
        if matches!(self.scheme, Scheme::Other(_)) {
            return self.text == other.text;
        }
        let same_user = match self.scheme {
            Scheme::Tel => self.dialled().eq(other.dialled()),
            _ => self.user_decoded() == other.user_decoded() && self.password == other.password,
        };
        let same_host = match (self.host, other.host) {
            (Some(Host::Domain(a)), Some(Host::Domain(b))) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        same_user && same_host && self.params_agree(other) && other.params_agree(self) && self.headers == other.headers
    }

    /// The number without what only helps the eye (RFC 3966 §5.1.1).
    fn dialled(&self) -> impl Iterator<Item = u8> + use<'a> {
        let digits = self.user.unwrap_or("").bytes();
        digits.filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')')).map(|b| b.to_ascii_lowercase())
    }

    /// Every parameter on both sides has one value; some must be on both or neither.
    fn params_agree(&self, other: &Uri<'_>) -> bool {
        self.params.iter().all(|p| match other.params.get(p.name) {
            Some(value) => decode(value).eq_ignore_ascii_case(&decode(p.value.unwrap_or(""))),
            None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|n| p.name.eq_ignore_ascii_case(n)),
        })
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// An owned URI that has been read once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UriBuf(Box<str>);

impl UriBuf {
    /// Takes `text` when it is a URI.
    pub fn parse(text: &str) -> Option<UriBuf> {
        Uri::parse(text).map(|uri| uri.to_owned())
    }

    /// The parts. `None` never happens for a value made by [`UriBuf::parse`] or [`Uri::to_owned`].
    pub fn get(&self) -> Option<Uri<'_>> {
        Uri::parse(&self.0)
    }

    /// The URI as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What no URI holds: controls, blanks, angle brackets. Asked of all bytes without a branch, which the compiler makes wide.
const fn is_forbidden(byte: u8) -> bool {
    (byte <= b' ') | (byte == 0x7f) | (byte == b'<') | (byte == b'>')
}

/// The index of the colon after a scheme (RFC 3986 §3.1).
fn scheme_end(bytes: &[u8]) -> Option<usize> {
    if !bytes.first()?.is_ascii_alphabetic() {
        return None;
    }
    let end = bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    (bytes.get(end) == Some(&b':')).then_some(end)
}

/// A port at `from`; gives it and the index after it.
pub(super) fn read_port(text: &str, from: usize) -> Result<(u16, usize), Fault> {
    let digits = text.as_bytes().get(from..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
    let port = cut(text, from, from + digits).parse().map_err(|_| Fault::new(HeaderFault::Port, from))?;
    Ok((port, from + digits))
}

/// Resolves `%xx`; text that would not be UTF-8 comes out lossy.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%').then(|| cut(text, at + 1, at + 3)).filter(|hex| hex.len() == 2);
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}
