//! `dialplane replay`: a day out of a database, played again by the binary.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use dialplane_core::clock::ManualClock;
use dialplane_core::command::call::RecordCalls;
use dialplane_core::command::people::{RegisterUser, SetAvailability};
use dialplane_core::command::replay::{reports, stored_day};
use dialplane_core::command::setup::SetUp;
use dialplane_core::command::telephony::CreateQueue;
use dialplane_core::company::Company;
use dialplane_core::id::SystemIds;
use dialplane_core::people::{Argon2Hasher, Availability, NewUser, PasswordHash, PasswordHasher as _, Role};
use dialplane_core::queue::sim::replay::{RecordedDay, RecordedEnd};
use dialplane_core::queue::sim::{Day, Plan, record};
use dialplane_core::store::Store;
use dialplane_core::{Actor, Engine};
use dialplane_storage_postgres::PostgresStore;
use dialplane_storage_sqlite::SqliteStore;
use serde_json::Value;

use crate::postgres::Database;
use crate::support::{PASSWORD, output};

/// The local midnight of the day, and how long after it the first call came.
const BEGINS: &str = "2026-03-10T00:00:00Z";
const OPENS: TimeDelta = TimeDelta::hours(8);

fn begins() -> DateTime<Utc> {
    BEGINS.parse().unwrap()
}

fn person(name: &str, role: Role, password: &PasswordHash) -> NewUser {
    NewUser {
        name: name.to_owned(),
        email: dialplane_core::people::user::email(&format!("{name}@alpha.example")).unwrap(),
        password: password.clone(),
        initials: None,
        role,
        phone: None,
        country_code: None,
        department: None,
        reporting_to: None,
    }
}

/// A day of two hours from eight o'clock on, with breaks, missed calls and callers who give up.
fn simulated() -> (Day, RecordedDay) {
    let mut plan = Plan::simple(6, &[50.0, 80.0, 60.0, 30.0], 180.0, 80.0);
    plan.queues[0].settings.name = "support".to_owned();
    plan.agents[0].queues = vec!["support".to_owned()];
    (plan.queues[0].settings.wrap_up_seconds, plan.missed_share) = (10, 0.05);
    (plan.breaks_every_seconds, plan.break_seconds) = (2_400.0, 240.0);
    record(&plan, 5)
}

