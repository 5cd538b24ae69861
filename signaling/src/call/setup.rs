//! From the first INVITE to both parties being connected.

use std::time::Instant;

use super::machine::{Attempt, Call, Leg, LegState, Media, Stage};
use super::{
    CALLER, CallEvent, Command, HangupCause, HangupSide, LegId, LocalMedia, MAX_CONTACTS, MAX_OFFERS, Misuse, Offer,
    OfferFailure, SessionDescription, Side,
};
use crate::media::sdp::{self, NegotiationError};

impl<T> Call<T> {
    pub(super) fn incoming(&mut self, now: Instant, offer: Option<SessionDescription>) -> Result<(), Misuse> {
        self.begin(now, false)?;
        let leg = self.add_leg(LegState::Waiting, Side::A, None);
        debug_assert_eq!(leg, CALLER);
        self.a = Some(leg);
        if offer.as_ref().is_some_and(|offer| sdp::check(offer).is_err()) {
            self.finish(now, HangupSide::System, HangupCause::IncompatibleMedia, None);
            return Ok(());
        }
        self.leg_mut(leg)?.remote = offer;
        self.open_media();
        Ok(())
    }

    pub(super) fn originate(&mut self, now: Instant, first: Offer<T>, then: Option<Offer<T>>) -> Result<(), Misuse> {
        self.begin(now, true)?;
        self.planned.push_back(first);
        self.planned.extend(then);
        self.open_media();
        Ok(())
    }

    fn begin(&mut self, now: Instant, originated: bool) -> Result<(), Misuse> {
        if self.stage != Stage::New {
            return Err(Misuse::AlreadyBegun);
        }
        self.stage = Stage::OpeningMedia;
        self.deadlines.setup = Some(now + self.settings.setup);
        self.emit(CallEvent::Created { originated });
        Ok(())
    }

    fn open_media(&mut self) {
        self.media = Media::Opening;
        self.command(Command::MediaOpen);
    }

    pub(super) fn media_ready(&mut self, now: Instant, a: LocalMedia, b: LocalMedia) -> Result<(), Misuse> {
        match self.media {
            Media::Opening => {}
            // The call ended while the session was opened; the host has been told to close it.
            Media::Closed => return Ok(()),
            Media::None | Media::Open { .. } => return Err(Misuse::MediaNotWanted),
        }
        self.media = Media::Open { a, b };
        if let Some(offer) = self.legs.first_mut().and_then(|caller| caller.remote.take()) {
            self.take_remote(CALLER, offer);
        }
        self.route(now);
        Ok(())
    }

    pub(super) fn media_failed(&mut self, now: Instant) -> Result<(), Misuse> {
        match self.media {
            Media::Opening => self.media = Media::Closed,
            Media::Closed => return Ok(()),
            Media::None | Media::Open { .. } => return Err(Misuse::MediaNotWanted),
        }
        self.finish(now, HangupSide::System, HangupCause::NoCircuit, None);
        Ok(())
    }

    /// Rings who is planned next, or asks the host.
    fn route(&mut self, now: Instant) {
        self.stage = Stage::Routing;
        match self.planned.pop_front() {
            Some(offer) => self.ring(now, offer),
            None => self.command(Command::Route),
        }
    }

    pub(super) fn ring_next(&mut self, now: Instant, offer: Offer<T>) -> Result<(), Misuse> {
        match self.stage {
            Stage::Routing => self.ring(now, offer),
            // Others are rung besides whoever is rung for a caller; an agent who is to call out is rung alone.
            Stage::Ringing if (self.a.or(self.b)).is_some() && self.attempts.len() < MAX_OFFERS => {
                self.ring(now, offer);
            }
            // The router had not heard yet that the call ended. It gets its offer back.
            Stage::Over => {
                self.command(Command::OfferFailed { key: offer.key, reason: OfferFailure::Withdrawn, status: None });
            }
            Stage::New => return Err(Misuse::NotBegun),
            Stage::OpeningMedia | Stage::Ringing | Stage::Connected => return Err(Misuse::NotRouting),
        }
        Ok(())
    }

