//! How calls are known to the service that carries them, and the recordings it makes, are kept.

use chrono::TimeDelta;

use super::fixtures::{
    Rows, assert_duplicate, assert_out_of_scope, assert_stale, begin, ends_of_time, founded, read, write,
};
use crate::call::carrier::{CarrierCall, SID_MAX, Service};
use crate::call::recording::{Recording, RecordingState};
use crate::call::{Call, CallStatus};
use crate::company::Company;
use crate::phone::E164;
use crate::scope::Scope;
use crate::store::{Access, Store, StoreError};

/// A stored call.
async fn carried(store: &dyn Store, rows: &Rows, company: &Company) -> Call {
    let call = rows.call(company.id);
    write!(store, Scope::System, tx => tx.insert_calls(std::slice::from_ref(&call)).await.unwrap());
    call
}

fn named(row: CarrierCall, sid: &str) -> CarrierCall {
    CarrierCall { sid: Some(sid.to_owned()), ..row }
}

/// Every field comes back as it was; only the next version replaces.
pub async fn a_carrier_call_reads_back_and_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, second) = (carried(store, &rows, &company).await, carried(store, &rows, &company).await);
    let (early, late) = ends_of_time();
    let row = rows.carrier_call(&first);
    let odd = CarrierCall {
        account: Some("a".repeat(SID_MAX)),
        caller: E164::from_stored("+12025550123"),
        sid: Some("x".repeat(SID_MAX)),
        due_at: None,
        attempts: u32::MAX,
        version: 41,
        created_at: early,
        updated_at: late,
        ..rows.carrier_call(&second)
    };
    let next = CarrierCall { sid: Some("CA1".to_owned()), due_at: Some(late), attempts: 7, version: 2, ..row.clone() };
    write!(store, scope, tx => {
        tx.insert_carrier_call(&row).await.unwrap();
        tx.insert_carrier_call(&odd).await.unwrap();
        assert_eq!(tx.carrier_calls(&[first.id]).await.unwrap(), std::slice::from_ref(&row));
        tx.update_carrier_call(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_carrier_call(&CarrierCall { version, ..next.clone() }).await);
        }
    });
    read!(store, scope, tx => {
        assert_eq!(tx.carrier_calls(&[]).await.unwrap(), []);
        let both = tx.carrier_calls(&[second.id, rows.id(), first.id, second.id]).await.unwrap();
        assert_eq!(both, [next, odd]);
    });
}

/// A call is handed over once, and a name at a service is one call's of the company.
pub async fn a_call_and_a_name_at_a_service_are_taken_once(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (first, second) = (carried(store, &rows, &company).await, carried(store, &rows, &company).await);
    let foreign = carried(store, &rows, &other).await;
    let (row, unnamed) = (named(rows.carrier_call(&first), "CA1"), rows.carrier_call(&second));
    write!(store, Scope::System, tx => {
        tx.insert_carrier_call(&row).await.unwrap();
        tx.insert_carrier_call(&unnamed).await.unwrap();
        assert_duplicate(tx.insert_carrier_call(&named(row.clone(), "CA2")).await, "carrier_call", "call");
        let third = rows.call(company.id);
        tx.insert_calls(std::slice::from_ref(&third)).await.unwrap();
        assert_duplicate(tx.insert_carrier_call(&named(rows.carrier_call(&third), "CA1")).await, "carrier_call", "sid");
        let renamed = CarrierCall { version: 2, ..named(unnamed.clone(), "CA1") };
        assert_duplicate(tx.update_carrier_call(&renamed).await, "carrier_call", "sid");
        assert_out_of_scope(tx.insert_carrier_call(&CarrierCall { company: company.id, ..rows.carrier_call(&foreign) }).await);
        // What another company calls a call of its own keeps nobody from theirs.
        tx.insert_carrier_call(&named(rows.carrier_call(&foreign), "CA1")).await.unwrap();
        let recording = rows.recording(&first);
        tx.insert_recording(&recording).await.unwrap();
        tx.insert_recording(&Recording { sid: recording.sid.clone(), ..rows.recording(&foreign) }).await.unwrap();
        tx.update_carrier_call(&CarrierCall { version: 2, ..named(unnamed, "CA2") }).await.unwrap();
        tx.update_carrier_call(&CarrierCall { version: 2, sid: None, ..row.clone() }).await.unwrap();
        tx.update_carrier_call(&CarrierCall { version: 3, ..row }).await.unwrap();
    });
}

