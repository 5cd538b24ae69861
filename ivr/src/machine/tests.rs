//! The rules of keys and of each node, by whole calls.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::check::Surroundings;
use crate::flow::Flow;
use crate::simulate::{Given, Simulation, simulate};

/// A flow of these nodes, beginning with `a`, with prompts and variables to use, and `bye` to end in.
fn program(nodes: Json) -> Arc<Program> {
    let mut document = json!({
        "version": 1, "start": "a", "languages": ["en", "de"], "onError": "oops",
        "variables": {"x": {}, "y": {"initial": 0}, "pin": {"secret": true}},
        "prompts": {"ask": {"en": "Ask", "de": "Frage"}, "wrong": {"*": "Wrong"}, "late": {"*": "Late"}, "wait": {"*": "Wait"}},
        "nodes": {"bye": {"type": "hangup"}, "oops": {"type": "hangup", "cause": "failure"}, "ok": {"type": "hangup"}, "spare": {"type": "say",
            "text": "{{ x }} {{ y }} {{ pin == null }}", "next": "bye"}}
    });
    document["nodes"].as_object_mut().unwrap().extend(nodes.as_object().unwrap().clone());
    let flow = Flow::from_json(document).unwrap();
    Arc::new(Program::compile("test", &flow, &Surroundings::default()).unwrap())
}

fn run(nodes: Json, script: Json) -> Simulation {
    let simulation = simulate(program(nodes), &Given::default(), serde_json::from_value(script).unwrap());
    assert_eq!(simulation.unused, Vec::<usize>::new(), "{simulation:#?}");
    simulation
}

fn menu(more: Json) -> Json {
    let mut menu = json!({"type": "menu", "prompt": "ask", "entries": {"1": "ok", "2": "spare"}, "invalidPrompt": "wrong", "timeoutPrompt": "late",
        "retries": 1, "onInvalid": "bye", "onTimeout": "bye"});
    menu.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    menu
}

#[test]
fn a_key_during_an_interruptible_prompt_ends_it_and_counts() {
    let call = run(json!({"a": menu(json!({}))}), json!([{"digit": "1"}]));
    assert_eq!(call.path, ["a", "ok"]);
    assert_eq!(call.ended_ms, 0);
}

#[test]
fn a_key_during_a_prompt_that_cannot_be_interrupted_is_dropped() {
    let nodes = || json!({"a": {"type": "say", "text": "Listen to this", "bargeIn": false, "next": "b"}, "b": menu(json!({"bargeIn": false}))});
    let call = run(nodes(), json!([{"early": "1"}, {"silence": 1.0}, {"early": "1"}]));
    assert_eq!(call.path, ["a", "b", "bye"]);
    assert_eq!(call.trace.iter().filter(|step| step.event == "note").count(), 2);
    let call = run(nodes(), json!([{"early": "2"}, {"digit": "1"}]));
    assert_eq!(call.path, ["a", "b", "ok"]);
}

#[test]
fn keys_typed_ahead_are_taken_by_the_menus_that_follow_and_their_prompts_are_skipped() {
    let nodes = json!({
        "a": {"type": "say", "text": "Welcome", "next": "hook"},
        "hook": {"type": "webhook", "url": "https://x.example/", "next": "b", "onFail": "bye"},
        "b": menu(json!({"entries": {"2": "c"}})), "c": menu(json!({}))
    });
    let call = run(nodes, json!([{"early": "2"}, {"early": "1"}, {"webhook": {}}]));
    assert_eq!(call.path, ["a", "hook", "b", "c", "ok"]);
    assert_eq!(call.heard, ["Welcome"]);
}

#[test]
fn what_was_typed_ahead_is_dropped_when_a_menu_asks_again() {
    let nodes = json!({"a": {"type": "webhook", "url": "https://x.example/", "next": "b", "onFail": "bye"}, "b": menu(json!({}))});
    let call = run(nodes, json!([{"early": "7"}, {"early": "1"}, {"webhook": {}}, {"silence": 30}]));
    assert_eq!(call.path, ["a", "b", "bye"]);
    assert_eq!(call.heard, ["Wrong", "Ask"]);
}

