//! Dialogs (RFC 3261 §12): what two user agents agree on between the messages of a call.
//!
//! Owns: the identity (Call-ID and tags), the sequence numbers of both directions, the route set, the remote target.
//! Does not own: transactions, the session description, the flow that a request is sent over, or the call.
//! A forked INVITE gives one dialog for each To tag; each is a [`Dialog`] of its own.
//!
//! ```
//! use bytes::Bytes;
//! use dialplane_signaling::sip::dialog::{Dialog, DialogState};
//! use dialplane_signaling::sip::wire::{Limits, Message, Method};
//!
//! let invite = Bytes::from_static(
//!     b"INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
//!       From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n\
//!       Contact: <sip:alice@192.0.2.9>\r\nContent-Length: 0\r\n\r\n",
//! );
//! let invite = Message::parse(invite, &Limits::default()).unwrap();
//! let mut dialog = Dialog::uas(&invite, "b").unwrap();
//! dialog.confirm();
//! assert_eq!(dialog.state(), DialogState::Confirmed);
//! let bye = dialog.request(&Method::Bye, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2").finish();
//! assert!(bye.starts_with(b"BYE sip:alice@192.0.2.9 SIP/2.0\r\n"));
//! ```

use crate::sip::wire::{Builder, HeaderError, Message, Method, Name, NameAddr, UriBuf};
use smallvec::SmallVec;
use std::fmt::{self, Display};

/// Hops a request may take (§8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// What names a dialog at one of its ends (§12).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// Call-ID, local tag and remote tag, separated by line ends, which none of them can hold: one allocation.
    text: Box<str>,
}

impl DialogId {
    /// From its parts; the tag of a peer that knows only RFC 2543 is empty.
    #[must_use]
    pub fn new(call_id: &str, local_tag: &str, remote_tag: &str) -> Self {
        Self { text: format!("{call_id}\n{local_tag}\n{remote_tag}").into_boxed_str() }
    }

    /// The dialog that a request received belongs to; `None` for a request outside dialogs, without a To tag.
    #[must_use]
    pub fn of_request(request: &Message) -> Option<Self> {
        let to = request.to().ok()?;
        let from = request.from().ok()?;
        Some(Self::new(request.call_id().ok()?, to.tag()?, from.tag().unwrap_or("")))
    }

    /// The dialog that a response received belongs to or creates; `None` without a To tag.
    #[must_use]
    pub fn of_response(response: &Message) -> Option<Self> {
        let to = response.to().ok()?;
        let from = response.from().ok()?;
        Some(Self::new(response.call_id().ok()?, from.tag().unwrap_or(""), to.tag()?))
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.part(0)
    }

    /// The tag of this end.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        self.part(1)
    }

    /// The tag of the other end.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        self.part(2)
    }

    fn part(&self, index: usize) -> &str {
        self.text.split('\n').nth(index).unwrap_or("")
    }
}

impl fmt::Debug for DialogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialogId({:?})", self.text)
    }
}

/// How far a dialog has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
    /// Over.
    Terminated,
}

/// Which end sent the request that made the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This end sent it.
    Uac,
    /// The other end sent it.
    Uas,
}

/// Why a message cannot make a dialog or be part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogError {
    /// A header that a dialog needs is missing or unreadable; 400 for a request.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The response has no To tag, so it makes no dialog.
    #[error("no To tag")]
    NoTag,
    /// The CSeq is not above that of the last request; 500 (§12.2.2).
    #[error("CSeq {got} after {last}")]
    OutOfOrder {
        /// The last CSeq number of the other end.
        last: u32,
        /// That of the request.
        got: u32,
    },
}

impl DialogError {
    /// The status owed for a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Header(_) | Self::NoTag => 400,
            Self::OutOfOrder { .. } => 500,
        }
    }
}

/// One end's view of a dialog; see the [module](self).
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    role: Role,
    state: DialogState,
    /// The From of requests of this end, with its tag.
    local: Box<str>,
    /// The To of requests of this end, with its tag.
    remote: Box<str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    routes: SmallVec<[Box<str>; 2]>,
    remote_target: UriBuf,
}

impl Dialog {
    /// The dialog of a request received (§12.1.1), early until [`Self::confirm`]. `local_tag` is the To tag of the responses.
    ///
    /// # Errors
    /// [`DialogError::Header`], most often for a missing Contact.
    pub fn uas(request: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let from = request.from()?;
        let to = request.header(Name::To).unwrap_or("");
        let local = if request.to()?.tag().is_some() { to.into() } else { format!("{to};tag={local_tag}").into() };
        Ok(Self {
            id: DialogId::new(request.call_id()?, local_tag, from.tag().unwrap_or("")),
            role: Role::Uas,
            state: DialogState::Early,
            local,
            remote: request.header(Name::From).unwrap_or("").into(),
            local_cseq: 0,
            remote_cseq: Some(request.cseq()?.number),
            routes: request.header_values(Name::RecordRoute).map(Into::into).collect(),
            remote_target: request.contact()?.uri.to_owned(),
        })
    }

