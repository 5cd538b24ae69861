use super::*;
use crate::call::{Call, LeaveReason};
use crate::command::replay::reports;
use crate::id::{CompanyId, EventId, IdSource, SeededIds};
use crate::queue::decision::Considered;
use crate::queue::router::Occasion;
use crate::queue::sim::{Plan, PlannedAgent, Shift, record};
use crate::queue::{Member, SkillNeed, Strategy};
use crate::scope::ActorName;
use chrono::TimeDelta;

const SEED: u64 = 11;

fn begins() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn after(millis: u64) -> DateTime<Utc> {
    begins() + TimeDelta::milliseconds(millis as i64)
}

/// A day with breaks and shifts, missed calls, callers who give up, and others whom a queue sends on.
fn plan() -> Plan {
    let mut plan = Plan::simple(4, &[60.0, 90.0, 40.0, 30.0], 150.0, 90.0);
    plan.queues[0].settings.max_wait_seconds = 100;
    plan.queues[0].priority = 7;
    plan.queues[0].needs = vec![Vec::new(), vec![SkillNeed { name: "french".to_owned(), level: 2, required: false }]];
    let shifts = vec![Shift { from_minute: 0, to_minute: 30 }, Shift { from_minute: 45, to_minute: 100 }];
    plan.agents.push(PlannedAgent { shifts, capacity: 2, ..PlannedAgent::of("one", 2) });
    (plan.breaks_every_seconds, plan.break_seconds, plan.missed_share) = (1_500.0, 200.0, 0.1);
    plan
}

/// The history of a call as it is stored.
fn timeline(report: &crate::command::call::CallReport) -> Vec<CallEvent> {
    let mut call = Call::begin(report.begin.clone().unwrap());
    report.changes.iter().filter_map(|(at, change)| call.apply(*at, change).unwrap()).collect()
}

fn chose(agent: UserId, at: DateTime<Utc>, availability: Availability) -> Envelope {
    let ids: &dyn IdSource = &SeededIds::new(1);
    let (id, company): (EventId, CompanyId) = (ids.id(at), ids.id(at));
    let event = Event::AvailabilityChanged { user: agent, availability, reason: None };
    Envelope { id, company, seq: 0, at, actor: ActorName::System, version: Event::VERSION, event }
}

/// What a store would have of a day, read back.
fn read_back(day: &RecordedDay) -> RecordedDay {
    let ends = begins() + TimeDelta::seconds(i64::from(day.slice_seconds) * day.slices as i64);
    let mut recorder = Recorder::new(begins(), ends, day.slice_seconds, day.queues.clone());
    for agent in &day.agents {
        recorder.agent(agent.id, agent.settings.clone(), Availability::Offline);
        agent.choices.iter().for_each(|(at, chosen)| recorder.event(&chose(agent.id, after(*at), *chosen)));
    }
    let ids = SeededIds::new(2);
    let reports = reports(day, (&ids as &dyn IdSource).id(begins()), begins(), &ids);
    // The order in which they are told does not matter.
    reports.iter().rev().for_each(|report| recorder.timeline(&timeline(report)));
    assert_eq!(recorder.unended(), 0);
    recorder.finish()
}

#[test]
fn a_day_read_back_from_its_events_has_the_same_calls_figures_and_states_at_every_instant() {
    let mut ends = [(RecordedEnd::Abandoned, false), (RecordedEnd::SentOn, false)];
    for seed in 0..5 {
        let (day, recorded) = record(&plan(), seed);
        let back = read_back(&recorded);
        let sorted = |day: &RecordedDay| {
            let mut calls = day.calls.clone();
            calls.sort_by_key(|call| (call.came_ms, call.waited_ms, call.rang_ms));
            calls
        };
        assert_eq!(sorted(&back), sorted(&recorded));
        for (end, seen) in &mut ends {
            *seen |= recorded.calls.iter().any(|call| call.end == *end);
        }
        assert!(recorded.calls.iter().any(|call| call.missed > 0) && day.total.answered > 50);
        let figures = back.figures();
        assert_eq!((&figures.slices, &figures.queues, figures.total), (&day.slices, &day.queues, day.total));
        for instant in (0..7_200_000).step_by(7_000) {
            let (then, mut now) = (recorded.at(instant), back.at(instant));
            // The agents of a store come in the order of their ids.
            now.agents.sort_by_key(|own| then.agents.iter().position(|other| other.agent == own.agent));
            assert_eq!(now, then, "seed {seed} at {instant}");
        }
    }
    assert!(ends.iter().all(|(_, seen)| *seen), "the days have all kinds of ends: {ends:?}");
}