#[test]
fn a_menu_repeats_itself_as_often_as_it_says_and_leaves_by_the_last_mistake() {
    let call = run(json!({"a": menu(json!({"onTimeout": "ok", "retries": 2}))}), json!([{"digit": "9"}]));
    assert_eq!(call.heard, ["Ask", "Wrong", "Ask", "Late", "Ask"]);
    assert_eq!(call.path, ["a", "ok"]);
}

#[test]
fn an_entry_that_begins_like_another_waits_for_the_next_key() {
    let entries = json!({"entries": {"1": "ok", "12": "spare"}, "into": "x"});
    assert_eq!(run(json!({"a": menu(entries.clone())}), json!([{"digits": "12"}])).heard, ["Ask", "12 0 true"]);
    let call = run(json!({"a": menu(entries)}), json!([{"digit": "1"}]));
    assert_eq!((call.path, call.ended_ms), (vec!["a".to_owned(), "ok".to_owned()], 2_000));
}

fn collect(more: Json) -> Json {
    let mut node = json!({"type": "collect", "prompt": "ask", "into": "x", "min": 2, "max": 4, "retries": 1, "invalidPrompt": "wrong", "timeoutPrompt": "late",
        "next": "spare", "onInvalid": "ok", "onTimeout": "bye"});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"a": node})
}

#[test]
fn digits_end_by_their_number_the_terminator_or_a_pause() {
    assert_eq!(run(collect(json!({})), json!([{"digits": "1234"}])).variables["x"], "1234".into());
    assert_eq!(run(collect(json!({})), json!([{"digits": "12#"}])).variables["x"], "12".into());
    assert_eq!(run(collect(json!({})), json!([{"digits": "123"}, {"silence": 4}])).variables["x"], "123".into());
    assert_eq!(run(collect(json!({"terminator": "none"})), json!([{"digits": "12#*"}])).variables["x"], "12#*".into());
}

#[test]
fn too_few_digits_are_asked_for_again_and_none_is_a_timeout() {
    let call = run(collect(json!({})), json!([{"digits": "1#"}, {"digits": "1#"}]));
    assert_eq!((call.heard.join(","), call.path.join(",")), ("Ask,Wrong,Ask".to_owned(), "a,ok".to_owned()));
    let call = run(collect(json!({})), json!([]));
    assert_eq!((call.heard.join(","), call.path.join(",")), ("Ask,Late,Ask".to_owned(), "a,bye".to_owned()));
    let call = run(collect(json!({"min": 0})), json!([{"digit": "#"}]));
    assert_eq!((call.variables["x"].clone(), call.path.join(",")), ("".into(), "a,spare,bye".to_owned()));
}

#[test]
fn digits_that_do_not_meet_their_condition_are_invalid() {
    let call = run(collect(json!({"valid": "x.startsWith('7')"})), json!([{"digits": "12#"}, {"digits": "71#"}]));
    assert_eq!((call.heard[1].as_str(), call.variables["x"].clone()), ("Wrong", "71".into()));
}

#[test]
fn secrets_are_seen_neither_in_the_trace_nor_in_variables() {
    let call = run(collect(json!({"into": "pin", "mask": true})), json!([{"digits": "4711"}]));
    assert_eq!(call.variables["pin"], Value::Null);
    let keys: String =
        call.trace.iter().filter(|step| step.event == "key").filter_map(|step| step.detail.clone()).collect();
    assert_eq!(keys, "••••");
    assert_eq!(call.heard, ["Ask", " 0 false"]);
}

#[test]
fn more_than_was_asked_for_of_a_secret_is_dropped_unseen() {
    let mut nodes = collect(json!({"into": "pin", "mask": true, "next": "b"}));
    nodes["b"] = menu(json!({"into": "x"}));
    let call = run(nodes, json!([{"early": "98765432"}, {"silence": 2}, {"digit": "2"}]));
    assert_eq!((call.path[1].as_str(), call.variables["x"].clone()), ("b", "2".into()));
    let keys: String =
        call.trace.iter().filter(|step| step.event == "key").filter_map(|step| step.detail.clone()).collect();
    assert_eq!(keys, format!("{}2", "\u{2022}".repeat(8)));
}

