//! Small scanners shared by the typed values: tokens, quoted strings, comma lists.

/// Characters of a `token` (RFC 3261 §25.1).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        i += 1;
    }
    table
};

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| is_token_byte(*b))
}

/// Blanks within a line; a fold has become a space before.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(crate) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let start = skip_blanks(bytes, 0);
    let mut end = bytes.len();
    while end > start && bytes.get(end - 1).is_some_and(|b| is_blank(*b)) {
        end -= 1;
    }
    cut(text, start, end)
}

/// `text[from..to]`, empty when out of range. All callers cut beside ASCII bytes.
pub(crate) fn cut(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or("")
}

/// The index of the first byte at or after `at` that is not a blank.
pub(crate) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|b| is_blank(*b)) {
        at += 1;
    }
    at
}

/// With `bytes[open]` a double quote: the index of the closing one.
pub(crate) fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found);
        }
        // A backslash takes the next byte with it.
        at = found + 2;
    }
}

/// The values of a comma list, trimmed; commas in quotes and angle brackets do not separate, empty elements are skipped.
#[derive(Debug, Clone)]
pub struct ListValues<'a> {
    rest: &'a str,
    split: bool,
}

impl<'a> ListValues<'a> {
    /// The elements of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, split: true }
    }

    /// `text` as the one element of a header that is not a list.
    pub(super) fn whole(text: &'a str) -> Self {
        Self { rest: text, split: false }
    }
}

impl<'a> Iterator for ListValues<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = if self.split { element_end(self.rest.as_bytes()) } else { self.rest.len() };
            let element = trim(cut(self.rest, 0, end));
            self.rest = cut(self.rest, end + 1, self.rest.len());
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// Where the first element of a list ends: at a comma outside quotes and angle brackets, or at the end.
fn element_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr3(b',', b'"', b'<', rest)) {
        let here = at + found;
        at = match bytes.get(here) {
            Some(b',') => return here,
            Some(b'"') => match closing_quote(bytes, here) {
                Some(close) => close + 1,
                None => break,
            },
            _ => match bytes.get(here..).and_then(|rest| memchr::memchr(b'>', rest)) {
                Some(close) => here + close + 1,
                None => break,
            },
        };
    }
    bytes.len()
}
