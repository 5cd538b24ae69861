//! What nodes have become.

use std::sync::Arc;
use std::time::Duration;

use crate::calendar::Calendar;
use crate::expr::Expression;
use crate::flow::node::{Cause, Method, Terminator};
use crate::template::Template;

/// A branch, by its place among the node's; `None` where there is none.
pub(crate) type Way = Option<u16>;

/// What is played, for each language of the flow in its order.
pub(crate) type Prompt = Box<[Box<[Piece]>]>;

#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Audio(Arc<str>),
    Say(Template),
    Digits(Expression),
    Silence(Duration),
    Beep(Duration),
}

#[derive(Debug)]
pub(crate) enum Op {
    Play(PlayOp),
    Menu(MenuOp),
    Collect(CollectOp),
    CollectPhone(PhoneOp),
    Language {
        to: Template,
        next: Way,
    },
    Condition {
        cases: Box<[CaseOp]>,
        otherwise: Way,
    },
    Set {
        values: Box<[(usize, Expression)]>,
        next: Way,
    },
    Hours {
        calendar: Box<Calendar>,
        open: Way,
        closed: Way,
        holiday: Way,
    },
    QueueStatus(QueueStatusOp),
    Webhook(Box<WebhookOp>),
    Queue(Box<QueueOp>),
    Dial(DialOp),
    Voicemail(VoicemailOp),
    RecordStart {
        beep: bool,
        next: Way,
    },
    RecordStop {
        next: Way,
    },
    Callback(CallbackOp),
    /// The way of each hundredth.
    Split {
        ways: Box<[u16]>,
    },
    Subflow(SubflowOp),
    Return,
    Tag {
        tags: Box<[Template]>,
        disposition: Option<Template>,
        next: Way,
    },
    Hangup {
        prompt: Option<Arc<Prompt>>,
        cause: Cause,
    },
}

#[derive(Debug)]
pub(crate) struct PlayOp {
    pub(crate) prompt: Arc<Prompt>,
    pub(crate) barge_in: bool,
    pub(crate) next: Way,
    pub(crate) fail: Way,
}

/// What asking for keys has in common.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) prompt: Arc<Prompt>,
    pub(crate) invalid: Option<Arc<Prompt>>,
    pub(crate) timeout: Option<Arc<Prompt>>,
    pub(crate) barge_in: bool,
    pub(crate) first: Duration,
    pub(crate) inter: Duration,
    pub(crate) retries: u8,
    pub(crate) on_invalid: Way,
    pub(crate) on_timeout: Way,
    /// Whether the keys are not to be seen.
    pub(crate) secret: bool,
}

#[derive(Debug)]
pub(crate) struct MenuOp {
    pub(crate) gathering: Gathering,
    pub(crate) entries: Box<[(Box<str>, u16)]>,
    pub(crate) into: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct CollectOp {
    pub(crate) gathering: Gathering,
    pub(crate) into: usize,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) terminator: Terminator,
    pub(crate) valid: Option<Expression>,
    pub(crate) next: Way,
}

#[derive(Debug)]
pub(crate) struct PhoneOp {
    pub(crate) gathering: Gathering,
    pub(crate) into: usize,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) country_code: Option<Box<str>>,
    pub(crate) offer_caller: bool,
    pub(crate) confirm: Option<Arc<Prompt>>,
    pub(crate) next: Way,
}

#[derive(Debug)]
pub(crate) struct CaseOp {
    pub(crate) when: Expression,
    pub(crate) way: u16,
}

#[derive(Debug)]
pub(crate) struct QueueStatusOp {
    pub(crate) queue: Arc<str>,
    pub(crate) available: Way,
    pub(crate) busy: Way,
    pub(crate) unstaffed: Way,
    pub(crate) waiting_into: Option<usize>,
    pub(crate) oldest_into: Option<usize>,
    pub(crate) fail: Way,
}

