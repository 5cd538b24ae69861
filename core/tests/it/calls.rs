//! Allowances under concurrency, and the log with the figures that follow from it.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dialplane_core::call::{
    Call, CallEntry, CallFact, CallRefused, CallStatus, CallSums, Change, Direction, Hangup, HangupCause, LegKind,
    NewCall, OfferFailure, Side,
};
use dialplane_core::client::ClientChange;
use dialplane_core::command::call::{AdmitTransfer, CallReport, CloseLostCalls, InitiateCall, RecordCalls, Via};
use dialplane_core::command::call_log::EnterCall;
use dialplane_core::command::client::CreateClient;
use dialplane_core::command::lead::CreateLead;
use dialplane_core::command::number::{ConsumeAllowance, DeleteNumber, ResetDailyCounts, UnassignNumber, UpdateNumber};
use dialplane_core::command::telephony::{CreateInboundRoute, DeleteInboundRoute};
use dialplane_core::error::Refusal as _;
use dialplane_core::id::{CallId, NodeId, QueueId, UserId};
use dialplane_core::lead::NewLead;
use dialplane_core::people::Figures;
use dialplane_core::phone::{AllowanceRefused, InboundTarget, NumberStatus, Rotation};
use dialplane_core::store::{CallFilter, Page};
use dialplane_core::{Actor, Failure};
use futures::future::join_all;

use crate::world::{World, start};

fn consume(agent: UserId) -> ConsumeAllowance {
    ConsumeAllowance { agent, to: "+14155550100".to_owned(), rotation: Rotation::default() }
}