#[test]
fn a_telephone_number_is_read_back_until_it_is_confirmed() {
    let node = json!({"a": {"type": "collectPhone", "prompt": "ask", "into": "x", "countryCode": "+49", "offerCaller": true, "confirmPrompt": "wait",
        "next": "spare", "onInvalid": "ok", "onTimeout": "bye"}});
    let call = run(node.clone(), json!([{"digit": "1"}]));
    assert_eq!(call.variables["x"], "+12025550199".into());
    let call = run(node.clone(), json!([{"digit": "2"}, {"digits": "0301234567#"}, {"digit": "1"}]));
    assert_eq!(call.variables["x"], "+49301234567".into());
    assert_eq!(call.heard[..5], ["+ 1 2 0 2 5 5 5 0 1 9 9", "Wait", "Ask", "+ 4 9 3 0 1 2 3 4 5 6 7", "Wait"]);
    let call = run(node, json!([{"digit": "2"}, {"digits": "03*#"}, {"digits": "12#"}]));
    assert_eq!(call.path, ["a", "ok"]);
}

#[test]
fn the_language_changes_what_is_heard_and_an_unknown_one_changes_nothing() {
    let nodes = |to: &str| json!({"a": {"type": "language", "to": to, "next": "b"}, "b": {"type": "play", "prompt": "ask", "next": "bye"}});
    assert_eq!(run(nodes("DE"), json!([])).heard, ["Frage"]);
    assert_eq!(run(nodes("fr"), json!([])).heard, ["Ask"]);
}

#[test]
fn conditions_that_cannot_be_computed_are_not_true_and_values_that_cannot_are_null() {
    let call = run(
        json!({
            "a": {"type": "set", "values": {"x": "1 / 0", "y": "y + 5"}, "next": "b"},
            "b": {"type": "condition", "cases": [{"when": "x > 3", "next": "bye"}, {"when": "y == 5 && x == null", "next": "ok"}], "otherwise": "bye"}
        }),
        json!([]),
    );
    assert_eq!(call.path, ["a", "b", "ok"]);
    let failed: Vec<_> =
        call.trace.iter().filter(|step| step.event == "failed").filter_map(|step| step.detail.clone()).collect();
    assert_eq!(failed, ["column 3: divided by zero", "column 3: null and a number cannot be compared"]);
}

fn hook(more: Json) -> Json {
    let mut node = json!({"type": "webhook", "url": "https://x.example/{{ caller.number }}", "waitPrompt": "wait", "next": "spare", "onFail": "bye"});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"a": node})
}

#[test]
fn a_webhook_is_asked_with_its_values_and_its_answer_is_saved() {
    let call = run(
        hook(
            json!({"body": {"who": "{{ caller.number }}", "n": "{{ y + 1 }}", "list": ["a {{ y }}", true]}, "headers": {"X-Call": "{{ call.id }}\r\nEvil: 1"},
            "save": {"x": "/name", "y": "/missing"}}),
        ),
        json!([{"webhook": {"status": 201, "body": {"name": "Ada"}}}]),
    );
    let asked = &call.requests[0];
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "https://x.example/%2B12025550199"));
    assert_eq!(asked.body, Some(json!({"who": "+12025550199", "n": 1, "list": ["a 0", true]})));
    assert_eq!(asked.headers["X-Call"], "simulated  Evil: 1");
    assert_eq!(call.variables["x"], "Ada".into());
    assert_eq!(call.heard, ["Wait", "Ada  true"]);
}

#[test]
fn a_webhook_without_a_body_tells_the_call_and_its_variables_but_no_secret() {
    let call = run(hook(json!({})), json!([{"webhook": {}}]));
    let body = call.requests[0].body.clone().unwrap();
    assert_eq!(body["variables"], json!({"x": null, "y": 0}));
    assert_eq!(body["call"]["caller"], "+12025550199");
}

