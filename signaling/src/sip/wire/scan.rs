//! The single pass over a message: lines, names, the body.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::error::{ParseError, ParseErrorKind};
use super::list::{is_blank, is_token};
use super::message::{ContentLength, Inner, Start};
use super::method::Method;
use super::name::{Name, known_id};
use super::{HeaderFault, Limits};

/// Where one header line is. Offsets fit 32 bits: a message is limited in size.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderSpan {
    pub(super) id: u8,
    pub(super) name: (u32, u32),
    pub(super) value: (u32, u32),
}

/// Most messages have fewer header lines than this; the positions of a few more go to the heap.
pub(super) type Spans = SmallVec<[HeaderSpan; 20]>;

/// Why the pass stopped.
enum Stop {
    Refused(ParseError),
    /// A folded line or bytes that are not UTF-8: normalise and start again.
    Normalise,
}

fn refused(offset: usize, kind: ParseErrorKind) -> Stop {
    Stop::Refused(ParseError { offset, kind })
}

pub(super) fn parse(datagram: &Bytes, limits: &Limits) -> Result<Arc<Inner>, ParseError> {
    let lead = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let fail = |offset, kind| ParseError { offset, kind };
    if lead == datagram.len() {
        return Err(fail(0, ParseErrorKind::KeepAlive));
    }
    if datagram.len() - lead > limits.message.min(u32::MAX as usize) {
        return Err(fail(lead, ParseErrorKind::MessageTooLarge));
    }
    let shift = |mut e: ParseError| {
        e.offset += lead;
        e
    };
    let buf = datagram.slice(lead..);
    match over(buf.clone(), limits) {
        Ok(inner) => Ok(inner),
        Err(Stop::Refused(error)) => Err(shift(error)),
        Err(Stop::Normalise) => {
            let head = head_end(&buf).ok_or(fail(datagram.len(), ParseErrorKind::HeadersWithoutEnd))?;
            over(Bytes::from(normalise(&buf, head)), limits).map_err(|stop| match stop {
                Stop::Refused(error) => shift(error),
                // Cannot come twice: the copy has no folds and is UTF-8.
                Stop::Normalise => fail(lead, ParseErrorKind::NotSip),
            })
        }
    }
}

/// The message over `buf`, without what follows its body. Filled in place: the positions are too many bytes to move about.
fn over(buf: Bytes, limits: &Limits) -> Result<Arc<Inner>, Stop> {
    let mut shared = Arc::new(Inner::default());
    // Not shared yet, so there is one.
    if let Some(inner) = Arc::get_mut(&mut shared) {
        let end = scan(&buf, limits, inner)?;
        inner.buf = buf;
        inner.buf.truncate(end);
    }
    Ok(shared)
}

/// Fills the positions; gives the end of the body.
fn scan(buf: &[u8], limits: &Limits, layout: &mut Inner) -> Result<usize, Stop> {
    let mut line_start = 0;
    let mut first = true;
    for line_feed in memchr::memchr_iter(b'\n', buf) {
        let carriage = line_feed > line_start && buf.get(line_feed - 1) == Some(&b'\r');
        let line_end = if carriage { line_feed - 1 } else { line_feed };
        let line = buf.get(line_start..line_end).unwrap_or(&[]);
        if first {
            layout.start = start_line(line, limits)?;
            first = false;
        } else if line.is_empty() {
            let head = buf.get(..line_feed + 1).unwrap_or(&[]);
            if std::str::from_utf8(head).is_err() {
                return Err(Stop::Normalise);
            }
            layout.body = line_feed + 1;
            return Ok(body_end(line_feed + 1, buf.len(), &mut layout.content_length));
        } else {
            header_line(line, line_start, limits, layout)?;
        }
        line_start = line_feed + 1;
    }
    let kind = match (first, buf.len() > limits.start_line) {
        (true, true) => ParseErrorKind::StartLineTooLong,
        (true, false) => ParseErrorKind::NotSip,
        (false, _) => ParseErrorKind::HeadersWithoutEnd,
    };
    Err(refused(buf.len(), kind))
}

/// Reads one header line into `layout`. What is no header is kept as a note for the answer, not refused.
fn header_line(line: &[u8], offset: usize, limits: &Limits, layout: &mut Inner) -> Result<(), Stop> {
    if line.first().is_some_and(|b| is_blank(*b)) {
        return Err(Stop::Normalise);
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        layout.malformed.get_or_insert((HeaderFault::Token, offset as u32));
        return if line.len() > limits.header_value {
            Err(refused(offset, ParseErrorKind::HeaderValueTooLong))
        } else {
            Ok(())
        };
    };
    let (name, value) = line.split_at(colon);
    let name = trim_end(name);
    let value = value.get(1..).unwrap_or(&[]);
    let lead = value.iter().take_while(|b| is_blank(**b)).count();
    let value = trim_end(value.get(lead..).unwrap_or(&[]));
    if name.len() > limits.header_name {
        return Err(refused(offset, ParseErrorKind::HeaderNameTooLong));
    }
    if value.len() > limits.header_value {
        return Err(refused(offset, ParseErrorKind::HeaderValueTooLong));
    }
    if layout.headers.len() >= limits.headers {
        return Err(refused(offset, ParseErrorKind::TooManyHeaders));
    }
    let id = known_id(name);
    if id == 0 && !is_token(name) {
        layout.malformed.get_or_insert((HeaderFault::Token, offset as u32));
    }
    if id == Name::ContentLength.id() {
        layout.content_length = layout.content_length.and(value);
    }
    layout.headers.push(HeaderSpan {
        id,
        name: (offset as u32, name.len() as u32),
        value: ((offset + colon + 1 + lead) as u32, value.len() as u32),
    });
    Ok(())
}

