//! What a user does to send requests.

use super::table::{CancelState, Entry, Machine, Part};
use super::{Branch, Endpoint};
use crate::sip::flow::{Flow, Transmit, TxId};
use crate::sip::transaction::{InviteClient, InviteClientInput, InviteClientState, NonInviteClient};
use crate::sip::wire::{Builder, HeaderError, Message, Method, Name, ParseError};
use bytes::Bytes;
use std::fmt::Display;
use std::time::Instant;

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRequestError {
    /// The bytes are no message.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A header that the transaction needs is missing or unreadable.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A response, an ACK or a CANCEL: see [`Endpoint::acknowledge`] and [`Endpoint::cancel`].
    #[error("not a request that makes a transaction")]
    NoTransaction,
    /// The top Via has no branch, or one that is in use.
    #[error("the branch is missing or in use")]
    Branch,
}

impl Endpoint {
    /// A new branch.
    pub fn branch(&mut self) -> Branch {
        self.keys.branch()
    }

    /// The Via value of a request to be sent over `flow`, with a new branch. It must be the first Via of the request.
    pub fn via(&mut self, flow: &Flow) -> String {
        let branch = self.keys.branch();
        let protocol = flow.protocol.via_token();
        match &self.config.host {
            Some(host) => format!("SIP/2.0/{protocol} {host}:{};branch={branch};rport", flow.local.port()),
            None => format!("SIP/2.0/{protocol} {};branch={branch};rport", flow.local),
        }
    }

    /// Sends a request with a transaction. Its top Via is one of [`Self::via`].
    ///
    /// # Errors
    /// [`SendRequestError`]; nothing has been sent then.
    pub fn send_request(&mut self, now: Instant, request: Bytes, flow: Flow) -> Result<TxId, SendRequestError> {
        let message = Message::parse(request.clone(), &self.config.limits)?;
        let method = message.method().filter(|method| !matches!(method, Method::Ack | Method::Cancel));
        let method = method.ok_or(SendRequestError::NoTransaction)?;
        let branch = message.via()?.unique_branch().ok_or(SendRequestError::Branch)?;
        let key = self.keys.client(branch, method);
        if self.by_key.contains_key(&key) {
            return Err(SendRequestError::Branch);
        }
        let transport = flow.protocol.reliability();
        let (machine, request) = if *method == Method::Invite {
            let machine = Machine::InviteClient(InviteClient::new(now, request, transport));
            (machine, Some(message))
        } else {
            (Machine::Client(NonInviteClient::new(now, request, transport)), None)
        };
        let part = Part::Client { request, cancel: CancelState::None, acks: Vec::new() };
        let id = self.table.insert(Entry::new(key, machine, part, flow, None));
        self.by_key.insert(key, id);
        self.drive(id, None);
        Ok(id)
    }

    /// Sends the ACK of a 2xx, and sends it again for each copy of that 2xx (§13.2.2.4). `flow` is the way to the remote
    /// target of the dialog.
    pub fn acknowledge(&mut self, tx: TxId, success: &Message, ack: &[u8], flow: Flow) {
        // It is kept for 32 s: in a buffer of its length instead of the larger one it was built in.
        let transmit = Transmit { flow, fallback: None, bytes: Bytes::copy_from_slice(ack), tx: None };
        let tag = self.keys.tag(to_tag(success));
        if let Some(Entry { part: Part::Client { acks, .. }, .. }) = self.table.get_mut(tx)
            && let Some((_, known)) = acks.iter_mut().find(|(known, _)| *known == tag)
        {
            *known = Some(transmit.clone());
        }
        self.commands.push_back(super::Command::Transmit(transmit));
    }

    /// Cancels an INVITE of ours (§9.1): now, or with the first provisional response when none has come. `reason` becomes
    /// the Reason header (RFC 3326), as `SIP;cause=200;text="Call completed elsewhere"`. The INVITE still gets its final
    /// response, a 487 or a 2xx that was faster, or times out.
    ///
    /// Nothing happens when the INVITE has had its final response.
    pub fn cancel(&mut self, now: Instant, tx: TxId, reason: Option<&str>) {
        let Some(Entry { machine: Machine::InviteClient(machine), part: Part::Client { cancel, .. }, .. }) =
            self.table.get_mut(tx)
        else {
            return;
        };
        if !matches!(cancel, CancelState::None) {
            return;
        }
        *cancel = CancelState::Waiting(reason.map(Into::into));
        if machine.state() == InviteClientState::Proceeding {
            self.send_cancel(now, tx);
        }
    }

    /// Sends a CANCEL that was waiting for a provisional response.
    pub(super) fn send_cancel(&mut self, now: Instant, tx: TxId) {
        let Some(Entry { machine: Machine::InviteClient(machine), part, flow, .. }) = self.table.get_mut(tx) else {
            return;
        };
        let Part::Client { request: Some(request), cancel, .. } = part else { return };
        let CancelState::Waiting(reason) = cancel else { return };
        let reason = reason.take();
        *cancel = CancelState::Sent;
        machine.handle(now, InviteClientInput::Cancelled);
        let (request, flow) = (request.clone(), *flow);
        self.table.schedule(tx);
        let mut builder = self.follow_up(&request, &Method::Cancel, request.header(Name::To).unwrap_or(""));
        if let Some(reason) = reason {
            builder = builder.header(Name::Reason, reason);
        }
        let Some(branch) = request.via().ok().and_then(|via| via.branch) else { return };
        let key = self.keys.client(branch, &Method::Cancel);
        let machine = NonInviteClient::new(now, builder.finish(), flow.protocol.reliability());
        let id = self.table.insert(Entry::new(key, Machine::Client(machine), Part::Cancel, flow, None));
        self.by_key.insert(key, id);
        self.drive(id, None);
    }

    /// The ACK of a failure response (§17.1.1.3).
    pub(super) fn ack_of_failure(&self, invite: &Message, response: &Message) -> Bytes {
        self.follow_up(invite, &Method::Ack, response.header(Name::To).unwrap_or("")).finish()
    }

    /// An ACK or CANCEL hop by hop: same Request-URI, top Via, Route, Call-ID, From and CSeq number as its INVITE.
    fn follow_up(&self, invite: &Message, method: &Method, to: impl Display) -> Builder {
        let uri = invite.request_uri().map_or("", |uri| uri.as_str());
        let via = invite.header_values(Name::Via).next().unwrap_or("");
        let number = invite.cseq().map_or(0, |cseq| cseq.number);
        let builder = Builder::request(method, uri)
            .header(Name::Via, via)
            .headers_of(invite, Name::Route)
            .header(Name::MaxForwards, 70)
            .headers_of(invite, Name::From)
            .header(Name::To, to)
            .headers_of(invite, Name::CallId)
            .header(Name::CSeq, format_args!("{number} {method}"));
        self.software(builder, Name::UserAgent)
    }
}

/// The To tag of a message; empty when there is none.
pub(super) fn to_tag(message: &Message) -> &str {
    message.to().ok().and_then(|to| to.tag()).unwrap_or("")
}
