//! One planted defect of every kind, and the flow it was planted in, which has none.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

fn sound() -> Value {
    json!({
        "version": 1,
        "start": "hours",
        "languages": ["en", "de"],
        "variables": {
            "pin": {"type": "text", "secret": true},
            "tries": {"type": "number", "initial": 0},
            "name": {"type": "text"},
            "answer": {}
        },
        "prompts": {
            "welcome": {"en": "Press 1", "de": "Druecken Sie die 1"},
            "beep": {"*": [{"beep": 200}, {"audio": "jingle"}]},
            "pin": {"en": "Your PIN", "de": "Ihre PIN"}
        },
        "calendars": {"own": {"timezone": "UTC"}},
        "onError": "bye",
        "nodes": {
            "hours": {"type": "hours", "calendar": "own", "open": "menu", "closed": "bye"},
            "menu": {"type": "menu", "prompt": "welcome", "entries": {"1": "pin", "2": "ask"}, "onInvalid": "bye", "onTimeout": "bye"},
            "pin": {"type": "collect", "prompt": "pin", "into": "pin", "mask": true, "max": 4, "next": "count", "onInvalid": "bye", "onTimeout": "bye"},
            "count": {"type": "set", "values": {"tries": "tries + 1"}, "next": "again"},
            "again": {"type": "condition", "cases": [{"when": "pin != '1234' && tries < 3", "next": "pin"}], "otherwise": "ask"},
            "ask": {"type": "webhook", "url": "https://crm.example/{{ caller.number }}", "body": {"pin": "{{ pin }}"}, "save": {"name": "/name", "answer": "/a"},
                    "waitPrompt": "beep", "next": "hello", "onFail": "bye"},
            "hello": {"type": "say", "text": {"en": "Hello {{ name }} {{ answer }}", "de": "Hallo {{ name }}"}, "next": "sales"},
            "sales": {"type": "queue", "queue": "Sales", "onTimeout": "bye", "onFail": "bye"},
            "bye": {"type": "hangup"}
        }
    })
}

fn around() -> Surroundings<'static> {
    let sub = Flow::read(
        r#"{"version": 1, "start": "a", "variables": {"in": {"parameter": true}, "out": {}}, "nodes": {"a": {"type": "return"}}}"#,
    );
    let deep = Flow::read(
        r#"{"version": 1, "start": "a", "nodes": {"a": {"type": "subflow", "flow": "deep", "next": "b"}, "b": {"type": "return"}}}"#,
    );
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Surroundings {
        calendars: Some(Cow::Owned(BTreeMap::new())),
        audio: Some(Cow::Owned(names(&["jingle"]))),
        queues: Some(Cow::Owned(names(&["Sales"]))),
        flows: Some(Cow::Owned([("sub".to_owned(), sub.unwrap()), ("deep".to_owned(), deep.unwrap())].into())),
    }
}

fn problems(document: &Value) -> Vec<Problem> {
    match Flow::read(&document.to_string()) {
        Ok(flow) => check(&flow, &around()),
        Err(problems) => problems,
    }
}

/// Puts `value` at a JSON pointer, or removes what is there.
fn planted(pointer: &str, value: Option<Value>) -> Value {
    let mut document = sound();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let place = document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"));
    match (place, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(key.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(key).unwrap()),
        (other, _) => panic!("{other}"),
    }
    document
}

