//! What two units of work may do to each other, and what goes wrong without the locks.

use std::sync::Arc;
use std::time::Duration;

use dialplane_core::phone::{Assignment, E164, NumberStatus};
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, Store, StoreError};
use dialplane_storage_postgres::PostgresStore;
use sqlx::{Connection, PgConnection, Row};

use crate::database::Database;
use crate::rows::{Rows, now};

/// Waits until some unit of work waits for a lock of another.
async fn somebody_waits(watcher: &mut PgConnection) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..1_000 {
        let count: i64 =
            sqlx::query_scalar(waiting).fetch_one(&mut *watcher).await.expect("the server tells its waits");
        if count > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits for a lock");
}

/// Tries to count one call: the hot path of an outbound call, with its event.
async fn consume(store: &PostgresStore, wanted: &Assignment) -> Result<bool, StoreError> {
    let to = E164::from_stored("+12025550123").expect("a number");
    loop {
        let mut tx = store.begin(Scope::Company(wanted.company), Access::Write).await?;
        let outcome = async {
            let rows = tx.agent_numbers_for_update(wanted.agent).await?;
            let assignment = rows.into_iter().find_map(|row| row.assignment).ok_or(StoreError::Stale)?;
            let Ok(admitted) = assignment.consume(NumberStatus::Active, &to, chrono_tz::UTC, now()) else {
                return Ok(false);
            };
            tx.record_use(&admitted.assignment).await?;
            tx.append_events(&[Rows::default().event(wanted.company)]).await?;
            Ok(true)
        };
        match outcome.await {
            Ok(true) => match tx.commit().await {
                Ok(()) => return Ok(true),
                Err(StoreError::Contention) => {}
                Err(error) => return Err(error),
            },
            Err(StoreError::Contention) => {}
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_fifty_calls_against_a_limit_of_ten_count_exactly_ten() {
    let database = Database::fresh().await;
    // Two pools share nothing but the database, as two processes do.
    let processes = [Arc::new(database.store().await), Arc::new(database.store().await)];
    let assignment = Rows::default().assigned(&*processes[0], 10).await;
    let calls = (0..50).map(|call: usize| {
        let (store, assignment) = (Arc::clone(&processes[call % 2]), assignment.clone());
        tokio::spawn(async move { consume(&store, &assignment).await })
    });
    let mut admitted = 0;
    for call in calls.collect::<Vec<_>>() {
        admitted += u32::from(call.await.expect("the call ends").expect("the store answers"));
    }
    assert_eq!(admitted, 10);
    let mut tx = processes[1].begin(Scope::Company(assignment.company), Access::Read).await.unwrap();
    let row = tx.number(assignment.number).await.unwrap().unwrap();
    assert_eq!(row.assignment.unwrap().used, 10);
    let usage = tx.usage(Some(assignment.agent), assignment.day, assignment.day).await.unwrap();
    assert_eq!(usage.iter().map(|usage| usage.calls).sum::<u32>(), 10);
    assert_eq!(tx.events_after(0, 100).await.unwrap().len(), 10);
}

/// The proof that the lock is what holds the limit: the same reads and writes without it.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_lock_twelve_calls_pass_a_limit_of_ten() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let assignment = Rows::default().assigned(&store, 10).await;
    let mut connections = Vec::new();
    for _ in 0..12 {
        connections.push(database.connection().await);
    }
    let mut transactions = Vec::new();
    for connection in &mut connections {
        let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.unwrap();
        let read = sqlx::query("SELECT used FROM assignments WHERE agent_id = $1").bind(assignment.agent.as_uuid());
        let used: i64 = read.fetch_one(&mut *transaction).await.unwrap().get(0);
        transactions.push((transaction, used));
    }
    let mut admitted = 0;
    for (mut transaction, used) in transactions {
        if used < 10 {
            let write =
                sqlx::query("UPDATE assignments SET used = $2 WHERE agent_id = $1").bind(assignment.agent.as_uuid());
            write.bind(used + 1).execute(&mut *transaction).await.unwrap();
            admitted += 1;
        }
        transaction.commit().await.unwrap();
    }
    assert_eq!(admitted, 12, "every one of them saw a count of nothing");
    let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
    let counted = tx.assignment_for_update(assignment.number).await.unwrap().unwrap().used;
    assert_eq!(counted, 1, "eleven updates are lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_user_keeps_others_from_finding_none() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company();
    let mut first = store.begin(Scope::System, Access::Write).await.unwrap();
    assert!(!first.any_user().await.unwrap());
    let other = store.clone();
    let second = tokio::spawn(async move {
        let mut tx = other.begin(Scope::System, Access::Write).await.unwrap();
        tx.any_user().await.unwrap()
    });
    somebody_waits(&mut database.connection().await).await;
    first.insert_company(&company).await.unwrap();
    first.insert_user(&rows.user(company.id, "ann@example.com")).await.unwrap();
    first.commit().await.unwrap();
    assert!(second.await.unwrap(), "the second sees the first account");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_in_the_outbox_become_visible_in_order_within_a_company() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let (ours, theirs) = (rows.company().id, rows.company().id);
    let mut slow = store.begin(Scope::Company(ours), Access::Write).await.unwrap();
    slow.append_events(&[rows.event(ours)]).await.unwrap();
    let (other, event) = (store.clone(), rows.event(ours));
    let quick = tokio::spawn(async move {
        let mut tx = other.begin(Scope::Company(ours), Access::Write).await.unwrap();
        tx.append_events(&[event]).await.unwrap();
        tx.commit().await.unwrap();
    });
    somebody_waits(&mut database.connection().await).await;
    // Another company does not wait for it.
    let mut elsewhere = store.begin(Scope::Company(theirs), Access::Write).await.unwrap();
    elsewhere.append_events(&[rows.event(theirs)]).await.unwrap();
    elsewhere.commit().await.unwrap();
    let mut reader = store.begin(Scope::Company(ours), Access::Read).await.unwrap();
    assert!(reader.events_after(0, 10).await.unwrap().is_empty(), "nothing overtakes the first event");
    slow.commit().await.unwrap();
    quick.await.unwrap();
    let mut reader = store.begin(Scope::Company(ours), Access::Read).await.unwrap();
    let seqs: Vec<u64> = reader.events_after(0, 10).await.unwrap().iter().map(|event| event.seq).collect();
    assert!(seqs.len() == 2 && seqs[0] < seqs[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_that_is_not_committed_yet_is_waited_for_and_told() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company().id;
    let mut first = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    first.insert_user(&rows.user(company, "ann@example.com")).await.unwrap();
    let (same, another) = (rows.user(company, "ann@example.com"), rows.user(company, "bob@example.com"));
    let other = store.clone();
    let second = tokio::spawn(async move {
        let mut tx = other.begin(Scope::Company(company), Access::Write).await.unwrap();
        let refused = tx.insert_user(&same).await;
        tx.insert_user(&another).await.unwrap();
        // An update in the way of another's row, too.
        let renamed =
            tx.update_user(&dialplane_core::people::User { version: 2, email: same.email.clone(), ..another }).await;
        tx.commit().await.unwrap();
        (refused, renamed)
    });
    somebody_waits(&mut database.connection().await).await;
    first.commit().await.unwrap();
    let (refused, renamed) = second.await.unwrap();
    assert!(matches!(refused, Err(StoreError::Duplicate { entity: "user", constraint: "email" })), "{refused:?}");
    assert!(matches!(renamed, Err(StoreError::Duplicate { entity: "user", constraint: "email" })), "{renamed:?}");
    let mut reader = store.begin(Scope::Company(company), Access::Read).await.unwrap();
    assert!(reader.user_by_email("bob@example.com").await.unwrap().is_some(), "the unit of work went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_work_that_wait_in_a_circle_end_as_contention_of_one() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company().id;
    let (ann, bob) = (rows.user(company, "ann@example.com"), rows.user(company, "bob@example.com"));
    let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    tx.insert_user(&ann).await.unwrap();
    tx.insert_user(&bob).await.unwrap();
    tx.commit().await.unwrap();
    let mut one = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    let mut two = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    one.user_for_update(ann.id).await.unwrap();
    two.user_for_update(bob.id).await.unwrap();
    let (first, second) = tokio::join!(
        async {
            let outcome = one.user_for_update(bob.id).await.map(|_| ());
            (outcome, one.commit().await)
        },
        async {
            let outcome = two.user_for_update(ann.id).await.map(|_| ());
            (outcome, two.commit().await)
        }
    );
    let contended =
        [&first, &second].into_iter().filter(|(asked, _)| matches!(asked, Err(StoreError::Contention))).count();
    assert_eq!(contended, 1, "{first:?} {second:?}");
    for (asked, committed) in [first, second] {
        // PostgreSQL answers the COMMIT of a failed transaction with success: the store must not.
        assert_eq!(asked.is_ok(), committed.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_choose_a_default_trunk_at_once_leave_one() {
    use dialplane_core::phone::{Trunk, TrunkAuth, TrunkTransport};
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company().id;
    let make = |name: &str| Trunk {
        id: rows.id(),
        company,
        name: name.to_owned(),
        transport: TrunkTransport::Udp,
        host: "sip.example.com".to_owned(),
        port: 5060,
        auth: TrunkAuth::Address { addresses: vec![std::net::Ipv4Addr::LOCALHOST.into()] },
        is_default: true,
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    let tasks = ["a", "b", "c", "d"].map(|name| {
        let (store, trunk) = (store.clone(), make(name));
        tokio::spawn(async move {
            let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
            tx.insert_trunk(&trunk).await.unwrap();
            tx.commit().await.unwrap();
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let mut tx = store.begin(Scope::Company(company), Access::Read).await.unwrap();
    let trunks = tx.trunks().await.unwrap();
    assert_eq!((trunks.len(), trunks.iter().filter(|trunk| trunk.is_default).count()), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_assigned_while_it_is_removed_stays() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company().id;
    let number = rows.number(company, "+12025550101");
    let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    tx.insert_number(&number).await.unwrap();
    tx.commit().await.unwrap();
    let mut assigning = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    assigning.insert_assignment(&rows.assignment(&number, rows.id(), 1)).await.unwrap();
    let (other, id) = (store.clone(), number.id);
    let removing = tokio::spawn(async move {
        let mut tx = other.begin(Scope::Company(company), Access::Write).await.unwrap();
        tx.delete_number(id).await
    });
    somebody_waits(&mut database.connection().await).await;
    assigning.commit().await.unwrap();
    let removed = removing.await.unwrap();
    assert!(matches!(removed, Err(StoreError::Contention)), "{removed:?}");
    // Run again, as the engine does, it says why.
    let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    let again = tx.delete_number(id).await;
    assert!(matches!(again, Err(StoreError::InUse { entity: "phone_number" })), "{again:?}");
}
