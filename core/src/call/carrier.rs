//! Calls that a carrier's service carries for us: it rings the agent's own telephone, connects the destination, and tells us what
//! happens. What it tells may come late, twice and in any order; [`changes`] says what follows from it for the call's record.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Call, Change, Hangup, HangupCause, LegKind, LegState, Side};
use crate::id::{CallId, CompanyId};
use crate::phone::E164;
use crate::phone::inventory::{BY_HAND, PhoneNumber};

/// The leg of the agent, which the carrier rings first.
const AGENT: u32 = 0;
/// The leg of the destination.
const DESTINATION: u32 = 1;

/// The longest name that a carrier gives to a call or a recording.
pub const SID_MAX: usize = 64;

/// A carrier whose service carries calls for us. A SIP trunk is not one: there we carry the call and the carrier a leg of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Twilio's Programmable Voice.
    Twilio,
    /// Nobody's: our own call control carries the call and records it.
    Own,
}

impl Service {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Own => "own",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Twilio, Self::Own].into_iter().find(|service| service.as_str() == word)
    }

    /// Whether it has the numbers of a provider. Of numbers that were added by hand nobody said whose they are: they are tried.
    #[must_use]
    pub fn has_numbers_of(self, provider: &str) -> bool {
        provider == self.as_str() || provider == BY_HAND
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a call is handed over to: an account at a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The service.
    pub service: Service,
    /// The name of the company's own account; `None` for the server's.
    pub account: Option<String>,
    /// Shown in place of numbers that the service does not have.
    pub caller: Option<E164>,
}

impl HandOver {
    /// What is shown in place of a number; `None` when the number itself is. A service refuses calls from numbers that it does not
    /// have, and agents may have those of another carrier.
    #[must_use]
    pub fn caller_for(&self, number: &PhoneNumber) -> Option<&E164> {
        self.caller
            .as_ref()
            .filter(|caller| **caller != number.number && !self.service.has_numbers_of(&number.provider))
    }
}

/// How a call is known to the service that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierCall {
    /// The call.
    pub call: CallId,
    /// The company.
    pub company: CompanyId,
    /// Who carries it.
    pub service: Service,
    /// The name of the company's own account that carries it; `None` for the server's.
    pub account: Option<String>,
    /// The number that is shown, when it is not the one that the call is from.
    pub caller: Option<E164>,
    /// The service's own name for it, once it is known.
    pub sid: Option<String>,
    /// When the service is to be asked how the call stands; `None` when it is over.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was asked in vain since it last answered.
    pub attempts: u32,
    /// Counts the changes.
    pub version: u32,
    /// When the call was handed over.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which end of a call a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The agent's telephone.
    Agent,
    /// The number that is called.
    Destination,
    /// The call as a whole: it is over, and nothing more will be told of its ends.
    Call,
}

/// How an end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndStatus {
    /// It is being called.
    Initiated,
    /// It rings.
    Ringing,
    /// It was answered.
    InProgress,
    /// It was answered, and is over.
    Completed,
    /// It was never answered.
    Unanswered(HangupCause),
}

/// What a carrier says of one end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndReport {
    /// Which end.
    pub end: End,
    /// How it stands.
    pub status: EndStatus,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Seconds between answer and end, when the carrier says so.
    pub talk_seconds: Option<u32>,
    /// The SIP status the end gave, when there was one.
    pub sip_status: Option<u16>,
}

/// What follows for the record of a call from what a carrier says of one of its ends.
///
/// Nothing ever goes back, and nothing is counted twice: a report that says less than what is known gives no change. What must have
/// come before (a destination is only called once the agent has answered) is added where its own report has not come. The
/// destination's end is the end of the call. The agent's is it only before they answer: after that the destination's own report tells
/// how it went, and is on its way.
#[must_use]
pub fn changes(call: &Call, report: &EndReport) -> Vec<(DateTime<Utc>, Change)> {
    if call.status.is_final() {
        return Vec::new();
    }
    let mut steps = Steps { call, at: report.at.max(call.started_at), list: Vec::new() };
    match report.end {
        End::Agent => agent(&mut steps, report),
        End::Destination => destination(&mut steps, report),
        End::Call => {
            if let EndStatus::Unanswered(cause) = report.status {
                let side = if cause == HangupCause::Cancelled { Side::Caller } else { Side::System };
                steps.ended(side, cause, report.sip_status);
            }
        }
    }
    steps.list
}

/// How far a leg has come.
fn rank(state: LegState) -> u8 {
    match state {
        LegState::Calling => 1,
        LegState::Ringing => 2,
        LegState::Answered | LegState::Held => 3,
        LegState::Ended => 4,
    }
}

