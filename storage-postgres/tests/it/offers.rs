//! Agents are claimed by several processes at once: nobody has two calls, no call two agents, and none is forgotten.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use dialplane_core::id::{CallId, CompanyId, UserId};
use dialplane_core::scope::Scope;
use dialplane_core::store::conformance::crowd::{Crowd, Turn, calls, faults};
use dialplane_core::store::{Access, Store as _};
use dialplane_storage_postgres::{Options, PostgresStore};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::database::Database;
use crate::rows::Rows;

/// Tells a process of the crowd its database, company, number and agents, with a space between.
const CROWD: &str = "DIALPLANE_TEST_CROWD";
const PROCESSES: u64 = 3;
/// Tasks of all processes.
const TASKS: u64 = 64;
const CALLS: usize = 10_000;
const AGENTS: usize = 200;

/// Microseconds of the machine's clock, which all processes share.
fn micros() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("a clock that goes forwards");
    u64::try_from(since.as_micros()).expect("a time of this age")
}

/// Not a test by itself: one process of the crowd. Without its variable it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(told) = std::env::var(CROWD) else { return };
    let mut words = told.split(' ');
    let url = words.next().expect("a database");
    let company: CompanyId = words.next().expect("a company").parse().expect("an id");
    let number: u64 = words.next().expect("a number").parse().expect("a number");
    let agents: Vec<UserId> = words.map(|word| word.parse().expect("an id")).collect();
    let options = Options { max_connections: 16, ..Options::default() };
    let store: &'static PostgresStore =
        Box::leak(Box::new(PostgresStore::connect_with(url, options).await.expect("a store")));
    let crowd = Arc::new(Crowd::new(store, company, agents, number, micros));
    let tasks: Vec<_> = (number..=TASKS)
        .step_by(PROCESSES as usize)
        .map(|_| {
            let crowd = Arc::clone(&crowd);
            tokio::spawn(async move {
                // One write call a line, so that lines of several tasks do not mix.
                let tell = |turn| std::io::stdout().write_all(format!("turn {turn}\n").as_bytes()).expect("a reader");
                crowd.work(tell).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task comes to its end");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the rate, for whoever asks")]
async fn three_processes_give_ten_thousand_calls_to_two_hundred_agents_one_at_a_time() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company();
    let agents: Vec<UserId> = (0..AGENTS).map(|_| rows.id()).collect();
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    tx.insert_company(&company).await.unwrap();
    let calls = calls(company.id, CALLS);
    for part in calls.chunks(1_000) {
        tx.insert_calls(part).await.unwrap();
    }
    tx.commit().await.unwrap();
    // What would outlive a loss of power is another proof's matter; without waiting for the disk, more happens at once.
    let quick = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name());
    sqlx::query(AssertSqlSafe(quick)).execute(&mut database.connection().await).await.unwrap();
    let began = Instant::now();
    let names: Vec<String> = agents.iter().map(ToString::to_string).collect();
    let processes = (1..=PROCESSES).map(|number| {
        let mut process = Command::new(std::env::current_exe().expect("this test's own file"))
            .args(["--exact", "offers::member", "--nocapture", "--test-threads=1"])
            .env(CROWD, format!("{} {} {number} {}", database.url, company.id, names.join(" ")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process starts");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        // Read while it runs: a full pipe would hold it.
        let reader = std::thread::spawn(move || {
            // The name of the test stands in front of the first line.
            let turn = |line: std::io::Result<String>| line.expect("a line").split("turn ").nth(1)?.parse().ok();
            output.lines().filter_map(turn).collect::<Vec<Turn>>()
        });
        (process, reader)
    });
    let mut turns = Vec::new();
    for (mut process, reader) in processes.collect::<Vec<_>>() {
        let told = reader.join().expect("the output is read");
        assert!(process.wait().expect("it ends").success());
        assert!(told.len() > CALLS / 20, "a process had no part in it: {}", told.len());
        turns.extend(told);
    }
    let taken = began.elapsed();
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    assert_eq!(faults(&turns, &ids), Vec::<String>::new());
    let mut tx = store.begin(Scope::System, Access::Read).await.unwrap();
    assert_eq!(tx.offers().await.unwrap(), [], "somebody is still held");
    assert_eq!(tx.open_calls(None).await.unwrap().len(), 0);
    println!("{CALLS} calls in {taken:.1?}: {:.0} a second", CALLS as f64 / taken.as_secs_f64());
}

/// The proof that the constraint is what keeps an agent from a second call: the same decision by a look and an insert behind it.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_constraint_an_agent_who_was_free_when_looked_at_has_several_calls() {
    let database = Database::fresh().await;
    let rows = Rows::default();
    let (agent, company): (UserId, _) = (rows.id(), rows.company());
    let mut connection = database.connection().await;
    let table = "CREATE TABLE scratch (agent_id UUID NOT NULL, call_id UUID NOT NULL)";
    sqlx::query(AssertSqlSafe(table)).execute(&mut connection).await.unwrap();
    let calls = calls(company.id, 12);
    let mut connections = Vec::new();
    for _ in &calls {
        connections.push(database.connection().await);
    }
    let mut looked = Vec::new();
    for connection in &mut connections {
        let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.unwrap();
        let look = sqlx::query_scalar("SELECT count(*) FROM scratch WHERE agent_id = $1").bind(agent.as_uuid());
        let held: i64 = look.fetch_one(&mut *transaction).await.unwrap();
        looked.push((transaction, held));
    }
    let mut turns = Vec::new();
    for ((mut transaction, held), call) in looked.into_iter().zip(&calls) {
        if held == 0 {
            let insert = sqlx::query("INSERT INTO scratch (agent_id, call_id) VALUES ($1, $2)");
            insert.bind(agent.as_uuid()).bind(call.id.as_uuid()).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
            turns.push(Turn { agent, call: call.id, begun: micros(), ended: 0 });
        }
    }
    // They all talk until here.
    turns.iter_mut().for_each(|turn| turn.ended = micros());
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    assert_eq!(turns.len(), 12, "every one of them saw a free agent");
    assert_eq!(faults(&turns, &ids).len(), 11, "and the proof tells each call that came on top of another");
}