    pub(super) fn ring(&mut self, now: Instant, offer: Offer<T>) {
        let transferred = self.transfer.and_then(|leg| self.leg(leg).ok()).map(|leg| leg.side);
        let side = transferred.unwrap_or(if self.a.is_some() { Side::B } else { Side::A });
        // One side is offered what the other one described, so that they agree with each other; else what we understand.
        // A party that was answered before may hold just now; that is between it and us until both are connected.
        let pattern =
            self.party(side.other()).and_then(|party| self.leg(party).ok()).and_then(|party| match party.state {
                LegState::Up => party.remote.clone().map(SessionDescription::both_ways),
                _ => party.remote.clone(),
            });
        let Offer { key, contacts, ring } = offer;
        let mut attempt = Attempt {
            key,
            legs: Vec::with_capacity(contacts.len().min(MAX_CONTACTS)),
            deadline: now + ring,
            reason: OfferFailure::Unreachable,
            status: None,
        };
        let mut invites = Vec::with_capacity(attempt.legs.capacity());
        for target in contacts.into_iter().take(MAX_CONTACTS) {
            let leg = self.add_leg(LegState::Inviting, side, Some(key));
            let offer = self.describe(leg, |local, origin| match &pattern {
                Some(peer) => sdp::relay_offer(peer, local, origin),
                None => Ok::<_, NegotiationError>(sdp::own_offer(local, origin)),
            });
            match offer {
                Some(offer) => {
                    attempt.legs.push(leg);
                    invites.push(Command::Invite { leg, target, offer });
                }
                None => self.drop_leg(leg),
            }
        }
        self.emit(CallEvent::Offered { key, legs: attempt.legs.clone() });
        self.commands.extend(invites);
        let nobody = attempt.legs.is_empty();
        self.attempts.push(attempt);
        if self.transfer.is_none() {
            self.stage = Stage::Ringing;
        }
        if nobody {
            self.settle(key);
        }
    }

    pub(super) fn provisional(
        &mut self,
        leg: LegId,
        status: u16,
        sdp: Option<SessionDescription>,
    ) -> Result<(), Misuse> {
        let Leg { state, side, key, .. } = *self.leg(leg)?;
        let key = key.ok_or(Misuse::WrongLeg(leg))?;
        if state != LegState::Inviting {
            return Ok(());
        }
        if status == 180 {
            self.emit(CallEvent::Ringing { leg, key });
        }
        // Only a called party's media is of use, and only one party's at a time. Whoever is transferred hears music until the answer.
        let of_use = side == Side::B && self.early.is_none() && self.transfer.is_none() && self.left_alone.is_none();
        let early = sdp.filter(|sdp| of_use && sdp::check(sdp).is_ok());
        let waiting = self.a.filter(|a| self.leg(*a).is_ok_and(|a| a.state == LegState::Waiting));
        let told = match early {
            Some(early) => self.early_media(leg, early, waiting),
            None => None,
        };
        let Some(caller) = waiting else { return Ok(()) };
        if told.is_some() {
            self.command(Command::Progress { leg: caller, status: status.max(180), sdp: told });
        } else if status == 180 && !self.rang {
            self.command(Command::Progress { leg: caller, status, sdp: None });
        }
        self.rang |= status == 180;
        Ok(())
    }

    /// Lets side A hear `leg`. Returns what to tell a caller that still waits, if it made an offer.
    fn early_media(
        &mut self,
        leg: LegId,
        early: SessionDescription,
        waiting: Option<LegId>,
    ) -> Option<SessionDescription> {
        let told = match waiting {
            Some(caller) => {
                let offer = self.leg(caller).ok()?.remote.clone()?;
                Some(self.describe(caller, |local, origin| sdp::relay_answer(&offer, &early, local, origin))?)
            }
            None => None,
        };
        self.early = Some(leg);
        self.take_remote(leg, early);
        self.emit(CallEvent::EarlyMedia { leg });
        told
    }

    pub(super) fn answered(&mut self, now: Instant, leg: LegId, sdp: Option<SessionDescription>) -> Result<(), Misuse> {
        let Leg { state, side, key, .. } = *self.leg(leg)?;
        match state {
            LegState::Inviting => {}
            LegState::Waiting => return Err(Misuse::WrongLeg(leg)),
            LegState::Up | LegState::Gone => return Ok(()),
            LegState::Cancelling | LegState::Forgotten => {
                // The 200 crossed our CANCEL (RFC 3261 §9.1, §15).
                self.drop_leg(leg);
                self.command(Command::Bye { leg, cause: HangupCause::AnsweredElsewhere });
                self.drained();
                return Ok(());
            }
        }
        let usable = sdp.filter(|sdp| sdp::check(sdp).is_ok());
        let reply = usable.as_ref().and_then(|sdp| self.reply_to_caller(leg, side, sdp));
        let (Some(sdp), Some(reply)) = (usable, reply) else {
            self.drop_leg(leg);
            self.command(Command::Bye { leg, cause: HangupCause::IncompatibleMedia });
            self.attempt_lost(leg, OfferFailure::Unreachable, Some(488));
            return Ok(());
        };
        self.withdraw_attempts(HangupCause::AnsweredElsewhere, Some(leg));
        self.early = None;
        self.leg_mut(leg)?.state = LegState::Up;
        self.take_remote(leg, sdp);
        match side {
            Side::A if self.b.is_none() => {
                self.a = Some(leg);
                if self.planned.is_empty() {
                    // How long they wait is the queue's business.
                    self.deadlines.setup = None;
                }
                self.start_cap(now);
                self.emit(CallEvent::Answered { leg, key });
                self.route(now);
            }
            side => self.connect(now, side, leg, key, reply),
        }
        Ok(())
    }

