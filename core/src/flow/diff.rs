//! What differs between two documents, by node and path.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// The most changes that are told.
pub const CHANGES_MAX: usize = 10_000;

/// What happened to a place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// There was nothing before.
    Added,
    /// There is nothing any more.
    Removed,
    /// There is something else.
    Changed,
}

/// A place in which two documents differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentChange {
    /// What happened.
    pub kind: ChangeKind,
    /// The node; none where it concerns the flow as a whole.
    pub node: Option<String>,
    /// Where in the node, or in the document, by names and numbers with dots; empty for a whole node.
    pub path: String,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The changes that lead from one document to another, in the order of nodes and paths, what is no node first; at most
/// [`CHANGES_MAX`].
#[must_use]
pub fn diff(from: &Value, to: &Value) -> Vec<DocumentChange> {
    let mut changes = Changes::default();
    let (mut rest, mut other) = (members(from), members(to));
    let (nodes, others) = (rest.remove("nodes"), other.remove("nodes"));
    changes.objects("", &rest, &other);
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let (nodes, others) = (object(&nodes), object(&others));
    for name in names(&nodes, &others) {
        changes.node = Some(name.clone());
        match (nodes.get(name), others.get(name)) {
            (Some(from), Some(to)) => changes.values("", from, to),
            (from, to) => changes.one("", from, to),
        }
    }
    changes.found
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The names of both, in order.
fn names<'a>(from: &'a Map<String, Value>, to: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    from.keys().chain(to.keys()).collect()
}

#[derive(Default)]
struct Changes {
    node: Option<String>,
    found: Vec<DocumentChange>,
}

impl Changes {
    fn one(&mut self, path: &str, from: Option<&Value>, to: Option<&Value>) {
        if self.found.len() >= CHANGES_MAX {
            return;
        }
        let kind = match (from, to) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let (node, path) = (self.node.clone(), path.to_owned());
        self.found.push(DocumentChange { kind, node, path, from: from.cloned(), to: to.cloned() });
    }

    fn values(&mut self, path: &str, from: &Value, to: &Value) {
        match (from, to) {
            _ if from == to => {}
            (Value::Object(from), Value::Object(to)) => self.objects(path, from, to),
            (Value::Array(from), Value::Array(to)) => {
                for at in 0..from.len().max(to.len()) {
                    self.both(&below(path, &at.to_string()), from.get(at), to.get(at));
                }
            }
            _ => self.one(path, Some(from), Some(to)),
        }
    }

    fn objects(&mut self, path: &str, from: &Map<String, Value>, to: &Map<String, Value>) {
        for name in names(from, to) {
            self.both(&below(path, name), from.get(name), to.get(name));
        }
    }

    fn both(&mut self, path: &str, from: Option<&Value>, to: Option<&Value>) {
        match (from, to) {
            (Some(from), Some(to)) => self.values(path, from, to),
            _ => self.one(path, from, to),
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_told_by_node_and_path() {
        let from = json!({"version": 1, "start": "a", "languages": ["en", "de"], "nodes": {
            "a": {"type": "menu", "entries": {"1": "b", "2": "c"}, "retries": 2},
            "b": {"type": "hangup"},
            "c": {"type": "hangup"},
        }});
        let to = json!({"version": 1, "start": "b", "languages": ["en"], "nodes": {
            "a": {"type": "menu", "entries": {"1": "c", "3": "c"}, "retries": 2},
            "c": {"type": "hangup"},
            "d": {"type": "hangup"},
        }});
        let told: Vec<_> = diff(&from, &to)
            .into_iter()
            .map(|change| (change.kind, change.node.unwrap_or_default(), change.path, change.from, change.to))
            .collect();
        let hangup = json!({"type": "hangup"});
        let row = |kind, node: &str, path: &str, from: Option<Value>, to: Option<Value>| {
            (kind, node.to_owned(), path.to_owned(), from, to)
        };
        assert_eq!(
            told,
            [
                row(ChangeKind::Removed, "", "languages.1", Some(json!("de")), None),
                row(ChangeKind::Changed, "", "start", Some(json!("a")), Some(json!("b"))),
                row(ChangeKind::Changed, "a", "entries.1", Some(json!("b")), Some(json!("c"))),
                row(ChangeKind::Removed, "a", "entries.2", Some(json!("c")), None),
                row(ChangeKind::Added, "a", "entries.3", None, Some(json!("c"))),
                row(ChangeKind::Removed, "b", "", Some(hangup.clone()), None),
                row(ChangeKind::Added, "d", "", None, Some(hangup)),
            ]
        );
        assert_eq!(diff(&to, &to), []);
    }

    #[test]
    fn what_is_no_flow_is_compared_all_the_same_and_the_list_ends() {
        assert_eq!(diff(&json!(1), &json!({"nodes": 5, "start": "a"})).len(), 1);
        let many: Vec<u32> = (0..=CHANGES_MAX as u32).collect();
        assert_eq!(diff(&json!({}), &json!({"nodes": {"a": {}}, "x": many})).len(), 2);
        assert_eq!(diff(&json!({"x": []}), &json!({"x": many})).len(), CHANGES_MAX);
    }
}
