//! The inventory of numbers is kept.

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_stale, country, ends_of_time, founded, hired, long, read, write,
};
use crate::phone::{Capabilities, E164, NumberStatus, PhoneNumber};
use crate::scope::Scope;
use crate::store::{NumberFilter, NumberRow, Page, Store, StoreError};

/// Every field of a number comes back as it was.
pub async fn a_number_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, last) = ends_of_time();
    let plain = rows.number(company.id);
    let odd = PhoneNumber {
        number: E164::from_stored("+999").unwrap(),
        raw: UNICODE.to_owned(),
        provider: long(100),
        country: country("GB"),
        capabilities: Capabilities { voice: false, sms: true },
        status: NumberStatus::Inactive,
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..rows.number(company.id)
    };
    let long = PhoneNumber {
        number: E164::from_stored("+999999999999999").unwrap(),
        raw: long(64),
        capabilities: Capabilities { voice: true, sms: true },
        ..rows.number(company.id)
    };
    for number in [plain, odd, long] {
        write!(store, scope, tx => tx.insert_number(&number).await.unwrap());
        let id = number.id;
        let row = NumberRow { number, assignment: None };
        for scope in [scope, Scope::System] {
            assert_eq!(read!(store, scope, tx => tx.number(id).await.unwrap()).as_ref(), Some(&row));
        }
        let newest = read!(store, scope, tx => tx.numbers(&NumberFilter::default(), Page::number(1, 1)).await.unwrap());
        assert_eq!(newest.items, [row]);
    }
    assert_eq!(read!(store, scope, tx => tx.number(rows.id()).await.unwrap()), None);
}

/// Ids and numbers are unique.
pub async fn an_id_and_a_number_are_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let number = rows.number(company.id);
    write!(store, scope, tx => {
        tx.insert_number(&number).await.unwrap();
        let same_id = PhoneNumber { id: number.id, ..rows.number(company.id) };
        assert_duplicate(tx.insert_number(&same_id).await, "phone_number", "id");
        let same_number = PhoneNumber { number: number.number.clone(), ..rows.number(company.id) };
        assert_duplicate(tx.insert_number(&same_number).await, "phone_number", "number");
    });
    let listing = read!(store, scope, tx => tx.numbers(&NumberFilter::default(), Page::FIRST).await.unwrap());
    assert_eq!(listing.items, [NumberRow { number, assignment: None }]);
}

/// Only the next version replaces a number; any other, and one that does not exist, is stale.
pub async fn a_number_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let number = rows.number(company.id);
    let next = PhoneNumber {
        raw: UNICODE.to_owned(),
        provider: "telnyx".to_owned(),
        country: country("CA"),
        capabilities: Capabilities { voice: false, sms: true },
        status: NumberStatus::Inactive,
        version: 2,
        updated_at: ends_of_time().1,
        ..number.clone()
    };
    write!(store, scope, tx => {
        tx.insert_number(&number).await.unwrap();
        tx.update_number(&next).await.unwrap();
        for version in [1, 2, 4] {
            let stale = PhoneNumber { version, provider: "stale".to_owned(), ..next.clone() };
            assert_stale(tx.update_number(&stale).await);
        }
        assert_stale(tx.update_number(&PhoneNumber { version: 2, ..rows.number(company.id) }).await);
    });
    let row = read!(store, scope, tx => tx.number(number.id).await.unwrap());
    assert_eq!(row, Some(NumberRow { number: next, assignment: None }));
}

/// A number goes, and is free again; while it is assigned it stays.
pub async fn a_number_is_deleted_unless_it_is_assigned(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let agent = hired(store, &rows, &company).await;
    let number = rows.number(company.id);
    let assignment = rows.assignment(&number, agent.id);
    write!(store, scope, tx => {
        tx.insert_number(&number).await.unwrap();
        tx.insert_assignment(&assignment).await.unwrap();
    });
    write!(store, scope, tx => {
        let refused = tx.delete_number(number.id).await;
        assert!(matches!(refused, Err(StoreError::InUse { entity: "phone_number" })), "{refused:?}");
    });
    let row = NumberRow { number: number.clone(), assignment: Some(assignment) };
    assert_eq!(read!(store, scope, tx => tx.number(number.id).await.unwrap()), Some(row));
    write!(store, scope, tx => assert!(tx.delete_assignment(number.id).await.unwrap()));
    assert!(write!(store, scope, tx => tx.delete_number(number.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_number(number.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.number(number.id).await.unwrap()), None);
    let again = PhoneNumber { number: number.number, ..rows.number(company.id) };
    write!(store, scope, tx => tx.insert_number(&again).await.unwrap());
}

/// Which numbers are taken is answered for many at once.
pub async fn taken_numbers_are_told_from_free_ones(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let taken = [rows.number(company.id), rows.number(company.id), rows.number(company.id)];
    write!(store, scope, tx => {
        for number in &taken {
            tx.insert_number(number).await.unwrap();
        }
    });
    let mut asked: Vec<E164> = (0..2_000).map(|_| rows.e164()).collect();
    asked.extend(taken.iter().take(2).map(|number| number.number.clone()));
    let mut found = read!(store, scope, tx => tx.taken_numbers(&asked).await.unwrap());
    found.sort();
    assert_eq!(found, [taken[0].number.clone(), taken[1].number.clone()]);
    assert_eq!(read!(store, scope, tx => tx.taken_numbers(&[]).await.unwrap()), []);
}
