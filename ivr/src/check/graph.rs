//! Where calls can go: targets, reachability, ends and loops. Linear in nodes and branches.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Code, Problem};
use crate::expr::{Expression, Symbols, Type};
use crate::flow::{Flow, Need, Node, Visitor};

/// What it takes to go along a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    /// Nothing: the call goes on by itself.
    Immediate,
    /// Time: nobody pressed a key or answered.
    Wait,
    /// Something that the caller or somebody called did.
    Input,
}

struct Edge {
    to: usize,
    pace: Pace,
}

fn pace(node: &Node, label: &str) -> Pace {
    match (node, label) {
        (Node::Menu(_) | Node::Collect(_) | Node::CollectPhone(_) | Node::Queue(_), "onTimeout") => Pace::Wait,
        (Node::Queue(_), "onFail") => Pace::Immediate,
        (Node::Menu(_) | Node::Collect(_) | Node::CollectPhone(_) | Node::Queue(_), _) => Pace::Input,
        (Node::Dial(_) | Node::Voicemail(_), "next") => Pace::Input,
        (Node::Dial(_), "onBusy" | "onNoAnswer") | (Node::Voicemail(_), "onEmpty") => Pace::Wait,
        // What is asked of the caller inside another flow is not known here.
        (Node::Subflow(_), _) => Pace::Wait,
        _ => Pace::Immediate,
    }
}

/// Whether a call can end at a node by itself.
pub(super) fn ends(node: &Node) -> bool {
    match node {
        Node::Hangup(_) | Node::Return(_) => true,
        Node::Queue(node) => node.next.is_none(),
        Node::Dial(node) => node.next.is_none(),
        Node::Voicemail(node) => node.next.is_none(),
        _ => false,
    }
}

struct Branches<'a> {
    places: &'a BTreeMap<&'a str, usize>,
    node: &'a Node,
    name: &'a str,
    edges: Vec<Edge>,
    problems: Vec<Problem>,
    may_fail: bool,
}

impl<'a> Visitor<'a> for Branches<'a> {
    fn branch(&mut self, label: Cow<'a, str>, target: Option<&'a str>, need: Need) {
        match target {
            Some(target) => match self.places.get(target) {
                Some(&to) => self.edges.push(Edge { to, pace: pace(self.node, &label) }),
                None => {
                    let message = format!("there is no node {target}");
                    self.problems.push(Problem::error(Code::UnknownTarget, label, message).at(self.name));
                }
            },
            None if need == Need::Required => {
                let message = missing(self.node, &label);
                self.problems.push(Problem::error(Code::MissingBranch, label, message).at(self.name));
            }
            None => self.may_fail |= label == "onFail",
        }
    }
}

fn missing(node: &Node, label: &str) -> String {
    match label {
        "next" => "where the call goes on is not said".to_owned(),
        "onTimeout" => "where a caller who does nothing goes is not said".to_owned(),
        "onInvalid" => "where a caller who presses nothing sensible goes is not said".to_owned(),
        "onFail" => format!("where the call goes when the {} fails is not said", node.kind()),
        other => format!("the branch {other} is missing"),
    }
}

pub(super) fn check(flow: &Flow) -> Vec<Problem> {
    let names: Vec<&str> = flow.nodes.keys().map(String::as_str).collect();
    let places: BTreeMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let mut problems = Vec::new();
    let mut edges = Vec::with_capacity(names.len());
    let mut unguarded = false;
    for (name, node) in &flow.nodes {
        let mut branches =
            Branches { places: &places, node, name, edges: Vec::new(), problems: Vec::new(), may_fail: false };
        node.visit(&mut branches);
        unguarded |= branches.may_fail;
        if branches.may_fail && flow.on_error.as_ref() == Some(name) {
            let message = "calls come here when something fails; when this fails, too, they end: name a node for it";
            problems.push(Problem::warning(Code::MissingBranch, "onFail", message).at(name));
        }
        problems.append(&mut branches.problems);
        edges.push(branches.edges);
    }
    let mut entrances = Vec::new();
    for (path, target) in [("start", Some(&flow.start)), ("onError", flow.on_error.as_ref())] {
        let Some(target) = target else { continue };
        match places.get(target.as_str()) {
            Some(place) => entrances.push(*place),
            None => problems.push(Problem::error(Code::UnknownTarget, path, format!("there is no node {target}"))),
        }
    }
    if unguarded && flow.on_error.is_none() {
        let message = "a prompt that cannot be played ends the call: name a node for it, here or as the node's onFail";
        problems.push(Problem::warning(Code::MissingBranch, "onError", message));
    }
    let reached = reach(&edges, entrances);
    for (name, _) in names.iter().zip(&reached).filter(|(_, reached)| !**reached) {
        problems.push(Problem::warning(Code::Unreachable, "", "no call can get here").at(name));
    }
    let ending = can_end(flow, &edges);
    for (place, name) in names.iter().enumerate() {
        if reached[place] && !ending[place] {
            problems.push(Problem::error(Code::CannotEnd, "", "no call that gets here can ever end").at(name));
        }
    }
    problems.extend(loops(flow, &names, &edges));
    problems
}

