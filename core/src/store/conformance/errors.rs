//! What an error leaves behind.

use super::fixtures::{Rows, assert_duplicate, assert_out_of_scope, assert_stale, begin, hired, read, write};
use super::tenant::{Tenant, busy_day, seen, settled};
use crate::call::Call;
use crate::client::Client;
use crate::company::Company;
use crate::once::{Claim, RequestKey};
use crate::people::{Figures, User};
use crate::phone::{Assignment, Extension, InboundRoute, PhoneNumber, Trunk};
use crate::queue::Queue;
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

/// A store that can be written to says so.
pub async fn a_store_that_works_answers_the_readiness_check(store: &dyn Store) {
    store.ping().await.unwrap();
    settled(store, &Rows::new()).await;
    store.ping().await.unwrap();
}

/// Begins a unit of work that reads, demands that the call is an error in it, and drops it.
macro_rules! refused {
    ($store:expr, $scope:expr, $tx:ident => $($call:expr;)*) => {$({
        let mut $tx = begin($store, $scope, Access::Read).await;
        let result = $call.await;
        assert!(matches!(result, Err(StoreError::Backend(_))), "{} gave {result:?}", stringify!($call));
    })*};
}

/// Adding rows where one only reads is an error and changes nothing.
pub async fn adding_needs_write_access(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let mine = ours.company.id;
    let user = hired(store, &rows, &ours.company).await;
    let before = seen(store, Scope::System).await;
    refused! { store, Scope::System, tx =>
        tx.insert_company(&rows.company());
        tx.insert_user(&rows.user(mine));
        tx.insert_caller(&rows.caller(&user));
        tx.insert_session(&rows.session(&user));
        tx.insert_number(&rows.number(mine));
        tx.insert_assignment(&rows.assignment(&ours.free_number, user.id));
        tx.insert_extension(&rows.extension(&user));
        tx.insert_trunk(&rows.trunk(mine));
        tx.insert_inbound_route(&rows.route(mine, ours.route.target));
        tx.insert_queue(&rows.queue(mine));
        tx.insert_calls(&[rows.call(mine)]);
        tx.append_call_events(&[rows.call_event(&ours.call, 2)]);
        tx.insert_client(&rows.client(mine));
        tx.insert_client_note(&rows.client_note(&ours.client));
        tx.append_events(&[rows.event(mine)]);
        tx.add_call_days(&[ours.call_day()]);
    }
    assert_eq!(seen(store, Scope::System).await, before);
}

/// Changing and removing rows where one only reads is an error and changes nothing.
pub async fn changing_needs_write_access(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    let at = rows.now();
    refused! { store, ours.scope(), tx =>
        tx.update_company(&Company { version: 2, ..ours.company.clone() });
        tx.update_user(&User { version: 2, ..ours.agent.clone() });
        tx.delete_user(ours.agent.id);
        tx.delete_caller(ours.agent.id);
        tx.set_figures(ours.agent.id, &Figures::default());
        tx.clear_call_days();
        tx.delete_call(ours.call.id);
        tx.mark_session_used(&ours.session.token, at);
        tx.revoke_family(ours.session.family, at);
        tx.revoke_sessions(ours.agent.id, at);
        tx.purge_sessions(ours.session.family_expires_at + chrono::TimeDelta::days(1));
        tx.update_number(&PhoneNumber { version: 2, ..ours.number.clone() });
        tx.delete_number(ours.free_number.id);
        tx.update_assignment(&Assignment { version: 2, ..ours.assignment.clone() });
        tx.delete_assignment(ours.number.id);
        tx.record_use(&ours.used());
        tx.reset_counts(busy_day());
        tx.update_extension(&Extension { version: 2, ..ours.extension.clone() });
        tx.delete_extension(ours.extension.id);
        tx.update_trunk(&Trunk { version: 2, ..ours.trunk.clone() });
        tx.delete_trunk(ours.trunk.id);
        tx.update_inbound_route(&InboundRoute { version: 2, ..ours.route.clone() });
        tx.delete_inbound_route(ours.route.id);
        tx.update_queue(&Queue { version: 2, ..ours.queue.clone() });
        tx.delete_queue(ours.queue.id);
        tx.update_call(&Call { version: 2, ..ours.call.clone() });
        tx.update_client(&Client { version: 2, ..ours.client.clone() });
        tx.delete_client(ours.client.id);
        tx.link_calls(ours.client.id);
        tx.mark_delivered(&[ours.event.id], at);
        tx.purge_events(at + chrono::TimeDelta::days(1), 9);
        tx.claim_request(&Claim { key: RequestKey([1; 32]), content: [0; 32], holder: ours.agent.id.as_uuid() }, at);
        tx.answer_request(&Claim { key: RequestKey([1; 32]), content: [0; 32], holder: ours.agent.id.as_uuid() }, b"x");
        tx.purge_requests(at);
    }
    assert_eq!(seen(store, Scope::System).await, before);
    write!(store, ours.scope(), tx => {
        assert_eq!(tx.session_for_update(&ours.session.token).await.unwrap(), Some(ours.session));
        assert_eq!(tx.claim_events(at, at, 9).await.unwrap().len(), 1);
    });
}