struct Steps<'c> {
    call: &'c Call,
    at: DateTime<Utc>,
    list: Vec<(DateTime<Utc>, Change)>,
}

impl Steps<'_> {
    /// How far a leg has come; 0 when there is none.
    fn rank(&self, leg: u32) -> u8 {
        self.call.legs.iter().find(|known| known.id == leg).map_or(0, |known| rank(known.state))
    }

    fn is_before(&self, leg: u32, state: LegState) -> bool {
        self.rank(leg) < rank(state)
    }

    fn push(&mut self, at: DateTime<Utc>, change: Change) {
        self.list.push((at, change));
    }

    fn answered(&mut self, at: DateTime<Utc>, leg: u32) {
        if self.is_before(leg, LegState::Answered) {
            self.push(at, Change::Answered { leg, codec: None });
        }
    }

    fn leg_ended(&mut self, leg: u32, sip_status: Option<u16>) {
        if self.is_before(leg, LegState::Ended) {
            self.push(self.at, Change::LegEnded { leg, sip_status });
        }
    }

    fn ended(&mut self, side: Side, cause: HangupCause, sip_status: Option<u16>) {
        self.push(self.at, Change::Ended { hangup: Hangup { side, cause, sip_status } });
    }
}

fn agent(steps: &mut Steps<'_>, report: &EndReport) {
    match report.status {
        EndStatus::Initiated => {}
        EndStatus::Ringing if steps.is_before(AGENT, LegState::Ringing) => {
            steps.push(steps.at, Change::Ringing { leg: AGENT });
        }
        EndStatus::Ringing => {}
        EndStatus::InProgress => steps.answered(steps.at, AGENT),
        EndStatus::Completed => {
            let since = began(steps, report);
            steps.answered(since, AGENT);
            steps.leg_ended(AGENT, report.sip_status);
        }
        EndStatus::Unanswered(cause) if steps.is_before(AGENT, LegState::Answered) => {
            steps.leg_ended(AGENT, report.sip_status);
            steps.ended(Side::Caller, cause, report.sip_status);
        }
        EndStatus::Unanswered(_) => steps.leg_ended(AGENT, report.sip_status),
    }
}

fn destination(steps: &mut Steps<'_>, report: &EndReport) {
    let since = if report.status == EndStatus::Completed { began(steps, report) } else { steps.at };
    steps.answered(since, AGENT);
    if steps.rank(DESTINATION) == 0 {
        let party = steps.call.to.expose().clone();
        steps.push(since, Change::LegAdded { leg: DESTINATION, kind: LegKind::Carrier, party, agent: None });
    }
    match report.status {
        EndStatus::Initiated => {}
        EndStatus::Ringing if steps.is_before(DESTINATION, LegState::Ringing) => {
            steps.push(steps.at, Change::Ringing { leg: DESTINATION });
        }
        EndStatus::Ringing => {}
        EndStatus::InProgress => connected(steps, since),
        EndStatus::Completed => {
            connected(steps, since);
            // The carrier does not say who hung up: whose end came first did.
            let side = if steps.is_before(AGENT, LegState::Ended) { Side::Callee } else { Side::Caller };
            steps.leg_ended(DESTINATION, report.sip_status);
            steps.ended(side, HangupCause::NormalClearing, report.sip_status);
        }
        EndStatus::Unanswered(cause) => {
            let side = if cause == HangupCause::Cancelled { Side::Caller } else { Side::Callee };
            steps.leg_ended(DESTINATION, report.sip_status);
            steps.ended(side, cause, report.sip_status);
        }
    }
}

fn connected(steps: &mut Steps<'_>, at: DateTime<Utc>) {
    if steps.is_before(DESTINATION, LegState::Answered) {
        steps.push(at, Change::Answered { leg: DESTINATION, codec: None });
        steps.push(at, Change::Bridged { a: AGENT, b: DESTINATION });
    }
}

