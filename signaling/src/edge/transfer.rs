//! Blind transfers (RFC 5589 §6): an agent's phone sends REFER, and the other party is connected with whom it names.
//!
//! The phone that transfers stays in the call until somebody has answered, and keeps it when nobody does. One that hangs up before is
//! not missed. How it goes is told by NOTIFY (RFC 3515 §2.4), unless the phone wants no news (RFC 4488).

use std::sync::Arc;
use std::time::Instant;

use dialplane_core::call::{Change, HangupCause, TransferTarget};
use dialplane_core::id::{CallId, CompanyId, QueueId, UserId};
use dialplane_core::phone::InboundTarget;

use super::call_entry::{CallEntry, LegEntry, Plan, Purpose, Target};
use super::desk::Desk;
use super::directory::ExtensionEntry;
use super::inbound::number_of;
use super::run::Edge;
use super::{Order, OutboundGrant};
use crate::call::{Input, LegId, Offer, Side};
use crate::sip::endpoint::Incoming;
use crate::sip::flow::TxId;
use crate::sip::wire::{Method, Name, Uri, reason_phrase};

/// Seconds that a phone may count on news: longer than anybody is rung.
const NEWS_SECONDS: u32 = 180;

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Who transfers.
    leg: LegId,
    /// The attempt that rings for it.
    key: Option<u64>,
    to: TransferTarget,
    /// The Event header of the news; `None` when none are wanted.
    news: Option<String>,
    /// The REFER, until it is answered.
    request: Option<(TxId, Box<Incoming>)>,
    /// Whether whoever transfers is gone already.
    left: bool,
}

/// Where a REFER leads.
enum Destination {
    Line(Arc<ExtensionEntry>),
    Agent(UserId),
    Queue(QueueId),
    Outside(String),
}

impl Edge {
    /// A REFER in the dialog of a leg.
    pub(super) fn refer(&mut self, now: Instant, incoming: Incoming, id: CallId, leg: LegId) {
        let Some(mut entry) = self.calls.remove(&id) else { return self.refuse(&incoming, 481) };
        match self.destination_of(&entry, leg, &incoming) {
            Ok(destination) => self.begin_transfer(now, id, &mut entry, leg, incoming, destination),
            Err(status) => self.answer(now, &incoming, status),
        }
        self.drive(now, id, entry);
    }

