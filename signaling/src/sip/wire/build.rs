//! Writing messages.

use std::fmt::{self, Write};

use bytes::Bytes;

use super::list::{ListValues, is_token_byte};
use super::message::Message;
use super::method::Method;
use super::name::Name;
use super::via::Via;

/// Writes one message, header by header, in the order of the calls.
///
/// No value can begin a new line: control characters in it become spaces, and characters that are no token are left out of a header's name.
/// Content-Length is always written, last, from the body given; one passed as a header is ignored.
#[derive(Debug, Clone)]
pub struct Builder {
    out: Vec<u8>,
    /// The end of the To value, while it has no tag.
    to_end: Option<usize>,
    body: Option<(String, Bytes)>,
}

impl Builder {
    /// A request. `uri` may be a [`super::Uri`] or text.
    pub fn request(method: &Method, uri: impl fmt::Display) -> Builder {
        let mut builder = Builder::empty();
        builder.put_name(method.as_str());
        builder.out.push(b' ');
        let from = builder.out.len();
        builder.put(&uri);
        // A blank would end the URI early.
        let uri = builder.out.split_off(from);
        for byte in uri {
            if byte == b' ' || byte == b'\t' {
                builder.out.extend_from_slice(b"%20");
            } else {
                builder.out.push(byte);
            }
        }
        builder.out.extend_from_slice(b" SIP/2.0\r\n");
        builder
    }

    /// A response without any header. An empty `reason` becomes the usual phrase.
    pub fn response(status: u16, reason: &str) -> Builder {
        let mut builder = Builder::empty();
        let reason = if reason.is_empty() { super::reason_phrase(status) } else { reason };
        builder.put(&format_args!("SIP/2.0 {status:03} {reason}"));
        builder.end_line();
        builder
    }

    /// The response to `request`, with Via in order, From, To, Call-ID and CSeq copied (RFC 3261 §8.2.6.2).
    ///
    /// With a [`Message::source`], the top Via gets `received` and a filled `rport` (RFC 3261 §18.2.1, RFC 3581 §4). A 100 also
    /// gets the Timestamp of the request.
    pub fn response_to(request: &Message, status: u16, reason: &str) -> Builder {
        let mut builder = Builder::response(status, reason);
        builder.copy_vias(request);
        for name in [Name::From, Name::To, Name::CallId, Name::CSeq] {
            if let Some(value) = request.header(name) {
                builder.put_header(name, &value);
                if name == Name::To && request.to().is_ok_and(|to| to.tag().is_none()) {
                    builder.to_end = Some(builder.out.len() - 2);
                }
            }
        }
        if status == 100
            && let Some(value) = request.header(Name::Timestamp)
        {
            builder.put_header(Name::Timestamp, &value);
        }
        builder
    }

    /// Puts `tag` on the To copied by [`Builder::response_to`], unless the request had one there.
    #[must_use]
    pub fn to_tag(mut self, tag: &str) -> Builder {
        if let Some(at) = self.to_end.take() {
            let param =
                format!(";tag={}", tag.chars().filter(|c| c.is_ascii() && is_token_byte(*c as u8)).collect::<String>());
            self.out.splice(at..at, param.into_bytes());
        }
        self
    }

    /// Copies the Record-Route set of `request` (RFC 3261 §12.1.1).
    #[must_use]
    pub fn record_routes_of(self, request: &Message) -> Builder {
        self.headers_of(request, Name::RecordRoute)
    }

    /// Copies every line of a header from another message.
    #[must_use]
    pub fn headers_of(mut self, message: &Message, name: Name<'_>) -> Builder {
        for value in message.lines(name) {
            self.put_header(name, &value);
        }
        self
    }

    /// Adds a header line.
    #[must_use]
    pub fn header<'n>(mut self, name: impl Into<Name<'n>>, value: impl fmt::Display) -> Builder {
        let name = name.into();
        if name != Name::ContentLength {
            self.put_header(name, &value);
        }
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Builder {
        self.body = Some((content_type.to_owned(), Bytes::copy_from_slice(body.as_ref())));
        self
    }

    /// Sets a body whose Content-Type has been added as a header.
    #[must_use]
    pub fn raw_body(mut self, body: &[u8]) -> Builder {
        self.body = Some((String::new(), Bytes::copy_from_slice(body)));
        self
    }

    /// The message.
    pub fn finish(mut self) -> Bytes {
        let body = self.body.take();
        if let Some((content_type, _)) = &body
            && !content_type.is_empty()
        {
            self.put_header(Name::ContentType, content_type);
        }
        let body = body.map(|(_, bytes)| bytes).unwrap_or_default();
        self.put_header(Name::ContentLength, &body.len());
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(&body);
        Bytes::from(self.out)
    }

    fn empty() -> Builder {
        Builder { out: Vec::with_capacity(1024), to_end: None, body: None }
    }

    fn copy_vias(&mut self, request: &Message) {
        let mut top = true;
        for line in request.lines(Name::Via) {
            let first = if top { ListValues::new(line).next() } else { None };
            match (first.and_then(Via::parse), first, request.source()) {
                (Some(via), Some(value), Some(source)) => {
                    self.put(&Name::Via);
                    self.out.extend_from_slice(b": ");
                    self.put_answered_via(value, &via, source);
                    for value in ListValues::new(line).skip(1) {
                        self.put(&format_args!(", {value}"));
                    }
                    self.end_line();
                }
                _ => self.put_header(Name::Via, &line),
            }
            top = false;
        }
    }

    /// The top Via with what the server adds. Parameters the client wrote in their place are replaced.
    fn put_answered_via(&mut self, value: &str, via: &Via<'_>, source: std::net::SocketAddr) {
        let head = value.len() - via.params.as_str().len();
        self.put(&value.get(..head).unwrap_or(value));
        for param in via.params.iter() {
            let known = |name: &str| param.name.eq_ignore_ascii_case(name);
            if known("received") || (known("rport") && via.rport.is_some()) {
                continue;
            }
            match param.value {
                Some(v) if v.bytes().all(|b| is_token_byte(b) || matches!(b, b'[' | b']' | b':')) => {
                    self.put(&format_args!(";{}={v}", param.name));
                }
                Some(v) => self.put(&format_args!(";{}=\"{v}\"", param.name)),
                None => self.put(&format_args!(";{}", param.name)),
            }
        }
        let source_ip = source.ip().to_canonical();
        // With rport, received must be written even when it says nothing new (RFC 3581 §4).
        if via.rport.is_some() || via.host.ip().map(|ip| ip.to_canonical()) != Some(source_ip) {
            self.put(&format_args!(";received={source_ip}"));
        }
        if via.rport.is_some() {
            self.put(&format_args!(";rport={}", source.port()));
        }
    }

    fn put_header(&mut self, name: Name<'_>, value: &dyn fmt::Display) {
        let from = self.out.len();
        self.put_name(name.as_str());
        if self.out.len() == from {
            return;
        }
        self.out.extend_from_slice(b": ");
        self.put(value);
        self.end_line();
    }

    fn put_name(&mut self, name: &str) {
        self.out.extend(name.bytes().filter(|b| is_token_byte(*b)));
    }

    fn put(&mut self, value: &dyn fmt::Display) {
        // The sink takes everything; an error can only come from a Display that gives up, and then the value ends there.
        let _ = write!(OneLine(&mut self.out), "{value}");
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// A sink that turns control characters into spaces.
struct OneLine<'a>(&'a mut Vec<u8>);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(is_control) {
            self.0.extend(text.bytes().map(|b| if is_control(b) { b' ' } else { b }));
        } else {
            self.0.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }
}

const fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}