#[test]
fn a_webhook_is_repeated_after_what_may_pass_and_not_after_what_will_not() {
    let repeated = hook(json!({"retries": 2, "onStatus": {"404": "ok", "4xx": "bye"}}));
    let call = run(
        repeated.clone(),
        json!([{"webhook": {"status": 503}}, {"webhook": {"failure": "timeout"}}, {"webhook": {}}]),
    );
    assert_eq!((call.requests.len(), call.path[1].as_str()), (3, "spare"));
    let call = run(repeated.clone(), json!([{"webhook": {"status": 404}}]));
    assert_eq!((call.requests.len(), call.path[1].as_str()), (1, "ok"));
    let call = run(repeated.clone(), json!([{"webhook": {"status": 403}}]));
    assert_eq!(call.path[1], "bye");
    let call = run(repeated, json!([{"webhook": {"failure": "forbidden"}}]));
    assert_eq!((call.requests.len(), call.path[1].as_str()), (1, "bye"));
}

#[test]
fn a_webhook_that_hangs_fails_by_its_own_timeout_while_the_wait_prompt_repeats() {
    let call = run(hook(json!({"timeoutMs": 2000})), json!([]));
    assert_eq!((call.path[1].as_str(), call.ended_ms, call.heard.len()), ("bye", 3_000, 1));
}

#[test]
fn an_answer_that_is_html_too_large_or_no_action_leads_to_failure_and_changes_nothing() {
    let saving = hook(json!({"save": {"x": "/name"}, "actions": true, "targets": ["ok"]}));
    for body in [
        json!("<html>"),
        json!("x".repeat(ANSWER_MAX + 1)),
        json!({"name": {"an": "object"}}),
        json!({"name": "Ada", "actions": [{"explode": {}}]}),
        json!({"name": "Ada", "actions": [{"goto": "spare"}]}),
        json!({"name": "Ada", "actions": [{"set": {"nobody": 1}}]}),
        json!({"name": "Ada", "actions": [{"play": "none"}]}),
        json!({"name": "Ada", "actions": vec![json!({"hangup": {}}); 33]}),
        json!({"name": "x".repeat(5_000)}),
    ] {
        let call = run(saving.clone(), json!([{"webhook": {"body": body}}]));
        assert_eq!((call.path[1].as_str(), call.variables["x"].clone()), ("bye", Value::Null), "{:?}", call.trace);
    }
}

#[test]
fn actions_are_carried_out_in_order() {
    let acting = hook(json!({"actions": true, "targets": ["ok"]}));
    let actions = json!([{"set": {"y": 7}}, {"language": "de"}, {"say": "Hi"}, {"play": "ask"}, {"goto": "ok"}, {"say": "never"}]);
    let call = run(acting.clone(), json!([{"webhook": {"body": {"actions": actions}}}]));
    assert_eq!((call.heard.join(","), call.path.join(",")), ("Wait,Hi,Frage".to_owned(), "a,ok".to_owned()));
    assert_eq!(call.variables["y"], 7.into());
    let call = run(acting, json!([{"webhook": {"body": {"actions": [{"say": "Bye"}, {"hangup": {}}]}}}]));
    assert_eq!((call.path.len(), call.ended.as_str()), (1, "hangup"));
}

fn queue(more: Json) -> Json {
    let mut node = json!({"type": "queue", "queue": "Sales", "maxWaitSeconds": 60, "leaveKey": "*", "wait": [{"play": "wait"}, {"pause": 10000},
        {"offerCallback": {"prompt": "ask", "key": "1"}}, {"pause": 5000}], "onTimeout": "bye", "onLeave": "ok", "onCallback": "spare", "onFail": "oops"});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"a": node})
}

#[test]
fn waiting_in_a_queue_repeats_its_steps_until_time_is_up() {
    let call = run(queue(json!({})), json!([]));
    assert_eq!(call.path, ["a", "bye"]);
    assert_eq!(call.heard[..4], ["Wait", "Ask", "Wait", "Ask"]);
    assert_eq!(call.ended_ms, 60_000);
}