fn initiate(agent: UserId) -> InitiateCall {
    let to = "(415) 555-0100".to_owned();
    InitiateCall {
        call: None,
        agent,
        to: Some(to),
        lead: None,
        via: Via::Trunk,
        rotation: Rotation::default(),
        node: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_against_a_limit_of_37_are_37() {
    let world = World::new().await;
    let (agent, _) = world.agent_with_number("0101", 37).await;
    let command = initiate(agent);
    let tries = join_all((0..100).map(|_| world.engine.execute(&world.admin, &command))).await;
    let refused = |result: &Result<_, Failure<CallRefused>>| {
        let limit =
            matches!(result, Err(Failure::Refused(CallRefused::Allowance(AllowanceRefused::DailyLimit { .. }))));
        assert!(limit || result.is_ok());
        limit
    };
    assert_eq!(tries.iter().filter(|result| refused(result)).count(), 63);
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    assert_eq!(tx.calls(&CallFilter::default(), Page::FIRST).await.unwrap().total, 37);
    let day = "2026-06-01".parse().unwrap();
    assert_eq!(tx.usage(None, day, day).await.unwrap()[0].calls, 37);
}

#[tokio::test]
async fn a_transfer_to_the_outside_counts_like_a_call_and_opens_no_record() {
    let world = World::new().await;
    let (agent, _) = world.agent_with_number("0101", 2).await;
    let transfer = AdmitTransfer { agent, to: "(415) 555-0100".to_owned() };
    let admitted = world.engine.execute(&world.admin, &transfer).await.unwrap();
    assert_eq!(admitted.allowed.destination.as_str(), "+14155550100");
    world.engine.execute(&world.admin, &initiate(agent)).await.unwrap();
    let refused = world.engine.execute(&world.admin, &transfer).await;
    assert!(
        matches!(refused, Err(Failure::Refused(CallRefused::Allowance(AllowanceRefused::DailyLimit { .. })))),
        "{refused:?}"
    );
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let calls = tx.calls(&CallFilter::default(), Page::number(1, 10)).await.unwrap();
    assert_eq!(calls.items.len(), 1, "the transferred call has its record already");
}

#[tokio::test]
async fn midnight_in_the_companys_zone_and_the_manual_reset_give_a_new_allowance() {
    let world = World::new().await;
    let (agent, _) = world.agent_with_number("0101", 1).await;
    world.engine.execute(&world.admin, &consume(agent)).await.unwrap();
    let refused = world.engine.execute(&world.admin, &consume(agent)).await.unwrap_err();
    let midnight: DateTime<Utc> = "2026-06-01T22:00:00Z".parse().unwrap();
    assert_eq!(refused.refusal(), Some(&AllowanceRefused::DailyLimit { limit: 1, resets_at: midnight }));
    world.clock.set(midnight);
    world.engine.execute(&world.admin, &consume(agent)).await.unwrap();
    assert_eq!(world.engine.execute(&world.admin, &ResetDailyCounts).await.unwrap(), 1);
    world.engine.execute(&world.admin, &consume(agent)).await.unwrap();
}

#[tokio::test]
async fn without_an_active_number_there_is_no_call() {
    let world = World::new().await;
    let (agent, number) = world.agent_with_number("0101", 5).await;
    let off = UpdateNumber {
        number,
        provider: None,
        country: None,
        capabilities: None,
        status: Some(NumberStatus::Inactive),
        expected_version: None,
    };
    world.engine.execute(&world.admin, &off).await.unwrap();
    let refused = world.engine.execute(&world.admin, &consume(agent)).await.unwrap_err();
    assert_eq!(refused.refusal(), Some(&AllowanceRefused::NumberInactive));
    world.engine.execute(&world.admin, &UnassignNumber { number }).await.unwrap();
    let refused = world.engine.execute(&world.admin, &consume(agent)).await.unwrap_err();
    assert_eq!(refused.refusal(), Some(&AllowanceRefused::NotAssigned));
}

#[tokio::test]
async fn a_number_in_use_stays() {
    let world = World::new().await;
    let (agent, number) = world.agent_with_number("0101", 5).await;
    let code = async || {
        let failure = world.engine.execute(&world.admin, &DeleteNumber { number }).await.unwrap_err();
        dialplane_core::Error::from(failure).code()
    };
    assert_eq!(code().await, "number_assigned");
    world.engine.execute(&world.admin, &UnassignNumber { number }).await.unwrap();
    let route = CreateInboundRoute { number: "+12025550101".to_owned(), target: InboundTarget::Agent(agent) };
    let route = world.engine.execute(&world.admin, &route).await.unwrap().id;
    assert_eq!(code().await, "number_routed");
    world.engine.execute(&world.admin, &DeleteInboundRoute { route }).await.unwrap();
    world.engine.execute(&world.admin, &DeleteNumber { number }).await.unwrap();
    assert_eq!(code().await, "not_found");
}

fn id<K>(world: &World) -> dialplane_core::id::Id<K> {
    world.engine.ids().id(world.engine.now())
}

/// An inbound call of an agent as the edge reports it, all at once.
fn story(world: &World, agent: UserId, call: CallId, talk: i64, node: Option<NodeId>) -> CallReport {
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    let begin = NewCall {
        id: call,
        company: world.company.id,
        direction: Direction::Inbound,
        from: "+14155550100".into(),
        to: "+12025550101".into(),
        agent: None,
        number: None,
        trunk: None,
        lead: None,
        node,
        at: at(0),
    };
    let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
    let changes = vec![
        (at(0), Change::LegAdded { leg: 0, kind: LegKind::Carrier, party: "+14155550100".into(), agent: None }),
        (at(0), Change::queued(id::<dialplane_core::id::QueueKind>(world) as QueueId, None)),
        (at(0), Change::LegAdded { leg: 1, kind: LegKind::Sip, party: "1001".into(), agent: Some(agent) }),
        (at(1), Change::Ringing { leg: 1 }),
        (at(5), Change::Answered { leg: 1, codec: Some("PCMU".into()) }),
        (at(5), Change::Bridged { a: 0, b: 1 }),
        (at(5 + talk), Change::Ended { hangup }),
    ];
    CallReport { begin: Some(begin), changes, ..CallReport::nothing(call) }
}

#[tokio::test]
async fn the_figures_are_the_fold_over_the_log() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let (bob, _) = world.agent_with_number("0102", 5).await;
    let reports = (0..20).map(|n| story(&world, if n % 3 == 0 { bob } else { ann }, id(&world), 10 * n, None));
    world.engine.execute(&Actor::system(), &RecordCalls { reports: reports.collect() }).await.unwrap();
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    for agent in [ann, bob] {
        let filter = CallFilter { agent: Some(agent), ..CallFilter::default() };
        let log: Vec<Call> = tx.calls(&filter, Page::FIRST).await.unwrap().items;
        let figures = tx.caller(agent).await.unwrap().unwrap().figures;
        let facts: Vec<CallFact> = log.iter().filter_map(CallFact::of).collect();
        assert_eq!(figures, Figures::of(&facts));
        assert!(figures.total_calls > 5);
        let days = tx.call_volumes(Some(agent), NaiveDate::MIN, NaiveDate::MAX).await.unwrap();
        let sums: CallSums = days.into_iter().map(|(_, sums)| sums).sum();
        assert_eq!(u64::try_from(sums.talk_seconds), Ok(figures.talk_seconds));
    }
}

#[tokio::test]
async fn a_call_reported_piece_by_piece_is_the_call_reported_at_once() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let (whole, pieces): (CallId, CallId) = (id(&world), id(&world));
    let report = story(&world, ann, whole, 60, None);
    world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report.clone()] }).await.unwrap();
    let mut begin = report.begin.clone().map(|begin| NewCall { id: pieces, ..begin });
    for change in report.changes {
        let piece = CallReport { begin: begin.take(), changes: vec![change], ..CallReport::nothing(pieces) };
        world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![piece] }).await.unwrap();
    }
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let one = tx.call(whole).await.unwrap().unwrap();
    let other = tx.call(pieces).await.unwrap().unwrap();
    assert_eq!(Call { id: whole, version: one.version, ..other }, one);
    let timeline = async |tx: &mut dyn dialplane_core::store::Repo, id| {
        let events = tx.call_events(id).await.unwrap();
        events.into_iter().map(|event| (event.seq, event.at, event.kind, event.data)).collect::<Vec<_>>()
    };
    assert_eq!(timeline(&mut *tx, whole).await, timeline(&mut *tx, pieces).await);
    assert_eq!(tx.caller(ann).await.unwrap().unwrap().figures.total_calls, 2);
    let names: Vec<_> = tx.events_after(0, 1_000).await.unwrap().iter().map(|e| e.event.name()).collect();
    for name in ["call.started", "call.answered", "call.ended"] {
        assert_eq!(names.iter().filter(|found| **found == name).count(), 2, "{name}");
    }
    // Reported at once its waiting and ringing are over when they could be told of; otherwise each is told of once.
    assert_eq!(names.iter().filter(|found| **found == "call.status_changed").count(), 2, "{names:?}");
}

