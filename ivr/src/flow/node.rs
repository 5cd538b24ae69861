//! The kinds of nodes. A branch is a field that names the node to go to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Words;
pub use super::choice::{Cause, Method, Terminator};
use super::defaults::{
    fifteen, five, five_minutes, five_seconds, one, one_second, seven, thirty, three, three_minutes, three_seconds,
    two, two_seconds, yes,
};

macro_rules! nodes {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// A node of a flow; `type` says which.
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        #[serde(tag = "type", rename_all = "camelCase")]
        pub enum Node {
            $($(#[$doc])* $kind($kind),)*
        }

        impl Node {
            /// The words of `type`.
            pub const KINDS: &'static [&'static str] = &[$($word),*];

            /// The word of `type`.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $word,)*
                }
            }

            /// Reads the fields of a node whose `type` was read before. `None` when there is no such kind.
            pub(super) fn of_kind(
                kind: &str,
                fields: serde_json::Value,
            ) -> Option<Result<Self, serde_path_to_error::Error<serde_json::Error>>> {
                match kind {
                    $($word => Some(serde_path_to_error::deserialize(fields).map(Self::$kind)),)*
                    _ => None,
                }
            }

            pub(crate) fn visit<'a>(&'a self, visitor: &mut dyn super::Visitor<'a>) {
                match self {
                    $(Self::$kind(node) => node.visit(visitor),)*
                }
            }
        }

        #[cfg(test)]
        mod kinds {
            #[test]
            fn every_kind_is_written_by_its_word() {
                let schema = super::super::Flow::schema().to_string();
                for kind in super::Node::KINDS {
                    assert!(schema.contains(&format!("\"const\":\"{kind}\"")), "{kind}");
                }
            }
        }
    };
}

nodes! {
    /// Plays a prompt.
    Play = "play",
    /// Says a text.
    Say = "say",
    /// Lets the caller choose by keys.
    Menu = "menu",
    /// Collects digits into a variable.
    Collect = "collect",
    /// Collects a telephone number and has it confirmed.
    CollectPhone = "collectPhone",
    /// Changes the language of the prompts that follow.
    Language = "language",
    /// Goes where the first condition that is true says.
    Condition = "condition",
    /// Sets variables.
    Set = "set",
    /// Goes by a calendar.
    Hours = "hours",
    /// Goes by who is there in a queue.
    QueueStatus = "queueStatus",
    /// Asks a web service.
    Webhook = "webhook",
    /// Lets the caller wait for an agent.
    Queue = "queue",
    /// Calls an agent, an extension or a number and connects it.
    Dial = "dial",
    /// Takes a message.
    Voicemail = "voicemail",
    /// Begins to record the call.
    RecordStart = "recordStart",
    /// Ends the recording of the call.
    RecordStop = "recordStop",
    /// Has the caller called back.
    Callback = "callback",
    /// Goes by chance.
    Split = "split",
    /// Goes through another flow and comes back.
    Subflow = "subflow",
    /// Ends a subflow; in the flow that the call began with it hangs up.
    Return = "return",
    /// Notes something with the call.
    Tag = "tag",
    /// Ends the call.
    Hangup = "hangup",
}

/// Plays a prompt, then goes on.
///
/// A key pressed meanwhile ends it when `bargeIn` is true and is kept for the next node that asks for keys; otherwise it is dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Play {
    /// The prompt.
    pub prompt: String,
    /// Whether a key ends it.
    #[serde(default = "yes")]
    pub barge_in: bool,
    /// Where to go on.
    pub next: Option<String>,
    /// Where to go when it cannot be played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<String>,
}

/// Says a text, then goes on. As [`Play`], for what is needed once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Say {
    /// The text, a template.
    pub text: Words,
    /// Whether a key ends it.
    #[serde(default = "yes")]
    pub barge_in: bool,
    /// Where to go on.
    pub next: Option<String>,
    /// Where to go when it cannot be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<String>,
}

