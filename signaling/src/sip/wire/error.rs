//! What can be wrong with a message as a whole, and with one header of it.

use thiserror::Error;

/// A message that cannot be represented. There is nobody to answer, so it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct ParseError {
    /// Where in the datagram, in bytes from its first.
    pub offset: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// The kinds of [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but line ends: a keep-alive (RFC 5626 §3.5.1).
    #[error("no message, only line ends")]
    KeepAlive,
    /// Larger than [`super::Limits::message`].
    #[error("message too large")]
    MessageTooLarge,
    /// The start line is longer than its limit.
    #[error("start line too long")]
    StartLineTooLong,
    /// The request URI is longer than its limit.
    #[error("request URI too long")]
    UriTooLong,
    /// The first line is neither a request line nor a status line of SIP.
    #[error("not a SIP start line")]
    NotSip,
    /// A status line with another protocol version.
    #[error("unsupported version of a response")]
    ResponseVersion,
    /// A status code that is not three digits from 100 to 699.
    #[error("status code out of range")]
    StatusCode,
    /// The blank line after the headers is missing.
    #[error("headers without an end")]
    HeadersWithoutEnd,
    /// More header lines than [`super::Limits::headers`].
    #[error("too many headers")]
    TooManyHeaders,
    /// A header name longer than its limit.
    #[error("header name too long")]
    HeaderNameTooLong,
    /// A header value longer than its limit.
    #[error("header value too long")]
    HeaderValueTooLong,
}

/// A header that is absent or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{header}: {fault} (at byte {offset} of the value)")]
pub struct HeaderError {
    /// The header's canonical name, or `Request-URI`.
    pub header: &'static str,
    /// What is wrong with it.
    pub fault: HeaderFault,
    /// Where in the value, in bytes. Zero when the header is missing.
    pub offset: usize,
}

/// The kinds of [`HeaderError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The header is not there.
    #[error("missing")]
    Missing,
    /// It is there without a value.
    #[error("empty")]
    Empty,
    /// A quoted string without its end.
    #[error("unterminated quoted string")]
    UnterminatedQuote,
    /// `<` without `>`.
    #[error("unterminated angle bracket")]
    UnterminatedAngle,
    /// A display name that would have to be quoted.
    #[error("display name needs quotes")]
    DisplayName,
    /// Not a URI: no scheme, or a character no URI may hold.
    #[error("invalid URI")]
    Uri,
    /// A host that is neither a name nor an address.
    #[error("invalid host")]
    Host,
    /// A port that is not a number up to 65535.
    #[error("invalid port")]
    Port,
    /// A parameter without a name, or with something unreadable after it.
    #[error("invalid parameter")]
    Param,
    /// A number with other characters, or too large for its field.
    #[error("invalid number")]
    Number,
    /// Something that had to be a token.
    #[error("invalid token")]
    Token,
    /// Text after the end of the value.
    #[error("unexpected text")]
    Trailing,
    /// Protocol or version of a Via.
    #[error("not SIP/2.0")]
    Protocol,
    /// Credentials or a challenge that cannot be read.
    #[error("invalid authentication value")]
    Auth,
}

impl HeaderFault {
    /// This fault in `header` at `offset` of its value.
    pub(crate) const fn of(self, header: &'static str, offset: usize) -> HeaderError {
        HeaderError { header, fault: self, offset }
    }
}

/// A fault and its place in the text, before the header is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: HeaderFault,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) const fn new(kind: HeaderFault, at: usize) -> Self {
        Self { kind, at }
    }

    /// The same fault, in a text that starts `by` bytes earlier.
    pub(crate) const fn shift(self, by: usize) -> Self {
        Self { kind: self.kind, at: self.at + by }
    }

    pub(crate) const fn of(self, header: &'static str) -> HeaderError {
        self.kind.of(header, self.at)
    }
}
