//! The log of a queue in the words of the field: what became of each caller, as call centres have read it for decades. It follows from the
//! history of the call and is not kept by itself. What agents did is what its entries add up to, also while calls go on: an agent has taken
//! a call once they talk with the caller, or with whom they call back, and it counts for the day on which that one came into the queue.

use chrono::{DateTime, Utc};

use crate::call::{CallEvent, Change, LeaveReason, OfferFailure, Side, TransferTarget};
use crate::id::{CallId, QueueId, UserId};

macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident = $word:literal,)*) => {
        /// What happened to a caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Verb {
            $($(#[$doc])* $verb,)*
        }

        impl Verb {
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$verb => $word,)*
                }
            }
        }
    };
}

verbs! {
    /// They came into the queue.
    Enter = "ENTERQUEUE",
    /// An agent was rung in vain.
    RingNoAnswer = "RINGNOANSWER",
    /// An agent was rung no more: somebody else was faster, or the caller had gone.
    RingCanceled = "RINGCANCELED",
    /// They were connected with an agent.
    Connect = "CONNECT",
    /// They hung up before.
    Abandon = "ABANDON",
    /// They left by a key.
    ExitWithKey = "EXITWITHKEY",
    /// They had waited as long as the queue allows.
    ExitWithTimeout = "EXITWITHTIMEOUT",
    /// Nobody was there.
    ExitEmpty = "EXITEMPTY",
    /// As many waited as the queue takes.
    ExitFull = "EXITFULL",
    /// Something else took them out: their flow, or the end of the queue or of the call.
    Withdraw = "WITHDRAW",
    /// The agent ended the talk.
    CompleteAgent = "COMPLETEAGENT",
    /// The caller ended the talk, or the system did.
    CompleteCaller = "COMPLETECALLER",
    /// The talk ended with the caller going on elsewhere.
    Transfer = "TRANSFER",
}

/// An entry of a queue's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// The call.
    pub call: CallId,
    /// What.
    pub verb: Verb,
    /// The agent, where one took part.
    pub agent: Option<UserId>,
    /// The place in the queue at that time.
    pub position: Option<u32>,
    /// The place that the caller began with.
    pub original_position: Option<u32>,
    /// Milliseconds in the queue up to then, or up to the answer.
    pub wait_ms: u64,
    /// Milliseconds that the agent was rung.
    pub ring_ms: Option<u64>,
    /// Milliseconds talked.
    pub talk_ms: Option<u64>,
    /// The key, or why an agent was rung in vain.
    pub detail: Option<String>,
}

/// What entries of a log add up to for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentWork {
    /// Calls that rang at the agent.
    pub offered: u64,
    /// Calls that they took.
    pub taken: u64,
    /// Calls that they were rung for in vain.
    pub missed: u64,
    /// Calls that stopped ringing before they could: somebody else was faster, or the caller had gone.
    pub cancelled: u64,
    /// Milliseconds that the calls rang that they took.
    pub answer_ms: u64,
    /// Milliseconds talked, of talks that have ended.
    pub talk_ms: u64,
}

impl AgentWork {
    /// Adds an entry of the agent's.
    pub fn add(&mut self, entry: &LogEntry) {
        match entry.verb {
            Verb::Connect => {
                self.taken += 1;
                self.answer_ms += entry.ring_ms.unwrap_or_default();
            }
            Verb::RingNoAnswer => self.missed += 1,
            Verb::RingCanceled => self.cancelled += 1,
            _ => self.talk_ms += entry.talk_ms.unwrap_or_default(),
        }
        self.offered = self.taken + self.missed + self.cancelled;
    }
}

/// A caller's stay in the queue, while its entries are made.
#[derive(Debug, Clone)]
struct Visit {
    call: CallId,
    entered: DateTime<Utc>,
    position: Option<u32>,
    /// Who rings, and since when.
    rung: Vec<(UserId, DateTime<Utc>)>,
    /// Who has answered, and how long they rang until then. Who calls somebody back talks with nobody yet.
    answered: Option<(UserId, u64)>,
    /// Who talks, since when, and after how long a wait.
    talk: Option<(Option<UserId>, DateTime<Utc>, u64)>,
}