#[test]
fn figures_are_those_that_were_counted_while_the_day_went_on() {
    for seed in 0..5 {
        let (day, recorded) = record(&plan(), seed);
        assert_eq!(recorded.figures(), day, "seed {seed}");
    }
}

/// A centre of one queue with two members.
struct Desk {
    queue: QueueId,
    ann: UserId,
    bob: UserId,
    ids: SeededIds,
}

impl Desk {
    fn new() -> Self {
        let ids = SeededIds::new(SEED);
        let source: &dyn IdSource = &ids;
        let (queue, ann, bob) = (source.id(begins()), source.id(begins()), source.id(begins()));
        Self { queue, ann, bob, ids }
    }

    fn recorder(&self) -> Recorder {
        let settings = QueueSettings::new("one", vec![Member::new(self.ann), Member::new(self.bob)]);
        let queues = vec![RecordedQueue { id: self.queue, settings }];
        let mut recorder = Recorder::new(begins(), begins() + TimeDelta::hours(2), 1_800, queues);
        for agent in [self.ann, self.bob] {
            recorder.agent(agent, AgentSettings::default(), Availability::Available);
        }
        recorder
    }

    fn history(&self, changes: &[(u64, Change)]) -> Vec<CallEvent> {
        let call = (&self.ids as &dyn IdSource).id(begins());
        let entry = |(seq, (at, change)): (u32, &(u64, Change))| {
            let data = serde_json::to_value(change).unwrap();
            CallEvent { call, seq, at: after(at * 1_000), kind: change.name().to_owned(), data }
        };
        (1..).zip(changes).map(entry).collect()
    }

    fn decided(&self, candidates: &[(UserId, Verdict)]) -> Change {
        let considered = |(agent, verdict): &(UserId, Verdict)| Considered {
            agent: *agent,
            tier: 1,
            fit: 0,
            order: None,
            verdict: *verdict,
            left: None,
        };
        let decision = Decision {
            queue: self.queue,
            chosen: self.ann,
            by: None,
            occasion: Occasion::CallSought,
            strategy: Strategy::LongestIdle,
            waited_ms: 0,
            members: 2,
            fitting: 2,
            free: 1,
            tier: 1,
            order: 0,
            next: None,
            tie_break: None,
            tried: 0,
            needed: None,
            version: 1,
            candidates: candidates.iter().map(considered).collect(),
            others: Vec::new(),
        };
        Change::Offered { agent: self.ann, decision: Some(Box::new(decision)) }
    }
}

#[test]
fn whether_a_phone_was_there_is_told_by_the_decisions() {
    let desk = Desk::new();
    let mut recorder = desk.recorder();
    let queued = Change::queued(desk.queue, None);
    for (at, verdict) in [
        (600, Verdict::Unreachable),
        (1_200, Verdict::OnCall),
        (1_800, Verdict::Offline),
        (2_400, Verdict::Unreachable),
        (3_000, Verdict::Free),
    ] {
        let decided = desk.decided(&[(desk.ann, Verdict::Chosen), (desk.bob, verdict)]);
        let gone = Change::LeftQueue {
            queue: desk.queue,
            reason: LeaveReason::Abandoned,
            position: None,
            key: None,
            stood: None,
        };
        recorder.timeline(&desk.history(&[(at, queued.clone()), (at, decided), (at + 1, gone)]));
    }
    recorder.chose(desk.bob, after(2_700_000), Availability::Break);
    recorder.chose(desk.bob, after(3_600_000), Availability::Offline);
    recorder.chose(desk.bob, after(7_200_000), Availability::Available);
    let day = recorder.finish();
    let bob = day.agents.iter().find(|agent| agent.id == desk.bob).unwrap();
    let minutes: Vec<_> = bob.choices.iter().map(|(at, chosen)| (at / 60_000, *chosen)).collect();
    use Availability::{Available, Break, Offline};
    assert_eq!(minutes, [(20, Available), (40, Offline), (50, Break), (60, Offline)]);
    let ann = day.agents.iter().find(|agent| agent.id == desk.ann).unwrap();
    assert_eq!(ann.choices, [(0, Available)]);
}

