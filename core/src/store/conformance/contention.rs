//! Units of work beside each other end as if they had come one after another.
//!
//! Those that run beside each other here are futures of one task, which is all that a store with a database behind it
//! needs; they give way between reading and writing, so that a store without waits is interleaved as well.

use futures::future::join_all;

use super::fixtures::{Rows, breathe, founded, hired, read, retried, write};
use crate::call::{Call, CallDay, CallSums};
use crate::company::Company;
use crate::id::CallId;
use crate::people::{Figures, User};
use crate::phone::{Assignment, E164, PhoneNumber, Trunk};
use crate::scope::Scope;
use crate::store::{Access, Page, Store, StoreError, UserFilter};

/// Of 50 calls that are placed at once under a limit of 10, exactly 10 are admitted.
pub async fn a_daily_limit_holds_under_parallel_calls(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let number = rows.number(company.id);
    write!(store, scope, tx => {
        tx.insert_number(&number).await.unwrap();
        let limited = Assignment { daily_limit: 10, ..rows.assignment(&number, agent.id) };
        tx.insert_assignment(&limited).await.unwrap();
    });
    let to = E164::from_stored("+14155550123").unwrap();
    let reserve = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let mut own = tx.agent_numbers_for_update(agent.id).await?;
        let row = own.pop().expect("the agent has a number");
        breathe().await;
        let assignment = row.assignment.expect("the number is assigned");
        let Ok(admitted) = assignment.consume(row.number.status, &to, company.timezone, rows.now()) else {
            tx.rollback().await?;
            return Ok(false);
        };
        tx.record_use(&admitted.assignment).await?;
        tx.commit().await?;
        Ok(true)
    };
    let admitted = join_all((0..50).map(|_| retried(reserve))).await;
    assert_eq!(admitted.into_iter().map(Result::unwrap).filter(|admitted| *admitted).count(), 10);
    write!(store, scope, tx => {
        let assignment = tx.assignment_for_update(number.id).await.unwrap().unwrap();
        assert_eq!(assignment.used, 10);
        let usage = tx.usage(None, assignment.day, assignment.day).await.unwrap();
        assert_eq!(usage.iter().map(|usage| usage.calls).collect::<Vec<_>>(), [10]);
    });
}

/// Raises the version of a call by one, reading it under a lock.
async fn count(store: &dyn Store, scope: Scope, call: CallId) -> Result<(), StoreError> {
    let mut tx = store.begin(scope, Access::Write).await?;
    let call = tx.call_for_update(call).await?.expect("the call is there");
    breathe().await;
    tx.update_call(&Call { version: call.version + 1, events: call.events + 1, ..call }).await?;
    tx.commit().await
}

/// 16 writers that each raise 20 counters lose none.
pub async fn no_update_of_a_locked_row_is_lost(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calls: Vec<Call> = (0..20).map(|_| rows.call(company.id)).collect();
    write!(store, scope, tx => tx.insert_calls(&calls).await.unwrap());
    let writers = (0..16).map(async |writer| {
        for n in 0..calls.len() {
            let call = &calls[(n + writer) % calls.len()];
            retried(async || count(store, scope, call.id).await).await.unwrap();
        }
    });
    join_all(writers).await;
    for call in &calls {
        let counted = read!(store, scope, tx => tx.call(call.id).await.unwrap()).unwrap();
        assert_eq!((counted.events, counted.version), (16, 17));
    }
}