/// The stay in `queue` that begins with entry `seq` of a call's timeline, which is given in order. Empty where no stay begins there.
#[must_use]
pub fn visit(queue: QueueId, seq: u32, timeline: &[CallEvent]) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    let mut visit: Option<Visit> = None;
    let mut legs: Legs = Vec::new();
    for event in timeline {
        let Some(change) = event.change() else { continue };
        note_leg(&mut legs, &change);
        match (&mut visit, &change) {
            (None, Change::Queued { queue: own, position, .. }) if event.seq == seq && *own == queue => {
                visit = Some(Visit::begin(event.call, event.at, *position, &mut entries));
            }
            (None, _) => {}
            (Some(own), change) => {
                if own.goes_on(event.at, change, &legs, &mut entries) {
                    continue;
                }
                break;
            }
        }
    }
    entries
}

/// The stays of a call in queues, one after another, as they go on.
#[derive(Debug, Clone, Default)]
pub struct Stays {
    legs: Legs,
    visit: Option<Visit>,
}

impl Stays {
    /// Takes note of the next change of the call, and makes the entries of the log that it is worth, each with the time at which its
    /// stay began.
    pub fn hear(&mut self, call: CallId, at: DateTime<Utc>, change: &Change) -> Vec<(DateTime<Utc>, LogEntry)> {
        let mut entries = Vec::new();
        note_leg(&mut self.legs, change);
        if let Some(visit) = &mut self.visit {
            let entered = visit.entered;
            let mut own = Vec::new();
            if !visit.goes_on(at, change, &self.legs, &mut own) {
                self.visit = None;
            }
            entries.extend(own.into_iter().map(|entry| (entered, entry)));
        }
        if let Change::Queued { position, .. } = change {
            let mut own = Vec::new();
            self.visit = Some(Visit::begin(call, at, *position, &mut own));
            entries.extend(own.into_iter().map(|entry| (at, entry)));
        }
        entries
    }
}

/// The agents at the legs of a call.
type Legs = Vec<(u32, UserId)>;

fn note_leg(legs: &mut Legs, change: &Change) {
    if let Change::LegAdded { leg, agent: Some(agent), .. } = change {
        legs.push((*leg, *agent));
    }
}

const fn millis(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    let millis = to.timestamp_millis() - from.timestamp_millis();
    if millis < 0 { 0 } else { millis.unsigned_abs() }
}

impl Visit {
    fn begin(call: CallId, at: DateTime<Utc>, position: Option<u32>, entries: &mut Vec<LogEntry>) -> Self {
        let begun = Self { call, entered: at, position, rung: Vec::new(), answered: None, talk: None };
        entries.push(LogEntry { position, ..begun.entry(at, Verb::Enter) });
        begun
    }

    fn entry(&self, at: DateTime<Utc>, verb: Verb) -> LogEntry {
        LogEntry {
            at,
            call: self.call,
            verb,
            agent: None,
            position: None,
            original_position: self.position,
            wait_ms: self.talk.map_or_else(|| millis(self.entered, at), |(.., waited)| waited),
            ring_ms: None,
            talk_ms: None,
            detail: None,
        }
    }