/// Puts a simulated day into a store, as commands of a server would have: the company, and the day with the ids that it has there.
async fn fill(store: Arc<dyn Store>, mut day: RecordedDay) -> (Company, RecordedDay) {
    let clock = Arc::new(ManualClock::at(begins() - TimeDelta::days(3)));
    let engine = Engine::on(store).with_clock(clock.clone());
    let password = Argon2Hasher::new().hash(PASSWORD);
    let set_up = SetUp {
        company_name: "Alpha".to_owned(),
        timezone: "UTC".to_owned(),
        country: "US".to_owned(),
        admin: person("admin", Role::Admin, &password),
    };
    let (company, _) = engine.execute(&Actor::system(), &set_up).await.unwrap();
    let actor = Actor::system_for(company.id);
    for (n, agent) in day.agents.iter_mut().enumerate() {
        let new = person(&format!("agent{n}"), Role::Agent, &password);
        let user = engine.execute(&actor, &RegisterUser { new, open: false }).await.unwrap();
        for member in day.queues[0].settings.members.iter_mut().filter(|member| member.agent_id == agent.id) {
            member.agent_id = user.id;
        }
        for call in &mut day.calls {
            match &mut call.end {
                RecordedEnd::Answered { agent: own, .. } if *own == agent.id => *own = user.id,
                _ => {}
            }
        }
        agent.id = user.id;
        let offline = SetAvailability { user: user.id, availability: Availability::Offline, reason: None };
        engine.execute(&actor, &offline).await.unwrap();
    }
    let queue = engine.execute(&actor, &CreateQueue { settings: day.queues[0].settings.clone() }).await.unwrap();
    day.queues[0].id = queue.id;
    day.calls.iter_mut().for_each(|call| call.queue = queue.id);

    let opens = begins() + OPENS;
    let choices = day.agents.iter().flat_map(|agent| agent.choices.iter().map(|(at, chosen)| (*at, agent.id, *chosen)));
    let mut choices: Vec<_> = choices.collect();
    choices.sort_by_key(|(at, ..)| *at);
    for (at, user, availability) in choices {
        clock.set(opens + TimeDelta::milliseconds(at as i64));
        engine.execute(&actor, &SetAvailability { user, availability, reason: None }).await.unwrap();
    }
    // What they choose on later days is no part of this one.
    clock.set(begins() + TimeDelta::hours(30));
    for agent in &day.agents[1..] {
        let later = SetAvailability { user: agent.id, availability: Availability::Offline, reason: None };
        engine.execute(&actor, &later).await.unwrap();
    }
    for reports in reports(&day, company.id, opens, &SystemIds::default()).chunks(64) {
        engine.execute(&actor, &RecordCalls { reports: reports.to_vec() }).await.unwrap();
    }
    (company, day)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads the day back from the store, and lets the binary play it.
async fn replayed(store: Arc<dyn Store>, directory: &Path, environment: &[(&str, &str)]) {
    let (day, recorded) = simulated();
    let (company, recorded) = fill(store.clone(), recorded).await;

    let engine = Engine::on(store);
    let mut tx = engine.read(&Actor::system_for(company.id)).await.unwrap();
    let stored = stored_day(&mut *tx, &company, begins().date_naive(), begins() + TimeDelta::days(9)).await.unwrap();
    drop(tx);
    assert_eq!((stored.begins, stored.ends, stored.unended), (begins(), begins() + TimeDelta::days(1), 0));
    assert_eq!((stored.people.len(), stored.changed.len()), (6, 0));
    for second in (0..7_200).step_by(20) {
        let mut then = recorded.at(second * 1_000);
        then.agents.sort_by_key(|agent| agent.agent);
        assert_eq!(stored.day.at(second * 1_000 + OPENS.num_milliseconds() as u64), then, "at {second} s");
    }

    let run = |more: &[&str]| -> Output {
        output(directory, &[&["replay", "--day", "2026-03-10", "--runs", "3"], more].concat(), environment)
    };
    let read = |more: &[&str]| -> Value {
        let output = run(&[&["--json"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(output.stderr.is_empty(), "no bar where nobody looks: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mean = |told: &Value, figure: &str| told["total"][figure]["mean"].as_f64().unwrap();
    let told = read(&["--csv", "day.csv"]);
    assert_eq!(
        (&told["company"], &told["notes"], &told["agents"]),
        (&"Alpha".into(), &Value::Array(vec![]), &6.into())
    );
    let was = &told["recorded"];
    assert_eq!(mean(was, "offered"), day.total.offered as f64);
    assert_eq!(mean(was, "serviceLevel"), day.total.service_level_with_abandoned());
    assert_eq!(mean(was, "meanWaitSeconds"), day.total.mean_wait());
    // Who serves until the last caller is gone is there until midnight, by what is stored.
    assert!(mean(was, "occupancy") > 0.0 && mean(was, "occupancy") < day.total.occupancy());
    assert_eq!(was["slices"][17]["name"], "08:30");
    assert_eq!(was["slices"][17]["offered"]["mean"].as_f64().unwrap(), day.slices[1].offered as f64);
    assert!(day.total.answered > 100 && day.total.abandoned > 10, "{:?}", day.total);
    let near = |told: &Value, other: &Value, figure: &str| (mean(told, figure) - mean(other, figure)).abs();
    let again = &told["replayed"];
    assert_eq!(near(again, was, "offered"), 0.0);
    assert!(near(again, was, "serviceLevel") < 0.1 && near(again, was, "abandonment") < 0.06, "{again} {was}");
    assert!(near(again, was, "meanWaitSeconds") < 10.0 && near(again, was, "occupancy") < 0.02, "{again} {was}");
    assert!(told["changed"].is_null());

    let csv = std::fs::read_to_string(directory.join("day.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    // The day as it was and three replays, each of 48 slices and their total.
    assert_eq!((rows.len(), rows[0][..3].to_vec()), (1 + 4 * 49, vec!["day", "seed", "slice"]));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    assert_eq!(
        (rows[18][..3].to_vec(), rows[50][..3].to_vec()),
        (vec!["recorded", "", "08:30"], vec!["replayed", "1", "00:00"])
    );

    let impatient = read(&["--set", "support.maxWaitSeconds=10", "--company", "Alpha"]);
    assert_eq!(impatient["replayed"], told["replayed"], "the same seeds are the same days");
    assert!(mean(&impatient["changed"], "overflowed") > 10.0, "{}", impatient["changed"]);
    let more = "[[agents]]\nagent = \"agent0@alpha.example\"\ncount = 5\n";
    std::fs::write(directory.join("more.toml"), more).unwrap();
    let more = read(&["--with", "more.toml", "--company", &company.id.to_string()]);
    assert!(mean(&more["changed"], "abandonment") < mean(again, "abandonment") / 2.0, "{more}");
    assert!(mean(&more["changed"], "serviceLevel") > mean(again, "serviceLevel"));

    let table = run(&["--set", "support.maxWaitSeconds=10"]);
    let shown = text(&table.stdout);
    assert!(shown.starts_with("Alpha, 2026-03-10 (UTC): ") && shown.contains("changed"), "{shown}");
    assert!(shown.contains("\n08:30  ") && !shown.contains("\n07:30  ") && !shown.contains('\u{1b}'), "{shown}");

    std::fs::write(directory.join("bad.toml"), "[[agents]]\nagent = \"agent0\"\nsettings = { capacity = 99 }\n")
        .unwrap();
    for (more, says) in [
        (&["--with", "nowhere.toml"][..], "nowhere.toml"),
        (&["--with", "bad.toml"], "bad.toml: agents[0].settings.capacity: "),
        (&["--set", "support.ringSeconds=1"], "queues[0].settings.ringSeconds: "),
        (&["--set", "sales.ringSeconds=20"], "queues[0].queue: there is no queue \"sales\""),
        (&["--set", "nothing"], "QUEUE.SETTING=VALUE"),
        (&["--company", "Beta"], "no such company"),
    ] {
        let refused = run(more);
        let error = text(&refused.stderr);
        assert!(!refused.status.success() && refused.stdout.is_empty() && error.contains(says), "{more:?}: {error}");
    }
    let empty = output(directory, &["replay", "--day", "2026-03-12"], environment);
    assert!(!empty.status.success() && text(&empty.stderr).contains("2026-03-12"), "{}", text(&empty.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_sqlite_is_told_as_it_was_and_played_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let store = SqliteStore::open(folder.path().join("data/dialplane.db")).await.unwrap();
    replayed(Arc::new(store), folder.path(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_postgres_is_told_as_it_was_and_played_again() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let store = PostgresStore::connect(&database.url).await.unwrap();
    replayed(Arc::new(store), folder.path(), &[("DIALPLANE_DATABASE", &database.url)]).await;
}
