//! What comes from the network.

use super::client::to_tag;
use super::key::{LocalTag, Names};
use super::table::{Entry, Machine, Part};
use super::{Command, Endpoint, Incoming, route};
use crate::sip::flow::{Flow, TxId};
use crate::sip::transaction::{
    InviteClientInput, InviteClientState, InviteServerInput, InviteServerState, NonInviteClientInput,
    NonInviteServerInput,
};
use crate::sip::validate::{self, Rejection};
use crate::sip::wire::{HeaderError, Message, Method, Name};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Instant;

/// Forks of one INVITE whose 2xx are told apart; a 2xx of one more is dropped.
const FORKS_MAX: usize = 16;

impl Endpoint {
    /// Takes one message from the network.
    pub fn receive(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        match Message::parse(bytes, &self.config.limits) {
            Ok(message) if message.is_request() => self.receive_request(now, flow, message.from_source(flow.remote)),
            Ok(message) => self.receive_response(now, flow, &message),
            Err(error) => {
                self.stats.unparsable += 1;
                tracing::debug!(%error, "dropped what is no message");
            }
        }
    }

    fn receive_request(&mut self, now: Instant, flow: Flow, message: Message) {
        let names = match Names::read(&message) {
            Ok(names) => names,
            Err(error) => {
                self.reject_unnamed(flow, &message, error);
                return;
            }
        };
        match message.method() {
            Some(Method::Ack) => return self.receive_ack(now, &message, &names),
            Some(Method::Cancel) => return self.receive_cancel(flow, &message, &names),
            Some(_) => {}
            None => return,
        }
        let Some(method) = message.method() else { return };
        let key = self.keys.server(&message, &names, method);
        if let Some(id) = self.by_key.get(&key).copied() {
            self.stats.retransmissions += 1;
            return self.retransmitted(now, id);
        }
        let reply = route::of_response(&names.via, flow);
        let local_tag = self.keys.local_tag(&names);
        if let Err(rejection) = validate::request_with(&message, &self.config.policy) {
            return self.reject(reply, &message, &rejection, Some(local_tag));
        }
        let in_dialog = names.to.tag().is_some();
        let origin = (*method == Method::Invite).then(|| self.keys.origin(&names));
        if origin.is_some_and(|origin| !in_dialog && self.by_origin.contains_key(&origin)) {
            // §8.2.2.2: the same INVITE along another path.
            let response = self.answer(&message, local_tag, 482, "").finish();
            return self.send(reply, response);
        }
        if !in_dialog && self.table.len() >= self.config.max_transactions {
            self.stats.shed += 1;
            let spread = self.keys.tag(names.call_id) % u64::from(self.config.retry_after_max.max(1));
            let response = self.answer(&message, local_tag, 503, "").header(Name::RetryAfter, 1 + spread).finish();
            return self.send(reply, response);
        }
        let incoming = Incoming { message, flow, local_tag, reply, key, origin };
        self.commands.push_back(Command::Request(Box::new(incoming)));
    }

    /// A request that cannot be told from others has no transaction. It is answered when it says where it came from.
    fn reject_unnamed(&mut self, flow: Flow, message: &Message, error: HeaderError) {
        let Ok(via) = message.via() else {
            self.stats.unparsable += 1;
            return;
        };
        if message.method() == Some(&Method::Ack) {
            self.stats.invalid += 1;
            return;
        }
        let reply = route::of_response(&via, flow);
        let rejection = validate::request_with(message, &self.config.policy).err();
        self.reject(reply, message, &rejection.unwrap_or_else(|| error.into()), None);
    }

    /// Answers a request that is not valid, without state.
    fn reject(
        &mut self,
        reply: (Flow, Option<SocketAddr>),
        message: &Message,
        rejection: &Rejection,
        tag: Option<LocalTag>,
    ) {
        self.stats.invalid += 1;
        let mut response = rejection.response(message);
        if let Some(tag) = tag {
            response = response.to_tag(&tag.to_string());
        }
        self.send(reply, self.software(response, Name::Server).finish());
    }

    fn retransmitted(&mut self, now: Instant, id: TxId) {
        let Some(entry) = self.table.get_mut(id) else { return };
        // Only answers of the user can be refused by the state of a server.
        match &mut entry.machine {
            Machine::InviteServer(machine) => {
                machine.handle(now, InviteServerInput::Retransmission).ok();
            }
            Machine::Server(machine) => {
                machine.handle(now, NonInviteServerInput::Retransmission).ok();
            }
            Machine::InviteClient(_) | Machine::Client(_) => {}
        }
        self.drive(id, None);
    }

