//! What callers meet while they wait in a queue, as clients see it.

use dialplane_core::id::{CalendarId, ExtensionId, FlowId, QueueId, UserId};
use dialplane_core::pii::Pii;
use dialplane_core::queue::announce::Announce;
use dialplane_core::queue::overflow::{ExitKey, OverflowStep};
use dialplane_core::queue::waiting::{CallbackFirst, Music, Preferred, PreferredAgent};
use dialplane_core::queue::{OverflowTarget, Waiting};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::queues::QueueInput;
use crate::http::faults::Faults;
use crate::problem::Problem;

/// Where a caller goes from a queue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OverflowTargetView {
    /// queue, flow, voicemail, number, agent, extension or callback.
    #[serde(rename = "type")]
    kind: String,
    /// The id of a queue, flow, agent or extension; the name of a mailbox; a telephone number. A callback has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl OverflowTargetView {
    fn of(target: &OverflowTarget) -> Self {
        let id = match target {
            OverflowTarget::Queue(id) => Some(id.to_string()),
            OverflowTarget::Flow(id) => Some(id.to_string()),
            OverflowTarget::Agent(id) => Some(id.to_string()),
            OverflowTarget::Extension(id) => Some(id.to_string()),
            OverflowTarget::Voicemail(mailbox) => Some(mailbox.clone()),
            OverflowTarget::Number(number) => Some(number.expose().clone()),
            OverflowTarget::Callback => None,
        };
        Self { kind: target.kind().to_owned(), id }
    }

    fn target(self, field: &'static str) -> Result<OverflowTarget, Problem> {
        let Self { kind, id } = self;
        if kind == OverflowTarget::Callback.kind() {
            return Ok(OverflowTarget::Callback);
        }
        let id = id.ok_or_else(|| Problem::field(field, "a target has an id"))?;
        Ok(match kind.as_str() {
            "queue" => OverflowTarget::Queue(read::<QueueId>(field, &id)?),
            "flow" => OverflowTarget::Flow(read::<FlowId>(field, &id)?),
            "agent" => OverflowTarget::Agent(read::<UserId>(field, &id)?),
            "extension" => OverflowTarget::Extension(read::<ExtensionId>(field, &id)?),
            "voicemail" => OverflowTarget::Voicemail(id),
            "number" => OverflowTarget::Number(Pii::new(id)),
            _ => {
                let kinds = OverflowTarget::KINDS.join(", ");
                return Err(Problem::field(field, format!("the type of a target is one of {kinds}")));
            }
        })
    }
}

fn read<T: std::str::FromStr>(field: &'static str, id: &str) -> Result<T, Problem> {
    id.trim().parse().map_err(|_| Problem::field(field, "the id of this target is a UUID"))
}

/// A step of the overflow chain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverflowStepView {
    /// After so many seconds in the queue, 0 to 7,200. A step that leads nowhere, as to a queue they come from or an agent without a phone, is
    /// passed over, and they wait on. Callers who wait already go by what was set when they came.
    #[serde(alias = "after_seconds")]
    after_seconds: u32,
    target: OverflowTargetView,
}

/// A key that takes a waiting caller elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExitKeyView {
    /// A digit, * or #.
    key: String,
    target: OverflowTargetView,
}

/// What waiting callers are told from time to time; the first time at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnnounceView {
    /// Seconds from one announcement to the next, 10 to 3,600.
    #[serde(alias = "every_seconds")]
    every_seconds: u32,
    /// Whether callers are told their place in the line.
    #[serde(default)]
    position: bool,
    /// Whether they are told how long nine of ten like them wait at most, in minutes, once the queue has experience.
    #[serde(default)]
    wait: bool,
    /// A prompt that is played before, by its name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
}

/// The agent who gets a call first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreferredAgentView {
    /// The owner of the lead with the caller's number.
    Owner,
    /// Whoever talked with the number last.
    Last,
}

/// A member of the queue who gets a call first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferredView {
    agent: PreferredAgentView,
    /// Seconds the caller waits for them while they are busy, 0 to 600.
    #[serde(default, alias = "patience_seconds")]
    patience_seconds: u32,
}

/// Who is rung first where somebody is called back.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallbackFirstView {
    /// An agent, who then hears the customer's telephone ring.
    Agent,
    /// The customer, once an agent is free for them. No agent is held for it: whoever answers waits in the queue, in the place they had,
    /// with its music and announcements. Whoever hangs up there is not called again, and counts as abandoned.
    Customer,
}

