//! Reports are kept, and show what was done.

use futures::future::join_all;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, day, ends_of_time, founded, long, read,
    retried, write,
};
use crate::call::{CallDay, CallSums};
use crate::company::Company;
use crate::id::UserId;
use crate::lead::LeadFigures;
use crate::report::{Period, PeriodSums, Report, ReportType, Statement};
use crate::scope::Scope;
use crate::store::{Access, Page, ReportFilter, Store, StoreError};

fn report(rows: &Rows, company: &Company, user: UserId, kind: ReportType, date: &str) -> Report {
    Report {
        id: rows.id(),
        company: company.id,
        user,
        period: Period::around(kind, day(date)),
        stated: Statement::default(),
        daily_notes: None,
        notes: None,
        author: None,
        version: 1,
        created_at: rows.now(),
        updated_at: rows.now(),
    }
}

/// Every field of a report comes back as it was, whichever way it is read; the next version replaces what was said, and leaves
/// whom it is about and when.
pub async fn a_report_reads_back_and_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (ann, bob) = (rows.id(), rows.id());
    let (first, last) = ends_of_time();
    let bare = report(&rows, &company, ann, ReportType::Daily, "1970-01-01");
    let full = Report {
        stated: Statement {
            total_calls: Some(u32::MAX),
            completed_calls: Some(0),
            follow_ups_completed: Some(1),
            converted_leads: Some(2),
        },
        daily_notes: Some(UNICODE.into()),
        notes: Some(long(10_000).as_str().into()),
        author: Some(bob),
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..report(&rows, &company, ann, ReportType::Monthly, "2999-12-31")
    };
    let weekly = report(&rows, &company, ann, ReportType::Weekly, "2026-03-01");
    write!(store, scope, tx => {
        for one in [&bare, &full, &weekly] {
            tx.insert_report(one).await.unwrap();
        }
    });
    let next = Report { stated: full.stated, notes: Some("x".into()), author: Some(ann), version: 2, ..weekly.clone() };
    let moved = Report { user: bob, period: full.period, ..next.clone() };
    write!(store, scope, tx => {
        assert_stale(tx.update_report(&Report { version: 3, ..next.clone() }).await);
        tx.update_report(&moved).await.unwrap();
        assert_stale(tx.update_report(&next).await);
        assert_stale(tx.update_report(&Report { id: rows.id(), ..next.clone() }).await);
    });
    read!(store, scope, tx => {
        for one in [&bare, &full, &next] {
            assert_eq!(tx.report(one.id).await.unwrap().as_ref(), Some(one));
            assert_eq!(tx.report_of(one.user, one.period).await.unwrap().as_ref(), Some(one));
        }
        assert_eq!(tx.report(rows.id()).await.unwrap(), None);
        assert_eq!(tx.report_of(bob, bare.period).await.unwrap(), None);
        let same_days = Period::around(ReportType::Weekly, day("1970-01-01"));
        assert_eq!(tx.report_of(ann, same_days).await.unwrap(), None);
        let listed = tx.reports(&ReportFilter::default(), Page::FIRST).await.unwrap();
        assert_eq!((listed.total, listed.items), (3, vec![full, next, bare]));
    });
}