    /// The dialog that a response to a request of ours makes (§12.1.2): early for a 1xx, confirmed for a 2xx.
    ///
    /// # Errors
    /// [`DialogError`]; a 1xx often has neither To tag nor Contact, which is no fault.
    pub fn uac(request: &Message, response: &Message) -> Result<Self, DialogError> {
        let id = DialogId::of_response(response).ok_or(DialogError::NoTag)?;
        let success = response.status().is_some_and(|status| (200..300).contains(&status));
        Ok(Self {
            id,
            role: Role::Uac,
            state: if success { DialogState::Confirmed } else { DialogState::Early },
            local: request.header(Name::From).unwrap_or("").into(),
            remote: response.header(Name::To).unwrap_or("").into(),
            local_cseq: request.cseq()?.number,
            remote_cseq: None,
            routes: recorded_backwards(response),
            remote_target: response.contact()?.uri.to_owned(),
        })
    }

    /// What names the dialog.
    #[must_use]
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Which end began.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// The other end's Contact: the Request-URI of requests to it.
    #[must_use]
    pub fn remote_target(&self) -> &UriBuf {
        &self.remote_target
    }

    /// The last CSeq number that this end used.
    #[must_use]
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// The URI that requests are to be sent to: the first route, or the remote target (§12.2.1.1).
    #[must_use]
    pub fn next_hop(&self) -> &str {
        self.routes
            .first()
            .and_then(|route| NameAddr::parse(route))
            .map_or(self.remote_target.as_str(), |r| r.uri.as_str())
    }

    /// The 2xx was sent.
    pub fn confirm(&mut self) {
        if self.state == DialogState::Early {
            self.state = DialogState::Confirmed;
        }
    }

    /// A BYE was sent or received, or the call failed.
    pub fn terminate(&mut self) {
        self.state = DialogState::Terminated;
    }

    /// Takes a request of the other end: checks its order and takes its Contact over when the method refreshes the target
    /// (§12.2.2, RFC 3311 §5.1). An ACK carries the number of its INVITE and is not checked.
    ///
    /// # Errors
    /// [`DialogError::OutOfOrder`]: answer 500 and change nothing.
    pub fn receive_request(&mut self, request: &Message) -> Result<(), DialogError> {
        let cseq = request.cseq()?;
        if cseq.method != Method::Ack {
            if let Some(last) = self.remote_cseq.filter(|last| cseq.number <= *last) {
                return Err(DialogError::OutOfOrder { last, got: cseq.number });
            }
            self.remote_cseq = Some(cseq.number);
        }
        if refreshes_target(&cseq.method) {
            self.refresh(request);
        }
        Ok(())
    }

    /// Takes a response to a request of ours in this dialog. A 2xx to the INVITE confirms an early dialog and gives it its
    /// final route set (§13.2.2.4).
    ///
    /// # Errors
    /// [`DialogError::Header`] for an unreadable CSeq.
    pub fn receive_response(&mut self, response: &Message) -> Result<(), DialogError> {
        let success = response.status().is_some_and(|status| (200..300).contains(&status));
        let method = response.cseq()?.method;
        if !success || !refreshes_target(&method) {
            return Ok(());
        }
        if self.state == DialogState::Early && self.role == Role::Uac && method == Method::Invite {
            self.state = DialogState::Confirmed;
            self.routes = recorded_backwards(response);
        }
        self.refresh(response);
        Ok(())
    }

    /// The beginning of a request in this dialog, with the next CSeq number: to be completed with Contact, body and the like.
    /// `via` is one of [`Endpoint::via`](super::endpoint::Endpoint::via).
    #[must_use]
    pub fn request(&mut self, method: &Method, via: impl Display) -> Builder {
        self.local_cseq += 1;
        self.build(method, self.local_cseq, via)
    }

    /// The ACK of a 2xx to the INVITE (or re-INVITE) with this CSeq number (§13.2.2.4).
    #[must_use]
    pub fn ack(&self, invite_cseq: u32, via: impl Display) -> Builder {
        self.build(&Method::Ack, invite_cseq, via)
    }

    fn build(&self, method: &Method, cseq: u32, via: impl Display) -> Builder {
        let target = self.remote_target.as_str();
        let first = self.routes.first().and_then(|route| NameAddr::parse(route)).map(|route| route.uri);
        // §12.2.1.1: a strict router takes the place of the target, which then ends the route.
        let strict = first.filter(|uri| !uri.is_loose_router());
        let mut builder = match strict {
            Some(router) => Builder::request(method, router),
            None => Builder::request(method, target),
        };
        builder = builder.header(Name::Via, via).header(Name::MaxForwards, MAX_FORWARDS);
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            builder = builder.header(Name::Route, route);
        }
        if strict.is_some() {
            builder = builder.header(Name::Route, format_args!("<{target}>"));
        }
        builder
            .header(Name::From, &self.local)
            .header(Name::To, &self.remote)
            .header(Name::CallId, self.id.call_id())
            .header(Name::CSeq, format_args!("{cseq} {method}"))
    }

    fn refresh(&mut self, message: &Message) {
        // A message without Contact, or with an unreadable one, keeps the target that works.
        if let Ok(contact) = message.contact()
            && contact.uri.as_str() != self.remote_target.as_str()
        {
            self.remote_target = contact.uri.to_owned();
        }
    }
}

/// Methods whose requests and 2xx carry a new remote target (RFC 3261 §12.2, RFC 3311, RFC 6665 §4.1.2.3).
fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

/// The route set of a UAC: the Record-Route of the response from its end.
fn recorded_backwards(response: &Message) -> SmallVec<[Box<str>; 2]> {
    let mut routes: SmallVec<[Box<str>; 2]> = response.header_values(Name::RecordRoute).map(Into::into).collect();
    routes.reverse();
    routes
}

#[cfg(test)]
mod tests;
