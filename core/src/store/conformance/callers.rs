//! Caller records and their figures are kept.

use super::fixtures::{Rows, assert_duplicate, assert_stale, ends_of_time, founded, hired, read, write};
use crate::people::{Caller, Figures};
use crate::scope::Scope;
use crate::store::{Page, Store};

/// Figures that fill their columns.
fn huge() -> Figures {
    let (first, last) = ends_of_time();
    Figures {
        total_calls: 1 << 53,
        connected_calls: (1 << 53) - 1,
        talk_seconds: (1 << 53) + 1,
        first_call_at: Some(first),
        last_call_at: Some(last),
    }
}

/// Every field of a record comes back as it was, whichever way it is read.
pub async fn a_record_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let plain = rows.caller(&hired(store, &rows, &company).await);
    let full =
        Caller { figures: huge(), created_at: ends_of_time().0, ..rows.caller(&hired(store, &rows, &company).await) };
    for caller in [&plain, &full] {
        write!(store, scope, tx => tx.insert_caller(caller).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.caller(caller.user).await.unwrap()).as_ref(), Some(caller));
        assert_eq!(write!(store, scope, tx => tx.caller_for_update(caller.user).await.unwrap()).as_ref(), Some(caller));
    }
    let listing = read!(store, scope, tx => tx.callers(Page::FIRST).await.unwrap());
    assert_eq!((listing.total, listing.items), (2, vec![full, plain]));
    assert_eq!(read!(store, scope, tx => tx.caller(rows.id()).await.unwrap()), None);
    assert_eq!(write!(store, scope, tx => tx.caller_for_update(rows.id()).await.unwrap()), None);
}

/// A user has one record, and an id is used once.
pub async fn an_id_and_a_user_are_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (user, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let caller = rows.caller(&user);
    write!(store, scope, tx => tx.insert_caller(&caller).await.unwrap());
    write!(store, scope, tx => {
        assert_duplicate(tx.insert_caller(&rows.caller(&user)).await, "caller", "user");
        assert_duplicate(tx.insert_caller(&Caller { id: caller.id, ..rows.caller(&other) }).await, "caller", "id");
    });
    let listing = read!(store, scope, tx => tx.callers(Page::FIRST).await.unwrap());
    assert_eq!(listing.items, [caller]);
}

/// The users that have a record come in order of their id, not of the records'.
pub async fn users_with_a_record_are_listed_in_order_of_id(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let users = [
        hired(store, &rows, &company).await,
        hired(store, &rows, &company).await,
        hired(store, &rows, &company).await,
        hired(store, &rows, &company).await,
    ];
    let with_record = [&users[0], &users[1], &users[3]];
    write!(store, scope, tx => {
        for user in with_record.iter().rev() {
            tx.insert_caller(&rows.caller(user)).await.unwrap();
        }
    });
    let listed = read!(store, scope, tx => tx.caller_users().await.unwrap());
    assert_eq!(listed, with_record.map(|user| user.id));
}

/// Records of several users come at once, in order of the users; who has none, or is another company's, is left out.
pub async fn records_of_users_are_read_together(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (ann, bob) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let (bare, theirs) = (hired(store, &rows, &company).await, hired(store, &rows, &other).await);
    let callers = [rows.caller(&ann), Caller { figures: huge(), ..rows.caller(&bob) }];
    write!(store, Scope::System, tx => {
        for caller in callers.iter().rev() {
            tx.insert_caller(caller).await.unwrap();
        }
        tx.insert_caller(&rows.caller(&theirs)).await.unwrap();
    });
    read!(store, Scope::Company(company.id), tx => {
        let asked = [theirs.id, bob.id, bare.id, ann.id, bob.id, rows.id()];
        assert_eq!(tx.callers_of_users(&asked).await.unwrap(), callers);
        assert_eq!(tx.callers_of_users(&[]).await.unwrap(), []);
    });
    let all = read!(store, Scope::System, tx => tx.callers_of_users(&[theirs.id, ann.id]).await.unwrap());
    assert_eq!(all.iter().map(|caller| caller.user).collect::<Vec<_>>(), [ann.id, theirs.id]);
}

/// Figures are set to what is given, of one record.
pub async fn figures_are_set_as_they_are_given(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (user, other) = (hired(store, &rows, &company).await, hired(store, &rows, &company).await);
    let (caller, spared) = (rows.caller(&user), rows.caller(&other));
    write!(store, scope, tx => {
        tx.insert_caller(&caller).await.unwrap();
        tx.insert_caller(&spared).await.unwrap();
    });
    for figures in [huge(), Figures { total_calls: 7, ..Figures::default() }, Figures::default()] {
        write!(store, scope, tx => tx.set_figures(user.id, &figures).await.unwrap());
        let now = read!(store, scope, tx => tx.caller(user.id).await.unwrap());
        assert_eq!(now, Some(Caller { figures, ..caller.clone() }));
    }
    assert_eq!(read!(store, scope, tx => tx.caller(other.id).await.unwrap()), Some(spared));
}

/// Without a record there is nothing to set figures of.
pub async fn figures_need_a_record(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    write!(store, scope, tx => assert_stale(tx.set_figures(user.id, &huge()).await));
    assert_eq!(read!(store, scope, tx => tx.caller(user.id).await.unwrap()), None);
}

/// A record goes with its figures: the next one of the same user begins as it is written.
pub async fn a_deleted_record_takes_its_figures_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    write!(store, scope, tx => {
        tx.insert_caller(&rows.caller(&user)).await.unwrap();
        tx.set_figures(user.id, &huge()).await.unwrap();
    });
    assert!(write!(store, scope, tx => tx.delete_caller(user.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_caller(user.id).await.unwrap()));
    let next = rows.caller(&user);
    write!(store, scope, tx => tx.insert_caller(&next).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.caller(user.id).await.unwrap()), Some(next));
}