/// A body of JSON whose texts are templates.
#[derive(Debug)]
pub(crate) enum Body {
    Plain(serde_json::Value),
    Text(Template),
    List(Box<[Body]>),
    Object(Box<[(Box<str>, Body)]>),
}

#[derive(Debug)]
pub(crate) struct WebhookOp {
    pub(crate) method: Method,
    /// Literal parts and expressions, told apart so that values can be percent-encoded.
    pub(crate) url: Template,
    pub(crate) headers: Box<[(Box<str>, Template)]>,
    pub(crate) body: Option<Body>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u8,
    pub(crate) wait: Option<Arc<Prompt>>,
    pub(crate) save: Box<[(usize, Box<str>)]>,
    /// The statuses, `404` or `4xx`, and their ways; single ones before classes.
    pub(crate) statuses: Box<[(Box<str>, u16)]>,
    pub(crate) actions: bool,
    /// The nodes that an action may go to.
    pub(crate) targets: Box<[(Box<str>, u16)]>,
    pub(crate) next: Way,
    pub(crate) fail: Way,
}

/// An action of a web service, checked.
#[derive(Debug)]
pub(crate) enum Act {
    Set(usize, crate::expr::Value),
    Say(String),
    Play(Arc<Prompt>),
    Language(String),
    Goto(u16),
    Hangup,
}

#[derive(Debug)]
pub(crate) struct SkillOp {
    pub(crate) name: Template,
    pub(crate) level: u8,
    pub(crate) required: bool,
}

#[derive(Debug)]
pub(crate) enum WaitOp {
    Play(Arc<Prompt>),
    Pause(Duration),
    Offer { prompt: Arc<Prompt>, key: char },
    Leave,
}

#[derive(Debug)]
pub(crate) struct QueueOp {
    pub(crate) queue: Arc<str>,
    pub(crate) priority: Option<Expression>,
    pub(crate) skills: Box<[SkillOp]>,
    pub(crate) wait: Box<[WaitOp]>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) leave_key: Option<char>,
    pub(crate) next: Way,
    pub(crate) on_timeout: Way,
    pub(crate) on_leave: Way,
    pub(crate) on_callback: Way,
    pub(crate) fail: Way,
}

#[derive(Debug)]
pub(crate) struct DialOp {
    pub(crate) to: Template,
    pub(crate) kind: DialKind,
    pub(crate) timeout: Duration,
    pub(crate) caller_id: Option<Template>,
    pub(crate) next: Way,
    pub(crate) on_busy: Way,
    pub(crate) on_no_answer: Way,
    pub(crate) fail: Way,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum DialKind {
    Agent,
    Extension,
    Number,
}

#[derive(Debug)]
pub(crate) struct VoicemailOp {
    pub(crate) mailbox: Arc<str>,
    pub(crate) greeting: Option<Arc<Prompt>>,
    pub(crate) beep: bool,
    pub(crate) max: Duration,
    pub(crate) min: Duration,
    pub(crate) silence: Duration,
    pub(crate) finish_key: Terminator,
    pub(crate) next: Way,
    pub(crate) on_empty: Way,
    pub(crate) fail: Way,
}

#[derive(Debug)]
pub(crate) struct CallbackOp {
    pub(crate) number: Option<Template>,
    pub(crate) queue: Arc<str>,
    pub(crate) delay: Duration,
    pub(crate) attempts: u8,
    pub(crate) retry: Duration,
    pub(crate) next: Way,
    pub(crate) fail: Way,
}

#[derive(Debug)]
pub(crate) struct SubflowOp {
    /// The place among the program's flows.
    pub(crate) flow: u16,
    /// The place of each parameter there, and its expression here.
    pub(crate) with: Box<[(usize, Expression)]>,
    /// The place of each variable here, and of the one there.
    pub(crate) returns: Box<[(usize, usize)]>,
    pub(crate) next: Way,
}
