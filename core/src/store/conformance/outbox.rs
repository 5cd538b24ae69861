//! Events are kept in order, delivered at least once and claimed by one at a time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;

use super::fixtures::{Rows, begin, breathe, ends_of_time, founded, read, retried, write};
use super::tenant::settled;
use crate::event::{Envelope, Event, TelephonyPart};
use crate::id::EventId;
use crate::people::{Availability, Role};
use crate::scope::{ActorName, Scope};
use crate::store::{Access, EventFilter, Store, StoreError};

/// Envelopes without the `seq` that the store gave them.
fn unnumbered(events: &[Envelope]) -> Vec<Envelope> {
    events.iter().map(|event| Envelope { seq: 0, ..event.clone() }).collect()
}

/// The ids of events.
fn ids(events: &[Envelope]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// When a claim made at `now` ends.
fn lease(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::seconds(30)
}

/// Every field of an event comes back as it was, for every event and actor there is.
pub async fn an_event_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, last) = ends_of_time();
    let facts = [
        Event::CompanyCreated {},
        Event::UserCreated { user: rows.id(), role: Role::Telecaller },
        Event::UserUpdated { user: rows.id(), role: Role::Admin, active: false },
        Event::AvailabilityChanged {
            user: rows.id(),
            availability: Availability::OnDemand,
            reason: Some("call backs".to_owned()),
        },
        Event::CallersSynced { created: u32::MAX, deleted: 0 },
        Event::NumbersAdded { numbers: Vec::new() },
        Event::NumbersAdded { numbers: (0..500).map(|_| rows.id()).collect() },
        Event::TelephonyUpdated { what: TelephonyPart::InboundRoute, id: Some(rows.id::<()>().as_uuid()) },
        Event::TelephonyUpdated { what: TelephonyPart::Trunk, id: None },
        Event::CallStarted {
            call: rows.id(),
            status: crate::call::CallStatus::Queued,
            agent: None,
            rung: Some(rows.id()),
            queue: Some(rows.id()),
        },
        Event::CallStatusChanged {
            call: rows.id(),
            status: crate::call::CallStatus::Ringing,
            agent: Some(rows.id()),
            rung: None,
            queue: None,
        },
        Event::CallAnswered { call: rows.id(), agent: None, rung: None, queue: Some(rows.id()) },
        Event::CallEnded {
            call: rows.id(),
            agent: Some(rows.id()),
            status: crate::call::CallStatus::NoAnswer,
            talk_seconds: u32::MAX,
            rung: Some(rows.id()),
            queue: None,
        },
    ];
    let actors = [ActorName::System, ActorName::Host, ActorName::User(rows.id())];
    let mut events: Vec<Envelope> = facts
        .into_iter()
        .zip(actors.into_iter().cycle())
        .map(|(event, actor)| Envelope { event, actor, ..rows.event(company.id) })
        .collect();
    events[0].at = first;
    events[1].at = last;
    events[2].version = u16::MAX;
    write!(store, scope, tx => {
        tx.append_events(&[]).await.unwrap();
        tx.append_events(&events).await.unwrap();
    });
    let stored = read!(store, scope, tx => tx.events_after(0, 100).await.unwrap());
    assert_eq!(unnumbered(&stored), events);
    let claimed = write!(store, scope, tx => tx.claim_events(rows.now(), lease(rows.now()), 100).await.unwrap());
    assert_eq!(claimed, stored);
}

/// The store numbers events, increasing in the order of the slice and from one unit of work to the next.
pub async fn numbers_of_events_increase(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut all = Vec::new();
    for count in [3usize, 1, 50] {
        // Neither the ids nor what the caller says about the place decides.
        let mut events: Vec<Envelope> = (0..count).map(|_| rows.event(company.id)).collect();
        events.reverse();
        events.iter_mut().for_each(|event| event.seq = 7);
        write!(store, scope, tx => {
            for slice in events.chunks(20) {
                tx.append_events(slice).await.unwrap();
            }
        });
        all.extend(ids(&events));
    }
    let stored = read!(store, scope, tx => tx.events_after(0, 100).await.unwrap());
    assert_eq!(ids(&stored), all);
    assert!(stored.first().is_some_and(|event| event.seq > 0));
    assert!(stored.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}

/// Who was away asks from the last event they know, and gets at most as many as they ask for.
pub async fn missed_events_are_read_from_where_one_was(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    for _ in 0..10 {
        let pair = [rows.event(ours.id), rows.event(theirs.id)];
        write!(store, Scope::System, tx => tx.append_events(&pair).await.unwrap());
    }
    let scope = Scope::Company(ours.id);
    let all = read!(store, scope, tx => tx.events_after(0, 100).await.unwrap());
    assert!(all.len() == 10 && all.iter().all(|event| event.company == ours.id));
    assert_eq!(read!(store, Scope::System, tx => tx.events_after(0, 100).await.unwrap()).len(), 20);
    read!(store, scope, tx => {
        assert_eq!(tx.events_after(all[3].seq, 4).await.unwrap(), all[4..8]);
        assert_eq!(tx.events_after(all[9].seq, 4).await.unwrap(), []);
        assert_eq!(tx.events_after(i64::MAX as u64, 4).await.unwrap(), []);
        assert_eq!(tx.events_after(0, 0).await.unwrap(), []);
    });
    // Delivery has nothing to do with it.
    write!(store, scope, tx => tx.mark_delivered(&ids(&all), rows.now()).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.events_after(0, 100).await.unwrap()), all);
}

