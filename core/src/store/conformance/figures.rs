//! What calls add up to is kept by company, day and agent.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::fixtures::{Rows, assert_out_of_scope, day, ends_of_time, founded, hired, read, write};
use crate::call::{Call, CallDay, CallEntry, CallFact, CallStatus, CallSums, Direction};
use crate::clock::ManualClock;
use crate::command::call::AnnotateCall;
use crate::command::call_log::{DeleteCall, EnterCall};
use crate::command::company::UpdateCompany;
use crate::command::figures;
use crate::company::Company;
use crate::engine::Engine;
use crate::id::{CallId, CompanyId, IdSource, SeededIds, UserId};
use crate::people::Figures;
use crate::scope::{Actor, Scope};
use crate::store::memory::MemoryStore;
use crate::store::{Access, Repo, Store};

/// Sums that differ from each other in every column.
fn sums(seed: i64) -> CallSums {
    CallSums {
        inbound: seed,
        outbound: seed + 1,
        internal: seed + 2,
        connected: seed + 3,
        follow_ups: seed + 4,
        talk_seconds: seed * 60,
    }
}

fn row(company: &Company, date: &str, agent: Option<UserId>, sums: CallSums) -> CallDay {
    CallDay { company: company.id, day: day(date), agent, sums }
}

/// All days of the scope.
async fn all(tx: &mut dyn Repo) -> Vec<CallDay> {
    tx.call_days(None, NaiveDate::MIN, NaiveDate::MAX).await.unwrap()
}

/// Sums are added to what is there, on every day stores keep, and come back by day and agent.
pub async fn sums_of_days_add_up_and_come_back(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (ann, bob) = (rows.id(), rows.id());
    let huge = CallSums { inbound: 1 << 53, talk_seconds: (1 << 53) + 1, ..CallSums::default() };
    let written = [
        row(&company, "1970-01-01", Some(ann), sums(1)),
        row(&company, "2026-03-01", None, sums(2)),
        row(&company, "2026-03-01", Some(ann), sums(3)),
        row(&company, "2026-03-01", Some(bob), huge),
        row(&company, "2999-12-31", Some(bob), sums(5)),
    ];
    write!(store, scope, tx => {
        tx.add_call_days(&[]).await.unwrap();
        let mut backwards = written;
        backwards.reverse();
        tx.add_call_days(&backwards).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => all(&mut *tx).await), written);
    let twice: Vec<CallDay> = written
        .iter()
        .map(|row| {
            let mut sums = row.sums;
            sums += row.sums;
            CallDay { sums, ..*row }
        })
        .collect();
    write!(store, Scope::System, tx => tx.add_call_days(&written).await.unwrap());
    assert_eq!(read!(store, scope, tx => all(&mut *tx).await), twice);
    assert_eq!(read!(store, Scope::System, tx => all(&mut *tx).await), twice);
    // More rows than one statement takes.
    let many: Vec<CallDay> =
        (0..100).map(|n| CallDay { agent: Some(rows.id()), ..row(&company, "2026-03-05", None, sums(n)) }).collect();
    write!(store, scope, tx => tx.add_call_days(&many).await.unwrap());
    let mut expected = many;
    expected.sort_by_key(|row| row.agent);
    let listed = read!(store, scope, tx => tx.call_days(None, day("2026-03-05"), day("2026-03-05")).await.unwrap());
    assert_eq!(listed, expected);
}

/// The same sums are told by day, by agent, and of one agent, between two days that are included.
pub async fn sums_are_told_by_day_and_by_agent(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (ann, bob) = (rows.id(), rows.id());
    let written = [
        row(&company, "2026-02-28", Some(ann), sums(1)),
        row(&company, "2026-03-01", None, sums(20)),
        row(&company, "2026-03-01", Some(ann), sums(300)),
        row(&company, "2026-03-02", Some(ann), sums(4_000)),
        row(&company, "2026-03-02", Some(bob), sums(50_000)),
        row(&company, "2026-03-03", Some(bob), sums(600_000)),
    ];
    write!(store, scope, tx => tx.add_call_days(&written).await.unwrap());
    let both = |a, b| [sums(a), sums(b)].into_iter().sum::<CallSums>();
    let (from, to) = (day("2026-03-01"), day("2026-03-02"));
    read!(store, scope, tx => {
        let volumes = tx.call_volumes(None, from, to).await.unwrap();
        assert_eq!(volumes, [(from, both(20, 300)), (to, both(4_000, 50_000))]);
        let own = tx.call_volumes(Some(ann), from, day("2999-12-31")).await.unwrap();
        assert_eq!(own, [(from, sums(300)), (to, sums(4_000))]);
        assert_eq!(tx.call_days(Some(bob), from, to).await.unwrap(), [written[4]]);
        let by_agent = tx.call_sums(from, to).await.unwrap();
        assert_eq!(by_agent, [(None, sums(20)), (Some(ann), both(300, 4_000)), (Some(bob), sums(50_000))]);
        assert_eq!(tx.call_volumes(Some(rows.id()), from, to).await.unwrap(), []);
        // Days the wrong way round are no days.
        assert_eq!(tx.call_volumes(None, to, from).await.unwrap(), []);
        assert_eq!(tx.call_sums(to, from).await.unwrap(), []);
    });
}