/// Where a body that begins at `start` ends: as stated, or with the buffer.
fn body_end(start: usize, len: usize, stated: &mut ContentLength) -> usize {
    if let ContentLength::Stated(length) = *stated {
        match usize::try_from(length) {
            Ok(length) if length <= len - start => return start + length,
            _ => *stated = ContentLength::BeyondEnd,
        }
    }
    len
}

fn start_line(line: &[u8], limits: &Limits) -> Result<Start, Stop> {
    if line.len() > limits.start_line {
        return Err(refused(0, ParseErrorKind::StartLineTooLong));
    }
    if line.get(..4).is_some_and(|b| b.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line);
    }
    let not_sip = |at| refused(at, ParseErrorKind::NotSip);
    let text = trim_end(line);
    let method_end = text.iter().position(|b| is_blank(*b)).ok_or_else(|| not_sip(0))?;
    let version_start = text.iter().rposition(|b| is_blank(*b)).map_or(0, |at| at + 1);
    let version = text.get(version_start..).unwrap_or(&[]);
    if !version.get(..4).is_some_and(|b| b.eq_ignore_ascii_case(b"SIP/")) {
        return Err(not_sip(version_start));
    }
    let method = text.get(..method_end).and_then(Method::from_bytes).ok_or_else(|| not_sip(0))?;
    let middle = text.get(method_end + 1..version_start.saturating_sub(1)).unwrap_or(&[]);
    let lead = middle.iter().take_while(|b| is_blank(**b)).count();
    let uri = trim_end(middle.get(lead..).unwrap_or(&[]));
    if uri.len() > limits.uri {
        return Err(refused(method_end + 1, ParseErrorKind::UriTooLong));
    }
    let exact = text.len() == line.len() && uri.len() == middle.len() && !uri.is_empty() && !line.contains(&b'\t');
    Ok(Start::Request {
        method,
        uri: ((method_end + 1 + lead) as u32, uri.len() as u32),
        version_ok: version.eq_ignore_ascii_case(b"SIP/2.0"),
        exact,
    })
}

fn status_line(line: &[u8]) -> Result<Start, Stop> {
    if !line.get(..7).is_some_and(|b| b.eq_ignore_ascii_case(b"SIP/2.0")) || !line.get(7).is_some_and(|b| is_blank(*b))
    {
        return Err(refused(0, ParseErrorKind::ResponseVersion));
    }
    let digits = line.get(8..11).filter(|d| d.iter().all(u8::is_ascii_digit));
    let code = digits.map_or(0, |d| d.iter().fold(0u16, |sum, b| sum * 10 + u16::from(b - b'0')));
    let ends = line.get(11).is_none_or(|b| is_blank(*b));
    if !(100..700).contains(&code) || !ends {
        return Err(refused(8, ParseErrorKind::StatusCode));
    }
    let reason = trim_end(line.get(12..).unwrap_or(&[]));
    Ok(Start::Response { status: code, reason: (12, reason.len() as u32) })
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let Some((last, rest)) = bytes.split_last()
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The index after the blank line that ends the head.
pub(super) fn head_end(buf: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for line_feed in memchr::memchr_iter(b'\n', buf) {
        let line = buf.get(line_start..line_feed).unwrap_or(&[]);
        if line_start > 0 && (line.is_empty() || line == b"\r") {
            return Some(line_feed + 1);
        }
        line_start = line_feed + 1;
    }
    None
}

/// A copy with every fold and the blanks around it as one space, and the head as UTF-8; the body as it is.
fn normalise(buf: &[u8], head: usize) -> Vec<u8> {
    let mut unfolded: Vec<u8> = Vec::with_capacity(buf.len());
    for line in buf.get(..head).unwrap_or(&[]).split_inclusive(|b| *b == b'\n') {
        let continues = line.first().is_some_and(|b| is_blank(*b)) && !unfolded.is_empty();
        if continues {
            while unfolded.last().is_some_and(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t')) {
                unfolded.pop();
            }
            unfolded.push(b' ');
            let lead = line.iter().take_while(|b| is_blank(**b)).count();
            unfolded.extend_from_slice(line.get(lead..).unwrap_or(&[]));
        } else {
            unfolded.extend_from_slice(line);
        }
    }
    if std::str::from_utf8(&unfolded).is_err() {
        unfolded = String::from_utf8_lossy(&unfolded).into_owned().into_bytes();
    }
    unfolded.extend_from_slice(buf.get(head..).unwrap_or(&[]));
    unfolded
}
