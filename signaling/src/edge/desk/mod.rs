//! Calls that a route leads straight to a queue: what their callers hear while they wait, and where they go whom no agent takes.
//!
//! A caller is answered at once where the queue has something to be heard, and a voice of ours is attached to its side as in
//! [flows](super::flow); else they hear the ringing of their own telephone until an agent answers. Whoever leaves the queue without
//! an agent goes the way of its overflow chain: to another queue, to somebody who is called, or into a flow, which may be one of
//! [ours](ours) that takes a message or says good-bye.

mod ours;
mod target;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use dialplane_core::call::{Change, HangupCause, LeaveReason};
use dialplane_core::id::{CallId, QueueId};
use dialplane_core::queue::announce::{POSITION_MAX, Saying};
use dialplane_core::queue::overflow::{Journey, OverflowStep};
use dialplane_core::queue::router::{Arrival, Input as RouterInput, OverflowReason};
use dialplane_core::queue::{OverflowTarget, Waiting};
use dialplane_ivr::machine::{Sound, Token};

use super::call_entry::{CallEntry, Plan};
use super::routing::{cause, leave_reason};
use super::run::Edge;
use crate::call::{Input, OfferFailure};
use target::Way;

/// Our announcements have names above those of flows, which the call may get into later.
const ANNOUNCEMENTS: u32 = 1 << 31;
/// How often it is looked whether a queue has closed: hours are told in minutes.
const MINUTE: Duration = Duration::from_secs(60);

/// A call that came straight to a queue.
#[derive(Debug)]
pub(super) struct Desk {
    journey: Journey,
    /// When it came.
    arrived: Instant,
    /// What is set up for the callers of the queue it is in, as it was when it came in.
    waiting: Box<Waiting>,
    stage: Stage,
    /// Whether the caller was answered by us.
    answered: bool,
    /// Whether the caller can hear us.
    voiced: bool,
    /// Whether the music of those on hold is heard.
    is_on_hold: bool,
    announce_at: Option<Instant>,
    close_at: Option<Instant>,
    announcements: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In a queue.
    Waiting,
    /// Somebody is called whom the chain names.
    Called,
    /// Somebody talks with the caller.
    Talking,
}

impl Desk {
    pub(super) fn new(now: Instant, queue: QueueId, chain: &[OverflowStep]) -> Self {
        Self {
            journey: Journey::new(now, queue, chain),
            arrived: now,
            waiting: Box::default(),
            stage: Stage::Waiting,
            answered: false,
            voiced: false,
            is_on_hold: false,
            announce_at: None,
            close_at: None,
            announcements: 0,
        }
    }

    /// The same for somebody who is handed on to the queue: they hear the music of those on hold, and nothing else.
    pub(super) fn of_transferred(now: Instant, queue: QueueId, chain: &[OverflowStep]) -> Self {
        Self { is_on_hold: true, ..Self::new(now, queue, chain) }
    }

    /// The same for a customer whom we have called, and who waits in the place of somebody who came at `since`.
    pub(super) fn of_called(now: Instant, since: Option<Instant>, queue: QueueId, chain: &[OverflowStep]) -> Self {
        Self { answered: true, arrived: since.unwrap_or(now), ..Self::new(now, queue, chain) }
    }

    /// Whether the caller can hear us, or could until somebody else was there.
    pub(super) const fn is_voiced(&self) -> bool {
        self.voiced
    }

    /// Whether we talk with the caller.
    pub(super) const fn speaks(&self) -> bool {
        self.voiced && !matches!(self.stage, Stage::Talking)
    }

    /// The queue that the call came to at first.
    pub(super) fn first_queue(&self) -> Option<QueueId> {
        self.journey.first_queue()
    }

    /// Whether an agent of a queue is awaited.
    pub(super) fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// When something is to be done.
    pub(super) fn due(&self) -> Option<Instant> {
        let announce = self.announce_at.filter(|_| self.voiced);
        announce.into_iter().chain(self.close_at).min().filter(|_| self.is_waiting())
    }
}

impl CallEntry {
    pub(super) fn desk(&mut self) -> Option<&mut Desk> {
        match &mut self.plan {
            Plan::Queue(desk) => Some(desk),
            _ => None,
        }
    }
}

