//! Requests are taken once, by one execution, together with what it changes.

use chrono::TimeDelta;
use futures::future::join_all;

use super::fixtures::{Rows, begin, breathe, ends_of_time, founded, read, retried, write};
use crate::once::{Claim, ClaimedRequest, RequestKey};
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

fn claim(rows: &Rows, key: u8) -> Claim {
    Claim { key: RequestKey([key; 32]), content: [0xff; 32], holder: rows.id::<()>().as_uuid() }
}

/// Every field of a request comes back as it was, in every scope.
pub async fn a_request_reads_back_as_it_was_taken(store: &dyn Store) {
    let rows = Rows::new();
    let scope = Scope::Company(founded(store, &rows).await.id);
    let (first, last) = ends_of_time();
    for (number, at, answer) in [(0, first, None), (0xff, last, Some(vec![0, 0xff, b'\'']))] {
        let claim = claim(&rows, number);
        write!(store, scope, tx => {
            assert_eq!(tx.request(&claim.key).await.unwrap(), None);
            assert!(tx.claim_request(&claim, at).await.unwrap());
            if let Some(answer) = &answer {
                assert!(tx.answer_request(&claim, answer).await.unwrap());
            }
        });
        for scope in [scope, Scope::System] {
            let found = read!(store, scope, tx => tx.request(&claim.key).await.unwrap());
            assert_eq!(found, Some(ClaimedRequest { claim, at, answer: answer.clone() }));
        }
    }
}

/// A request stays with who took it first: they may ask again, and nobody else gets it or answers it.
pub async fn a_request_is_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let (mine, other) = (claim(&rows, 1), claim(&rows, 1));
    let at = rows.now();
    write!(store, Scope::System, tx => {
        assert!(!tx.answer_request(&mine, b"too early").await.unwrap());
        assert!(tx.claim_request(&mine, at).await.unwrap());
        assert!(tx.claim_request(&mine, at + TimeDelta::seconds(1)).await.unwrap());
        assert!(!tx.claim_request(&other, at).await.unwrap());
    });
    write!(store, Scope::System, tx => {
        assert!(!tx.claim_request(&other, at).await.unwrap());
        assert!(!tx.answer_request(&other, b"theirs").await.unwrap());
        assert!(tx.answer_request(&mine, b"mine").await.unwrap());
        // Another request is free, and the unit of work goes on after a refusal.
        assert!(tx.claim_request(&claim(&rows, 2), at).await.unwrap());
    });
    let found = read!(store, Scope::System, tx => tx.request(&mine.key).await.unwrap());
    assert_eq!(found, Some(ClaimedRequest { claim: mine, at, answer: Some(b"mine".to_vec()) }));
}

/// A unit of work that is undone frees the request it took.
pub async fn an_undone_claim_leaves_the_request_free(store: &dyn Store) {
    let rows = Rows::new();
    let (first, second) = (claim(&rows, 1), claim(&rows, 1));
    let at = rows.now();
    {
        let mut tx = begin(store, Scope::System, Access::Write).await;
        assert!(tx.claim_request(&first, at).await.unwrap());
    }
    assert!(write!(store, Scope::System, tx => tx.claim_request(&second, at).await.unwrap()));
}

/// Of many executions at once exactly one has the request, and its changes are the only ones.
pub async fn one_of_many_executions_takes_effect(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let at = rows.now();
    let execute = async || {
        let mut tx = store.begin(Scope::Company(company.id), Access::Write).await?;
        let taken = tx.claim_request(&claim(&rows, 1), at).await?;
        breathe().await;
        if taken {
            tx.append_events(&[rows.event(company.id)]).await?;
        }
        tx.commit().await?;
        Ok::<_, StoreError>(taken)
    };
    let taken = join_all((0..16).map(async |_| retried(execute).await.unwrap())).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(read!(store, Scope::System, tx => tx.events_after(0, 100).await.unwrap()).len(), 1);
}

/// Requests go when they were taken before the given instant, to the microsecond.
pub async fn old_requests_are_cleared_away(store: &dyn Store) {
    let rows = Rows::new();
    let before = rows.now();
    let claims: Vec<(Claim, i64)> = (1..4).map(|key| (claim(&rows, key), i64::from(key) - 2)).collect();
    write!(store, Scope::System, tx => {
        for (claim, micros) in &claims {
            assert!(tx.claim_request(claim, before + TimeDelta::microseconds(*micros)).await.unwrap());
        }
    });
    assert_eq!(write!(store, Scope::System, tx => tx.purge_requests(before).await.unwrap()), 1);
    read!(store, Scope::System, tx => {
        for (claim, micros) in &claims {
            assert_eq!(tx.request(&claim.key).await.unwrap().is_some(), *micros >= 0);
        }
    });
    assert_eq!(write!(store, Scope::System, tx => tx.purge_requests(ends_of_time().0).await.unwrap()), 0);
    // A key that was cleared is free.
    assert!(write!(store, Scope::System, tx => tx.claim_request(&claim(&rows, 1), before).await.unwrap()));
}
