//! CSV: its encoding, its separator, its rows.

use std::borrow::Cow;

use super::{BadSheet, Builder};

/// What parts cells, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads CSV.
pub(super) fn read(file: &[u8], builder: &mut Builder) -> Result<(), BadSheet> {
    let text = decoded(file)?;
    let (separator, rows) = separator(&text);
    if let Some(line) = open_quote(rows, separator) {
        // The line that names the separator counts, as an editor shows it.
        return Err(BadSheet::OpenQuote(line + u32::from(rows.len() < text.len())));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(rows.as_bytes());
    let (mut record, mut place) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(|_| BadSheet::NotASheet)? {
        place += 1;
        let cells: Vec<&str> = record.iter().collect();
        builder.push(place, &cells)?;
    }
    Ok(())
}

/// Where in a cell a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At its beginning, the only place where a quote opens.
    Start,
    /// Within a cell, or the rest of one, without quotes.
    Bare,
    /// Within quotes.
    Quoted,
    /// Behind a quote that closes, unless another follows it.
    Closed,
}

/// The line, from 1, in which a quote is opened that is never closed. The reader of CSV takes all that follows for one cell and says
/// nothing; this goes by its rules.
fn open_quote(text: &str, separator: u8) -> Option<u32> {
    let (mut place, mut line, mut opened) = (Place::Start, 1, 1);
    let mut before = 0;
    for byte in text.bytes() {
        place = match (place, byte) {
            (Place::Start, b'"') => {
                opened = line;
                Place::Quoted
            }
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => Place::Quoted,
            (_, b'\r' | b'\n') => Place::Start,
            (_, byte) if byte == separator => Place::Start,
            _ => Place::Bare,
        };
        line += u32::from(byte == b'\r' || byte == b'\n' && before != b'\r');
        before = byte;
    }
    (place == Place::Quoted).then_some(opened)
}

/// The text of a file. What is not UTF-8 and has no mark of another encoding is taken for Windows-1252, which spreadsheets in the
/// West write and of which Latin-1 is a part.
fn decoded(file: &[u8]) -> Result<Cow<'_, str>, BadSheet> {
    let encoding = match encoding_rs::Encoding::for_bom(file) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(file).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::WINDOWS_1252,
    };
    let (text, _, has_errors) = encoding.decode(file);
    let is_text = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\r' | '\n' | '\u{b}' | '\u{c}');
    // Windows-1252 makes a text of anything: control characters tell a picture from a table.
    if has_errors
        || !text.chars().take(1 << 16).all(|letter| is_text(letter) || ('\u{80}'..'\u{a0}').contains(&letter))
        || text.contains('\0')
    {
        return Err(BadSheet::NotASheet);
    }
    Ok(text)
}

/// What parts the cells, and the text without the line that says so.
fn separator(text: &str) -> (u8, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let [separator] = first.trim_end().strip_prefix("sep=").unwrap_or_default().as_bytes() {
        return (*separator, rest);
    }
    // Of the header, as texts below it may hold anything; and outside of quotes.
    let mut counts = [0usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in text.bytes() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted && counts.iter().any(|count| *count > 0) => break,
            _ if is_quoted => {}
            _ => {
                if let Some(at) = SEPARATORS.iter().position(|separator| *separator == byte)
                    && let Some(count) = counts.get_mut(at)
                {
                    *count += 1;
                }
            }
        }
    }
    let best = SEPARATORS.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
    (best.map_or(b',', |(separator, _)| *separator), text)
}
