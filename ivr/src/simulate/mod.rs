//! A call from a script: what the caller does and what others answer goes in, what happened comes out. An hour takes no time.
//!
//! ```
//! use std::sync::Arc;
//! use dialplane_ivr::simulate::{Given, simulate};
//! use dialplane_ivr::{Flow, Program, Surroundings};
//!
//! let flow = Flow::read(r##"{"version": 1, "start": "ask", "variables": {"pin": {"secret": true}}, "prompts": {"ask": {"en": "Your PIN?"}}, "onError": "bye",
//!     "nodes": {"ask": {"type": "collect", "prompt": "ask", "into": "pin", "mask": true, "max": 4, "valid": "pin == '4711'",
//!                       "next": "bye", "onInvalid": "bye", "onTimeout": "bye"},
//!               "bye": {"type": "hangup"}}}"##).unwrap();
//! let program = Arc::new(Program::compile("pin", &flow, &Surroundings::default()).unwrap());
//! let script = serde_json::from_str(r##"[{"digits": "12#"}, {"silence": 1.5}, {"digits": "4711"}]"##).unwrap();
//! let simulation = simulate(program, &Given::default(), script);
//! assert_eq!(simulation.path, ["ask", "bye"]);
//! assert_eq!(simulation.heard, ["Your PIN?", "Your PIN?"]);
//! assert_eq!(simulation.ended, "hangup");
//! ```

mod host;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use host::run;
pub use host::simulate;

use crate::expr::Value;
use crate::machine::Step;

/// What there is before the call begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Given {
    /// When the call comes, in the years 1970 to 9999.
    #[serde(deserialize_with = "instant")]
    #[schemars(with = "String")]
    pub at: DateTime<Utc>,
    /// The company's time zone.
    #[schemars(with = "String")]
    pub timezone: Tz,
    /// The number of the caller.
    pub caller: String,
    /// The caller's name.
    pub caller_name: String,
    /// The number that was called.
    pub called: String,
    /// Variables that begin with another value.
    pub variables: BTreeMap<String, Value>,
    /// How queues stand, by their name in the flow; others have an agent who is free.
    pub queues: BTreeMap<String, GivenQueue>,
    /// What decides chance.
    pub seed: u64,
}

impl Default for Given {
    /// Noon of a Wednesday in UTC.
    fn default() -> Self {
        Self {
            at: DateTime::UNIX_EPOCH + chrono::Duration::days(20_635) + chrono::Duration::hours(12),
            timezone: Tz::UTC,
            caller: "+12025550199".to_owned(),
            caller_name: String::new(),
            called: "+12025550123".to_owned(),
            variables: BTreeMap::new(),
            queues: BTreeMap::new(),
            seed: 1,
        }
    }
}

/// An instant whose local time exists in every zone.
fn instant<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let at = DateTime::<Utc>::deserialize(deserializer)?;
    if (1970..=9999).contains(&at.year()) {
        Ok(at)
    } else {
        Err(serde::de::Error::custom(format_args!("{at} is not in the years 1970 to 9999")))
    }
}

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, expecting = "expected how the queue stands, an object")]
pub struct GivenQueue {
    /// Agents who could take a call now.
    pub available: u32,
    /// Agents who are there, busy or not.
    pub staffed: u32,
    /// Calls that wait.
    pub waiting: u32,
    /// How long the first of them has waited, in seconds.
    pub oldest_seconds: u32,
    /// Nobody knows.
    pub unknown: bool,
}

/// A step of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// Presses a key, as soon as it is heard.
    Digit(String),
    /// Presses several, 200 ms apart.
    Digits(String),
    /// Presses a key at once, heard or not.
    Early(String),
    /// Does nothing, for so many seconds.
    Silence(
        #[serde(deserialize_with = "seconds")]
        #[schemars(range(min = 0, max = 86_400))]
        f64,
    ),
    /// A web service that was asked answers.
    Webhook(Reply),
    /// What becomes of a wait in a queue.
    Queue(QueueWord),
    /// What becomes of a call to somebody.
    Dial(DialWord),
    /// A message of so many seconds is spoken; null when nothing can be recorded.
    Record(
        #[serde(deserialize_with = "seconds_or_null")]
        #[schemars(range(min = 0, max = 86_400))]
        Option<f64>,
    ),
    /// Whether a callback can be arranged.
    Callback(bool),
    /// What is being played, or is played next, cannot be played.
    PlayFails(bool),
    /// The caller hangs up.
    Hangup(bool),
}

/// A length in seconds, up to a day.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).and_then(within_a_day)
}

fn seconds_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<f64>::deserialize(deserializer)?.map(within_a_day).transpose()
}

fn within_a_day<E: serde::de::Error>(seconds: f64) -> Result<f64, E> {
    if (0.0..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(E::custom(format_args!("{seconds} is not from 0 to 86400 seconds")))
    }
}

/// The answer of a web service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "expected an answer with status and body, an object"
)]
pub struct Reply {
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The body: JSON, or text as it is.
    #[serde(default)]
    pub body: serde_json::Value,
    /// No answer, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

const fn ok() -> u16 {
    200
}

/// Why a web service gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Failure {
    /// Not in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// An address that may not be reached.
    Forbidden,
    /// An answer that is too large, or no text.
    Unreadable,
}

/// What becomes of a wait in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QueueWord {
    /// An agent answers.
    Connected,
    /// The agent hangs up.
    Ended,
    /// The queue's longest wait is over.
    TimedOut,
    /// The queue does not take the call.
    Refused,
}

/// What becomes of a call to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DialWord {
    /// Somebody answers.
    Connected,
    /// They hang up.
    Ended,
    /// Busy.
    Busy,
    /// Nobody answers.
    NoAnswer,
    /// Not reachable.
    Failed,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// Every step, and why.
    pub trace: Vec<Step>,
    /// The nodes in the order they were entered.
    pub path: Vec<String>,
    /// What was heard: texts as they were said, recordings as `[name]`.
    pub heard: Vec<String>,
    /// What was asked of others, a line each: `queue Sales`, `dial +49…`, `record Clinic`, `callback +49… Sales`, `tag a, b`.
    pub actions: Vec<String>,
    /// Requests to web services.
    pub requests: Vec<Asked>,
    /// The variables at the end; secrets are null.
    pub variables: BTreeMap<String, Value>,
    /// How it ended: `hangup`, `caller`, `completed`, `message`, or `fault: …`.
    pub ended: String,
    /// How long it took, in milliseconds of the call.
    pub ended_ms: u64,
    /// Steps of the script that found no place, from 0: a reply that nothing asked for, a key after the end.
    pub unused: Vec<usize>,
}

/// A request to a web service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Where.
    pub url: String,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON.
    pub body: Option<serde_json::Value>,
}