/// Users, caller records and assignments are locked by their reads for update just as calls are.
pub async fn every_read_for_update_keeps_others_waiting(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let number = rows.number(company.id);
    write!(store, scope, tx => {
        tx.insert_caller(&rows.caller(&agent)).await.unwrap();
        tx.insert_number(&number).await.unwrap();
        tx.insert_assignment(&rows.assignment(&number, agent.id)).await.unwrap();
    });
    let step = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let user = tx.user_for_update(agent.id).await?.expect("the user is there");
        breathe().await;
        tx.update_user(&User { version: user.version + 1, token_version: user.token_version + 1, ..user }).await?;
        tx.commit().await?;
        let mut tx = store.begin(scope, Access::Write).await?;
        let caller = tx.caller_for_update(agent.id).await?.expect("the record is there");
        breathe().await;
        let figures = Figures { total_calls: caller.figures.total_calls + 1, ..caller.figures };
        tx.set_figures(agent.id, &figures).await?;
        tx.commit().await?;
        let mut tx = store.begin(scope, Access::Write).await?;
        let assignment = tx.assignment_for_update(number.id).await?.expect("the assignment is there");
        breathe().await;
        let more =
            Assignment { version: assignment.version + 1, daily_limit: assignment.daily_limit + 1, ..assignment };
        tx.update_assignment(&more).await?;
        tx.commit().await
    };
    // No attempt is repeated here: whoever waits for a lock gets it, and nothing is given up.
    for done in join_all((0..16).map(|_| step())).await {
        done.unwrap();
    }
    write!(store, scope, tx => {
        assert_eq!(tx.user(agent.id).await.unwrap().unwrap().token_version, 16);
        assert_eq!(tx.caller(agent.id).await.unwrap().unwrap().figures.total_calls, 16);
        assert_eq!(tx.assignment_for_update(number.id).await.unwrap().unwrap().daily_limit, 116);
    });
}

/// Of several who change the version they read without a lock, one does and the others are stale.
pub async fn one_of_several_changes_of_a_version_wins(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let change = async |n: u32| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let user = tx.user(user.id).await?.expect("the user is there");
        breathe().await;
        if user.version > 1 {
            return Err(StoreError::Stale);
        }
        tx.update_user(&User { version: 2, token_version: n, ..user }).await?;
        tx.commit().await?;
        Ok(n)
    };
    let results = join_all((1..=8).map(|n| retried(async move || change(n).await))).await;
    let winners: Vec<u32> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(StoreError::Stale))), "{results:?}");
    let stored = read!(store, scope, tx => tx.user(user.id).await.unwrap()).unwrap();
    assert_eq!((winners, stored.version), (vec![stored.token_version], 2));
}

/// Of several who find no user at all in the system's scope, one makes the first.
pub async fn the_first_account_is_made_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let register = async || {
        let mut tx = store.begin(Scope::System, Access::Write).await?;
        let any = tx.any_user().await?;
        breathe().await;
        if any {
            return Ok(false);
        }
        tx.insert_user(&rows.user(company.id)).await?;
        tx.commit().await?;
        Ok(true)
    };
    let made = join_all((0..8).map(|_| retried(register))).await;
    assert_eq!(made.into_iter().map(Result::unwrap).filter(|made| *made).count(), 1);
    assert_eq!(
        read!(store, Scope::System, tx => tx.users(&UserFilter::default(), Page::FIRST).await.unwrap()).total,
        1
    );
}

/// A refresh token that several present at once is exchanged once.
pub async fn a_token_is_exchanged_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let session = rows.session(&user);
    write!(store, scope, tx => tx.insert_session(&session).await.unwrap());
    let exchange = async || {
        let mut tx = store.begin(Scope::System, Access::Write).await?;
        let found = tx.session_for_update(&session.token).await?.expect("the session is there");
        breathe().await;
        if found.used_at.is_some() {
            return Ok(false);
        }
        tx.mark_session_used(&session.token, rows.now()).await?;
        tx.insert_session(&crate::people::Session { family: session.family, ..rows.session(&user) }).await?;
        tx.commit().await?;
        Ok(true)
    };
    let exchanged = join_all((0..8).map(|_| retried(exchange))).await;
    assert_eq!(exchanged.into_iter().map(Result::unwrap).filter(|done| *done).count(), 1);
    assert_eq!(write!(store, scope, tx => tx.revoke_family(session.family, rows.now()).await.unwrap()), 2);
}

