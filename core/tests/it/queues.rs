//! What queues refer to: it is there, it is stored in one form, and it is not taken away.

use dialplane_core::command::flow::calendar::{CreateCalendar, DeleteCalendar};
use dialplane_core::command::flow::prompt::{AddPrompt, DeletePrompt};
use dialplane_core::command::flow::{ActivateFlow, CreateFlow, DeactivateFlow, DeleteFlow};
use dialplane_core::command::telephony::{CreateQueue, DeleteQueue, UpdateQueue};
use dialplane_core::flow::{CalendarRefused, FlowRefused, NewPrompt, PromptRefused};
use dialplane_core::id::QueueId;
use dialplane_core::people::Role;
use dialplane_core::queue::{QueueRefused, QueueSettings};
use serde_json::{Value, json};

use crate::world::World;

/// A queue of this name with these settings besides.
fn settings(name: &str, more: Value) -> QueueSettings {
    let mut all = json!({"name": name});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    serde_json::from_value(all).unwrap()
}

fn leads_to(kind: &str, id: impl serde::Serialize) -> Value {
    json!({"overflow": [{"afterSeconds": 0, "target": {"type": kind, "id": id}}]})
}

impl World {
    async fn queue(&self, name: &str, more: Value) -> QueueId {
        self.run(CreateQueue { settings: settings(name, more) }).await.id
    }

    async fn refused_queue(&self, more: Value) -> QueueRefused {
        self.refused(CreateQueue { settings: settings("Refused", more) }).await
    }
}

#[tokio::test]
async fn callers_are_led_to_what_is_there_and_never_to_the_queue_itself() {
    let world = World::new().await;
    let sales = world.queue("Sales", json!({})).await;
    let nobody: QueueId = world.engine.ids().id(world.engine.now());
    for (kind, id) in [
        ("queue", json!(nobody)),
        ("flow", json!(nobody)),
        ("agent", json!(nobody)),
        ("extension", json!(nobody)),
        ("number", json!("no number")),
        ("voicemail", json!("  ")),
    ] {
        let refused = world.refused_queue(leads_to(kind, &id)).await;
        assert!(matches!(refused, QueueRefused::NoSuchTarget("overflow", word) if word == kind), "{kind}: {refused}");
    }
    let key = json!({"exitKeys": [{"key": "1", "target": {"type": "queue", "id": nobody}}]});
    assert_eq!(world.refused_queue(key).await, QueueRefused::NoSuchTarget("exitKeys", "queue"));
    let itself =
        UpdateQueue { queue: sales, settings: settings("Sales", leads_to("queue", sales)), expected_version: None };
    assert_eq!(world.refused(itself).await, QueueRefused::NoSuchTarget("overflow", "queue"));
    let agent = world.user("Ann Agent", "agent@example.com", Role::Agent).await;
    world.queue("Agents", leads_to("agent", agent.id)).await;
    assert_eq!(world.refused_queue(json!({"calendar": nobody})).await, QueueRefused::NoSuchCalendar);
    let jazz = json!({"music": "jazz"});
    assert_eq!(world.refused_queue(jazz).await, QueueRefused::NoSuchPrompt("music", "jazz".to_owned()));
}

#[tokio::test]
async fn numbers_mailboxes_and_recordings_are_stored_in_one_form() {
    let world = World::new().await;
    let prompt = world.run(prompt(&world)).await;
    let more = json!({
        "music": prompt.id, "announce": {"everySeconds": 30, "prompt": "jazz"},
        "overflow": [
            {"afterSeconds": 5, "target": {"type": "number", "id": "00 1 202 555 0123"}},
            {"afterSeconds": 5, "target": {"type": "voicemail", "id": " Sales "}},
        ],
    });
    let queue = world.run(CreateQueue { settings: settings("Sales", more) }).await;
    let stored = serde_json::to_value(&queue.settings).unwrap();
    assert_eq!((&stored["music"], &stored["announce"]["prompt"]), (&json!("jazz"), &json!("jazz")));
    assert_eq!(stored["overflow"][0]["target"]["id"], "+12025550123");
    assert_eq!(stored["overflow"][1]["target"]["id"], "Sales");
    let read = world.engine.read(&world.admin).await.unwrap().queue(queue.id).await.unwrap();
    assert_eq!(read, Some(queue));
}

fn prompt(world: &World) -> AddPrompt {
    AddPrompt {
        new: NewPrompt {
            id: world.engine.ids().id(world.engine.now()),
            name: "jazz".to_owned(),
            language: "en".to_owned(),
            file_name: "jazz.wav".to_owned(),
            media_type: "audio/wav".to_owned(),
            length_ms: 1_000,
            bytes: 16_044,
            sha256: "0".repeat(64),
        },
    }
}

#[tokio::test]
async fn what_a_queue_needs_stays_until_the_queue_lets_go_of_it() {
    let world = World::new().await;
    let document = json!({"version": 1, "start": "bye", "nodes": {"bye": {"type": "hangup"}}}).to_string();
    let flow = world.run(CreateFlow { name: "Bye".to_owned(), document: Some(document) }).await.id;
    world.run(ActivateFlow { flow, number: None, note: None, expected_version: None }).await;
    let hours = json!({"timezone": "Europe/Berlin"});
    let calendar = world.run(CreateCalendar { name: "Week".to_owned(), hours }).await.id;
    let prompt = world.run(prompt(&world)).await.id;
    let second = world.queue("Second", json!({})).await;
    let more = json!({
        "music": "jazz", "calendar": calendar,
        "overflow": [{"afterSeconds": 5, "target": {"type": "flow", "id": flow}}],
        "exitKeys": [{"key": "2", "target": {"type": "queue", "id": second}}],
    });
    let first = world.queue("First", more).await;
    let user = || "First".to_owned();
    assert_eq!(world.refused(DeleteQueue { queue: second }).await, QueueRefused::InQueue(user()));
    assert_eq!(world.refused(DeletePrompt { prompt }).await, PromptRefused::InQueue(user()));
    assert_eq!(world.refused(DeleteCalendar { calendar }).await, CalendarRefused::InQueue(user()));
    let (delete, stop) = (DeleteFlow { flow, expected_version: None }, DeactivateFlow { flow, expected_version: None });
    assert_eq!(world.refused(delete).await, FlowRefused::InQueue(user()));
    assert_eq!(world.refused(stop).await, FlowRefused::InQueue(user()));
    world.run(UpdateQueue { queue: first, settings: settings("First", json!({})), expected_version: None }).await;
    world.run(DeleteQueue { queue: second }).await;
    world.run(DeletePrompt { prompt }).await;
    world.run(DeleteCalendar { calendar }).await;
    world.run(delete).await;
}
