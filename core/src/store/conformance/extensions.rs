//! Extensions are kept.

use super::fixtures::{Rows, assert_duplicate, assert_stale, ends_of_time, founded, hired, read, write};
use crate::phone::{Extension, SipSecret};
use crate::scope::Scope;
use crate::store::Store;

/// Every field of an extension comes back as it was; all come by number.
pub async fn an_extension_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let (first, last) = ends_of_time();
    let extension = |number: &str| Extension { number: number.to_owned(), ..rows.extension(&user) };
    let odd = Extension {
        username: "99999999-0123abcd".to_owned(),
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..extension("99999999")
    };
    // By number as a text, which is what it is.
    let sorted = [extension("10"), extension("1001"), extension("2000"), extension("999"), odd];
    for extension in sorted.iter().rev() {
        write!(store, scope, tx => tx.insert_extension(extension).await.unwrap());
        let found = read!(store, scope, tx => tx.extension(extension.id).await.unwrap());
        assert_eq!(found.as_ref(), Some(extension));
    }
    assert_eq!(read!(store, scope, tx => tx.extensions().await.unwrap()), sorted);
    assert_eq!(read!(store, scope, tx => tx.extension(rows.id()).await.unwrap()), None);
}

/// Ids and user names are unique everywhere, numbers in the company.
pub async fn an_extension_number_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (user, foreigner) = (hired(store, &rows, &company).await, hired(store, &rows, &other).await);
    let extension = rows.extension(&user);
    write!(store, Scope::System, tx => {
        tx.insert_extension(&extension).await.unwrap();
        let same_id = Extension { id: extension.id, ..rows.extension(&user) };
        assert_duplicate(tx.insert_extension(&same_id).await, "extension", "id");
        let same_number = Extension { number: extension.number.clone(), ..rows.extension(&user) };
        assert_duplicate(tx.insert_extension(&same_number).await, "extension", "number");
        let same_name = Extension { username: extension.username.clone(), ..rows.extension(&foreigner) };
        assert_duplicate(tx.insert_extension(&same_name).await, "extension", "username");
        let elsewhere = Extension { number: extension.number.clone(), ..rows.extension(&foreigner) };
        tx.insert_extension(&elsewhere).await.unwrap();
    });
}

/// A new secret replaces the old one, under the version that follows; nothing else changes.
pub async fn a_new_secret_replaces_the_old_one(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let extension = rows.extension(&user);
    let next = Extension {
        secret: SipSecret { md5: "aa".repeat(16), sha256: "bb".repeat(32) },
        version: 2,
        updated_at: ends_of_time().1,
        ..extension.clone()
    };
    write!(store, scope, tx => {
        tx.insert_extension(&extension).await.unwrap();
        tx.update_extension(&Extension { number: "4711".to_owned(), username: "x".to_owned(), ..next.clone() }).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_extension(&Extension { version, ..extension.clone() }).await);
        }
        assert_stale(tx.update_extension(&Extension { version: 2, ..rows.extension(&user) }).await);
    });
    assert_eq!(read!(store, scope, tx => tx.extension(next.id).await.unwrap()), Some(next));
}

/// An extension goes once, and its number and user name are free again.
pub async fn an_extension_is_deleted_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let user = hired(store, &rows, &company).await;
    let extension = rows.extension(&user);
    write!(store, scope, tx => tx.insert_extension(&extension).await.unwrap());
    assert!(write!(store, scope, tx => tx.delete_extension(extension.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_extension(extension.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.extension(extension.id).await.unwrap()), None);
    let again = Extension { id: rows.id(), ..extension };
    write!(store, scope, tx => tx.insert_extension(&again).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.extensions().await.unwrap()), [again]);
}