/// An identity that several ask for at once is given once, and the others are told that it is taken.
pub async fn an_identity_is_given_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (text, email) = (rows.e164(), rows.user(company.id).email);
    let add = async || {
        let user = User { email: email.clone(), ..rows.user(company.id) };
        let number = PhoneNumber { number: text.clone(), ..rows.number(company.id) };
        let mut tx = store.begin(scope, Access::Write).await?;
        let first = tx.insert_user(&user).await;
        breathe().await;
        let second = tx.insert_number(&number).await;
        match (first, second) {
            (Ok(()), Ok(())) => tx.commit().await.map(|()| true),
            (
                Err(StoreError::Duplicate { constraint: "email", .. }),
                Err(StoreError::Duplicate { constraint: "number", .. }),
            ) => tx.rollback().await.map(|()| false),
            (Err(StoreError::Contention), _) | (_, Err(StoreError::Contention)) => Err(StoreError::Contention),
            other => panic!("one of the two was taken without the other: {other:?}"),
        }
    };
    let added = join_all((0..16).map(|_| retried(add))).await;
    assert_eq!(added.into_iter().map(Result::unwrap).filter(|added| *added).count(), 1);
}

/// Trunks that become the default at once leave one.
pub async fn one_default_trunk_is_left_of_several(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let trunks: Vec<Trunk> = (0..8).map(|_| rows.trunk(company.id)).collect();
    write!(store, scope, tx => {
        for trunk in &trunks {
            tx.insert_trunk(trunk).await.unwrap();
        }
    });
    let promote = async |trunk: &Trunk| {
        let mut tx = store.begin(scope, Access::Write).await?;
        breathe().await;
        tx.update_trunk(&Trunk { is_default: true, version: 2, ..trunk.clone() }).await?;
        tx.commit().await
    };
    for done in join_all(trunks.iter().map(|trunk| retried(async move || promote(trunk).await))).await {
        done.unwrap();
    }
    let trunks = read!(store, scope, tx => tx.trunks().await.unwrap());
    assert_eq!(trunks.iter().filter(|trunk| trunk.is_default).count(), 1);
    assert!(trunks.iter().all(|trunk| trunk.version == 2));
}

/// Units of work that lock two rows in opposite orders all come through: the store makes them wait, or gives one up for the
/// engine to repeat.
pub async fn opposite_orders_of_locks_come_through(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (a, b) = (rows.call(company.id), rows.call(company.id));
    write!(store, scope, tx => tx.insert_calls(&[a.clone(), b.clone()]).await.unwrap());
    let both = async |first: CallId, second: CallId| {
        let mut tx = store.begin(scope, Access::Write).await?;
        for call in [first, second] {
            let call = tx.call_for_update(call).await?.expect("the call is there");
            breathe().await;
            tx.update_call(&Call { version: call.version + 1, events: call.events + 1, ..call }).await?;
            breathe().await;
        }
        tx.commit().await
    };
    for _ in 0..3 {
        let there = retried(async || both(a.id, b.id).await);
        let back = retried(async || both(b.id, a.id).await);
        let (there, back) = futures::join!(there, back);
        there.unwrap();
        back.unwrap();
    }
    for call in [a, b] {
        assert_eq!(read!(store, scope, tx => tx.call(call.id).await.unwrap()).unwrap().events, 6);
    }
}

/// Calls of several agents on several numbers beside each other are all counted.
pub async fn usage_of_several_agents_adds_up(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut agents = Vec::new();
    for _ in 0..4 {
        let agent = hired(store, &rows, &company).await;
        write!(store, scope, tx => {
            for _ in 0..2 {
                let number = rows.number(company.id);
                tx.insert_number(&number).await.unwrap();
                tx.insert_assignment(&rows.assignment(&number, agent.id)).await.unwrap();
            }
        });
        agents.push(agent.id);
    }
    let (agents, day) = (&agents, super::tenant::busy_day());
    let place = async |n: usize| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let own = tx.agent_numbers_for_update(agents[n % agents.len()]).await?;
        breathe().await;
        let least = own.into_iter().filter_map(|row| row.assignment).min_by_key(|assignment| assignment.used);
        let assignment = least.expect("every agent has numbers");
        tx.record_use(&Assignment { used: assignment.used + 1, day, ..assignment }).await?;
        tx.commit().await
    };
    for done in join_all((0..80).map(|n| retried(async move || place(n).await))).await {
        done.unwrap();
    }
    let usage = read!(store, scope, tx => tx.usage(None, day, day).await.unwrap());
    assert_eq!(usage.iter().map(|usage| usage.calls).collect::<Vec<_>>(), [10; 8]);
}

