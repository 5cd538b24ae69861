//! Responses to our requests, and ACKs of our answers.

use std::time::Instant;

use dialplane_core::call::Change;
use dialplane_core::id::CallId;

use super::call_entry::{LegEntry, LegSip, Place, Purpose};
use super::run::Edge;
use super::sip_text::{SDP, reason};
use crate::call::{HangupCause, Input, LegId};
use crate::media::sdp::{self, Codec, SessionDescription};
use crate::sip::dialog::Dialog;
use crate::sip::digest::Challenged;
use crate::sip::flow::TxId;
use crate::sip::wire::{Builder, Limits, Message, Method, Name};

/// The name of the codec a description settles on.
pub(super) fn codec_name(description: &SessionDescription) -> Option<&'static str> {
    sdp::codecs(description).into_iter().find_map(|codec| match codec {
        Codec::Pcmu => Some("PCMU"),
        Codec::Pcma => Some("PCMA"),
        Codec::G722 => Some("G722"),
        Codec::TelephoneEvent => None,
    })
}

impl Edge {
    pub(super) fn response(&mut self, now: Instant, tx: TxId, message: &Message) {
        let Some(place) = self.places.get(&tx).copied() else { return };
        let status = message.status().unwrap_or(500);
        let asked = place.purpose == Purpose::Invite && matches!(status, 401 | 407);
        if asked && self.invite_with_proof(now, tx, place, message).is_some() {
            return;
        }
        match (place.purpose, status) {
            (Purpose::Invite, 101..=199) => {
                let sdp = Self::description(message).ok().flatten();
                self.feed(now, place.call, Input::Provisional { leg: place.leg, status, sdp });
            }
            (Purpose::Invite, 200..=299) => self.answered(now, tx, place, message),
            (Purpose::Invite, 300..) => {
                self.places.remove(&tx);
                self.leg_over(now, place.call, place.leg, Some(status));
                self.feed(now, place.call, Input::Failed { leg: place.leg, status });
            }
            (Purpose::Reinvite { cseq }, 200..=299) => {
                self.places.remove(&tx);
                self.reoffer_answered(now, tx, place, cseq, message);
            }
            (Purpose::Reinvite { .. }, 300..) => {
                self.places.remove(&tx);
                self.feed(now, place.call, Input::ReofferFailed { leg: place.leg, status });
            }
            (Purpose::Bye | Purpose::Info | Purpose::Notify, 200..) => {
                self.places.remove(&tx);
                // The peer does not know the dialog any more: it is gone (RFC 3261 §12.2.1.2).
                if place.purpose == Purpose::Info && matches!(status, 408 | 481) {
                    self.leg_over(now, place.call, place.leg, Some(status));
                    self.feed(now, place.call, Input::Failed { leg: place.leg, status });
                }
            }
            _ => {}
        }
    }

    /// Sends an INVITE again with the proof of the account's password that a carrier asks for (RFC 3261 §22.2). Once: a proof that was
    /// not taken is not repeated. `None` when there is no such proof.
    fn invite_with_proof(&mut self, now: Instant, tx: TxId, place: Place, refusal: &Message) -> Option<()> {
        let cnonce = self.surroundings.ids.token::<8>();
        let leg = self.calls.get_mut(&place.call)?.leg_mut(place.leg)?;
        let trunk = leg.account.take()?;
        let LegSip::Uac { invite, .. } = &leg.state else { return None };
        let uri = invite.request_uri().ok()?.as_str().to_owned();
        let proof = Challenged::of(refusal, trunk.account()?)?.prove(
            trunk.account()?,
            &Method::Invite,
            &uri,
            invite.body(),
            &cnonce,
        );
        let (name, value) = proof?;
        let number = invite.cseq().ok()?.number + 1;
        let flow = leg.flow;
        let mut request = Builder::request(&Method::Invite, &uri).header(Name::Via, self.endpoint.via(&flow));
        for (name, value) in invite.headers() {
            if !matches!(name, Name::Via | Name::CSeq | Name::ContentType | Name::ContentLength) {
                request = request.header(name, value);
            }
        }
        let request = request
            .header(Name::CSeq, format_args!("{number} INVITE"))
            .header(name, value)
            .body(SDP, invite.body())
            .finish();
        let invite = Box::new(Message::parse(request.clone(), &Limits::default()).ok()?);
        let again = self.endpoint.send_request(now, request, flow).ok()?;
        leg.state = LegSip::Uac { tx: again, invite };
        self.places.remove(&tx);
        self.places.insert(again, place);
        Some(())
    }

