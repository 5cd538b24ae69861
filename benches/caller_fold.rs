//! The figures of a caller out of 100,000 calls: what the sync job, the reports and the tests of the stored figures fold.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::hint::black_box;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use criterion::{Criterion, criterion_group, criterion_main};
use dialplane_benches::turns::{Turns, repeated};
use dialplane_core::call::{Call, CallFact, CallStatus, CallSums, Direction, NewCall, stats};
use dialplane_core::id::{IdSource, SeededIds};
use dialplane_core::people::caller::{Figures, raise_percentage};

const CALLS: usize = 100_000;
const ZONE: Tz = chrono_tz::Europe::Berlin;

/// Calls over about a year, two of three answered.
fn calls() -> Vec<Call> {
    let source = SeededIds::new(2_026);
    let ids: &dyn IdSource = &source;
    let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_454);
    let (company, agent) = (ids.id(start), ids.id(start));
    let call = |n: usize| {
        let n = i64::try_from(n).expect("a small number");
        let at = start + TimeDelta::seconds(n * 311);
        let mut call = Call::begin(NewCall {
            id: ids.id(at),
            company,
            direction: Direction::Outbound,
            from: "+12025550123".into(),
            to: "+4930901820".into(),
            agent: Some(agent),
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at,
        });
        call.answered_at = (n % 3 != 0).then(|| at + TimeDelta::seconds(4 + n % 20));
        call.status = if n % 3 != 0 { CallStatus::Completed } else { CallStatus::NoAnswer };
        call.ended_at = Some(at + TimeDelta::seconds(30 + n % 600));
        call
    };
    (0..CALLS).map(call).collect()
}

/// A call with nothing but what the figures need, as a hand-written loop would hold it.
struct Bare {
    connected: bool,
    seconds: u32,
    started: DateTime<Utc>,
}

fn bare_sums(calls: &[Bare]) -> (u64, u64, u64, i64, i64) {
    calls.iter().fold((0, 0, 0, i64::MAX, i64::MIN), |(total, connected, seconds, first, last), call| {
        let at = call.started.timestamp_micros();
        let (connected, seconds) = (connected + u64::from(call.connected), seconds + u64::from(call.seconds));
        (total + 1, connected, seconds, first.min(at), last.max(at))
    })
}

/// The days of UTC by division: what a day costs without time zones.
fn by_day_of_utc(calls: &[Bare]) -> BTreeMap<i64, (u64, u64, u64)> {
    let mut days = BTreeMap::new();
    for call in calls {
        let day: &mut (u64, u64, u64) = days.entry(call.started.timestamp().div_euclid(86_400)).or_default();
        *day = (day.0 + 1, day.1 + u64::from(call.connected), day.2 + u64::from(call.seconds));
    }
    days
}

fn folds(criterion: &mut Criterion) {
    let calls = calls();
    let bare: Vec<Bare> = calls
        .iter()
        .map(|call| Bare { connected: call.was_connected(), seconds: call.talk_seconds(), started: call.started_at })
        .collect();
    let elements = CALLS as u64;
    let facts: Vec<CallFact> = calls.iter().filter_map(CallFact::of).collect();
    assert_eq!(Figures::of(&facts).talk_seconds, bare_sums(&bare).2);
    Turns::new("figures of 100,000 calls")
        .elements(elements)
        .baseline("floor: sums over a flat array of 24 bytes a call", repeated(|| bare_sums(black_box(&bare))))
        .ours("Figures::of", repeated(|| Figures::of(black_box(&facts))))
        .measure(criterion);
    Turns::new("figures by local day of 100,000 calls")
        .elements(elements)
        .baseline("floor: days of UTC by division, flat array", repeated(|| by_day_of_utc(black_box(&bare))))
        .ours("by_day: sums by the company's day and agent", repeated(|| stats::by_day(ZONE, black_box(&facts))))
        .measure(criterion);
    let days: Vec<(NaiveDate, CallSums)> =
        stats::by_day(ZONE, &facts).rows(calls[0].company).map(|row| (row.day, row.sums)).collect();
    let today = days.last().expect("there are days").0;
    Turns::new("raise percentage over a year of days")
        .baseline(
            "floor: one sum over the days",
            repeated(|| black_box(&days).iter().map(|(_, sums)| sums.talk_seconds).sum::<i64>()),
        )
        .ours("raise_percentage", repeated(|| raise_percentage(black_box(&days).iter().copied(), today)))
        .measure(criterion);
}

criterion_group!(benches, folds);
criterion_main!(benches);