    /// Whom a REFER names, or the status that refuses it.
    fn destination_of(&self, entry: &CallEntry, leg: LegId, incoming: &Incoming) -> Result<Destination, u16> {
        // A carrier has no business with whom its customer talks. Nor has who has only overheard the dialog: a transfer may cost money.
        let own = |leg: &LegEntry| leg.agent.is_some() && leg.flow.remote.ip() == incoming.flow.remote.ip();
        if !entry.leg(leg).is_some_and(own) {
            return Err(403);
        }
        let refer = &incoming.message;
        // Exactly one (RFC 3515 §2.4.1).
        let named =
            refer.addresses(Name::ReferTo).next().and_then(Result::ok).filter(|_| refer.count(Name::ReferTo) == 1);
        let uri = named.ok_or(400u16)?.uri;
        let other_method = uri.params.get("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE"));
        // A transfer to a call that exists (RFC 3891) is not built.
        if other_method || uri.headers.to_ascii_lowercase().contains("replaces=") {
            return Err(501);
        }
        let destination = self.find(entry.company, &uri).ok_or(400u16)?;
        if entry.transfer.is_some() || !entry.machine.is_connected() {
            return Err(491);
        }
        Ok(destination)
    }

    fn find(&self, company: CompanyId, uri: &Uri<'_>) -> Option<Destination> {
        let user = number_of(uri)?;
        let directory = &self.directory;
        let named = directory.by_username(&user).filter(|line| line.company == company);
        if let Some(line) = directory.by_number(company, &user).or(named) {
            return Some(Destination::Line(line.clone()));
        }
        let own = |id: &UserId| directory.agent(*id).is_some_and(|agent| agent.company == company);
        let address = uri.host.map(|host| format!("{user}@{host}"));
        let by_address =
            || [Some(user.clone()), address].iter().flatten().find_map(|a| directory.agent_called(company, a));
        if let Some(agent) = user.parse().ok().filter(own).or_else(by_address) {
            return Some(Destination::Agent(agent));
        }
        if let Some(queue) = directory.queue_named(company, &user) {
            return Some(Destination::Queue(queue));
        }
        let own_number = directory.own_number(company, &user);
        Some(match own_number {
            Some(InboundTarget::Queue(queue)) => Destination::Queue(queue),
            Some(InboundTarget::Agent(agent)) => Destination::Agent(agent),
            Some(InboundTarget::Extension(id)) => Destination::Line(directory.by_id(id)?.clone()),
            // A flow begins with a call of its own: it is called like any number.
            Some(InboundTarget::Flow(_)) | None => Destination::Outside(user),
        })
    }

    fn begin_transfer(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        leg: LegId,
        incoming: Incoming,
        destination: Destination,
    ) {
        let Ok(tx) = self.endpoint.accept(now, &incoming) else { return };
        let Some(agent) = entry.leg(leg).and_then(|leg| leg.agent) else { return };
        let quiet = incoming.message.header(Name::Other("Refer-Sub")).is_some_and(is_false);
        // Later ones in the same dialog are told apart by the number of their REFER (RFC 3515 §2.4.6).
        let number = incoming.message.cseq().map_or(0, |cseq| cseq.number);
        let event = if entry.transfers == 0 { "refer".to_owned() } else { format!("refer;id={number}") };
        entry.transfers += 1;
        let to = match &destination {
            Destination::Line(line) => TransferTarget::Agent { agent: line.user },
            Destination::Agent(agent) => TransferTarget::Agent { agent: *agent },
            Destination::Queue(queue) => TransferTarget::Queue { queue: *queue },
            Destination::Outside(number) => TransferTarget::Number { number: number.clone() },
        };
        let request = Some((tx, Box::new(incoming)));
        entry.transfer = Some(Transfer { leg, key: None, to, news: (!quiet).then_some(event), request, left: false });
        match destination {
            Destination::Line(line) => {
                self.accept_refer(now, id, entry);
                self.ring_for_transfer(now, id, entry, self.offer_to_line(&line), Some(line.user));
            }
            Destination::Agent(agent) => {
                self.accept_refer(now, id, entry);
                self.ring_for_transfer(now, id, entry, self.offer_to_agent(agent), Some(agent));
            }
            Destination::Queue(queue) => {
                self.accept_refer(now, id, entry);
                self.transfer_to_queue(now, id, entry, leg, queue);
            }
            // Accepted once it is counted: a phone may hang up as soon as it is, and the call would be over.
            Destination::Outside(number) => {
                let (host, company) = (self.surroundings.host.clone(), entry.company);
                let admission =
                    async move { Order::TransferAdmitted(id, host.admit_transfer(company, agent, number).await) };
                self.ask(admission);
            }
        }
    }

    /// The host has said whether an agent may transfer to a number outside.
    pub(super) fn transfer_admitted(&mut self, now: Instant, id: CallId, result: Result<OutboundGrant, HangupCause>) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        self.accept_refer(now, id, &mut entry);
        match result {
            Ok(grant) => {
                let offer = self.offer_to_carrier(&mut entry, &grant);
                if let Some(transfer) = &mut entry.transfer {
                    transfer.to = TransferTarget::Number { number: grant.destination.as_str().to_owned() };
                }
                self.ring_for_transfer(now, id, &mut entry, offer, None);
            }
            Err(cause) => self.transfer_failed(now, id, &mut entry, cause, None),
        }
        self.drive(now, id, entry);
    }

    /// Says that the transfer is under way.
    fn accept_refer(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let Some(transfer) = &mut entry.transfer else { return };
        let (Some((tx, incoming)), quiet) = (transfer.request.take(), transfer.news.is_none()) else { return };
        let mut response =
            self.endpoint.response(&incoming, 202, "").header(Name::Contact, self.contact(&incoming.flow));
        if quiet {
            response = response.header(Name::Other("Refer-Sub"), false);
        }
        self.respond(now, tx, response.finish());
        self.tell_transferor(now, id, entry, 100);
    }

    fn ring_for_transfer(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        offer: Option<Offer<Target>>,
        agent: Option<UserId>,
    ) {
        let Some(leg) = entry.transfer.as_ref().map(|transfer| transfer.leg) else { return };
        let Some(offer) = offer else {
            return self.transfer_failed(now, id, entry, HangupCause::SubscriberAbsent, None);
        };
        let key = entry.key(agent);
        if let Some(transfer) = &mut entry.transfer {
            transfer.key = Some(key);
        }
        // Whoever answers is shown the party that stays.
        if entry.machine.side_of(leg) == Some(Side::A) {
            entry.caller.clone_from(&entry.called);
        }
        if let Some(agent) = agent {
            self.engage(now, entry, agent);
        }
        if let Err(error) = entry.machine.handle(now, Input::Transfer { leg, offer: Offer { key, ..offer } }) {
            tracing::debug!(%error, "a transfer that came too late");
            if let Some(agent) = agent {
                self.disengage(now, entry, agent);
            }
            return self.transfer_failed(now, id, entry, HangupCause::TemporaryFailure, None);
        }
        self.follow_hold(entry);
    }

    /// The other party waits in a queue from now on. What a flow began is over.
    fn transfer_to_queue(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, queue: QueueId) {
        self.tell_transferor(now, id, entry, 200);
        entry.tell_flow(now, dialplane_ivr::machine::Input::HungUp);
        while self.drain_flow(now, id, entry) {}
        Self::tell(entry, now, Input::KeepCaller(false));
        self.leave_to_others(now, id, entry);
        entry.transfer = None;
        Self::tell(entry, now, Input::Release { leg });
        let steps = self.directory.queue(queue).map(|queue| queue.settings.waiting.overflow.clone());
        entry.plan = Plan::Queue(Box::new(Desk::of_transferred(now, queue, &steps.unwrap_or_default())));
        self.route(now, id, entry);
        self.follow_hold(entry);
    }

    /// Somebody has answered who takes the place of whoever transferred.
    pub(super) fn transferred(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        self.tell_transferor(now, id, entry, 200);
        self.leave_to_others(now, id, entry);
        entry.transfer = None;
    }

    /// Whoever transfers has hung up before anybody has answered.
    pub(super) fn transferor_left(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        self.leave_to_others(now, id, entry);
        if let Some(transfer) = &mut entry.transfer {
            transfer.left = true;
        }
        self.follow_hold(entry);
    }

    /// Logs the transfer, and lets the agent go: to the work after the call when it came from a queue.
    fn leave_to_others(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let Some(Transfer { leg, to, .. }) = &entry.transfer else { return };
        let (leg, to) = (*leg, to.clone());
        let agent = entry.leg(leg).and_then(|leg| leg.agent);
        let stays = agent.is_some_and(|agent| to == TransferTarget::Agent { agent });
        self.report(now, id, entry, Change::Transferred { leg: leg.0, agent, to });
        self.tell_over(now, id, entry);
        if let Some(agent) = agent {
            entry.release(agent);
        }
        if let Some(agent) = agent.filter(|_| !stays) {
            self.disengage(now, entry, agent);
        }
    }

    /// Whether an attempt rings for a transfer.
    pub(super) fn is_transfer(entry: &CallEntry, key: u64) -> bool {
        entry.transfer.as_ref().is_some_and(|transfer| transfer.key == Some(key))
    }

    /// Nobody took the call: whoever transferred has it again, and when they are gone, it ends.
    pub(super) fn transfer_failed(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        cause: HangupCause,
        status: Option<u16>,
    ) {
        self.tell_transferor(now, id, entry, status.unwrap_or(cause.sip_status()));
        let Some(transfer) = entry.transfer.take() else { return };
        if transfer.left {
            entry.refused = status.or(entry.refused);
            Self::tell(entry, now, Input::NoRoute { cause });
        }
        self.follow_hold(entry);
    }

    /// The call is over: a REFER that waits gets its answer.
    pub(super) fn end_transfer(&mut self, now: Instant, entry: &mut CallEntry) {
        if let Some((tx, incoming)) = entry.transfer.take().and_then(|transfer| transfer.request) {
            let gone = self.endpoint.response(&incoming, 481, "").finish();
            self.respond(now, tx, gone);
        }
    }

    /// Tells the phone how it stands (RFC 3515 §2.4.5); a final status is the last word.
    fn tell_transferor(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, status: u16) {
        let Some(Transfer { leg, news: Some(event), left: false, .. }) = &entry.transfer else { return };
        let (leg, event) = (*leg, event.clone());
        let Some(contact) = entry.leg(leg).filter(|leg| !leg.over).map(|leg| self.contact(&leg.flow)) else { return };
        let state = match status {
            200.. => "terminated;reason=noresource".to_owned(),
            _ => format!("active;expires={NEWS_SECONDS}"),
        };
        let fragment = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        self.in_dialog_request(now, id, entry, leg, Purpose::Notify, |dialog, via| {
            dialog
                .request(&Method::Notify, via)
                .header(Name::Event, event)
                .header(Name::SubscriptionState, state)
                .header(Name::Contact, contact)
                .body("message/sipfrag;version=2.0", fragment)
        });
    }
}

fn is_false(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("false")
}