/// Lets the caller choose by keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Menu {
    /// Says what there is to choose.
    pub prompt: String,
    /// Where each key, or row of keys, leads.
    pub entries: BTreeMap<String, String>,
    /// Whether keys are taken while the prompt is played.
    #[serde(default = "yes")]
    pub barge_in: bool,
    /// How long to wait for the first key, in milliseconds: 100 to 60,000.
    #[serde(default = "five_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub timeout_ms: u32,
    /// How long to wait for the next key of an entry of several, in milliseconds: 100 to 60,000.
    #[serde(default = "two_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub inter_digit_ms: u32,
    /// How often the prompt is repeated after nothing or nothing sensible was pressed: 0 to 9.
    #[serde(default = "two")]
    #[schemars(range(max = 9))]
    pub retries: u8,
    /// Played before the prompt is repeated after a key that leads nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_prompt: Option<String>,
    /// Played before the prompt is repeated after no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_prompt: Option<String>,
    /// The variable that takes the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Where to go when the last try was a key that leads nowhere.
    pub on_invalid: Option<String>,
    /// Where to go when in the last try no key came.
    pub on_timeout: Option<String>,
}

/// Collects digits into a variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Collect {
    /// Asks for the digits.
    pub prompt: String,
    /// The variable that takes them, as text.
    pub into: String,
    /// The fewest digits that are accepted: 0 to 64.
    #[serde(default = "one")]
    #[schemars(range(max = 64))]
    pub min: u8,
    /// The most; after this many it goes on by itself: 1 to 64.
    #[schemars(range(min = 1, max = 64))]
    pub max: u8,
    /// The key that ends the input.
    #[serde(default)]
    pub terminator: Terminator,
    /// How long to wait for the first digit, in milliseconds: 100 to 60,000.
    #[serde(default = "five_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub first_digit_ms: u32,
    /// How long to wait for each further digit, in milliseconds: 100 to 60,000. Enough digits are then accepted as they are.
    #[serde(default = "three_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub inter_digit_ms: u32,
    /// How often to ask again: 0 to 9.
    #[serde(default = "two")]
    #[schemars(range(max = 9))]
    pub retries: u8,
    /// Whether keys are taken while the prompt is played.
    #[serde(default = "yes")]
    pub barge_in: bool,
    /// Whether the digits are a secret: the variable has to be one, and traces show dots.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub mask: bool,
    /// A condition that the digits have to meet, as the variable's value; else they count as invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<String>,
    /// Played before asking again after too few digits or ones that are not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_prompt: Option<String>,
    /// Played before asking again after none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_prompt: Option<String>,
    /// Where to go with the digits.
    pub next: Option<String>,
    /// Where to go when the last try was invalid.
    pub on_invalid: Option<String>,
    /// Where to go when in the last try no digit came.
    pub on_timeout: Option<String>,
}

/// Collects a telephone number and has it confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectPhone {
    /// Asks for the number.
    pub prompt: String,
    /// The variable that takes it, as text.
    pub into: String,
    /// The fewest digits: 3 to 15 (E.164).
    #[serde(default = "seven")]
    #[schemars(range(min = 3, max = 15))]
    pub min: u8,
    /// The most digits: 3 to 15.
    #[serde(default = "fifteen")]
    #[schemars(range(min = 3, max = 15))]
    pub max: u8,
    /// The calling code put in place of a leading 0, `+49`. A leading 00 becomes `+` in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// Whether the number the caller calls from is offered for confirmation first.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub offer_caller: bool,
    /// Played after the number was read back: "press 1 if this is right, 2 to enter it again". Without it nothing is read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_prompt: Option<String>,
    /// How long to wait for the first digit, in milliseconds: 100 to 60,000.
    #[serde(default = "five_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub first_digit_ms: u32,
    /// How long to wait for each further digit, in milliseconds: 100 to 60,000.
    #[serde(default = "three_seconds")]
    #[schemars(range(min = 100, max = 60_000))]
    pub inter_digit_ms: u32,
    /// How often to ask again: 0 to 9.
    #[serde(default = "two")]
    #[schemars(range(max = 9))]
    pub retries: u8,
    /// Played before asking again after something that is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_prompt: Option<String>,
    /// Where to go with the number.
    pub next: Option<String>,
    /// Where to go when the last try was no number, or was not confirmed.
    pub on_invalid: Option<String>,
    /// Where to go when in the last try nothing came.
    pub on_timeout: Option<String>,
}

