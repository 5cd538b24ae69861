//! Calls, their legs and their timelines are kept.

use chrono::TimeDelta;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, ends_of_time, founded, hired, long, read, write,
};
use crate::call::{Call, CallEvent, CallStatus, Direction, Hangup, HangupCause, Leg, LegKind, LegState, Origin, Side};
use crate::company::Company;
use crate::id::{QueueId, QueueKind};
use crate::scope::Scope;
use crate::store::{CallFilter, Page, Store};

/// Legs of every kind and state.
fn legs(rows: &Rows) -> Vec<Leg> {
    let kinds = [LegKind::Sip, LegKind::Webrtc, LegKind::Carrier];
    let states = [LegState::Calling, LegState::Ringing, LegState::Answered, LegState::Held, LegState::Ended];
    let pairs = states.into_iter().zip(kinds.into_iter().cycle()).zip(0u16..);
    pairs
        .map(|((state, kind), n)| Leg {
            id: u32::from(n),
            kind,
            party: format!("{UNICODE}{n}"),
            agent: (n % 2 == 0).then(|| rows.id()),
            state,
            codec: (n % 2 == 1).then(|| "PCMU".to_owned()),
            sip_status: (n % 3 == 0).then_some(603 + n),
        })
        .collect()
}

/// A call of a company with every field set, ended in this way.
async fn full(store: &dyn Store, rows: &Rows, company: &Company, cause: HangupCause, side: Side) -> Call {
    let (first, last) = ends_of_time();
    let agent = hired(store, rows, company).await;
    let (queue, number, trunk) = (rows.queue(company.id), rows.number(company.id), rows.trunk(company.id));
    write!(store, Scope::System, tx => {
        tx.insert_queue(&queue).await.unwrap();
        tx.insert_number(&number).await.unwrap();
        tx.insert_trunk(&trunk).await.unwrap();
    });
    Call {
        origin: Origin::Entered,
        status: CallStatus::Completed,
        from: UNICODE.into(),
        to: long(100).as_str().into(),
        agent: Some(agent.id),
        queue: Some(queue.id),
        number: Some(number.id),
        trunk: Some(trunk.id),
        lead: Some(rows.id()),
        client: Some(rows.id()),
        node: Some(rows.id()),
        started_at: first,
        answered_at: Some(rows.now()),
        ended_at: Some(last),
        hangup: Some(Hangup { side, cause, sip_status: Some(699) }),
        outcome: Some(UNICODE.to_owned()),
        notes: Some(long(10_000)),
        legs: legs(rows),
        events: 1_000,
        version: u32::MAX,
        updated_at: last,
        ..rows.call(company.id)
    }
}

/// Every field of a call comes back as it was, whichever way it is read.
pub async fn a_call_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut calls = vec![rows.call(company.id)];
    calls.push(full(store, &rows, &company, HangupCause::NormalClearing, Side::Callee).await);
    let many = Leg { party: String::new(), ..legs(&rows).remove(0) };
    let legs = (0..64).map(|id| Leg { id, ..many.clone() }).collect();
    calls.push(Call { legs, outcome: Some(String::new()), notes: Some(String::new()), ..rows.call(company.id) });
    calls.extend(CallStatus::ALL.map(|status| Call { status, ..rows.call(company.id) }));
    calls
        .extend([Direction::Inbound, Direction::Internal].map(|direction| Call { direction, ..rows.call(company.id) }));
    for (n, cause) in HangupCause::ALL.iter().enumerate() {
        let side = [Side::Caller, Side::Callee, Side::System][n % 3];
        let hangup = Some(Hangup { side, cause: *cause, sip_status: None });
        calls.push(Call { hangup, status: CallStatus::Failed, ..rows.call(company.id) });
    }
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    for call in &calls {
        assert_eq!(read!(store, scope, tx => tx.call(call.id).await.unwrap()).as_ref(), Some(call));
        assert_eq!(write!(store, scope, tx => tx.call_for_update(call.id).await.unwrap()).as_ref(), Some(call));
    }
    calls.sort_by_key(|call| std::cmp::Reverse(call.id));
    let listing = read!(store, scope, tx => tx.calls(&CallFilter::default(), Page::number(1, 200)).await.unwrap());
    assert_eq!((listing.total, listing.items), (calls.len() as u64, calls));
    assert_eq!(read!(store, scope, tx => tx.call(rows.id()).await.unwrap()), None);
    assert_eq!(write!(store, scope, tx => tx.call_for_update(rows.id()).await.unwrap()), None);
}