    fn answered(&mut self, now: Instant, tx: TxId, place: Place, message: &Message) {
        let Some(mut entry) = self.calls.remove(&place.call) else { return };
        let Some(leg) = entry.leg_mut(place.leg) else {
            self.calls.insert(place.call, entry);
            return;
        };
        let LegSip::Uac { invite, .. } = &leg.state else {
            self.calls.insert(place.call, entry);
            return;
        };
        let dialog = Dialog::uac(invite, message);
        let input = match dialog {
            Ok(dialog) => {
                let first = leg.dialog.is_none();
                let cseq = dialog.local_cseq();
                let flow = Self::way(leg, &dialog, self.local);
                let ack = dialog.ack(cseq, self.endpoint.via(&flow)).finish();
                self.endpoint.acknowledge(tx, message, &ack, flow);
                if first {
                    let sdp = Self::description(message).ok().flatten();
                    leg.codec = sdp.as_ref().and_then(codec_name);
                    self.dialogs.insert(dialog.id().clone(), (place.call, place.leg));
                    leg.dialog = Some(dialog);
                    Some(Input::Answered { leg: place.leg, sdp })
                } else {
                    // Another branch of a forked INVITE was answered too: only one can be talked to (§13.2.2.4).
                    self.hang_up_fork(now, leg, dialog);
                    None
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a 2xx that makes no dialog");
                self.places.remove(&tx);
                Some(Input::Failed { leg: place.leg, status: 502 })
            }
        };
        self.calls.insert(place.call, entry);
        if let Some(input) = input {
            self.feed(now, place.call, input);
        }
    }

    fn hang_up_fork(&mut self, now: Instant, leg: &LegEntry, mut dialog: Dialog) {
        let flow = Self::way(leg, &dialog, self.local);
        let bye = dialog.request(&Method::Bye, self.endpoint.via(&flow));
        let bye = bye.header(Name::Reason, reason(HangupCause::AnsweredElsewhere)).finish();
        if let Err(error) = self.endpoint.send_request(now, bye, flow) {
            tracing::debug!(%error, "a BYE was not sent");
        }
    }

    fn reoffer_answered(&mut self, now: Instant, tx: TxId, place: Place, cseq: u32, message: &Message) {
        let local = self.local;
        let Some(leg) = self.calls.get_mut(&place.call).and_then(|entry| entry.leg_mut(place.leg)) else { return };
        let Some(mut dialog) = leg.dialog.take() else { return };
        dialog.receive_response(message).ok();
        let flow = Self::way(leg, &dialog, local);
        let ack = dialog.ack(cseq, self.endpoint.via(&flow)).finish();
        leg.dialog = Some(dialog);
        self.endpoint.acknowledge(tx, message, &ack, flow);
        let sdp = Self::description(message).ok().flatten();
        self.feed(now, place.call, Input::ReofferAnswered { leg: place.leg, sdp });
    }

    /// The ACK of a 2xx of ours came.
    pub(super) fn acknowledged(&mut self, now: Instant, tx: TxId, message: &Message) {
        let Some(place) = self.places.remove(&tx) else { return };
        let sdp = Self::description(message).ok().flatten();
        self.feed(now, place.call, Input::Acked { leg: place.leg, sdp });
    }

    /// A leg ended: the log is told, and its dialog is forgotten.
    pub(super) fn leg_over(&mut self, now: Instant, call: CallId, leg: LegId, sip_status: Option<u16>) {
        let Some(mut entry) = self.calls.remove(&call) else { return };
        self.end_leg(now, call, &mut entry, leg, sip_status);
        self.calls.insert(call, entry);
    }

    pub(super) fn end_leg(
        &mut self,
        now: Instant,
        call: CallId,
        entry: &mut super::call_entry::CallEntry,
        leg: LegId,
        sip_status: Option<u16>,
    ) {
        let Some(found) = entry.leg_mut(leg).filter(|found| !found.over) else { return };
        found.over = true;
        self.legs -= 1;
        if let Some(dialog) = &found.dialog {
            self.dialogs.remove(dialog.id());
        }
        self.report(now, call, entry, Change::LegEnded { leg: leg.0, sip_status });
    }
}