/// A person has one report of a period, also when several write it at once.
pub async fn a_period_is_reported_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (ann, bob) = (rows.id(), rows.id());
    let one = report(&rows, &company, ann, ReportType::Daily, "2026-03-02");
    write!(store, scope, tx => {
        tx.insert_report(&one).await.unwrap();
        let again = Report { id: rows.id(), ..one.clone() };
        assert_duplicate(tx.insert_report(&again).await, "report", "period");
        let same_id = report(&rows, &company, bob, ReportType::Daily, "2026-03-02");
        assert_duplicate(tx.insert_report(&Report { id: one.id, ..same_id }).await, "report", "id");
        // The unit of work goes on: another person, another kind from the same day, another day.
        tx.insert_report(&report(&rows, &company, bob, ReportType::Daily, "2026-03-02")).await.unwrap();
        tx.insert_report(&report(&rows, &company, ann, ReportType::Weekly, "2026-03-02")).await.unwrap();
        tx.insert_report(&report(&rows, &company, ann, ReportType::Daily, "2026-03-03")).await.unwrap();
    });
    let racing: Vec<Report> = (0..8).map(|_| report(&rows, &company, bob, ReportType::Monthly, "2026-03-01")).collect();
    let write = async |one: &Report| {
        let mut tx = store.begin(scope, Access::Write).await?;
        match tx.insert_report(one).await {
            Ok(()) => tx.commit().await.map(|()| true),
            Err(StoreError::Duplicate { constraint: "period", .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    let done = join_all(racing.iter().map(|one| retried(async || write(one).await))).await;
    assert_eq!(done.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
    assert_eq!(read!(store, scope, tx => tx.reports(&ReportFilter::default(), Page::FIRST).await.unwrap()).total, 5);
}

/// A list is narrowed by each field, paged, latest period first; and who has a report of which day is told in order.
pub async fn reports_are_narrowed_by_every_field_and_told_by_day(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut people = [rows.id(), rows.id()];
    people.sort_unstable();
    let mut all = Vec::new();
    for date in ["2026-03-02", "2026-03-09", "1970-01-05"] {
        for kind in [ReportType::Weekly, ReportType::Daily, ReportType::Monthly] {
            for user in people {
                all.push(report(&rows, &company, user, kind, date));
            }
        }
    }
    // Both weeks of March lie in one month.
    all.retain(|one| one.period.kind() != ReportType::Monthly || one.period.last() != day("2026-03-31"));
    write!(store, scope, tx => {
        for one in &all {
            tx.insert_report(one).await.unwrap();
        }
    });
    all.sort_unstable_by_key(|one| std::cmp::Reverse((one.period.first(), one.id)));
    let days = [None, Some(day("1970-01-01")), Some(day("2026-03-02")), Some(day("2026-03-03"))];
    read!(store, scope, tx => {
        for user in [None, Some(people[1]), Some(rows.id())] {
            for kind in [None, Some(ReportType::Weekly), Some(ReportType::Monthly)] {
                for (from, to) in days.iter().flat_map(|from| days.iter().map(|to| (*from, *to))) {
                    let filter = ReportFilter { user, kind, from, to };
                    let expected: Vec<&Report> = all.iter().filter(|one| {
                        let first = one.period.first();
                        user.is_none_or(|user| one.user == user) && kind.is_none_or(|kind| one.period.kind() == kind)
                            && from.is_none_or(|from| first >= from) && to.is_none_or(|to| first <= to)
                    }).collect();
                    let found = tx.reports(&filter, Page::FIRST).await.unwrap();
                    assert!(found.items.iter().eq(expected.iter().copied()) && found.total == expected.len() as u64, "{filter:?}");
                }
            }
        }
        let second = tx.reports(&ReportFilter::default(), Page::number(2, 5)).await.unwrap();
        assert_eq!((second.total, second.items), (all.len() as u64, all[5..10].to_vec()));
        let written = tx.written_reports(ReportType::Daily, day("1970-01-05"), day("2026-03-02")).await.unwrap();
        let expected: Vec<_> = ["1970-01-05", "2026-03-02"].map(day).into_iter().flat_map(|date| people.map(|user| (date, user))).collect();
        assert_eq!(written, expected);
        assert_eq!(tx.written_reports(ReportType::Daily, day("2026-03-02"), day("1970-01-05")).await.unwrap(), []);
    });
}

/// The sums of each period hold the days within it, of the person and of the company, in the order asked for.
pub async fn sums_of_periods_come_in_the_order_asked_for(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (ann, bob) = (rows.id(), rows.id());
    let sums = |n: i64| CallSums {
        inbound: n,
        outbound: 2 * n,
        internal: 3 * n,
        connected: 4 * n,
        follow_ups: 5 * n,
        talk_seconds: 6 * n,
    };
    let call =
        |company: &Company, date: &str, agent, n| CallDay { company: company.id, day: day(date), agent, sums: sums(n) };
    let source: crate::lead::Source = "web".parse().expect("a source");
    let more: crate::lead::Source = "fair".parse().expect("a source");
    let leads = |user: Option<UserId>, n| LeadFigures {
        days: [
            ((day("2026-03-01"), user, source.clone()), [n, 2 * n, 9]),
            ((day("2026-03-01"), user, more.clone()), [n, 0, 9]),
            ((day("2026-03-31"), user, source.clone()), [10 * n, 20 * n, 9]),
            ((day("2026-04-01"), user, source.clone()), [100 * n, 200 * n, 9]),
        ]
        .into(),
        ..LeadFigures::default()
    };
    write!(store, Scope::System, tx => {
        tx.add_call_days(&[
            call(&company, "2026-02-28", Some(ann), 1), call(&company, "2026-03-01", Some(ann), 10),
            call(&company, "2026-03-31", Some(ann), 100), call(&company, "2026-04-01", Some(ann), 1_000),
            call(&company, "2026-03-01", Some(bob), 7), call(&company, "2026-03-01", None, 8),
            call(&other, "2026-03-01", Some(ann), 100_000),
        ]).await.unwrap();
        tx.add_lead_figures(company.id, &leads(Some(ann), 1)).await.unwrap();
        tx.add_lead_figures(company.id, &leads(None, 3)).await.unwrap();
        tx.add_lead_figures(other.id, &leads(Some(ann), 1_000)).await.unwrap();
    });
    let march = (day("2026-03-01"), day("2026-03-31"));
    let asked = [
        (bob, march.0, march.1),
        (ann, march.0, march.1),
        (rows.id(), march.0, march.1),
        (ann, march.1, march.0),
        (ann, march.0, march.0),
        (ann, march.0, march.1),
    ];
    let of = |n, new_leads, converted_leads| PeriodSums { calls: sums(n), new_leads, converted_leads };
    read!(store, Scope::Company(company.id), tx => {
        let expected = [of(7, 0, 0), of(110, 12, 22), of(0, 0, 0), of(0, 0, 0), of(10, 2, 2), of(110, 12, 22)];
        assert_eq!(tx.period_sums(&asked).await.unwrap(), expected);
        assert_eq!(tx.period_sums(&[]).await.unwrap(), []);
        // A page of the longest list at once.
        let many = vec![asked[1]; Page::LIMIT_MAX as usize];
        assert_eq!(tx.period_sums(&many).await.unwrap(), vec![expected[1]; many.len()]);
    });
    let both = read!(store, Scope::System, tx => tx.period_sums(&asked[1..2]).await.unwrap());
    assert_eq!(both, [of(100_110, 12_012, 22_022)]);
}

/// Another company's reports are absent, and stay as they are; and nobody writes where one only reads.
pub async fn another_companys_reports_are_absent_and_stay_as_they_are(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let ann = rows.id();
    let one = report(&rows, &theirs, ann, ReportType::Daily, "2026-03-01");
    write!(store, Scope::System, tx => tx.insert_report(&one).await.unwrap());
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.report(one.id).await.unwrap(), None);
        assert_eq!(tx.report_of(ann, one.period).await.unwrap(), None);
        assert_eq!(tx.reports(&ReportFilter::default(), Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.written_reports(ReportType::Daily, day("1970-01-01"), day("2999-12-31")).await.unwrap(), []);
        assert_stale(tx.update_report(&Report { version: 2, ..one.clone() }).await);
        assert_stale(tx.update_report(&Report { version: 2, company: ours.id, ..one.clone() }).await);
        assert_out_of_scope(tx.insert_report(&report(&rows, &theirs, ann, ReportType::Daily, "2026-03-02")).await);
        assert_duplicate(tx.insert_report(&Report { company: ours.id, ..one.clone() }).await, "report", "id");
        // The same person and day in another company is another report.
        tx.insert_report(&report(&rows, &ours, ann, ReportType::Daily, "2026-03-01")).await.unwrap();
    });
    let mut tx = begin(store, Scope::System, Access::Read).await;
    assert!(matches!(
        tx.insert_report(&report(&rows, &ours, ann, ReportType::Daily, "2026-03-05")).await,
        Err(StoreError::Backend(_))
    ));
    let mut tx = begin(store, Scope::System, Access::Read).await;
    assert!(matches!(tx.update_report(&Report { version: 2, ..one.clone() }).await, Err(StoreError::Backend(_))));
    assert_eq!(read!(store, Scope::System, tx => tx.report(one.id).await.unwrap()), Some(one));
}
