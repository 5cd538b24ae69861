use chrono::TimeDelta;

use super::*;
use crate::call::{Hangup, HangupCause, LegKind};
use crate::id::{IdSource, SeededIds};

struct Told {
    ids: SeededIds,
    call: CallId,
    queue: QueueId,
    ann: UserId,
    bob: UserId,
    timeline: Vec<CallEvent>,
}

impl Told {
    fn new() -> Self {
        let ids = SeededIds::new(5);
        let source: &dyn IdSource = &ids;
        let at = DateTime::UNIX_EPOCH;
        let (call, queue, ann, bob) = (source.id(at), source.id(at), source.id(at), source.id(at));
        Self { ids, call, queue, ann, bob, timeline: Vec::new() }
    }

    /// What happened so many seconds after the beginning.
    fn then(mut self, second: i64, change: Change) -> Self {
        let mut data = serde_json::to_value(&change).unwrap();
        data.as_object_mut().unwrap().remove("type");
        let seq = self.timeline.len() as u32 + 1;
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
        self.timeline.push(CallEvent { call: self.call, seq, at, kind: change.name().to_owned(), data });
        self
    }

    fn queued(self, second: i64, position: u32) -> Self {
        let queue = self.queue;
        self.then(second, Change::queued(queue, Some(position)))
    }

    fn rung(self, second: i64, leg: u32, agent: UserId) -> Self {
        let leg = Change::LegAdded { leg, kind: LegKind::Sip, party: "1001".to_owned(), agent: Some(agent) };
        self.then(second, Change::Offered { agent, decision: None }).then(second, leg)
    }

    fn failed(self, second: i64, agent: UserId, reason: OfferFailure) -> Self {
        self.then(second, Change::OfferFailed { agent, reason })
    }

    fn ended(self, second: i64, side: Side) -> Self {
        let hangup = Hangup { side, cause: HangupCause::NormalClearing, sip_status: None };
        self.then(second, Change::Ended { hangup })
    }

    fn left(self, second: i64, reason: LeaveReason, key: Option<char>) -> Self {
        let queue = self.queue;
        self.then(second, Change::LeftQueue { queue, reason, position: Some(2), key, stood: None })
    }

    /// The log in short: verb, seconds waited, rung and talked.
    fn log(&self, seq: u32) -> Vec<(&'static str, u64, Option<u64>, Option<u64>)> {
        let seconds = |entry: &LogEntry| {
            let [ring, talk] = [entry.ring_ms, entry.talk_ms].map(|ms| ms.map(|ms| ms / 1_000));
            (entry.verb.as_str(), entry.wait_ms / 1_000, ring, talk)
        };
        visit(self.queue, seq, &self.timeline).iter().map(seconds).collect()
    }
}

#[test]
fn a_call_that_one_agent_missed_and_another_took() {
    let told = Told::new();
    let (ann, bob) = (told.ann, told.bob);
    let told = told.queued(1, 3).rung(5, 1, ann).failed(25, ann, OfferFailure::NoAnswer).rung(25, 2, bob);
    let told = told.then(30, Change::Bridged { a: 0, b: 2 }).ended(90, Side::Callee);
    let expected = [
        ("ENTERQUEUE", 0, None, None),
        ("RINGNOANSWER", 24, Some(20), None),
        ("CONNECT", 29, Some(5), None),
        ("COMPLETEAGENT", 29, None, Some(60)),
    ];
    assert_eq!(told.log(1), expected);
    let entries = visit(told.queue, 1, &told.timeline);
    assert_eq!(entries.iter().map(|entry| entry.agent).collect::<Vec<_>>(), [None, Some(ann), Some(bob), Some(bob)]);
    assert_eq!((entries[1].detail.as_deref(), entries[3].original_position), (Some("no_answer"), Some(3)));
    // The caller ends it; of two who ring, the slower one is told no more.
    let told = Told::new();
    let (ann, bob) = (told.ann, told.bob);
    let told = told.queued(0, 1).rung(0, 1, ann).rung(0, 2, bob).then(4, Change::Bridged { a: 0, b: 1 });
    let told = told.failed(4, bob, OfferFailure::Rescinded).ended(9, Side::Caller);
    let expected = [
        ("ENTERQUEUE", 0, None, None),
        ("CONNECT", 4, Some(4), None),
        ("RINGCANCELED", 4, Some(4), None),
        ("COMPLETECALLER", 4, None, Some(5)),
    ];
    assert_eq!(told.log(1), expected);
    let mut work = AgentWork::default();
    let entries = visit(told.queue, 1, &told.timeline);
    entries.iter().filter(|entry| entry.agent == Some(ann)).for_each(|entry| work.add(entry));
    let sum = AgentWork { offered: 1, taken: 1, answer_ms: 4_000, talk_ms: 5_000, ..AgentWork::default() };
    assert_eq!(work, sum);
}

