//! What Meta delivers is kept.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures::future::join_all;

use super::fixtures::{
    Rows, assert_duplicate, assert_out_of_scope, assert_stale, begin, breathe, ends_of_time, founded, long, read,
    retried, write,
};
use crate::id::CompanyId;
use crate::meta::{Arrival, MetaConnection, MetaLead, MetaSettings, SignedBy};
use crate::pii::Secret;
use crate::scope::Scope;
use crate::store::{Access, LeadFilter, Page, Store, StoreError};

fn settings(rows: &Rows, company: CompanyId, version: u32, pages: &[&str]) -> MetaSettings {
    let page_ids = pages.iter().map(|page| (*page).to_owned()).collect();
    let connection = MetaConnection { page_ids, ..MetaConnection::default() };
    MetaSettings { company, connection, version, updated_at: rows.now() }
}

fn delivery(rows: &Rows, company: CompanyId, lead_id: &str) -> MetaLead {
    let arrival = Arrival {
        lead_id: lead_id.to_owned(),
        page_id: Some("1".to_owned()),
        form_id: None,
        ad_id: None,
        submitted_at: None,
        signed_by: SignedBy::Server,
    };
    MetaLead::new(company, arrival, rows.now())
}

fn ids(leads: Vec<MetaLead>) -> BTreeSet<String> {
    leads.into_iter().map(|lead| lead.arrival.lead_id).collect()
}

fn words<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

/// Every field comes back as it was, and only the next version replaces.
pub async fn a_connection_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await.id;
    let scope = Scope::Company(company);
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let first = settings(&rows, company, 1, &[]);
    let connection = MetaConnection {
        page_ids: vec!["1".to_owned(), "a-_2".to_owned()],
        app_secret: secret("app \\' \" % secret"),
        verify_token: secret("verify"),
        access_token: secret("access"),
        page_tokens: [("3".to_owned(), Secret::new("page".to_owned()))].into(),
    };
    let next = MetaSettings { connection, version: 2, updated_at: ends_of_time().1, ..first.clone() };
    write!(store, scope, tx => {
        assert_eq!(tx.meta_settings(company).await.unwrap(), None);
        assert_stale(tx.update_meta_settings(&next).await);
        tx.insert_meta_settings(&first).await.unwrap();
        assert_duplicate(tx.insert_meta_settings(&first).await, "meta_settings", "company");
        assert_eq!(tx.meta_settings(company).await.unwrap().as_ref(), Some(&first));
        tx.update_meta_settings(&next).await.unwrap();
        assert_stale(tx.update_meta_settings(&next).await);
    });
    assert_eq!(read!(store, scope, tx => tx.meta_settings(company).await.unwrap()), Some(next));
}

/// A page is one company's until that one leaves it, and a refusal leaves everything as it was.
pub async fn a_page_is_one_companys(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    write!(store, Scope::Company(ours), tx => tx.insert_meta_settings(&settings(&rows, ours, 1, &["1", "2"])).await.unwrap());
    write!(store, Scope::Company(theirs), tx => {
        let both = settings(&rows, theirs, 1, &["2", "3"]);
        assert_duplicate(tx.insert_meta_settings(&both).await, "meta_settings", "page");
        assert_eq!(tx.meta_settings(theirs).await.unwrap(), None);
        assert_eq!(tx.meta_page_owner("3").await.unwrap(), None);
        tx.insert_meta_settings(&settings(&rows, theirs, 1, &["3"])).await.unwrap();
        let both = settings(&rows, theirs, 2, &["1", "4"]);
        assert_duplicate(tx.update_meta_settings(&both).await, "meta_settings", "page");
        assert_eq!(tx.meta_page_owner("3").await.unwrap(), Some(theirs));
        assert_eq!(tx.meta_page_owner("4").await.unwrap(), None);
        assert_eq!(tx.meta_page_owner("1").await.unwrap(), None);
        assert_eq!(tx.meta_settings(ours).await.unwrap(), None);
        assert_stale(tx.update_meta_settings(&settings(&rows, ours, 2, &[])).await);
        assert_out_of_scope(tx.insert_meta_settings(&settings(&rows, ours, 1, &[])).await);
    });
    write!(store, Scope::Company(ours), tx => tx.update_meta_settings(&settings(&rows, ours, 2, &["1"])).await.unwrap());
    write!(store, Scope::Company(theirs), tx => {
        tx.update_meta_settings(&settings(&rows, theirs, 2, &["2", "3"])).await.unwrap();
    });
    read!(store, Scope::System, tx => {
        assert_eq!(tx.meta_page_owner("1").await.unwrap(), Some(ours));
        assert_eq!(tx.meta_page_owner("2").await.unwrap(), Some(theirs));
        assert_eq!(tx.meta_page_owner("5").await.unwrap(), None);
    });
}