/// Calls of several agents that end beside each other on the same days are all counted.
pub async fn sums_of_a_day_lose_nothing_under_parallel_calls(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agents = [None, Some(rows.id()), Some(rows.id()), Some(rows.id())];
    let sums = CallSums { inbound: 1, talk_seconds: 7, ..CallSums::default() };
    let days = ["2026-03-01", "2026-03-02"].map(super::fixtures::day);
    let end = async |n: usize| {
        let mut tx = store.begin(scope, Access::Write).await?;
        tx.hold_timezone(company.id).await?;
        breathe().await;
        let mut rows: Vec<CallDay> = agents
            .iter()
            .flat_map(|agent| days.map(|day| CallDay { company: company.id, day, agent: *agent, sums }))
            .collect();
        rows.rotate_left(n % 8);
        tx.add_call_days(&rows).await?;
        breathe().await;
        tx.commit().await
    };
    for done in join_all((0..24).map(|n| retried(async move || end(n).await))).await {
        done.unwrap();
    }
    let stored = read!(store, scope, tx => tx.call_days(None, days[0], days[1]).await.unwrap());
    assert_eq!(stored.len(), 8);
    assert!(stored.iter().all(|row| (row.sums.inbound, row.sums.talk_seconds) == (24, 168)));
}

/// While somebody counts by a time zone it stays: the company that changes it waits, and what was counted is there for it.
pub async fn a_time_zone_that_is_held_does_not_change(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let zones = [chrono_tz::Europe::Berlin, chrono_tz::Asia::Tokyo];
    let (first, second) = (super::fixtures::day("2026-03-01"), super::fixtures::day("2026-03-02"));
    let day_in = |zone| if zone == zones[0] { first } else { second };
    let sums = CallSums { outbound: 1, ..CallSums::default() };
    let count = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let zone = tx.hold_timezone(company.id).await?.expect("the company is there");
        breathe().await;
        tx.add_call_days(&[CallDay { company: company.id, day: day_in(zone), agent: None, sums }]).await?;
        tx.commit().await
    };
    let moved = async |n: usize| {
        let mut tx = store.begin(scope, Access::Write).await?;
        let old = tx.company(company.id).await?.expect("the company is there");
        let timezone = zones[(n + 1) % 2];
        match tx.update_company(&Company { version: old.version + 1, timezone, ..old }).await {
            // Somebody else was faster: that is no matter here.
            Err(StoreError::Stale) => return tx.rollback().await,
            other => other?,
        }
        let all = tx.call_volumes(None, first, second).await?.into_iter().map(|(_, sums)| sums).sum();
        tx.clear_call_days().await?;
        breathe().await;
        tx.add_call_days(&[CallDay { company: company.id, day: day_in(timezone), agent: None, sums: all }]).await?;
        tx.commit().await
    };
    let counts = join_all((0..32).map(|_| retried(count)));
    let moves = async {
        for n in 0..6 {
            retried(async || moved(n).await).await.unwrap();
        }
    };
    let (counts, ()) = futures::join!(counts, moves);
    counts.into_iter().for_each(|done| done.unwrap());
    read!(store, scope, tx => {
        let zone = tx.company(company.id).await.unwrap().unwrap().timezone;
        let days = tx.call_volumes(None, first, second).await.unwrap();
        assert_eq!(days, [(day_in(zone), CallSums { outbound: 32, ..CallSums::default() })]);
    });
}
