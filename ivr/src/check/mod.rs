//! Static analysis: what is wrong with a flow, all of it at once, before a caller finds out.
//!
//! Errors keep a flow from being activated. Warnings are what works but is probably not meant.
//!
//! ```
//! use dialplane_ivr::{Flow, check};
//!
//! let flow = Flow::read(r#"{"version": 1, "start": "a", "nodes": {"a": {"type": "tag", "tags": ["x"], "next": "b"}}}"#).unwrap();
//! let problems = check::check(&flow, &check::Surroundings::default());
//! assert_eq!(problems[0].to_string(), "error: a: next: there is no node b [unknown_target]");
//! ```

mod content;
mod graph;
mod subflows;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::flow::Flow;

pub(crate) use subflows::subflows as subflow_names;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The flow cannot be activated.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal,)*) => {
        /// What kind of problem; the words are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }
        }
    };
}

codes! {
    /// Not readable as a document.
    Malformed = "malformed",
    /// Larger than is read.
    TooLarge = "too_large",
    /// A branch to a node that does not exist.
    UnknownTarget = "unknown_target",
    /// A node that no call can get to.
    Unreachable = "unreachable",
    /// A node from which no call can come to an end.
    CannotEnd = "cannot_end",
    /// A loop that goes round without anything from the caller.
    EndlessLoop = "endless_loop",
    /// A loop that a silent caller goes round in until time is up.
    SilentLoop = "silent_loop",
    /// A branch that has to be there.
    MissingBranch = "missing_branch",
    /// A prompt that says nothing in one of the flow's languages.
    MissingPrompt = "missing_prompt",
    /// A prompt that does not exist.
    UnknownPrompt = "unknown_prompt",
    /// A prompt that nothing plays.
    UnusedPrompt = "unused_prompt",
    /// A recording that was not uploaded.
    UnknownAudio = "unknown_audio",
    /// A language that the flow does not speak, or none at all.
    UnknownLanguage = "unknown_language",
    /// A menu entry that begins like another, so that the caller has to wait for the shorter one.
    OverlappingEntries = "overlapping_entries",
    /// A secret that others could read or hear.
    SecretExposed = "secret_exposed",
    /// A variable that nothing reads.
    UnusedVariable = "unused_variable",
    /// A variable that was not declared.
    UnknownVariable = "unknown_variable",
    /// An expression or template that cannot be used.
    BadExpression = "bad_expression",
    /// A value that cannot be.
    BadValue = "bad_value",
    /// A calendar that does not exist.
    UnknownCalendar = "unknown_calendar",
    /// A queue that does not exist.
    UnknownQueue = "unknown_queue",
    /// A flow that does not exist, or does not take what it is given.
    UnknownFlow = "unknown_flow",
    /// A flow that goes through itself.
    RecursiveFlow = "recursive_flow",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is wrong with a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// The node; none where it concerns the flow as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where in the node, or in the document, by names and numbers with dots.
    pub path: String,
    /// What is wrong, for people.
    pub message: String,
}

impl Problem {
    pub(crate) fn error(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, node: None, path: path.into(), message: message.into() }
    }

    pub(crate) fn warning(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, message) }
    }

    pub(crate) fn at(self, node: &str) -> Self {
        Self { node: Some(node.to_owned()), ..self }
    }

    /// Whether it keeps the flow from being activated.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self.severity, Severity::Error)
    }
}

/// `error: node: path: message [code]`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_error() { "error: " } else { "warning: " })?;
        for part in self.node.iter().chain(Some(&self.path).filter(|path| !path.is_empty())) {
            write!(f, "{part}: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

/// What there is around a flow. What is not known is not checked.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// The company's calendars, by name.
    pub calendars: Option<Cow<'a, BTreeMap<String, Calendar>>>,
    /// The names of the recordings.
    pub audio: Option<Cow<'a, BTreeSet<String>>>,
    /// The names and ids of the queues.
    pub queues: Option<Cow<'a, BTreeSet<String>>>,
    /// The flows that may be subflows, by name.
    pub flows: Option<Cow<'a, BTreeMap<String, Flow>>>,
}

/// Everything that is wrong with a flow: errors first, then by node.
#[must_use]
pub fn check(flow: &Flow, around: &Surroundings<'_>) -> Vec<Problem> {
    let mut problems = content::check(flow, around);
    problems.extend(graph::check(flow));
    problems.extend(subflows::check(flow, around));
    sort(&mut problems);
    problems
}

pub(crate) fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| (a.severity, &a.node, &a.path, a.code).cmp(&(b.severity, &b.node, &b.path, b.code)));
}
