//! A message with everything in order, of which a test changes what it is about.

use bytes::Bytes;
use dialplane_signaling::sip::validate;
use dialplane_signaling::sip::wire::{Limits, Message, ParseError};

/// The lines of a message. `None` leaves a line out.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) start: String,
    pub(crate) via: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) call_id: Option<String>,
    pub(crate) cseq: Option<String>,
    /// Whole lines, without the line end.
    pub(crate) more: Vec<String>,
    /// The value of Content-Length; the body's length when `None`.
    pub(crate) length: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on to the transaction.
    Accepted,
    /// It is answered with this status.
    Rejected(u16),
    /// It is dropped without an answer.
    Dropped,
}

impl Draft {
    /// A request from Ann to Bob.
    pub(crate) fn request(method: &str) -> Draft {
        Draft::line(&format!("{method} sip:bob@example.com SIP/2.0"), method)
    }

    /// A request with this request line.
    pub(crate) fn line(start: &str, method: &str) -> Draft {
        Draft {
            start: start.to_owned(),
            via: Some("Via: SIP/2.0/UDP phone.example.org:5062;branch=z9hG4bK-ann-1;rport".to_owned()),
            from: Some("From: \"Ann\" <sip:ann@example.org>;tag=ann-tag".to_owned()),
            to: Some("To: <sip:bob@example.com>".to_owned()),
            call_id: Some("Call-ID: first.call@phone.example.org".to_owned()),
            cseq: Some(format!("CSeq: 17 {method}")),
            more: vec!["Max-Forwards: 70".to_owned()],
            length: None,
            body: Vec::new(),
        }
    }

    /// A response to an INVITE of Ann.
    pub(crate) fn response(start: &str) -> Draft {
        let mut draft = Draft::line(start, "INVITE");
        draft.to = Some("To: <sip:bob@example.com>;tag=bob-tag".to_owned());
        draft.more.clear();
        draft
    }

    pub(crate) fn via(mut self, line: &str) -> Draft {
        self.via = Some(line.to_owned());
        self
    }

    pub(crate) fn from(mut self, line: &str) -> Draft {
        self.from = Some(line.to_owned());
        self
    }

    pub(crate) fn to(mut self, line: &str) -> Draft {
        self.to = Some(line.to_owned());
        self
    }

    pub(crate) fn cseq(mut self, line: &str) -> Draft {
        self.cseq = Some(line.to_owned());
        self
    }

    pub(crate) fn with(mut self, line: &str) -> Draft {
        self.more.push(line.to_owned());
        self
    }

    pub(crate) fn length(mut self, value: &str) -> Draft {
        self.length = Some(value.to_owned());
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Draft {
        self.more.push(format!("Content-Type: {content_type}"));
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let length = self.length.clone().unwrap_or_else(|| self.body.len().to_string());
        let mut lines = vec![self.start.clone()];
        lines.extend([&self.via, &self.from, &self.to, &self.call_id, &self.cseq].into_iter().flatten().cloned());
        lines.extend(self.more.iter().cloned());
        lines.push(format!("Content-Length: {length}"));
        let mut out = lines.join("\r\n").into_bytes();
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
        out.into()
    }

    pub(crate) fn parse(&self) -> Message {
        parse(&self.bytes()).expect("a message that can be represented")
    }
}

pub(crate) fn parse(bytes: &Bytes) -> Result<Message, ParseError> {
    Message::parse(bytes.clone(), &Limits::default())
}

/// What the parser and the validation say together.
pub(crate) fn verdict(bytes: &Bytes) -> Verdict {
    let Ok(message) = parse(bytes) else { return Verdict::Dropped };
    if message.is_request() {
        match validate::request(&message) {
            Ok(()) => Verdict::Accepted,
            Err(rejection) => Verdict::Rejected(rejection.status),
        }
    } else {
        match validate::response(&message) {
            Ok(()) => Verdict::Accepted,
            Err(_) => Verdict::Dropped,
        }
    }
}
