//! The store in memory on several threads, and against a plain model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dialplane_core::call::{Call, CallStatus, Direction, NewCall};
use dialplane_core::id::{CallId, CompanyId, IdSource, SeededIds};
use dialplane_core::scope::Scope;
use dialplane_core::store::memory::MemoryStore;
use dialplane_core::store::{Access, CallFilter, Page, Store as _, StoreError};
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn call(id: CallId, company: CompanyId) -> Call {
    Call::begin(NewCall {
        id,
        company,
        direction: Direction::Inbound,
        from: "+14155550100".into(),
        to: "+12025550123".into(),
        agent: None,
        number: None,
        trunk: None,
        lead: None,
        node: None,
        at: now(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_on_several_threads_lose_no_update_and_readers_see_whole_states() {
    let store = MemoryStore::new();
    let source = SeededIds::new(1);
    let made: &dyn IdSource = &source;
    let company = made.id(now());
    let pair = [call(made.id(now()), company), call(made.id(now()), company)];
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    tx.insert_calls(&pair).await.unwrap();
    tx.commit().await.unwrap();
    let pair = Arc::new(pair.map(|call| call.id));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (writer, ids) = (store.clone(), Arc::clone(&pair));
        tasks.push(tokio::spawn(async move {
            for _ in 0..100 {
                let mut tx = writer.begin(Scope::System, Access::Write).await.unwrap();
                for id in *ids {
                    let call = tx.call_for_update(id).await.unwrap().unwrap();
                    tokio::task::yield_now().await;
                    tx.update_call(&Call { version: call.version + 1, ..call }).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
        }));
        let (reader, ids) = (store.clone(), Arc::clone(&pair));
        tasks.push(tokio::spawn(async move {
            for _ in 0..200 {
                let mut tx = reader.begin(Scope::Company(company), Access::Read).await.unwrap();
                let first = tx.call(ids[0]).await.unwrap().unwrap();
                tokio::task::yield_now().await;
                let second = tx.call(ids[1]).await.unwrap().unwrap();
                assert_eq!(first.version, second.version);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut tx = store.begin(Scope::System, Access::Read).await.unwrap();
    assert_eq!(tx.call(pair[0]).await.unwrap().unwrap().version, 801);
}

#[tokio::test]
async fn writers_come_one_at_a_time_and_one_who_gives_up_waiting_is_passed_over() {
    let store = MemoryStore::new();
    let first = store.begin(Scope::System, Access::Write).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(20), store.begin(Scope::System, Access::Write)).await;
    assert!(waited.is_err());
    // Readers do not wait.
    store.begin(Scope::System, Access::Read).await.unwrap();
    drop(first);
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, store.begin(Scope::System, Access::Write)).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_old_reader_keeps_its_state_while_thousands_of_rows_change() {
    let store = MemoryStore::new();
    let source = SeededIds::new(2);
    let ids: &dyn IdSource = &source;
    let company = ids.id(now());
    let calls: Vec<Call> = (0..3_000).map(|_| call(ids.id(now()), company)).collect();
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    tx.insert_calls(&calls).await.unwrap();
    tx.commit().await.unwrap();
    let mut reader = store.begin(Scope::System, Access::Read).await.unwrap();
    for some in calls.chunks(100) {
        let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
        for call in some {
            tx.update_call(&Call { version: 2, status: CallStatus::Failed, ..call.clone() }).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let open = CallFilter { status: Some(CallStatus::Initiated), ..CallFilter::default() };
    assert_eq!(reader.calls(&open, Page::FIRST).await.unwrap().total, 3_000);
    let mut reader = store.begin(Scope::System, Access::Read).await.unwrap();
    assert_eq!(reader.calls(&open, Page::FIRST).await.unwrap().total, 0);
}

/// One step of a random history on a handful of calls of two companies.
#[derive(Debug, Clone)]
enum Step {
    Insert { call: usize, company: usize },
    End { call: usize, version: u32 },
    Commit,
    RollBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12usize, 0..2usize).prop_map(|(call, company)| Step::Insert { call, company }),
        4 => (0..12usize, 1..4u32).prop_map(|(call, version)| Step::End { call, version }),
        2 => Just(Step::Commit),
        1 => Just(Step::RollBack),
    ]
}

type Model = BTreeMap<CallId, Call>;

/// What the contract says about the step, on a map.
fn expected(model: &mut Model, scope: Scope, row: &Call, inserts: bool) -> Result<(), &'static str> {
    if inserts {
        if !scope.sees(row.company) {
            return Err("out of scope");
        }
        if model.contains_key(&row.id) {
            return Err("duplicate");
        }
    } else {
        let fits = |stored: &&Call| {
            scope.sees(stored.company) && stored.company == row.company && stored.version + 1 == row.version
        };
        model.get(&row.id).filter(fits).ok_or("stale")?;
    }
    model.insert(row.id, row.clone());
    Ok(())
}

fn word(error: StoreError) -> &'static str {
    match error {
        StoreError::OutOfScope => "out of scope",
        StoreError::Duplicate { .. } => "duplicate",
        StoreError::Stale => "stale",
        other => panic!("unexpected {other:?}"),
    }
}

async fn play(steps: Vec<Step>, scope_of: usize) {
    let store = MemoryStore::new();
    let source = SeededIds::new(3);
    let ids: &dyn IdSource = &source;
    let companies: [CompanyId; 2] = [ids.id(now()), ids.id(now())];
    let scope = [Scope::Company(companies[0]), Scope::Company(companies[1]), Scope::System][scope_of];
    let known: Vec<CallId> = (0..12).map(|_| ids.id(now())).collect();
    let (mut committed, mut model) = (Model::new(), Model::new());
    let mut tx = store.begin(scope, Access::Write).await.unwrap();
    for step in steps {
        match step {
            Step::Insert { call: n, company } => {
                let row = call(known[n], companies[company]);
                let result = tx.insert_calls(std::slice::from_ref(&row)).await.map_err(word);
                assert_eq!(result, expected(&mut model, scope, &row, true));
            }
            Step::End { call: n, version } => {
                let company = model.get(&known[n]).map_or(companies[0], |call| call.company);
                let row = Call { version, status: CallStatus::Failed, ..call(known[n], company) };
                let result = tx.update_call(&row).await.map_err(word);
                assert_eq!(result, expected(&mut model, scope, &row, false));
            }
            Step::Commit => {
                tx.commit().await.unwrap();
                committed.clone_from(&model);
                tx = store.begin(scope, Access::Write).await.unwrap();
            }
            Step::RollBack => {
                tx.rollback().await.unwrap();
                model.clone_from(&committed);
                tx = store.begin(scope, Access::Write).await.unwrap();
            }
        }
        let open: Vec<Call> = model.values().filter(|call| !call.status.is_final()).cloned().collect();
        assert_eq!(tx.open_calls(None).await.unwrap(), open);
    }
    let mut reader = store.begin(Scope::System, Access::Read).await.unwrap();
    let listing = reader.calls(&CallFilter::default(), Page::FIRST).await.unwrap();
    assert!(listing.items.iter().eq(committed.values().rev()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_history_of_calls_ends_as_the_model_does(steps in proptest::collection::vec(step(), 1..60), scope in 0..3usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(steps, scope));
    }
}

#[tokio::test]
async fn ten_thousand_changes_of_the_log_leave_the_sums_of_a_recount() {
    dialplane_core::store::conformance::figures::a_random_history_of_entries(&MemoryStore::new(), 400).await;
}

#[tokio::test]
async fn ten_thousand_changes_of_leads_leave_the_figures_of_a_recount() {
    dialplane_core::store::conformance::lead_figures::a_random_history_of_leads(&MemoryStore::new(), 400).await;
}
