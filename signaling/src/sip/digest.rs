//! Digest authentication (RFC 7616, RFC 8760, and RFC 2617 with RFC 3261 §22 for what phones still send).
//!
//! Values are read in place. Quoted strings are hashed as they were sent, escapes included: that is what phones do, and it lets
//! `DOMAIN\user` work. Verification takes the same steps whether a user is known or not.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::wire::{Message, Method, Name};

mod account;
mod text;

pub use account::Challenged;

use text::{AuthParams, Quoted, split_values};

/// A hash and whether it is bound to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`, also meant when nothing is said.
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
}

impl Algorithm {
    /// Reads the name, in any case.
    pub fn parse(text: &str) -> Option<Algorithm> {
        [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess]
            .into_iter()
            .find(|a| a.as_str().eq_ignore_ascii_case(text))
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    const fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess)
    }

    /// The plain algorithm a stored [`Ha1`] of it is made with.
    pub const fn base(self) -> Algorithm {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Algorithm::Md5,
            Algorithm::Sha256 | Algorithm::Sha256Sess => Algorithm::Sha256,
        }
    }

    /// The hash of the parts joined by colons.
    fn hash(self, parts: &[&[u8]]) -> HexDigest {
        match self.base() {
            Algorithm::Md5 => hash_parts::<Md5>(parts),
            _ => hash_parts::<Sha256>(parts),
        }
    }
}

fn hash_parts<D: Digest>(parts: &[&[u8]]) -> HexDigest {
    let mut hash = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    HexDigest::of(&hash.finalize())
}

/// Protection: of the request line, or of the body too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// `auth`
    Auth,
    /// `auth-int`
    AuthInt,
}

impl Qop {
    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }

    fn parse(text: &str) -> Option<Qop> {
        [Qop::Auth, Qop::AuthInt].into_iter().find(|q| q.as_str().eq_ignore_ascii_case(text))
    }
}

/// A hash in lower-case hex, at most 64 digits.
#[derive(Clone, Copy)]
pub struct HexDigest {
    digits: [u8; 64],
    len: usize,
}

impl HexDigest {
    fn of(bytes: &[u8]) -> HexDigest {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        let mut len = 0;
        for (byte, pair) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
            if let [high, low] = pair {
                *high = HEX[usize::from(byte >> 4)];
                *low = HEX[usize::from(byte & 15)];
                len += 2;
            }
        }
        HexDigest { digits, len }
    }

    fn parse(text: &str, algorithm: Algorithm) -> Option<HexDigest> {
        let len = if algorithm.base() == Algorithm::Md5 { 32 } else { 64 };
        if text.len() != len || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut digits = [0; 64];
        for (to, from) in digits.iter_mut().zip(text.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        Some(HexDigest { digits, len })
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or(&[])
    }
}

impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The hash of user, realm and password: what is stored instead of the password. As good as the password for its realm.
#[derive(Clone, Copy)]
pub struct Ha1 {
    algorithm: Algorithm,
    digest: HexDigest,
}

impl Ha1 {
    /// Computes the hash. A session algorithm is stored as its plain one.
    pub fn new(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Ha1 {
        let algorithm = algorithm.base();
        let digest = algorithm.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        Ha1 { algorithm, digest }
    }

    /// Reads a stored hash: 32 digits for MD5, 64 for SHA-256.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Ha1> {
        let algorithm = algorithm.base();
        HexDigest::parse(hex, algorithm).map(|digest| Ha1 { algorithm, digest })
    }

    /// The hash in hex, for storing.
    pub fn to_hex(&self) -> String {
        self.digest.as_str().to_owned()
    }

    /// The algorithm it was made with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({}, ..)", self.algorithm.as_str())
    }
}

/// What goes into a response besides the secret.
#[derive(Debug, Clone, Copy)]
struct Proof<'a> {
    algorithm: Algorithm,
    method: &'a str,
    uri: &'a str,
    nonce: &'a str,
    qop: Option<Qop>,
    nc: &'a str,
    cnonce: &'a str,
    body: &'a [u8],
}

impl Proof<'_> {
    fn response(&self, ha1: &HexDigest) -> HexDigest {
        let session;
        let ha1 = if self.algorithm.is_session() {
            session = self.algorithm.hash(&[ha1.as_bytes(), self.nonce.as_bytes(), self.cnonce.as_bytes()]);
            &session
        } else {
            ha1
        };
        let (method, uri, nonce) = (self.method.as_bytes(), self.uri.as_bytes(), self.nonce.as_bytes());
        let ha2 = match self.qop {
            Some(Qop::AuthInt) => self.algorithm.hash(&[method, uri, self.algorithm.hash(&[self.body]).as_bytes()]),
            _ => self.algorithm.hash(&[method, uri]),
        };
        match self.qop {
            None => self.algorithm.hash(&[ha1.as_bytes(), nonce, ha2.as_bytes()]),
            Some(qop) => {
                let (nc, cnonce, qop) = (self.nc.as_bytes(), self.cnonce.as_bytes(), qop.as_str().as_bytes());
                self.algorithm.hash(&[ha1.as_bytes(), nonce, nc, cnonce, qop, ha2.as_bytes()])
            }
        }
    }
}