/// Changes the language of the prompts that follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Language {
    /// The language, a template. One the flow does not speak changes nothing.
    pub to: String,
    /// Where to go on.
    pub next: Option<String>,
}

/// Goes where the first condition that is true says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The conditions, in the order they are tried.
    pub cases: Vec<Case>,
    /// Where to go when none is true. A condition that cannot be computed is not true.
    pub otherwise: Option<String>,
}

/// A condition and where it leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// An expression.
    pub when: String,
    /// Where to go when it is true.
    pub next: String,
}

/// Sets variables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Set {
    /// The expression of each variable. All are computed before any is set; one that cannot be computed becomes null.
    pub values: BTreeMap<String, String>,
    /// Where to go on.
    pub next: Option<String>,
}

/// Goes by a calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hours {
    /// The calendar, of the flow or of the company.
    pub calendar: String,
    /// Where to go while it is open.
    pub open: Option<String>,
    /// Where to go while it is closed.
    pub closed: Option<String>,
    /// Where to go while it is closed on a holiday; as `closed` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holiday: Option<String>,
}

/// Goes by who is there in a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueStatus {
    /// The queue, by name or id.
    pub queue: String,
    /// Where to go when an agent could take the call now.
    pub available: Option<String>,
    /// Where to go when agents are there but all are busy.
    pub busy: Option<String>,
    /// Where to go when nobody is there.
    pub unstaffed: Option<String>,
    /// The variable that takes the number of calls that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_into: Option<String>,
    /// The variable that takes how long the first of them has waited, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_into: Option<String>,
    /// Where to go when it cannot be told; as `unstaffed` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<String>,
}

/// Asks a web service while the caller hears a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// Where, a template; `https://` or `http://`. Values in it are percent-encoded.
    pub url: String,
    /// Headers, templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body: JSON whose texts are templates. A text that is one expression and nothing else keeps the type of its value. Without
    /// it the body of a POST, PUT or PATCH is the call and its variables, secrets left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// How long an attempt may take, in milliseconds: 100 to 30,000.
    #[serde(default = "five_seconds")]
    #[schemars(range(min = 100, max = 30_000))]
    pub timeout_ms: u32,
    /// How often to try again after no answer, a 429 or a 5xx: 0 to 3.
    #[serde(default)]
    #[schemars(range(max = 3))]
    pub retries: u8,
    /// Played over and over until the answer is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_prompt: Option<String>,
    /// The variables that take parts of a 2xx answer, by JSON Pointer (RFC 6901): `{"name": "/customer/name"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, String>,
    /// Where answers of other statuses lead: `404`, or `4xx`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on_status: BTreeMap<String, String>,
    /// Whether `actions` of a 2xx answer are carried out: [`super::action::Action`].
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub actions: bool,
    /// The nodes that an action may go to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Where to go after a 2xx.
    pub next: Option<String>,
    /// Where to go after no answer, one that is no JSON though something is to be read from it, or a status that has no branch.
    pub on_fail: Option<String>,
}

/// What a call is looked for in an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Skill {
    /// The skill, a template.
    pub name: String,
    /// The least level: 1 to 10.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub level: u8,
    /// Whether nobody without it may take the call.
    #[serde(default = "yes")]
    pub required: bool,
}

/// A step of what a caller hears while waiting; after the last one it begins again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum WaitStep {
    /// Plays a prompt.
    Play(String),
    /// Says a text.
    Say(Words),
    /// Nothing but the queue's music, for so many milliseconds: 100 to 600,000.
    Pause(#[schemars(range(min = 100, max = 600_000))] u32),
    /// Offers to be called back: whoever presses the key leaves by `onCallback`.
    OfferCallback(CallbackOffer),
    /// Leaves the queue by `onLeave`.
    Leave {},
}

/// An offer to be called back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallbackOffer {
    /// Says which key to press.
    pub prompt: String,
    /// The key.
    pub key: String,
}

