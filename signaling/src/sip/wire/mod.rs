//! The SIP wire format (RFC 3261 §7, §25): a parser that copies nothing, a builder, and a framer for streams.
//!
//! A [`Message`] is one reference-counted buffer and the positions of its parts. Parsing is a single pass that finds lines, names and the body;
//! typed values ([`Via`], [`NameAddr`], [`CSeq`], [`Uri`]) are read from their text when asked for, without allocating. The parser refuses only
//! what it cannot represent: whatever a peer can still be answered for is left to [`super::validate`].
//!
//! Costs of the hot path: one allocation for a message (its positions), none per header. Folded lines and bytes that are not UTF-8 are the rare
//! path: the head is then copied once in a normalised form and read again.

mod addr;
mod build;
mod error;
mod frame;
mod host;
mod list;
mod message;
mod method;
mod name;
mod params;
mod reason;
mod scan;
mod typed;
mod uri;
mod values;
mod via;

/// Scanners for the other readers of header text.
pub(in crate::sip) mod scanners {
    pub(in crate::sip) use super::list::{closing_quote, cut, is_blank, is_token_byte, skip_blanks};
}

pub use addr::{Contact, NameAddr};
pub use build::Builder;
pub use error::{HeaderError, HeaderFault, ParseError, ParseErrorKind};
pub use frame::{Frame, FrameError, Framer};
pub use host::Host;
pub use list::ListValues;
pub use message::{ContentLength, Message, StartLine};
pub use method::Method;
pub use name::Name;
pub use params::{Param, Params};
pub use reason::reason_phrase;
pub use uri::{Scheme, Uri, UriBuf};
pub use values::{CSeq, MediaType, RAck};
pub use via::Via;

/// Sizes beyond which input is refused before any work is spent on it. All in bytes, except `headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A whole message, start line to the last byte of the body; also what a [`Framer`] buffers of one message.
    pub message: usize,
    /// The request or status line.
    pub start_line: usize,
    /// A header's name.
    pub header_name: usize,
    /// A header's value on one line, after unfolding.
    pub header_value: usize,
    /// The number of header lines.
    pub headers: usize,
    /// The request URI.
    pub uri: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            start_line: 4 * 1024,
            header_name: 1024,
            header_value: 16 * 1024,
            headers: 256,
            uri: 2 * 1024,
        }
    }
}
