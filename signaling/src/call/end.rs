//! How calls end: every leg that is left is ended according to its state, media is closed, the end is told once.

use std::time::{Duration, Instant};

use super::machine::{Call, LegState, Media, Stage};
use super::{CallEvent, Command, HangupCause, HangupSide, LegId, Misuse, Offer, Side};

/// How long a cancelled INVITE may go without a final response: 64 times T1 (RFC 3261 §9.1).
const DRAIN: Duration = Duration::from_secs(32);

/// What a party gets whose re-INVITE is overtaken by the end of the call (RFC 3261 §15.1.2).
const REQUEST_TERMINATED: u16 = 487;

impl<T> Call<T> {
    pub(super) fn cancelled(&mut self, now: Instant, leg: LegId) -> Result<(), Misuse> {
        let caller = self.leg(leg)?;
        if caller.key.is_some() {
            return Err(Misuse::WrongLeg(leg));
        }
        // After a final response CANCEL has no effect (RFC 3261 §9.2): the caller will acknowledge and hang up.
        if caller.state == LegState::Waiting {
            self.finish(now, HangupSide::A, HangupCause::Cancelled, None);
        }
        Ok(())
    }

    pub(super) fn hung_up(&mut self, now: Instant, leg: LegId, q850: Option<u8>) -> Result<(), Misuse> {
        match self.leg(leg)?.state {
            LegState::Up => {
                let cause = q850.map_or(HangupCause::NormalClearing, HangupCause::from_q850);
                self.lost(now, leg, cause, None);
            }
            // A BYE in an early dialog: the INVITE still has to be answered (RFC 3261 §15.1.2).
            LegState::Waiting => self.finish(now, HangupSide::A, HangupCause::Cancelled, None),
            // Our INVITE still gets its final response.
            LegState::Inviting | LegState::Cancelling | LegState::Forgotten | LegState::Gone => {}
        }
        Ok(())
    }

    pub(super) fn no_route(&mut self, now: Instant, cause: HangupCause) -> Result<(), Misuse> {
        match self.stage {
            Stage::New => Err(Misuse::NotBegun),
            Stage::Connected => Err(Misuse::NotRouting),
            Stage::Over => Ok(()),
            Stage::OpeningMedia | Stage::Routing | Stage::Ringing => {
                self.finish(now, HangupSide::System, cause, None);
                Ok(())
            }
        }
    }

    pub(super) fn end_all(&mut self, now: Instant, cause: HangupCause) -> Result<(), Misuse> {
        if self.stage == Stage::New {
            return Err(Misuse::NotBegun);
        }
        self.finish(now, HangupSide::System, cause, None);
        Ok(())
    }

    /// A connected leg is gone without our doing, and the call with it.
    pub(super) fn lost(&mut self, now: Instant, leg: LegId, cause: HangupCause, status: Option<u16>) {
        let side = match self.leg(leg).map(|leg| leg.side) {
            Ok(Side::A) => HangupSide::A,
            Ok(Side::B) => HangupSide::B,
            Err(_) => HangupSide::System,
        };
        self.drop_leg(leg);
        if self.transfer == Some(leg) {
            // Many phones hang up as soon as the transfer is accepted: the other party waits for the answer.
            self.transfer = None;
            self.leave_alone(leg);
            self.stage = Stage::Ringing;
            return self.emit(CallEvent::Released { leg });
        }
        let caller_is_up = self.a.is_some_and(|a| self.leg(a).is_ok_and(|a| a.state == LegState::Up));
        if side == HangupSide::B && self.keeps_caller && caller_is_up && self.transfer.is_none() {
            return self.part(leg, cause);
        }
        self.finish(now, side, cause, status);
    }

    /// The other party is gone, and the caller waits for what comes next.
    fn part(&mut self, leg: LegId, cause: HangupCause) {
        self.forget_reoffer(leg);
        self.b = None;
        self.stage = Stage::Routing;
        self.connected_at = None;
        self.command(Command::MediaRemote { side: Side::B, remote: None });
        self.emit(CallEvent::PartyLeft { leg, cause });
    }

    /// What becomes of a new offer under way when `leg` leaves and the other party stays.
    fn forget_reoffer(&mut self, leg: LegId) {
        let Some(reoffer) = self.reoffer.as_mut().filter(|reoffer| reoffer.to != leg) else {
            return self.end_reoffer();
        };
        // The party that stays still owes an answer, and may turn out to be gone.
        if let Some((from, _)) = reoffer.from.take() {
            self.refuse_reoffer(from);
        }
    }

