//! From text to a document, with every problem of its shape told at once.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Map, Value};

use super::strict::Strict;
use super::{DOCUMENT_VERSION, Flow, Node};
use crate::check::{Code, Problem, sort};

/// The longest document, in bytes.
pub const BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// The most nodes of a document.
pub const NODES_MAX: usize = 10_000;

impl Flow {
    /// Reads a document of any version.
    ///
    /// # Errors
    /// Every problem of its shape: what is no JSON, with line and column; else every node and every part that cannot be read.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        if text.len() > BYTES_MAX {
            let message = format!("the document has {} bytes, at most {BYTES_MAX} are read", text.len());
            return Err(vec![Problem::error(Code::TooLarge, "", message)]);
        }
        let Strict(document) = serde_json::from_str(text)
            .map_err(|error| vec![Problem::error(Code::Malformed, "", format!("not readable: {error}"))])?;
        Self::from_json(document)
    }

    /// Reads a document of any version from a file's bytes, with or without a byte order mark.
    ///
    /// # Errors
    /// As [`Flow::read`], and for what is no UTF-8.
    pub fn read_bytes(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::read(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(error) => {
                let message = format!("not readable: no UTF-8 at byte {}", error.valid_up_to());
                Err(vec![Problem::error(Code::Malformed, "", message)])
            }
        }
    }

    /// Reads a document of any version from JSON.
    ///
    /// # Errors
    /// As [`Flow::read`].
    pub fn from_json(document: Value) -> Result<Self, Vec<Problem>> {
        let mut document = match document {
            Value::Object(document) => document,
            _ => return Err(vec![Problem::error(Code::Malformed, "", "a flow is an object")]),
        };
        version(&document)?;
        let nodes = document.insert("nodes".to_owned(), Value::Object(Map::new()));
        let mut problems = Vec::new();
        let nodes = read_nodes(nodes, &mut problems);
        let rest = serde_path_to_error::deserialize::<_, Self>(Value::Object(document));
        let flow = rest.map_err(|error| problems.push(malformed(None, &error))).ok();
        match flow {
            Some(flow) if problems.is_empty() => Ok(Self { nodes, ..flow }),
            _ => {
                sort(&mut problems);
                Err(problems)
            }
        }
    }
}

fn version(document: &Map<String, Value>) -> Result<(), Vec<Problem>> {
    let message = match document.get("version").map(Value::as_u64) {
        Some(Some(version)) if version == u64::from(DOCUMENT_VERSION) => return Ok(()),
        Some(Some(version)) => format!("version {version} of the format is not known, {DOCUMENT_VERSION} is"),
        Some(None) => "the version is a number".to_owned(),
        None => format!("the version is missing: {DOCUMENT_VERSION}"),
    };
    Err(vec![Problem::error(Code::Malformed, "version", message)])
}

fn read_nodes(nodes: Option<Value>, problems: &mut Vec<Problem>) -> BTreeMap<String, Node> {
    let nodes = match nodes {
        Some(Value::Object(nodes)) => nodes,
        Some(_) => {
            problems.push(Problem::error(Code::Malformed, "nodes", "the nodes are an object, each under its name"));
            return BTreeMap::new();
        }
        None => {
            problems.push(Problem::error(Code::Malformed, "nodes", "the nodes are missing"));
            return BTreeMap::new();
        }
    };
    if nodes.len() > NODES_MAX {
        let message = format!("the flow has {} nodes, at most {NODES_MAX} are read", nodes.len());
        problems.push(Problem::error(Code::TooLarge, "nodes", message));
        return BTreeMap::new();
    }
    let mut read = BTreeMap::new();
    for (name, node) in nodes {
        match read_node(node) {
            Ok(node) => drop(read.insert(name, node)),
            Err(problem) => problems.push(Problem { node: Some(name), ..problem }),
        }
    }
    read
}

fn read_node(node: Value) -> Result<Node, Problem> {
    let Value::Object(mut fields) = node else {
        return Err(Problem::error(Code::Malformed, "", "a node is an object"));
    };
    let Some(kind) = fields.remove("type") else {
        return Err(Problem::error(Code::Malformed, "type", "the type is missing"));
    };
    let unknown = || {
        let known = Node::KINDS.join(", ");
        Problem::error(Code::Malformed, "type", format!("{kind} is not a type of node; there are {known}"))
    };
    let word = kind.as_str().ok_or_else(unknown)?;
    let node = Node::of_kind(word, Value::Object(fields)).ok_or_else(unknown)?;
    node.map_err(|error| malformed(Some(()), &error))
}

fn malformed(node: Option<()>, error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let path = error.path().to_string();
    let path = if path == "." { String::new() } else { path };
    debug_assert!(node.is_none() || !path.starts_with("nodes"));
    Problem::error(Code::Malformed, path, error.inner().to_string())
}

/// Inside another document only the first problem is told.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_node(Value::deserialize(deserializer)?).map_err(|problem| D::Error::custom(problem.to_string()))
    }
}
