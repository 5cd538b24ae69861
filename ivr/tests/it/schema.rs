//! The schema that editors and API clients work with, told by a validator that others wrote.

use dialplane_ivr::suite::Suite;
use dialplane_ivr::{Flow, Node};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::{assert_golden, example_flows, fixture};

fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::meta::is_valid(schema), "the schema is itself a JSON Schema");
    jsonschema::validator_for(schema).unwrap()
}

fn refusals(validator: &Validator, document: &Value) -> Vec<String> {
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schemas_are_those_that_were_published() {
    assert_golden("flow.schema.json", &Flow::schema());
    assert_golden("flow-test.schema.json", &Suite::schema());
}

#[test]
fn the_schema_takes_every_document_that_is_read() {
    let validator = validator(&Flow::schema());
    for (name, document, _) in example_flows() {
        assert_eq!(refusals(&validator, &serde_json::from_str(&document).unwrap()), Vec::<String>::new(), "{name}");
    }
    for name in ["every.json", "every.written.json", "least.json"] {
        assert_eq!(refusals(&validator, &fixture(name)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_schema_of_tests_takes_the_tests_of_the_examples() {
    let validator = validator(&Suite::schema());
    for (name, _, suite) in example_flows() {
        assert_eq!(refusals(&validator, &serde_json::to_value(suite).unwrap()), Vec::<String>::new(), "{name}");
    }
    let planted = [
        json!({}),
        json!({"tests": [{"when": []}]}),
        json!({"tests": [{"name": "x"}], "minCoverage": 101}),
        json!({"tests": [{"name": "x"}], "given": {"color": "red"}}),
        json!({"tests": [{"name": "x", "given": {"queues": {"Sales": {"free": 1}}}}]}),
        json!({"tests": [{"name": "x", "when": [{"press": "1"}]}]}),
        json!({"tests": [{"name": "x", "when": [{"queue": "gone"}]}]}),
        json!({"tests": [{"name": "x", "then": {"end": "hangup"}}]}),
    ];
    for document in planted {
        assert!(!validator.is_valid(&document), "{document}");
    }
    assert!(validator.is_valid(&json!({"tests": [{"name": "x"}]})));
}

#[test]
fn tests_that_could_not_fail_or_not_be_told_apart_are_refused() {
    let validator = validator(&Suite::schema());
    let planted = [
        (json!({"tests": []}), "there are no tests"),
        (json!({"tests": [{"name": "x", "when": [{"silence": -1}]}]}), "-1 is not from 0 to 86400 seconds"),
        (json!({"tests": [{"name": "x", "when": [{"record": 86401}]}]}), "86401 is not from 0 to 86400 seconds"),
        (json!({"tests": [{"name": "x", "then": {"ends": "hung up"}}]}), "no call ends as \"hung up\""),
    ];
    for (document, why) in planted {
        assert!(!validator.is_valid(&document), "{document}");
        let refused = serde_json::from_value::<Suite>(document).unwrap_err().to_string();
        assert!(refused.starts_with(why), "{refused}");
    }
    let twins = json!({"tests": [{"name": "x"}, {"name": "y"}, {"name": "x"}]});
    let refused = serde_json::from_value::<Suite>(twins).unwrap_err().to_string();
    assert_eq!(refused, "two tests have the name \"x\"");
    for ends in ["hangup", "caller", "completed", "message", "fault", "fault: too many steps"] {
        let document =
            json!({"tests": [{"name": "x", "then": {"ends": ends}, "when": [{"record": null}, {"silence": 0}]}]});
        assert!(validator.is_valid(&document) && serde_json::from_value::<Suite>(document).is_ok(), "{ends}");
    }
}

#[test]
fn the_schema_refuses_what_is_planted_just_as_reading_does() {
    let validator = validator(&Flow::schema());
    let planted = [
        ("/version", json!(2)),
        ("/version", json!("1")),
        ("/start", json!(1)),
        ("/colour", json!("red")),
        ("/maxSeconds", json!(-1)),
        ("/languages", json!("en")),
        ("/variables/text/type", json!("date")),
        ("/variables/text/default", json!(1)),
        ("/prompts/all/en", json!(7)),
        ("/prompts/all/de", json!([{"video": "x"}])),
        ("/calendars/office/weekly/funday", json!([])),
        ("/calendars/office/weekly/monday", json!([{"from": "9 o'clock", "to": "17:00"}])),
        ("/calendars/office/holidays", json!([{"date": "Christmas"}])),
        ("/nodes/menu/type", json!("menue")),
        ("/nodes/menu/type", Value::Null),
        ("/nodes/menu/entries", json!(["a"])),
        ("/nodes/menu/retries", json!("two")),
        ("/nodes/menu/onTimout", json!("bye")),
        ("/nodes/collect/terminator", json!("9")),
        ("/nodes/webhook/method", json!("FETCH")),
        ("/nodes/queue/wait", json!([{"dance": 1}])),
        ("/nodes/dial/to", json!({"fax": "1"})),
        ("/nodes/hangup/cause", json!("bored")),
        ("/nodes/return/next", json!("bye")),
        ("/layout/menu", json!({"x": 1})),
    ];
    for (pointer, value) in planted {
        let mut document = fixture("every.json");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let place = document.pointer_mut(parent).and_then(Value::as_object_mut);
        place.unwrap_or_else(|| panic!("{parent}")).insert(key.to_owned(), value.clone());
        assert!(!validator.is_valid(&document), "the schema takes {pointer} {value}");
        assert!(Flow::from_json(document).is_err(), "{pointer} {value} is read");
    }
}

#[test]
fn every_kind_of_node_is_refused_with_a_field_too_many_and_one_too_few() {
    let validator = validator(&Flow::schema());
    let document = fixture("every.json");
    for kind in Node::KINDS {
        let (name, node) =
            document["nodes"].as_object().unwrap().iter().find(|(_, node)| node["type"] == *kind).unwrap();
        let broken = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut broken = document.clone();
            change(broken["nodes"][name].as_object_mut().unwrap());
            broken
        };
        let more = broken(&|node| drop(node.insert("colour".to_owned(), json!("red"))));
        assert!(!validator.is_valid(&more) && Flow::from_json(more).is_err(), "{kind}");
        for field in node.as_object().unwrap().keys() {
            let less = broken(&|node| drop(node.remove(field)));
            assert_eq!(validator.is_valid(&less), Flow::from_json(less).is_ok(), "{kind} without {field}");
        }
    }
}