#[test]
fn every_way_out_has_its_verb() {
    let ways = [
        (LeaveReason::Abandoned, "ABANDON"),
        (LeaveReason::TimedOut, "EXITWITHTIMEOUT"),
        (LeaveReason::SentOn, "EXITWITHTIMEOUT"),
        (LeaveReason::NoAgents, "EXITEMPTY"),
        (LeaveReason::Full, "EXITFULL"),
        (LeaveReason::Key, "EXITWITHKEY"),
        (LeaveReason::Flow, "WITHDRAW"),
        (LeaveReason::NoQueue, "WITHDRAW"),
        (LeaveReason::Ended, "WITHDRAW"),
    ];
    for (reason, verb) in ways {
        let key = (reason == LeaveReason::Key).then_some('#');
        let told = Told::new().queued(0, 4).left(7, reason, key).ended(8, Side::Caller);
        let entries = visit(told.queue, 1, &told.timeline);
        let last = entries.last().unwrap();
        assert_eq!((entries.len(), last.verb.as_str(), last.wait_ms), (2, verb, 7_000));
        assert_eq!((last.position, last.original_position), (Some(2), Some(4)));
        let sent_on = (reason == LeaveReason::SentOn).then_some("overflow");
        assert_eq!(last.detail.as_deref(), key.map(|_| "#").or(sent_on));
    }
    // Histories of before the way out was noted.
    let old = Told::new().queued(0, 1).ended(6, Side::Caller);
    assert_eq!(old.log(1), [("ENTERQUEUE", 0, None, None), ("ABANDON", 6, None, None)]);
}

#[test]
fn who_hangs_up_a_callback_is_told_by_who_they_are_and_not_by_who_was_rung_first() {
    for (side, verb) in [(Side::Caller, "COMPLETEAGENT"), (Side::Callee, "COMPLETECALLER")] {
        let told = Told::new();
        let ann = told.ann;
        let told = told.queued(0, 1).rung(0, 0, ann).then(9, Change::Bridged { a: 0, b: 1 }).ended(20, side);
        assert_eq!(told.log(1).last(), Some(&(verb, 9, None, Some(11))));
    }
}

#[test]
fn whoever_hands_the_caller_on_has_talked_until_then() {
    let told = Told::new();
    let (ann, bob) = (told.ann, told.bob);
    let told = told.queued(0, 1).rung(0, 1, ann).then(4, Change::Bridged { a: 0, b: 1 });
    let told = told.then(9, Change::Transferred { leg: 1, agent: Some(ann), to: TransferTarget::Agent { agent: ann } });
    let told =
        told.then(20, Change::Transferred { leg: 1, agent: Some(ann), to: TransferTarget::Agent { agent: bob } });
    let told = told.then(20, Change::Bridged { a: 0, b: 2 }).ended(90, Side::Callee);
    let expected = [("ENTERQUEUE", 0, None, None), ("CONNECT", 4, Some(4), None), ("TRANSFER", 4, None, Some(16))];
    assert_eq!(
        told.log(1),
        expected,
        "who takes it at another phone of theirs talks on, and bob is none of the queue's"
    );
}

