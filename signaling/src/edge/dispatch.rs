//! What the endpoint tells, and who deals with it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use dialplane_core::call::HangupCause;

use super::call_entry::Purpose;
use super::run::Edge;
use super::{EdgeError, Order};
use crate::call::Input;
use crate::media::sdp::SessionDescription;
use crate::sip::dialog::DialogId;
use crate::sip::endpoint::{Command, Incoming};
use crate::sip::flow::Transmit;
use crate::sip::registration::Trouble;
use crate::sip::wire::{Message, Method, Name};

use super::sip_text::ALLOW;

/// Seconds after which a refused peer may try again while the edge is full or stopping.
pub(super) const RETRY_AFTER: u32 = 5;

impl Edge {
    pub(super) fn drain_endpoint(&mut self, now: Instant) {
        while let Some(command) = self.endpoint.poll_command() {
            match command {
                Command::Transmit(transmit) => self.transmit(now, transmit),
                Command::Request(incoming) => self.request(now, *incoming),
                Command::Cancel { tx, .. } => {
                    if let Some(place) = self.places.get(&tx).copied() {
                        self.feed(now, place.call, Input::Cancelled { leg: place.leg });
                    }
                }
                Command::Ack { tx, message } => self.acknowledged(now, tx, &message),
                Command::Response { tx, message, .. } if self.registers.contains_key(&tx) => {
                    self.register_answered(now, tx, &message);
                }
                Command::Response { tx, message, .. } => self.response(now, tx, &message),
                Command::Timeout { tx } => {
                    self.register_lost(now, tx, Trouble::Unanswered);
                    self.lost(now, tx, 408);
                }
                Command::TransportError { tx } => {
                    self.register_lost(now, tx, Trouble::Unreachable);
                    self.lost(now, tx, 503);
                }
            }
        }
    }

    fn transmit(&mut self, now: Instant, transmit: Transmit) {
        let tx = transmit.tx;
        if let Err(error) = self.sockets.send(transmit) {
            tracing::debug!(%error, "a message was not sent");
            if let Some(tx) = tx {
                self.endpoint.transport_failed(now, tx);
            }
        }
    }

    fn request(&mut self, now: Instant, incoming: Incoming) {
        let method = incoming.message.method().cloned();
        let in_dialog = incoming.message.to().ok().and_then(|to| to.tag()).is_some();
        match method {
            Some(Method::Register) => self.register(now, &incoming),
            // Out of a dialog or in one, the answer says that we are here (RFC 3261 §11.2).
            Some(Method::Options) => {
                let ok = self.endpoint.response(&incoming, 200, "").header(Name::Allow, ALLOW);
                self.endpoint.reply(&incoming, ok.header(Name::Accept, "application/sdp").finish());
            }
            Some(method) if in_dialog => self.in_dialog(now, incoming, &method),
            Some(Method::Invite) => self.new_call(now, incoming),
            // A stray ACK is not answered.
            Some(Method::Ack) | None => {}
            Some(Method::Bye | Method::Info | Method::Update) => self.refuse(&incoming, 481),
            // Calls are transferred by those who talk in them.
            Some(Method::Refer) => self.refuse(&incoming, 403),
            Some(_) => self.refuse(&incoming, 405),
        }
    }

    /// Answers without state, with the header that the status asks for.
    pub(super) fn refuse(&mut self, incoming: &Incoming, status: u16) {
        let response = self.endpoint.response(incoming, status, "");
        let response = match status {
            405 => response.header(Name::Allow, ALLOW),
            503 => response.header(Name::RetryAfter, RETRY_AFTER),
            _ => response,
        };
        self.endpoint.reply(incoming, response.finish());
    }

    /// Asks for a password, or for a better one.
    pub(super) fn challenge(&mut self, incoming: &Incoming, value: &str, failed: bool) {
        if failed {
            self.gauges.auth_failures_total.fetch_add(1, Ordering::Relaxed);
        }
        let response = self.endpoint.response(incoming, 401, "").header(Name::WwwAuthenticate, value);
        self.endpoint.reply(incoming, response.finish());
    }

    pub(super) fn obey(&mut self, now: Instant, order: Order) {
        // Whoever asked may have gone; then nobody wants the answer.
        match order {
            Order::Originate(origination, reply) => {
                let result = self.originate(now, origination);
                reply.send(result).ok();
            }
            Order::HangUp(company, call, reply) => {
                let known = self.calls.get(&call).is_some_and(|entry| entry.company == company);
                if known {
                    self.feed(now, call, Input::EndAll { cause: HangupCause::AdminHangup });
                }
                reply.send(if known { Ok(()) } else { Err(EdgeError::NoSuchCall) }).ok();
            }
            Order::Replace(directory, reply) => {
                self.replace(now, directory);
                reply.send(()).ok();
            }
            Order::IsOnline(user, reply) => {
                reply.send(self.is_online(now, user)).ok();
            }
            Order::Registrations(reply) => {
                reply.send(self.registrations(now)).ok();
            }
            Order::Queues(company, order) => self.obey_queues(now, company, order),
            Order::Admitted(call, result) => self.admitted(now, call, result),
            Order::TransferAdmitted(call, result) => self.transfer_admitted(now, call, result),
            Order::Claimed(answers) => self.claims_answered(now, answers),
            Order::Flow(call, input) => self.feed_flow(now, call, input),
            Order::Sounds { call, play, segments, repeat } => self.sounds_ready(now, call, play, segments, repeat),
            Order::CallBack { callback, call, chosen, grant } => {
                self.callback_begun(now, callback, call, chosen, grant);
            }
            Order::Comfort(call, segments) => self.comfort_ready(call, segments),
            Order::Preferred { call, question, agent } => self.preferred(now, call, question, agent),
            Order::Calibration(company, reply) => {
                reply.send(self.calibration(company)).ok();
            }
            Order::Stop(grace) => {
                self.stopping = Some(now + grace);
                self.end_accounts(now);
            }
        }
    }

    /// The session description of a message, when it has one that can be read.
    pub(super) fn description(message: &Message) -> Result<Option<SessionDescription>, ()> {
        if message.body().is_empty() {
            return Ok(None);
        }
        match message.content_type() {
            Some(Ok(kind)) if !kind.is("application", "sdp") => Ok(None),
            _ => SessionDescription::parse(message.body()).map(Some).map_err(|error| {
                tracing::debug!(%error, "an unreadable session description");
            }),
        }
    }

    /// Which leg the dialog of a request is.
    pub(super) fn dialog_of(&self, request: &Message) -> Option<(dialplane_core::id::CallId, crate::call::LegId)> {
        self.dialogs.get(&DialogId::of_request(request)?).copied()
    }

    /// A transaction got no answer, or could not be sent.
    fn lost(&mut self, now: Instant, tx: crate::sip::flow::TxId, status: u16) {
        let Some(place) = self.places.remove(&tx) else { return };
        let leg = place.leg;
        match place.purpose {
            Purpose::Invite | Purpose::PeerReinvite | Purpose::Info => {
                // An answer of ours that nobody confirmed: the dialog is there, and ends with a BYE (RFC 3261 §13.3.1.4).
                self.hang_up_unconfirmed(now, place.call, leg);
                self.leg_over(now, place.call, leg, Some(status));
                self.feed(now, place.call, Input::Failed { leg, status });
            }
            Purpose::Reinvite { .. } => self.feed(now, place.call, Input::ReofferFailed { leg, status }),
            Purpose::Bye | Purpose::Notify => {}
        }
    }
}
