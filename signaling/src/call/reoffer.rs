//! New offers within a call: hold and resume, which are answered here, changed addresses, codecs the parties have to be brought together on.

use std::time::Instant;

use super::machine::{Call, LegState, Reoffer, Stage};
use super::{CallEvent, Command, HangupCause, HangupSide, LegId, Misuse, SessionDescription};
use crate::media::sdp;

/// Another offer is under way (RFC 3261 §21.4.27).
const REQUEST_PENDING: u16 = 491;
/// No common media (RFC 3261 §21.4.26).
const NOT_ACCEPTABLE_HERE: u16 = 488;

impl<T> Call<T> {
    pub(super) fn reoffered(&mut self, leg: LegId, sdp: Option<SessionDescription>) -> Result<(), Misuse> {
        let from = self.leg(leg)?;
        match from.state {
            LegState::Gone | LegState::Cancelling | LegState::Forgotten => return Ok(()),
            LegState::Waiting | LegState::Inviting => return self.refuse(leg, REQUEST_PENDING),
            LegState::Up => {}
        }
        let ours = from.local.clone();
        if self.reoffer.is_some() {
            return self.refuse(leg, REQUEST_PENDING);
        }
        let Some(sdp) = sdp else {
            // We shall offer: what we described last still holds. The answer comes with the ACK.
            self.leg_mut(leg)?.owes_answer = true;
            return self.accept(leg, ours);
        };
        if self.leg(leg)?.remote.as_ref() == Some(&sdp) {
            // A session refresh (RFC 4028 §7.4) is nobody else's business.
            return self.accept(leg, ours);
        }
        if sdp::check(&sdp).is_err() {
            return self.refuse(leg, NOT_ACCEPTABLE_HERE);
        }
        let Some(other) = self.other(leg).filter(|_| self.stage == Stage::Connected) else {
            let answer = self.describe(leg, |local, origin| sdp::own_answer(&sdp, local, origin));
            let holds = sdp.is_hold();
            self.take_remote(leg, sdp);
            self.accept(leg, answer)?;
            self.note_hold(leg, holds);
            return Ok(());
        };
        if let Some(answer) = self.answer_to_hold(leg, other, &sdp) {
            let holds = sdp.is_hold();
            self.take_remote(leg, sdp);
            self.accept(leg, Some(answer))?;
            self.note_hold(leg, holds);
            return Ok(());
        }
        match self.describe(other, |local, origin| sdp::relay_offer(&sdp, local, origin)) {
            Some(offer) => {
                self.reoffer = Some(Reoffer { from: Some((leg, sdp)), to: other });
                self.command(Command::Reinvite { leg: other, sdp: offer });
                Ok(())
            }
            None => self.refuse(leg, NOT_ACCEPTABLE_HERE),
        }
    }

    /// The answer to an offer by which a party holds the other one or takes it back (RFC 3264 §8.4). The other party need not know: it is
    /// played music meanwhile, and its own description stands. `None` when it is no such offer, or when the other party has to be
    /// asked after all: it may have been told meanwhile that its audio is not wanted.
    fn answer_to_hold(&mut self, leg: LegId, other: LegId, sdp: &SessionDescription) -> Option<SessionDescription> {
        let party = self.leg(other).ok()?;
        let undisturbed = party.local.as_ref().is_some_and(SessionDescription::flows_both_ways);
        let resumes = self.leg(leg).is_ok_and(|leg| leg.holds) && !sdp.is_hold() && undisturbed;
        let peer = party.remote.clone().filter(|_| sdp.is_hold() || resumes)?;
        self.describe(leg, |local, origin| sdp::own_answer_for(sdp, &peer, local, origin))
    }

    fn accept(&mut self, leg: LegId, sdp: Option<SessionDescription>) -> Result<(), Misuse> {
        match sdp {
            Some(sdp) => self.command(Command::AnswerReinvite { leg, sdp }),
            None => self.command(Command::RejectReinvite { leg, status: NOT_ACCEPTABLE_HERE }),
        }
        Ok(())
    }

    fn refuse(&mut self, leg: LegId, status: u16) -> Result<(), Misuse> {
        self.command(Command::RejectReinvite { leg, status });
        Ok(())
    }

