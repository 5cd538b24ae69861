//! Parameters after `;`, of headers and of URIs.

use super::error::{Fault, HeaderFault};
use super::list::{closing_quote, cut, skip_blanks};

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name; compared without regard to case.
    pub name: &'a str,
    /// Its value without quotes, escapes still in it; `None` for a flag.
    pub value: Option<&'a str>,
}

/// The parameters of a value, read on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// `text` begins with `;`, or is empty, and has been walked once by the caller.
    pub(super) const fn walked(text: &'a str) -> Self {
        Self { text }
    }

    /// Walks `text` once; fails at the first parameter that cannot be read.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        let params = Self { text };
        let mut walk = params.walk();
        while walk.next_param()?.is_some() {}
        Ok(params)
    }

    pub(super) const fn walk(&self) -> Walk<'a> {
        Walk { text: self.text, at: 0 }
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut walk = self.walk();
        std::iter::from_fn(move || walk.next_param().ok().flatten())
    }

    /// The value of the first parameter called `name`; the empty string for a flag.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.value.unwrap_or(""))
    }

    /// Whether there is a parameter called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The parameters as written, with the leading `;`.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

/// A cursor over parameters that reports what it cannot read.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn next_param(&mut self) -> Result<Option<Param<'a>>, Fault> {
        let bytes = self.text.as_bytes();
        let at = skip_blanks(bytes, self.at);
        match bytes.get(at) {
            None => return Ok(None),
            Some(b';') => {}
            Some(_) => return Err(Fault::new(HeaderFault::Trailing, at)),
        }
        let start = skip_blanks(bytes, at + 1);
        if start == bytes.len() {
            // A lone `;` at the end is a common slip and loses nothing.
            self.at = start;
            return Ok(None);
        }
        let end = run(bytes, start, NAME_END);
        if end == start {
            return Err(Fault::new(HeaderFault::Param, start));
        }
        let name = cut(self.text, start, end);
        let mut next = skip_blanks(bytes, end);
        let mut value = None;
        if bytes.get(next) == Some(&b'=') {
            let from = skip_blanks(bytes, next + 1);
            if bytes.get(from) == Some(&b'"') {
                let close = closing_quote(bytes, from).ok_or(Fault::new(HeaderFault::UnterminatedQuote, from))?;
                value = Some(cut(self.text, from + 1, close));
                next = close + 1;
            } else {
                let to = run(bytes, from, VALUE_END);
                value = Some(cut(self.text, from, to));
                next = to;
            }
        }
        self.at = next;
        Ok(Some(Param { name, value }))
    }
}

/// What ends a parameter's name.
const NAME_END: u8 = 1;
/// What ends a value without quotes.
const VALUE_END: u8 = 2;

static ENDS: [u8; 256] = {
    let mut table = [0; 256];
    let ends = b";\"<>, \t";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = NAME_END | VALUE_END;
        at += 1;
    }
    table[b'=' as usize] = NAME_END;
    table
};

/// The index of the first byte at or after `from` that is an end of this kind.
fn run(bytes: &[u8], from: usize, kind: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or(&[]);
    rest.iter().position(|b| ENDS[usize::from(*b)] & kind != 0).map_or(bytes.len(), |n| from + n)
}