impl Edge {
    /// The call comes into the queue its journey has led it to.
    pub(super) fn enter_desk(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let Some(desk) = entry.desk() else { return };
        let Some(queue) = desk.journey.queue() else { return };
        let waiting = self.directory.queue(queue).map(|queue| queue.settings.waiting.clone()).unwrap_or_default();
        let answers = waiting.answers() && !desk.answered && !desk.is_on_hold;
        desk.answered |= answers;
        desk.stage = Stage::Waiting;
        desk.waiting = waiting;
        desk.announce_at = None;
        desk.close_at = (desk.waiting.close_waiting && desk.waiting.calendar.is_some()).then(|| now + MINUTE);
        let (arrived, overflow_at) = (desk.arrived, desk.journey.due());
        if answers {
            Self::tell(entry, now, Input::AnswerCaller);
        }
        if self.is_closed(queue) {
            // The log says which queue did not take it.
            self.report(now, id, entry, Change::queued(queue, None));
            let left = Change::LeftQueue { queue, reason: LeaveReason::Closed, position: None, key: None, stood: None };
            self.report(now, id, entry, left);
            return self.overflow_desk(now, id, entry, OverflowReason::Closed);
        }
        self.desk_comfort(id, entry);
        let since = Some(arrived).filter(|arrived| *arrived != now);
        self.join_queue(now, id, entry, Arrival { since, overflow_at, ..Arrival::new(id, queue) });
    }

    /// Music, as the queue has it; ringing while somebody is called.
    fn desk_comfort(&mut self, id: CallId, entry: &mut CallEntry) {
        use dialplane_core::queue::waiting::Music;
        let Some(desk) = entry.desk().filter(|desk| desk.answered) else { return };
        let music = match desk.stage {
            Stage::Waiting => desk.waiting.music.clone().unwrap_or(Music::Default),
            Stage::Called | Stage::Talking => Music::Ringing,
        };
        let language = desk.waiting.language().to_owned();
        self.set_comfort(id, entry, Some(&music), &language);
    }

    /// Lets the caller hear us as soon as it can.
    pub(super) fn begin_desk_voice(&mut self, entry: &mut CallEntry) {
        let waits = entry.desk().is_some_and(|desk| desk.answered && !desk.voiced && desk.stage != Stage::Talking);
        if !waits || entry.machine.voice().is_none() {
            return;
        }
        self.attach_voice(entry);
        if let Some(desk) = entry.desk() {
            desk.voiced = true;
        }
        self.comfort(entry);
    }

    /// The call is in the line: whoever has to wait is told so at once.
    pub(super) fn begin_announcements(&mut self, now: Instant, entry: &mut CallEntry) {
        if let Some(desk) = entry.desk() {
            desk.announce_at = desk.waiting.announce.as_ref().map(|_| now);
        }
    }

    /// Opening hours have changed: callers who would leave at closing time see the new ones at once.
    pub(super) fn hours_changed(&mut self, now: Instant) {
        for (id, entry) in &mut self.calls {
            if let Some(desk) = entry.desk().filter(|desk| desk.close_at.is_some()) {
                desk.close_at = Some(now);
                entry.due = Some(now);
                self.deadlines.push(Reverse((now, *id)));
            }
        }
    }

    /// Does what is due while a caller waits.
    pub(super) fn desk_due(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let passed = |at: &mut Instant| *at <= now;
        let Some(desk) = entry.desk().filter(|desk| desk.is_waiting()) else { return };
        if desk.close_at.take_if(passed).is_some() {
            let queue = desk.journey.queue();
            // Whoever rings may still answer.
            let in_line = self.routers.get(&entry.company).and_then(|router| router.position(id, 0)).is_some();
            if in_line && queue.is_some_and(|queue| self.is_closed(queue)) {
                self.leave_line(now, id, entry, LeaveReason::Closed);
                self.tell_router(now, entry.company, RouterInput::CallGone { call: id });
                return self.overflow_desk(now, id, entry, OverflowReason::Closed);
            }
            if let Some(desk) = entry.desk() {
                desk.close_at = Some(now + MINUTE);
            }
        }
        self.announce(now, id, entry);
    }

    fn announce(&mut self, now: Instant, id: CallId, entry: &mut CallEntry) {
        let (company, plays) = (entry.company, entry.hearing.playing.is_some());
        let Some(desk) = entry.desk().filter(|desk| desk.voiced) else { return };
        let Some(announce) = desk.waiting.announce.clone() else { return };
        if desk.announce_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        desk.announce_at = Some(now + Duration::from_secs(announce.every_seconds.into()));
        let position = self.routers.get(&company).and_then(|router| router.position(id, POSITION_MAX));
        // Whose agent rings is nearly there, and one announcement is heard to its end.
        let Some(position) = position.filter(|_| !plays) else { return };
        let mut sounds: Vec<Sound> = Vec::new();
        let mut language = desk.waiting.language().to_owned();
        sounds.extend(announce.prompt.as_deref().map(|name| Sound::Audio(name.into())));
        let experience = desk.journey.queue().and_then(|queue| self.experiences.get(&queue));
        let wait = experience.filter(|_| announce.wait && position <= POSITION_MAX);
        let wait = wait.and_then(|experience| experience.estimate(position - 1)).map(|told| Saying::Wait(told.most));
        let position = announce.position.then_some(Saying::Position(position));
        for saying in position.into_iter().chain(wait) {
            let phrase = saying.in_language(&language);
            sounds.push(Sound::Say(phrase.text));
            language = phrase.language;
        }
        if !sounds.is_empty() {
            self.tell_caller(id, entry, sounds, language);
        }
    }

