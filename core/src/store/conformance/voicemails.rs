//! What calls leave behind in flows is kept: traces and voicemails.

use chrono::TimeDelta;
use serde_json::json;

use super::fixtures::{
    Rows, UNICODE, assert_duplicate, assert_out_of_scope, assert_stale, begin, ends_of_time, founded, read, write,
};
use crate::call::{Call, CallStatus};
use crate::company::Company;
use crate::flow::{FlowTrace, Voicemail};
use crate::scope::Scope;
use crate::store::{Access, Page, Store, StoreError, VoicemailFilter};

/// A stored call.
async fn called(store: &dyn Store, rows: &Rows, company: &Company) -> Call {
    let call = rows.call(company.id);
    write!(store, Scope::System, tx => tx.insert_calls(std::slice::from_ref(&call)).await.unwrap());
    call
}

/// A trace comes back as it was, also when its flow is gone; a call has one.
pub async fn a_trace_is_kept_once_for_a_call(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, second) = (called(store, &rows, &company).await, called(store, &rows, &company).await);
    let flow = rows.flow(company.id);
    let steps = json!([{"node": UNICODE, "at": 0, "reason": "a\u{0}b"}, {"node": "b", "at": 1_200}]);
    let odd = FlowTrace {
        number: u32::MAX,
        steps,
        ended: UNICODE.to_owned(),
        created_at: ends_of_time().1,
        ..rows.flow_trace(&second, &flow)
    };
    let trace = rows.flow_trace(&call, &flow);
    write!(store, scope, tx => {
        for trace in [&trace, &odd] {
            tx.insert_flow_trace(trace).await.unwrap();
            assert_eq!(tx.flow_trace(trace.call).await.unwrap().as_ref(), Some(trace));
        }
        let again = FlowTrace { ended: "again".to_owned(), ..trace.clone() };
        assert_duplicate(tx.insert_flow_trace(&again).await, "flow_trace", "call");
        assert_out_of_scope(tx.insert_flow_trace(&rows.flow_trace(&rows.call(company.id), &flow)).await);
    });
    read!(store, scope, tx => {
        assert_eq!(tx.flow_trace(call.id).await.unwrap(), Some(trace));
        assert_eq!(tx.flow_trace(rows.id()).await.unwrap(), None);
    });
}

/// Every field of a voicemail comes back as it was; the next version says who heard it, and nothing else changes.
pub async fn a_voicemail_reads_back_and_only_who_heard_it_changes(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let call = called(store, &rows, &company).await;
    let (early, late) = ends_of_time();
    let voicemail = rows.voicemail(&call);
    let odd = Voicemail {
        flow: Some(rows.id()),
        mailbox: UNICODE.to_owned(),
        from: UNICODE.into(),
        length_ms: 1 << 40,
        bytes: 1 << 50,
        heard_at: Some(early),
        heard_by: Some(rows.id()),
        version: u32::MAX,
        created_at: early,
        updated_at: late,
        ..rows.voicemail(&call)
    };
    let heard = voicemail.clone().heard(true, Some(rows.id()), late);
    write!(store, scope, tx => {
        for one in [&voicemail, &odd] {
            tx.insert_voicemail(one).await.unwrap();
            assert_eq!(tx.voicemail(one.id).await.unwrap().as_ref(), Some(one));
        }
        let same = Voicemail { id: odd.id, ..rows.voicemail(&call) };
        assert_duplicate(tx.insert_voicemail(&same).await, "voicemail", "id");
        let moved = Voicemail { mailbox: "other".to_owned(), bytes: 1, from: "x".into(), ..heard.clone() };
        tx.update_voicemail(&moved).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_voicemail(&Voicemail { version, ..heard.clone() }).await);
        }
        assert_stale(tx.update_voicemail(&Voicemail { version: 2, ..rows.voicemail(&call) }).await);
        assert_eq!(tx.voicemail(voicemail.id).await.unwrap().as_ref(), Some(&heard));
        tx.update_voicemail(&heard.clone().heard(false, Some(rows.id()), late)).await.unwrap();
        let unheard = tx.voicemail(voicemail.id).await.unwrap().unwrap();
        assert_eq!((unheard.heard_at, unheard.heard_by), (None, None));
        assert!(tx.delete_voicemail(voicemail.id).await.unwrap());
        assert!(!tx.delete_voicemail(voicemail.id).await.unwrap());
    });
    read!(store, scope, tx => {
        assert_eq!(tx.voicemail(voicemail.id).await.unwrap(), None);
        assert_eq!(tx.voicemail(odd.id).await.unwrap(), Some(odd));
    });
}

