//! A parsed message.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::Limits;
use super::error::{HeaderFault, ParseError};
use super::list::ListValues;
use super::method::Method;
use super::name::{LISTS, Name};
use super::scan::{self, HeaderSpan, Spans};

/// A SIP message: one buffer and the positions of its parts. A clone counts a reference up.
#[derive(Debug, Clone)]
pub struct Message {
    inner: Arc<Inner>,
    source: Option<SocketAddr>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) buf: Bytes,
    pub(super) start: Start,
    pub(super) headers: Spans,
    pub(super) body: usize,
    pub(super) content_length: ContentLength,
    pub(super) malformed: Option<(HeaderFault, u32)>,
}

#[derive(Debug, Clone)]
pub(super) enum Start {
    Request { method: Method, uri: (u32, u32), version_ok: bool, exact: bool },
    Response { status: u16, reason: (u32, u32) },
}

impl Default for Start {
    fn default() -> Self {
        Start::Response { status: 0, reason: (0, 0) }
    }
}

/// The start line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request line.
    Request {
        /// The method.
        method: &'a Method,
        /// The request URI as written.
        uri: &'a str,
    },
    /// A status line.
    Response {
        /// The status code, 100 to 699.
        status: u16,
        /// The reason phrase, often empty.
        reason: &'a str,
    },
}

/// What the Content-Length headers of a message say, against the bytes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentLength {
    /// None: on UDP the body is the rest.
    #[default]
    Absent,
    /// A length within what came; more bytes have been cut off.
    Stated(u64),
    /// More than came.
    BeyondEnd,
    /// Not a number, as `-1`.
    Unreadable,
    /// Stated more than once.
    Repeated,
}

impl ContentLength {
    /// With one more header of `value`.
    pub(super) fn and(self, value: &[u8]) -> Self {
        if self != ContentLength::Absent {
            return ContentLength::Repeated;
        }
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        match std::str::from_utf8(value) {
            // Longer than 64 bits is longer than anything that comes.
            Ok(text) if digits => ContentLength::Stated(text.parse().unwrap_or(u64::MAX)),
            _ => ContentLength::Unreadable,
        }
    }
}

impl Message {
    /// Parses one datagram, one WebSocket frame, or one message cut from a stream by a [`super::Framer`].
    ///
    /// Leading line ends are skipped; bytes after the body stated by Content-Length are cut off.
    pub fn parse(datagram: Bytes, limits: &Limits) -> Result<Message, ParseError> {
        Ok(Message { inner: scan::parse(&datagram, limits)?, source: None })
    }

    /// The message with the address it came from, which [`super::Builder::response_to`] then writes into the top Via
    /// (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn from_source(mut self, source: SocketAddr) -> Message {
        self.source = Some(source);
        self
    }

    /// Where the message came from, when the transport has said so.
    pub const fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// The start line.
    pub fn start(&self) -> StartLine<'_> {
        match &self.inner.start {
            Start::Request { method, uri, .. } => StartLine::Request { method, uri: self.text(*uri) },
            Start::Response { status, reason } => StartLine::Response { status: *status, reason: self.text(*reason) },
        }
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.inner.start, Start::Request { .. })
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.inner.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        match self.inner.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The first value of a header, unfolded and trimmed; the whole line, even of a list header.
    pub fn header(&self, name: Name<'_>) -> Option<&str> {
        self.lines(name).next()
    }

    /// How many header lines carry `name`.
    pub fn count(&self, name: Name<'_>) -> usize {
        self.lines(name).count()
    }

    /// All values of a header: of all its lines, and for list headers of each comma list.
    pub fn header_values<'m, 'n>(&'m self, name: Name<'n>) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        let list = LISTS.get(usize::from(name.resolved_id())).copied().unwrap_or(false);
        self.lines(name).flat_map(move |line| if list { ListValues::new(line) } else { ListValues::whole(line) })
    }

    /// Every header line, name as written and value, in order.
    pub fn raw_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.headers.iter().map(|span| (self.text(span.name), self.text(span.value)))
    }

    /// Every header line with its name resolved, in order.
    pub fn headers(&self) -> impl Iterator<Item = (Name<'_>, &str)> {
        self.raw_headers().map(|(name, value)| (Name::from(name), value))
    }

    /// The number of each header line's name, in order; zero for an unknown name.
    pub(in crate::sip) fn ids(&self) -> impl Iterator<Item = u8> {
        self.inner.headers.iter().map(|span| span.id)
    }

    /// The values of the lines that carry `name`.
    pub(super) fn lines<'m, 'n>(&'m self, name: Name<'n>) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        let id = name.resolved_id();
        let wanted = move |span: &&HeaderSpan| {
            span.id == id && (id != 0 || self.text(span.name).eq_ignore_ascii_case(name.as_str()))
        };
        self.inner.headers.iter().filter(wanted).map(|span| self.text(span.value))
    }

    /// The body, byte for byte.
    pub fn body(&self) -> &[u8] {
        self.inner.buf.get(self.inner.body..).unwrap_or(&[])
    }

    /// The body as a share of the message's buffer.
    pub fn body_bytes(&self) -> Bytes {
        self.inner.buf.slice(self.inner.body..)
    }

    /// The whole message, from the start line to the end of the body; normalised when it had folded lines or was not UTF-8.
    pub fn bytes(&self) -> &Bytes {
        &self.inner.buf
    }

    /// What Content-Length says.
    pub fn content_length(&self) -> ContentLength {
        self.inner.content_length
    }

    /// A line of the head that is no header, or whose name is no token: the first one, and where.
    pub fn malformed_line(&self) -> Option<(HeaderFault, usize)> {
        self.inner.malformed.map(|(fault, at)| (fault, at as usize))
    }

    /// Whether the start line names version 2.0; always so for a response.
    pub fn is_version_2(&self) -> bool {
        !matches!(self.inner.start, Start::Request { version_ok: false, .. })
    }

    /// Whether the parts of the request line are separated by exactly one space each (RFC 3261 §7.1).
    pub fn start_line_exact(&self) -> bool {
        !matches!(self.inner.start, Start::Request { exact: false, .. })
    }

    fn text(&self, (start, len): (u32, u32)) -> &str {
        let (start, len) = (start as usize, len as usize);
        // The head has been checked when it was read; a span never leaves it.
        self.inner.buf.get(start..start + len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl PartialEq for Message {
    /// Byte for byte.
    fn eq(&self, other: &Self) -> bool {
        self.inner.buf == other.inner.buf
    }
}

impl Eq for Message {}