#[tokio::test]
async fn what_a_phone_does_is_told_once_a_batch_and_no_more_when_the_timeline_is_full() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let call = id(&world);
    let mut report = story(&world, ann, call, 60, None);
    report.changes.truncate(2);
    world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report] }).await.unwrap();
    let ring = |n| (start() + TimeDelta::seconds(n), Change::Ringing { leg: 1 });
    let fail =
        |n| (start() + TimeDelta::seconds(n), Change::OfferFailed { agent: ann, reason: OfferFailure::NoAnswer });
    for n in 0..600 {
        for changes in [vec![ring(n), fail(n), ring(n)], vec![fail(n)]] {
            let report = CallReport { changes, ..CallReport::nothing(call) };
            world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report] }).await.unwrap();
        }
    }
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let told = tx.events_after(0, 10_000).await.unwrap();
    let told = told.iter().filter(|told| told.event.name() == "call.status_changed").count();
    // A batch of four steps is two events, up to the thousandth step.
    assert!((490..=500).contains(&told), "{told}");
}

#[tokio::test]
async fn what_cannot_follow_is_passed_over_and_the_rest_is_kept() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let mut report = story(&world, ann, id(&world), 60, None);
    let late = Change::OfferFailed { agent: ann, reason: OfferFailure::Busy };
    report.changes.push((start() + TimeDelta::seconds(70), late));
    let unknown = CallReport::nothing(id(&world));
    let call = report.call;
    world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report, unknown] }).await.unwrap();
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    assert_eq!(tx.call(call).await.unwrap().unwrap().status, CallStatus::Completed);
    assert_eq!(tx.call_events(call).await.unwrap().len(), 7);
}

