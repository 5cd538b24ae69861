//! The state of a call and the entrance for its inputs.

use std::collections::VecDeque;
use std::time::Instant;

use super::{CallEvent, Command, HangupCause, HangupSide, Input, LegId, Misuse, Offer, OfferFailure, Settings};
use crate::media::relay::{Side, VoiceConfig};
use crate::media::sdp::{self, LocalMedia, Origin, SessionDescription};

/// One call. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Call<T> {
    pub(super) settings: Settings,
    pub(super) seed: u64,
    pub(super) stage: Stage,
    pub(super) legs: Vec<Leg>,
    pub(super) a: Option<LegId>,
    pub(super) b: Option<LegId>,
    pub(super) media: Media,
    /// What an originated call rings once media is open, and once side A has answered.
    pub(super) planned: VecDeque<Offer<T>>,
    /// Who is being rung; several at once for a caller who waits in a queue.
    pub(super) attempts: Vec<Attempt>,
    /// The leg whose early media is being relayed.
    pub(super) early: Option<LegId>,
    /// Whether the caller was told that it rings.
    pub(super) rang: bool,
    /// Whether the caller stays when the other party hangs up.
    pub(super) keeps_caller: bool,
    /// The leg whose place is taken by whoever answers the present attempts; it is connected until then.
    pub(super) transfer: Option<LegId>,
    /// The side whose party waits because the other one has transferred the call and is gone.
    pub(super) left_alone: Option<Side>,
    pub(super) reoffer: Option<Reoffer>,
    pub(super) deadlines: Deadlines,
    pub(super) connected_at: Option<Instant>,
    pub(super) commands: VecDeque<Command<T>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    New,
    /// Waiting for the relay.
    OpeningMedia,
    /// The host is choosing whom to ring.
    Routing,
    Ringing,
    Connected,
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    None,
    Opening,
    Open { a: LocalMedia, b: LocalMedia },
    Closed,
}

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) state: LegState,
    pub(super) side: Side,
    pub(super) key: Option<u64>,
    pub(super) origin: Origin,
    /// What the party described last.
    pub(super) remote: Option<SessionDescription>,
    /// What we described to it last.
    pub(super) local: Option<SessionDescription>,
    pub(super) holds: bool,
    /// Our response carried an offer; the answer is due in the ACK.
    pub(super) owes_answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LegState {
    /// Its INVITE waits for our answer.
    Waiting,
    /// Our INVITE waits for its answer.
    Inviting,
    /// Cancelled by us, the final response is still to come.
    Cancelling,
    /// Cancelled so long ago that nobody waits for it any more; should it answer after all, it is hung up.
    Forgotten,
    Up,
    Gone,
}

/// One offer being rung.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) key: u64,
    /// Legs that may still answer.
    pub(super) legs: Vec<LegId>,
    pub(super) deadline: Instant,
    pub(super) reason: OfferFailure,
    pub(super) status: Option<u16>,
}

/// A re-INVITE of ours under way.
#[derive(Debug)]
pub(super) struct Reoffer {
    /// The leg that asked for it and its offer; `None` if we want it ourselves.
    pub(super) from: Option<(LegId, SessionDescription)>,
    pub(super) to: LegId,
}

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    pub(super) setup: Option<Instant>,
    pub(super) cap: Option<Instant>,
    pub(super) drain: Option<Instant>,
}