/// The head is the place of the newest event that the scope sees: who begins to follow there misses nothing that comes.
pub async fn the_head_is_the_newest_event_of_the_scope(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (our_scope, their_scope) = (Scope::Company(ours.id), Scope::Company(theirs.id));
    assert_eq!(read!(store, our_scope, tx => tx.events_head().await.unwrap()), 0);
    write!(store, our_scope, tx => {
        tx.append_events(&[rows.event(ours.id), rows.event(ours.id)]).await.unwrap();
    });
    write!(store, their_scope, tx => tx.append_events(&[rows.event(theirs.id)]).await.unwrap());
    let all = read!(store, our_scope, tx => tx.events_after(0, 9).await.unwrap());
    let head = read!(store, our_scope, tx => tx.events_head().await.unwrap());
    assert_eq!(Some(head), all.last().map(|event| event.seq));
    assert_eq!(read!(store, our_scope, tx => tx.events_after(head, 9).await.unwrap()), []);
    let their_head = read!(store, their_scope, tx => tx.events_head().await.unwrap());
    assert!(their_head > head);
    assert_eq!(read!(store, Scope::System, tx => tx.events_head().await.unwrap()), their_head);
    {
        let mut tx = begin(store, our_scope, Access::Write).await;
        tx.append_events(&[rows.event(ours.id)]).await.unwrap();
    }
    assert_eq!(read!(store, our_scope, tx => tx.events_head().await.unwrap()), head);
}

/// Events are claimed oldest first, as many as asked for, and nobody else gets them before the lease ends.
pub async fn a_claim_holds_until_its_lease_ends(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let events: Vec<Envelope> = (0..5).map(|_| rows.event(company.id)).collect();
    write!(store, Scope::Company(company.id), tx => tx.append_events(&events).await.unwrap());
    let now = rows.now();
    let claim = async |at, limit| {
        let claimed = write!(store, Scope::System, tx => tx.claim_events(at, lease(at), limit).await.unwrap());
        ids(&claimed)
    };
    assert_eq!(claim(now, 0).await, []);
    assert_eq!(claim(now, 2).await, ids(&events[..2]));
    let later = now + TimeDelta::seconds(10);
    assert_eq!(claim(later, 9).await, ids(&events[2..]));
    assert_eq!(claim(later, 9).await, []);
    assert_eq!(claim(lease(now) - TimeDelta::microseconds(1), 9).await, []);
    // The first lease is over, the second is not.
    let over = lease(now) + TimeDelta::microseconds(1);
    assert_eq!(claim(over, 9).await, ids(&events[..2]));
    assert_eq!(claim(over, 9).await, []);
    assert_eq!(claim(lease(over) + TimeDelta::seconds(1), 9).await, ids(&events));
}

/// What is delivered is never claimed again; unknown and repeated ids are passed over.
pub async fn a_delivered_event_is_never_claimed_again(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let events: Vec<Envelope> = (0..4).map(|_| rows.event(company.id)).collect();
    let now = rows.now();
    write!(store, Scope::System, tx => {
        tx.append_events(&events).await.unwrap();
        assert_eq!(tx.claim_events(now, lease(now), 2).await.unwrap().len(), 2);
    });
    write!(store, Scope::System, tx => {
        tx.mark_delivered(&[], now).await.unwrap();
        // One that is claimed and one that is not.
        tx.mark_delivered(&[events[0].id, rows.id(), events[3].id, events[0].id], now).await.unwrap();
        tx.mark_delivered(&[events[0].id], now + TimeDelta::days(1)).await.unwrap();
    });
    let much_later = now + TimeDelta::days(400);
    let claimed = write!(store, Scope::System, tx => tx.claim_events(much_later, lease(much_later), 9).await.unwrap());
    assert_eq!(ids(&claimed), ids(&events[1..3]));
}

