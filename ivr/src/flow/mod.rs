//! The flow document: what is stored, edited and versioned.
//!
//! A flow is JSON with its nodes by name. References are names: of nodes, prompts, variables, calendars. The document is read by
//! [`Flow::read`], which tells every problem of its shape at once; whether it makes sense is told by [`crate::check::check`].
//!
//! ```
//! let flow = dialplane_ivr::Flow::read(r#"{
//!     "version": 1,
//!     "start": "welcome",
//!     "prompts": {"welcome": {"en": "Press 1 for sales."}, "sorry": {"en": "Nobody is here. Goodbye."}},
//!     "nodes": {
//!         "welcome": {"type": "menu", "prompt": "welcome", "entries": {"1": "sales"}, "onInvalid": "bye", "onTimeout": "bye"},
//!         "sales": {"type": "queue", "queue": "Sales", "onTimeout": "bye", "onFail": "bye"},
//!         "bye": {"type": "hangup", "prompt": "sorry"}
//!     }
//! }"#).unwrap();
//! assert_eq!(flow.nodes.len(), 3);
//! ```

pub mod action;
mod choice;
mod defaults;
pub mod node;
mod read;
mod strict;
mod visit;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use node::Node;
pub use read::{BYTES_MAX, NODES_MAX};
pub(crate) use visit::{Exposure, Need, Visitor, is_key};

use crate::calendar::Calendar;
use crate::expr::{Type, Value};

/// The version of the format that this crate writes. Every version from 1 on can be read.
pub const DOCUMENT_VERSION: u32 = 1;

/// The language name that stands for every language.
pub const EVERY_LANGUAGE: &str = "*";

/// What a caller hears and which keys lead where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flow {
    /// The version of the format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// What the flow is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The node that a call enters first.
    pub start: String,
    /// The languages the flow speaks, as BCP 47 tags; a call begins with the first one.
    #[serde(default = "english")]
    pub languages: Vec<String>,
    /// The time zone of `now.hour` and its like, IANA; the company's where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timezone: Option<Tz>,
    /// The variables of a call, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// What is played and said, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, Prompt>,
    /// Calendars of the flow's own; they hide the company's of the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calendars: BTreeMap<String, Calendar>,
    /// The node a call goes to when something fails and the node has no branch for it: a prompt that cannot be played, a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<String>,
    /// How long a call may stay in the flow, in seconds: 1 to 14,400. Talking to an agent does not count.
    #[serde(default = "two_hours")]
    #[schemars(range(min = 1, max = 14_400))]
    pub max_seconds: u32,
    /// The nodes, by name.
    pub nodes: BTreeMap<String, Node>,
    /// Where an editor draws the nodes. It means nothing to a call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layout: BTreeMap<String, Position>,
}

/// Where an editor draws a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A variable of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    /// What it holds.
    #[serde(rename = "type", default)]
    pub kind: Type,
    /// Its value at the beginning.
    #[serde(default, skip_serializing_if = "is_null")]
    pub initial: Value,
    /// Whether its value must not be seen in traces, logs and tags: card numbers, PINs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    /// Whether a flow that calls this one as a subflow may set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub parameter: bool,
}

/// What is played, by language; `*` stands for every language that is not named.
pub type Prompt = BTreeMap<String, Spoken>;

/// What is played in one language: a text to say, or several segments one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Spoken {
    /// Said by the speech provider; `{{ expressions }}` are replaced by their values.
    Say(String),
    /// Played in order.
    Segments(Vec<Segment>),
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Segment {
    /// A recording, by the name it was uploaded under.
    Audio(String),
    /// A text to say, a template.
    Say(String),
    /// The value of an expression, said character by character.
    Digits(String),
    /// Nothing, for so many milliseconds, at most 60,000.
    Silence(#[schemars(range(min = 1, max = 60_000))] u32),
    /// A tone of 1,000 Hz, for so many milliseconds, at most 5,000.
    Beep(#[schemars(range(min = 1, max = 5_000))] u32),
}

/// A text in one language for all, or by language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Words {
    /// The same whatever the language.
    Same(String),
    /// By language; `*` stands for every language that is not named.
    Each(BTreeMap<String, String>),
}

impl Flow {
    /// The JSON Schema of documents (draft 2020-12), generated from the types.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        let mut schema = schemars::schema_for!(Self);
        schema.insert("title".to_owned(), "Dialplane call flow".into());
        schema.to_value()
    }

    /// What a prompt is in a language: its own entry, else that of `*`.
    #[must_use]
    pub fn spoken<'a>(prompt: &'a Prompt, language: &str) -> Option<&'a Spoken> {
        prompt.get(language).or_else(|| prompt.get(EVERY_LANGUAGE))
    }
}

fn english() -> Vec<String> {
    vec!["en".to_owned()]
}

const fn two_hours() -> u32 {
    7_200
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}