impl<T> Call<T> {
    /// A call that has not begun. `seed` makes the session ids of its descriptions; pass a random number.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            stage: Stage::New,
            legs: Vec::new(),
            a: None,
            b: None,
            media: Media::None,
            planned: VecDeque::new(),
            attempts: Vec::new(),
            early: None,
            rang: false,
            keeps_caller: false,
            transfer: None,
            left_alone: None,
            reoffer: None,
            deadlines: Deadlines::default(),
            connected_at: None,
            commands: VecDeque::new(),
        }
    }

    /// Takes an input. Inputs about legs that are gone, and whatever comes after the end, are normal races and change nothing.
    pub fn handle(&mut self, now: Instant, input: Input<T>) -> Result<(), Misuse> {
        let result = match input {
            Input::Incoming { offer } => self.incoming(now, offer),
            Input::Originate { first, then } => self.originate(now, first, then),
            Input::MediaReady { a, b } => self.media_ready(now, a, b),
            Input::MediaFailed => self.media_failed(now),
            Input::Ring(offer) => self.ring_next(now, offer),
            Input::NoRoute { cause } => self.no_route(now, cause),
            Input::AnswerCaller => self.answer_caller(now),
            Input::Provisional { leg, status, sdp } => self.provisional(leg, status, sdp),
            Input::Answered { leg, sdp } => self.answered(now, leg, sdp),
            Input::Failed { leg, status } => self.failed(now, leg, status),
            Input::Acked { leg, sdp } => self.acked(now, leg, sdp),
            Input::Cancelled { leg } => self.cancelled(now, leg),
            Input::HungUp { leg, q850 } => self.hung_up(now, leg, q850),
            Input::Reoffer { leg, sdp } => self.reoffered(leg, sdp),
            Input::ReofferAnswered { leg, sdp } => self.reoffer_answered(now, leg, sdp),
            Input::ReofferFailed { leg, status } => self.reoffer_failed(now, leg, status),
            Input::Digit { leg, digit } => self.digit(leg, digit),
            Input::KeepCaller(keeps) => {
                self.keeps_caller = keeps;
                Ok(())
            }
            Input::Withdraw => self.withdraw(),
            Input::Revoke { key } => {
                self.revoke(key);
                Ok(())
            }
            Input::Transfer { leg, offer } => self.transfer(now, leg, offer),
            Input::Release { leg } => self.release(now, leg),
            Input::EndAll { cause } => self.end_all(now, cause),
        };
        self.check();
        result
    }

    /// Lets time pass. Spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.deadlines.drain) {
            self.stop_draining();
        } else if due(self.deadlines.setup) {
            self.finish(now, HangupSide::System, HangupCause::NoAnswer, None);
        } else if due(self.deadlines.cap) {
            self.finish(now, HangupSide::System, HangupCause::MaxDuration, None);
        } else {
            self.ring_timed_out(now);
        }
        self.check();
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command<T>> {
        self.commands.pop_front()
    }

    /// When to call [`Call::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ring = self.attempts.iter().map(|attempt| attempt.deadline).min();
        [self.deadlines.setup, self.deadlines.cap, self.deadlines.drain, ring].into_iter().flatten().min()
    }

    /// Whether the call is over and every cancelled leg has ended: nothing will ever come of it again.
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Over && !self.legs.iter().any(|leg| leg.state == LegState::Cancelling)
    }

    /// How to talk with the caller ourselves; `None` before it was answered, and while nothing was agreed on.
    pub fn voice(&self) -> Option<VoiceConfig> {
        self.voice_of(Side::A)
    }

    /// The same for the party of a side.
    pub fn voice_of(&self, side: Side) -> Option<VoiceConfig> {
        let leg = self.leg(self.party(side)?).ok()?;
        match (leg.state, &leg.remote, &leg.local) {
            (LegState::Up, Some(theirs), Some(ours)) => sdp::voice_config(theirs, ours),
            _ => None,
        }
    }

    /// Whether the caller, once answered, has put us on hold and wants to hear nothing.
    pub fn caller_holds(&self) -> bool {
        self.a.is_some_and(|a| self.leg(a).is_ok_and(|leg| leg.holds))
    }

    /// The side whose party hears nobody, because the other one holds it or transfers it. Not while it holds as well: it wants to hear
    /// nothing then.
    pub fn held(&self) -> Option<Side> {
        let holds = |side: Side| self.party(side).is_some_and(|leg| self.leg(leg).is_ok_and(|leg| leg.holds));
        let transferred = self.transfer.and_then(|leg| self.leg(leg).ok()).map(|leg| leg.side.other());
        if let Some(side) = self.left_alone.or(transferred) {
            return Some(side).filter(|side| !holds(*side));
        }
        [Side::A, Side::B].into_iter().find(|side| self.is_connected() && holds(side.other()) && !holds(*side))
    }

    /// Whether a party holds the other one.
    pub fn is_on_hold(&self) -> bool {
        self.is_connected() && self.legs.iter().any(|leg| leg.holds && leg.state == LegState::Up)
    }

    pub(super) const fn party(&self, side: Side) -> Option<LegId> {
        match side {
            Side::A => self.a,
            Side::B => self.b,
        }
    }

    /// The side of a leg.
    pub fn side_of(&self, leg: LegId) -> Option<Side> {
        self.leg(leg).ok().map(|leg| leg.side)
    }

    /// Whether both parties are connected.
    pub fn is_connected(&self) -> bool {
        self.stage == Stage::Connected
    }

    pub(super) fn command(&mut self, command: Command<T>) {
        self.commands.push_back(command);
    }

    pub(super) fn emit(&mut self, event: CallEvent) {
        self.command(Command::Emit(event));
    }

    pub(super) fn add_leg(&mut self, state: LegState, side: Side, key: Option<u64>) -> LegId {
        let n = self.legs.len() as u32;
        // Any odd constant spreads the session ids of a call's legs.
        let origin = Origin::new(self.seed.wrapping_add(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        self.legs.push(Leg { state, side, key, origin, remote: None, local: None, holds: false, owes_answer: false });
        LegId(n)
    }

    pub(super) fn leg(&self, id: LegId) -> Result<&Leg, Misuse> {
        self.legs.get(id.0 as usize).ok_or(Misuse::UnknownLeg(id))
    }

    pub(super) fn leg_mut(&mut self, id: LegId) -> Result<&mut Leg, Misuse> {
        self.legs.get_mut(id.0 as usize).ok_or(Misuse::UnknownLeg(id))
    }

    /// Marks a leg as gone and lets its descriptions go: a call that rings for long has many legs behind it.
    pub(super) fn drop_leg(&mut self, id: LegId) {
        if let Ok(leg) = self.leg_mut(id) {
            leg.state = LegState::Gone;
            leg.remote = None;
            leg.local = None;
        }
    }

    pub(super) fn local_media(&self, side: Side) -> Option<LocalMedia> {
        match (self.media, side) {
            (Media::Open { a, .. }, Side::A) => Some(a),
            (Media::Open { b, .. }, Side::B) => Some(b),
            _ => None,
        }
    }

    /// The leg a connected leg talks to.
    pub(super) fn other(&self, id: LegId) -> Option<LegId> {
        match (self.a, self.b) {
            (Some(a), Some(b)) if a == id => Some(b),
            (Some(a), Some(b)) if b == id => Some(a),
            _ => None,
        }
    }

    /// Remembers what a party described and tells the relay.
    pub(super) fn take_remote(&mut self, id: LegId, description: SessionDescription) {
        let remote = sdp::remote(&description);
        let Ok(leg) = self.leg_mut(id) else { return };
        leg.remote = Some(description);
        let side = leg.side;
        self.command(Command::MediaRemote { side, remote });
    }

    /// Notes whether an offer holds the other party. Answers say nothing about it: the answer to a hold may well be `inactive`.
    pub(super) fn note_hold(&mut self, id: LegId, holds: bool) {
        let Ok(leg) = self.leg_mut(id) else { return };
        if std::mem::replace(&mut leg.holds, holds) != holds {
            self.emit(if holds { CallEvent::Held { leg: id } } else { CallEvent::Resumed { leg: id } });
        }
    }

    /// Writes a description for a leg and remembers it as what we said last.
    pub(super) fn describe<E>(
        &mut self,
        id: LegId,
        write: impl FnOnce(LocalMedia, &mut Origin) -> Result<SessionDescription, E>,
    ) -> Option<SessionDescription> {
        let local = self.local_media(self.leg(id).ok()?.side)?;
        let leg = self.leg_mut(id).ok()?;
        let description = write(local, &mut leg.origin).ok()?;
        leg.local = Some(description.clone());
        Some(description)
    }

    fn check(&self) {
        debug_assert_eq!(self.attempts.is_empty(), self.stage != Stage::Ringing && self.transfer.is_none());
        debug_assert!(self.transfer.is_none() || self.stage == Stage::Connected);
        debug_assert!(self.left_alone.is_none() || matches!(self.stage, Stage::Routing | Stage::Ringing));
        debug_assert!(self.stage != Stage::Connected || (self.a.is_some() && self.b.is_some()));
        debug_assert!(self.stage != Stage::Over || self.media != Media::Opening);
        let up = |side| self.legs.iter().filter(|leg| leg.side == side && leg.state == LegState::Up).count();
        debug_assert!(up(Side::A) <= 1 && up(Side::B) <= 1);
        let alive = |leg: &Leg| !matches!(leg.state, LegState::Gone | LegState::Cancelling | LegState::Forgotten);
        debug_assert!(self.stage != Stage::Over || !self.legs.iter().any(alive));
        debug_assert!(self.reoffer.is_none() || !matches!(self.stage, Stage::New | Stage::OpeningMedia | Stage::Over));
    }
}