/// An authentication value that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Another scheme than Digest.
    #[error("not the Digest scheme")]
    OtherScheme,
    /// A parameter without its end or value, at a byte of the header's value.
    #[error("unreadable parameter at byte {0}")]
    Syntax(usize),
    /// The same parameter twice.
    #[error("parameter {0} repeated")]
    Repeated(&'static str),
    /// A parameter that must be there.
    #[error("parameter {0} missing")]
    Missing(&'static str),
    /// A parameter whose value has the wrong form.
    #[error("parameter {0} invalid")]
    Invalid(&'static str),
    /// An algorithm not known here.
    #[error("unsupported algorithm")]
    Algorithm,
}

/// A challenge, received or to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The realm.
    pub realm: &'a str,
    /// The nonce.
    pub nonce: &'a str,
    /// Returned by the client as it is.
    pub opaque: Option<&'a str>,
    /// The hash asked for.
    pub algorithm: Algorithm,
    /// The password was right, the nonce too old.
    pub stale: bool,
    /// `auth` is offered.
    pub auth: bool,
    /// `auth-int` is offered.
    pub auth_int: bool,
}

impl<'a> Challenge<'a> {
    /// A challenge offering `auth`.
    pub const fn new(realm: &'a str, nonce: &'a str, algorithm: Algorithm) -> Self {
        Self { realm, nonce, opaque: None, algorithm, stale: false, auth: true, auth_int: false }
    }

    /// Reads the value of WWW-Authenticate or Proxy-Authenticate.
    pub fn parse(value: &'a str) -> Result<Self, DigestError> {
        let params = AuthParams::digest(value)?;
        let algorithm = match params.get("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::parse(name).ok_or(DigestError::Algorithm)?,
        };
        let offers = |wanted: Qop| {
            params.get("qop").is_some_and(|list| list.split(',').any(|q| Qop::parse(q.trim()) == Some(wanted)))
        };
        Ok(Self {
            realm: params.required("realm")?,
            nonce: params.required("nonce")?,
            opaque: params.get("opaque"),
            algorithm,
            stale: params.get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            auth: offers(Qop::Auth),
            auth_int: offers(Qop::AuthInt),
        })
    }

    /// The value of Authorization or Proxy-Authorization that answers this challenge.
    ///
    /// `uri` is the request URI as written. `nc` counts the uses of this nonce from 1; `cnonce` is random and without quotes. `auth` is
    /// preferred when offered. `None` when `ha1` was made with another hash.
    pub fn answer(&self, username: &str, ha1: &Ha1, request: &Answer<'_>) -> Option<String> {
        if ha1.algorithm != self.algorithm.base() {
            return None;
        }
        let qop = match (self.auth, self.auth_int) {
            (true, _) => Some(Qop::Auth),
            (false, true) => Some(Qop::AuthInt),
            (false, false) => None,
        };
        let nc = format!("{:08x}", request.nc);
        let proof = Proof {
            algorithm: self.algorithm,
            method: request.method.as_str(),
            uri: request.uri,
            nonce: self.nonce,
            qop,
            nc: &nc,
            cnonce: request.cnonce,
            body: request.body,
        };
        let response = proof.response(&ha1.digest);
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            Quoted(username),
            Quoted(self.realm),
            Quoted(self.nonce),
            Quoted(request.uri),
            response.as_str(),
            self.algorithm.as_str(),
        );
        if let Some(qop) = qop {
            out.push_str(&format!(", cnonce={}, qop={}, nc={nc}", Quoted(request.cnonce), qop.as_str()));
        } else if self.algorithm.is_session() {
            out.push_str(&format!(", cnonce={}", Quoted(request.cnonce)));
        }
        if let Some(opaque) = self.opaque {
            out.push_str(&format!(", opaque={}", Quoted(opaque)));
        }
        Some(out)
    }
}

impl fmt::Display for Challenge<'_> {
    /// The value of WWW-Authenticate or Proxy-Authenticate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", Quoted(self.realm), Quoted(self.nonce))?;
        if let Some(opaque) = self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        match (self.auth, self.auth_int) {
            (true, true) => f.write_str(", qop=\"auth,auth-int\""),
            (true, false) => f.write_str(", qop=\"auth\""),
            (false, true) => f.write_str(", qop=\"auth-int\""),
            (false, false) => Ok(()),
        }
    }
}

