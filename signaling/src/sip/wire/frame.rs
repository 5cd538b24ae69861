//! Cutting messages from a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::Limits;
use super::list::is_blank;
use super::message::ContentLength;
use super::name::Name;

/// What a stream holds next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message, for [`super::Message::parse`].
    Message(Bytes),
    /// A double CRLF: the peer wants a single CRLF back.
    Ping,
    /// A single CRLF: the answer to a ping of ours. Only from a framer made by [`Framer::expecting_pongs`].
    Pong,
}

/// A stream that cannot be framed any further. The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The head or the message is larger than [`Limits::message`].
    #[error("message too large")]
    TooLarge,
    /// No Content-Length, which a stream needs.
    #[error("no Content-Length")]
    NoContentLength,
    /// A Content-Length that is not a number, or several that differ.
    #[error("unreadable Content-Length")]
    ContentLength,
}

/// The framer of one connection. It holds at most one unfinished message, and looks at every byte once.
#[derive(Debug)]
pub struct Framer {
    buf: BytesMut,
    limit: usize,
    pongs: bool,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between messages.
    Idle,
    /// In a head: the start of the current line, and how far has been searched.
    Head { line: usize, searched: usize },
    /// The whole length is known.
    Body { total: usize },
}

impl Framer {
    /// For a connection accepted: a double CRLF is a ping, a single one is skipped.
    pub fn new(limits: &Limits) -> Framer {
        Framer { buf: BytesMut::new(), limit: limits.message, pongs: false, state: State::Idle }
    }

    /// For a connection made by us: every CRLF between messages is the answer to a ping.
    #[must_use]
    pub fn expecting_pongs(mut self) -> Framer {
        self.pongs = true;
        self
    }

    /// Takes bytes that came. Call [`Framer::next_frame`] until it gives nothing before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The bytes held of an unfinished message.
    pub fn buffered(&self) -> usize {
        self.buf.len()
    }

    /// The next frame; `None` until more bytes have come.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.state {
                State::Idle => match self.between() {
                    Some(frame) => return Ok(Some(frame)),
                    None if matches!(self.state, State::Idle) => return Ok(None),
                    None => {}
                },
                State::Head { line, searched } => {
                    if !self.search_head(line, searched)? {
                        return Ok(None);
                    }
                }
                State::Body { total } if self.buf.len() < total => return Ok(None),
                State::Body { total } => {
                    self.state = State::Idle;
                    return Ok(Some(Frame::Message(self.buf.split_to(total).freeze())));
                }
            }
        }
    }

    /// Line ends between messages. Leaves the idle state at the first other byte.
    fn between(&mut self) -> Option<Frame> {
        loop {
            let used = match self.buf.as_ref() {
                [b'\r', b'\n', ..] if self.pongs => {
                    let _ = self.buf.split_to(2);
                    return Some(Frame::Pong);
                }
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    let _ = self.buf.split_to(4);
                    return Some(Frame::Ping);
                }
                // The start of a ping, perhaps: what follows decides, wherever the segments were cut.
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => {
                    self.state = State::Head { line: 0, searched: 0 };
                    return None;
                }
            };
            let _ = self.buf.split_to(used);
        }
    }

    /// Looks for the blank line; true when the head is complete.
    fn search_head(&mut self, mut line: usize, searched: usize) -> Result<bool, FrameError> {
        let fresh = self.buf.get(searched..).unwrap_or(&[]);
        let mut head = None;
        for found in memchr::memchr_iter(b'\n', fresh) {
            let line_feed = searched + found;
            let text = self.buf.get(line..line_feed).unwrap_or(&[]);
            if line > 0 && (text.is_empty() || text == b"\r") {
                head = Some(line_feed + 1);
                break;
            }
            line = line_feed + 1;
        }
        let Some(head) = head else {
            if self.buf.len() > self.limit {
                return Err(FrameError::TooLarge);
            }
            self.state = State::Head { line, searched: self.buf.len() };
            return Ok(false);
        };
        let length = content_length(self.buf.get(..head).unwrap_or(&[]))?;
        let total = usize::try_from(length).ok().and_then(|length| head.checked_add(length));
        match total {
            Some(total) if total <= self.limit => self.state = State::Body { total },
            _ => return Err(FrameError::TooLarge),
        }
        Ok(true)
    }
}

/// The Content-Length of a complete head, folded or not. The same one said twice can be framed, and is refused later.
fn content_length(head: &[u8]) -> Result<u64, FrameError> {
    let mut found: Option<u64> = None;
    let mut lines = head.split(|b| *b == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        // Only names that begin with C or L can be the one.
        if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line.get(..colon).unwrap_or(&[]).trim_ascii_end();
        if Name::known(name) != Some(Name::ContentLength) {
            continue;
        }
        let mut value = line.get(colon + 1..).unwrap_or(&[]).trim_ascii().to_vec();
        while lines.peek().is_some_and(|next| next.first().is_some_and(|b| is_blank(*b))) {
            value.extend_from_slice(lines.next().unwrap_or(&[]).trim_ascii());
        }
        match ContentLength::Absent.and(&value) {
            ContentLength::Stated(length) if found.is_none_or(|before| before == length) => found = Some(length),
            _ => return Err(FrameError::ContentLength),
        }
    }
    found.ok_or(FrameError::NoContentLength)
}