#[test]
fn a_waiting_caller_leaves_by_the_key_and_is_called_back_only_after_the_offer() {
    assert_eq!(run(queue(json!({})), json!([{"digit": "*"}])).path, ["a", "ok"]);
    let call = run(queue(json!({})), json!([{"digit": "1"}, {"silence": 12}, {"digit": "1"}]));
    assert_eq!(call.path[..2], ["a", "spare"]);
    assert_eq!(call.trace.iter().filter(|step| step.event == "note").count(), 1);
}

#[test]
fn an_agent_who_answers_ends_the_wait_and_afterwards_the_call_goes_on_or_ends() {
    let call =
        run(queue(json!({})), json!([{"silence": 3}, {"queue": "connected"}, {"silence": 20_000}, {"queue": "ended"}]));
    assert_eq!((call.ended.as_str(), call.path.len()), ("completed", 1));
    let call =
        run(queue(json!({"next": "spare"})), json!([{"queue": "connected"}, {"silence": 20_000}, {"queue": "ended"}]));
    assert_eq!(call.path, ["a", "spare", "bye"]);
    assert_eq!(run(queue(json!({})), json!([{"queue": "refused"}])).path, ["a", "oops"]);
    assert_eq!(run(queue(json!({})), json!([{"queue": "timedOut"}])).path, ["a", "bye"]);
}

#[test]
fn an_agent_who_answers_while_the_caller_leaves_wins() {
    let program = program(queue(json!({})));
    let call = CallInfo {
        id: "c".into(),
        caller: "".into(),
        caller_name: "".into(),
        called: "".into(),
        began: Default::default(),
        timezone: Tz::UTC,
    };
    let mut machine = Machine::new(program, call, 1);
    machine.handle(Duration::ZERO, Input::Begin).unwrap();
    machine.handle(Duration::from_secs(1), Input::Key('*')).unwrap();
    let commands: Vec<_> = std::iter::from_fn(|| machine.poll_command()).collect();
    assert_eq!(commands.last(), Some(&Command::Dequeue));
    machine.handle(Duration::from_secs(1), Input::Queue(QueueEvent::Connected)).unwrap();
    machine.handle(Duration::from_secs(1), Input::Queue(QueueEvent::Left)).unwrap();
    assert_eq!((machine.poll_timeout(), machine.poll_command()), (None, None));
    assert_eq!(machine.node(), "a");
}

#[test]
fn somebody_called_who_does_not_answer_leads_on_by_the_reason() {
    let node = json!({"a": {"type": "dial", "to": {"number": "+49{{ y }}"}, "onBusy": "ok", "onNoAnswer": "spare", "onFail": "bye", "next": "ok"}});
    assert_eq!(run(node.clone(), json!([{"dial": "busy"}])).path, ["a", "ok"]);
    assert_eq!(run(node.clone(), json!([])).path, ["a", "spare", "bye"]);
    assert_eq!(run(node.clone(), json!([{"dial": "failed"}])).path, ["a", "bye"]);
    let call = run(node, json!([{"dial": "connected"}, {"silence": 100}, {"dial": "ended"}]));
    assert_eq!((call.path.join(","), call.actions.join(",")), ("a,ok".to_owned(), "dial +490".to_owned()));
}

#[test]
fn a_message_is_taken_after_greeting_and_beep() {
    let node =
        json!({"a": {"type": "voicemail", "mailbox": "Box", "greeting": "ask", "onEmpty": "ok", "onFail": "oops"}});
    let call = run(node.clone(), json!([{"record": 4.5}]));
    assert_eq!(
        (call.heard.join(","), call.ended.as_str(), call.actions.join(",")),
        ("Ask,[beep]".to_owned(), "message", "record Box".to_owned())
    );
    assert_eq!(run(node.clone(), json!([{"record": 0.2}])).path, ["a", "ok"]);
    assert_eq!(run(node.clone(), json!([{"record": null}])).path, ["a", "oops"]);
    assert_eq!(run(node.clone(), json!([{"silence": 1}, {"digit": "#"}])).ended, "message");
    assert_eq!(run(node, json!([{"silence": 2}, {"hangup": true}])).ended, "caller");
}

