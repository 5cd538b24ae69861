//! Callbacks: callers who need not hold the line to keep their place in a queue.
//!
//! A callback keeps the time its caller came. When its turn is there, an agent is rung, and once they have answered, the caller; or the
//! other way round where the queue says so: the caller is rung, and once they have answered they wait in the queue in their place. One
//! person waits once in a queue: who asks again keeps the first place, and who calls and is answered needs no callback any more.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::call::{Call, CallStatus, HangupCause, LegKind, ResultBucket, Side};
use crate::error::refusal;
use crate::id::{CallId, CallbackId, CompanyId, QueueId, UserId};
use crate::phone::{BadNumber, E164};

/// The most attempts that may be asked for.
pub const ATTEMPTS_MAX: u8 = 20;
/// The longest wait before the first attempt and between two, in seconds: three days.
pub const DELAY_MAX: u32 = 259_200;

/// The most agents that are asked to make a callback before it rests.
pub const ASKED_MAX: usize = 20;

/// How a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Waits for its time, or in the queue.
    Waiting,
    /// An agent is being rung, or the person; or the person waits for an agent on the line.
    Dialling,
    /// The person was talked to.
    Done,
    /// The person was not reached, however often it was tried.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl CallbackState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Dialling, Self::Done, Self::Failed, Self::Cancelled];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dialling => "dialling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the person is still to be called.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Dialling)
    }
}

impl FromStr for CallbackState {
    type Err = CallbackRefused;
    fn from_str(text: &str) -> Result<Self, CallbackRefused> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(CallbackRefused::BadState)
    }
}

/// A callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Its id.
    pub id: CallbackId,
    /// The company.
    pub company: CompanyId,
    /// The queue it waits in. At most one of a number is open there.
    pub queue: QueueId,
    /// Whom to call.
    pub number: E164,
    /// The number that is shown to them: the one they had called. The agent's own when nothing is known.
    pub shown: Option<E164>,
    /// How it stands.
    pub state: CallbackState,
    /// Since when the person waits: their place in the queue.
    pub since: DateTime<Utc>,
    /// Not called before.
    pub due_at: DateTime<Utc>,
    /// How often the person was called.
    pub attempts: u8,
    /// How often they are called at most.
    pub attempts_max: u8,
    /// Seconds between two attempts.
    pub retry_seconds: u32,
    /// The call in which they asked for it.
    pub asked_in: Option<CallId>,
    /// The last call to them.
    pub call: Option<CallId>,
    /// Who made it.
    pub agent: Option<UserId>,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRequest {
    /// The queue.
    pub queue: QueueId,
    /// Whom to call.
    pub number: E164,
    /// The number that is shown to them.
    pub shown: Option<E164>,
    /// Since when they wait; from now on when nothing is said.
    pub since: Option<DateTime<Utc>>,
    /// Seconds until the first attempt: 0 to [`DELAY_MAX`].
    pub delay_seconds: u32,
    /// Attempts: 1 to [`ATTEMPTS_MAX`].
    pub attempts: u8,
    /// Seconds between two attempts: 1 to [`DELAY_MAX`].
    pub retry_seconds: u32,
    /// The call in which they asked.
    pub asked_in: Option<CallId>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The person was talked to; or they answered and hung up while they waited for an agent: who wants no more of it is not called
    /// again, and is counted among those who abandoned.
    Reached,
    /// The person was called and not reached, or had to be let go without anybody for them.
    NotReached,
    /// No agent took it: the person was not called.
    NoAgent,
}

impl Attempt {
    /// What became of the attempt that a call was, which has ended.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        // Whoever is rung first is the first leg. Where that is the person, only they are the caller who hangs up.
        let person_first = call.legs.first().is_some_and(|leg| leg.kind == LegKind::Carrier);
        let left = person_first && call.hangup.is_some_and(|hangup| hangup.side == Side::Caller);
        // A trunk that cannot be used costs an attempt, or it would be tried without end.
        let no_way = call.hangup.is_some_and(|hangup| hangup.cause == HangupCause::NoRoute);
        if call.was_connected() || call.status == CallStatus::Completed || left {
            Self::Reached
        } else if no_way || has_called(call) {
            Self::NotReached
        } else {
            Self::NoAgent
        }
    }
}