/// Each filter narrows the list by itself, newest first, and the cursor leads through all of it.
pub async fn voicemails_are_narrowed_by_every_field(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, other) = (called(store, &rows, &company).await, called(store, &rows, &company).await);
    let now = rows.now();
    let left = |mailbox: &str, heard: bool, seconds| {
        let created_at = now + TimeDelta::seconds(seconds);
        let of = if heard { &other } else { &call };
        Voicemail { mailbox: mailbox.to_owned(), heard_at: heard.then_some(now), created_at, ..rows.voicemail(of) }
    };
    let all = [left("sales", false, 0), left("sales", true, 5), left("support", false, 10), left("support", true, 15)];
    write!(store, scope, tx => {
        for one in &all {
            tx.insert_voicemail(one).await.unwrap();
        }
    });
    let at = |seconds| Some(now + TimeDelta::seconds(seconds));
    let none = VoicemailFilter::default;
    let cases = [
        (none(), vec![3, 2, 1, 0]),
        (VoicemailFilter { mailbox: Some("sales".to_owned()), ..none() }, vec![1, 0]),
        (VoicemailFilter { mailbox: Some("Sales".to_owned()), ..none() }, vec![]),
        (VoicemailFilter { heard: Some(true), ..none() }, vec![3, 1]),
        (VoicemailFilter { heard: Some(false), ..none() }, vec![2, 0]),
        (VoicemailFilter { from: at(5), ..none() }, vec![3, 2, 1]),
        (VoicemailFilter { to: at(5), ..none() }, vec![0]),
        (VoicemailFilter { before: Some(all[2].id), ..none() }, vec![1, 0]),
    ];
    read!(store, scope, tx => {
        for (filter, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|at: usize| all[at].clone()).collect();
            let found = tx.voicemails(&filter, Page::FIRST).await.unwrap();
            assert_eq!((found.total, found.items), (expected.len() as u64, expected), "{filter:?}");
        }
        let second = tx.voicemails(&none(), Page { offset: 1, limit: 2 }).await.unwrap();
        assert_eq!((second.total, second.items), (4, vec![all[2].clone(), all[1].clone()]));
        assert_eq!(tx.voicemails_of(&[]).await.unwrap(), []);
        let both = tx.voicemails_of(&[other.id, rows.id(), call.id, other.id]).await.unwrap();
        assert_eq!(both, [0, 2, 1, 3].map(|at: usize| all[at].clone()));
    });
}

/// A deleted call takes them along, and those of others stay.
pub async fn a_deleted_call_takes_its_trace_and_voicemails_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, other) = (called(store, &rows, &company).await, called(store, &rows, &company).await);
    let flow = rows.flow(company.id);
    let (voicemail, kept) = (rows.voicemail(&call), rows.voicemail(&other));
    write!(store, scope, tx => {
        tx.insert_flow_trace(&rows.flow_trace(&call, &flow)).await.unwrap();
        tx.insert_flow_trace(&rows.flow_trace(&other, &flow)).await.unwrap();
        for voicemail in [&voicemail, &rows.voicemail(&call), &kept] {
            tx.insert_voicemail(voicemail).await.unwrap();
        }
        tx.update_call(&Call { status: CallStatus::Failed, version: 2, ..call.clone() }).await.unwrap();
        assert!(tx.delete_call(call.id).await.unwrap());
        assert_eq!(tx.flow_trace(call.id).await.unwrap(), None);
        assert!(tx.flow_trace(other.id).await.unwrap().is_some());
        assert_eq!(tx.voicemail(voicemail.id).await.unwrap(), None);
        assert_eq!(tx.voicemails_of(&[call.id, other.id]).await.unwrap(), std::slice::from_ref(&kept));
        assert_eq!(tx.voicemails(&VoicemailFilter::default(), Page::FIRST).await.unwrap().items, [kept]);
    });
}

/// Another company's are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_traces_and_voicemails_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let (call, bare) = (called(store, &rows, &theirs).await, called(store, &rows, &theirs).await);
    let flow = rows.flow(theirs.id);
    let (trace, voicemail) = (rows.flow_trace(&call, &flow), rows.voicemail(&call));
    write!(store, Scope::System, tx => {
        tx.insert_flow_trace(&trace).await.unwrap();
        tx.insert_voicemail(&voicemail).await.unwrap();
    });
    let next = Voicemail { version: 2, ..voicemail.clone() };
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.flow_trace(call.id).await.unwrap(), None);
        assert_eq!(tx.voicemail(voicemail.id).await.unwrap(), None);
        assert_eq!(tx.voicemails(&VoicemailFilter::default(), Page::FIRST).await.unwrap().total, 0);
        assert_eq!(tx.voicemails_of(&[call.id]).await.unwrap(), []);
        assert_stale(tx.update_voicemail(&next).await);
        assert_stale(tx.update_voicemail(&Voicemail { company: ours.id, ..next.clone() }).await);
        assert!(!tx.delete_voicemail(voicemail.id).await.unwrap());
        assert_out_of_scope(tx.insert_voicemail(&rows.voicemail(&call)).await);
        assert_out_of_scope(tx.insert_voicemail(&Voicemail { company: ours.id, ..rows.voicemail(&call) }).await);
        assert_out_of_scope(tx.insert_flow_trace(&rows.flow_trace(&bare, &flow)).await);
        assert_out_of_scope(tx.insert_flow_trace(&FlowTrace { company: ours.id, ..rows.flow_trace(&bare, &flow) }).await);
    });
    for reading in 0..4 {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let refused = match reading {
            0 => tx.insert_flow_trace(&rows.flow_trace(&bare, &flow)).await,
            1 => tx.insert_voicemail(&rows.voicemail(&call)).await,
            2 => tx.update_voicemail(&next).await,
            _ => tx.delete_voicemail(voicemail.id).await.map(|_| ()),
        };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    read!(store, Scope::Company(theirs.id), tx => {
        assert_eq!(tx.flow_trace(call.id).await.unwrap(), Some(trace));
        assert_eq!(tx.flow_trace(bare.id).await.unwrap(), None);
        assert_eq!(tx.voicemails_of(&[call.id]).await.unwrap(), [voicemail]);
    });
}
