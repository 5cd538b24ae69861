//! Flows: drafts, publishing and rolling back, what may not be taken away while it is used, and what calls leave behind.

use dialplane_core::call::{Change, Direction, Hangup, HangupCause, NewCall, Side};
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::command::call_log::DeleteCall;
use dialplane_core::command::flow::calendar::{CreateCalendar, DeleteCalendar, UpdateCalendar};
use dialplane_core::command::flow::prompt::{AddPrompt, DeletePrompt};
use dialplane_core::command::flow::voicemail::{DeleteVoicemail, HearVoicemail};
use dialplane_core::command::flow::{ActivateFlow, CreateFlow, DeactivateFlow, DeleteFlow, Left, UpdateFlow};
use dialplane_core::command::telephony::{
    CreateInboundRoute, CreateQueue, DeleteInboundRoute, DeleteQueue, UpdateInboundRoute, UpdateQueue,
};
use dialplane_core::flow::{
    CALENDARS_MAX, Calendar, CalendarRefused, DOCUMENT_BYTES_MAX, FLOWS_MAX, Flow, FlowRefused, FlowStatus, NOTE_MAX,
    NewPrompt, PROMPTS_MAX, Prompt, PromptRefused, TRACE_BYTES_MAX, VoicemailRefused,
};
use dialplane_core::id::{CallId, FlowId, IdSource, QueueId, SeededIds, VoicemailId};
use dialplane_core::people::Role;
use dialplane_core::phone::InboundTarget;
use dialplane_core::phone::inbound::InboundRefused;
use dialplane_core::queue::{QueueRefused, QueueSettings};
use dialplane_core::store::{Access, Page};
use dialplane_core::{Actor, Failure};
use serde_json::{Value, json};

use crate::world::World;

/// A document that says nothing and hangs up.
fn hangs_up() -> Value {
    json!({"version": 1, "start": "bye", "nodes": {"bye": {"type": "hangup"}}})
}

/// A document that goes through another flow.
fn goes_through(flow: &str) -> Value {
    json!({"version": 1, "start": "a", "nodes": {
        "a": {"type": "subflow", "flow": flow, "next": "bye"}, "bye": {"type": "hangup"},
    }})
}

impl World {
    async fn flow(&self, name: &str, document: &Value) -> Flow {
        self.run(CreateFlow { name: name.to_owned(), document: Some(document.to_string()) }).await
    }

    async fn active(&self, name: &str, document: &Value) -> Flow {
        let flow = self.flow(name, document).await;
        self.run(activate(flow.id)).await.flow
    }

    async fn draft(&self, flow: FlowId) -> Option<String> {
        self.engine.read(&self.admin).await.unwrap().flow_draft(flow).await.unwrap()
    }

    /// A call that has ended, and what it leaves behind.
    async fn call(&self, left: Vec<Left>) -> CallId {
        let call = self.engine.ids().id(self.engine.now());
        let begin = NewCall {
            id: call,
            company: self.company.id,
            direction: Direction::Inbound,
            from: "+12025550100".into(),
            to: "+12025550101".into(),
            agent: None,
            number: None,
            trunk: None,
            lead: None,
            node: None,
            at: self.engine.now(),
        };
        self.report(call, Some(begin), left).await;
        call
    }

    async fn report(&self, call: CallId, begin: Option<NewCall>, left: Vec<Left>) {
        let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
        let ended = begin.as_ref().map(|_| (self.engine.now(), Change::Ended { hangup }));
        let changes = ended.into_iter().collect();
        let reports = vec![CallReport { begin, changes, left, ..CallReport::nothing(call) }];
        self.engine.execute(&Actor::system(), &RecordCalls { reports }).await.unwrap();
    }
}

fn activate(flow: FlowId) -> ActivateFlow {
    ActivateFlow { flow, number: None, note: None, expected_version: None }
}

fn save(flow: FlowId, document: &Value) -> UpdateFlow {
    UpdateFlow { flow, name: None, document: Some(document.to_string()), expected_version: None }
}

fn rename(flow: FlowId, name: &str) -> UpdateFlow {
    UpdateFlow { flow, name: Some(name.to_owned()), document: None, expected_version: None }
}

