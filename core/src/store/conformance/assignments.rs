//! Assignments and the usage of numbers are kept.

use chrono::{Days, NaiveDate, TimeDelta};

use super::fixtures::{Rows, assert_duplicate, assert_stale, country, day, ends_of_time, founded, hired, read, write};
use crate::company::Company;
use crate::id::UserId;
use crate::phone::{Assignment, NumberUsage, PhoneNumber};
use crate::scope::Scope;
use crate::store::{NumberFilter, NumberRow, Page, Store};

/// Stores a number and gives it to an agent.
async fn assigned(store: &dyn Store, rows: &Rows, company: &Company, agent: UserId) -> (PhoneNumber, Assignment) {
    let number = rows.number(company.id);
    let assignment = rows.assignment(&number, agent);
    write!(store, Scope::Company(company.id), tx => {
        tx.insert_number(&number).await.unwrap();
        tx.insert_assignment(&assignment).await.unwrap();
    });
    (number, assignment)
}

/// Every field of an assignment comes back as it was, whichever way it is read.
pub async fn an_assignment_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let (first, last) = ends_of_time();
    let everywhere = crate::phone::allowance::COUNTRIES_MAX;
    let codes = ["ZA", "US", "DE", "IN", "AC"].map(country);
    let plain = |number: &PhoneNumber| rows.assignment(number, agent.id);
    let none = |number: &PhoneNumber| Assignment { daily_limit: 0, day: day("1970-01-01"), ..plain(number) };
    let full = |number: &PhoneNumber| Assignment {
        daily_limit: crate::phone::allowance::DAILY_LIMIT_MAX,
        allowed_countries: codes.iter().copied().cycle().take(everywhere).collect(),
        day: day("2999-12-31"),
        used: 99_999,
        last_used_at: Some(last),
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..plain(number)
    };
    let made: [&dyn Fn(&PhoneNumber) -> Assignment; 3] = [&plain, &none, &full];
    let mut all = Vec::new();
    for make in made {
        let number = rows.number(company.id);
        let assignment = make(&number);
        write!(store, scope, tx => {
            tx.insert_number(&number).await.unwrap();
            tx.insert_assignment(&assignment).await.unwrap();
        });
        let found = write!(store, scope, tx => tx.assignment_for_update(number.id).await.unwrap());
        assert_eq!(found.as_ref(), Some(&assignment));
        let row = NumberRow { number, assignment: Some(assignment) };
        assert_eq!(read!(store, scope, tx => tx.number(row.number.id).await.unwrap()).as_ref(), Some(&row));
        all.push(row);
    }
    let own = write!(store, scope, tx => tx.agent_numbers_for_update(agent.id).await.unwrap());
    assert_eq!(own, all);
    let listed = read!(store, scope, tx => tx.numbers(&NumberFilter::default(), Page::FIRST).await.unwrap());
    assert!(listed.items.iter().eq(all.iter().rev()));
    assert_eq!(write!(store, scope, tx => tx.assignment_for_update(rows.id()).await.unwrap()), None);
    assert_eq!(write!(store, scope, tx => tx.agent_numbers_for_update(rows.id()).await.unwrap()), []);
}

/// A number has one assignment, and an id is used once.
pub async fn an_id_and_a_number_are_assigned_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (agent, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let (number, assignment) = assigned(store, &rows, &company, agent.id).await;
    let free = rows.number(company.id);
    write!(store, scope, tx => {
        tx.insert_number(&free).await.unwrap();
        assert_duplicate(tx.insert_assignment(&rows.assignment(&number, other.id)).await, "assignment", "number");
        let same_id = Assignment { id: assignment.id, ..rows.assignment(&free, other.id) };
        assert_duplicate(tx.insert_assignment(&same_id).await, "assignment", "id");
        assert_eq!(tx.assignment_for_update(number.id).await.unwrap(), Some(assignment));
        assert_eq!(tx.assignment_for_update(free.id).await.unwrap(), None);
    });
}