/// Where callers came into a queue is found by the queue and the time, in calls of any length, and only in one's own.
pub async fn callers_of_a_queue_are_found_by_when_they_came(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (queue, second) = (rows.id::<QueueKind>(), rows.id::<QueueKind>());
    let (call, later, strange) = (rows.call(company.id), rows.call(company.id), rows.call(other.id));
    let start = rows.now();
    let event = |call: &Call, seq: u32, after: i64, kind: &str, queue: QueueId| CallEvent {
        call: call.id,
        seq,
        at: start + TimeDelta::seconds(after),
        kind: kind.to_owned(),
        data: serde_json::json!({ "queue": queue, "position": 1 }),
    };
    let own = [
        event(&call, 1, 0, "queued", queue),
        event(&call, 2, 1, "left_queue", queue),
        event(&call, 3, 2, "queued", second),
        event(&call, 4, 9, "queued", queue),
        event(&later, 1, 5, "queued", queue),
    ];
    let foreign = event(&strange, 1, 3, "queued", queue);
    write!(store, Scope::System, tx => {
        tx.insert_calls(&[call.clone(), later.clone(), strange.clone()]).await.unwrap();
        tx.append_call_events(&own).await.unwrap();
        tx.append_call_events(std::slice::from_ref(&foreign)).await.unwrap();
    });
    let scope = Scope::Company(company.id);
    let end = start + TimeDelta::seconds(10);
    let all = read!(store, scope, tx => tx.queue_visits(queue, start, end, Page::FIRST).await.unwrap());
    let found = [own[0].clone(), own[4].clone(), own[3].clone()];
    assert_eq!((all.total, all.items.as_slice()), (3, found.as_slice()));
    let system = read!(store, Scope::System, tx => tx.queue_visits(queue, start, end, Page::FIRST).await.unwrap());
    assert_eq!((system.total, &system.items[1]), (4, &foreign));
    // The end is not part of it, and a page begins where it says.
    let (from, to) = (start + TimeDelta::seconds(1), start + TimeDelta::seconds(9));
    let some = read!(store, scope, tx => tx.queue_visits(queue, from, to, Page::FIRST).await.unwrap());
    assert_eq!((some.total, some.items.as_slice()), (1, &found[1..2]));
    let page = Page { offset: 1, limit: 1 };
    let some = read!(store, scope, tx => tx.queue_visits(queue, start, end, page).await.unwrap());
    assert_eq!((some.total, some.items.as_slice()), (3, &found[1..2]));
    let none = read!(store, scope, tx => tx.queue_visits(rows.id(), start, end, Page::FIRST).await.unwrap());
    assert_eq!((none.total, none.items.len()), (0, 0));
    // Timelines come whole, by call and in order, and those of others not at all.
    let asked = [later.id, strange.id, call.id, rows.id()];
    let timelines = read!(store, scope, tx => tx.timelines(&asked).await.unwrap());
    let mut expected = own.to_vec();
    expected.sort_by_key(|event| (event.call, event.seq));
    assert_eq!(timelines, expected);
    assert_eq!(read!(store, scope, tx => tx.timelines(&[]).await.unwrap()), []);
    let all = read!(store, Scope::System, tx => tx.timelines(&asked).await.unwrap());
    assert_eq!(all.len(), 6);
}

/// An id is taken once, and of a slice with one that is taken nothing is stored.
pub async fn a_slice_with_a_taken_id_is_refused_whole(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, fresh, twin) = (rows.call(company.id), rows.call(company.id), rows.call(company.id));
    write!(store, scope, tx => {
        tx.insert_calls(&[]).await.unwrap();
        tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
        let other = Call { direction: Direction::Inbound, ..call.clone() };
        assert_duplicate(tx.insert_calls(&[fresh.clone(), other]).await, "call", "id");
        assert_duplicate(tx.insert_calls(&[twin.clone(), twin.clone()]).await, "call", "id");
    });
    let listing = read!(store, scope, tx => tx.calls(&CallFilter::default(), Page::FIRST).await.unwrap());
    assert_eq!((listing.total, listing.items), (1, vec![call]));
}