/// A day from which everything was taken away again is not listed.
pub async fn days_with_nothing_left_are_left_out(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = Some(rows.id());
    let (gone, left) = (row(&company, "2026-03-01", agent, sums(1)), row(&company, "2026-03-02", agent, sums(2)));
    write!(store, scope, tx => {
        tx.add_call_days(&[gone, left]).await.unwrap();
        tx.add_call_days(&[CallDay { sums: -gone.sums, ..gone }]).await.unwrap();
    });
    read!(store, scope, tx => {
        assert_eq!(all(&mut *tx).await, [left]);
        assert_eq!(tx.call_volumes(agent, gone.day, left.day).await.unwrap(), [(left.day, left.sums)]);
        assert_eq!(tx.call_sums(gone.day, gone.day).await.unwrap(), []);
    });
}

/// Clearing takes the days of the scope's company, and no other scope has the right.
pub async fn days_are_cleared_in_a_companys_scope(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let kept = row(&theirs, "2026-03-01", None, sums(2));
    write!(store, Scope::System, tx => {
        tx.add_call_days(&[row(&ours, "2026-03-01", None, sums(1)), kept]).await.unwrap();
        assert_out_of_scope(tx.clear_call_days().await);
    });
    write!(store, Scope::Company(ours.id), tx => {
        assert_out_of_scope(tx.add_call_days(&[kept]).await);
        tx.clear_call_days().await.unwrap();
    });
    assert_eq!(read!(store, Scope::System, tx => all(&mut *tx).await), [kept]);
}

/// Facts come in order of their beginning and then of their id, page by page, of ended calls only.
pub async fn facts_of_ended_calls_come_in_order_of_their_beginning(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let (first, last) = ends_of_time();
    let at = |seconds| rows.now() + TimeDelta::seconds(seconds);
    let call = |started_at, direction, talk: Option<i64>| Call {
        direction,
        status: if talk.is_some() { CallStatus::Completed } else { CallStatus::NoAnswer },
        agent: (direction != Direction::Internal).then_some(agent.id),
        started_at,
        answered_at: talk.map(|_| started_at),
        ended_at: Some(talk.map_or(started_at, |talk| started_at + TimeDelta::seconds(talk))),
        ..rows.call(company.id)
    };
    let mut calls = vec![
        call(at(5), Direction::Inbound, Some(30)),
        call(at(5), Direction::Outbound, None),
        call(at(5), Direction::Internal, Some(0)),
        call(at(1), Direction::Inbound, Some(90)),
        call(first, Direction::Outbound, Some(1)),
        call(last, Direction::Outbound, None),
    ];
    write!(store, scope, tx => {
        tx.insert_calls(&calls).await.unwrap();
        tx.insert_calls(&[rows.call(company.id)]).await.unwrap();
    });
    calls.sort_by_key(|call| (call.started_at, call.id));
    let expected: Vec<CallFact> = calls.iter().filter_map(CallFact::of).collect();
    let (from, to) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    read!(store, scope, tx => {
        assert_eq!(tx.call_facts(from, to, None, 100).await.unwrap(), expected);
        for page in [1, 2, 4] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let facts = tx.call_facts(from, to, after, page).await.unwrap();
                let Some(last) = facts.last() else { break };
                after = Some((last.started_at, last.call));
                assert!(facts.len() <= page as usize);
                seen.extend(facts);
            }
            assert_eq!(seen, expected);
        }
        let between = tx.call_facts(at(1), at(5), None, 100).await.unwrap();
        assert_eq!(between, &expected[1..2]);
        // A place before the beginning is no way around it.
        let place = Some((first, expected[0].call));
        assert_eq!(tx.call_facts(at(1), at(5), place, 100).await.unwrap(), &expected[1..2]);
    });
}

