//! Requests inside a dialog: BYE, re-INVITE, UPDATE, INFO, REFER.

use std::time::Instant;

use dialplane_core::id::CallId;

use super::call_entry::{Place, Purpose};
use super::run::Edge;
use super::sip_text;
use crate::call::{Input, LegId};
use crate::sip::endpoint::Incoming;
use crate::sip::flow::TxId;
use crate::sip::wire::{Method, Name};

impl Edge {
    pub(super) fn in_dialog(&mut self, now: Instant, incoming: Incoming, method: &Method) {
        if *method == Method::Ack {
            return;
        }
        let Some((call, leg)) = self.dialog_of(&incoming.message) else { return self.refuse(&incoming, 481) };
        let entry = self.calls.get_mut(&call).and_then(|entry| entry.leg_mut(leg));
        let Some(dialog) = entry.and_then(|entry| entry.dialog.as_mut()) else { return self.refuse(&incoming, 481) };
        if let Err(error) = dialog.receive_request(&incoming.message) {
            return self.refuse(&incoming, error.status());
        }
        match method {
            Method::Bye => self.bye(now, &incoming, call, leg),
            Method::Invite | Method::Update => self.reoffer(now, incoming, call, leg, method),
            Method::Info => {
                let digit = sip_text::digit(incoming.message.body());
                self.answer(now, &incoming, 200);
                if let Some(digit) = digit {
                    self.feed(now, call, Input::Digit { leg, digit });
                }
            }
            Method::Refer => self.refer(now, incoming, call, leg),
            _ => self.refuse(&incoming, 405),
        }
    }

    /// Answers a request other than INVITE with a transaction, so that its copies get the same answer.
    pub(super) fn answer(&mut self, now: Instant, incoming: &Incoming, status: u16) {
        let Ok(tx) = self.endpoint.accept(now, incoming) else { return };
        let response = self.endpoint.response(incoming, status, "").finish();
        self.respond(now, tx, response);
    }

    pub(super) fn respond(&mut self, now: Instant, tx: TxId, response: bytes::Bytes) {
        if let Err(error) = self.endpoint.respond(now, tx, response) {
            tracing::debug!(%error, "a response was not sent");
        }
    }

    fn bye(&mut self, now: Instant, incoming: &Incoming, call: CallId, leg: LegId) {
        self.answer(now, incoming, 200);
        let q850 = incoming.message.header_values(Name::Reason).find_map(sip_text::q850);
        // A caller who hangs up before the answer by BYE instead of CANCEL is owed the answer to the INVITE as well (§15.1.2).
        self.leg_over(now, call, leg, None);
        self.feed(now, call, Input::HungUp { leg, q850 });
    }

    fn reoffer(&mut self, now: Instant, incoming: Incoming, call: CallId, leg: LegId, method: &Method) {
        let Ok(sdp) = Self::description(&incoming.message) else { return self.refuse(&incoming, 400) };
        if *method == Method::Update && sdp.is_none() {
            // It refreshes the target or the session, nothing more (RFC 3311 §5.2).
            return self.answer(now, &incoming, 200);
        }
        let Ok(tx) = self.endpoint.accept(now, &incoming) else { return };
        let pending = self.calls.get_mut(&call).and_then(|entry| entry.leg_mut(leg));
        let Some(pending) = pending.filter(|leg| leg.reoffer.is_none()) else {
            // The peer's own earlier offer is unanswered (RFC 3261 §14.2).
            let refusal = self.endpoint.response(&incoming, 500, "").header(Name::RetryAfter, 2).finish();
            return self.respond(now, tx, refusal);
        };
        pending.reoffer = Some((tx, Box::new(incoming)));
        if *method == Method::Invite {
            self.places.insert(tx, Place { call, leg, purpose: Purpose::PeerReinvite });
        }
        self.feed(now, call, Input::Reoffer { leg, sdp });
    }
}