/// Lets the caller wait for an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// The queue, by name or id.
    pub queue: String,
    /// An expression: higher goes first; -100 to 100, 0 where it cannot be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Whom the call needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
    /// What the caller hears meanwhile; the queue's music where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wait: Vec<WaitStep>,
    /// How long to wait, in seconds: 1 to 7,200; as the queue says where nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 7_200))]
    pub max_wait_seconds: Option<u32>,
    /// A key that leaves the queue by `onLeave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_key: Option<String>,
    /// Where the caller goes when the agent has hung up; without it the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where to go when nobody came in time.
    pub on_timeout: Option<String>,
    /// Where to go when the caller left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_leave: Option<String>,
    /// Where to go when the caller wants to be called back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_callback: Option<String>,
    /// Where to go when the queue takes no call: full, closed, gone.
    pub on_fail: Option<String>,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum DialTo {
    /// An agent, by id or e-mail address; a template.
    Agent(String),
    /// A short number; a template.
    Extension(String),
    /// A telephone number; a template.
    Number(String),
}

/// Calls somebody and connects them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dial {
    /// Whom.
    pub to: DialTo,
    /// How long to let it ring, in seconds: 1 to 300.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u16,
    /// The number that is shown, a template; the called number where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// Where the caller goes when the other one has hung up; without it the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where to go when it is busy or declined; as `onFail` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_busy: Option<String>,
    /// Where to go when nobody answers; as `onFail` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_no_answer: Option<String>,
    /// Where to go when it cannot be reached.
    pub on_fail: Option<String>,
}

/// Takes a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Voicemail {
    /// Whose mailbox, as people name it.
    pub mailbox: String,
    /// Played first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    /// Whether there is a beep before the recording.
    #[serde(default = "yes")]
    pub beep: bool,
    /// The longest message, in seconds: 1 to 14,400.
    #[serde(default = "three_minutes")]
    #[schemars(range(min = 1, max = 14_400))]
    pub max_seconds: u32,
    /// The shortest message that is kept, in seconds.
    #[serde(default = "one_second")]
    pub min_seconds: u32,
    /// The silence that ends it, in seconds: 1 to 60.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 60))]
    pub silence_seconds: u8,
    /// The key that ends it.
    #[serde(default)]
    pub finish_key: Terminator,
    /// Where to go with a message; without it the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where to go when nothing was said; as `next` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_empty: Option<String>,
    /// Where to go when nothing can be recorded.
    pub on_fail: Option<String>,
}

/// Begins to record the call: both sides, until [`RecordStop`] or the end. A call that is recorded already goes on being so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordStart {
    /// Whether there is a beep first.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub beep: bool,
    /// Where to go on.
    pub next: Option<String>,
}

/// Ends the recording of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordStop {
    /// Where to go on.
    pub next: Option<String>,
}

/// Has the caller called back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Callback {
    /// The number, a template; the number the caller calls from where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The queue whose agents call back, by name or id.
    pub queue: String,
    /// How long to wait before the first attempt, in seconds, at most a day.
    #[serde(default)]
    #[schemars(range(max = 86_400))]
    pub delay_seconds: u32,
    /// How often to try: 1 to 10.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u8,
    /// How long to wait between attempts, in seconds: 1 to 86,400.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 86_400))]
    pub retry_seconds: u32,
    /// Where to go on.
    pub next: Option<String>,
    /// Where to go when it cannot be arranged: no number, one that may not be called.
    pub on_fail: Option<String>,
}

/// Goes by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Split {
    /// The ways, with the share of calls each gets.
    pub branches: Vec<Share>,
}

/// A way and its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// Of a hundred; all shares together are a hundred.
    #[schemars(range(min = 1, max = 100))]
    pub percent: u8,
    /// Where it leads.
    pub next: String,
}

/// Goes through another flow and comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subflow {
    /// The flow, by name.
    pub flow: String,
    /// The expression of each of its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// The variables here that take those of the other flow when it returns: `{"here": "there"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returns: BTreeMap<String, String>,
    /// Where to go when it returns.
    pub next: Option<String>,
}

/// Ends a subflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Return {}

/// Notes something with the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tag {
    /// Words the call can be found by; templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The outcome of the call, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Where to go on.
    pub next: Option<String>,
}

/// Ends the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hangup {
    /// Played first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What the caller's network is told.
    #[serde(default)]
    pub cause: Cause,
}
