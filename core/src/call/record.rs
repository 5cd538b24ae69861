//! The record of a call, and how it follows from what happened.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CallStatus, Change, Hangup, IllegalTransition, Side};
use crate::id::{CallId, ClientId, CompanyId, LeadId, NodeId, NumberId, QueueId, TrunkId, UserId};
use crate::phone::E164;
use crate::pii::Pii;
use crate::search::Entries;

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From outside to one of our numbers.
    Inbound,
    /// From an agent to the outside.
    Outbound,
    /// From one extension to another.
    Internal,
}

impl Direction {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Inbound, Self::Outbound, Self::Internal].into_iter().find(|d| d.as_str() == word)
    }
}

/// How we know of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was carried, by us or by a carrier that reports to us: status and times are facts.
    Carried,
    /// Somebody entered it by hand: all of it can be corrected.
    Entered,
}

impl Origin {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Entered => "entered",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Carried, Self::Entered].into_iter().find(|origin| origin.as_str() == word)
    }
}

/// What carries a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegKind {
    /// A SIP phone.
    Sip,
    /// A browser.
    Webrtc,
    /// A carrier's trunk.
    Carrier,
}

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// It is being called.
    Calling,
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It is on hold.
    Held,
    /// It is over.
    Ended,
}

/// One end of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Its number within the call, from 0.
    pub id: u32,
    /// What carries it.
    pub kind: LegKind,
    /// Who is at its end: a number or a SIP user name.
    pub party: String,
    /// The agent at its end, when it is one.
    pub agent: Option<UserId>,
    /// Where it stands.
    pub state: LegState,
    /// The codec, once it is answered.
    pub codec: Option<String>,
    /// The SIP status it ended with, when there was one.
    #[serde(rename = "sipStatus")]
    pub sip_status: Option<u16>,
}

/// The most legs and timeline entries kept of one call; a loop in signalling must not fill the store.
pub const LEGS_MAX: usize = 64;
/// See [`LEGS_MAX`].
pub const EVENTS_MAX: u32 = 1_000;

/// One entry of a call's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// Its place in the timeline, from 1.
    pub seq: u32,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened: the name of a [`Change`].
    pub kind: String,
    /// The details, as JSON.
    pub data: serde_json::Value,
}

impl CallEvent {
    /// The change that it is the entry of; `None` where a later release knows it no more.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        let mut data = self.data.clone();
        data.as_object_mut()?.insert("type".to_owned(), self.kind.clone().into());
        serde_json::from_value(data).ok()
    }
}