    /// What the caller, if it still waits, is to be answered when `leg` answers with `sdp`. `None`: the two have nothing in common.
    fn reply_to_caller(&mut self, leg: LegId, side: Side, sdp: &SessionDescription) -> Option<Reply> {
        let waiting = self.a.filter(|a| self.leg(*a).is_ok_and(|a| a.state == LegState::Waiting));
        let (Side::B, Some(caller)) = (side, waiting) else { return Some(Reply::None) };
        let Some(offer) = self.leg(caller).ok()?.remote.clone() else {
            return self.describe(caller, |local, origin| sdp::relay_offer(sdp, local, origin)).map(Reply::Offer);
        };
        if self.early == Some(leg) && self.leg(leg).is_ok_and(|leg| leg.remote.as_ref() == Some(sdp)) {
            // Told with the early media already, and it must not change (RFC 6337 §2.2).
            return self.leg(caller).ok()?.local.clone().map(Reply::Answer);
        }
        self.describe(caller, |local, origin| sdp::relay_answer(&offer, sdp, local, origin)).map(Reply::Answer)
    }

    fn connect(&mut self, now: Instant, side: Side, leg: LegId, key: Option<u64>, reply: Reply) {
        self.stage = Stage::Connected;
        self.left_alone = None;
        self.deadlines.setup = None;
        self.connected_at.get_or_insert(now);
        self.start_cap(now);
        if let Some(from) = self.transfer.take() {
            self.emit(CallEvent::Transferred { leg: from });
            self.dismiss(from);
        }
        match side {
            Side::A => self.a = Some(leg),
            Side::B => self.b = Some(leg),
        }
        let (Some(a), Some(b)) = (self.a, self.b) else { return };
        let separately = matches!(reply, Reply::None);
        match reply {
            Reply::None => {}
            Reply::Answer(sdp) => self.answer_leg(a, sdp, false),
            Reply::Offer(sdp) => self.answer_leg(a, sdp, true),
        }
        self.emit(CallEvent::Answered { leg, key });
        self.emit(CallEvent::Bridged { a, b });
        if separately {
            self.align();
        }
    }

    fn start_cap(&mut self, now: Instant) {
        if self.deadlines.cap.is_none() {
            self.deadlines.cap = self.settings.max_duration.map(|longest| now + longest);
        }
    }

    fn answer_leg(&mut self, id: LegId, sdp: SessionDescription, owes_answer: bool) {
        if let Ok(leg) = self.leg_mut(id) {
            leg.state = LegState::Up;
            leg.owes_answer = owes_answer;
        }
        self.command(Command::Answer { leg: id, sdp });
    }

    pub(super) fn answer_caller(&mut self, now: Instant) -> Result<(), Misuse> {
        let leg = self.leg(CALLER).map_err(|_| Misuse::NotBegun)?;
        if leg.key.is_some() && leg.state != LegState::Up {
            return Err(Misuse::WrongLeg(CALLER));
        }
        if leg.state != LegState::Waiting {
            return Ok(());
        }
        let offer = leg.remote.clone();
        let reply = self.describe(CALLER, |local, origin| match &offer {
            Some(offer) => sdp::own_answer(offer, local, origin),
            None => Ok(sdp::own_offer(local, origin)),
        });
        let reply = reply.ok_or(Misuse::MediaNotWanted)?;
        self.deadlines.setup = None;
        self.start_cap(now);
        self.answer_leg(CALLER, reply, offer.is_none());
        self.emit(CallEvent::Answered { leg: CALLER, key: None });
        Ok(())
    }

    pub(super) fn failed(&mut self, now: Instant, leg: LegId, status: u16) -> Result<(), Misuse> {
        match self.leg(leg)?.state {
            LegState::Waiting => return Err(Misuse::WrongLeg(leg)),
            LegState::Gone => {}
            LegState::Cancelling | LegState::Forgotten => {
                self.drop_leg(leg);
                self.drained();
            }
            LegState::Up => self.lost(now, leg, HangupCause::from_sip_status(status), Some(status)),
            LegState::Inviting => {
                self.drop_leg(leg);
                self.attempt_lost(leg, reason_of(status), Some(status));
            }
        }
        Ok(())
    }

