//! Instants are kept to the microsecond, days as they are, and neither depends on a time zone.

use chrono::TimeDelta;

use super::fixtures::{Rows, day, ends_of_time, founded, hired, instant, read, write};
use crate::call::{Call, CallDay, CallSums};
use crate::phone::Assignment;
use crate::scope::Scope;
use crate::store::{CallFilter, Page, Store};

/// Instants that go wrong where they are kept as local time, in milliseconds or as floating point numbers.
const DELICATE: [&str; 12] = [
    "1970-01-01T00:00:00.000001Z",
    "1999-12-31T23:59:59.999999Z",
    "2024-02-29T12:00:00.123456Z",
    // Clocks in Berlin go forward, then back; the hour before and after.
    "2026-03-29T00:59:59.999998Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T00:30:00.000007Z",
    "2026-10-25T01:30:00.000007Z",
    "2038-01-19T03:14:08Z",
    "2100-02-28T23:59:59.999999Z",
    "2262-04-11T23:47:16.854776Z",
    "2500-06-15T10:20:30.700009Z",
    "2999-12-31T23:59:59.999999Z",
];

/// Every instant comes back as it was, to the microsecond.
pub async fn instants_are_kept_to_the_microsecond(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    for at in DELICATE.map(instant) {
        let call =
            Call { started_at: at, answered_at: Some(at), ended_at: Some(at), updated_at: at, ..rows.call(company.id) };
        let entry = crate::call::CallEvent { at, ..rows.call_event(&call, 1) };
        let event = crate::event::Envelope { at, ..rows.event(company.id) };
        write!(store, scope, tx => {
            tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
            tx.append_call_events(std::slice::from_ref(&entry)).await.unwrap();
            tx.append_events(std::slice::from_ref(&event)).await.unwrap();
        });
        read!(store, scope, tx => {
            assert_eq!(tx.call(call.id).await.unwrap(), Some(call.clone()));
            assert_eq!(tx.call_events(call.id).await.unwrap(), [entry]);
            assert_eq!(tx.events_after(0, 100).await.unwrap().last().map(|event| event.at), Some(at));
        });
    }
}

/// Instants are compared as instants: between any two, those and only those in between are found.
pub async fn instants_are_compared_to_the_microsecond(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let instants = DELICATE.map(instant);
    let calls: Vec<Call> = instants.map(|at| Call { started_at: at, ..rows.call(company.id) }).to_vec();
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    let tick = TimeDelta::microseconds(1);
    for (n, at) in instants.into_iter().enumerate() {
        let found = async |from, to| {
            let filter = CallFilter { from: Some(from), to: Some(to), ..CallFilter::default() };
            let listing = read!(store, scope, tx => tx.calls(&filter, Page::FIRST).await.unwrap());
            listing.items.into_iter().map(|call| call.id).collect::<Vec<_>>()
        };
        assert_eq!(found(at, at + tick).await, [calls[n].id]);
        assert_eq!(found(at + tick, at + tick + tick).await, []);
        assert_eq!(found(at - tick, at).await, []);
        let (first, _) = ends_of_time();
        let until: Vec<_> = calls[..=n].iter().rev().map(|call| call.id).collect();
        assert_eq!(found(first, at + tick).await, until);
    }
}

/// Days come back as they were and are compared as days.
pub async fn days_are_kept_as_they_are(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let number = rows.number(company.id);
    let assignment = rows.assignment(&number, agent.id);
    let days = ["1970-01-01", "2024-02-29", "2026-03-29", "2026-10-25", "2100-02-28", "2999-12-31"].map(day);
    let one = CallSums { internal: 1, ..CallSums::default() };
    write!(store, scope, tx => {
        tx.insert_number(&number).await.unwrap();
        tx.insert_assignment(&assignment).await.unwrap();
    });
    for day in days {
        write!(store, scope, tx => {
            tx.record_use(&Assignment { day, used: 1, ..assignment.clone() }).await.unwrap();
            let sums = CallDay { company: company.id, day, agent: Some(agent.id), sums: one };
            tx.add_call_days(&[sums]).await.unwrap();
            assert_eq!(tx.assignment_for_update(number.id).await.unwrap().map(|own| own.day), Some(day));
        });
    }
    read!(store, scope, tx => {
        for (n, day) in days.into_iter().enumerate() {
            let usage = tx.usage(None, day, day).await.unwrap();
            assert_eq!(usage.iter().map(|usage| usage.day).collect::<Vec<_>>(), [day]);
            let later = tx.call_volumes(Some(agent.id), day, days[5]).await.unwrap();
            assert_eq!(later.into_iter().map(|(day, _)| day).collect::<Vec<_>>(), days[n..]);
        }
    });
}
