//! A unit of work happens as a whole or not at all, and others see one state.

use futures::FutureExt as _;

use super::fixtures::{Rows, begin, founded, hired, read, write};
use super::tenant::{Seen, Tenant, seen, settled};
use crate::scope::Scope;
use crate::store::{Access, Page, Store, UserFilter};

/// What is rolled back has not happened: no row is added, changed or removed, and no event stored.
pub async fn a_rolled_back_unit_of_work_leaves_nothing(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    let newcomer = Tenant::new(&rows);
    let mut tx = begin(store, Scope::System, Access::Write).await;
    newcomer.found(&mut *tx).await;
    newcomer.settle(&mut *tx).await;
    tenant.upset(&mut *tx, &rows).await;
    tx.rollback().await.unwrap();
    assert_eq!(seen(store, Scope::System).await, before);
    let session = write!(store, Scope::System, tx => tx.session_for_update(&tenant.session.token).await.unwrap());
    assert_eq!(session, Some(tenant.session));
    // Nor are the identities taken.
    write!(store, Scope::System, tx => {
        newcomer.found(&mut *tx).await;
        newcomer.settle(&mut *tx).await;
    });
}

/// What is dropped has not happened either.
pub async fn a_dropped_unit_of_work_leaves_nothing(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    let newcomer = Tenant::new(&rows);
    {
        let mut tx = begin(store, Scope::System, Access::Write).await;
        newcomer.found(&mut *tx).await;
        newcomer.settle(&mut *tx).await;
        tenant.upset(&mut *tx, &rows).await;
    }
    assert_eq!(seen(store, Scope::System).await, before);
    write!(store, Scope::System, tx => {
        newcomer.found(&mut *tx).await;
        newcomer.settle(&mut *tx).await;
        tenant.upset(&mut *tx, &rows).await;
    });
    assert_ne!(seen(store, Scope::System).await, before);
}

/// A store takes up any number of dropped units of work.
pub async fn many_dropped_units_of_work_use_nothing_up(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let user = rows.user(company.id);
    for _ in 0..100 {
        let mut tx = begin(store, Scope::System, Access::Write).await;
        tx.insert_user(&user).await.unwrap();
        drop(tx);
        drop(begin(store, Scope::System, Access::Read).await);
    }
    write!(store, Scope::System, tx => tx.insert_user(&user).await.unwrap());
}

/// A unit of work sees what it did, in lists and counts as well, before it is committed.
pub async fn a_unit_of_work_sees_its_own_changes(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = Tenant::new(&rows);
    let mut tx = begin(store, Scope::System, Access::Write).await;
    tenant.found(&mut *tx).await;
    tenant.settle(&mut *tx).await;
    let inside = Seen::by(&mut *tx).await;
    assert_eq!((inside.users.total, inside.numbers.total, inside.calls.total), (2, 2, 1));
    tx.commit().await.unwrap();
    assert_eq!(seen(store, Scope::System).await, inside);
    let mut tx = begin(store, tenant.scope(), Access::Write).await;
    tenant.upset(&mut *tx, &rows).await;
    let inside = Seen::by(&mut *tx).await;
    assert_eq!((inside.users.total, inside.numbers.total, inside.routes.len()), (1, 1, 0));
    tx.commit().await.unwrap();
    assert_eq!(seen(store, tenant.scope()).await, inside);
}

/// Nobody sees a part of a unit of work: nothing before it is committed, everything afterwards. Readers do not wait for it.
pub async fn nothing_is_visible_before_the_commit(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    let mut tx = begin(store, Scope::System, Access::Write).await;
    let newcomer = Tenant::new(&rows);
    newcomer.found(&mut *tx).await;
    newcomer.settle(&mut *tx).await;
    tenant.upset(&mut *tx, &rows).await;
    assert_eq!(seen(store, Scope::System).await, before);
    let inside = Seen::by(&mut *tx).await;
    assert_ne!(inside, before);
    assert_eq!(seen(store, Scope::System).await, before);
    tx.commit().await.unwrap();
    assert_eq!(seen(store, Scope::System).await, inside);
}

/// A unit of work that reads sees the same state from its first look to its end, whatever is committed meanwhile.
pub async fn a_reader_sees_one_state(store: &dyn Store) {
    let rows = Rows::new();
    let tenant = settled(store, &rows).await;
    let mut reader = begin(store, Scope::System, Access::Read).await;
    let first = Seen::by(&mut *reader).await;
    let newcomer = Tenant::new(&rows);
    write!(store, Scope::System, tx => {
        newcomer.found(&mut *tx).await;
        newcomer.settle(&mut *tx).await;
        tenant.upset(&mut *tx, &rows).await;
    });
    assert_eq!(Seen::by(&mut *reader).await, first);
    assert_eq!(reader.user(newcomer.agent.id).await.unwrap(), None);
    assert_eq!(reader.user(tenant.agent.id).await.unwrap(), Some(tenant.agent));
    reader.rollback().await.unwrap();
    assert_ne!(seen(store, Scope::System).await, first);
}

/// A count and its rows belong to the same state, also when one looks at several lists.
pub async fn several_reads_fit_each_other(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let mut reader = begin(store, scope, Access::Read).await;
    let count = reader.users(&UserFilter::default(), Page::number(1, 1)).await.unwrap().total;
    hired(store, &rows, &company).await;
    let listing = reader.users(&UserFilter::default(), Page::FIRST).await.unwrap();
    assert_eq!((listing.total, listing.items.len() as u64), (count, count));
    assert_eq!((reader.agent_ids().await.unwrap().len() as u64, reader.any_user().await.unwrap()), (count, false));
    drop(reader);
    assert!(read!(store, scope, tx => tx.any_user().await.unwrap()));
}

/// A unit of work in which nothing happened is committed without effect.
pub async fn an_empty_unit_of_work_is_no_change(store: &dyn Store) {
    let rows = Rows::new();
    settled(store, &rows).await;
    let before = seen(store, Scope::System).await;
    for access in [Access::Read, Access::Write] {
        begin(store, Scope::System, access).await.commit().await.unwrap();
        begin(store, Scope::System, access).await.rollback().await.unwrap();
    }
    assert_eq!(seen(store, Scope::System).await, before);
}

/// Whoever stops waiting in the middle of a call, as a server does when its client is gone, leaves nothing half done and
/// nothing locked.
pub async fn an_abandoned_call_leaves_nothing_half_done(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    for _ in 0..10 {
        let (user, number) = (rows.user(company.id), rows.number(company.id));
        drop(store.begin(Scope::System, Access::Write).now_or_never());
        let mut tx = begin(store, Scope::System, Access::Write).await;
        drop(tx.insert_user(&user).now_or_never());
        drop(tx);
        assert_eq!(read!(store, Scope::System, tx => tx.user(user.id).await.unwrap()), None);
        let mut tx = begin(store, Scope::System, Access::Write).await;
        tx.insert_user(&user).await.unwrap();
        tx.insert_number(&number).await.unwrap();
        // Whether the commit came through cannot be told, but it is one of the two.
        drop(tx.commit().now_or_never());
        // A unit of work that reads sees one state, even if the abandoned commit is just coming through.
        read!(store, Scope::System, tx => {
            let stored = (tx.user(user.id).await.unwrap().is_some(), tx.number(number.id).await.unwrap().is_some());
            assert_eq!(stored.0, stored.1);
        });
    }
    hired(store, &rows, &company).await;
}