#[test]
fn how_stays_end_that_no_agent_and_no_setting_of_the_queue_ended() {
    let desk = Desk::new();
    let queued = Change::queued(desk.queue, None);
    let left = |reason| Change::LeftQueue { queue: desk.queue, reason, position: None, key: None, stood: None };
    let ends = |settings: QueueSettings, reason| {
        let mut recorder = desk.recorder();
        recorder.queues[0].settings = settings;
        recorder.timeline(&desk.history(&[(60, queued.clone()), (120, left(reason))]));
        recorder.finish().calls[0].end
    };
    let plain = QueueSettings::new("one", Vec::new());
    let strict =
        QueueSettings { max_wait_seconds: 60, no_agent_wait_seconds: Some(60), max_length: 1, ..plain.clone() };
    let slow = QueueSettings { max_wait_seconds: 61, ..plain.clone() };
    for reason in [LeaveReason::TimedOut, LeaveReason::NoAgents, LeaveReason::Full] {
        assert_eq!(ends(plain.clone(), reason), RecordedEnd::Left, "{reason:?}");
        assert_eq!(ends(strict.clone(), reason), RecordedEnd::SentOn, "{reason:?}");
    }
    assert_eq!(ends(slow, LeaveReason::TimedOut), RecordedEnd::Left);
    for reason in [LeaveReason::Key, LeaveReason::Flow, LeaveReason::Closed] {
        assert_eq!(ends(strict.clone(), reason), RecordedEnd::Left, "{reason:?}");
    }
    assert_eq!(ends(strict, LeaveReason::Abandoned), RecordedEnd::Abandoned);
}

#[test]
fn what_goes_on_or_lies_outside_of_the_day_is_no_call_of_it() {
    let desk = Desk::new();
    let mut recorder = desk.recorder();
    let queued = || Change::queued(desk.queue, None);
    let gone =
        Change::LeftQueue { queue: desk.queue, reason: LeaveReason::Abandoned, position: None, key: None, stood: None };
    recorder.timeline(&desk.history(&[(60, queued())]));
    recorder.timeline(&desk.history(&[(7_200, queued()), (7_300, gone.clone())]));
    let other = (&SeededIds::new(99) as &dyn IdSource).id(begins());
    recorder.timeline(&desk.history(&[(60, Change::queued(other, None)), (70, gone.clone())]));
    // Two stays of one call are two calls.
    recorder.timeline(&desk.history(&[(60, queued()), (90, gone.clone()), (100, queued()), (102, gone)]));
    assert_eq!(recorder.unended(), 1);
    recorder.engaged(desk.ann, begins() - TimeDelta::minutes(5), after(600_000));
    recorder.engaged(desk.ann, after(900_000), begins() + TimeDelta::hours(5));
    let day = recorder.finish();
    let calls: Vec<_> = day.calls.iter().map(|call| (call.came_ms, call.waited_ms)).collect();
    assert_eq!(calls, [(60_000, 30_000), (100_000, 2_000)]);
    let ann = day.agents.iter().find(|agent| agent.id == desk.ann).unwrap();
    assert_eq!(ann.engaged, [(0, 600_000), (900_000, 7_200_000)]);
    let calls = |instant| day.at(instant).agents.iter().map(|agent| agent.calls).sum::<u32>();
    assert_eq!([calls(0), calls(599_999), calls(600_000), calls(900_000)], [1, 1, 0, 1]);
}

#[test]
fn an_agent_on_other_calls_takes_none_of_the_queue_and_one_who_left_leaves_again() {
    let (_, mut recorded) = record(&Plan::simple(2, &[20.0, 20.0], 60.0, 600.0), 8);
    let free = crate::queue::sim::replay::replay(&recorded, 1);
    for agent in &mut recorded.agents {
        agent.engaged = vec![(0, 1_800_000)];
    }
    recorded.calls.retain(|call| call.came_ms > 1_000_000);
    let busy = crate::queue::sim::replay::replay(&recorded, 1);
    assert!(free.slices[0].talked_ms > 0 && busy.slices[0].talked_ms == 0, "{busy:?}");
    assert!(busy.slices[1].talked_ms > 0);

    recorded.agents.clear();
    recorded.calls.iter_mut().for_each(|call| (call.waited_ms, call.end) = (5_000, RecordedEnd::Left));
    let gone = crate::queue::sim::replay::replay(&recorded, 1).total;
    assert_eq!((gone.offered, gone.overflowed), (gone.offered, gone.offered));
    assert!(gone.offered > 5 && gone.abandoned == 0);
}