/// What is due comes with the longest due first, and no more than asked for.
pub async fn due_carrier_calls_and_recordings_come_in_order(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let now = rows.now();
    let mut calls = Vec::new();
    for seconds in [Some(0), Some(-5), None, Some(1), Some(-9)] {
        let call = carried(store, &rows, &company).await;
        let due_at = seconds.map(|seconds| now + TimeDelta::seconds(seconds));
        write!(store, scope, tx => {
            tx.insert_carrier_call(&CarrierCall { due_at, ..rows.carrier_call(&call) }).await.unwrap();
            tx.insert_recording(&Recording { due_at, ..rows.recording(&call) }).await.unwrap();
        });
        calls.push(call.id);
    }
    read!(store, scope, tx => {
        let due: Vec<_> = tx.due_carrier_calls(now, 9).await.unwrap().into_iter().map(|row| row.call).collect();
        assert_eq!(due, [calls[4], calls[1], calls[0]]);
        let due: Vec<_> = tx.due_recordings(now, 9).await.unwrap().into_iter().map(|row| row.call).collect();
        assert_eq!(due, [calls[4], calls[1], calls[0]]);
        assert_eq!(tx.due_carrier_calls(now, 1).await.unwrap().len(), 1);
        assert_eq!(tx.due_recordings(now, 2).await.unwrap().len(), 2);
        assert_eq!(tx.due_recordings(now - TimeDelta::seconds(10), 9).await.unwrap(), []);
    });
}

/// Every field of a recording comes back as it was; only the next version replaces, and its name stays.
pub async fn a_recording_reads_back_and_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let call = carried(store, &rows, &company).await;
    let (early, late) = ends_of_time();
    let recording = rows.recording(&call);
    let odd = Recording {
        state: RecordingState::Failed,
        bytes: 1 << 40,
        seconds: u32::MAX,
        due_at: None,
        attempts: u32::MAX,
        created_at: early,
        updated_at: late,
        ..rows.recording(&call)
    };
    let next = Recording {
        state: RecordingState::Stored,
        media_type: Some("audio/wav".to_owned()),
        bytes: 8_044,
        due_at: None,
        attempts: 3,
        version: 2,
        updated_at: late,
        ..recording.clone()
    };
    write!(store, scope, tx => {
        tx.insert_recording(&recording).await.unwrap();
        tx.insert_recording(&odd).await.unwrap();
        assert_eq!(tx.recording(recording.id).await.unwrap().as_ref(), Some(&recording));
        tx.update_recording(&Recording { sid: "another".to_owned(), ..next.clone() }).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_recording(&Recording { version, ..next.clone() }).await);
        }
        assert_duplicate(tx.insert_recording(&Recording { id: odd.id, ..rows.recording(&call) }).await, "recording", "id");
        let again = Recording { sid: odd.sid.clone(), ..rows.recording(&call) };
        assert_duplicate(tx.insert_recording(&again).await, "recording", "sid");
    });
    read!(store, scope, tx => {
        assert_eq!(tx.recordings(&[]).await.unwrap(), []);
        assert_eq!(tx.recordings(&[call.id, call.id, rows.id()]).await.unwrap(), [next.clone(), odd]);
        assert_eq!(tx.recording(next.id).await.unwrap(), Some(next));
        assert_eq!(tx.recording(rows.id()).await.unwrap(), None);
    });
}

