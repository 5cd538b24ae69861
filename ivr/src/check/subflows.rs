//! Flows within flows.

use std::collections::BTreeMap;

use super::{Code, Problem, Surroundings};
use crate::flow::{Flow, Node};

/// How deep flows may go through flows.
pub(crate) const DEPTH_MAX: usize = 8;

pub(super) fn check(flow: &Flow, around: &Surroundings<'_>) -> Vec<Problem> {
    let Some(flows) = &around.flows else { return Vec::new() };
    let mut problems = Vec::new();
    for (name, node) in &flow.nodes {
        let Node::Subflow(node) = node else { continue };
        let Some(other) = flows.get(&node.flow) else {
            let message = format!("there is no flow {}", node.flow);
            problems.push(Problem::error(Code::UnknownFlow, "flow", message).at(name));
            continue;
        };
        for parameter in node.with.keys() {
            if !other.variables.get(parameter).is_some_and(|variable| variable.parameter) {
                let message = format!("{} takes no {parameter}", node.flow);
                problems.push(Problem::error(Code::UnknownFlow, format!("with.{parameter}"), message).at(name));
            }
        }
        for (here, there) in &node.returns {
            if !other.variables.contains_key(there) {
                let message = format!("{} has no {there}", node.flow);
                problems.push(Problem::error(Code::UnknownFlow, format!("returns.{here}"), message).at(name));
            }
        }
        if let Some(message) = too_deep(flows, &node.flow) {
            problems.push(Problem::error(Code::RecursiveFlow, "flow", message).at(name));
        }
    }
    problems
}

/// Why going through `first` would go too deep; `None` when it would not.
fn too_deep(flows: &BTreeMap<String, Flow>, first: &str) -> Option<String> {
    // Level by level: as many levels as there are flows without a circle, and one more is a circle.
    let mut level = vec![first];
    for depth in 1..=DEPTH_MAX {
        let mut next: Vec<&str> = level.iter().filter_map(|name| flows.get(*name)).flat_map(subflows).collect();
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            return None;
        }
        if next.contains(&first) {
            return Some(format!("{first} goes through itself"));
        }
        if depth == DEPTH_MAX {
            break;
        }
        level = next;
    }
    Some(format!("flows go through flows more than {DEPTH_MAX} deep"))
}

/// The flows a flow goes through.
pub(crate) fn subflows(flow: &Flow) -> impl Iterator<Item = &str> {
    flow.nodes.values().filter_map(|node| match node {
        Node::Subflow(node) => Some(node.flow.as_str()),
        _ => None,
    })
}
