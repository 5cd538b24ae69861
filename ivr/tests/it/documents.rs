//! Documents of every version of the format stay readable, and are written back as they always were.

use std::collections::BTreeSet;

use dialplane_ivr::{Flow, Node};
use serde_json::Value;

use crate::{assert_golden, fixture, fixture_text};

#[test]
fn a_document_with_every_node_and_field_is_read_and_written_as_ever() {
    let flow = Flow::read(&fixture_text("every.json")).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_golden("v1/every.written.json", &serde_json::to_value(&flow).unwrap());
    assert_eq!(Flow::from_json(fixture("every.written.json")).unwrap(), flow);
}

#[test]
fn what_a_document_leaves_out_has_the_values_it_always_had() {
    let flow = Flow::read(&fixture_text("least.json")).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_golden("v1/least.written.json", &serde_json::to_value(&flow).unwrap());
}

/// The names of all fields that a schema knows, with the node they are in.
fn fields(schema: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut open = vec![("flow".to_owned(), schema.clone())];
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        open.push((name.clone(), definition.clone()));
    }
    while let Some((place, schema)) = open.pop() {
        for (field, inner) in schema["properties"].as_object().into_iter().flatten() {
            found.insert((place.clone(), field.clone()));
            open.push((format!("{place}.{field}"), inner.clone()));
        }
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            let kind = variant["properties"]["type"]["const"].as_str();
            open.push((kind.map_or(place.clone(), str::to_owned), variant.clone()));
        }
    }
    found
}

/// The names of all fields in a document.
fn used(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| {
            into.insert(name.clone());
            used(inner, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| used(item, into)),
        _ => {}
    }
}

#[test]
fn the_fixture_leaves_no_field_of_the_format_out() {
    let document = fixture("every.json");
    let nodes: Vec<&Value> = document["nodes"].as_object().unwrap().values().collect();
    let mut anywhere = BTreeSet::new();
    used(&document, &mut anywhere);
    let known = fields(&Flow::schema());
    assert!(known.len() > 150, "{} fields found", known.len());
    let missing: Vec<_> = known
        .into_iter()
        .filter(|(place, field)| match Node::KINDS.contains(&place.as_str()) {
            true => !nodes.iter().any(|node| node["type"] == **place && node.get(field).is_some()),
            false => !anywhere.contains(field),
        })
        .collect();
    assert_eq!(missing, []);
}