    /// Stops ringing whoever is being rung.
    pub(super) fn withdraw(&mut self) -> Result<(), Misuse> {
        if self.a.is_none() && self.left_alone.is_none() {
            return Err(Misuse::NotBegun);
        }
        if !self.attempts.is_empty() {
            self.withdraw_attempts(HangupCause::Cancelled, None);
            if self.transfer.take().is_none() {
                self.stage = Stage::Routing;
            }
        }
        Ok(())
    }

    /// Rings those who are to take the place of a connected leg.
    pub(super) fn transfer(&mut self, now: Instant, leg: LegId, offer: Offer<T>) -> Result<(), Misuse> {
        if self.stage == Stage::Over {
            return self.ring_next(now, offer);
        }
        self.can_leave(leg)?;
        self.transfer = Some(leg);
        self.ring(now, offer);
        Ok(())
    }

    /// Lets a connected leg go; the other party waits for what comes next.
    pub(super) fn release(&mut self, _now: Instant, leg: LegId) -> Result<(), Misuse> {
        if self.stage == Stage::Over {
            return Ok(());
        }
        self.can_leave(leg)?;
        self.dismiss(leg);
        self.leave_alone(leg);
        self.stage = Stage::Routing;
        self.emit(CallEvent::Released { leg });
        Ok(())
    }

    fn can_leave(&self, leg: LegId) -> Result<(), Misuse> {
        let free = self.stage == Stage::Connected && self.transfer.is_none();
        let there = [self.a, self.b].contains(&Some(leg)) && self.leg(leg)?.state == LegState::Up;
        if free && there { Ok(()) } else { Err(Misuse::WrongLeg(leg)) }
    }

    /// Hangs a party up that hands its place to somebody else.
    pub(super) fn dismiss(&mut self, leg: LegId) {
        self.forget_reoffer(leg);
        self.drop_leg(leg);
        self.command(Command::Bye { leg, cause: HangupCause::NormalClearing });
    }

    /// The place of `leg` is free, and the other party waits.
    fn leave_alone(&mut self, leg: LegId) {
        self.forget_reoffer(leg);
        let Ok(side) = self.leg(leg).map(|leg| leg.side) else { return };
        match side {
            Side::A => self.a = None,
            Side::B => self.b = None,
        }
        self.left_alone = Some(side.other());
        self.command(Command::MediaRemote { side, remote: None });
    }

    /// Ends the call.
    pub(super) fn finish(&mut self, now: Instant, side: HangupSide, cause: HangupCause, status: Option<u16>) {
        if self.stage == Stage::Over {
            return;
        }
        self.end_reoffer();
        self.early = None;
        self.transfer = None;
        self.left_alone = None;
        let attempts = self.cancel_attempts(cause, None);
        for n in 0..self.legs.len() {
            let leg = LegId(n as u32);
            let command = match self.legs.get(n).map(|leg| leg.state) {
                Some(LegState::Waiting) => Command::Reject { leg, status: cause.sip_status(), cause },
                Some(LegState::Up) => Command::Bye { leg, cause },
                _ => continue,
            };
            self.drop_leg(leg);
            self.command(command);
        }
        self.give_back(attempts);
        if matches!(std::mem::replace(&mut self.media, Media::Closed), Media::Opening | Media::Open { .. }) {
            self.command(Command::MediaClose);
        }
        self.emit(CallEvent::HungUp { side, cause, status });
        let talked = self.connected_at.map(|since| now.saturating_duration_since(since));
        self.emit(CallEvent::Ended { cause, talked });
        self.stage = Stage::Over;
        self.planned.clear();
        self.deadlines.setup = None;
        self.deadlines.cap = None;
        self.deadlines.drain = Some(now + DRAIN);
        self.drained();
    }

    fn end_reoffer(&mut self) {
        if let Some((from, _)) = self.reoffer.take().and_then(|reoffer| reoffer.from) {
            self.refuse_reoffer(from);
        }
    }

    fn refuse_reoffer(&mut self, leg: LegId) {
        if self.leg(leg).is_ok_and(|leg| leg.state == LegState::Up) {
            self.command(Command::RejectReinvite { leg, status: REQUEST_TERMINATED });
        }
    }

    /// Stops waiting when no cancelled leg is left.
    pub(super) fn drained(&mut self) {
        if self.is_finished() {
            self.deadlines.drain = None;
        }
    }

    pub(super) fn stop_draining(&mut self) {
        self.deadlines.drain = None;
        for leg in self.legs.iter_mut().filter(|leg| leg.state == LegState::Cancelling) {
            leg.state = LegState::Forgotten;
        }
    }
}