/// A claim that is not committed has not been made, and an event that is not committed cannot be claimed.
pub async fn an_undone_claim_was_never_made(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let event = rows.event(company.id);
    let now = rows.now();
    {
        let mut tx = begin(store, Scope::System, Access::Write).await;
        tx.append_events(&[rows.event(company.id)]).await.unwrap();
    }
    write!(store, Scope::System, tx => tx.append_events(std::slice::from_ref(&event)).await.unwrap());
    let mut tx = begin(store, Scope::System, Access::Write).await;
    assert_eq!(ids(&tx.claim_events(now, lease(now), 9).await.unwrap()), [event.id]);
    tx.mark_delivered(&[event.id], now).await.unwrap();
    tx.rollback().await.unwrap();
    let claimed = write!(store, Scope::System, tx => tx.claim_events(now, lease(now), 9).await.unwrap());
    assert_eq!(ids(&claimed), [event.id]);
}

/// Eight who claim at once never get the same event, and leave none.
pub async fn claims_of_several_never_overlap(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let events: Vec<Envelope> = (0..200).map(|_| rows.event(company.id)).collect();
    write!(store, Scope::System, tx => tx.append_events(&events).await.unwrap());
    let now = rows.now();
    let claim = async || {
        let mut tx = store.begin(Scope::System, Access::Write).await?;
        let claimed = tx.claim_events(now, lease(now), 7).await?;
        breathe().await;
        tx.commit().await?;
        Ok::<_, StoreError>(claimed)
    };
    let claimers = (0..8).map(async |_| {
        let mut own = Vec::new();
        loop {
            let claimed = retried(claim).await.unwrap();
            if claimed.is_empty() {
                return own;
            }
            assert!(claimed.len() <= 7 && claimed.windows(2).all(|pair| pair[0].seq < pair[1].seq));
            own.extend(ids(&claimed));
        }
    });
    let claimed: Vec<EventId> = join_all(claimers).await.into_iter().flatten().collect();
    let distinct: BTreeSet<EventId> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), distinct.len()), (200, 200));
}

/// Who follows a company's events by their numbers misses none, although several write at once.
pub async fn a_follower_misses_nothing(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (writers, rounds) = (8usize, 10usize);
    let done = AtomicUsize::new(0);
    let append = async |writer: usize, round: usize| {
        let company = if writer.is_multiple_of(4) { theirs.id } else { ours.id };
        let mut tx = store.begin(Scope::Company(company), Access::Write).await?;
        for _ in 0..=(writer + round) % 3 {
            tx.append_events(&[rows.event(company)]).await?;
            breathe().await;
        }
        tx.commit().await
    };
    let write = async |writer: usize| {
        for round in 0..rounds {
            retried(async || append(writer, round).await).await.unwrap();
        }
        done.fetch_add(1, Ordering::Relaxed);
    };
    let follow = async |scope| {
        let (mut followed, mut last) = (Vec::new(), 0);
        loop {
            let over = done.load(Ordering::Relaxed) == writers;
            let news = read!(store, scope, tx => tx.events_after(last, 5).await.unwrap());
            last = news.last().map_or(last, |event| event.seq);
            if over && news.is_empty() {
                return followed;
            }
            followed.extend(ids(&news));
            breathe().await;
        }
    };
    let (our_scope, their_scope) = (Scope::Company(ours.id), Scope::Company(theirs.id));
    let (_, own, others) = futures::join!(join_all((0..writers).map(write)), follow(our_scope), follow(their_scope));
    for (scope, followed) in [(our_scope, own), (their_scope, others)] {
        let all = read!(store, scope, tx => tx.events_after(0, 1_000).await.unwrap());
        assert_eq!(followed, ids(&all));
    }
}

/// Events are stored with the changes they tell of, or not at all.
pub async fn events_live_and_die_with_their_unit_of_work(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = settled(store, &rows).await;
    let before = read!(store, tenant.scope(), tx => tx.events_after(0, 100).await.unwrap());
    let user = rows.user(tenant.company.id);
    let event = Envelope { event: Event::UserCreated { user: user.id, role: user.role }, ..rows.event(user.company) };
    for commits in [false, true] {
        let mut tx = begin(store, tenant.scope(), Access::Write).await;
        tx.insert_user(&user).await.unwrap();
        tx.append_events(std::slice::from_ref(&event)).await.unwrap();
        let ended = if commits { tx.commit().await } else { tx.rollback().await };
        ended.unwrap();
        let stored = read!(store, tenant.scope(), tx => tx.user(user.id).await.unwrap()).is_some();
        let news = read!(store, tenant.scope(), tx => tx.events_after(before[0].seq, 100).await.unwrap());
        assert_eq!((stored, news.len()), (commits, usize::from(commits)));
    }
}