    fn receive_ack(&mut self, now: Instant, message: &Message, names: &Names<'_>) {
        if validate::request_with(message, &self.config.policy).is_err() {
            self.stats.invalid += 1;
            return;
        }
        let key = self.keys.server(message, names, &Method::Invite);
        let by_branch = self.by_key.get(&key).copied();
        let id = by_branch.or_else(|| self.by_origin.get(&self.keys.origin(names)).copied());
        let Some(id) = id else {
            // Of an answer without state, or long after its transaction.
            self.stats.stray += 1;
            return;
        };
        let Some(Entry { machine: Machine::InviteServer(machine), part, .. }) = self.table.get_mut(id) else { return };
        match machine.state() {
            InviteServerState::Accepted => {
                let Part::Server { acknowledged, .. } = part else { return };
                if !std::mem::replace(acknowledged, true) {
                    machine.handle(now, InviteServerInput::AckOfSuccess).ok();
                    self.commands.push_back(Command::Ack { tx: id, message: message.clone() });
                }
            }
            // An ACK with another branch is not that of a failure (§17.1.1.3).
            _ if by_branch.is_some() => {
                machine.handle(now, InviteServerInput::Ack).ok();
            }
            _ => self.stats.stray += 1,
        }
        self.drive(id, None);
    }

    fn receive_cancel(&mut self, flow: Flow, message: &Message, names: &Names<'_>) {
        let reply = route::of_response(&names.via, flow);
        let local_tag = self.keys.local_tag(names);
        if let Err(rejection) = validate::request_with(message, &self.config.policy) {
            return self.reject(reply, message, &rejection, Some(local_tag));
        }
        let key = self.keys.server(message, names, &Method::Invite);
        let mut status = 481;
        if let Some(id) = self.by_key.get(&key).copied()
            && let Some(Entry { machine: Machine::InviteServer(machine), part, .. }) = self.table.get_mut(id)
        {
            status = 200;
            if let Part::Server { cancelled, .. } = part
                && machine.state() == InviteServerState::Proceeding
                && !std::mem::replace(cancelled, true)
            {
                self.commands.push_back(Command::Cancel { tx: id, message: message.clone() });
            }
        }
        // The answer to a CANCEL depends on nothing that changes, so its copies need no transaction to get the same one.
        let response = self.answer(message, local_tag, status, "").finish();
        self.send(reply, response);
    }

    fn receive_response(&mut self, now: Instant, flow: Flow, message: &Message) {
        if let Err(error) = validate::response(message) {
            self.stats.unparsable += 1;
            tracing::debug!(%error, "dropped a response");
            return;
        }
        let (Ok(via), Ok(cseq), Some(status)) = (message.via(), message.cseq(), message.status()) else { return };
        let key = via.unique_branch().map(|branch| self.keys.client(branch, &cseq.method));
        let Some(id) = key.and_then(|key| self.by_key.get(&key).copied()) else {
            self.stats.stray += 1;
            return;
        };
        match self.table.get_mut(id).map(|entry| &mut entry.machine) {
            Some(Machine::Client(machine)) => {
                let provisional = status < 200;
                let input = if provisional { NonInviteClientInput::Provisional } else { NonInviteClientInput::Final };
                machine.handle(now, input);
                self.drive(id, Some((message, flow)));
            }
            Some(Machine::InviteClient(_)) => match status {
                100..=199 => self.provisional_to_invite(now, id, message, flow),
                200..=299 => self.success_of_invite(now, id, message, flow),
                _ => self.failure_of_invite(now, id, message, flow),
            },
            _ => self.stats.stray += 1,
        }
    }

    fn provisional_to_invite(&mut self, now: Instant, id: TxId, message: &Message, flow: Flow) {
        if let Some(Entry { machine: Machine::InviteClient(machine), .. }) = self.table.get_mut(id) {
            machine.handle(now, InviteClientInput::Provisional);
        }
        self.drive(id, Some((message, flow)));
        self.send_cancel(now, id);
    }

    /// Each fork's 2xx is told once; its copies get the ACK again (§13.2.2.4).
    fn success_of_invite(&mut self, now: Instant, id: TxId, message: &Message, flow: Flow) {
        let tag = self.keys.tag(to_tag(message));
        let Some(Entry { machine: Machine::InviteClient(machine), part, .. }) = self.table.get_mut(id) else { return };
        let Part::Client { request, acks, .. } = part else { return };
        if machine.state() == InviteClientState::Completed {
            // A fork was answered after another's failure had ended the call; a proxy must not forward both (§16.7).
            self.stats.stray += 1;
            return;
        }
        if let Some((_, ack)) = acks.iter().find(|(known, _)| *known == tag) {
            let ack = ack.clone();
            self.commands.extend(ack.map(Command::Transmit));
            return;
        }
        if acks.len() >= FORKS_MAX {
            self.stats.stray += 1;
            return;
        }
        acks.push((tag, None));
        *request = None;
        machine.handle(now, InviteClientInput::Success);
        self.drive(id, Some((message, flow)));
    }

    fn failure_of_invite(&mut self, now: Instant, id: TxId, message: &Message, flow: Flow) {
        let Some(Entry { part: Part::Client { request, .. }, .. }) = self.table.get_mut(id) else { return };
        // Only the first failure finds the request; its copies get the ACK that the machine keeps.
        let request = request.take();
        let ack = request.map(|request| self.ack_of_failure(&request, message)).unwrap_or_default();
        if let Some(Entry { machine: Machine::InviteClient(machine), .. }) = self.table.get_mut(id) {
            machine.handle(now, InviteClientInput::Failure(ack));
        }
        self.drive(id, Some((message, flow)));
    }
}
