//! Callbacks are kept.

use chrono::TimeDelta;

use super::fixtures::{Rows, assert_duplicate, assert_out_of_scope, assert_stale, ends_of_time, founded, read, write};
use crate::company::Company;
use crate::id::QueueId;
use crate::phone::E164;
use crate::queue::{Callback, CallbackRequest, CallbackState};
use crate::scope::Scope;
use crate::store::{CallbackFilter, Page, Store};

fn number(last: u32) -> E164 {
    E164::from_stored(&format!("+1202555{last:04}")).unwrap()
}

fn callback(rows: &Rows, company: &Company, queue: QueueId, last: u32) -> Callback {
    let request = CallbackRequest {
        queue,
        number: number(last),
        shown: None,
        since: None,
        delay_seconds: 0,
        attempts: 3,
        retry_seconds: 60,
        asked_in: None,
    };
    Callback::request(rows.id(), company.id, request, rows.now()).unwrap()
}

/// Every field comes back as it was, and only the next version replaces it.
pub async fn a_callback_reads_back_and_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, last) = ends_of_time();
    let plain = callback(&rows, &company, rows.id(), 1);
    let odd = Callback {
        shown: Some(number(9)),
        state: CallbackState::Dialling,
        since: first,
        due_at: last,
        attempts: u8::MAX,
        attempts_max: u8::MAX,
        retry_seconds: u32::MAX,
        asked_in: Some(rows.id()),
        call: Some(rows.id()),
        agent: Some(rows.id()),
        version: 2,
        updated_at: last,
        ..plain.clone()
    };
    write!(store, scope, tx => {
        tx.insert_callback(&plain).await.unwrap();
        assert_eq!(tx.callback(plain.id).await.unwrap().as_ref(), Some(&plain));
        let same_id = Callback { id: plain.id, ..callback(&rows, &company, rows.id(), 2) };
        assert_duplicate(tx.insert_callback(&same_id).await, "callback", "id");
        tx.update_callback(&odd).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_callback(&Callback { version, ..plain.clone() }).await);
        }
        assert_eq!(tx.callback_for_update(plain.id).await.unwrap().as_ref(), Some(&odd));
        assert_eq!(tx.callback_of_call_for_update(odd.call.unwrap()).await.unwrap().as_ref(), Some(&odd));
        assert_eq!(tx.callback_of_call_for_update(rows.id()).await.unwrap(), None);
    });
    // Where the person is rung first nobody makes it yet.
    let nobody = Callback { agent: None, version: 3, ..odd };
    write!(store, scope, tx => tx.update_callback(&nobody).await.unwrap());
    assert_eq!(read!(store, scope, tx => tx.callback(plain.id).await.unwrap()), Some(nobody));
    for state in [CallbackState::Done, CallbackState::Failed, CallbackState::Cancelled, CallbackState::Waiting] {
        let before = read!(store, scope, tx => tx.callback(plain.id).await.unwrap()).unwrap();
        let next = Callback { state, version: before.version + 1, ..before };
        write!(store, scope, tx => tx.update_callback(&next).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.callback(plain.id).await.unwrap()), Some(next));
    }
}

/// A number is called back once in a queue; what is over stands in nobody's way.
pub async fn a_number_waits_once_in_a_queue(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (queue, second) = (rows.id(), rows.id());
    let first = callback(&rows, &company, queue, 1);
    let again = callback(&rows, &company, queue, 1);
    write!(store, Scope::System, tx => {
        tx.insert_callback(&first).await.unwrap();
        assert_duplicate(tx.insert_callback(&again).await, "callback", "number");
        tx.insert_callback(&callback(&rows, &company, second, 1)).await.unwrap();
        tx.insert_callback(&callback(&rows, &company, queue, 2)).await.unwrap();
        tx.insert_callback(&callback(&rows, &other, queue, 1)).await.unwrap();
        let open = tx.open_callbacks_for_update(&number(1)).await.unwrap();
        assert_eq!(open.len(), 3, "all queues and companies of the scope");
        let done = Callback { state: CallbackState::Done, version: 2, ..first.clone() };
        tx.update_callback(&done).await.unwrap();
        tx.insert_callback(&again).await.unwrap();
        assert_duplicate(
            tx.update_callback(&Callback { state: CallbackState::Waiting, version: 3, ..done }).await,
            "callback",
            "number",
        );
    });
    let in_queue = write!(store, Scope::Company(company.id), tx => {
        tx.open_callbacks_of_queue_for_update(queue).await.unwrap()
    });
    assert_eq!(in_queue.len(), 2);
}

