//! Companies are kept.

use super::fixtures::{Rows, UNICODE, assert_duplicate, assert_stale, country, ends_of_time, long, read, write};
use crate::company::Company;
use crate::scope::Scope;
use crate::store::Store;

/// Every field of a company comes back as it was.
pub async fn a_company_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let (first, last) = ends_of_time();
    let plain = rows.company();
    let odd = Company {
        name: UNICODE.to_owned(),
        timezone: chrono_tz::America::Argentina::ComodRivadavia,
        default_country: country("AC"),
        is_active: false,
        version: u32::MAX,
        created_at: first,
        updated_at: last,
        ..rows.company()
    };
    let long = Company { name: long(200), timezone: chrono_tz::UTC, ..rows.company() };
    for company in [plain, odd, long] {
        write!(store, Scope::System, tx => tx.insert_company(&company).await.unwrap());
        for scope in [Scope::System, Scope::Company(company.id)] {
            assert_eq!(read!(store, scope, tx => tx.company(company.id).await.unwrap()), Some(company.clone()));
        }
    }
    assert_eq!(read!(store, Scope::System, tx => tx.company(rows.id()).await.unwrap()), None);
}

/// A second company with the same id is refused, and the first stays.
pub async fn an_id_is_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = rows.company();
    write!(store, Scope::System, tx => tx.insert_company(&company).await.unwrap());
    let other = Company { name: "Other".to_owned(), ..company.clone() };
    write!(store, Scope::System, tx => assert_duplicate(tx.insert_company(&other).await, "company", "id"));
    assert_eq!(read!(store, Scope::System, tx => tx.company(company.id).await.unwrap()), Some(company));
}

/// Only the next version replaces a company; any other, and one that does not exist, is stale.
pub async fn a_company_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = rows.company();
    write!(store, Scope::System, tx => tx.insert_company(&company).await.unwrap());
    let next = Company {
        name: UNICODE.to_owned(),
        timezone: chrono_tz::Asia::Kolkata,
        default_country: country("IN"),
        is_active: false,
        version: 2,
        updated_at: ends_of_time().1,
        ..company.clone()
    };
    write!(store, Scope::Company(company.id), tx => tx.update_company(&next).await.unwrap());
    assert_eq!(read!(store, Scope::System, tx => tx.company(company.id).await.unwrap()), Some(next.clone()));
    for stale in [1, 2, 4] {
        let stale = Company { version: stale, name: "Stale".to_owned(), ..next.clone() };
        write!(store, Scope::System, tx => assert_stale(tx.update_company(&stale).await));
    }
    write!(store, Scope::System, tx => assert_stale(tx.update_company(&Company { version: 2, ..rows.company() }).await));
    assert_eq!(read!(store, Scope::System, tx => tx.company(company.id).await.unwrap()), Some(next));
}