/// New settings leave the count alone, and need the version that follows.
pub async fn new_settings_leave_the_count_alone(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let (number, assignment) = assigned(store, &rows, &company, agent.id).await;
    let used = Assignment { used: 7, last_used_at: Some(rows.now()), ..assignment.clone() };
    write!(store, scope, tx => tx.record_use(&used).await.unwrap());
    let settings = Assignment {
        daily_limit: 5,
        allowed_countries: vec![country("US"), country("CA")],
        version: 2,
        updated_at: ends_of_time().1,
        ..assignment
    };
    write!(store, scope, tx => tx.update_assignment(&settings).await.unwrap());
    let expected = Assignment { day: used.day, used: 7, last_used_at: used.last_used_at, ..settings.clone() };
    write!(store, scope, tx => {
        assert_eq!(tx.assignment_for_update(number.id).await.unwrap().as_ref(), Some(&expected));
        for version in [1, 2, 4] {
            assert_stale(tx.update_assignment(&Assignment { version, daily_limit: 1, ..settings.clone() }).await);
        }
        let missing = Assignment { version: 2, ..rows.assignment(&rows.number(company.id), agent.id) };
        assert_stale(tx.update_assignment(&missing).await);
        assert_eq!(tx.assignment_for_update(number.id).await.unwrap().as_ref(), Some(&expected));
    });
}

