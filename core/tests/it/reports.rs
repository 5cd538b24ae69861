//! Daily reports that are written by themselves.

use dialplane_core::Actor;
use dialplane_core::command::people::UpdateUser;
use dialplane_core::command::report::{WriteDueReports, WriteReport};
use dialplane_core::people::{Role, User, UserChange};
use dialplane_core::report::{DAYS_BACK, Report, ReportChange, ReportRefused, ReportType};
use dialplane_core::store::{Page, ReportFilter};
use futures::future::join_all;

use crate::world::World;

const DAY: i64 = 86_400;

async fn reports(world: &World) -> Vec<Report> {
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    tx.reports(&ReportFilter::default(), Page::number(1, Page::LIMIT_MAX)).await.unwrap().items
}

/// Writes what is due: how many reports that were.
async fn write_due(world: &World) -> usize {
    world.engine.execute(&Actor::system_for(world.company.id), &WriteDueReports).await.unwrap()
}

fn days(reports: &[Report], user: &User) -> Vec<String> {
    reports.iter().filter(|one| one.user == user.id).map(|one| one.period.first().to_string()).collect()
}

#[tokio::test]
async fn every_active_agent_gets_a_report_of_each_day_that_is_over() {
    let world = World::new().await;
    let ann = world.user("Ann", "ann@example.com", Role::Officer).await;
    let bob = world.user("Bob", "bob@example.com", Role::Telecaller).await;
    world.user("Boss", "boss@example.com", Role::Manager).await;
    assert_eq!(write_due(&world).await, 0, "the day is not over");
    world.pass(DAY);
    let change = UserChange { is_active: Some(false), ..UserChange::default() };
    world.engine.execute(&world.admin, &UpdateUser { user: bob.id, change }).await.unwrap();
    assert_eq!((write_due(&world).await, write_due(&world).await), (1, 0), "written once");
    // After a pause the days that were missed are caught up with, and no more than so many.
    world.pass(3 * DAY);
    assert_eq!(write_due(&world).await, 3);
    let found = reports(&world).await;
    assert_eq!(days(&found, &ann), ["2026-06-04", "2026-06-03", "2026-06-02", "2026-06-01"]);
    assert!(days(&found, &bob).is_empty() && found.iter().all(Report::is_unwritten));
    world.pass(100 * DAY);
    assert_eq!(write_due(&world).await as u64, DAYS_BACK);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_write_at_once_write_each_report_once() {
    let world = World::new().await;
    for n in 0..5 {
        world.user("Ann", &format!("ann{n}@example.com"), Role::Agent).await;
    }
    world.pass(4 * DAY);
    join_all((0..8).map(|_| write_due(&world))).await;
    let found = reports(&world).await;
    let mut told = found.iter().map(|one| (one.user, one.period)).collect::<Vec<_>>();
    told.sort_unstable();
    told.dedup();
    assert_eq!((found.len(), told.len()), (20, 20));
}

#[tokio::test]
async fn a_report_that_was_made_by_itself_is_filled_in_once() {
    let world = World::new().await;
    let ann = world.user("Ann", "ann@example.com", Role::Agent).await;
    world.pass(DAY);
    write_due(&world).await;
    let actor = world.as_user(&ann);
    let change = ReportChange { total_calls: Some(Some(3)), ..ReportChange::default() };
    let write = |day: &str| WriteReport {
        user: None,
        kind: ReportType::Daily,
        day: Some(day.parse().unwrap()),
        change: change.clone(),
    };
    let made = reports(&world).await.remove(0);
    let filled = world.engine.execute(&actor, &write("2026-06-01")).await.unwrap();
    assert_eq!((filled.id, filled.version, filled.author), (made.id, 2, Some(ann.id)));
    let again = world.engine.execute(&actor, &write("2026-06-01")).await.unwrap_err();
    assert_eq!(again.refusal(), Some(&ReportRefused::Exists { existing: made.id }));
    // Who writes before the day is over is not written over afterwards.
    let early = world.engine.execute(&actor, &write("2026-06-02")).await.unwrap();
    let ahead = world.engine.execute(&actor, &write("2026-06-03")).await.unwrap_err();
    assert_eq!(ahead.refusal(), Some(&ReportRefused::NotBegun));
    world.pass(DAY);
    assert_eq!(write_due(&world).await, 0);
    assert_eq!(reports(&world).await[0], early);
}