/// A page that several companies ask for at once is one's.
pub async fn a_page_that_several_ask_for_is_ones(store: &dyn Store) {
    let rows = Rows::new();
    let companies = join_all((0..8).map(|_| founded(store, &rows))).await;
    let ask = async |company: CompanyId| {
        let mut tx = store.begin(Scope::Company(company), Access::Write).await?;
        tx.insert_meta_settings(&settings(&rows, company, 1, &["1", "2", "3"])).await?;
        breathe().await;
        tx.commit().await
    };
    let asked = join_all(companies.iter().map(|company| retried(async || ask(company.id).await))).await;
    assert_eq!(asked.iter().filter(|result| result.is_ok()).count(), 1, "{asked:?}");
    for refused in asked.into_iter().filter(Result::is_err) {
        assert_duplicate(refused, "meta_settings", "page");
    }
}

/// A delivery comes back as it was; one that is known stays as it is.
pub async fn a_delivery_is_added_once(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let scope = Scope::Company(company);
    let (first, plain) = (delivery(&rows, company, "1"), delivery(&rows, company, "2"));
    let arrival = Arrival {
        form_id: Some("f".to_owned()),
        ad_id: Some("a".to_owned()),
        submitted_at: Some(ends_of_time().0),
        signed_by: SignedBy::Company,
        ..first.arrival.clone()
    };
    let full = MetaLead {
        arrival,
        received_at: ends_of_time().1,
        attempts: u32::MAX,
        due_at: None,
        fault: Some(long(50)),
        lead: Some(rows.id()),
        ..first.clone()
    };
    write!(store, scope, tx => {
        assert_eq!(tx.insert_meta_leads(&[]).await.unwrap(), 0);
        assert_stale(tx.set_meta_lead(&full).await);
        assert_eq!(tx.insert_meta_leads(std::slice::from_ref(&first)).await.unwrap(), 1);
        tx.set_meta_lead(&full).await.unwrap();
        let again = [plain.clone(), delivery(&rows, company, "1"), plain.clone()];
        assert_eq!(tx.insert_meta_leads(&again).await.unwrap(), 1);
        assert_eq!(tx.meta_lead_for_update(company, "1").await.unwrap(), Some(full));
        assert_eq!(tx.meta_lead_for_update(company, "2").await.unwrap(), Some(plain.clone()));
        assert_eq!(tx.meta_lead_for_update(company, "3").await.unwrap(), None);
        let many: Vec<MetaLead> = (0..50).map(|n| delivery(&rows, company, &format!("many-{n}"))).collect();
        assert_eq!(tx.insert_meta_leads(&many).await.unwrap(), 50);
    });
    write!(store, Scope::System, tx => {
        assert_eq!(tx.insert_meta_leads(&[delivery(&rows, other, "1")]).await.unwrap(), 1, "ids are a company's own");
    });
    write!(store, Scope::Company(other), tx => {
        assert_eq!(tx.meta_lead_for_update(company, "1").await.unwrap(), None);
        assert_stale(tx.set_meta_lead(&plain).await);
        assert_out_of_scope(tx.insert_meta_leads(std::slice::from_ref(&plain)).await);
    });
}

/// What is due is claimed, longest due first, and not again before its lease has ended; what is done is never claimed.
pub async fn what_is_due_is_claimed_until_its_lease_ends(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let now = rows.now();
    let lease = now + TimeDelta::seconds(30);
    let late = |lead_id: &str, seconds: i64| MetaLead {
        due_at: Some(now - TimeDelta::seconds(seconds)),
        ..delivery(&rows, company, lead_id)
    };
    let done = delivery(&rows, company, "done").taken(rows.id());
    let leads = [late("b", 1), late("c", -1), late("a", 3), late("d", 2), done, delivery(&rows, other, "a")];
    write!(store, Scope::System, tx => assert_eq!(tx.insert_meta_leads(&leads).await.unwrap(), 6));
    let scope = Scope::Company(company);
    let claim =
        async |scope, now, limit| write!(store, scope, tx => tx.claim_meta_leads(now, lease, limit).await.unwrap());
    let first = claim(scope, now, 2).await;
    assert!(first.iter().all(|lead| lead.due_at == Some(lease)), "{first:?}");
    assert_eq!(ids(first), words(["a", "d"]));
    assert_eq!(ids(claim(scope, now, 9).await), words(["b"]));
    assert_eq!(claim(Scope::System, now, 9).await.len(), 1, "the other company's");
    assert_eq!(ids(claim(scope, now + TimeDelta::seconds(1), 9).await), words(["c"]));
    let after = lease + TimeDelta::microseconds(-1);
    assert_eq!(claim(Scope::System, after, 9).await, []);
    assert_eq!(ids(claim(scope, lease, 9).await), words(["a", "b", "c", "d"]));
}