/// An assignment goes once, and the number is free for the next agent.
pub async fn a_number_is_taken_back_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (agent, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let (number, gone) = assigned(store, &rows, &company, agent.id).await;
    assert!(write!(store, scope, tx => tx.delete_assignment(number.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_assignment(number.id).await.unwrap()));
    let next = rows.assignment(&number, other.id);
    write!(store, scope, tx => {
        assert_eq!(tx.agent_numbers_for_update(agent.id).await.unwrap(), []);
        tx.insert_assignment(&next).await.unwrap();
        // What was decided on the old assignment must not count on the new one.
        assert_stale(tx.record_use(&Assignment { used: 1, ..gone }).await);
        assert_eq!(tx.assignment_for_update(number.id).await.unwrap(), Some(next));
    });
}

/// A use sets the count and nothing else, and adds one call to the usage of that day.
pub async fn a_use_is_counted_and_remembered(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let (number, assignment) = assigned(store, &rows, &company, agent.id).await;
    let (monday, tuesday) = (day("2026-03-02"), day("2026-03-03"));
    for (date, used) in [(monday, 1), (monday, 2), (tuesday, 1)] {
        let at = rows.now() + TimeDelta::seconds(i64::from(used));
        // Settings that are passed along are not what is stored.
        let counted = Assignment { day: date, used, last_used_at: Some(at), daily_limit: 1, ..assignment.clone() };
        write!(store, scope, tx => tx.record_use(&counted).await.unwrap());
        let expected = Assignment { daily_limit: assignment.daily_limit, ..counted };
        assert_eq!(write!(store, scope, tx => tx.assignment_for_update(number.id).await.unwrap()), Some(expected));
    }
    let usage = |day, calls| NumberUsage { number: number.id, agent: agent.id, day, calls };
    let all = read!(store, scope, tx => tx.usage(None, monday, tuesday).await.unwrap());
    assert_eq!(all, [usage(tuesday, 1), usage(monday, 2)]);
    write!(store, scope, tx => {
        assert!(tx.delete_assignment(number.id).await.unwrap());
        assert!(tx.delete_number(number.id).await.unwrap());
    });
    let kept = read!(store, scope, tx => tx.usage(None, monday, tuesday).await.unwrap());
    assert_eq!(kept, all);
}

/// Usage comes newest day first, then by number and agent; between two days, both included; of one agent when asked.
pub async fn usage_is_told_by_day_number_and_agent(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (ann, bob) = (hired(store, &rows, &company).await.id, hired(store, &rows, &company).await.id);
    let days = ["2026-03-01", "2026-03-02", "2026-03-03"].map(day);
    let numbers = [rows.number(company.id), rows.number(company.id)];
    let mut expected = Vec::new();
    for (number, agent) in [(&numbers[1], bob), (&numbers[0], ann), (&numbers[0], bob), (&numbers[1], ann)] {
        let assignment = rows.assignment(number, agent);
        write!(store, scope, tx => {
            if !expected.iter().any(|usage: &NumberUsage| usage.number == number.id) {
                tx.insert_number(number).await.unwrap();
            }
            tx.insert_assignment(&assignment).await.unwrap();
            for day in days {
                tx.record_use(&Assignment { day, used: 1, ..assignment.clone() }).await.unwrap();
                expected.push(NumberUsage { number: number.id, agent, day, calls: 1 });
            }
            assert!(tx.delete_assignment(number.id).await.unwrap());
        });
    }
    expected.sort_by_key(|usage| (std::cmp::Reverse(usage.day), usage.number, usage.agent));
    for (agent, from, to) in [
        (None, days[0], days[2]),
        (Some(ann), days[0], days[2]),
        (Some(bob), days[1], days[1]),
        (None, days[1], days[2]),
        (None, days[2], days[0]),
        (Some(rows.id()), days[0], days[2]),
    ] {
        let fits = |usage: &&NumberUsage| {
            agent.is_none_or(|agent| usage.agent == agent) && usage.day >= from && usage.day <= to
        };
        let expected: Vec<NumberUsage> = expected.iter().filter(fits).cloned().collect();
        assert_eq!(read!(store, scope, tx => tx.usage(agent, from, to).await.unwrap()), expected);
    }
}

/// A report ends after 10,000 rows, with the newest in it.
pub async fn usage_ends_after_ten_thousand_rows(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let (_, assignment) = assigned(store, &rows, &company, agent.id).await;
    let first = day("2000-01-01");
    let nth = |n: u64| first.checked_add_days(Days::new(n)).unwrap_or(NaiveDate::MAX);
    write!(store, scope, tx => {
        for n in 0..10_001 {
            tx.record_use(&Assignment { day: nth(n), used: 1, ..assignment.clone() }).await.unwrap();
        }
    });
    let usage = read!(store, scope, tx => tx.usage(None, first, nth(20_000)).await.unwrap());
    let days: Vec<NaiveDate> = usage.iter().map(|usage| usage.day).collect();
    assert_eq!(days, (1..=10_000).rev().map(nth).collect::<Vec<_>>());
}

/// The reset by hand leaves no count and tells how many there were; usage, last use and version stay.
pub async fn counts_are_reset_and_usage_stays(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let today = day("2026-03-02");
    let (used_number, used) = assigned(store, &rows, &company, agent.id).await;
    let (old_number, old) = assigned(store, &rows, &company, agent.id).await;
    let (fresh_number, _) = assigned(store, &rows, &company, agent.id).await;
    let used = Assignment { day: today, used: 5, last_used_at: Some(rows.now()), ..used };
    write!(store, scope, tx => {
        tx.record_use(&used).await.unwrap();
        tx.record_use(&Assignment { day: day("2026-03-01"), used: 3, ..old }).await.unwrap();
    });
    assert_eq!(write!(store, scope, tx => tx.reset_counts(today).await.unwrap()), 2);
    assert_eq!(write!(store, scope, tx => tx.reset_counts(today).await.unwrap()), 0);
    write!(store, scope, tx => {
        for number in [used_number.id, old_number.id, fresh_number.id] {
            let assignment = tx.assignment_for_update(number).await.unwrap().unwrap();
            assert_eq!(assignment.used_on(today), 0);
        }
        assert_eq!(tx.assignment_for_update(used_number.id).await.unwrap(), Some(Assignment { used: 0, ..used }));
        assert_eq!(tx.usage(None, day("2026-03-01"), today).await.unwrap().len(), 2);
    });
}
