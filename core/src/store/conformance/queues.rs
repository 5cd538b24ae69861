//! Queues are kept.

use super::fixtures::{Rows, UNICODE, assert_duplicate, assert_stale, ends_of_time, founded, hired, long, read, write};
use crate::id::{CalendarKind, QueueKind};
use crate::queue::{Member, Mode, Queue, QueueSettings, Relaxation, SkillNeed, Strategy};
use crate::scope::Scope;
use crate::store::Store;

/// The queue under another name.
fn need(name: &str, level: u8, required: bool) -> SkillNeed {
    SkillNeed { name: name.to_owned(), level, required }
}

fn named(queue: Queue, name: &str) -> Queue {
    Queue { settings: QueueSettings { name: name.to_owned(), ..queue.settings }, ..queue }
}

/// Every field of a queue comes back as it was; all come by id.
pub async fn a_queue_reads_back_as_it_was_written(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let (first, last) = ends_of_time();
    let mut members = Vec::new();
    for n in 0..20 {
        let agent_id = hired(store, &rows, &company).await.id;
        members.insert(0, Member { agent_id, tier: n, position: u16::MAX - n, weight: 1_000 - n });
    }
    let settings = QueueSettings {
        name: UNICODE.to_owned(),
        strategy: Strategy::RingProgressively,
        ring_seconds: 120,
        progressive_seconds: 120,
        wrap_up_seconds: 3_600,
        max_wait_seconds: 7_200,
        max_length: 100_000,
        no_agent_wait_seconds: Some(0),
        weight: 100,
        tier_wait_seconds: 3_600,
        service_level_seconds: 3_600,
        skills: vec![need("german", 1, true), need(UNICODE, 10, false)],
        rule: Some("german >= 3".to_owned()),
        relax: vec![Relaxation {
            after_seconds: 7_200,
            mode: Mode::Cumulative,
            skills: vec![need("english", 5, true)],
            rule: Some("english > 0 || german > 0".to_owned()),
        }],
        members,
        waiting: serde_json::from_value(serde_json::json!({
            "answer": true, "music": UNICODE, "language": "pt-BR", "closeWaiting": true, "resumeSeconds": 3_600,
            "announce": {"everySeconds": 10, "position": true, "wait": true, "prompt": "please hold"},
            "overflow": [{"afterSeconds": 0, "target": {"type": "queue", "id": rows.id::<QueueKind>()}},
                {"afterSeconds": 7_200, "target": {"type": "number", "id": "+12025550123"}}],
            "exitKeys": [{"key": "#", "target": {"type": "voicemail", "id": UNICODE}}, {"key": "0", "target": {"type": "callback"}}],
            "calendar": rows.id::<CalendarKind>(), "preferred": {"agent": "owner", "patienceSeconds": 600}, "callbackFirst": "customer",
        }))
        .unwrap(),
    };
    let odd = Queue { version: u32::MAX, created_at: first, updated_at: last, settings, ..rows.queue(company.id) };
    let long = named(rows.queue(company.id), &long(100));
    let mut queues = [rows.queue(company.id), odd, long];
    queues.sort_by_key(|queue| queue.id);
    for queue in queues.iter().rev() {
        write!(store, scope, tx => tx.insert_queue(queue).await.unwrap());
        assert_eq!(read!(store, scope, tx => tx.queue(queue.id).await.unwrap()).as_ref(), Some(queue));
    }
    assert_eq!(read!(store, scope, tx => tx.queues().await.unwrap()), queues);
    assert_eq!(read!(store, scope, tx => tx.queue(rows.id()).await.unwrap()), None);
}

/// Ids are unique everywhere, names byte for byte in the company.
pub async fn a_queue_name_is_taken_once_in_its_company(store: &dyn Store) {
    let rows = Rows::new();
    let (company, other) = (founded(store, &rows).await, founded(store, &rows).await);
    let (queue, second) = (named(rows.queue(company.id), "Sales"), rows.queue(company.id));
    write!(store, Scope::System, tx => {
        tx.insert_queue(&queue).await.unwrap();
        tx.insert_queue(&second).await.unwrap();
        assert_duplicate(tx.insert_queue(&Queue { id: queue.id, ..rows.queue(company.id) }).await, "queue", "id");
        assert_duplicate(tx.insert_queue(&named(rows.queue(company.id), "Sales")).await, "queue", "name");
        let renamed = Queue { version: 2, ..named(second.clone(), "Sales") };
        assert_duplicate(tx.update_queue(&renamed).await, "queue", "name");
        tx.insert_queue(&named(rows.queue(company.id), "sales")).await.unwrap();
        tx.insert_queue(&named(rows.queue(other.id), "Sales")).await.unwrap();
        assert_eq!(tx.queue(second.id).await.unwrap(), Some(second));
    });
}

/// Only the next version replaces a queue, and its old name is free then.
pub async fn a_queue_is_replaced_by_its_next_version_only(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let member = Member::new(hired(store, &rows, &company).await.id);
    let queue = rows.queue(company.id);
    let settings = QueueSettings {
        strategy: Strategy::TopDown,
        ring_seconds: 5,
        wrap_up_seconds: 1,
        max_wait_seconds: 2,
        ..QueueSettings::new("Renamed", vec![member])
    };
    let next = Queue { settings, version: 2, updated_at: ends_of_time().1, ..queue.clone() };
    write!(store, scope, tx => {
        tx.insert_queue(&queue).await.unwrap();
        tx.update_queue(&next).await.unwrap();
        for version in [1, 2, 4] {
            assert_stale(tx.update_queue(&Queue { version, ..named(next.clone(), "Stale") }).await);
        }
        assert_stale(tx.update_queue(&Queue { version: 2, ..rows.queue(company.id) }).await);
        tx.insert_queue(&named(rows.queue(company.id), &queue.settings.name)).await.unwrap();
    });
    assert_eq!(read!(store, scope, tx => tx.queue(queue.id).await.unwrap()), Some(next));
}

/// A queue goes once, and its name is free again.
pub async fn a_queue_is_deleted_once(store: &dyn Store) {
    let rows = Rows::new();
    let company = founded(store, &rows).await;
    let scope = Scope::Company(company.id);
    let queue = rows.queue(company.id);
    write!(store, scope, tx => tx.insert_queue(&queue).await.unwrap());
    assert!(write!(store, scope, tx => tx.delete_queue(queue.id).await.unwrap()));
    assert!(!write!(store, scope, tx => tx.delete_queue(queue.id).await.unwrap()));
    assert_eq!(read!(store, scope, tx => tx.queues().await.unwrap()), []);
    write!(store, scope, tx => tx.insert_queue(&Queue { id: rows.id(), ..queue }).await.unwrap());
}
