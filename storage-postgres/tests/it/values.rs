//! Values at the edge: what PostgreSQL cannot keep by itself, and what cannot be read back.

use chrono::{DateTime, NaiveDate, Utc};
use dialplane_core::call::CallEvent;
use dialplane_core::people::User;
use dialplane_core::pii::Pii;
use dialplane_core::scope::Scope;
use dialplane_core::store::{Access, CallFilter, Page, Store, StoreError, UserFilter};
use sqlx::Executor;

use crate::database::Database;
use crate::rows::{Rows, now};

#[tokio::test(flavor = "multi_thread")]
async fn texts_with_a_zero_character_read_back_and_are_found() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let company = rows.company().id;
    let odd = "a\0b\u{fdd0}c";
    let user =
        User { department: Some(odd.to_owned()), phone: Some(Pii::new(odd.to_owned())), ..rows.user(company, "a@b") };
    let mut call = rows.call(company);
    (call.notes, call.outcome, call.from) = (Some(odd.to_owned()), Some("\0".to_owned()), odd.into());
    let data = serde_json::json!({ "party\0": [odd] });
    let event = CallEvent { call: call.id, seq: 1, at: now(), kind: "leg_added".to_owned(), data };
    let mut tx = store.begin(Scope::Company(company), Access::Write).await.unwrap();
    tx.insert_user(&user).await.unwrap();
    tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
    tx.append_call_events(std::slice::from_ref(&event)).await.unwrap();
    assert_eq!(tx.user(user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(tx.call(call.id).await.unwrap(), Some(call.clone()));
    assert_eq!(tx.call_events(call.id).await.unwrap(), [event]);
    let filter = UserFilter { department: Some(odd.to_owned()), ..UserFilter::default() };
    assert_eq!(tx.users(&filter, Page::FIRST).await.unwrap().total, 1);
    assert_eq!(tx.user_by_email("nobody\0@example.com").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_before_the_databases_calendar_are_bounds() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let rows = Rows::default();
    let call = rows.call(rows.company().id);
    let mut tx = store.begin(Scope::Company(call.company), Access::Write).await.unwrap();
    tx.insert_calls(std::slice::from_ref(&call)).await.unwrap();
    let ever = CallFilter {
        from: Some(DateTime::<Utc>::MIN_UTC),
        to: Some(DateTime::<Utc>::MAX_UTC),
        ..CallFilter::default()
    };
    assert_eq!(tx.calls(&ever, Page::FIRST).await.unwrap().items, [call]);
    assert!(tx.usage(None, NaiveDate::MIN, NaiveDate::MAX).await.unwrap().is_empty());
    assert!(tx.call_days(None, NaiveDate::MIN, NaiveDate::MAX).await.unwrap().is_empty());
    assert_eq!(tx.purge_sessions(DateTime::<Utc>::MAX_UTC).await.unwrap(), 0);
    assert!(tx.events_after(u64::MAX, 1).await.unwrap().is_empty());
    let far = Page { offset: u64::MAX, limit: u32::MAX };
    assert!(tx.calls(&CallFilter::default(), far).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_be_read_names_its_table_column_and_row() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let assignment = Rows::default().assigned(&store, 1).await;
    let spoil = [
        ("UPDATE companies SET timezone = 'Mars/Olympus'", "companies", "timezone"),
        ("UPDATE phone_numbers SET version = -1", "phone_numbers", "version"),
        ("UPDATE assignments SET allowed_countries = '{XX}'", "assignments", "allowed_countries"),
        ("UPDATE assignments SET allowed_countries = '{}', used = 4294967296", "assignments", "used"),
    ];
    for (statement, table, column) in spoil {
        database.connection().await.execute(statement).await.unwrap();
        let mut tx = store.begin(Scope::System, Access::Write).await.unwrap();
        let (outcome, id) = match table {
            "companies" => (tx.company(assignment.company).await.map(drop), assignment.company.to_string()),
            "phone_numbers" => (tx.number(assignment.number).await.map(drop), assignment.number.to_string()),
            _ => (tx.assignment_for_update(assignment.number).await.map(drop), assignment.id.to_string()),
        };
        match outcome {
            Err(StoreError::Corrupt { table: t, column: c, id: row }) => assert_eq!((t, c, row), (table, column, id)),
            other => panic!("{statement}: {other:?}"),
        }
    }
}
