//! Calendars are kept.

use serde_json::json;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, ends_of_time, founded, read, write,
};
use crate::flow::Calendar;
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

fn named(calendar: Calendar, name: &str) -> Calendar {
    Calendar { name: name.to_owned(), ..calendar }
}

/// Every field of a calendar comes back as it was; all come by id.
pub async fn a_calendar_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (created_at, updated_at) = ends_of_time();
    let hours = json!({"weekly": [{"day": "mon", "from": "09:00"}], "holidays": [UNICODE, "a\u{0}b"], "n": 1.5});
    let odd =
        Calendar { hours, version: u32::MAX, created_at, updated_at, ..named(rows.calendar(company.id), UNICODE) };
    let mut calendars = [rows.calendar(company.id), odd, rows.calendar(company.id)];
    calendars.sort_by_key(|calendar| calendar.id);
    for calendar in calendars.iter().rev() {
        write!(store, scope, tx => tx.insert_calendar(calendar).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.calendar(calendar.id).await.unwrap()).as_ref(), Some(calendar));
    }
    assert_eq!(read!(store, scope, tx => tx.calendars().await.unwrap()), calendars);
    assert_eq!(read!(store, scope, tx => tx.calendar(rows.id()).await.unwrap()), None);
}

/// Ids are unique everywhere, names byte for byte in the company.
pub async fn a_calendar_name_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (calendar, second) = (named(rows.calendar(company.id), "Office"), rows.calendar(company.id));
    write!(store, Scope::System, tx => {
        tx.insert_calendar(&calendar).await.unwrap();
        tx.insert_calendar(&second).await.unwrap();
        let same = Calendar { id: calendar.id, ..rows.calendar(company.id) };
        assert_duplicate(tx.insert_calendar(&same).await, "calendar", "id");
        assert_duplicate(tx.insert_calendar(&named(rows.calendar(company.id), "Office")).await, "calendar", "name");
        let renamed = Calendar { version: 2, ..named(second.clone(), "Office") };
        assert_duplicate(tx.update_calendar(&renamed).await, "calendar", "name");
        tx.insert_calendar(&named(rows.calendar(company.id), "office")).await.unwrap();
        tx.insert_calendar(&named(rows.calendar(other.id), "Office")).await.unwrap();
    });
}

/// Only the next version replaces a calendar; it goes once, and its names are free then.
pub async fn a_calendar_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let calendar = rows.calendar(company.id);
    let next = Calendar { hours: json!({}), version: 2, ..named(calendar.clone(), "Renamed") };
    write!(store, scope, tx => {
        tx.insert_calendar(&calendar).await.unwrap();
        tx.update_calendar(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_calendar(&Calendar { version, ..named(next.clone(), "Stale") }).await);
        }
        assert_stale(tx.update_calendar(&Calendar { version: 2, ..rows.calendar(company.id) }).await);
        assert_eq!(tx.calendar(calendar.id).await.unwrap().as_ref(), Some(&next));
        let other = named(rows.calendar(company.id), &calendar.name);
        tx.insert_calendar(&other).await.unwrap();
        assert!(tx.delete_calendar(calendar.id).await.unwrap());
        assert!(!tx.delete_calendar(calendar.id).await.unwrap());
        assert_eq!(tx.calendars().await.unwrap(), [other]);
        tx.insert_calendar(&named(rows.calendar(company.id), "Renamed")).await.unwrap();
    });
}

/// Another company's calendars are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_calendars_are_absent_and_stay_as_they_are(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let calendar = rows.calendar(theirs.id);
    write!(store, Scope::System, tx => tx.insert_calendar(&calendar).await.unwrap());
    let next = Calendar { version: 2, ..calendar.clone() };
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.calendar(calendar.id).await.unwrap(), None);
        assert_eq!(tx.calendars().await.unwrap(), []);
        assert_stale(tx.update_calendar(&next).await);
        assert_stale(tx.update_calendar(&Calendar { company: ours.id, ..next.clone() }).await);
        assert!(!tx.delete_calendar(calendar.id).await.unwrap());
        assert_out_of_scope(tx.insert_calendar(&rows.calendar(theirs.id)).await);
    });
    for reading in 0..3 {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let refused = match reading {
            0 => tx.insert_calendar(&rows.calendar(ours.id)).await,
            1 => tx.update_calendar(&next).await,
            _ => tx.delete_calendar(calendar.id).await.map(|_| ()),
        };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    assert_eq!(read!(store, Scope::Company(theirs.id), tx => tx.calendars().await.unwrap()), [calendar]);
}