/// Those whose time has come are found by their place; lists come newest first and can be narrowed.
pub async fn due_callbacks_come_in_the_order_of_their_places(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let queue: QueueId = rows.id();
    let now = rows.now();
    let at = |seconds| now + TimeDelta::seconds(seconds);
    let mut all = Vec::new();
    for (n, (since, due)) in [(5, 0), (1, 0), (1, 0), (0, 10), (3, -10)].into_iter().enumerate() {
        let base = callback(&rows, &company, queue, n as u32);
        all.push(Callback { since: at(since), due_at: at(due), ..base });
    }
    all.push(Callback { state: CallbackState::Dialling, ..callback(&rows, &company, rows.id(), 7) });
    for callback in &all {
        write!(store, scope, tx => tx.insert_callback(callback).await.unwrap());
    }
    let due = read!(store, scope, tx => tx.due_callbacks(now, 10).await.unwrap());
    let mut expected: Vec<Callback> = [0, 1, 2, 4].map(|n| all[n].clone()).to_vec();
    expected.sort_by_key(|callback| (callback.since, callback.id));
    assert_eq!(due, expected);
    assert_eq!(read!(store, scope, tx => tx.due_callbacks(now, 2).await.unwrap()), expected[..2]);
    let listed = |filter: CallbackFilter| async move {
        read!(store, scope, tx => tx.callbacks(&filter, Page::number(1, 10)).await.unwrap())
    };
    all.sort_by_key(|callback| std::cmp::Reverse(callback.id));
    let everything = listed(CallbackFilter::default()).await;
    assert_eq!((everything.items, everything.total), (all.clone(), 6));
    assert_eq!(listed(CallbackFilter { queue: Some(queue), ..CallbackFilter::default() }).await.total, 5);
    let dialling = CallbackFilter { state: Some(CallbackState::Dialling), ..CallbackFilter::default() };
    assert_eq!(listed(dialling).await.total, 1);
    let later = CallbackFilter { before: Some(all[1].id), ..CallbackFilter::default() };
    assert_eq!(listed(later).await.items, all[2..]);
}

/// Another company's callbacks are absent, and stay as they are.
pub async fn callbacks_of_another_company_are_out_of_reach(store: &dyn Store) {
    let rows = Rows::new();
    let (mine, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let call = rows.id();
    let kept = Callback { call: Some(call), ..callback(&rows, &theirs, rows.id(), 1) };
    write!(store, Scope::Company(theirs.id), tx => tx.insert_callback(&kept).await.unwrap());
    write!(store, Scope::Company(mine.id), tx => {
        assert_eq!(tx.callback(kept.id).await.unwrap(), None);
        assert_eq!(tx.callback_for_update(kept.id).await.unwrap(), None);
        assert_eq!(tx.callback_of_call_for_update(call).await.unwrap(), None);
        assert_eq!(tx.open_callbacks_for_update(&kept.number).await.unwrap(), []);
        assert_eq!(tx.open_callbacks_of_queue_for_update(kept.queue).await.unwrap(), []);
        assert_eq!(tx.due_callbacks(rows.now(), 10).await.unwrap(), []);
        assert_eq!(tx.callbacks(&CallbackFilter::default(), Page::number(1, 10)).await.unwrap().total, 0);
        assert_stale(tx.update_callback(&Callback { version: 2, company: mine.id, ..kept.clone() }).await);
        assert_stale(tx.update_callback(&Callback { version: 2, ..kept.clone() }).await);
        assert_out_of_scope(tx.insert_callback(&callback(&rows, &theirs, rows.id(), 2)).await);
    });
    assert_eq!(read!(store, Scope::System, tx => tx.callback(kept.id).await.unwrap()), Some(kept));
}
