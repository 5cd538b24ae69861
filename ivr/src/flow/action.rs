//! What a web service may have a flow do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Value;

/// The most actions of one answer.
pub const ACTIONS_MAX: usize = 32;

/// An action of a web service's answer: `{"actions": [{"set": {"name": "Ada"}}, {"say": "Hello Ada"}, {"goto": "sales"}]}`.
///
/// Actions are carried out in order. After `goto` and `hangup` nothing follows; without either the call goes on by the node's `next`.
/// An answer with an action that is not known, sets a variable that was not declared or goes to a node that is not among the
/// node's `targets`, is none: it leads to `onFail`, and nothing of it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Sets variables.
    Set(BTreeMap<String, Value>),
    /// Says a text as it is.
    Say(String),
    /// Plays a prompt of the flow.
    Play(String),
    /// Changes the language.
    Language(String),
    /// Goes to a node.
    Goto(String),
    /// Ends the call.
    Hangup {},
}