    pub(super) fn reoffer_answered(
        &mut self,
        now: Instant,
        leg: LegId,
        sdp: Option<SessionDescription>,
    ) -> Result<(), Misuse> {
        self.leg(leg)?;
        let Some(Reoffer { from, to }) = self.reoffer.take_if(|reoffer| reoffer.to == leg) else { return Ok(()) };
        let usable = sdp.filter(|sdp| sdp::check(sdp).is_ok());
        match (from, usable) {
            (Some((from, offer)), Some(sdp)) => {
                let answer = self.describe(from, |local, origin| sdp::relay_answer(&offer, &sdp, local, origin));
                let Some(answer) = answer else { return self.refuse(from, NOT_ACCEPTABLE_HERE) };
                let holds = offer.is_hold();
                self.take_remote(from, offer);
                self.take_remote(to, sdp);
                self.accept(from, Some(answer))?;
                self.note_hold(from, holds);
                Ok(())
            }
            (Some((from, _)), None) => self.refuse(from, NOT_ACCEPTABLE_HERE),
            (None, Some(sdp)) => {
                self.take_remote(to, sdp);
                Ok(())
            }
            (None, None) => {
                self.finish(now, HangupSide::System, HangupCause::IncompatibleMedia, None);
                Ok(())
            }
        }
    }

    pub(super) fn reoffer_failed(&mut self, now: Instant, leg: LegId, status: u16) -> Result<(), Misuse> {
        self.leg(leg)?;
        let Some(reoffer) = self.reoffer.take_if(|reoffer| reoffer.to == leg) else { return Ok(()) };
        // These two mean that the dialog is gone (RFC 3261 §12.2.1.2).
        if matches!(status, 408 | 481) {
            self.reoffer = Some(reoffer);
            self.lost(now, leg, HangupCause::from_sip_status(status), Some(status));
            return Ok(());
        }
        match reoffer.from {
            Some((from, _)) => self.refuse(from, status.clamp(400, 699)),
            // The party's own offer is on its way and brings the codecs together.
            None if status == REQUEST_PENDING => Ok(()),
            None => {
                self.finish(now, HangupSide::System, HangupCause::IncompatibleMedia, Some(status));
                Ok(())
            }
        }
    }

    pub(super) fn acked(&mut self, now: Instant, leg: LegId, sdp: Option<SessionDescription>) -> Result<(), Misuse> {
        let party = self.leg_mut(leg)?;
        if party.state != LegState::Up || !std::mem::take(&mut party.owes_answer) {
            return Ok(());
        }
        let first = party.remote.is_none();
        match sdp.filter(|sdp| sdp::check(sdp).is_ok()) {
            Some(sdp) => {
                self.take_remote(leg, sdp);
                self.align();
            }
            // Without any description there is nobody to send media to.
            None if first => self.finish(now, HangupSide::System, HangupCause::IncompatibleMedia, None),
            None => {}
        }
        Ok(())
    }

    /// Parties that were negotiated with one after the other may have settled on different codecs. The relay does not transcode, so
    /// the party that sends what the other one did not accept gets a new offer.
    pub(super) fn align(&mut self) {
        let (Some(a), Some(b)) = (self.a, self.b) else { return };
        if self.stage != Stage::Connected || self.reoffer.is_some() {
            return;
        }
        let described = |id| self.leg(id).ok().and_then(|leg| leg.remote.clone());
        let (Some(from_a), Some(from_b)) = (described(a), described(b)) else { return };
        let (leg, peer) = if !sdp::accepts_first_codec_of(&from_a, &from_b) {
            (a, from_b)
        } else if !sdp::accepts_first_codec_of(&from_b, &from_a) {
            (b, from_a)
        } else {
            return;
        };
        if let Some(sdp) = self.describe(leg, |local, origin| sdp::relay_offer(&peer, local, origin)) {
            self.reoffer = Some(Reoffer { from: None, to: leg });
            self.command(Command::Reinvite { leg, sdp });
        }
    }

    pub(super) fn digit(&mut self, leg: LegId, digit: char) -> Result<(), Misuse> {
        if self.leg(leg)?.state != LegState::Up {
            return Ok(());
        }
        self.emit(CallEvent::Digit { leg, digit });
        if let Some(other) = self.other(leg) {
            self.command(Command::SendDigit { leg: other, digit });
        }
        Ok(())
    }
}