/// What callers meet while they wait.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingView {
    /// Whether callers are answered at once; null means where there is something to hear or a key to press.
    answer: Option<bool>,
    /// default, ringing, none, or the name of a prompt; null means ringing, or music where callers are answered.
    music: Option<String>,
    announce: Option<AnnounceView>,
    /// The language callers are spoken to in; null means English.
    language: Option<String>,
    /// Where callers go whom no agent takes, in the order of the times; the next at once when the queue is full, closed or has nobody.
    overflow: Vec<OverflowStepView>,
    /// Keys by which callers leave.
    exit_keys: Vec<ExitKeyView>,
    /// The calendar of its opening hours; null means always open.
    #[schema(value_type = Option<Uuid>)]
    calendar: Option<CalendarId>,
    /// Whether those who wait at closing time overflow.
    close_waiting: bool,
    /// Seconds within which a caller who hung up may call again and takes their old place; 0 means never.
    resume_seconds: u32,
    preferred: Option<PreferredView>,
    callback_first: CallbackFirstView,
}

impl WaitingView {
    pub(crate) fn of(waiting: &Waiting) -> Self {
        let target = OverflowTargetView::of;
        let step =
            |step: &OverflowStep| OverflowStepView { after_seconds: step.after_seconds, target: target(&step.target) };
        let key = |key: &ExitKey| ExitKeyView { key: key.key.to_string(), target: target(&key.target) };
        let announce = |announce: &Announce| {
            let Announce { every_seconds, position, wait, prompt } = announce.clone();
            AnnounceView { every_seconds, position, wait, prompt }
        };
        let agent = |agent| match agent {
            PreferredAgent::Owner => PreferredAgentView::Owner,
            PreferredAgent::Last => PreferredAgentView::Last,
        };
        let preferred = |preferred: Preferred| PreferredView {
            agent: agent(preferred.agent),
            patience_seconds: preferred.patience_seconds,
        };
        Self {
            answer: waiting.answer,
            music: waiting.music.clone().map(String::from),
            announce: waiting.announce.as_ref().map(announce),
            language: waiting.language.clone(),
            overflow: waiting.overflow.iter().map(step).collect(),
            exit_keys: waiting.exit_keys.iter().map(key).collect(),
            calendar: waiting.calendar,
            close_waiting: waiting.close_waiting,
            resume_seconds: waiting.resume_seconds,
            preferred: waiting.preferred.map(preferred),
            callback_first: match waiting.callback_first {
                CallbackFirst::Agent => CallbackFirstView::Agent,
                CallbackFirst::Customer => CallbackFirstView::Customer,
            },
        }
    }
}

impl QueueInput {
    /// What callers are to meet, where `old` holds what is absent.
    pub(super) fn waiting(&mut self, old: Waiting, faults: &mut Faults) -> Waiting {
        let step = |step: OverflowStepView| {
            let OverflowStepView { after_seconds, target } = step;
            Ok(OverflowStep { after_seconds, target: target.target("overflow")? })
        };
        let key = |key: ExitKeyView| {
            let mut letters = key.key.chars();
            let (Some(letter), None) = (letters.next(), letters.next()) else {
                return Err(Problem::field("exitKeys", "a key is a digit, * or #"));
            };
            Ok(ExitKey { key: letter, target: key.target.target("exitKeys")? })
        };
        let steps = self.overflow.take().map(|steps| steps.into_iter().map(step).collect::<Result<Vec<_>, Problem>>());
        let keys = self.exit_keys.take().map(|keys| keys.into_iter().map(key).collect::<Result<Vec<_>, Problem>>());
        let announce = |view: AnnounceView| {
            let AnnounceView { every_seconds, position, wait, prompt } = view;
            Announce { every_seconds, position, wait, prompt }
        };
        let preferred = |view: PreferredView| {
            let agent = match view.agent {
                PreferredAgentView::Owner => PreferredAgent::Owner,
                PreferredAgentView::Last => PreferredAgent::Last,
            };
            Preferred { agent, patience_seconds: view.patience_seconds }
        };
        Waiting {
            answer: self.answer.unwrap_or(old.answer),
            music: self.music.take().map_or(old.music, |music| music.map(Music::from)),
            announce: self.announce.take().map_or(old.announce, |view| view.map(announce)),
            language: self.language.take().unwrap_or(old.language),
            overflow: steps.map_or(Some(old.overflow), |steps| faults.check(steps)).unwrap_or_default(),
            exit_keys: keys.map_or(Some(old.exit_keys), |keys| faults.check(keys)).unwrap_or_default(),
            calendar: self.calendar.unwrap_or(old.calendar),
            close_waiting: self.close_waiting.unwrap_or(old.close_waiting),
            resume_seconds: self.resume_seconds.unwrap_or(old.resume_seconds),
            preferred: self.preferred.map_or(old.preferred, |view| view.map(preferred)),
            callback_first: match self.callback_first {
                Some(CallbackFirstView::Agent) => CallbackFirst::Agent,
                Some(CallbackFirstView::Customer) => CallbackFirst::Customer,
                None => old.callback_first,
            },
        }
    }
}
