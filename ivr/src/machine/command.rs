//! What goes into a machine and what comes out.

use std::sync::Arc;
use std::time::Duration;

pub use crate::flow::node::{Cause, Method};

/// Names a prompt being played, a request under way or a recording; each is used once in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u32);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The call is there and hears us.
    Begin,
    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`. Others are not heard.
    Key(char),
    /// A prompt was played to its end. Not told of one that was stopped or is repeated.
    Played(Token),
    /// A prompt could not be played.
    PlayFailed(Token, PlayFailure),
    /// A web service answered, or did not.
    Answered(Token, Result<Answer, RequestFailure>),
    /// How a queue stands; `None` when it cannot be told.
    QueueStatus(Token, Option<QueueStatus>),
    /// Something happened to the wait in a queue.
    Queue(QueueEvent),
    /// Something happened to somebody called.
    Dial(DialEvent),
    /// A message ended, and how long it is without silence at its ends; `None` when nothing could be recorded.
    Recorded(Token, Option<Duration>),
    /// A callback was arranged, or was not.
    Callback(Token, bool),
    /// The caller is gone.
    HungUp,
}

/// Why a prompt could not be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PlayFailure {
    /// The text could not be spoken.
    #[error("the text could not be spoken")]
    Speech,
    /// Nobody speaks the language.
    #[error("there is no voice for this language")]
    Language,
    /// No recording has the name.
    #[error("there is no recording of this name")]
    NoRecording,
    /// The recording is lost or broken.
    #[error("the recording cannot be read")]
    Unreadable,
    /// The call carries no audio that can be spoken into.
    #[error("the call has no audio")]
    NoAudio,
}

/// The answer of a web service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as it came.
    pub body: String,
}

/// Why a web service gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RequestFailure {
    /// Not in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection.
    #[error("no connection")]
    Unreachable,
    /// An address that may not be reached.
    #[error("an address that may not be reached")]
    Forbidden,
    /// An answer that is too large, or no text.
    #[error("an answer that cannot be read")]
    Unreadable,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// Agents who could take a call now.
    pub available: u32,
    /// Agents who are there, busy or not.
    pub staffed: u32,
    /// Calls that wait.
    pub waiting: u32,
    /// How long the first of them has waited.
    pub oldest: Duration,
}

/// What became of a wait in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueEvent {
    /// An agent talks to the caller.
    Connected,
    /// The agent has hung up.
    Ended,
    /// The call is out of the queue, as was asked for.
    Left,
    /// The queue's own rules took it out: its longest wait is over.
    TimedOut,
    /// The queue does not take the call, or no longer.
    Refused,
}

/// What became of a call to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialEvent {
    /// They talk.
    Connected,
    /// The other one has hung up.
    Ended,
    /// Busy or declined.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// They could not be called.
    Failed(DialFailure),
}

/// Why somebody could not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DialFailure {
    /// There is no such agent or extension.
    #[error("there is nobody of this name or number")]
    Nobody,
    /// The number is none, or not one that a flow may call.
    #[error("a number that may not be called")]
    Forbidden,
    /// Nothing carries the call.
    #[error("there is no line to call on")]
    NoLine,
    /// Not reachable.
    #[error("not reachable")]
    Unreachable,
}

/// What the host has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Play sounds one after another; answer with [`Input::Played`] or [`Input::PlayFailed`]. What played before has ended or was
    /// stopped.
    Play {
        /// Names it.
        play: Token,
        /// The sounds.
        sounds: Vec<Sound>,
        /// The language of what is said.
        language: Arc<str>,
        /// Whether to begin again at the end, until it is stopped.
        repeat: bool,
    },
    /// Stop playing; nothing is answered.
    StopPlay(Token),
    /// Ask a web service; answer with [`Input::Answered`].
    Request(Token, Request),
    /// Find out how a queue stands; answer with [`Input::QueueStatus`].
    AskQueue(Token, Arc<str>),
    /// Let the call wait in a queue; answer with [`Input::Queue`].
    Enqueue(Enqueue),
    /// Take the call out of the queue; answer with [`Input::Queue`]: [`QueueEvent::Left`], unless an agent was faster.
    Dequeue,
    /// Call somebody and connect them; answer with [`Input::Dial`].
    Dial(Dial),
    /// Record what the caller says; answer with [`Input::Recorded`].
    Record(Token, Record),
    /// End the message now; its [`Input::Recorded`] follows.
    StopRecord(Token),
    /// Record both sides of the call from now on.
    StartCallRecording,
    /// End that.
    StopCallRecording,
    /// Arrange that the caller is called back; answer with [`Input::Callback`].
    RequestCallback(Token, CallbackRequest),
    /// Note something with the call.
    Tag {
        /// Words it can be found by.
        tags: Vec<String>,
        /// Its outcome.
        disposition: Option<String>,
    },
    /// The flow is over. It comes once, last of all; what is still played is to be stopped, and the caller, unless gone, hung up.
    Finish(Finish),
}

/// A sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A recording, by name.
    Audio(Arc<str>),
    /// A text to say.
    Say(String),
    /// Nothing.
    Silence(Duration),
    /// A tone of 1,000 Hz.
    Beep(Duration),
}

/// A request to a web service. Its parts may hold secrets: they are not to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body, JSON.
    pub body: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A wait in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    /// The queue, by name or id.
    pub queue: Arc<str>,
    /// Higher goes first: -100 to 100.
    pub priority: i8,
    /// Whom the call needs.
    pub skills: Vec<Skill>,
}

/// What a call needs in an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// The skill.
    pub name: String,
    /// The least level.
    pub level: u8,
    /// Whether nobody without it may take the call.
    pub required: bool,
}

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom.
    pub to: Destination,
    /// How long to let it ring.
    pub timeout: Duration,
    /// The number that is shown.
    pub caller_id: Option<String>,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An agent, by id or e-mail address.
    Agent(String),
    /// A short number.
    Extension(String),
    /// A telephone number.
    Number(String),
}

/// A message to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose mailbox.
    pub mailbox: Arc<str>,
    /// The longest.
    pub max: Duration,
    /// What is shorter is thrown away.
    pub min: Duration,
    /// The silence that ends it.
    pub silence: Duration,
}

/// A callback to arrange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRequest {
    /// The number.
    pub number: String,
    /// The queue whose agents call back.
    pub queue: Arc<str>,
    /// How long to wait before the first attempt.
    pub delay: Duration,
    /// How often to try.
    pub attempts: u8,
    /// How long to wait between attempts.
    pub retry: Duration,
}

/// How a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The flow ends the call.
    HangUp(Cause),
    /// The caller hung up.
    Caller,
    /// Whoever talked to the caller hung up, and nothing follows.
    Completed,
    /// A message was taken, and nothing follows.
    Message,
    /// The flow could not go on.
    Fault(Fault),
}

/// Why a flow could not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// More steps than a call may take.
    #[error("too many steps")]
    Steps,
    /// More steps than may follow each other without waiting for anything.
    #[error("too many steps without waiting for anything")]
    Rush,
    /// The call has been in the flow too long.
    #[error("too long in the flow")]
    Time,
    /// Flows within flows too deep.
    #[error("flows within flows are too deep")]
    Depth,
    /// Something failed, and the flow does not say where to go then.
    #[error("a failure that the flow has no branch for")]
    Unhandled,
}

/// An input that makes no sense; the machine is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// A call begins once.
    #[error("the call has begun already")]
    AlreadyBegun,
    /// A call has to begin first.
    #[error("the call has not begun")]
    NotBegun,
}