/// Whoever holds a time zone reads the company's own.
pub async fn a_held_time_zone_is_the_companys(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    for scope in [Scope::Company(company.id), Scope::System] {
        write!(store, scope, tx => {
            assert_eq!(tx.hold_timezone(company.id).await.unwrap(), Some(company.timezone));
            assert_eq!(tx.hold_timezone(rows.id()).await.unwrap(), None);
        });
    }
}

/// Demands that the stored sums and the callers' figures are what the log adds up to.
async fn assert_counted(tx: &mut dyn Repo, company: CompanyId, agents: &[UserId]) {
    let zone = tx.company(company).await.unwrap().unwrap().timezone;
    let (from, to) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let counted: Vec<CallDay> = figures::fold(&mut *tx, zone, from, to).await.unwrap().rows(company).collect();
    assert_eq!(all(&mut *tx).await, counted);
    let facts = tx.call_facts(from, to, None, u32::MAX).await.unwrap();
    for agent in agents {
        let own = facts.iter().filter(|fact| fact.agent == Some(*agent));
        assert_eq!(tx.caller(*agent).await.unwrap().unwrap().figures, Figures::of(own));
    }
}

/// After 2,000 entries, corrections, deletions and changes of the time zone, sums and figures are what a recount gives.
pub async fn sums_equal_a_recount_after_a_random_history(store: &dyn Store) {
    a_random_history_of_entries(store, 80).await;
}

/// Enters, corrects and deletes calls and changes the time zone at random, in units of work of 25 commands each; recounts four
/// times. Not a case itself: how long it is to be is for the test that runs it to say.
pub fn a_random_history_of_entries(store: &dyn Store, units: u32) -> impl Future<Output = ()> {
    history(store, units)
}

async fn history(store: &dyn Store, units: u32) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut agents = Vec::new();
    for _ in 0..3 {
        let agent = hired(store, &rows, &company).await;
        write!(store, scope, tx => tx.insert_caller(&rows.caller(&agent)).await.unwrap());
        agents.push(agent.id);
    }
    let clock = ManualClock::at(rows.now());
    // The commands run in units of work of the store that is tested; the engine's own is not used.
    let engine = Engine::new(MemoryStore::new()).with_clock(Arc::new(clock)).with_ids(Arc::new(SeededIds::new(7)));
    let host = Actor::host(company.id);
    let dice = SeededIds::new(2_026);
    let roll = |sides: u64| {
        let mut bytes = [0u8; 8];
        (&dice as &dyn IdSource).fill(&mut bytes);
        u64::from_le_bytes(bytes) % sides
    };
    let entry = || CallEntry {
        direction: [None, Some(Direction::Inbound), Some(Direction::Outbound), Some(Direction::Internal)]
            [roll(4) as usize],
        status: Some(if roll(3) == 0 { CallStatus::NoAnswer } else { CallStatus::Completed }),
        started_at: Some(rows.now() - TimeDelta::minutes(15 + roll(60 * 24 * 40) as i64)),
        talk_seconds: None,
        agent: Some(agents[roll(3) as usize]),
        ..CallEntry::default()
    };
    let talked = |entry: CallEntry| match entry.status {
        Some(CallStatus::Completed) => CallEntry { talk_seconds: Some(roll(900) as u32), ..entry },
        _ => entry,
    };
    let zones = ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "UTC"];
    let mut log: Vec<CallId> = Vec::new();
    for unit in 0..units {
        let mut tx = store.begin(scope, Access::Write).await.unwrap();
        for _ in 0..25 {
            let place = roll(log.len().max(1) as u64) as usize;
            match roll(100) {
                0 if unit % 4 == 0 => {
                    let timezone = Some(zones[roll(5) as usize].to_owned());
                    let change = UpdateCompany { timezone, ..UpdateCompany::nothing(company.id) };
                    engine.execute_in(&mut *tx, &host, &change).await.unwrap();
                }
                1..=30 if !log.is_empty() => {
                    let change = AnnotateCall { entry: talked(entry()), ..AnnotateCall::nothing(log[place]) };
                    engine.execute_in(&mut *tx, &host, &change).await.unwrap();
                }
                31..=50 if !log.is_empty() => {
                    let call = log.swap_remove(place);
                    engine.execute_in(&mut *tx, &host, &DeleteCall { call, expected_version: None }).await.unwrap();
                }
                _ => {
                    let enter = EnterCall { entry: talked(entry()), outcome: None, notes: None };
                    log.push(engine.execute_in(&mut *tx, &host, &enter).await.unwrap().id);
                }
            }
        }
        tx.commit().await.unwrap();
        if (unit + 1) % (units / 4) == 0 {
            read!(store, scope, tx => assert_counted(&mut *tx, company.id, &agents).await);
        }
    }
    assert!(log.len() as u32 > units * 5);
}