    /// A leg of the attempt will not answer any more.
    pub(super) fn attempt_lost(&mut self, leg: LegId, reason: OfferFailure, status: Option<u16>) {
        self.forget_early(leg);
        let found = self.attempts.iter_mut().find(|attempt| attempt.legs.contains(&leg));
        let Some(attempt) = found else { return };
        attempt.legs.retain(|other| *other != leg);
        if reason >= attempt.reason || attempt.status.is_none() {
            attempt.status = status;
        }
        attempt.reason = attempt.reason.max(reason);
        // 6xx speaks for all of a person's phones (RFC 3261 §21.6).
        let key = attempt.key;
        if status.is_some_and(|status| status >= 600) {
            let legs = std::mem::take(&mut attempt.legs);
            self.cancel_legs(legs, HangupCause::AnsweredElsewhere);
        }
        if self.attempts.iter().any(|attempt| attempt.key == key && attempt.legs.is_empty()) {
            self.settle(key);
        }
    }

    /// Ends the attempts that have rung long enough.
    pub(super) fn ring_timed_out(&mut self, now: Instant) {
        while let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.deadline <= now) {
            attempt.reason = attempt.reason.max(OfferFailure::NoAnswer);
            let (key, legs) = (attempt.key, std::mem::take(&mut attempt.legs));
            self.cancel_legs(legs, HangupCause::NoAnswer);
            self.settle(key);
        }
    }

    /// Ends one attempt, if it still rings.
    pub(super) fn revoke(&mut self, key: u64) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.key == key) else { return };
        attempt.reason = OfferFailure::Unreachable;
        let legs = std::mem::take(&mut attempt.legs);
        self.cancel_legs(legs, HangupCause::Cancelled);
        self.settle(key);
    }

    /// Cancels the legs of all attempts except `winner`. Returns the attempts without the winner's, which have still to be given back.
    pub(super) fn cancel_attempts(&mut self, cause: HangupCause, winner: Option<LegId>) -> Vec<Attempt> {
        let mut attempts = std::mem::take(&mut self.attempts);
        for attempt in &attempts {
            let losers = attempt.legs.iter().copied().filter(|leg| Some(*leg) != winner).collect();
            self.cancel_legs(losers, cause);
        }
        attempts.retain(|attempt| winner.is_none_or(|winner| !attempt.legs.contains(&winner)));
        attempts
    }

    /// The same, and gives them back at once.
    pub(super) fn withdraw_attempts(&mut self, cause: HangupCause, winner: Option<LegId>) {
        let attempts = self.cancel_attempts(cause, winner);
        self.give_back(attempts);
    }

    /// Gives attempts back to the host for which nobody can be blamed.
    pub(super) fn give_back(&mut self, attempts: Vec<Attempt>) {
        let reason = OfferFailure::Withdrawn;
        for Attempt { key, status, .. } in attempts {
            self.emit(CallEvent::OfferFailed { key, reason });
            self.command(Command::OfferFailed { key, reason, status });
        }
    }

    fn cancel_legs(&mut self, legs: Vec<LegId>, cause: HangupCause) {
        for leg in legs {
            self.forget_early(leg);
            if let Ok(leg) = self.leg_mut(leg) {
                debug_assert_eq!(leg.state, LegState::Inviting);
                leg.state = LegState::Cancelling;
            }
            self.command(Command::Cancel { leg, cause });
        }
    }

    fn forget_early(&mut self, leg: LegId) {
        if self.early == Some(leg) {
            self.early = None;
            self.command(Command::MediaRemote { side: Side::B, remote: None });
        }
    }

    /// Gives a lost offer back to the host.
    fn settle(&mut self, key: u64) {
        let Some(place) = self.attempts.iter().position(|attempt| attempt.key == key) else { return };
        let Attempt { reason, status, .. } = self.attempts.remove(place);
        // A transfer that fails leaves the parties as they were, when whoever transferred is still there.
        if self.attempts.is_empty() && self.transfer.take().is_none() {
            self.stage = Stage::Routing;
        }
        self.emit(CallEvent::OfferFailed { key, reason });
        self.command(Command::OfferFailed { key, reason, status });
    }
}

/// How the caller is answered when side B answers.
enum Reply {
    /// It was answered before, or side A is no caller.
    None,
    Answer(SessionDescription),
    Offer(SessionDescription),
}

fn reason_of(status: u16) -> OfferFailure {
    match status {
        486 | 600 => OfferFailure::Busy,
        603 | 607 | 608 => OfferFailure::Declined,
        480 | 487 => OfferFailure::NoAnswer,
        _ => OfferFailure::Unreachable,
    }
}