/// A deleted call takes them along, and their names are free.
pub async fn a_deleted_call_takes_its_carrier_call_and_recordings_along(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (call, other) = (carried(store, &rows, &company).await, carried(store, &rows, &company).await);
    let (row, recording) = (named(rows.carrier_call(&call), "CA1"), rows.recording(&call));
    write!(store, scope, tx => {
        tx.insert_carrier_call(&row).await.unwrap();
        tx.insert_recording(&recording).await.unwrap();
        tx.update_call(&Call { status: CallStatus::Failed, version: 2, ..call.clone() }).await.unwrap();
        assert!(tx.delete_call(call.id).await.unwrap());
        assert_eq!(tx.carrier_calls(&[call.id]).await.unwrap(), []);
        assert_eq!(tx.recordings(&[call.id]).await.unwrap(), []);
        assert_eq!(tx.recording(recording.id).await.unwrap(), None);
        tx.insert_carrier_call(&named(rows.carrier_call(&other), "CA1")).await.unwrap();
        tx.insert_recording(&Recording { sid: recording.sid.clone(), ..rows.recording(&other) }).await.unwrap();
    });
}

/// Another company's are absent and stay as they are; and who only reads changes nothing.
pub async fn another_companys_carrier_calls_and_recordings_are_absent(store: &dyn Store) {
    let rows = Rows::new();
    let (ours, theirs) = (founded(store, &rows).await, founded(store, &rows).await);
    let call = carried(store, &rows, &theirs).await;
    let (row, recording) = (rows.carrier_call(&call), rows.recording(&call));
    write!(store, Scope::System, tx => {
        tx.insert_carrier_call(&row).await.unwrap();
        tx.insert_recording(&recording).await.unwrap();
    });
    let now = rows.now() + TimeDelta::days(1);
    write!(store, Scope::Company(ours.id), tx => {
        assert_eq!(tx.carrier_calls(&[call.id]).await.unwrap(), []);
        assert_eq!(tx.recordings(&[call.id]).await.unwrap(), []);
        assert_eq!(tx.recording(recording.id).await.unwrap(), None);
        assert_eq!(tx.due_carrier_calls(now, 9).await.unwrap(), []);
        assert_eq!(tx.due_recordings(now, 9).await.unwrap(), []);
        assert_stale(tx.update_carrier_call(&CarrierCall { version: 2, ..row.clone() }).await);
        assert_stale(tx.update_carrier_call(&CarrierCall { version: 2, company: ours.id, ..row.clone() }).await);
        assert_stale(tx.update_recording(&Recording { version: 2, ..recording.clone() }).await);
        assert_stale(tx.update_recording(&Recording { version: 2, company: ours.id, ..recording.clone() }).await);
        assert_out_of_scope(tx.insert_carrier_call(&row).await);
        assert_out_of_scope(tx.insert_recording(&rows.recording(&call)).await);
        assert_out_of_scope(tx.insert_recording(&Recording { company: ours.id, ..rows.recording(&call) }).await);
    });
    for reading in 0..4 {
        let mut tx = begin(store, Scope::System, Access::Read).await;
        let refused = match reading {
            0 => tx.insert_carrier_call(&row).await,
            1 => tx.update_carrier_call(&CarrierCall { version: 2, ..row.clone() }).await,
            2 => tx.insert_recording(&rows.recording(&call)).await,
            _ => tx.update_recording(&Recording { version: 2, ..recording.clone() }).await,
        };
        assert!(matches!(refused, Err(StoreError::Backend(_))), "{refused:?}");
    }
    read!(store, Scope::System, tx => {
        assert_eq!(tx.carrier_calls(&[call.id]).await.unwrap(), [row]);
        assert_eq!(tx.recordings(&[call.id]).await.unwrap(), [recording]);
        assert_eq!(tx.due_recordings(now, 9).await.unwrap().len(), 1);
        let service = tx.carrier_calls(&[call.id]).await.unwrap().pop().map(|row| row.service);
        assert_eq!(service, Some(Service::Twilio));
    });
}