/// Locking and claiming are for those who write.
pub async fn locking_needs_write_access(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let at = rows.now();
    refused! { store, ours.scope(), tx =>
        tx.user_for_update(ours.agent.id);
        tx.caller_for_update(ours.agent.id);
        tx.session_for_update(&ours.session.token);
        tx.assignment_for_update(ours.number.id);
        tx.agent_numbers_for_update(ours.agent.id);
        tx.call_for_update(ours.call.id);
        tx.hold_timezone(ours.company.id);
        tx.number_owners_for_update(&[(ours.company.id, ours.number.number.clone())]);
        tx.claim_events(at, at, 9);
    }
}

/// After a refusal the unit of work goes on: what came before and what comes after is committed.
pub async fn a_unit_of_work_goes_on_after_a_refusal(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (settled(store, &rows).await, settled(store, &rows).await);
    let mine = ours.company.id;
    let users: Vec<User> = (0..5).map(|_| rows.user(mine)).collect();
    write!(store, ours.scope(), tx => {
        tx.insert_user(&users[0]).await.unwrap();
        assert_duplicate(tx.insert_user(&User { email: users[0].email.clone(), ..rows.user(mine) }).await, "user", "email");
        tx.insert_user(&users[1]).await.unwrap();
        let taken = User { email: users[0].email.clone(), version: 2, ..users[1].clone() };
        assert_duplicate(tx.update_user(&taken).await, "user", "email");
        tx.insert_user(&users[2]).await.unwrap();
        assert_stale(tx.update_user(&User { version: 7, ..users[2].clone() }).await);
        assert!(matches!(tx.delete_number(ours.number.id).await, Err(StoreError::InUse { .. })));
        tx.insert_user(&users[3]).await.unwrap();
        assert_out_of_scope(tx.insert_user(&rows.user(theirs.company.id)).await);
        assert_duplicate(tx.insert_calls(&[rows.call(mine), ours.call.clone()]).await, "call", "id");
        tx.insert_user(&users[4]).await.unwrap();
    });
    read!(store, ours.scope(), tx => {
        for user in &users {
            assert_eq!(tx.user(user.id).await.unwrap().as_ref(), Some(user));
        }
    });
    assert_eq!(seen(store, ours.scope()).await.users.total, 7);
    assert_eq!(seen(store, ours.scope()).await.calls.total, 1);
}

/// Every insert that was refused as a duplicate leaves the unit of work usable.
pub async fn every_refused_insert_leaves_the_unit_of_work_usable(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    write!(store, Scope::System, tx => {
        assert_duplicate(tx.insert_company(&ours.company).await, "company", "id");
        assert!(tx.insert_user(&ours.agent).await.is_err());
        assert!(tx.insert_caller(&ours.caller).await.is_err());
        assert!(tx.insert_session(&ours.session).await.is_err());
        assert!(tx.insert_number(&ours.number).await.is_err());
        assert!(tx.insert_assignment(&ours.assignment).await.is_err());
        assert!(tx.insert_extension(&ours.extension).await.is_err());
        assert!(tx.insert_trunk(&ours.trunk).await.is_err());
        assert!(tx.insert_inbound_route(&ours.route).await.is_err());
        assert!(tx.insert_queue(&ours.queue).await.is_err());
        assert_duplicate(tx.insert_client(&ours.client).await, "client", "id");
        assert_duplicate(tx.insert_client_note(&ours.client_note).await, "client_note", "id");
        assert_duplicate(tx.insert_calls(std::slice::from_ref(&ours.call)).await, "call", "id");
        assert_duplicate(tx.append_call_events(std::slice::from_ref(&ours.call_event)).await, "call_event", "seq");
        assert_eq!(tx.company(ours.company.id).await.unwrap().as_ref(), Some(&ours.company));
    });
    assert_eq!(seen(store, Scope::System).await, before);
}

/// A unit of work that met a refusal can be rolled back and dropped like any other.
pub async fn a_unit_of_work_is_rolled_back_after_a_refusal(store: &dyn Store) {
    let rows = Rows::new();
    let ours = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    for drops in [false, true] {
        let newcomer = Tenant::new(&rows);
        let mut tx = begin(store, Scope::System, Access::Write).await;
        newcomer.found(&mut *tx).await;
        assert_duplicate(tx.insert_company(&ours.company).await, "company", "id");
        newcomer.settle(&mut *tx).await;
        if drops {
            drop(tx);
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(seen(store, Scope::System).await, before);
    }
}
