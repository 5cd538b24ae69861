//! What the machine of a call wants done, done in SIP.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Instant;

use dialplane_core::call::{Change, HangupCause, LegKind};
use dialplane_core::id::CallId;

use super::call_entry::{CallEntry, LegEntry, LegSip, Place, Plan, Purpose, Target};
use super::dispatch::RETRY_AFTER;
use super::run::Edge;
use super::sip_text::{ALLOW, SDP, reason, uri_user};
use crate::call::{Command, HangupCause as Cause, Input, LegId};
use crate::media::relay::SessionId;
use crate::media::sdp::{LocalMedia, SessionDescription};
use crate::sip::dialog::{Dialog, DialogState};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::wire::{Builder, Method, Name, Uri};

impl Edge {
    /// Gives an input to a call and carries out what follows.
    pub(super) fn feed(&mut self, now: Instant, id: CallId, input: Input<Target>) {
        // Taken out while it is worked on: what it causes elsewhere must not find it half done.
        let Some(mut entry) = self.calls.remove(&id) else { return };
        Self::tell(&mut entry, now, input);
        self.drive(now, id, entry);
    }

    pub(super) fn tell(entry: &mut CallEntry, now: Instant, input: Input<Target>) {
        if let Err(error) = entry.machine.handle(now, input) {
            tracing::debug!(%error, "an input that came too late");
        }
    }