fn reach(edges: &[Vec<Edge>], entrances: Vec<usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    let mut open = entrances;
    while let Some(place) = open.pop() {
        if !std::mem::replace(&mut reached[place], true) {
            open.extend(edges[place].iter().map(|edge| edge.to));
        }
    }
    reached
}

fn can_end(flow: &Flow, edges: &[Vec<Edge>]) -> Vec<bool> {
    let mut backwards: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (from, out) in edges.iter().enumerate() {
        for edge in out {
            backwards[edge.to].push(from);
        }
    }
    let mut ending = vec![false; edges.len()];
    // A node that leads nowhere yet is told of as a missing branch, not once more as a trap.
    let ends = |(place, node): (usize, &Node)| (ends(node) || edges[place].is_empty()).then_some(place);
    let mut open: Vec<usize> = flow.nodes.values().enumerate().filter_map(ends).collect();
    while let Some(place) = open.pop() {
        if !std::mem::replace(&mut ending[place], true) {
            open.extend(&backwards[place]);
        }
    }
    ending
}

fn loops(flow: &Flow, names: &[&str], edges: &[Vec<Edge>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut told = vec![false; names.len()];
    for (pace, code) in [(Pace::Immediate, Code::EndlessLoop), (Pace::Wait, Code::SilentLoop)] {
        for group in circles(edges, pace) {
            if group.iter().any(|place| told[*place]) || is_counted(flow, names, &group) {
                continue;
            }
            group.iter().for_each(|place| told[*place] = true);
            let mut members: Vec<&str> = group.iter().map(|place| names[*place]).collect();
            members.sort_unstable();
            let first = members.first().copied().unwrap_or_default();
            let way = members.iter().take(8).copied().collect::<Vec<_>>().join(", ");
            problems.push(match pace {
                Pace::Immediate => {
                    let message = format!("the call goes round for ever without anything from the caller: {way}");
                    Problem::error(code, "", message).at(first)
                }
                _ => {
                    let message = format!("a caller who does nothing goes round until the time is up: {way}");
                    Problem::warning(code, "", message).at(first)
                }
            });
        }
    }
    problems
}

/// Whether a loop counts: a condition in it reads a variable that is set in it.
fn is_counted(flow: &Flow, names: &[&str], group: &[usize]) -> bool {
    let nodes = || group.iter().filter_map(|place| flow.nodes.get(names[*place]));
    let mut set = Symbols::default();
    let mut any = false;
    for node in nodes() {
        if let Node::Set(node) = node {
            for variable in node.values.keys() {
                set.add(variable.as_str(), Type::Any);
                any = true;
            }
        }
    }
    if !any {
        return false;
    }
    let all = crate::env::symbols(flow);
    nodes().any(|node| {
        let Node::Condition(node) = node else { return false };
        let compiled = node.cases.iter().filter_map(|case| Expression::compile(&case.when, &all).ok());
        let mut slots = compiled.flat_map(|expression| expression.slots().collect::<Vec<_>>());
        slots.any(|slot| {
            let variable = crate::env::variable_of(slot).and_then(|place| flow.variables.keys().nth(place));
            variable.is_some_and(|name| set.find(name).is_some())
        })
    })
}

/// The groups of nodes that lie on circles of branches up to a pace: strongly connected components (Tarjan), without recursion.
fn circles(edges: &[Vec<Edge>], pace: Pace) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let follow = |place: usize| edges[place].iter().filter(move |edge| edge.pace <= pace).map(|edge| edge.to);
    let mut index = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut stacked = vec![false; edges.len()];
    let (mut stack, mut next, mut groups) = (Vec::new(), 0, Vec::new());
    for root in 0..edges.len() {
        if index[root] != NEW {
            continue;
        }
        let mut work = vec![(root, follow(root))];
        (index[root], low[root], stacked[root]) = (next, next, true);
        next += 1;
        stack.push(root);
        while let Some((place, targets)) = work.last_mut() {
            let place = *place;
            match targets.next() {
                Some(to) if index[to] == NEW => {
                    (index[to], low[to], stacked[to]) = (next, next, true);
                    next += 1;
                    stack.push(to);
                    work.push((to, follow(to)));
                }
                Some(to) => {
                    if stacked[to] {
                        low[place] = low[place].min(index[to]);
                    }
                }
                None => {
                    work.pop();
                    if let Some((parent, _)) = work.last() {
                        low[*parent] = low[*parent].min(low[place]);
                    }
                    if low[place] == index[place] {
                        let from = stack.iter().rposition(|member| *member == place).unwrap_or_default();
                        let group = stack.split_off(from);
                        group.iter().for_each(|member| stacked[*member] = false);
                        if group.len() > 1 || follow(place).any(|to| to == place) {
                            groups.push(group);
                        }
                    }
                }
            }
        }
    }
    groups
}