#[test]
fn a_sound_flow_has_no_problem() {
    let found: Vec<String> = problems(&sound()).iter().map(Problem::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
}

/// The code, where it is planted, and what it is.
fn defects() -> Vec<(Code, &'static str, Option<Value>)> {
    let trap = json!({"type": "dial", "to": {"number": "+4930"}, "next": "sales", "onFail": "sales"});
    vec![
        (Code::Malformed, "/nodes/bye/type", Some(json!("explode"))),
        (
            Code::TooLarge,
            "/variables",
            Some((0..300).map(|n| (format!("v{n}"), json!({}))).collect::<serde_json::Map<_, _>>().into()),
        ),
        (Code::UnknownTarget, "/nodes/menu/entries/1", Some(json!("nowhere"))),
        (Code::Unreachable, "/nodes/island", Some(json!({"type": "hangup"}))),
        (Code::CannotEnd, "/nodes/sales", Some(trap)),
        (Code::EndlessLoop, "/nodes/ask/onFail", Some(json!("ask"))),
        (Code::SilentLoop, "/nodes/menu/onTimeout", Some(json!("menu"))),
        (Code::MissingBranch, "/nodes/menu/onTimeout", None),
        (Code::MissingBranch, "/nodes/ask/onFail", None),
        (Code::MissingBranch, "/onError", None),
        (Code::MissingBranch, "/onError", Some(json!("hello"))),
        (Code::MissingPrompt, "/prompts/welcome/de", None),
        (Code::MissingPrompt, "/nodes/hello/text/de", None),
        (Code::UnknownPrompt, "/nodes/menu/prompt", Some(json!("nothing"))),
        (Code::UnusedPrompt, "/prompts/spare", Some(json!({"*": "x"}))),
        (Code::UnknownAudio, "/prompts/beep/*", Some(json!([{"audio": "gone"}]))),
        (Code::UnknownLanguage, "/prompts/welcome/fr", Some(json!("Bonjour"))),
        (Code::UnknownLanguage, "/nodes/hello/text/fr", Some(json!("Bonjour"))),
        (Code::UnknownLanguage, "/languages", Some(json!(["en", "de", "en"]))),
        (Code::OverlappingEntries, "/nodes/menu/entries/11", Some(json!("ask"))),
        (Code::SecretExposed, "/nodes/ask/url", Some(json!("https://crm.example/{{ pin }}"))),
        (Code::SecretExposed, "/nodes/ask/url", Some(json!("http://crm.example/"))),
        (Code::SecretExposed, "/nodes/count/values/name", Some(json!("pin"))),
        (Code::SecretExposed, "/variables/pin", Some(json!({"type": "text"}))),
        (Code::SecretExposed, "/nodes/sales/skills", Some(json!([{"name": "{{ pin }}"}]))),
        (Code::SecretExposed, "/nodes/hello/text/de", Some(json!("{{ pin }}"))),
        (Code::UnusedVariable, "/variables/spare", Some(json!({}))),
        (Code::UnknownVariable, "/nodes/ask/save/nobody", Some(json!("/x"))),
        (Code::BadExpression, "/nodes/count/values/tries", Some(json!("tries + "))),
        (Code::BadExpression, "/nodes/hello/text/de", Some(json!("{{ nobody }}"))),
        (Code::BadExpression, "/nodes/count/values/tries", Some(json!("'text'"))),
        (Code::BadValue, "/nodes/menu/timeoutMs", Some(json!(5))),
        (Code::BadValue, "/nodes/ask/onStatus", Some(json!({"200": "hello"}))),
        (Code::BadValue, "/nodes/pin/min", Some(json!(9))),
        (Code::BadValue, "/variables/now", Some(json!({}))),
        (Code::BadValue, "/nodes/menu/entries/x", Some(json!("ask"))),
        (Code::BadValue, "/nodes/sales/wait", Some(json!([{"play": "beep"}]))),
        (Code::BadValue, "/nodes/sales/queue", Some(json!(" "))),
        (Code::BadValue, "/nodes/sales", Some(json!({"type": "dial", "to": {"number": ""}, "onFail": "bye"}))),
        (Code::BadValue, "/calendars/own/weekly", Some(json!({"friday": [{"from": "09:00", "to": "09:00"}]}))),
        (Code::BadValue, "/calendars/own/holidays", Some(json!([{"date": "12-25"}, {"date": "12-25"}]))),
        (Code::UnknownLanguage, "/nodes/hello", Some(json!({"type": "language", "to": "fr", "next": "sales"}))),
        (Code::UnknownCalendar, "/nodes/hours/calendar", Some(json!("theirs"))),
        (Code::UnknownQueue, "/nodes/sales/queue", Some(json!("Support"))),
        (Code::UnknownFlow, "/nodes/sales", Some(json!({"type": "subflow", "flow": "gone", "next": "bye"}))),
        (
            Code::UnknownFlow,
            "/nodes/sales",
            Some(json!({"type": "subflow", "flow": "sub", "with": {"out": "1"}, "next": "bye"})),
        ),
        (Code::RecursiveFlow, "/nodes/sales", Some(json!({"type": "subflow", "flow": "deep", "next": "bye"}))),
    ]
}

#[test]
fn every_planted_defect_is_found_and_nothing_else() {
    for (code, pointer, value) in defects() {
        let document = planted(pointer, value);
        let found = problems(&document);
        let codes: BTreeSet<Code> = found.iter().map(|problem| problem.code).collect();
        assert!(codes.contains(&code), "{code} at {pointer}: {found:?}");
        // A defect may cost others: what nothing leads to any more, or what nothing reads.
        let follow =
            [Code::Unreachable, Code::UnusedVariable, Code::UnusedPrompt, Code::UnknownVariable, Code::BadExpression];
        // Whoever cannot end goes round.
        let round = code == Code::CannotEnd;
        let expected =
            |other: &Code| *other == code || follow.contains(other) || (round && *other == Code::EndlessLoop);
        let others: Vec<_> = codes.iter().filter(|other| !expected(other)).collect();
        assert!(others.is_empty(), "{code} at {pointer} came with {others:?}: {found:?}");
    }
}

#[test]
fn a_defect_of_every_code_is_planted() {
    let planted: BTreeSet<Code> = defects().into_iter().map(|(code, ..)| code).collect();
    assert_eq!(planted, Code::ALL.iter().copied().collect());
}

#[test]
fn all_problems_are_told_at_once() {
    let mut document = sound();
    for (code, pointer, value) in defects() {
        let reading = matches!(code, Code::Malformed | Code::TooLarge | Code::UnknownFlow | Code::RecursiveFlow);
        if let (false, Some(value)) = (reading || pointer == "/nodes/sales", value) {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            if let Some(Value::Object(fields)) = document.pointer_mut(parent) {
                fields.insert(key.to_owned(), value);
            }
        }
    }
    let codes: BTreeSet<Code> = problems(&document).iter().map(|problem| problem.code).collect();
    assert!(codes.len() >= 14, "{codes:?} {:?}", problems(&document));
}

#[test]
fn every_broken_node_of_a_document_is_named() {
    let mut document = sound();
    document["nodes"]["menu"]["prompt"] = json!(7);
    document["nodes"]["pin"]["retries"] = json!("often");
    document["nodes"]["sales"]["quueue"] = json!("Sales");
    document["maxSeconds"] = json!(-1);
    let found: Vec<String> = problems(&document).iter().map(|p| format!("{:?} {}", p.node, p.path)).collect();
    assert_eq!(found, ["None maxSeconds", "Some(\"menu\") prompt", "Some(\"pin\") retries", "Some(\"sales\") quueue"]);
}

#[test]
fn a_text_that_is_no_document_is_refused_with_its_place() {
    let refusal = |text: &str| Flow::read(text).unwrap_err()[0].to_string();
    assert_eq!(refusal("{"), "error: not readable: EOF while parsing an object at line 1 column 1 [malformed]");
    assert_eq!(refusal("[]"), "error: a flow is an object [malformed]");
    assert_eq!(refusal(r#"{"version": 2}"#), "error: version: version 2 of the format is not known, 1 is [malformed]");
    assert_eq!(refusal("{}"), "error: version: the version is missing: 1 [malformed]");
    let twice = r#"{"version": 1, "nodes": {"a": {"type": "return"}, "a": {"type": "return"}}}"#;
    assert_eq!(refusal(twice), "error: not readable: \"a\" stands here twice at line 1 column 74 [malformed]");
    assert!(refusal(&"[".repeat(100_000)).contains("recursion limit"));
}

#[test]
fn a_loop_that_counts_is_bounded() {
    let mut document = sound();
    document["nodes"]["again"]["cases"][0]["next"] = json!("count");
    assert_eq!(problems(&document).iter().filter(|p| p.is_error()).count(), 0);
    document["nodes"]["again"]["cases"][0]["when"] = json!("pin != '1234'");
    let found = problems(&document);
    assert!(found.iter().any(|p| p.code == Code::EndlessLoop && p.node.as_deref() == Some("again")), "{found:?}");
}

#[test]
fn ten_thousand_nodes_in_a_row_and_in_a_circle_are_checked() {
    let ring = |last: &str| {
        let mut nodes: serde_json::Map<String, Value> = (0..9_999)
            .map(|n| (format!("n{n}"), json!({"type": "set", "values": {}, "next": format!("n{}", n + 1)})))
            .collect();
        nodes.insert("n9999".to_owned(), json!({"type": "set", "values": {}, "next": last}));
        let circle = last != "bye";
        if !circle {
            nodes.insert("n9998".to_owned(), json!({"type": "set", "values": {}, "next": "n9999"}));
        }
        json!({"version": 1, "start": "n0", "nodes": nodes})
    };
    let found = problems(&ring("n0"));
    assert_eq!(found.iter().filter(|p| p.code == Code::EndlessLoop).count(), 1);
    assert_eq!(found.iter().filter(|p| p.code == Code::CannotEnd).count(), 10_000);
    let row = problems(&ring("nowhere"));
    assert_eq!(row.len(), 1, "{:?}", &row[..3.min(row.len())]);
    let mut large = ring("n0");
    large["nodes"]["one more"] = json!({"type": "hangup"});
    assert_eq!(problems(&large)[0].code, Code::TooLarge);
}

#[test]
fn a_prompt_of_a_megabyte_is_refused() {
    let document = planted("/prompts/pin/en", Some(json!("x".repeat(1_000_000))));
    let found = problems(&document);
    assert_eq!((found.len(), found[0].code, found[0].path.as_str()), (1, Code::BadExpression, "prompts.pin.en"));
}