/// When an end that is over was answered.
fn began(steps: &Steps<'_>, report: &EndReport) -> DateTime<Utc> {
    let talk = TimeDelta::seconds(report.talk_seconds.unwrap_or(0).into());
    (steps.at - talk).max(steps.call.started_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::record::tests::new_call;
    use crate::call::{CallStatus, Direction};
    use crate::id::{IdSource, SeededIds};

    const TALK: u32 = 60;

    fn placed() -> Call {
        let mut call = new_call(1, Direction::Outbound);
        let party = "+14155550111".to_owned();
        call.apply(call.started_at, &Change::LegAdded { leg: AGENT, kind: LegKind::Carrier, party, agent: call.agent })
            .unwrap();
        call
    }

    fn report(call: &Call, end: End, status: EndStatus, after: i64) -> EndReport {
        let talk_seconds = (status == EndStatus::Completed).then_some(TALK);
        EndReport { end, status, at: call.started_at + TimeDelta::seconds(after), talk_seconds, sip_status: None }
    }

    /// What is told of a call in which people talk.
    fn story(call: &Call) -> Vec<EndReport> {
        use EndStatus::*;
        [
            (End::Agent, Initiated, 0),
            (End::Agent, Ringing, 1),
            (End::Agent, InProgress, 5),
            (End::Destination, Initiated, 5),
            (End::Destination, Ringing, 6),
            (End::Destination, InProgress, 10),
            (End::Destination, Completed, 70),
            (End::Agent, Completed, 70),
        ]
        .map(|(end, status, after)| report(call, end, status, after))
        .into()
    }

    fn play(call: &mut Call, reports: &[EndReport]) {
        for report in reports {
            for (at, change) in changes(call, report) {
                call.apply(at, &change).unwrap();
            }
        }
    }

    #[test]
    fn reports_in_any_order_and_any_number_end_in_the_same_call() {
        let dice = SeededIds::new(5);
        let mut bytes = [0; 8];
        for round in 0..500 {
            let mut call = placed();
            let told = story(&call);
            let mut reports: Vec<EndReport> = told.iter().chain(&told).chain(&told).copied().collect();
            for at in (1..reports.len()).rev() {
                dice.fill(&mut bytes);
                let other = u64::from_be_bytes(bytes) as usize % (at + 1);
                reports.swap(at, other);
            }
            play(&mut call, &reports);
            assert_eq!(call.status, CallStatus::Completed, "round {round}");
            assert_eq!((call.wait_seconds(), call.talk_seconds()), (10, TALK), "round {round}");
            assert_eq!(call.legs.len(), 2);
            assert!(call.legs.iter().all(|leg| leg.state == LegState::Ended));
        }
    }

    #[test]
    fn the_destinations_end_is_the_calls_and_nothing_follows() {
        for (cause, status) in [
            (HangupCause::UserBusy, CallStatus::Busy),
            (HangupCause::NoAnswer, CallStatus::NoAnswer),
            (HangupCause::UnallocatedNumber, CallStatus::Failed),
            (HangupCause::Cancelled, CallStatus::Cancelled),
        ] {
            let mut call = placed();
            let agent_gone = report(&call, End::Agent, EndStatus::Completed, 9);
            play(&mut call, &[agent_gone]);
            assert_eq!(call.status, CallStatus::Initiated, "how it went is not known yet");
            let over = report(&call, End::Destination, EndStatus::Unanswered(cause), 8);
            play(&mut call, &[over]);
            assert_eq!((call.status, call.talk_seconds()), (status, 0));
            let late = report(&call, End::Destination, EndStatus::Completed, 99);
            assert_eq!(changes(&call, &late), []);
        }
    }

    #[test]
    fn an_agent_who_does_not_answer_ends_the_call() {
        let mut call = placed();
        let ringing = report(&call, End::Agent, EndStatus::Ringing, 1);
        let never = report(&call, End::Agent, EndStatus::Unanswered(HangupCause::NoAnswer), 30);
        play(&mut call, &[ringing, never, ringing]);
        assert_eq!((call.status, call.legs.len()), (CallStatus::NoAnswer, 1));
    }

    #[test]
    fn a_call_of_which_nothing_more_will_be_heard_ends_as_far_as_it_came() {
        let gone = |call: &Call| report(call, End::Call, EndStatus::Unanswered(HangupCause::Cancelled), 200);
        let mut call = placed();
        let over = gone(&call);
        play(&mut call, &[over]);
        assert_eq!((call.status, call.legs.len()), (CallStatus::Cancelled, 1));
        let mut call = placed();
        let talking = report(&call, End::Destination, EndStatus::InProgress, 10);
        play(&mut call, &[talking, over]);
        assert_eq!((call.status, call.talk_seconds()), (CallStatus::Completed, 190));
    }

    #[test]
    fn a_clock_that_is_behind_does_not_make_a_call_end_before_it_began() {
        let mut call = placed();
        let early = report(&call, End::Destination, EndStatus::Completed, -500);
        play(&mut call, &[early]);
        assert_eq!((call.ended_at, call.talk_seconds()), (Some(call.started_at), 0));
    }
}