    /// Makes the entries that a change is worth; `false` when the stay ends with it.
    fn goes_on(
        &mut self,
        at: DateTime<Utc>,
        change: &Change,
        legs: &[(u32, UserId)],
        entries: &mut Vec<LogEntry>,
    ) -> bool {
        match change {
            Change::Offered { agent, .. } if self.talk.is_none() => self.rung.push((*agent, at)),
            Change::OfferFailed { agent, reason } => {
                let place = self.rung.iter().position(|(rung, _)| rung == agent);
                let since = place.map(|place| self.rung.remove(place).1);
                let (verb, detail) = match reason {
                    OfferFailure::Rescinded => (Verb::RingCanceled, None),
                    OfferFailure::Unclaimed => (Verb::RingCanceled, Some("unclaimed")),
                    OfferFailure::NoAnswer => (Verb::RingNoAnswer, Some("no_answer")),
                    OfferFailure::Busy => (Verb::RingNoAnswer, Some("busy")),
                    OfferFailure::Declined => (Verb::RingNoAnswer, Some("declined")),
                    OfferFailure::Unreachable => (Verb::RingNoAnswer, Some("unreachable")),
                };
                let detail = detail.map(str::to_owned);
                let ring_ms = since.map(|since| millis(since, at));
                entries.push(LogEntry { agent: Some(*agent), ring_ms, detail, ..self.entry(at, verb) });
            }
            Change::Answered { leg, .. } => {
                let agent = legs.iter().rev().find(|(own, _)| own == leg).map(|(_, agent)| *agent);
                let rung = self.rung.iter().find(|(rung, _)| Some(*rung) == agent);
                self.answered = rung.map(|(agent, since)| (*agent, millis(*since, at))).or(self.answered);
            }
            Change::Bridged { a, b } if self.talk.is_none() => {
                let agent = legs.iter().rev().find(|(leg, _)| leg == b || leg == a).map(|(_, agent)| *agent);
                let since = self.rung.iter().find(|(rung, _)| Some(*rung) == agent).map(|(_, since)| *since);
                self.rung.retain(|(rung, _)| Some(*rung) != agent);
                let answered = self.answered.filter(|(own, _)| Some(*own) == agent).map(|(_, rang)| rang);
                let ring_ms = answered.or(since.map(|since| millis(since, at)));
                entries.push(LogEntry { agent, ring_ms, ..self.entry(at, Verb::Connect) });
                self.talk = Some((agent, at, millis(self.entered, at)));
            }
            Change::LeftQueue { reason, position, key, .. } => {
                let verb = match reason {
                    LeaveReason::Abandoned => Verb::Abandon,
                    LeaveReason::TimedOut | LeaveReason::SentOn => Verb::ExitWithTimeout,
                    LeaveReason::NoAgents => Verb::ExitEmpty,
                    LeaveReason::Full => Verb::ExitFull,
                    LeaveReason::Key => Verb::ExitWithKey,
                    _ => Verb::Withdraw,
                };
                let sent_on = (*reason == LeaveReason::SentOn).then_some("overflow").map(str::to_owned);
                let detail = key.map(String::from).or(sent_on);
                self.stop_ringing(at, entries);
                entries.push(LogEntry { position: *position, detail, ..self.entry(at, verb) });
                return false;
            }
            // Whoever takes their place is none of the queue's.
            Change::Transferred { agent: Some(agent), to, .. } if self.talks(*agent) => {
                let stays = *to == TransferTarget::Agent { agent: *agent };
                return stays || self.end(at, Verb::Transfer, entries);
            }
            // The agent left, and the caller's flow goes on with them; or they wait somewhere else.
            Change::InFlow { .. } | Change::Queued { .. } => {
                let verb = if matches!(change, Change::Queued { .. }) { Verb::Transfer } else { Verb::CompleteAgent };
                return self.end(at, verb, entries);
            }
            Change::Ended { hangup } => {
                // Who is called back is the callee, and the agent placed the call.
                let agent = self.talk.as_ref().and_then(|(agent, ..)| *agent);
                let placed = agent.is_some() && legs.iter().any(|(leg, own)| *leg == 0 && Some(*own) == agent);
                let agents = if placed { Side::Caller } else { Side::Callee };
                let verb = match (self.talk.is_some(), hangup.side) {
                    (true, side) if side == agents => Verb::CompleteAgent,
                    (true, _) => Verb::CompleteCaller,
                    // Histories of earlier releases do not say that the caller left.
                    (false, Side::Caller) => Verb::Abandon,
                    (false, _) => Verb::Withdraw,
                };
                return self.end(at, verb, entries);
            }
            _ => {}
        }
        true
    }

    fn talks(&self, agent: UserId) -> bool {
        self.talk.is_some_and(|(talks, ..)| talks == Some(agent))
    }

    /// Whoever still rings when the stay ends rings no more: that may be told only after the end.
    fn stop_ringing(&mut self, at: DateTime<Utc>, entries: &mut Vec<LogEntry>) {
        for (agent, since) in std::mem::take(&mut self.rung) {
            let ring_ms = Some(millis(since, at));
            entries.push(LogEntry { agent: Some(agent), ring_ms, ..self.entry(at, Verb::RingCanceled) });
        }
    }

    fn end(&mut self, at: DateTime<Utc>, verb: Verb, entries: &mut Vec<LogEntry>) -> bool {
        self.stop_ringing(at, entries);
        let entry =
            self.entry(at, if self.talk.is_none() && verb == Verb::CompleteAgent { Verb::Withdraw } else { verb });
        entries.push(match self.talk {
            Some((agent, since, _)) => LogEntry { agent, talk_ms: Some(millis(since, at)), ..entry },
            None => entry,
        });
        false
    }
}

#[cfg(test)]
mod tests;
