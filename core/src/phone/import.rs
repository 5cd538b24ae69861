//! Bulk upload of numbers: `number,provider,country` a line, with an answer for every line (document 001).

use std::collections::BTreeSet;

use super::inventory::{NewNumber, NumberRefused, PhoneNumber};
use super::{Country, E164};

/// The most lines of one upload.
pub const LINES_MAX: usize = 50_000;
/// The longest line, in bytes.
pub const LINE_MAX: usize = 500;

/// One good line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in the text, from 1.
    pub line: usize,
    /// What it says.
    pub new: NewNumber,
    /// The number it holds.
    pub number: E164,
}

/// One bad line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Its number in the text, from 1.
    pub line: usize,
    /// What is wrong, for people.
    pub message: String,
}

/// What an upload holds.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The good lines, in order.
    pub lines: Vec<Line>,
    /// Numbers that an earlier line of the same text holds.
    pub repeated: usize,
    /// The bad lines, in order.
    pub errors: Vec<LineError>,
}

/// Reads an upload. Separators are commas, semicolons or tabs; quotes and a header line are understood, blank lines and a
/// byte-order mark are passed over. Bytes that are not UTF-8 make their line bad and no other.
///
/// # Errors
/// [`NumberRefused::TooManyLines`] when there are more than [`LINES_MAX`] lines: nothing of the upload is kept then.
pub fn read(bytes: &[u8], home: Country) -> Result<Upload, NumberRefused> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut upload = Upload::default();
    let mut seen = BTreeSet::new();
    for (index, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if index >= LINES_MAX && !raw.is_empty() {
            return Err(NumberRefused::TooManyLines(LINES_MAX));
        }
        let line = index + 1;
        match read_line(raw, home, line == 1) {
            Ok(None) => {}
            Ok(Some((new, number))) if seen.insert(number.clone()) => upload.lines.push(Line { line, new, number }),
            Ok(Some(_)) => upload.repeated += 1,
            Err(message) => upload.errors.push(LineError { line, message }),
        }
    }
    Ok(upload)
}

fn read_line(raw: &[u8], home: Country, first: bool) -> Result<Option<(NewNumber, E164)>, String> {
    if raw.len() > LINE_MAX {
        return Err(format!("the line is longer than {LINE_MAX} bytes"));
    }
    let text = std::str::from_utf8(raw).map_err(|_| "the line is not UTF-8 text".to_owned())?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let mut cells =
        text.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"').trim().trim_start_matches('\''));
    let number = cells.next().unwrap_or_default();
    if first && is_header(number) {
        return Ok(None);
    }
    let mut cell = || cells.next().filter(|cell| !cell.is_empty()).map(str::to_owned);
    let new = NewNumber { number: number.to_owned(), provider: cell(), country: cell(), ..NewNumber::default() };
    if cell().is_some() {
        return Err("expected number,provider,country".to_owned());
    }
    let nobody = crate::id::Id::from_uuid(uuid::Uuid::nil());
    let read = PhoneNumber::read(
        nobody,
        crate::id::Id::from_uuid(uuid::Uuid::nil()),
        &new,
        home,
        chrono::DateTime::UNIX_EPOCH,
    );
    read.map(|number| Some((new, number.number))).map_err(|refused| refused.to_string())
}

fn is_header(cell: &str) -> bool {
    matches!(cell.to_ascii_lowercase().as_str(), "number" | "phone" | "phone_number" | "phonenumber" | "phone number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Upload {
        super::read(text, "US".parse().unwrap()).unwrap()
    }

    #[test]
    fn good_lines_are_kept_and_bad_ones_named() {
        let upload = read(b"\xef\xbb\xbfnumber,provider,country\r\n+12025550123,telnyx,US\r\n\r\nhello,telnyx,US\n+12025550124;twilio\n+12025550125,x,ZZ\n");
        let kept: Vec<_> = upload.lines.iter().map(|line| (line.line, line.number.as_str())).collect();
        assert_eq!(kept, [(2, "+12025550123"), (5, "+12025550124")]);
        assert_eq!(upload.errors.iter().map(|e| e.line).collect::<Vec<_>>(), [4, 6]);
    }

    #[test]
    fn a_number_repeated_within_the_text_counts_once() {
        let upload = read(b"+12025550123\n(202) 555-0123\n");
        assert_eq!((upload.lines.len(), upload.repeated), (1, 1));
    }

    #[test]
    fn torn_utf8_spoils_its_own_line_only() {
        let upload = read(b"+12025550123,tel\xffnyx\n+12025550124\n");
        assert_eq!((upload.lines.len(), upload.errors.len()), (1, 1));
    }

    #[test]
    fn too_many_lines_and_too_long_ones_are_refused() {
        let many = "+12025550123\n".repeat(LINES_MAX + 1);
        assert!(matches!(super::read(many.as_bytes(), "US".parse().unwrap()), Err(NumberRefused::TooManyLines(_))));
        assert_eq!(read("9".repeat(LINE_MAX + 1).as_bytes()).errors.len(), 1);
    }
}
