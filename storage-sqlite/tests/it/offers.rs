//! Agents are claimed by many tasks at once: nobody has two calls, no call two agents, and none is forgotten.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use dialplane_core::id::{CallId, IdSource, SystemIds, UserId};
use dialplane_core::scope::Scope;
use dialplane_core::store::conformance::crowd::{Crowd, Turn, calls, faults};
use dialplane_core::store::{Access, Store as _};
use dialplane_storage_sqlite::SqliteStore;
use sqlx::AssertSqlSafe;

use crate::work::{company, now};

const TASKS: usize = 64;
const CALLS: usize = 10_000;
const AGENTS: usize = 200;

/// Microseconds of a clock of this process.
fn micros() -> u64 {
    use std::sync::LazyLock;
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGINNING.elapsed().as_micros()).expect("a test that ends")
}

fn agents(count: usize) -> Vec<UserId> {
    let ids: &dyn IdSource = &SystemIds::default();
    (0..count).map(|_| ids.id(now())).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the rate, for whoever asks")]
async fn sixty_four_tasks_give_ten_thousand_calls_to_two_hundred_agents_one_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path().join("test.db")).await.expect("it opens");
    let calls = calls(company(), CALLS);
    let mut tx = store.begin(Scope::System, Access::Write).await.expect("writing");
    tx.insert_calls(&calls).await.expect("calls");
    tx.commit().await.expect("a commit");
    let store: &'static SqliteStore = Box::leak(Box::new(store));
    let crowd = Arc::new(Crowd::new(store, company(), agents(AGENTS), 1, micros));
    let turns = Arc::new(Mutex::new(Vec::<Turn>::new()));
    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (crowd, turns) = (Arc::clone(&crowd), Arc::clone(&turns));
            tokio::spawn(async move { crowd.work(|turn| turns.lock().expect("the turns").push(turn)).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task comes to its end");
    }
    let taken = began.elapsed();
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    assert_eq!(faults(&turns.lock().expect("the turns"), &ids), Vec::<String>::new());
    let mut tx = store.begin(Scope::System, Access::Read).await.expect("reading");
    assert_eq!(tx.offers().await.expect("offers"), [], "somebody is still held");
    assert_eq!(tx.open_calls(None).await.expect("calls").len(), 0);
    println!("{CALLS} calls in {taken:.1?}: {:.0} a second", CALLS as f64 / taken.as_secs_f64());
}

/// The proof that looking and taking in one statement is what keeps an agent from a second call: the same by a look and an insert
/// behind it.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_constraint_an_agent_who_was_free_when_looked_at_has_several_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path().join("test.db")).await.expect("it opens");
    let mut connection = store.connect().await.expect("a connection");
    let table = "CREATE TABLE scratch (agent_id BLOB NOT NULL, call_id BLOB NOT NULL)";
    sqlx::query(AssertSqlSafe(table)).execute(&mut connection).await.expect("a table");
    let (calls, agent) = (calls(company(), 12), agents(1).remove(0));
    let mut looked = Vec::new();
    for call in &calls {
        let look = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM scratch WHERE agent_id = ?1");
        looked.push((call.id, look.bind(agent.as_uuid()).fetch_one(&mut connection).await.expect("a count")));
    }
    let mut turns = Vec::new();
    for (call, _) in looked.into_iter().filter(|(_, held)| *held == 0) {
        let insert = sqlx::query("INSERT INTO scratch (agent_id, call_id) VALUES (?1, ?2)").bind(agent.as_uuid());
        insert.bind(call.as_uuid()).execute(&mut connection).await.expect("an insert");
        turns.push(Turn { agent, call, begun: micros(), ended: 0 });
    }
    turns.iter_mut().for_each(|turn| turn.ended = micros());
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    assert_eq!(faults(&turns, &ids).len(), 11, "the proof tells each call that came on top of another");
}