/// Every field narrows, all of them together do, and the cursor leads through all of it.
pub async fn events_are_found_by_every_field_newest_first(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (ann, bob) = (ActorName::User(rows.id()), ActorName::User(rows.id()));
    let at = rows.now();
    let second = |seconds| at + TimeDelta::seconds(seconds);
    let of = |actor, seconds, event| Envelope { actor, at: second(seconds), event, ..rows.event(ours.id) };
    let events = [
        of(ann, 0, Event::CompanyUpdated {}),
        of(bob, 1, Event::CompanyUpdated {}),
        of(ann, 2, Event::UserDeleted { user: rows.id() }),
        of(ActorName::System, 3, Event::UserDeleted { user: rows.id() }),
        of(ann, 4, Event::CompanyUpdated {}),
    ];
    write!(store, Scope::System, tx => {
        tx.append_events(&events).await.unwrap();
        tx.append_events(&[Envelope { actor: ann, at, ..rows.event(theirs.id) }]).await.unwrap();
    });
    let scope = Scope::Company(ours.id);
    let any = EventFilter::default();
    let cases = [
        (any.clone(), vec![4, 3, 2, 1, 0]),
        (EventFilter { actor: Some(ann), ..any.clone() }, vec![4, 2, 0]),
        (EventFilter { actor: Some(ActorName::System), ..any.clone() }, vec![3]),
        (EventFilter { actor: Some(ActorName::Host), ..any.clone() }, vec![]),
        (EventFilter { name: Some("user.deleted".into()), ..any.clone() }, vec![3, 2]),
        (EventFilter { name: Some("user' OR 1=1 --".into()), ..any.clone() }, vec![]),
        (EventFilter { from: Some(second(1)), to: Some(second(3)), ..any.clone() }, vec![2, 1]),
        (EventFilter { from: Some(ends_of_time().0), to: Some(ends_of_time().1), ..any.clone() }, vec![4, 3, 2, 1, 0]),
        (
            EventFilter {
                actor: Some(ann),
                name: Some("company.updated".into()),
                from: Some(second(0)),
                to: Some(second(5)),
                before: Some(u64::MAX),
            },
            vec![4, 0],
        ),
    ];
    for (filter, expected) in cases {
        let found = read!(store, scope, tx => tx.find_events(&filter, 100).await.unwrap());
        let expected: Vec<Envelope> = expected.into_iter().map(|at: usize| events[at].clone()).collect();
        assert_eq!(unnumbered(&found), expected, "{filter:?}");
    }
    assert_eq!(read!(store, Scope::System, tx => tx.find_events(&any, 100).await.unwrap()).len(), 6);
    let (mut before, mut followed) = (None, Vec::new());
    loop {
        let page = read!(store, scope, tx => {
            tx.find_events(&EventFilter { before, ..any.clone() }, 2).await.unwrap()
        });
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        followed.extend(ids(&page));
    }
    let newest_first: Vec<EventId> = events.iter().rev().map(|event| event.id).collect();
    assert_eq!(followed, newest_first);
}

/// Events go when they are old and were delivered; one that still waits stays, however old.
pub async fn old_events_are_cleared_away_once_delivered(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let before = rows.now();
    let of = |micros| Envelope { at: before + TimeDelta::microseconds(micros), ..rows.event(ours.id) };
    let (old, waiting, young) = (of(-2), of(-1), of(0));
    let other = Envelope { at: before - TimeDelta::days(1), ..rows.event(theirs.id) };
    write!(store, Scope::System, tx => {
        tx.append_events(&[old.clone(), waiting.clone(), young.clone(), other.clone()]).await.unwrap();
        tx.mark_delivered(&[old.id, young.id, other.id], before).await.unwrap();
    });
    let scope = Scope::Company(ours.id);
    assert_eq!(write!(store, scope, tx => tx.purge_events(before, 0).await.unwrap()), 0);
    assert_eq!(write!(store, scope, tx => tx.purge_events(before, 100).await.unwrap()), 1);
    let left = read!(store, Scope::System, tx => tx.events_after(0, 100).await.unwrap());
    assert_eq!(ids(&left), [waiting.id, young.id, other.id]);
    assert_eq!(write!(store, Scope::System, tx => tx.purge_events(before, 2).await.unwrap()), 0, "the oldest two stay");
    assert_eq!(write!(store, Scope::System, tx => tx.purge_events(before, 100).await.unwrap()), 1);
    assert_eq!(write!(store, Scope::System, tx => tx.purge_events(ends_of_time().0, 100).await.unwrap()), 0);
}