/// Several who claim at once never get the same.
pub async fn claims_of_deliveries_never_overlap(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await.id;
    let leads: Vec<MetaLead> = (0..60).map(|n| delivery(&rows, company, &n.to_string())).collect();
    write!(store, Scope::System, tx => tx.insert_meta_leads(&leads).await.unwrap());
    let now = rows.now();
    let claim = async || {
        let mut tx = store.begin(Scope::System, Access::Write).await?;
        let claimed = tx.claim_meta_leads(now, now + TimeDelta::seconds(30), 7).await?;
        breathe().await;
        tx.commit().await?;
        Ok(claimed)
    };
    let claims = join_all((0..12).map(|_| retried(claim))).await;
    let claimed: Vec<String> = claims.into_iter().flat_map(Result::unwrap).map(|lead| lead.arrival.lead_id).collect();
    assert_eq!(claimed.len(), claimed.iter().collect::<BTreeSet<_>>().len(), "{claimed:?}");
}

/// What no lead was made of is listed, newest first, and woken.
pub async fn what_is_open_is_listed_and_woken(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await.id, founded(store, &rows).await.id);
    let now = rows.now();
    let older = |lead_id: &str, seconds: i64| MetaLead {
        received_at: now - TimeDelta::seconds(seconds),
        due_at: Some(now + TimeDelta::hours(1)),
        ..delivery(&rows, ours, lead_id)
    };
    let given_up = MetaLead { due_at: None, fault: Some("unknown".to_owned()), ..older("b", 9) };
    let leads = [
        older("c", 3),
        older("a", 5),
        older("d", 3),
        given_up,
        older("e", 1).taken(rows.id()),
        delivery(&rows, theirs, "x"),
    ];
    write!(store, Scope::System, tx => tx.insert_meta_leads(&leads).await.unwrap());
    let scope = Scope::Company(ours);
    let open = |limit| async move {
        let open = read!(store, scope, tx => tx.open_meta_leads(limit).await.unwrap());
        open.into_iter().map(|lead| lead.arrival.lead_id).collect::<Vec<_>>()
    };
    assert_eq!(open(9).await, ["d", "c", "a", "b"]);
    assert_eq!(open(2).await, ["d", "c"]);
    write!(store, scope, tx => assert_eq!(tx.wake_meta_leads(now).await.unwrap(), 4));
    let claimed = write!(store, scope, tx => tx.claim_meta_leads(now, now, 9).await.unwrap());
    assert_eq!(ids(claimed), words(["a", "b", "c", "d"]));
    assert_eq!(read!(store, Scope::System, tx => tx.open_meta_leads(9).await.unwrap().len()), 5);
}

/// However many deliver the same person at once, one lead is made.
pub async fn one_lead_is_made_of_many_deliveries(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await.id;
    let scope = Scope::Company(company);
    let deliver = async || {
        let mut tx = store.begin(scope, Access::Write).await?;
        let mut added = tx.insert_meta_leads(&[delivery(&rows, company, "1")]).await?;
        breathe().await;
        let kept = tx.meta_lead_for_update(company, "1").await?.ok_or(StoreError::Contention)?;
        if kept.lead.is_none() {
            let lead = rows.lead(company);
            tx.insert_leads(std::slice::from_ref(&lead)).await?;
            tx.set_meta_lead(&kept.taken(lead.id)).await?;
            added += 1;
        }
        tx.commit().await?;
        Ok::<_, StoreError>(added)
    };
    let added = join_all((0..50).map(|_| retried(deliver))).await;
    assert_eq!(added.into_iter().map(Result::unwrap).sum::<u64>(), 2);
    let leads = read!(store, scope, tx => tx.leads(&LeadFilter::default(), Page::FIRST).await.unwrap());
    assert_eq!(leads.total, 1);
}

/// Writing, locking and claiming need write access.
pub async fn deliveries_need_write_access(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await.id;
    let scope = Scope::Company(company);
    let (connection, lead) = (settings(&rows, company, 1, &["1"]), delivery(&rows, company, "1"));
    macro_rules! refused {
        ($($call:ident($($argument:expr),*);)*) => {$({
            let mut tx = begin(store, scope, Access::Read).await;
            let result = tx.$call($($argument),*).await;
            assert!(matches!(result, Err(StoreError::Backend(_))), "{result:?}");
        })*};
    }
    refused! {
        insert_meta_settings(&connection);
        update_meta_settings(&connection);
        insert_meta_leads(std::slice::from_ref(&lead));
        insert_meta_leads(&[]);
        meta_lead_for_update(company, "1");
        set_meta_lead(&lead);
        claim_meta_leads(rows.now(), rows.now(), 1);
        wake_meta_leads(rows.now());
    }
    read!(store, scope, tx => {
        assert_eq!(tx.meta_settings(company).await.unwrap(), None);
        assert_eq!(tx.open_meta_leads(1).await.unwrap(), []);
    });
}