#[test]
fn a_prompt_that_cannot_be_played_leads_to_the_branch_for_failures_and_else_to_the_flows() {
    let nodes = json!({"a": {"type": "play", "prompt": "ask", "next": "b", "onFail": "b"}, "b": {"type": "play", "prompt": "ask", "next": "bye"}});
    let call = run(nodes, json!([{"playFails": true}, {"playFails": true}]));
    assert_eq!(call.path, ["a", "b", "oops"]);
    let reasons: Vec<_> = call.trace.iter().filter(|step| step.event == "failed").map(|step| &step.detail).collect();
    assert_eq!(reasons, vec![&Some("the text could not be spoken".to_owned()); 2]);
}

#[test]
fn a_subflow_takes_parameters_and_gives_back() {
    let sub = Flow::from_json(
        json!({"version": 1, "start": "s", "variables": {"n": {"parameter": true}, "r": {}}, "nodes": {
        "s": {"type": "set", "values": {"r": "n * 2"}, "next": "e"}, "e": {"type": "return"}}}),
    )
    .unwrap();
    let flow = Flow::from_json(
        json!({"version": 1, "start": "a", "variables": {"n": {"initial": 4}, "out": {}}, "onError": "c", "nodes": {
        "a": {"type": "subflow", "flow": "double", "with": {"n": "n + 1"}, "returns": {"out": "r"}, "next": "b"},
        "b": {"type": "say", "text": "{{ out }}", "next": "c"}, "c": {"type": "return"}}}),
    )
    .unwrap();
    let around = Surroundings {
        flows: Some(std::borrow::Cow::Owned([("double".to_owned(), sub)].into())),
        ..Surroundings::default()
    };
    let call = simulate(Arc::new(Program::compile("main", &flow, &around).unwrap()), &Given::default(), Vec::new());
    assert_eq!(
        (call.path.join(","), call.heard.join(","), call.ended.as_str()),
        ("a,s,e,b,c".to_owned(), "10".to_owned(), "hangup")
    );
    assert_eq!(call.trace[1].flow.as_deref(), Some("double"));
}

#[test]
fn shares_are_kept_by_chance() {
    let program = program(
        json!({"a": {"type": "split", "branches": [{"percent": 30, "next": "ok"}, {"percent": 70, "next": "bye"}]}}),
    );
    let ok = (0..10_000).filter(|seed| {
        simulate(program.clone(), &Given { seed: *seed, ..Given::default() }, Vec::new()).path[1] == "ok"
    });
    let ok = ok.count();
    assert!((2_800..3_200).contains(&ok), "{ok}");
}

#[test]
fn a_call_that_stays_too_long_is_ended_but_talking_does_not_count() {
    let silent = json!({"a": menu(json!({"onTimeout": "a", "onInvalid": "a", "retries": 0}))});
    let call = run(silent, json!([]));
    assert_eq!((call.ended.as_str(), call.ended_ms), ("fault: too long in the flow", 7_200_000));
    let talking = queue(json!({"next": "spare"}));
    let call = run(talking, json!([{"queue": "connected"}, {"silence": 80_000}, {"queue": "ended"}]));
    assert_eq!(call.ended, "hangup");
}

#[test]
fn hanging_up_ends_the_call_in_every_node() {
    let nodes = [
        menu(json!({})),
        collect(json!({}))["a"].clone(),
        hook(json!({}))["a"].clone(),
        queue(json!({}))["a"].clone(),
        json!({"type": "say", "text": "x", "next": "bye"}),
        json!({"type": "hangup", "prompt": "ask"}),
        json!({"type": "dial", "to": {"agent": "a"}, "onFail": "bye"}),
        json!({"type": "voicemail", "mailbox": "b", "onFail": "bye"}),
        json!({"type": "callback", "queue": "q", "next": "bye", "onFail": "bye"}),
        json!({"type": "recordStart", "beep": true, "next": "bye"}),
        json!({"type": "collectPhone", "prompt": "ask", "into": "x", "next": "bye", "onInvalid": "bye", "onTimeout": "bye"}),
    ];
    for node in nodes {
        let call = run(json!({"a": node}), json!([{"hangup": true}]));
        assert_eq!((call.ended.as_str(), call.path.len()), ("caller", 1));
        assert_eq!(call.trace.last().unwrap().event, "finished");
    }
}

