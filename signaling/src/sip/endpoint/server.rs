//! What a user does with requests received.

use super::key::LocalTag;
use super::table::{Entry, Machine, Part};
use super::{Endpoint, Incoming};
use crate::sip::flow::TxId;
use crate::sip::transaction::{InviteServer, InviteServerInput, Misuse, NonInviteServer, NonInviteServerInput};
use crate::sip::wire::{Builder, Method, Name};
use bytes::Bytes;
use std::time::Instant;

/// Why a request did not become a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// It has one already: this is a copy that was received before the first was accepted.
    #[error("the request already has a transaction")]
    Duplicate(TxId),
}

/// Why a response was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespondError {
    /// There is no such transaction, or it is a client.
    #[error("no server transaction of this id")]
    Unknown,
    /// The bytes do not begin with a status line.
    #[error("not a response")]
    NotAResponse,
    /// The state of the transaction does not allow it.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl Endpoint {
    /// Makes a transaction of a request: its copies are absorbed from now on. An INVITE that is not answered within 200 ms
    /// gets a 100 (§17.2.1).
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn accept(&mut self, now: Instant, incoming: &Incoming) -> Result<TxId, AcceptError> {
        if let Some(existing) = self.by_key.get(&incoming.key) {
            return Err(AcceptError::Duplicate(*existing));
        }
        let transport = incoming.flow.protocol.reliability();
        let machine = if incoming.message.method() == Some(&Method::Invite) {
            // No To tag: a 100 creates no dialog (§8.2.6.2).
            let trying = Builder::response_to(&incoming.message, 100, "").finish();
            Machine::InviteServer(InviteServer::new(now, trying, transport))
        } else {
            Machine::Server(NonInviteServer::new(now, transport))
        };
        let part = Part::Server { origin: incoming.origin, cancelled: false, acknowledged: false };
        let (flow, fallback) = incoming.reply;
        let id = self.table.insert(Entry::new(incoming.key, machine, part, flow, fallback));
        self.by_key.insert(incoming.key, id);
        if let Some(origin) = incoming.origin {
            self.by_origin.insert(origin, id);
        }
        self.table.schedule(id);
        Ok(id)
    }

    /// The beginning of a response: Via, From, To with its tag, Call-ID, CSeq, Server.
    #[must_use]
    pub fn response(&self, incoming: &Incoming, status: u16, reason: &str) -> Builder {
        self.answer(&incoming.message, incoming.local_tag, status, reason)
    }

    /// Answers without a transaction; copies of the request come up again and want the same answer. For challenges and
    /// refusals. The ACK of a failure is swallowed.
    pub fn reply(&mut self, incoming: &Incoming, response: Bytes) {
        self.send(incoming.reply, response);
    }

    /// Answers a request of a transaction. A final response to an INVITE is repeated until its ACK; on
    /// [`Command::Timeout`](super::Command::Timeout) of a 2xx the dialog should be ended with a BYE (§13.3.1.4).
    ///
    /// # Errors
    /// [`RespondError`]; nothing has been sent then.
    pub fn respond(&mut self, now: Instant, tx: TxId, response: Bytes) -> Result<(), RespondError> {
        let status = status_of(&response).ok_or(RespondError::NotAResponse)?;
        let entry = self.table.get_mut(tx).ok_or(RespondError::Unknown)?;
        match &mut entry.machine {
            Machine::InviteServer(machine) => {
                let input = match status {
                    100..=199 => InviteServerInput::Provisional(response),
                    200..=299 => InviteServerInput::Success(response),
                    _ => InviteServerInput::Failure(response),
                };
                machine.handle(now, input)?;
            }
            Machine::Server(machine) => {
                let input = match status {
                    100..=199 => NonInviteServerInput::Provisional(response),
                    // It is kept for 32 s: in a buffer of its length instead of the larger one it was built in.
                    _ => NonInviteServerInput::Final(Bytes::copy_from_slice(&response)),
                };
                machine.handle(now, input)?;
            }
            Machine::InviteClient(_) | Machine::Client(_) => return Err(RespondError::Unknown),
        }
        self.drive(tx, None);
        Ok(())
    }

    pub(super) fn answer(
        &self,
        request: &crate::sip::wire::Message,
        tag: LocalTag,
        status: u16,
        reason: &str,
    ) -> Builder {
        let builder = Builder::response_to(request, status, reason);
        let builder = if status == 100 { builder } else { builder.to_tag(&tag.to_string()) };
        self.software(builder, Name::Server)
    }
}

/// The code of a status line.
fn status_of(response: &[u8]) -> Option<u16> {
    let digits = response.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| (100..700).contains(status))
}