/// The request an answer to a challenge is for.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its request URI as written.
    pub uri: &'a str,
    /// How often the nonce has been used, this time included.
    pub nc: u32,
    /// A random text of the client.
    pub cnonce: &'a str,
    /// The body, for `auth-int`.
    pub body: &'a [u8],
}

/// Credentials as sent by a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user.
    pub username: &'a str,
    /// The realm.
    pub realm: &'a str,
    /// The nonce of the challenge.
    pub nonce: &'a str,
    /// The URI the response was computed with.
    pub uri: &'a str,
    /// The response.
    pub response: &'a str,
    /// The hash used.
    pub algorithm: Algorithm,
    /// The client's random text.
    pub cnonce: Option<&'a str>,
    /// What the challenge asked to be returned.
    pub opaque: Option<&'a str>,
    /// The protection; `None` for the old form without it.
    pub qop: Option<Qop>,
    /// How often the nonce has been used.
    pub nc: Option<u32>,
    nc_text: &'a str,
}

impl<'a> Credentials<'a> {
    /// Reads the value of Authorization or Proxy-Authorization.
    pub fn parse(value: &'a str) -> Result<Self, DigestError> {
        let params = AuthParams::digest(value)?;
        let algorithm = match params.get("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::parse(name).ok_or(DigestError::Algorithm)?,
        };
        let qop = match params.get("qop") {
            None => None,
            Some(name) => Some(Qop::parse(name).ok_or(DigestError::Invalid("qop"))?),
        };
        let nc_text = params.get("nc").unwrap_or("");
        let nc = match qop {
            None => None,
            // Eight hex digits; fewer are seen.
            Some(_) if matches!(nc_text.len(), 1..=8) && nc_text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u32::from_str_radix(nc_text, 16).ok()
            }
            Some(_) => return Err(DigestError::Invalid("nc")),
        };
        let cnonce = params.get("cnonce");
        if cnonce.is_none() && (qop.is_some() || algorithm.is_session()) {
            return Err(DigestError::Missing("cnonce"));
        }
        Ok(Self {
            username: params.required("username")?,
            realm: params.required("realm")?,
            nonce: params.required("nonce")?,
            uri: params.required("uri")?,
            response: params.required("response")?,
            algorithm,
            cnonce,
            opaque: params.get("opaque"),
            qop,
            nc,
            nc_text,
        })
    }

    /// Whether the response proves knowledge of the password behind `ha1`. Give `None` for an unknown user: the same work is done and
    /// the answer is no.
    ///
    /// `body` counts for `auth-int` only. Nonce, realm, URI and nonce-count are the caller's to check.
    pub fn verify(&self, ha1: Option<&Ha1>, method: &Method, body: &[u8]) -> bool {
        let usable = ha1.filter(|ha1| ha1.algorithm == self.algorithm.base());
        let nobody =
            HexDigest { digits: [b'0'; 64], len: if self.algorithm.base() == Algorithm::Md5 { 32 } else { 64 } };
        let proof = Proof {
            algorithm: self.algorithm,
            method: method.as_str(),
            uri: self.uri,
            nonce: self.nonce,
            qop: self.qop,
            nc: self.nc_text,
            cnonce: self.cnonce.unwrap_or(""),
            body,
        };
        let expected = proof.response(usable.map_or(&nobody, |ha1| &ha1.digest));
        let Some(given) = HexDigest::parse(self.response, self.algorithm) else { return false };
        let same: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
        same && usable.is_some()
    }
}

impl Message {
    /// The credentials for a user agent server, one per header.
    pub fn authorization(&self) -> impl Iterator<Item = Result<Credentials<'_>, DigestError>> {
        self.header_values(Name::Authorization).map(Credentials::parse)
    }

    /// The credentials for a proxy, one per header.
    pub fn proxy_authorization(&self) -> impl Iterator<Item = Result<Credentials<'_>, DigestError>> {
        self.header_values(Name::ProxyAuthorization).map(Credentials::parse)
    }

    /// The challenges of a 401, of WWW-Authenticate; also when several share a line.
    pub fn www_authenticate(&self) -> impl Iterator<Item = Result<Challenge<'_>, DigestError>> {
        self.header_values(Name::WwwAuthenticate).flat_map(split_values).map(Challenge::parse)
    }

    /// The challenges of a 407, of Proxy-Authenticate; also when several share a line.
    pub fn proxy_authenticate(&self) -> impl Iterator<Item = Result<Challenge<'_>, DigestError>> {
        self.header_values(Name::ProxyAuthenticate).flat_map(split_values).map(Challenge::parse)
    }
}