#[test]
fn a_terminator_out_of_habit_after_the_most_digits_is_dropped() {
    let nodes = || {
        json!({"a": {"type": "collect", "prompt": "ask", "into": "x", "max": 4, "next": "b", "onInvalid": "bye", "onTimeout": "bye"},
        "b": menu(json!({"retries": 0}))})
    };
    let call = run(nodes(), json!([{"digits": "1234#"}, {"silence": 1}, {"digit": "1"}]));
    assert_eq!((call.path.join(","), call.variables["x"].clone()), ("a,b,ok".to_owned(), "1234".into()));
    // Typed ahead, it does not keep the next prompt from being heard.
    let mut ahead = nodes();
    ahead["hook"] = ahead["a"].take();
    ahead["a"] = json!({"type": "webhook", "url": "https://x.example/", "next": "hook", "onFail": "bye"});
    let call = run(ahead, json!([{"early": "1234#"}, {"webhook": {}}, {"digit": "1"}]));
    assert_eq!((call.path.join(","), call.heard.join(",")), ("a,hook,b,ok".to_owned(), "Ask".to_owned()));
    // Much later, or after another key, it is a key like others.
    let call = run(nodes(), json!([{"digits": "1234"}, {"silence": 3.1}, {"digit": "#"}]));
    assert_eq!(call.path, ["a", "b", "bye"]);
    let call = run(nodes(), json!([{"digits": "1234##"}]));
    assert_eq!(call.path, ["a", "b", "bye"]);
}

#[test]
fn a_terminator_after_wrong_digits_does_not_cost_a_try() {
    let call = run(
        collect(json!({"valid": "x == '7777'", "retries": 1})),
        json!([{"digits": "1234#"}, {"silence": 1}, {"digits": "7777#"}]),
    );
    assert_eq!((call.variables["x"].clone(), call.heard[..3].join(",")), ("7777".into(), "Ask,Wrong,Ask".to_owned()));
}

#[test]
fn the_first_digit_of_a_secret_that_ends_a_prompt_is_not_in_the_trace() {
    let nodes = json!({"a": {"type": "say", "text": "Now your PIN.", "next": "pin"},
        "pin": {"type": "collect", "prompt": "ask", "into": "pin", "mask": true, "max": 4, "next": "bye", "onInvalid": "bye", "onTimeout": "bye"}});
    let call = run(nodes, json!([{"digits": "8765"}]));
    assert_eq!(call.path, ["a", "pin", "bye"]);
    let details: String = call.trace.into_iter().filter_map(|step| step.detail).collect();
    assert!(!details.contains(['8', '7', '6', '5']), "{details}");
}

#[test]
fn what_a_script_presses_that_is_no_key_finds_no_place() {
    let script = serde_json::from_value(json!([{"digit": "x"}, {"digit": "1"}])).unwrap();
    let call = simulate(program(json!({"a": menu(json!({}))})), &Given::default(), script);
    assert_eq!((call.unused, call.path.join(",")), (vec![0], "a,ok".to_owned()));
}

#[test]
fn no_time_of_a_script_is_too_long() {
    let nodes = json!({"a": {"type": "voicemail", "mailbox": "M", "next": "b", "onFail": "bye"},
        "b": {"type": "condition", "cases": [{"when": "now.year == 9999", "next": "ok"}], "otherwise": "bye"}});
    let given: Given = serde_json::from_value(json!({"at": "9999-12-31T12:00:00Z", "timezone": "Asia/Tokyo"})).unwrap();
    for seconds in [-1.0, 0.0, 5.0, 1e300, f64::NAN] {
        let script = vec![crate::simulate::Event::Silence(seconds), crate::simulate::Event::Record(Some(seconds))];
        assert!(matches!(simulate(program(nodes.clone()), &given, script).ended.as_str(), "hangup" | "message"));
    }
    let far = serde_json::from_value::<Given>(json!({"at": "+262142-12-31T23:59:59Z"})).unwrap_err();
    assert!(far.to_string().contains("is not in the years 1970 to 9999"), "{far}");
}
