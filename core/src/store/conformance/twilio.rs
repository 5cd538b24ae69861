//! The accounts that companies have at Twilio are kept.

use chrono::{DateTime, TimeDelta, Utc};

use super::fixtures::{
    Rows, assert_duplicate, assert_out_of_scope, assert_stale, begin, ends_of_time, founded, read, write,
};
use crate::call::account::{RetiredAccount, TwilioAccount, TwilioAccounts, TwilioSettings};
use crate::id::CompanyId;
use crate::phone::E164;
use crate::pii::Secret;
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

fn account(sid: &str) -> TwilioAccount {
    TwilioAccount { sid: sid.to_owned(), token: Secret::new("a \\' \" % token".to_owned()), number: None }
}

/// Accounts of which one each is to be forgotten at these times.
fn settings(rows: &Rows, company: CompanyId, retired: &[DateTime<Utc>]) -> TwilioSettings {
    let retired = retired.iter().enumerate();
    let retired = retired.map(|(n, until)| RetiredAccount { account: account(&format!("AC{n}")), until: *until });
    let accounts = TwilioAccounts { current: None, retired: retired.collect() };
    TwilioSettings { company, accounts, version: 1, updated_at: rows.now() }
}

/// Every field comes back as it was, and only the next version replaces.
pub async fn accounts_read_back_and_are_replaced_by_their_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await.id;
    let scope = Scope::Company(company);
    let (early, late) = ends_of_time();
    let first = settings(&rows, company, &[]);
    let number = E164::from_stored("+12025550123");
    let current = Some(TwilioAccount { number, ..account("AC9") });
    let retired = settings(&rows, company, &[rows.now(), early]).accounts.retired;
    let accounts = TwilioAccounts { current, retired };
    let next = TwilioSettings { accounts, version: 2, updated_at: late, ..first.clone() };
    write!(store, scope, tx => {
        assert_eq!(tx.twilio_settings(company).await.unwrap(), None);
        assert_stale(tx.update_twilio_settings(&next).await);
        tx.insert_twilio_settings(&first).await.unwrap();
        assert_duplicate(tx.insert_twilio_settings(&first).await, "twilio_settings", "company");
        assert_eq!(tx.twilio_settings(company).await.unwrap().as_ref(), Some(&first));
        tx.update_twilio_settings(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_twilio_settings(&TwilioSettings { version, ..next.clone() }).await);
        }
    });
    assert_eq!(read!(store, scope, tx => tx.twilio_settings(company).await.unwrap()), Some(next));
}

/// Those come of which one is to be forgotten, the longest due first, and no more than asked for.
pub async fn accounts_to_forget_come_in_order(store: &dyn Store) {
    let rows = Rows::new();
    let now = rows.now();
    let at = |seconds: i64| now + TimeDelta::seconds(seconds);
    let mut companies = Vec::new();
    for retired in [&[at(0)][..], &[at(9), at(-5)], &[], &[at(1)], &[at(-9), at(9)]] {
        let company = founded(store, &rows).await.id;
        write!(store, Scope::Company(company), tx => {
            tx.insert_twilio_settings(&settings(&rows, company, retired)).await.unwrap();
        });
        companies.push(company);
    }
    read!(store, Scope::System, tx => {
        let due = tx.due_twilio_settings(now, 9).await.unwrap().into_iter().map(|row| row.company);
        assert_eq!(due.collect::<Vec<_>>(), [companies[4], companies[1], companies[0]]);
        assert_eq!(tx.due_twilio_settings(now, 1).await.unwrap().len(), 1);
        assert_eq!(tx.due_twilio_settings(at(-10), 9).await.unwrap(), []);
    });
    let forgotten = TwilioSettings { version: 2, ..settings(&rows, companies[4], &[at(9)]) };
    write!(store, Scope::Company(companies[4]), tx => {
        tx.update_twilio_settings(&forgotten).await.unwrap();
        assert_eq!(tx.due_twilio_settings(now, 9).await.unwrap(), []);
    });
    read!(store, Scope::System, tx => assert_eq!(tx.due_twilio_settings(now, 9).await.unwrap().len(), 2));
}

/// Another company's are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_accounts_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let row = settings(&rows, theirs, &[rows.now()]);
    let next = TwilioSettings { version: 2, ..row.clone() };
    write!(store, Scope::Company(theirs), tx => tx.insert_twilio_settings(&row).await.unwrap());
    write!(store, Scope::Company(ours), tx => {
        assert_eq!(tx.twilio_settings(theirs).await.unwrap(), None);
        assert_eq!(tx.due_twilio_settings(rows.now(), 9).await.unwrap(), []);
        assert_stale(tx.update_twilio_settings(&next).await);
        assert_out_of_scope(tx.insert_twilio_settings(&row).await);
    });
    for is_new in [true, false] {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let own = settings(&rows, ours, &[]);
        let refused =
            if is_new { tx.insert_twilio_settings(&own).await } else { tx.update_twilio_settings(&next).await };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    read!(store, Scope::System, tx => assert_eq!(tx.twilio_settings(theirs).await.unwrap(), Some(row)));
}