#[test]
fn what_is_heard_while_a_call_goes_on_is_what_is_read_afterwards() {
    let told = Told::new();
    let (queue, ann, bob) = (told.queue, told.ann, told.bob);
    let told =
        told.queued(0, 1).rung(1, 1, ann).failed(6, ann, OfferFailure::NoAnswer).left(7, LeaveReason::Flow, None);
    let told = told.queued(10, 2).rung(11, 2, bob).then(14, Change::Bridged { a: 0, b: 2 });
    // Handed on to a queue: one stay ends where the next one begins.
    let told = told.queued(30, 1).rung(30, 3, ann).then(33, Change::Bridged { a: 0, b: 3 }).ended(50, Side::Caller);
    let mut stays = Stays::default();
    let mut heard = Vec::new();
    for event in &told.timeline {
        heard.extend(stays.hear(event.call, event.at, &event.change().unwrap()));
    }
    let begins: Vec<&CallEvent> = told.timeline.iter().filter(|event| event.kind == "queued").collect();
    let read = begins
        .iter()
        .flat_map(|begun| visit(queue, begun.seq, &told.timeline).into_iter().map(|entry| (begun.at, entry)));
    assert_eq!(heard, read.collect::<Vec<_>>());
    let mut works = [AgentWork::default(), AgentWork::default()];
    for (_, entry) in &heard {
        for (work, agent) in works.iter_mut().zip([ann, bob]) {
            if entry.agent == Some(agent) {
                work.add(entry);
            }
        }
    }
    assert_eq!(works.map(|work| (work.taken, work.missed, work.talk_ms)), [(1, 1, 17_000), (1, 0, 16_000)]);
}

#[test]
fn an_agent_who_calls_back_rang_until_they_answered_and_the_customers_ringing_is_none_of_theirs() {
    let told = Told::new();
    let ann = told.ann;
    let told = told.queued(0, 1).rung(1, 0, ann).then(4, Change::Answered { leg: 0, codec: None });
    let told = told.then(20, Change::Answered { leg: 1, codec: None }).then(20, Change::Bridged { a: 0, b: 1 });
    let expected = [("ENTERQUEUE", 0, None, None), ("CONNECT", 20, Some(3), None)];
    assert_eq!(told.log(1), expected);
}

#[test]
fn who_still_rings_when_the_caller_leaves_was_rung_in_vain_by_nobodys_fault() {
    let told = Told::new();
    let (ann, bob) = (told.ann, told.bob);
    let told = told.queued(0, 1).rung(2, 1, ann).rung(3, 2, bob).failed(5, bob, OfferFailure::Rescinded);
    let told = told.left(6, LeaveReason::Abandoned, None).failed(6, ann, OfferFailure::Rescinded);
    let expected = [
        ("ENTERQUEUE", 0, None, None),
        ("RINGCANCELED", 5, Some(2), None),
        ("RINGCANCELED", 6, Some(4), None),
        ("ABANDON", 6, None, None),
    ];
    assert_eq!(told.log(1), expected);
}

#[test]
fn a_call_that_comes_twice_is_two_stays_and_another_queues_is_none_of_ours() {
    let told = Told::new();
    let (ann, other) = (told.ann, (&told.ids as &dyn IdSource).id(DateTime::UNIX_EPOCH));
    let told = told.queued(0, 1).left(10, LeaveReason::Key, Some('9'));
    let told = told.then(11, Change::queued(other, None));
    let told = told.left(12, LeaveReason::Flow, None).queued(20, 2).rung(20, 1, ann);
    let told = told.then(22, Change::Bridged { a: 0, b: 1 });
    let flow = (&told.ids as &dyn IdSource).id(DateTime::UNIX_EPOCH);
    let told = told.then(32, Change::InFlow { flow, version: 1 }).ended(40, Side::System);
    assert_eq!(told.log(1), [("ENTERQUEUE", 0, None, None), ("EXITWITHKEY", 10, None, None)]);
    assert_eq!(told.log(3), [], "that one is another queue's");
    let expected = [("ENTERQUEUE", 0, None, None), ("CONNECT", 2, Some(2), None), ("COMPLETEAGENT", 2, None, Some(10))];
    assert_eq!(told.log(5), expected);
    assert_eq!(told.log(2), [], "nothing begins there");
}