    /// Says something to a caller who waits, in place of the music.
    fn tell_caller(&mut self, id: CallId, entry: &mut CallEntry, sounds: Vec<Sound>, language: String) {
        let Some(desk) = entry.desk().filter(|desk| desk.voiced) else { return };
        let play = Token(ANNOUNCEMENTS | desk.announcements);
        desk.announcements = (desk.announcements + 1) % ANNOUNCEMENTS;
        self.play(id, entry, play, sounds, language.into(), false);
    }

    /// The queue has no agent for the call. Whoever was only to be led on in good time, and cannot be, stays in the queue.
    pub(super) fn overflow_desk(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, reason: OverflowReason) {
        let late = reason == OverflowReason::Chain && self.waited_longest(now, entry);
        let reason = if late { OverflowReason::MaxWait } else { reason };
        let way = self.next_way(id, entry);
        let stays = |queue: QueueId| self.directory.queue(queue).is_some() && !self.is_closed(queue);
        if way.is_none() && reason == OverflowReason::Chain && entry.waits_in().is_some_and(stays) {
            return self.stay_on(now, entry);
        }
        self.leave_line(now, id, entry, leave_reason(reason));
        let cause = match reason {
            OverflowReason::NoQueue => HangupCause::NoRoute,
            OverflowReason::Full | OverflowReason::NoAgents => HangupCause::UserBusy,
            _ => HangupCause::NoAnswer,
        };
        self.lead_on(now, id, entry, way, reason.as_str(), cause);
    }

    /// Somebody whom the chain named has not answered.
    pub(super) fn target_failed(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, reason: OfferFailure) {
        let way = self.next_way(id, entry);
        self.lead_on(now, id, entry, way, "not_answered", cause(reason));
    }

    /// The next way of the call's chain that can be gone.
    fn next_way(&mut self, id: CallId, entry: &mut CallEntry) -> Option<(Way, OverflowTarget)> {
        while let Some(target) = entry.desk().and_then(|desk| desk.journey.step()) {
            if let Some(way) = self.way_to(id, entry, &target) {
                return Some((way, target));
            }
            tracing::warn!(call = %id, kind = target.kind(), "a target of overflow is not there: passed over");
        }
        None
    }

    /// Leads the call on. Where its chain is at its end the call ends, for `cause`.
    fn lead_on(
        &mut self,
        now: Instant,
        id: CallId,
        entry: &mut CallEntry,
        way: Option<(Way, OverflowTarget)>,
        reason: &str,
        cause: HangupCause,
    ) {
        self.quiet(entry);
        if let Some((way, target)) = way {
            return self.follow(now, id, entry, way, &target, reason);
        }
        let language = entry.desk().filter(|desk| desk.answered).map(|desk| desk.waiting.language().to_owned());
        match language.and_then(|language| self.farewell(id, entry, &language, cause)) {
            Some(run) => self.hand_over(now, entry, run),
            None => Self::tell(entry, now, Input::NoRoute { cause }),
        }
    }

    /// Nothing is announced or played any more.
    fn quiet(&mut self, entry: &mut CallEntry) {
        if let Some(play) = entry.hearing.playing.take()
            && let Some(session) = entry.media
        {
            self.relay.stop_play(session, crate::call::Side::A, play.0.into()).ok();
        }
        self.stop_comfort(entry);
    }

    /// A waiting caller pressed a key.
    pub(super) fn exit_by_key(&mut self, now: Instant, id: CallId, entry: &mut CallEntry, key: char) {
        let Some(desk) = entry.desk().filter(|desk| desk.is_waiting()) else { return };
        let Some(exit) = desk.waiting.exit_keys.iter().find(|exit| exit.key == key) else { return };
        let target = exit.target.clone();
        let may_go = desk.journey.may_go(&target);
        let language = desk.waiting.language().to_owned();
        if target == OverflowTarget::Callback && self.callback_number(entry).is_none() {
            let phrase = Saying::NoCallback.in_language(&language);
            return self.tell_caller(id, entry, vec![Sound::Say(phrase.text)], phrase.language);
        }
        let Some(way) = may_go.then(|| self.way_to(id, entry, &target)).flatten() else {
            tracing::warn!(call = %id, kind = target.kind(), "a key leads to a target that is not there");
            return;
        };
        self.leave_line(now, id, entry, LeaveReason::Key);
        self.tell_router(now, entry.company, RouterInput::CallGone { call: id });
        Self::tell(entry, now, Input::Withdraw);
        self.quiet(entry);
        self.follow(now, id, entry, way, &target, "key");
    }

    /// Somebody talks with the caller.
    pub(super) fn desk_bridged(&mut self, entry: &mut CallEntry) {
        let Some(desk) = entry.desk() else { return };
        desk.stage = Stage::Talking;
        if desk.voiced {
            self.detach_voice(entry);
        }
    }
}