/// What a call is known by when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Its id.
    pub id: CallId,
    /// The company.
    pub company: CompanyId,
    /// Which way it goes.
    pub direction: Direction,
    /// Who calls, as signalling names them.
    pub from: Pii<String>,
    /// Who is called.
    pub to: Pii<String>,
    /// The agent, when one is known from the start.
    pub agent: Option<UserId>,
    /// The number of ours that is used.
    pub number: Option<NumberId>,
    /// The trunk it arrives or leaves by.
    pub trunk: Option<TrunkId>,
    /// The lead it is about.
    pub lead: Option<LeadId>,
    /// The process that carries it.
    pub node: Option<NodeId>,
    /// When it began.
    pub at: DateTime<Utc>,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The company.
    pub company: CompanyId,
    /// Which way it goes.
    pub direction: Direction,
    /// How we know of it.
    pub origin: Origin,
    /// Where it stands.
    pub status: CallStatus,
    /// Who calls.
    pub from: Pii<String>,
    /// Who is called.
    pub to: Pii<String>,
    /// The agent who placed it or talked in it.
    pub agent: Option<UserId>,
    /// The queue it waited in.
    pub queue: Option<QueueId>,
    /// The number of ours that is used.
    pub number: Option<NumberId>,
    /// The trunk it arrives or leaves by.
    pub trunk: Option<TrunkId>,
    /// The lead it is about.
    pub lead: Option<LeadId>,
    /// The client at its other end.
    pub client: Option<ClientId>,
    /// The process that carries it.
    pub node: Option<NodeId>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When two people began to talk.
    pub answered_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub hangup: Option<Hangup>,
    /// What came of it, in the team's own words.
    pub outcome: Option<String>,
    /// Notes of the agent.
    pub notes: Option<String>,
    /// Its ends.
    pub legs: Vec<Leg>,
    /// How many timeline entries it has.
    pub events: u32,
    /// Counts the changes.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Call {
    /// The record of a call that begins.
    #[must_use]
    pub fn begin(new: NewCall) -> Self {
        Self {
            id: new.id,
            company: new.company,
            direction: new.direction,
            origin: Origin::Carried,
            status: CallStatus::Initiated,
            from: new.from,
            to: new.to,
            agent: new.agent,
            queue: None,
            number: new.number,
            trunk: new.trunk,
            lead: new.lead,
            client: None,
            node: new.node,
            started_at: new.at,
            answered_at: None,
            ended_at: None,
            hangup: None,
            outcome: None,
            notes: None,
            legs: Vec::new(),
            events: 0,
            version: 1,
            updated_at: new.at,
        }
    }

    /// The number at the other end, when it is one in international form: that of whoever calls or is called from outside.
    #[must_use]
    pub fn outside(&self) -> Option<E164> {
        match self.direction {
            Direction::Inbound => E164::from_stored(self.from.expose()),
            Direction::Outbound => E164::from_stored(self.to.expose()),
            Direction::Internal => None,
        }
    }

    /// What is found of it by words: what people wrote about it. Its numbers and the names of its people are looked up where
    /// they are.
    #[must_use]
    pub fn entries(&self) -> Entries {
        let mut entries = Entries::default();
        [&self.outcome, &self.notes].into_iter().flatten().for_each(|text| entries.text(text));
        entries
    }

    /// Whether two people talked.
    #[must_use]
    pub const fn was_connected(&self) -> bool {
        self.answered_at.is_some()
    }

    /// The agent whose phone was rung last, where that is not the agent of the call: a colleague who is called, or somebody who
    /// has not answered yet.
    #[must_use]
    pub fn rung(&self) -> Option<UserId> {
        self.legs.iter().rev().find_map(|leg| leg.agent).filter(|agent| Some(*agent) != self.agent)
    }

    /// Whole seconds from answer to end.
    #[must_use]
    pub fn talk_seconds(&self) -> u32 {
        super::stats::talk_seconds(self.answered_at, self.ended_at)
    }

    /// Whole seconds from the beginning to the answer, or to the end when nobody answered.
    #[must_use]
    pub fn wait_seconds(&self) -> u32 {
        let until = self.answered_at.or(self.ended_at).unwrap_or(self.started_at);
        u32::try_from((until - self.started_at).num_seconds().max(0)).unwrap_or(u32::MAX)
    }

    /// Applies what happened at `at` and gives the entry for the timeline; `None` when the timeline is full. The record
    /// counts its version once per batch of changes, not here.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the change cannot follow; the record is as it was.
    pub fn apply(&mut self, at: DateTime<Utc>, change: &Change) -> Result<Option<CallEvent>, IllegalTransition> {
        self.apply_status(at, change)?;
        self.apply_legs(change);
        self.updated_at = at.max(self.updated_at);
        if self.events >= EVENTS_MAX {
            return Ok(None);
        }
        self.events += 1;
        let mut data = serde_json::to_value(change).unwrap_or_default();
        if let Some(object) = data.as_object_mut() {
            object.remove("type");
        }
        Ok(Some(CallEvent { call: self.id, seq: self.events, at, kind: change.name().to_owned(), data }))
    }

    fn apply_status(&mut self, at: DateTime<Utc>, change: &Change) -> Result<(), IllegalTransition> {
        match change {
            Change::Queued { queue, .. } => {
                self.status = self.status.advance(CallStatus::Queued)?;
                self.queue = Some(*queue);
            }
            // We talk with the caller from now on: whoever leaves a message has not given up.
            Change::Overflowed { to, .. } if matches!(to.as_str(), "voicemail" | "callback") => {
                self.status = self.status.advance(CallStatus::InProgress)?;
            }
            Change::InFlow { .. } => self.status = self.status.advance(CallStatus::InProgress)?,
            Change::Tagged { outcome: Some(outcome), .. } if !self.status.is_final() => {
                self.outcome = Some(outcome.clone());
            }
            Change::Ringing { .. } if self.status != CallStatus::InProgress => {
                self.status = self.status.advance(CallStatus::Ringing)?;
            }
            Change::OfferFailed { .. } if self.status == CallStatus::Ringing => {
                let back = if self.queue.is_some() { CallStatus::Queued } else { CallStatus::Initiated };
                self.status = self.status.advance(back)?;
            }
            Change::Bridged { a, b } => {
                self.status = self.status.advance(CallStatus::InProgress)?;
                self.answered_at = self.answered_at.or(Some(at));
                self.agent =
                    self.agent_of(*b).or_else(|| self.agent_of(*a)).filter(|_| self.agent.is_none()).or(self.agent);
            }
            Change::Ended { hangup } => {
                self.status = self.status.advance(self.final_status(hangup))?;
                self.ended_at = Some(at);
                self.hangup = Some(*hangup);
            }
            // After the end only the ends of legs trickle in.
            other if self.status.is_final() && !matches!(other, Change::LegEnded { .. }) => {
                return Err(IllegalTransition { from: self.status, to: self.status });
            }
            _ => {}
        }
        Ok(())
    }

    fn agent_of(&self, leg: u32) -> Option<UserId> {
        self.legs.iter().find(|l| l.id == leg).and_then(|l| l.agent)
    }

    fn final_status(&self, hangup: &Hangup) -> CallStatus {
        if self.status == CallStatus::InProgress {
            return CallStatus::Completed;
        }
        // A caller who gives up while a queue looks for an agent has abandoned the call; one who dialled a person has cancelled it.
        if hangup.side == Side::Caller && self.queue.is_some() {
            return CallStatus::Abandoned;
        }
        hangup.cause.unanswered_status()
    }

    fn apply_legs(&mut self, change: &Change) {
        match change {
            Change::LegAdded { leg, kind, party, agent } if self.legs.len() < LEGS_MAX => self.legs.push(Leg {
                id: *leg,
                kind: *kind,
                party: party.clone(),
                agent: *agent,
                state: LegState::Calling,
                codec: None,
                sip_status: None,
            }),
            Change::Ringing { leg } | Change::EarlyMedia { leg } => self.set_leg(*leg, LegState::Ringing),
            Change::Answered { leg, codec } => {
                self.set_leg(*leg, LegState::Answered);
                if let Some(found) = self.legs.iter_mut().find(|l| l.id == *leg) {
                    found.codec.clone_from(codec);
                }
            }
            Change::Held { leg } => self.set_leg(*leg, LegState::Held),
            Change::Resumed { leg } => self.set_leg(*leg, LegState::Answered),
            Change::LegEnded { leg, sip_status } => {
                self.set_leg(*leg, LegState::Ended);
                if let Some(found) = self.legs.iter_mut().find(|l| l.id == *leg) {
                    found.sip_status = *sip_status;
                }
            }
            Change::Ended { .. } => self.legs.iter_mut().for_each(|leg| leg.state = LegState::Ended),
            _ => {}
        }
    }

    fn set_leg(&mut self, id: u32, state: LegState) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id && leg.state != LegState::Ended) {
            leg.state = state;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::call::{HangupCause, OfferFailure};
    use crate::id::{IdSource, SeededIds};
    use chrono::TimeDelta;

    pub(crate) fn new_call(seed: u64, direction: Direction) -> Call {
        let source = SeededIds::new(seed);
        let ids: &dyn IdSource = &source;
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        Call::begin(NewCall {
            id: ids.id(at),
            company: ids.id(at),
            direction,
            from: "+14155550100".into(),
            to: "+12025550123".into(),
            agent: None,
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at,
        })
    }

    fn ended(side: Side, cause: HangupCause) -> Change {
        Change::Ended { hangup: Hangup { side, cause, sip_status: None } }
    }

    fn play(call: &mut Call, changes: &[(i64, Change)]) -> Vec<CallEvent> {
        let start = call.started_at;
        let apply =
            |(after, change): &(i64, Change)| call.apply(start + TimeDelta::seconds(*after), change).unwrap().unwrap();
        changes.iter().map(apply).collect()
    }

    #[test]
    fn an_answered_queue_call_knows_its_agent_wait_and_talk() {
        let source = SeededIds::new(77);
        let ids: &dyn IdSource = &source;
        let agent: UserId = ids.id(DateTime::UNIX_EPOCH);
        let mut call = new_call(1, Direction::Inbound);
        let events = play(
            &mut call,
            &[
                (0, Change::LegAdded { leg: 0, kind: LegKind::Carrier, party: "+1415".into(), agent: None }),
                (0, Change::queued(ids.id(DateTime::UNIX_EPOCH), None)),
                (0, Change::Offered { agent, decision: None }),
                (0, Change::LegAdded { leg: 1, kind: LegKind::Sip, party: "1001".into(), agent: Some(agent) }),
                (1, Change::Ringing { leg: 1 }),
                (7, Change::Answered { leg: 1, codec: Some("PCMU".into()) }),
                (7, Change::Bridged { a: 0, b: 1 }),
                (67, ended(Side::Callee, HangupCause::NormalClearing)),
            ],
        );
        assert_eq!(call.status, CallStatus::Completed);
        assert_eq!((call.agent, call.wait_seconds(), call.talk_seconds()), (Some(agent), 7, 60));
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
        assert_eq!(events[2].change(), Some(Change::Offered { agent, decision: None }));
        assert!(call.legs.iter().all(|leg| leg.state == LegState::Ended));
    }

    #[test]
    fn a_call_in_a_flow_waits_comes_back_and_is_completed_and_only_people_who_talk_count_as_an_answer() {
        let source = SeededIds::new(78);
        let ids: &dyn IdSource = &source;
        let (flow, queue) = (ids.id(DateTime::UNIX_EPOCH), ids.id(DateTime::UNIX_EPOCH));
        let mut served = new_call(1, Direction::Inbound);
        let noted = Change::Tagged { tags: vec!["vip".into()], outcome: Some("booked".into()) };
        let steps = [
            (0, Change::InFlow { flow, version: 3 }),
            (5, Change::queued(queue, None)),
            (9, Change::InFlow { flow, version: 3 }),
            (10, noted),
            (12, ended(Side::System, HangupCause::NormalClearing)),
        ];
        let events = play(&mut served, &steps);
        assert_eq!((served.status, served.answered_at, served.wait_seconds()), (CallStatus::Completed, None, 12));
        assert_eq!((served.outcome.as_deref(), events.len()), (Some("booked"), 5));
        let mut left = new_call(2, Direction::Inbound);
        play(&mut left, &[steps[0].clone(), steps[1].clone(), (7, ended(Side::Caller, HangupCause::NormalClearing))]);
        assert_eq!(left.status, CallStatus::Abandoned);
    }

    #[test]
    fn a_caller_who_leaves_a_queue_has_abandoned_and_one_who_dialled_has_cancelled() {
        let source = SeededIds::new(77);
        let ids: &dyn IdSource = &source;
        let mut queued = new_call(1, Direction::Inbound);
        let agent = ids.id(DateTime::UNIX_EPOCH);
        play(
            &mut queued,
            &[
                (0, Change::queued(ids.id(DateTime::UNIX_EPOCH), None)),
                (1, Change::Ringing { leg: 1 }),
                (9, Change::OfferFailed { agent, reason: OfferFailure::NoAnswer }),
                (12, ended(Side::Caller, HangupCause::Cancelled)),
            ],
        );
        assert_eq!((queued.status, queued.wait_seconds()), (CallStatus::Abandoned, 12));
        let mut direct = new_call(2, Direction::Internal);
        play(&mut direct, &[(1, Change::Ringing { leg: 1 }), (2, ended(Side::Caller, HangupCause::Cancelled))]);
        assert_eq!(direct.status, CallStatus::Cancelled);
    }

    #[test]
    fn nothing_but_the_ends_of_legs_follows_the_end() {
        let mut call = new_call(1, Direction::Inbound);
        play(&mut call, &[(1, ended(Side::System, HangupCause::NoAnswer))]);
        let before = call.clone();
        assert!(call.apply(before.started_at, &Change::Ringing { leg: 0 }).is_err());
        assert!(call.apply(before.started_at, &ended(Side::Caller, HangupCause::NormalClearing)).is_err());
        assert_eq!(call, before);
        assert!(call.apply(before.started_at, &Change::LegEnded { leg: 0, sip_status: None }).is_ok());
    }
}