/// Only the next version replaces a call, legs and all.
pub async fn a_call_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let call = Call { legs: legs(&rows), notes: Some("before".to_owned()), ..rows.call(company.id) };
    write!(store, scope, tx => tx.insert_calls(std::slice::from_ref(&call)).await.unwrap());
    let all = full(store, &rows, &company, HangupCause::MediaTimeout, Side::System).await;
    let mut fewer = legs(&rows);
    fewer.truncate(2);
    let next = Call { id: call.id, direction: call.direction, version: 2, legs: fewer, ..all };
    write!(store, scope, tx => {
        tx.update_call(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_call(&Call { version, legs: Vec::new(), ..next.clone() }).await);
        }
        assert_stale(tx.update_call(&Call { version: 2, ..rows.call(company.id) }).await);
    });
    assert_eq!(read!(store, scope, tx => tx.call(call.id).await.unwrap()).as_ref(), Some(&next));
    let bare = Call { version: 3, status: CallStatus::Failed, ..Call { id: call.id, ..rows.call(company.id) } };
    write!(store, scope, tx => tx.update_call(&bare).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.call(call.id).await.unwrap()), Some(bare));
}

/// Calls that have not ended are found by node, oldest first.
pub async fn open_calls_are_found_by_node(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (here, there) = (rows.id(), rows.id());
    let nodes = [Some(here), Some(there), None];
    let mut calls = Vec::new();
    for status in CallStatus::ALL {
        calls.extend(nodes.map(|node| Call { node, status, ..rows.call(company.id) }));
    }
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    let open: Vec<Call> = calls.iter().filter(|call| !call.status.is_final()).cloned().collect();
    assert_eq!(read!(store, Scope::System, tx => tx.open_calls(None).await.unwrap()), open);
    let own: Vec<Call> = open.iter().filter(|call| call.node == Some(here)).cloned().collect();
    assert_eq!(read!(store, scope, tx => tx.open_calls(Some(here)).await.unwrap()), own);
    assert_eq!(read!(store, scope, tx => tx.open_calls(Some(rows.id())).await.unwrap()), []);
    let over = Call { status: CallStatus::Failed, version: 2, ..own[0].clone() };
    write!(store, scope, tx => tx.update_call(&over).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.open_calls(Some(here)).await.unwrap()), own[1..]);
}

/// At most a thousand open calls come at once: the oldest.
pub async fn a_thousand_open_calls_come_at_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: Vec<Call> = (0..1_001).map(|_| rows.call(company.id)).collect();
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    let open = read!(store, scope, tx => tx.open_calls(None).await.unwrap());
    assert_eq!(open.len(), 1_000);
    assert!(open.iter().zip(&calls).all(|(open, call)| open.id == call.id));
}

/// Entries of a timeline come back as they were, in order of their place.
pub async fn a_timeline_comes_back_in_order(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, other) = (rows.call(company.id), rows.call(company.id));
    let bodies = [
        serde_json::json!({}),
        serde_json::json!(null),
        serde_json::json!({ "text": UNICODE, "list": [1, -1, u64::MAX, i64::MIN, 0.5, true, null, [], {}], "nested": { "": { "a": [] } } }),
        serde_json::json!(UNICODE),
        serde_json::json!([long(1_000)]),
    ];
    let (first, last) = ends_of_time();
    let mut events: Vec<CallEvent> =
        (1..).zip(bodies).map(|(seq, data)| CallEvent { data, ..rows.call_event(&call, seq) }).collect();
    events[0].at = first;
    events[1].at = last;
    events[2].kind = long(50);
    events.push(rows.call_event(&call, 1_000));
    write!(store, scope, tx => {
        tx.insert_calls(&[call.clone(), other.clone()]).await.unwrap();
        tx.append_call_events(&[]).await.unwrap();
        tx.append_call_events(&events[3..]).await.unwrap();
    });
    let mut early = events[..3].to_vec();
    early.reverse();
    early.push(rows.call_event(&other, 1));
    write!(store, scope, tx => tx.append_call_events(&early).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.call_events(call.id).await.unwrap()), events);
    assert_eq!(read!(store, scope, tx => tx.call_events(other.id).await.unwrap()), [rows.call_event(&other, 1)]);
    assert_eq!(read!(store, scope, tx => tx.call_events(rows.id()).await.unwrap()), []);
}