/// Whether the person was called.
fn has_called(call: &Call) -> bool {
    call.legs.iter().any(|leg| leg.kind == LegKind::Carrier)
}

/// The agent whose phone was rung by this call to make a callback, and who did not. What ended by no doing of theirs does not count.
#[must_use]
pub fn asked_in_vain(call: &Call) -> Option<UserId> {
    let bucket = call.hangup.filter(|_| !call.was_connected() && !has_called(call))?.cause.bucket();
    let theirs = matches!(bucket, ResultBucket::Busy | ResultBucket::NoAnswer | ResultBucket::Rejected);
    call.legs.iter().find_map(|leg| leg.agent).filter(|_| theirs)
}

/// Why a callback was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefused {
    /// The number cannot be called.
    #[error("{0}")]
    Number(#[from] BadNumber),
    /// The delay is out of range.
    #[error("the first attempt is made within {DELAY_MAX} seconds")]
    BadDelay,
    /// The attempts are out of range.
    #[error("there are 1 to {ATTEMPTS_MAX} attempts")]
    BadAttempts,
    /// The time between attempts is out of range.
    #[error("there are 1 to {DELAY_MAX} seconds between two attempts")]
    BadRetry,
    /// No such word.
    #[error("a state is waiting, dialling, done, failed or cancelled")]
    BadState,
    /// No such queue.
    #[error("there is no such queue")]
    NoSuchQueue,
    /// It is over, or somebody is calling already.
    #[error("this callback waits no more")]
    NotWaiting,
    /// The agent who is to call has other calls in hand.
    #[error("the agent has a call in hand")]
    AgentBusy,
    /// An agent asks for a call abroad: whoever names a number would make costs. Admins and managers may.
    #[error("the number is in another country: an admin or a manager may ask for this callback")]
    Abroad,
    /// The number to be shown is not one of the company's.
    #[error("only a number that an inbound route of the company leads somewhere can be shown")]
    NotOurs,
    /// The company has no trunk to call out by.
    #[error("there is no trunk to call out by")]
    NoTrunk,
    /// Neither the person called a number of ours, nor does one lead to the queue.
    #[error("there is no number to show: lead one to the queue")]
    NoNumber,
    /// No such callback.
    #[error("there is no such callback")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(CallbackRefused {
    Self::Number(_) => Invalid, "invalid_number", "number";
    Self::BadDelay => Invalid, "invalid_input", "delaySeconds";
    Self::BadAttempts => Invalid, "invalid_input", "attempts";
    Self::BadRetry => Invalid, "invalid_input", "retrySeconds";
    Self::BadState => Invalid, "invalid_input", "state";
    Self::NoSuchQueue => Invalid, "unknown_queue", "queueId";
    Self::NotWaiting => Conflict, "not_waiting";
    Self::Abroad => Refused, "country_not_allowed", "number";
    Self::NotOurs => Invalid, "unknown_number", "callerId";
    Self::AgentBusy => Conflict, "agent_busy";
    Self::NoTrunk => Conflict, "no_trunk";
    Self::NoNumber => Conflict, "no_number";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

impl CallbackRequest {
    /// Everything that is wrong with what is asked for.
    pub fn faults(&self) -> impl Iterator<Item = CallbackRefused> + use<> {
        let rules = [
            (self.delay_seconds <= DELAY_MAX, CallbackRefused::BadDelay),
            ((1..=ATTEMPTS_MAX).contains(&self.attempts), CallbackRefused::BadAttempts),
            ((1..=DELAY_MAX).contains(&self.retry_seconds), CallbackRefused::BadRetry),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused)
    }
}

impl Callback {
    /// Takes a request.
    ///
    /// # Errors
    /// [`CallbackRefused`] names the field at fault.
    pub fn request(
        id: CallbackId,
        company: CompanyId,
        request: CallbackRequest,
        now: DateTime<Utc>,
    ) -> Result<Self, CallbackRefused> {
        if let Some(refused) = request.faults().next() {
            return Err(refused);
        }
        Ok(Self {
            id,
            company,
            queue: request.queue,
            number: request.number,
            shown: request.shown,
            state: CallbackState::Waiting,
            since: request.since.map_or(now, |since| since.min(now)),
            due_at: now + TimeDelta::seconds(request.delay_seconds.into()),
            attempts: 0,
            attempts_max: request.attempts,
            retry_seconds: request.retry_seconds,
            asked_in: request.asked_in,
            call: None,
            agent: None,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// The person is about to be called by `call`: by an agent, or first where there is none.
    ///
    /// # Errors
    /// [`CallbackRefused::NotWaiting`] unless it waits and its time has come.
    pub fn start(self, call: CallId, agent: Option<UserId>, now: DateTime<Utc>) -> Result<Self, CallbackRefused> {
        self.is_due(now)?;
        let next = Self { call: Some(call), agent, ..self };
        Ok(next.moved(CallbackState::Dialling, now))
    }

    /// Rests as long as between two attempts when it comes to an agent who was asked in vain since its time came, or when so many were
    /// that it is nobody's turn any more: else it would ring as fast as agents decline. It keeps its place, and has cost no attempt.
    /// `None` when the agent may be asked.
    ///
    /// # Errors
    /// [`CallbackRefused::NotWaiting`] unless it waits and its time has come.
    pub fn rest(self, asked: &[UserId], agent: UserId, now: DateTime<Utc>) -> Result<Option<Self>, CallbackRefused> {
        self.is_due(now)?;
        if asked.len() < ASKED_MAX && !asked.contains(&agent) {
            return Ok(None);
        }
        let due_at = now + TimeDelta::seconds(self.retry_seconds.into());
        Ok(Some(Self { due_at, ..self }.moved(CallbackState::Waiting, now)))
    }

    fn is_due(&self, now: DateTime<Utc>) -> Result<(), CallbackRefused> {
        let due = self.state == CallbackState::Waiting && self.due_at <= now;
        due.then_some(()).ok_or(CallbackRefused::NotWaiting)
    }

    /// Whether one more person of a queue may be rung before there is an agent for them, where so many ring and so many agents are free:
    /// no more than could be talked to at once. The first is rung when their turn comes, which it does only with an agent free for them.
    #[must_use]
    pub const fn may_ring_first(ringing: usize, free: usize) -> bool {
        ringing == 0 || ringing < free
    }

    /// What became of the attempt that was made by `call`; `None` when it was another one's or is settled already.
    #[must_use]
    pub fn settle(self, call: CallId, attempt: Attempt, now: DateTime<Utc>) -> Option<Self> {
        if self.state != CallbackState::Dialling || self.call != Some(call) {
            return None;
        }
        Some(match attempt {
            Attempt::Reached => {
                let attempts = self.attempts.saturating_add(1);
                Self { attempts, ..self }.moved(CallbackState::Done, now)
            }
            Attempt::NotReached => self.missed(now),
            Attempt::NoAgent => self.moved(CallbackState::Waiting, now),
        })
    }

    /// The person cannot be called, as without a trunk: that costs an attempt, or it would be tried without end.
    ///
    /// # Errors
    /// [`CallbackRefused::NotWaiting`] unless it waits and its time has come.
    pub fn miss(self, now: DateTime<Utc>) -> Result<Self, CallbackRefused> {
        self.is_due(now)?;
        Ok(self.missed(now))
    }

    /// An attempt came to nothing: it is tried again later, unless it was the last one.
    fn missed(self, now: DateTime<Utc>) -> Self {
        let attempts = self.attempts.saturating_add(1);
        if attempts >= self.attempts_max {
            return Self { attempts, ..self }.moved(CallbackState::Failed, now);
        }
        let due_at = now + TimeDelta::seconds(self.retry_seconds.into());
        Self { attempts, due_at, ..self }.moved(CallbackState::Waiting, now)
    }

    /// Somebody calls it off.
    ///
    /// # Errors
    /// [`CallbackRefused::NotWaiting`] when it is over, or the call is being made: that call is to be ended by hand.
    pub fn cancel(self, now: DateTime<Utc>) -> Result<Self, CallbackRefused> {
        match self.state {
            CallbackState::Waiting => Ok(self.moved(CallbackState::Cancelled, now)),
            _ => Err(CallbackRefused::NotWaiting),
        }
    }

    /// Its queue goes; a call that is being made is not made again.
    #[must_use]
    pub fn lose_queue(self, now: DateTime<Utc>) -> Self {
        self.moved(CallbackState::Cancelled, now)
    }

    /// The person called again and was talked to; `None` when it was over.
    #[must_use]
    pub fn answered_otherwise(self, now: DateTime<Utc>) -> Option<Self> {
        self.state.is_open().then(|| self.moved(CallbackState::Done, now))
    }

    fn moved(self, state: CallbackState, now: DateTime<Utc>) -> Self {
        Self { state, version: self.version.wrapping_add(1), updated_at: now, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Change, Direction, Hangup, NewCall};
    use crate::id::Id;
    use uuid::Uuid;

    fn id<K>(n: u128) -> Id<K> {
        Id::from_uuid(Uuid::from_u128(n))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn asked(delay_seconds: u32) -> CallbackRequest {
        CallbackRequest {
            queue: id(2),
            number: E164::parse("+4930123456", "DE".parse().unwrap()).unwrap(),
            shown: None,
            since: Some(at(-60)),
            delay_seconds,
            attempts: 2,
            retry_seconds: 600,
            asked_in: None,
        }
    }

    fn callback(delay: u32) -> Callback {
        Callback::request(id(1), id(9), asked(delay), at(0)).unwrap()
    }

    #[test]
    fn the_place_is_that_of_the_caller_and_never_in_the_future() {
        assert_eq!(callback(0).since, at(-60));
        let early = CallbackRequest { since: Some(at(500)), ..asked(0) };
        assert_eq!(Callback::request(id(1), id(9), early, at(0)).unwrap().since, at(0));
    }

    #[test]
    fn it_is_dialled_once_at_a_time_and_not_before_its_time() {
        assert_eq!(callback(10).start(id(3), Some(id(4)), at(9)), Err(CallbackRefused::NotWaiting));
        let dialled = callback(10).start(id(3), Some(id(4)), at(10)).unwrap();
        assert_eq!((dialled.state, dialled.agent), (CallbackState::Dialling, Some(id(4))));
        assert_eq!(dialled.start(id(5), Some(id(6)), at(11)), Err(CallbackRefused::NotWaiting));
    }

    #[test]
    fn who_is_not_reached_is_called_again_later_in_the_same_place_until_the_attempts_are_used_up() {
        let first =
            callback(0).start(id(3), Some(id(4)), at(0)).unwrap().settle(id(3), Attempt::NotReached, at(30)).unwrap();
        assert_eq!((first.state, first.attempts, first.due_at), (CallbackState::Waiting, 1, at(630)));
        assert_eq!(first.since, at(-60));
        let second = first.start(id(5), Some(id(4)), at(700)).unwrap();
        assert_eq!(second.clone().settle(id(3), Attempt::Reached, at(701)), None, "another call's word");
        let failed = second.settle(id(5), Attempt::NotReached, at(730)).unwrap();
        assert_eq!((failed.state, failed.attempts), (CallbackState::Failed, 2));
        assert_eq!(failed.cancel(at(800)), Err(CallbackRefused::NotWaiting));
    }

    #[test]
    fn it_rests_when_it_comes_to_an_agent_a_second_time_and_keeps_its_place() {
        let asked: Vec<UserId> = (10..12).map(id).collect();
        assert_eq!(callback(0).rest(&asked, id(12), at(5)), Ok(None), "somebody is left");
        let resting = callback(0).rest(&asked, id(11), at(5)).unwrap().unwrap();
        assert_eq!((resting.state, resting.due_at, resting.attempts), (CallbackState::Waiting, at(605), 0));
        assert_eq!((resting.since, resting.version), (at(-60), 2));
        assert_eq!(resting.clone().rest(&[], id(11), at(604)), Err(CallbackRefused::NotWaiting));
        assert_eq!(resting.rest(&[], id(11), at(605)), Ok(None), "and then the round begins anew");
        let many: Vec<UserId> = (100..).take(ASKED_MAX).map(id).collect();
        assert!(callback(0).rest(&many, id(12), at(5)).unwrap().is_some(), "there is an end to it");
        let dialled = callback(0).start(id(3), None, at(0)).unwrap();
        assert_eq!(dialled.rest(&asked, id(11), at(5)), Err(CallbackRefused::NotWaiting));
    }

    #[test]
    fn no_more_customers_are_rung_than_there_are_agents_for_them() {
        let may = |ringing, free| Callback::may_ring_first(ringing, free);
        assert_eq!(
            [may(0, 0), may(0, 1), may(1, 1), may(1, 2), may(3, 3), may(2, 0)],
            [true, true, false, true, false, false]
        );
    }

    /// A call of a queue to the outside that has ended; `first` is rung first, and `then` once they have answered.
    fn ended(first: LegKind, then: Option<LegKind>, side: Side, cause: HangupCause) -> Call {
        let mut call = Call::begin(NewCall {
            id: id(3),
            company: id(9),
            direction: Direction::Outbound,
            from: "+12025550100".into(),
            to: "+12025550177".into(),
            agent: Some(id(4)),
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: at(0),
        });
        call.queue = Some(id(2));
        let kinds = [Some(first), then].into_iter().flatten().zip(0..);
        let agent = |kind| (kind == LegKind::Sip).then(|| id(4));
        let legs = kinds.map(|(kind, leg)| Change::LegAdded { leg, kind, party: "x".into(), agent: agent(kind) });
        let hangup = Hangup { side, cause, sip_status: None };
        for change in legs.chain([Change::Ended { hangup }]) {
            call.apply(at(0), &change).unwrap();
        }
        call
    }

    #[test]
    fn what_an_attempt_was_is_told_by_its_call() {
        use HangupCause::{Cancelled, NoAnswer, NodeLost, NormalClearing, SubscriberAbsent, UserBusy};
        use LegKind::{Carrier, Sip};
        let cases = [
            // An agent was rung first.
            (ended(Sip, None, Side::System, NoAnswer), Attempt::NoAgent, true),
            (ended(Sip, None, Side::Callee, UserBusy), Attempt::NoAgent, true),
            (ended(Sip, None, Side::System, SubscriberAbsent), Attempt::NoAgent, true),
            (ended(Sip, None, Side::System, NodeLost), Attempt::NoAgent, false),
            (ended(Sip, Some(Carrier), Side::Callee, UserBusy), Attempt::NotReached, false),
            (ended(Sip, Some(Carrier), Side::Caller, Cancelled), Attempt::NotReached, false),
            (ended(Sip, None, Side::System, HangupCause::NoRoute), Attempt::NotReached, false),
            // The person was.
            (ended(Carrier, None, Side::Callee, UserBusy), Attempt::NotReached, false),
            (ended(Carrier, Some(Sip), Side::Caller, NormalClearing), Attempt::Reached, false),
            (ended(Carrier, Some(Sip), Side::System, NoAnswer), Attempt::NotReached, false),
            (ended(Carrier, None, Side::System, NodeLost), Attempt::NotReached, false),
        ];
        for (call, attempt, in_vain) in cases {
            let told = (Attempt::of(&call), asked_in_vain(&call));
            assert_eq!(told, (attempt, call.agent.filter(|_| in_vain)), "{:?} {:?}", call.legs, call.hangup);
        }
        let mut talked = ended(Carrier, Some(Sip), Side::System, NormalClearing);
        talked.answered_at = Some(at(0));
        assert_eq!(Attempt::of(&talked), Attempt::Reached);
    }

    #[test]
    fn an_agent_who_does_not_answer_costs_the_person_no_attempt() {
        let back =
            callback(0).start(id(3), Some(id(4)), at(0)).unwrap().settle(id(3), Attempt::NoAgent, at(20)).unwrap();
        assert_eq!((back.state, back.attempts, back.due_at), (CallbackState::Waiting, 0, at(0)));
    }

    #[test]
    fn who_calls_and_is_answered_needs_no_callback() {
        let done = callback(0).answered_otherwise(at(5)).unwrap();
        assert_eq!((done.state, done.version), (CallbackState::Done, 2));
        assert_eq!(done.answered_otherwise(at(6)), None);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let bad = CallbackRequest { delay_seconds: DELAY_MAX + 1, attempts: 0, retry_seconds: 0, ..asked(0) };
        let faults: Vec<CallbackRefused> = bad.faults().collect();
        assert_eq!(faults, [CallbackRefused::BadDelay, CallbackRefused::BadAttempts, CallbackRefused::BadRetry]);
    }
}