#[tokio::test]
async fn a_draft_becomes_the_next_version_and_an_earlier_one_comes_back() {
    let world = World::new().await;
    let flow = world.flow(" Main ", &hangs_up()).await;
    assert_eq!((flow.name.as_str(), flow.status(), flow.version), ("Main", FlowStatus::Draft, 1));
    let note = Some(" first ".to_owned());
    let first = world.run(ActivateFlow { note, ..activate(flow.id) }).await.flow;
    assert_eq!((first.active, first.published, first.status()), (Some(1), 1, FlowStatus::Active));
    assert_eq!(world.draft(flow.id).await, None);

    // A draft changes nothing for calls until it is activated.
    let longer = json!({"version": 1, "start": "a", "nodes": {"a": {"type": "tag", "tags": ["x"], "next": "b"}, "b": {"type": "hangup"}}});
    let saved = world.run(save(flow.id, &longer)).await;
    assert_eq!((saved.active, saved.version), (Some(1), 3));
    let second = world.run(activate(flow.id)).await.flow;
    assert_eq!((second.active, second.published), (Some(2), 2));

    let back = world.run(ActivateFlow { number: Some(1), ..activate(flow.id) }).await.flow;
    assert_eq!((back.active, back.published), (Some(1), 2));
    // Without a draft and a number the newest is meant.
    assert_eq!(world.run(activate(flow.id)).await.flow.active, Some(2));
    assert_eq!(world.refused(ActivateFlow { number: Some(3), ..activate(flow.id) }).await, FlowRefused::NoSuchVersion);
    assert_eq!(world.refused(ActivateFlow { number: Some(0), ..activate(flow.id) }).await, FlowRefused::NoSuchVersion);

    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let versions = tx.flow_versions(flow.id, Page::FIRST).await.unwrap().items;
    assert_eq!(versions.iter().map(|version| version.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((versions[1].note.as_deref(), versions[1].author), (Some("first"), world.admin.user_id()));
    assert_eq!(tx.flow_document(flow.id, 1).await.unwrap(), Some(hangs_up().to_string()));
    drop(tx);

    let off = world.run(DeactivateFlow { flow: flow.id, expected_version: None }).await;
    assert_eq!((off.active, off.status()), (None, FlowStatus::Inactive));
    let again = world.run(DeactivateFlow { flow: flow.id, expected_version: None }).await;
    assert_eq!(again, off, "what is off stays as it is");
}

#[tokio::test]
async fn what_was_changed_in_between_is_not_overwritten() {
    let world = World::new().await;
    let flow = world.flow("Main", &hangs_up()).await;
    world.run(rename(flow.id, "Other")).await;
    let stale = Some(flow.version);
    assert_eq!(world.refused(UpdateFlow { expected_version: stale, ..rename(flow.id, "x") }).await, FlowRefused::Stale);
    assert_eq!(world.refused(ActivateFlow { expected_version: stale, ..activate(flow.id) }).await, FlowRefused::Stale);
    let off = DeactivateFlow { flow: flow.id, expected_version: stale };
    assert_eq!(world.refused(off).await, FlowRefused::Stale);
    assert_eq!(world.refused(DeleteFlow { flow: flow.id, expected_version: stale }).await, FlowRefused::Stale);
    let current = Some(flow.version + 1);
    world.run(ActivateFlow { expected_version: current, ..activate(flow.id) }).await;
}

#[tokio::test]
async fn a_document_with_errors_is_refused_with_all_of_them_and_nothing_changes() {
    let world = World::new().await;
    let bad = json!({"version": 1, "start": "a", "nodes": {
        "a": {"type": "queue", "queue": "Nobody", "onTimeout": "gone", "onFail": "b"},
        "b": {"type": "hours", "calendar": "Never", "open": "c", "closed": "c"},
        "c": {"type": "hangup"},
        "d": {"type": "hangup"},
    }});
    let flow = world.flow("Main", &bad).await;
    let FlowRefused::Invalid(problems) = world.refused(activate(flow.id)).await else { panic!("expected problems") };
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
    for code in ["unknown_queue", "unknown_target", "unknown_calendar"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let broken =
        world.run(UpdateFlow { document: Some("{\n  \"version\": 1,".to_owned()), ..save(flow.id, &bad) }).await;
    let FlowRefused::Invalid(problems) = world.refused(activate(flow.id)).await else { panic!("expected problems") };
    assert!(problems[0].message.contains("line 2"), "{problems:?}");
    let now = world.engine.read(&world.admin).await.unwrap().flow(flow.id).await.unwrap().unwrap();
    assert_eq!(now, broken);

    let empty = world.run(CreateFlow { name: "Empty".to_owned(), document: None }).await;
    assert_eq!(world.refused(activate(empty.id)).await, FlowRefused::Empty);
}

#[tokio::test]
async fn a_version_that_is_activated_again_is_looked_at_again() {
    let world = World::new().await;
    let hours = json!({"timezone": "Europe/Berlin", "weekly": {"monday": [{"from": "09:00", "to": "17:00"}]}});
    let calendar = world.run(CreateCalendar { name: "Office".to_owned(), hours }).await;
    let with_hours = json!({"version": 1, "start": "a", "nodes": {
        "a": {"type": "hours", "calendar": "Office", "open": "b", "closed": "b"}, "b": {"type": "hangup"},
    }});
    let flow = world.active("Main", &with_hours).await;
    let in_use = CalendarRefused::InUse("Main".to_owned());
    assert_eq!(world.refused(DeleteCalendar { calendar: calendar.id }).await, in_use);
    let moved = UpdateCalendar {
        calendar: calendar.id,
        name: Some("Elsewhere".to_owned()),
        hours: None,
        expected_version: None,
    };
    assert_eq!(world.refused(moved.clone()).await, in_use);
    let closed = json!({"timezone": "UTC"});
    world.run(UpdateCalendar { name: None, hours: Some(closed), ..moved }).await;

    world.run(save(flow.id, &hangs_up())).await;
    world.run(activate(flow.id)).await;
    world.run(DeleteCalendar { calendar: calendar.id }).await;
    let back = world.refused(ActivateFlow { number: Some(1), ..activate(flow.id) }).await;
    assert!(
        matches!(&back, FlowRefused::Invalid(problems) if problems[0].code.as_str() == "unknown_calendar"),
        "{back}"
    );
}

#[tokio::test]
async fn hours_that_are_none_are_refused() {
    let world = World::new().await;
    for hours in [
        json!(null),
        json!({}),
        json!({"timezone": "Mars/Olympus"}),
        json!({"timezone": "UTC", "weekly": {"someday": []}}),
        json!({"timezone": "UTC", "weekly": {"monday": [{"from": "9", "to": "17:00"}]}}),
        json!({"timezone": "UTC", "holidays": [{"date": "13-01"}]}),
        json!({"timezone": "UTC", "extra": 1}),
    ] {
        let refused = world.refused(CreateCalendar { name: "x".to_owned(), hours: hours.clone() }).await;
        assert!(matches!(refused, CalendarRefused::BadHours(_)), "{hours}: {refused}");
    }
    let hours = json!({"timezone": "UTC"});
    world.run(CreateCalendar { name: "x".to_owned(), hours: hours.clone() }).await;
    let again = CreateCalendar { name: " x ".to_owned(), hours: hours.clone() };
    assert_eq!(world.refused(again).await, CalendarRefused::NameTaken);
    assert_eq!(world.refused(CreateCalendar { name: " ".to_owned(), hours }).await, CalendarRefused::BadName);
}

#[tokio::test]
async fn a_flow_that_others_go_through_is_neither_renamed_nor_broken_nor_removed() {
    let world = World::new().await;
    let inner = world.active("Inner", &hangs_up()).await;
    let with_parameter = |name: &str| {
        let mut document = hangs_up();
        document["variables"] = json!({name: {"type": "text", "parameter": true}});
        document
    };
    world.run(save(inner.id, &with_parameter("topic"))).await;
    world.run(activate(inner.id)).await;
    let mut through = goes_through("Inner");
    through["nodes"]["a"]["with"] = json!({"topic": "'sales'"});
    let outer = world.active("Outer", &through).await;

    let in_use = FlowRefused::InUse("Outer".to_owned());
    assert_eq!(world.refused(rename(inner.id, "Renamed")).await, in_use);
    assert_eq!(world.refused(DeleteFlow { flow: inner.id, expected_version: None }).await, in_use);
    assert_eq!(world.refused(DeactivateFlow { flow: inner.id, expected_version: None }).await, in_use);
    let breaks = FlowRefused::Breaks("Outer".to_owned());
    assert_eq!(world.refused(ActivateFlow { number: Some(1), ..activate(inner.id) }).await, breaks);
    world.run(save(inner.id, &with_parameter("reason"))).await;
    assert_eq!(world.refused(activate(inner.id)).await, breaks);
    // Neither can they go round in a circle.
    world.run(save(inner.id, &goes_through("Outer"))).await;
    let circle = world.refused(activate(inner.id)).await;
    assert!(
        matches!(&circle, FlowRefused::Invalid(problems) if problems[0].code.as_str() == "recursive_flow"),
        "{circle}"
    );

    world.run(DeactivateFlow { flow: outer.id, expected_version: None }).await;
    world.run(rename(inner.id, "Renamed")).await;
    let lost = world.refused(activate(outer.id)).await;
    assert!(matches!(&lost, FlowRefused::Invalid(problems) if problems[0].code.as_str() == "unknown_flow"), "{lost}");
    world.run(DeleteFlow { flow: inner.id, expected_version: None }).await;
    assert_eq!(world.refused(DeleteFlow { flow: inner.id, expected_version: None }).await, FlowRefused::NotFound);
}

#[tokio::test]
async fn a_route_leads_to_an_active_flow_of_the_company_and_keeps_it_there() {
    let world = World::new().await;
    let flow = world.flow("Main", &hangs_up()).await;
    let to = |flow| CreateInboundRoute { number: "+12025550123".to_owned(), target: InboundTarget::Flow(flow) };
    assert_eq!(world.refused(to(flow.id)).await, InboundRefused::NoActiveFlow);
    assert_eq!(world.refused(to(world.engine.ids().id(world.engine.now()))).await, InboundRefused::NoActiveFlow);
    world.run(activate(flow.id)).await;
    let route = world.run(to(flow.id)).await;
    assert_eq!(world.refused(DeleteFlow { flow: flow.id, expected_version: None }).await, FlowRefused::Routed);
    let off = DeactivateFlow { flow: flow.id, expected_version: None };
    assert_eq!(world.refused(off).await, FlowRefused::Routed);
    let other = world.flow("Other", &hangs_up()).await;
    let elsewhere = UpdateInboundRoute {
        route: route.id,
        number: None,
        target: Some(InboundTarget::Flow(other.id)),
        expected_version: None,
    };
    assert_eq!(world.refused(elsewhere).await, InboundRefused::NoActiveFlow);
    world.run(DeleteInboundRoute { route: route.id }).await;
    world.run(DeleteFlow { flow: flow.id, expected_version: None }).await;
}

#[tokio::test]
async fn queues_are_named_by_name_or_id() {
    let world = World::new().await;
    let settings = QueueSettings::new("Sales", Vec::new());
    let queue: QueueId = world.run(CreateQueue { settings: settings.clone() }).await.id;
    for (name, word) in [("By name", "Sales".to_owned()), ("By id", queue.to_string())] {
        let document = json!({"version": 1, "start": "a", "nodes": {
            "a": {"type": "queue", "queue": word, "onTimeout": "b", "onFail": "b"}, "b": {"type": "hangup"},
        }});
        let flow = world.active(name, &document).await;
        let mut tx = world.engine.read(&world.admin).await.unwrap();
        assert_eq!(tx.flow_version(flow.id, 1).await.unwrap().unwrap().uses.queues, [word]);
        drop(tx);
        let in_flow = QueueRefused::InFlow(name.to_owned());
        assert_eq!(world.refused(DeleteQueue { queue }).await, in_flow);
        let renamed = QueueSettings { name: "Other".to_owned(), ..settings.clone() };
        let rename = |settings| UpdateQueue { queue, settings, expected_version: None };
        if name == "By name" {
            assert_eq!(world.refused(rename(renamed)).await, in_flow);
        } else {
            world.run(rename(renamed)).await;
            world.run(rename(settings.clone())).await;
        }
        world.run(DeactivateFlow { flow: flow.id, expected_version: None }).await;
    }
    world.run(DeleteQueue { queue }).await;
}

#[tokio::test]
async fn names_notes_and_documents_have_limits_and_agents_change_nothing() {
    let world = World::new().await;
    let create = |name: &str| CreateFlow { name: name.to_owned(), document: None };
    world.run(create("Main")).await;
    assert_eq!(world.refused(create(" Main")).await, FlowRefused::NameTaken);
    for name in ["", "  ", "a\nb", &"x".repeat(101)] {
        assert_eq!(world.refused(create(name)).await, FlowRefused::BadName, "{name:?}");
    }
    let document = Some(" ".repeat(DOCUMENT_BYTES_MAX + 1));
    assert_eq!(world.refused(CreateFlow { document, ..create("Long") }).await, FlowRefused::TooLong);
    let flow = world.flow("Noted", &hangs_up()).await;
    let note = Some("x".repeat(NOTE_MAX + 1));
    assert_eq!(world.refused(ActivateFlow { note, ..activate(flow.id) }).await, FlowRefused::BadNote);

    let agent = world.user("Ann", "ann@example.com", Role::Agent).await;
    let agent = world.as_user(&agent);
    let manager = world.user("Mia", "mia@example.com", Role::Manager).await;
    let manager = world.as_user(&manager);
    assert!(matches!(world.engine.execute(&agent, &create("x")).await, Err(Failure::Denied(_))));
    assert!(matches!(world.engine.execute(&agent, &activate(flow.id)).await, Err(Failure::Denied(_))));
    world.engine.execute(&manager, &activate(flow.id)).await.unwrap();
}

#[tokio::test]
async fn a_company_has_so_many_flows_calendars_and_prompts_and_no_more() {
    let world = World::new().await;
    let now = world.engine.now();
    let company = world.company.id;
    let store = world.engine.store();
    let mut tx = store.begin(Actor::system_for(company).scope(), Access::Write).await.unwrap();
    for n in 0..FLOWS_MAX {
        let (id, name) = (world.engine.ids().id(now), format!("flow {n}"));
        let flow = Flow { id, company, name, active: None, published: 0, version: 1, created_at: now, updated_at: now };
        tx.insert_flow(&flow).await.unwrap();
    }
    for n in 0..CALENDARS_MAX {
        let (id, name, hours) = (world.engine.ids().id(now), format!("calendar {n}"), json!({"timezone": "UTC"}));
        let calendar = Calendar { id, company, name, hours, version: 1, created_at: now, updated_at: now };
        tx.insert_calendar(&calendar).await.unwrap();
    }
    for n in 0..PROMPTS_MAX {
        let new = NewPrompt { id: world.engine.ids().id(now), name: format!("prompt {n}"), ..prompt(1, "", "en").new };
        tx.insert_prompt(&Prompt::read(company, &new, now).unwrap()).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(world.refused(CreateFlow { name: "x".to_owned(), document: None }).await, FlowRefused::TooMany);
    let hours = json!({"timezone": "UTC"});
    let calendar = CreateCalendar { name: "x".to_owned(), hours };
    assert_eq!(world.refused(calendar).await, CalendarRefused::TooMany);
    assert_eq!(world.refused(prompt(2, "x", "en")).await, PromptRefused::TooMany);
}

fn prompt(id: u64, name: &str, language: &str) -> AddPrompt {
    let new = NewPrompt {
        id: (&SeededIds::new(id) as &dyn IdSource).id(crate::world::start()),
        name: name.to_owned(),
        language: language.to_owned(),
        file_name: "C:\\welcome\u{7}.wav".to_owned(),
        media_type: "audio/wav".to_owned(),
        length_ms: 1_000,
        bytes: 32_044,
        sha256: "00".repeat(32),
    };
    AddPrompt { new }
}

#[tokio::test]
async fn a_prompt_that_an_active_flow_plays_stays() {
    let world = World::new().await;
    let added = world.run(prompt(1, "welcome", "EN")).await;
    assert_eq!((added.language.as_str(), added.file_name.as_str()), ("en", "C:\\welcome.wav"));
    assert_eq!(world.refused(prompt(2, "welcome", "en")).await, PromptRefused::NameTaken);
    assert_eq!(world.refused(prompt(2, "", "en")).await, PromptRefused::BadName);
    assert_eq!(world.refused(prompt(2, "x", "english!")).await, PromptRefused::BadLanguage);
    let german = world.run(prompt(2, "welcome", "de")).await;
    let mut document = json!({"version": 1, "start": "a", "prompts": {"hello": {"*": [{"audio": "welcome"}]}}, "nodes": {
        "a": {"type": "play", "prompt": "hello", "next": "b", "onFail": "b"}, "b": {"type": "hangup"},
    }});
    let flow = world.active("Main", &document).await;
    let in_use = PromptRefused::InUse("Main".to_owned());
    assert_eq!(world.refused(DeletePrompt { prompt: german.id }).await, in_use);
    world.run(DeactivateFlow { flow: flow.id, expected_version: None }).await;
    for prompt in [german.id, added.id] {
        world.run(DeletePrompt { prompt }).await;
        assert_eq!(world.refused(DeletePrompt { prompt }).await, PromptRefused::NotFound);
    }
    document["description"] = json!("again");
    world.run(save(flow.id, &document)).await;
    let lost = world.refused(activate(flow.id)).await;
    assert!(matches!(&lost, FlowRefused::Invalid(problems) if problems[0].code.as_str() == "unknown_audio"), "{lost}");
}

#[tokio::test]
async fn what_a_call_leaves_in_a_flow_is_kept_once_and_goes_with_it() {
    let world = World::new().await;
    let flow = world.active("Main", &hangs_up()).await;
    let at = world.engine.now();
    let trace = |steps, ended: &str| Left::Trace { flow: flow.id, version: 1, steps, ended: ended.to_owned(), at };
    let id: VoicemailId = world.engine.ids().id(at);
    let voicemail = |mailbox: &str| Left::Voicemail {
        id,
        flow: Some(flow.id),
        mailbox: mailbox.to_owned(),
        from: "+12025550100".into(),
        length_ms: 4_000,
        bytes: 64_044,
        at,
    };
    let steps = json!([{"node": "bye", "event": "entered"}]);
    let call = world.call(vec![trace(steps.clone(), "hangup"), voicemail("sales")]).await;
    // A second time changes nothing.
    world.report(call, None, vec![trace(json!([]), "another"), voicemail("another")]).await;
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    let kept = tx.flow_trace(call).await.unwrap().unwrap();
    assert_eq!((kept.steps, kept.ended.as_str(), kept.number), (steps, "hangup", 1));
    let left = tx.voicemails_of(&[call]).await.unwrap();
    assert_eq!((left.len(), left[0].mailbox.as_str(), left[0].created_at), (1, "sales", at));
    drop(tx);
    // Of a trace beyond the limit it is kept how it ended.
    let long = world.call(vec![trace(json!(["x".repeat(TRACE_BYTES_MAX)]), "fault: steps")]).await;
    let kept = world.engine.read(&world.admin).await.unwrap().flow_trace(long).await.unwrap().unwrap();
    assert_eq!((kept.steps, kept.ended.as_str()), (json!([]), "fault: steps"));

    world.pass(60);
    let heard = world.run(HearVoicemail { voicemail: id, heard: true, expected_version: Some(1) }).await;
    assert_eq!((heard.heard_at, heard.heard_by), (Some(world.engine.now()), world.admin.user_id()));
    world.pass(60);
    let again = world.run(HearVoicemail { voicemail: id, heard: true, expected_version: None }).await;
    assert_eq!(again, heard, "who heard it first stays");
    let stale = HearVoicemail { voicemail: id, heard: false, expected_version: Some(1) };
    assert_eq!(world.refused(stale).await, VoicemailRefused::Stale);
    let anew = world.run(HearVoicemail { expected_version: None, ..stale }).await;
    assert_eq!((anew.heard_at, anew.heard_by), (None, None));

    world.run(DeleteFlow { flow: flow.id, expected_version: None }).await;
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    assert_eq!(tx.flow_trace(call).await.unwrap().map(|trace| trace.ended).as_deref(), Some("hangup"));
    drop(tx);
    world.run(DeleteCall { call, expected_version: None }).await;
    let mut tx = world.engine.read(&world.admin).await.unwrap();
    assert_eq!(tx.flow_trace(call).await.unwrap(), None);
    drop(tx);
    assert_eq!(world.refused(DeleteVoicemail { voicemail: id }).await, VoicemailRefused::NotFound);
}