/// A place in a timeline is taken once, a timeline needs its call, and of a refused slice nothing is stored.
pub async fn a_place_in_a_timeline_is_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let call = rows.call(company.id);
    let event = |seq| rows.call_event(&call, seq);
    write!(store, scope, tx => {
        tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
        tx.append_call_events(&[event(1), event(2)]).await.unwrap();
        assert_duplicate(tx.append_call_events(&[event(3), event(2)]).await, "call_event", "seq");
        assert_out_of_scope(tx.append_call_events(&[event(3), rows.call_event(&rows.call(company.id), 1)]).await);
    });
    assert_eq!(read!(store, scope, tx => tx.call_events(call.id).await.unwrap()), [event(1), event(2)]);
}

/// A call that has ended is deleted with its timeline, once; one that goes on is not.
pub async fn an_ended_call_is_deleted_with_its_timeline(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let ended = Call { status: CallStatus::Completed, ended_at: Some(rows.now()), ..rows.call(company.id) };
    let (open, theirs) = (rows.call(company.id), founded(store, &rows).await);
    write!(store, scope, tx => {
        tx.insert_calls(&[ended.clone(), open.clone()]).await.unwrap();
        tx.append_call_events(&[rows.call_event(&ended, 1), rows.call_event(&open, 1)]).await.unwrap();
    });
    assert!(!write!(store, Scope::Company(theirs.id), tx => tx.delete_call(ended.id).await.unwrap()));
    write!(store, scope, tx => {
        assert!(tx.delete_call(ended.id).await.unwrap());
        assert!(!tx.delete_call(ended.id).await.unwrap());
        assert!(!tx.delete_call(open.id).await.unwrap());
        assert!(!tx.delete_call(rows.id()).await.unwrap());
    });
    read!(store, scope, tx => {
        assert_eq!(tx.call(ended.id).await.unwrap(), None);
        assert_eq!(tx.call_events(open.id).await.unwrap().len(), 1);
        let listing = tx.calls(&CallFilter::default(), Page::FIRST).await.unwrap();
        assert_eq!((listing.total, listing.items), (1, vec![open]));
    });
    // The place in the timeline is free: nothing of it was left.
    write!(store, scope, tx => {
        tx.insert_calls(std::slice::from_ref(&ended)).await.unwrap();
        assert_eq!(tx.call_events(ended.id).await.unwrap(), []);
        tx.append_call_events(&[rows.call_event(&ended, 1)]).await.unwrap();
    });
}

/// The first and the last beginning of an agent's ended calls, whatever the order they were written in.
pub async fn the_span_of_an_agent_is_that_of_their_ended_calls(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (agent, idle) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let at = |hours| rows.now() + chrono::TimeDelta::hours(hours);
    let call = |hours, status| Call { agent: Some(agent.id), status, started_at: at(hours), ..rows.call(company.id) };
    let calls = [
        call(5, CallStatus::Completed),
        call(-3, CallStatus::NoAnswer),
        call(9, CallStatus::InProgress),
        call(1, CallStatus::Failed),
    ];
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    for scope in [scope, Scope::System] {
        read!(store, scope, tx => {
            assert_eq!(tx.call_span(agent.id).await.unwrap(), Some((at(-3), at(5))));
            assert_eq!(tx.call_span(idle.id).await.unwrap(), None);
        });
    }
    let theirs = founded(store, &rows).await;
    assert_eq!(read!(store, Scope::Company(theirs.id), tx => tx.call_span(agent.id).await.unwrap()), None);
}
