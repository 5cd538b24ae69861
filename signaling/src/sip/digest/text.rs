//! The text form shared by challenges and credentials: a scheme and `name=value` pairs with commas.

use std::fmt::{self, Write};

use smallvec::SmallVec;

use super::DigestError;
use crate::sip::wire::scanners::{closing_quote, cut, is_blank, is_token_byte, skip_blanks};

/// The parameters this crate reads; others are skipped.
const KNOWN: [&str; 12] =
    ["username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "opaque", "qop", "nc", "stale", "domain"];

pub(super) struct AuthParams<'a> {
    values: SmallVec<[(&'static str, &'a str); 12]>,
}

impl<'a> AuthParams<'a> {
    /// Reads a value of the Digest scheme.
    pub(super) fn digest(value: &'a str) -> Result<Self, DigestError> {
        let bytes = value.as_bytes();
        let start = skip_blanks(bytes, 0);
        let end = token_end(bytes, start);
        if !cut(value, start, end).eq_ignore_ascii_case("Digest") || !bytes.get(end).is_some_and(|b| is_blank(*b)) {
            return Err(DigestError::OtherScheme);
        }
        let mut params = AuthParams { values: SmallVec::new() };
        let mut at = end;
        while let Some((pair, next)) = read_pair(value, at)? {
            at = next;
            if let Some(known) = KNOWN.iter().copied().find(|known| known.eq_ignore_ascii_case(pair.0)) {
                // Two values for one name let two readers see different users.
                if params.get(known).is_some() {
                    return Err(DigestError::Repeated(known));
                }
                params.values.push((known, pair.1));
            }
        }
        Ok(params)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'a str, DigestError> {
        self.get(name).ok_or(DigestError::Missing(name))
    }
}

/// A text between quotes. It is in its wire form, where a quote inside has a backslash; one without gets it, so that no text ends early.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut escaped = false;
        for c in self.0.chars() {
            if c == '"' && !escaped {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
            escaped = c == '\\' && !escaped;
        }
        if escaped {
            f.write_char('\\')?;
        }
        f.write_char('"')
    }
}

fn token_end(bytes: &[u8], from: usize) -> usize {
    from + bytes.get(from..).unwrap_or(&[]).iter().take_while(|b| is_token_byte(**b)).count()
}

/// A name and its value, without quotes.
type Pair<'a> = (&'a str, &'a str);

/// The pair at or after `at`, and the index after it; commas before it are skipped.
fn read_pair(text: &str, at: usize) -> Result<Option<(Pair<'_>, usize)>, DigestError> {
    let bytes = text.as_bytes();
    let mut start = at;
    while bytes.get(start).is_some_and(|b| is_blank(*b) || *b == b',') {
        start += 1;
    }
    if start >= bytes.len() {
        return Ok(None);
    }
    let end = token_end(bytes, start);
    let equals = skip_blanks(bytes, end);
    if end == start || bytes.get(equals) != Some(&b'=') {
        return Err(DigestError::Syntax(start));
    }
    let name = cut(text, start, end);
    let from = skip_blanks(bytes, equals + 1);
    let (value, next) = if bytes.get(from) == Some(&b'"') {
        let close = closing_quote(bytes, from).ok_or(DigestError::Syntax(from))?;
        (cut(text, from + 1, close), close + 1)
    } else {
        let to = bytes.get(from..).unwrap_or(&[]).iter().position(|b| *b == b',' || is_blank(*b));
        let to = to.map_or(bytes.len(), |n| from + n);
        (cut(text, from, to), to)
    };
    match bytes.get(skip_blanks(bytes, next)) {
        None | Some(b',') => Ok(Some(((name, value), next))),
        Some(_) => Err(DigestError::Syntax(next)),
    }
}

/// Splits a line that holds several challenges: each begins with a scheme, which no `=` follows.
pub(super) fn split_values(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let bytes = rest.as_bytes();
        if skip_blanks(bytes, 0) >= bytes.len() {
            return None;
        }
        let mut at = 0;
        while let Some(found) = bytes.get(at..).and_then(|r| memchr::memchr2(b',', b'"', r)) {
            let here = at + found;
            if bytes.get(here) == Some(&b'"') {
                match closing_quote(bytes, here) {
                    Some(close) => at = close + 1,
                    None => break,
                }
                continue;
            }
            let start = skip_blanks(bytes, here + 1);
            let end = token_end(bytes, start);
            let after = skip_blanks(bytes, end);
            if end > start && after > end && bytes.get(after) != Some(&b'=') {
                let value = cut(rest, 0, here);
                rest = cut(rest, start, rest.len());
                return Some(value);
            }
            at = here + 1;
        }
        let value = rest;
        rest = "";
        Some(value)
    })
}
