//! What a call did in its flow, and why: kept small while the call runs, written out afterwards.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::command::{DialFailure, Finish, PlayFailure, RequestFailure};
use crate::expr::EvalError;
use crate::program::Program;

/// The most entries of a trace; what comes after is only counted.
pub const ENTRIES_MAX: usize = 2_000;

/// Shown in place of a secret key.
const DOT: char = '\u{2022}';

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) node: u32,
    pub(crate) event: Event,
}

/// Something that happened in a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Entered,
    /// Left by a branch, by its place among the node's.
    Left(u16),
    Key(char),
    /// A key that is not to be seen.
    SecretKey,
    /// A key that nobody waited for.
    DroppedKey,
    /// A key that ended a prompt; which one is told where it is taken, as it may be the first of a secret.
    KeptKey,
    /// The terminator of digits that were complete without it.
    LateTerminator,
    TimedOut,
    Invalid,
    PlayFailed(PlayFailure),
    NotDialled(DialFailure),
    /// Something could not be computed.
    NotComputed(EvalError),
    Status(u16),
    NoAnswer(RequestFailure),
    BadAnswer(Arc<str>),
    Connected,
    LanguageKept,
    Finished(Finish),
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) entries: Vec<Entry>,
    pub(crate) omitted: u32,
}

impl Trace {
    pub(crate) fn push(&mut self, at: Duration, node: u32, event: Event) {
        // The end is always told.
        if self.entries.len() < ENTRIES_MAX || matches!(event, Event::Finished(_)) {
            self.entries.push(Entry { at, node, event });
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// An entry of a trace, written out. Keys of secrets are dots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Milliseconds since the call entered the flow.
    pub at_ms: u64,
    /// The subflow; none in the flow the call began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The node.
    pub node: String,
    /// `entered`, `left`, `key`, `timeout`, `invalid`, `failed`, `answer`, `connected`, `note`, `finished`.
    pub event: String,
    /// More about it: the branch, the key, the status, the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The node a branch leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Trace {
    pub(crate) fn write_out(&self, program: &Program) -> Vec<Step> {
        self.entries.iter().map(|entry| write_out(entry, program)).collect()
    }
}

fn write_out(entry: &Entry, program: &Program) -> Step {
    let mut to = None;
    let (event, detail) = match &entry.event {
        Event::Entered => ("entered", None),
        Event::Left(way) => {
            let branch = program.branch(entry.node, *way);
            to = branch.map(|branch| program.name(branch.target).to_owned());
            ("left", branch.map(|branch| branch.label.to_string()))
        }
        Event::Key(key) => ("key", Some(key.to_string())),
        Event::SecretKey => ("key", Some(DOT.to_string())),
        Event::DroppedKey => ("note", Some("a key was pressed that nobody waited for".to_owned())),
        Event::KeptKey => ("note", Some("a key ended the prompt and is kept".to_owned())),
        Event::LateTerminator => ("note", Some("the digits were complete without their last key".to_owned())),
        Event::TimedOut => ("timeout", None),
        Event::Invalid => ("invalid", None),
        Event::PlayFailed(failure) => ("failed", Some(failure.to_string())),
        Event::NotDialled(failure) => ("failed", Some(failure.to_string())),
        Event::NotComputed(error) => ("failed", Some(error.to_string())),
        Event::Status(status) => ("answer", Some(status.to_string())),
        Event::NoAnswer(failure) => ("failed", Some(failure.to_string())),
        Event::BadAnswer(why) => ("failed", Some(why.to_string())),
        Event::Connected => ("connected", None),
        Event::LanguageKept => ("note", Some("the flow does not speak this language".to_owned())),
        Event::Finished(finish) => ("finished", Some(finish.to_string())),
    };
    Step {
        at_ms: entry.at.as_millis() as u64,
        flow: program.flow_name(entry.node).map(str::to_owned),
        node: program.name(entry.node).to_owned(),
        event: event.to_owned(),
        detail,
        to,
    }
}

impl std::fmt::Display for Finish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HangUp(_) => f.write_str("hangup"),
            Self::Caller => f.write_str("caller"),
            Self::Completed => f.write_str("completed"),
            Self::Message => f.write_str("message"),
            Self::Fault(fault) => write!(f, "fault: {fault}"),
        }
    }
}
