//! Dispositions are kept.

use super::fixtures::{Rows, assert_duplicate, assert_out_of_scope, assert_stale, founded, read, write};
use crate::lead::{Disposition, DispositionSettings, LeadStatus};
use crate::scope::Scope;
use crate::store::Store;

fn coded(one: Disposition, code: &str) -> Disposition {
    Disposition { settings: DispositionSettings { code: code.to_owned(), ..one.settings }, ..one }
}

/// Every field comes back as it was; only the next version replaces, and a disposition goes once.
pub async fn dispositions_read_back_and_are_replaced(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, second) = (rows.disposition(company.id), rows.disposition(company.id));
    let settings = DispositionSettings {
        code: "straße".to_owned(),
        parent: Some(first.id),
        lead_status: Some(LeadStatus::DoNotCall),
        position: u16::MAX,
        is_active: false,
        ..second.settings.clone()
    };
    let next = Disposition { settings, version: 2, ..second.clone() };
    write!(store, scope, tx => {
        tx.insert_dispositions(&[first.clone(), second.clone()]).await.unwrap();
        tx.insert_dispositions(&[]).await.unwrap();
        tx.update_disposition(&next).await.unwrap();
        assert_stale(tx.update_disposition(&next).await);
        assert_stale(tx.update_disposition(&Disposition { version: 2, ..rows.disposition(company.id) }).await);
        assert_eq!(tx.disposition(next.id).await.unwrap().as_ref(), Some(&next));
    });
    assert_eq!(read!(store, scope, tx => tx.dispositions().await.unwrap()), [first.clone(), next]);
    assert!(write!(store, scope, tx => tx.delete_disposition(first.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_disposition(first.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.disposition(first.id).await.unwrap()), None);
}

/// A code is taken once in its company, and of a slice with a taken one nothing is stored.
pub async fn a_code_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (sale, lost) = (coded(rows.disposition(company.id), "sale"), rows.disposition(company.id));
    write!(store, Scope::System, tx => {
        tx.insert_dispositions(&[sale.clone(), lost.clone()]).await.unwrap();
        let again = coded(rows.disposition(company.id), "sale");
        assert_duplicate(tx.insert_dispositions(&[rows.disposition(company.id), again]).await, "disposition", "code");
        let same_id = Disposition { id: sale.id, ..rows.disposition(company.id) };
        assert_duplicate(tx.insert_dispositions(&[same_id]).await, "disposition", "id");
        let renamed = Disposition { version: 2, ..coded(lost.clone(), "sale") };
        assert_duplicate(tx.update_disposition(&renamed).await, "disposition", "code");
        tx.insert_dispositions(&[coded(rows.disposition(other.id), "sale")]).await.unwrap();
        assert_eq!(tx.dispositions().await.unwrap().len(), 3);
        assert!(tx.delete_disposition(sale.id).await.unwrap());
        tx.update_disposition(&Disposition { version: 2, ..coded(lost, "sale") }).await.unwrap();
    });
}

/// Another company's dispositions are absent, and stay as they are.
pub async fn another_companys_dispositions_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let one = rows.disposition(theirs.id);
    write!(store, Scope::System, tx => tx.insert_dispositions(std::slice::from_ref(&one)).await.unwrap());
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.disposition(one.id).await.unwrap(), None);
        assert_eq!(tx.dispositions().await.unwrap(), []);
        assert_stale(tx.update_disposition(&Disposition { version: 2, ..one.clone() }).await);
        assert_stale(tx.update_disposition(&Disposition { version: 2, company: ours.id, ..one.clone() }).await);
        assert!(!tx.delete_disposition(one.id).await.unwrap());
        assert_out_of_scope(tx.insert_dispositions(&[rows.disposition(ours.id), rows.disposition(theirs.id)]).await);
        assert_eq!(tx.dispositions().await.unwrap(), []);
    });
    assert_eq!(read!(store, Scope::System, tx => tx.dispositions().await.unwrap()), [one]);
}