#[tokio::test]
async fn calls_of_a_dead_process_are_closed_once_and_count_what_is_known() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let (dead, alive): (NodeId, NodeId) = (id(&world), id(&world));
    for node in [dead, alive] {
        let mut report = story(&world, ann, id(&world), 60, Some(node));
        report.changes.pop();
        world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report] }).await.unwrap();
    }
    world.pass(3_600);
    let close = CloseLostCalls { node: Some(dead), last_seen: None };
    assert_eq!(world.engine.execute(&Actor::system(), &close).await.unwrap(), 1);
    assert_eq!(world.engine.execute(&Actor::system(), &close).await.unwrap(), 0);
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let calls = tx.calls(&CallFilter::default(), Page::FIRST).await.unwrap().items;
    let closed = calls.iter().find(|call| call.node == Some(dead)).unwrap();
    assert_eq!((closed.status, closed.talk_seconds()), (CallStatus::Completed, 0));
    assert_eq!(closed.hangup.map(|hangup| hangup.cause), Some(HangupCause::NodeLost));
    assert_eq!(tx.open_calls(None).await.unwrap().len(), 1);
    let facts: Vec<CallFact> = calls.iter().filter_map(CallFact::of).collect();
    assert_eq!(tx.caller(ann).await.unwrap().unwrap().figures, Figures::of(&facts));
}

#[tokio::test]
async fn a_call_that_a_crash_cut_lasted_until_the_process_was_seen_last_and_not_beyond_now() {
    let world = World::new().await;
    let (ann, _) = world.agent_with_number("0101", 5).await;
    let dead: NodeId = id(&world);
    world.pass(3_600);
    // The talk began five seconds after the start: a sign of life from before it, or from a clock that is ahead, is not believed.
    for (seen, talked) in [(-600, 0), (3_005, 3_000), (90_000, 3_595)] {
        let mut report = story(&world, ann, id(&world), 60, Some(dead));
        report.changes.pop();
        let call = report.call;
        world.engine.execute(&Actor::system(), &RecordCalls { reports: vec![report] }).await.unwrap();
        let close = CloseLostCalls { node: Some(dead), last_seen: Some(start() + TimeDelta::seconds(seen)) };
        assert_eq!(world.engine.execute(&Actor::system(), &close).await.unwrap(), 1);
        let call = world.engine.read(&world.admin).await.unwrap().call(call).await.unwrap().unwrap();
        assert_eq!(call.talk_seconds(), talked);
    }
}

#[tokio::test]
async fn an_entry_that_names_a_client_or_a_lead_has_their_number() {
    let world = World::new().await;
    let change = ClientChange {
        name: Some("Cleo".to_owned()),
        phone: Some(Some("(202) 555-0142".to_owned())),
        further_phones: Some(vec!["(202) 555-0143".to_owned()]),
        ..ClientChange::default()
    };
    let client = world.engine.execute(&world.admin, &CreateClient { change, allow_duplicate: false }).await.unwrap().id;
    let change = ClientChange { name: Some("Mute".to_owned()), ..ClientChange::default() };
    let mute = world.engine.execute(&world.admin, &CreateClient { change, allow_duplicate: false }).await.unwrap().id;
    let lead = NewLead { name: "Lea".to_owned(), phone: Some("(202) 555-0144".to_owned()), ..NewLead::default() };
    let lead = world.engine.execute(&world.admin, &CreateLead { lead }).await.unwrap().0.id;
    let enter = |entry: CallEntry| {
        let command = EnterCall { entry, outcome: None, notes: None };
        async { (world.engine.execute(&world.admin, &{ command })).await }
    };
    let of = |client, lead| CallEntry { client: Some(client), lead: Some(lead), ..CallEntry::default() };
    for (entry, number) in [
        (of(Some(client), None), "+12025550142"),
        (of(None, Some(lead)), "+12025550144"),
        (of(Some(client), Some(lead)), "+12025550142"),
        (of(Some(mute), Some(lead)), "+12025550144"),
        (of(Some(mute), None), ""),
        (CallEntry { number: Some("2025550143".into()), ..of(Some(client), None) }, "+12025550143"),
    ] {
        let call = enter(entry.clone()).await.unwrap();
        assert_eq!((call.to.expose().as_str(), call.client), (number, entry.client.unwrap()), "{entry:?}");
        assert_eq!(call.lead, entry.lead.unwrap());
    }
    let inbound = CallEntry { direction: Some(Direction::Inbound), ..of(Some(client), None) };
    assert_eq!(enter(inbound).await.unwrap().from.expose(), "+12025550142");
    let Err(Failure::Refused(bad)) = enter(CallEntry { number: Some("12".into()), ..CallEntry::default() }).await
    else {
        panic!("not a number");
    };
    assert_eq!((bad.code(), bad.field()), ("invalid_number", Some("number")));
}
