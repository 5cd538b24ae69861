//! What others write: broken, mutated and huge documents. Nothing panics, and whatever can be compiled ends.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dialplane_ivr::simulate::{Event, Given, simulate};
use dialplane_ivr::suite::Suite;
use dialplane_ivr::{DOCUMENT_VERSION, Flow, Program, Surroundings, check};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{example_flows, examples, fixture, read};

/// Reads a document, checks it and, when it can be compiled, lets a caller through it.
fn endure(document: &str) {
    let flow = match Flow::read(document) {
        Ok(flow) => flow,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| problem.is_error()), "{problems:?}");
            return;
        }
    };
    let around = Surroundings::default();
    let problems = check::check(&flow, &around);
    let errors = problems.iter().any(|problem| problem.is_error());
    match Program::compile("mutated", &flow, &around) {
        Ok(program) => {
            assert!(!errors, "{problems:?}");
            let script: Vec<Event> = serde_json::from_value(json!([
                {"digit": "1"}, {"webhook": {"body": {}}}, {"digits": "123456#"}, {"queue": "connected"}, {"dial": "busy"}
            ]))
            .unwrap();
            let simulation = simulate(Arc::new(program), &Given::default(), script);
            assert_ne!(simulation.ended, "not at all", "{document}");
        }
        // What is around is not known here, a subflow is the one thing that cannot be told before.
        Err(found) => assert!(errors || found.iter().all(|problem| problem.is_error()), "{found:?}"),
    }
}

static DOCUMENTS: LazyLock<[Value; 5]> = LazyLock::new(|| {
    let example = |name: &str| serde_json::from_str(&read(examples().join(name))).unwrap();
    let [card, clinic, sales] = ["card.flow.json", "clinic.flow.json", "sales.flow.json"].map(example);
    [card, clinic, sales, fixture("every.json"), fixture("least.json")]
});

/// The clinic and four of its tests.
static CLINIC: LazyLock<(Flow, Value)> = LazyLock::new(|| {
    let (_, document, mut suite) = example_flows().swap_remove(1);
    suite.tests.truncate(4);
    (Flow::read(&document).unwrap(), serde_json::to_value(suite).unwrap())
});

/// The pointers of all values in a document.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                pointers(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                pointers(inner, &format!("{at}/{n}"), into);
            }
        }
        _ => {}
    }
}

fn odd_values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[{}()'\\[\\]a-z0-9 .+*/%<>=&|!?:]{0,40}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[{"a": [1, null]}]]])),
        Just(json!("{{ text }}{{")),
        Just(json!("1".repeat(5_000))),
        Just(json!(["menu", "hangup"])),
        Just(json!("menu")),
        Just(json!("every")),
        Just(json!(65_536)),
        Just(json!(-1)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_with_other_values_in_places_never_panic(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), odd_values(), 0..4_u8), 1..4),
    ) {
        let mut document = DOCUMENTS[which].clone();
        for (place, value, how) in changes {
            let mut all = Vec::new();
            pointers(&document, "", &mut all);
            let pointer = place.get(&all).clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
            match (how, document.pointer_mut(parent)) {
                (0, Some(Value::Object(fields))) => drop(fields.remove(key)),
                (1, Some(Value::Object(fields))) => drop(fields.insert(format!("{key}x"), value)),
                (2, Some(Value::Array(items))) => items.push(value),
                _ => *document.pointer_mut(&pointer).unwrap() = value,
            }
        }
        endure(&document.to_string());
    }

    #[test]
    fn documents_with_other_bytes_never_panic(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = DOCUMENTS[which].to_string().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        endure(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn tests_with_other_values_in_places_never_panic(
        place in any::<prop::sample::Index>(),
        value in odd_values(),
    ) {
        let (flow, mut suite) = CLINIC.clone();
        let mut all = Vec::new();
        pointers(&suite, "", &mut all);
        *suite.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        if let Ok(suite) = serde_json::from_value::<Suite>(suite) {
            let report = suite.run("clinic", &flow, &Surroundings::default()).unwrap();
            prop_assert_eq!(report.tests.len(), suite.tests.len());
        }
    }
}

/// A document of `count` nodes of several kinds, each leading to the next ones.
fn large(count: usize) -> String {
    let name = |n: usize| format!("node {}", n.min(count - 1));
    let nodes: serde_json::Map<String, Value> = (0..count)
        .map(|n| {
            let (next, later) = (name(n + 1), name(n + 7));
            let node = match n % 5 {
                _ if n == count - 1 => json!({"type": "hangup"}),
                0 => json!({"type": "menu", "prompt": "ask", "entries": {"1": next, "2": later}, "onInvalid": next, "onTimeout": later}),
                1 => json!({"type": "set", "values": {"count": "count + 1", "text": "text + 'x'"}, "next": next}),
                2 => json!({"type": "condition", "cases": [{"when": "count % 7 == 3 && size(text) < 9", "next": later}], "otherwise": next}),
                3 => json!({"type": "say", "text": "You are number {{ count }}, {{ text }}.", "next": next}),
                _ => json!({"type": "webhook", "url": "https://example.com/{{ text }}", "body": {"count": "{{ count }}"}, "next": next, "onFail": later}),
            };
            (name(n), node)
        })
        .collect();
    json!({
        "version": DOCUMENT_VERSION, "start": name(0), "onError": name(count),
        "variables": {"count": {"type": "number", "initial": 0}, "text": {"type": "text", "initial": ""}},
        "prompts": {"ask": {"*": "Press 1 or 2."}}, "nodes": nodes
    })
    .to_string()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn ten_thousand_nodes_are_read_checked_and_compiled_in_a_few_seconds_without_optimisation() {
    let text = large(10_000);
    let began = Instant::now();
    let flow = Flow::read(&text).unwrap();
    assert_eq!(check::check(&flow, &Surroundings::default()), []);
    let program = Program::compile("large", &flow, &Surroundings::default()).unwrap();
    assert_eq!(program.len(), 10_000);
    // Generous: machines of continuous integration are slow, and squared would take minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let simulation = simulate(Arc::new(program), &Given::default(), Vec::new());
    assert_ne!(simulation.ended, "not at all");
}

#[test]
fn what_is_larger_than_a_document_may_be_is_refused_at_once() {
    let problems = Flow::read(&large(10_001)).unwrap_err();
    assert_eq!(problems[0].to_string(), "error: nodes: the flow has 10001 nodes, at most 10000 are read [too_large]");
    let padded = format!("{}{}", large(10), " ".repeat(4 * 1_024 * 1_024));
    assert!(Flow::read(&padded).unwrap_err()[0].to_string().contains("at most 4194304 are read [too_large]"));
}