    /// The deadline `at` of a call has come, unless it has moved.
    pub(super) fn call_due(&mut self, now: Instant, id: CallId, at: Instant) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        if entry.due == Some(at) {
            entry.due = None;
            entry.machine.handle_timeout(now);
            self.claims_late(now, id, &mut entry);
            if let Some(run) = entry.flow() {
                run.wake(now);
            }
            self.desk_due(now, id, &mut entry);
        }
        self.drive(now, id, entry);
    }

    pub(super) fn drive(&mut self, now: Instant, id: CallId, mut entry: Box<CallEntry>) {
        loop {
            while let Some(command) = entry.machine.poll_command() {
                self.execute(now, id, &mut entry, command);
            }
            self.begin_desk_voice(&mut entry);
            if !self.drain_flow(now, id, &mut entry) {
                break;
            }
        }
        if entry.machine.is_finished() {
            return self.finish(now, id, entry);
        }
        let flow = entry.flow().and_then(|run| run.due());
        let desk = entry.desk().and_then(|desk| desk.due());
        let due = entry.machine.poll_timeout().into_iter().chain(flow).chain(desk).chain(entry.claims_due()).min();
        if due != entry.due {
            entry.due = due;
            self.deadlines.extend(due.map(|at| Reverse((at, id))));
        }
        self.list_report(now, id, &mut entry);
        self.calls.insert(id, entry);
    }

    fn finish(&mut self, now: Instant, id: CallId, mut entry: Box<CallEntry>) {
        for leg in 0..entry.legs.len() as u32 {
            self.end_leg(now, id, &mut entry, LegId(leg), None);
        }
        entry.held_back = false;
        self.last_report(now, &mut entry);
    }

    fn execute(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, command: Command<Target>) {
        match command {
            Command::MediaOpen => self.open_media(now, id, entry),
            Command::MediaRemote { side, remote } => {
                let Some(session) = entry.media else { return };
                if let Err(error) = self.relay.set_remote(session, side, remote) {
                    tracing::debug!(%error, "media cannot be sent there");
                    Self::tell(entry, now, Input::EndAll { cause: Cause::IncompatibleMedia });
                }
            }
            Command::MediaClose => {
                if let Some(session) = entry.media.take() {
                    self.media.remove(&session);
                    self.relay.close(session);
                }
            }
            Command::Route => self.route(now, id, entry),
            Command::Invite { leg, target, offer } => self.invite(now, id, entry, leg, target, &offer),
            Command::Progress { leg, status, sdp } => self.progress(now, entry, leg, status, sdp.as_ref()),
            Command::Answer { leg, sdp } => {
                self.answer_call(now, entry, leg, &sdp);
                let codec = super::responses::codec_name(&sdp).map(str::to_owned);
                self.report(now, id, entry, Change::Answered { leg: leg.0, codec });
            }
            Command::Reject { leg, status, cause } => self.reject(now, id, entry, leg, status, cause),
            Command::Cancel { leg, cause } => {
                let Some(found) = entry.leg_mut(leg) else { return };
                // Should the carrier ask for a password now, the answer is no: the call is not wanted any more.
                found.account = None;
                if let LegSip::Uac { tx, .. } = found.state {
                    self.endpoint.cancel(now, tx, Some(&reason(cause)));
                }
            }
            Command::Bye { leg, cause } => self.hang_up(now, id, entry, leg, cause),
            Command::Reinvite { leg, sdp } => self.reinvite(now, id, entry, leg, &sdp),
            Command::AnswerReinvite { leg, sdp } => {
                self.answer_reinvite(now, entry, leg, 200, Some(&sdp));
                self.renew_voice(entry);
                self.follow_hold(entry);
            }
            Command::RejectReinvite { leg, status } => self.answer_reinvite(now, entry, leg, status, None),
            Command::SendDigit { leg, digit } => self.send_digit(now, id, entry, leg, digit),
            Command::OfferFailed { key, reason, status } => {
                if reason != crate::call::OfferFailure::Withdrawn {
                    self.offer_failed(now, id, entry, key, reason, status);
                }
            }
            Command::Emit(event) => self.tell_event(now, id, entry, event),
        }
    }

    fn open_media(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let input = match self.relay.open() {
            Ok(session) => {
                entry.media = Some(session.id);
                self.media.insert(session.id, id);
                Input::MediaReady { a: LocalMedia { rtp: session.a }, b: LocalMedia { rtp: session.b } }
            }
            Err(error) => {
                tracing::warn!(%error, "no room for another call's audio");
                Input::MediaFailed
            }
        };
        Self::tell(entry, now, input);
    }

    /// A party that talked has been silent for long, without even the reports that a quiet phone sends: its phone is dead, unless
    /// somebody is on hold.
    pub(super) fn media_silent(&mut self, now: Instant, session: SessionId) {
        if let Some(call) = self.media.get(&session).copied()
            && self.calls.get(&call).is_some_and(|entry| {
                let waits = matches!(&entry.plan, Plan::Queue(desk) if desk.speaks());
                (waits || entry.machine.is_connected()) && !entry.on_hold
            })
        {
            self.feed(now, call, Input::EndAll { cause: HangupCause::MediaTimeout });
        }
    }

    pub(super) fn contact(&self, flow: &Flow) -> String {
        format!("<{}>", self.own_uri(None, flow))
    }

    /// Our own address, as peers on this flow are to call it.
    pub(super) fn own_uri(&self, user: Option<&str>, flow: &Flow) -> String {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = flow.local.port();
        match flow.protocol {
            Protocol::Udp => format!("sip:{user}{}:{port}", self.host),
            other => format!("sip:{user}{}:{port};transport={}", self.host, other.uri_token()),
        }
    }

    /// The way of a request in a dialog. Phones are reached the way they reached us, since what they call their address often
    /// means nothing outside their network; carriers at the place they named.
    pub(super) fn way(leg: &LegEntry, dialog: &Dialog, local: SocketAddr) -> Flow {
        if leg.kind != LegKind::Carrier {
            return leg.flow;
        }
        let hop = Uri::parse(dialog.next_hop());
        let named = hop.and_then(|uri| {
            let protocol = uri.transport().and_then(Protocol::from_token).unwrap_or(Protocol::Udp);
            let ip = uri.host?.ip()?;
            Some((protocol, SocketAddr::new(ip, uri.port.unwrap_or(protocol.default_port()))))
        });
        match named {
            Some((protocol, remote)) if remote != leg.flow.remote && protocol == leg.flow.protocol => {
                Flow::to(protocol, local, remote)
            }
            _ => leg.flow,
        }
    }

    fn invite(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        leg: LegId,
        target: Target,
        offer: &SessionDescription,
    ) {
        let (kind, party, agent, flow) = match &target {
            Target::Phone(phone) => (LegKind::Sip, phone.username.clone(), Some(phone.agent), phone.flow),
            Target::Carrier(carrier) => (LegKind::Carrier, carrier.number.clone(), None, carrier.flow),
        };
        let account = match &target {
            Target::Carrier(carrier) => Some(carrier.trunk.clone()).filter(|trunk| trunk.account().is_some()),
            Target::Phone(_) => None,
        };
        // A flow made up from configuration names the address listened on.
        let flow = Flow { local: self.local, ..flow };
        let request = self.invitation(entry, &target, &flow, offer);
        let sent = self.endpoint.send_request(now, request.clone(), flow);
        let parsed = crate::sip::wire::Message::parse(request, &crate::sip::wire::Limits::default());
        let state = match (sent, parsed) {
            (Ok(tx), Ok(invite)) => {
                self.places.insert(tx, Place { call: id, leg, purpose: Purpose::Invite });
                LegSip::Uac { tx, invite: Box::new(invite) }
            }
            (Err(error), _) => {
                tracing::warn!(%error, "an INVITE was not sent");
                LegSip::Unsent
            }
            (_, Err(error)) => {
                tracing::error!(%error, "an INVITE of ours cannot be read");
                LegSip::Unsent
            }
        };
        let unsent = matches!(state, LegSip::Unsent);
        debug_assert_eq!(entry.legs.len(), leg.0 as usize, "legs are numbered in the order they are made");
        entry.legs.push(LegEntry {
            kind,
            party: party.clone(),
            agent,
            flow,
            dialog: None,
            state,
            reoffer: None,
            account,
            codec: None,
            over: false,
        });
        self.legs += 1;
        self.report(now, id, entry, Change::LegAdded { leg: leg.0, kind, party, agent });
        if unsent {
            self.end_leg(now, id, entry, leg, Some(503));
            Self::tell(entry, now, Input::Failed { leg, status: 503 });
        }
    }

    fn invitation(
        &mut self,
        entry: &CallEntry,
        target: &Target,
        flow: &Flow,
        offer: &SessionDescription,
    ) -> bytes::Bytes {
        let ids = &self.surroundings.ids;
        let caller = match target {
            Target::Phone(_) => &entry.caller,
            Target::Carrier(carrier) => &carrier.caller,
        };
        let uri = match target {
            Target::Phone(phone) => phone.uri.clone(),
            Target::Carrier(carrier) => format!("sip:{}@{}", carrier.number, carrier.trunk.uri_place()),
        };
        // A carrier that we register at knows us by the account, and is told apart from it which number is to be shown (RFC 3325 §9.1).
        let account = match target {
            Target::Carrier(carrier) => carrier.trunk.account().map(|account| (account, carrier.trunk.uri_host())),
            Target::Phone(_) => None,
        };
        let from = match &account {
            Some((account, host)) => format!("<sip:{}@{host}>", account.username),
            None => format!("<sip:{}@{}>", uri_user(caller), self.host),
        };
        let contact = format!("<{}>", self.own_uri(account.as_ref().map(|(account, _)| &*account.username), flow));
        let mut request = Builder::request(&Method::Invite, &uri)
            .header(Name::Via, self.endpoint.via(flow))
            .header(Name::MaxForwards, entry.max_forwards.saturating_sub(1));
        if let Target::Phone(phone) = target {
            for route in &phone.routes {
                request = request.header(Name::Route, route);
            }
        }
        if let Some((_, host)) = &account {
            request = request.header(Name::PAssertedIdentity, format_args!("<sip:{}@{host}>", uri_user(caller)));
        }
        let to = uri.split(';').next().unwrap_or(&uri);
        request
            .header(Name::From, format_args!("{from};tag={}", ids.token::<8>()))
            .header(Name::To, format_args!("<{to}>"))
            .header(Name::CallId, format_args!("{}@{}", ids.token::<12>(), self.host))
            .header(Name::CSeq, "1 INVITE")
            .header(Name::Contact, contact)
            .header(Name::Allow, ALLOW)
            .header(Name::UserAgent, &self.config.software)
            .body(SDP, offer.to_string())
            .finish()
    }

    fn progress(&mut self, now: Instant, entry: &CallEntry, leg: LegId, status: u16, sdp: Option<&SessionDescription>) {
        let Some(LegEntry { state: LegSip::Uas { tx, incoming }, flow, .. }) = entry.leg(leg) else { return };
        let mut response = self
            .endpoint
            .response(incoming, status, "")
            .record_routes_of(&incoming.message)
            .header(Name::Contact, self.contact(flow));
        if let Some(sdp) = sdp {
            response = response.body(SDP, sdp.to_string());
        }
        self.respond(now, *tx, response.finish());
    }

    fn answer_call(&mut self, now: Instant, entry: &mut CallEntry, leg: LegId, sdp: &SessionDescription) {
        let Some(found) = entry.leg_mut(leg) else { return };
        let LegSip::Uas { tx, incoming } = &found.state else { return };
        if let Some(dialog) = &mut found.dialog {
            dialog.confirm();
        }
        let response = self
            .endpoint
            .response(incoming, 200, "")
            .record_routes_of(&incoming.message)
            .header(Name::Contact, self.contact(&found.flow))
            .header(Name::Allow, ALLOW)
            .body(SDP, sdp.to_string())
            .finish();
        self.respond(now, *tx, response);
    }

    fn reject(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, status: u16, cause: Cause) {
        let Some(LegEntry { state: LegSip::Uas { tx, incoming }, .. }) = entry.leg(leg) else { return };
        let tx = *tx;
        let mut response = self.endpoint.response(incoming, status, "").header(Name::Reason, reason(cause));
        if status == 503 {
            response = response.header(Name::RetryAfter, RETRY_AFTER);
        }
        self.respond(now, tx, response.finish());
        self.places.remove(&tx);
        self.end_leg(now, id, entry, leg, Some(status));
    }

    fn hang_up(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, cause: Cause) {
        self.in_dialog_request(now, id, entry, leg, Purpose::Bye, |dialog, via| {
            dialog.request(&Method::Bye, via).header(Name::Reason, reason(cause))
        });
        self.end_leg(now, id, entry, leg, None);
    }

    /// Says BYE to a peer whose dialog stands though a transaction in it has failed.
    pub(super) fn hang_up_unconfirmed(&mut self, now: Instant, id: CallId, leg: LegId) {
        let Some(mut entry) = self.calls.remove(&id) else { return };
        let confirmed = |leg: &LegEntry| leg.dialog.as_ref().is_some_and(|d| d.state() == DialogState::Confirmed);
        if entry.leg(leg).is_some_and(|found| !found.over && confirmed(found)) {
            self.hang_up(now, id, &mut entry, leg, Cause::NoUserResponding);
        }
        self.calls.insert(id, entry);
    }

    fn reinvite(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, sdp: &SessionDescription) {
        let contact = entry.leg(leg).map(|leg| self.contact(&leg.flow)).unwrap_or_default();
        let cseq = entry.leg(leg).and_then(|leg| leg.dialog.as_ref()).map_or(0, |dialog| dialog.local_cseq() + 1);
        let sent = self.in_dialog_request(now, id, entry, leg, Purpose::Reinvite { cseq }, |dialog, via| {
            dialog
                .request(&Method::Invite, via)
                .header(Name::Contact, contact)
                .header(Name::Allow, ALLOW)
                .body(SDP, sdp.to_string())
        });
        if !sent {
            Self::tell(entry, now, Input::ReofferFailed { leg, status: 503 });
        }
    }

    fn send_digit(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, leg: LegId, digit: char) {
        let body = format!("Signal={digit}\r\nDuration=160\r\n");
        self.in_dialog_request(now, id, entry, leg, Purpose::Info, |dialog, via| {
            dialog.request(&Method::Info, via).body("application/dtmf-relay", body)
        });
    }

    /// Sends a request in a leg's dialog; whether it was sent.
    pub(super) fn in_dialog_request(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        leg: LegId,
        purpose: Purpose,
        build: impl FnOnce(&mut Dialog, String) -> Builder,
    ) -> bool {
        let local = self.local;
        let Some(found) = entry.leg_mut(leg) else { return false };
        let Some(mut dialog) = found.dialog.take() else { return false };
        let flow = Self::way(found, &dialog, local);
        let via = self.endpoint.via(&flow);
        let request = build(&mut dialog, via).header(Name::UserAgent, &self.config.software).finish();
        found.dialog = Some(dialog);
        match self.endpoint.send_request(now, request, flow) {
            Ok(tx) => {
                self.places.insert(tx, Place { call: id, leg, purpose });
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a request in a dialog was not sent");
                false
            }
        }
    }

    fn answer_reinvite(
        &mut self,
        now: Instant,
        entry: &mut CallEntry,
        leg: LegId,
        status: u16,
        sdp: Option<&SessionDescription>,
    ) {
        let Some(found) = entry.leg_mut(leg) else { return };
        let Some((tx, incoming)) = found.reoffer.take() else { return };
        let flow = found.flow;
        let mut response = self.endpoint.response(&incoming, status, "").header(Name::Contact, self.contact(&flow));
        if let Some(sdp) = sdp {
            response = response.header(Name::Allow, ALLOW).body(SDP, sdp.to_string());
        }
        self.respond(now, tx, response.finish());
        if status >= 300 {
            self.places.remove(&tx);
        }
    }
}
