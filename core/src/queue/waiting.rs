//! What callers meet while they wait in a queue, as it is set up.

use serde::{Deserialize, Serialize};

use super::announce::Announce;
use super::config::QueueRefused;
use super::overflow::{self, ExitKey, OverflowStep};
use super::resume::RESUME_MAX;
use crate::id::CalendarId;

/// The language callers are spoken to in where nothing is said.
const LANGUAGE: &str = "en";

/// What callers meet while they wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Whether callers are answered at once. When nothing is said they are, where there is something to hear or a key to press.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<bool>,
    /// What answered callers hear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<Music>,
    /// What they are told from time to time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announce: Option<Announce>,
    /// The language they are spoken to in, a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where they go whom no agent takes, in the order of the times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overflow: Vec<OverflowStep>,
    /// Keys by which they leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_keys: Vec<ExitKey>,
    /// When the queue is open; always when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// Whether those who wait at closing time overflow.
    #[serde(default)]
    pub close_waiting: bool,
    /// Seconds within which a caller who hung up may call again and takes their old place: 0 to 3,600, and 0 means never.
    #[serde(default)]
    pub resume_seconds: u32,
    /// Who gets a call first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Preferred>,
    /// Who is rung first where somebody is called back.
    #[serde(default, skip_serializing_if = "CallbackFirst::is_agent")]
    pub callback_first: CallbackFirst,
}

/// What waiting callers hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Music {
    /// The music that comes with the software.
    Default,
    /// Ringing.
    Ringing,
    /// Nothing.
    Silence,
    /// A recording of the company, by its name.
    Prompt(String),
}

impl From<String> for Music {
    fn from(word: String) -> Self {
        match word.as_str() {
            "default" => Self::Default,
            "ringing" => Self::Ringing,
            "none" => Self::Silence,
            _ => Self::Prompt(word),
        }
    }
}

impl From<Music> for String {
    fn from(music: Music) -> Self {
        match music {
            Music::Default => "default".to_owned(),
            Music::Ringing => "ringing".to_owned(),
            Music::Silence => "none".to_owned(),
            Music::Prompt(name) => name,
        }
    }
}

/// A member of the queue who gets a call first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preferred {
    /// Which.
    pub agent: PreferredAgent,
    /// Seconds the caller waits for them while they are busy: 0 to 600.
    #[serde(default)]
    pub patience_seconds: u32,
}

/// How the agent is found who gets a call first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreferredAgent {
    /// The owner of the lead with the caller's number.
    Owner,
    /// Whoever talked with the number last.
    Last,
}

/// Who is rung first where somebody is called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFirst {
    /// An agent, who then hears the customer's telephone ring. Nobody is called whom no agent is there for.
    #[default]
    Agent,
    /// The customer, who then waits in the queue, in the place they had, for the next agent. No agent's time is spent on a telephone
    /// that nobody answers.
    Customer,
}

impl CallbackFirst {
    const fn is_agent(&self) -> bool {
        matches!(self, Self::Agent)
    }
}

impl Waiting {
    /// Whether callers are answered at once.
    #[must_use]
    pub fn answers(&self) -> bool {
        let is_heard = self.music.is_some() || self.announce.is_some();
        self.answer.unwrap_or(is_heard || !self.exit_keys.is_empty())
    }

    /// The language callers are spoken to in.
    #[must_use]
    pub fn language(&self) -> &str {
        self.language.as_deref().unwrap_or(LANGUAGE)
    }

    /// The recordings it plays, by name.
    pub fn prompts(&self) -> impl Iterator<Item = &str> {
        let music = self.music.as_ref().and_then(|music| match music {
            Music::Prompt(name) => Some(name.as_str()),
            _ => None,
        });
        music.into_iter().chain(self.announce.as_ref().and_then(|announce| announce.prompt.as_deref()))
    }

    /// Where its callers may go, with the field that says so.
    pub fn targets(&self) -> impl Iterator<Item = (&'static str, &overflow::OverflowTarget)> {
        let steps = self.overflow.iter().map(|step| ("overflow", &step.target));
        steps.chain(self.exit_keys.iter().map(|key| ("exitKeys", &key.target)))
    }

    /// Whether its callers may go there.
    #[must_use]
    pub fn leads_to(&self, target: &overflow::OverflowTarget) -> bool {
        self.targets().any(|(_, own)| own == target)
    }

    /// Everything that is wrong with the settings themselves.
    pub(super) fn faults(&self) -> Vec<QueueRefused> {
        let every = |announce: &Announce| (10..=3_600).contains(&announce.every_seconds);
        let says = |announce: &Announce| announce.position || announce.wait || announce.prompt.is_some();
        let out = QueueRefused::OutOfRange;
        let rules = [
            (
                self.answer != Some(false) || (self.announce.is_none() && self.exit_keys.is_empty()),
                out("answer", "callers who are not answered hear no announcements and press no keys"),
            ),
            (
                self.announce.as_ref().is_none_or(every),
                out("announce", "announcements are made every 10 to 3600 seconds"),
            ),
            (
                self.announce.as_ref().is_none_or(says),
                out("announce", "say what is announced: position, wait or a prompt"),
            ),
            (self.prompts().all(|name| !name.is_empty()), out("music", "a prompt has a name")),
            (
                self.language.as_deref().is_none_or(|tag| crate::flow::language(tag).is_ok()),
                out("language", "a language is a tag such as en or pt-BR"),
            ),
            (
                overflow::are_in_order(&self.overflow),
                out("overflow", "there are at most 10 steps in the order of their times, within two hours"),
            ),
            (
                overflow::are_keys(&self.exit_keys),
                out("exitKeys", "a key is a digit, * or #, and none stands there twice"),
            ),
            (self.resume_seconds <= RESUME_MAX, out("resumeSeconds", "an old place is kept 0 to 3600 seconds")),
            (
                self.preferred.is_none_or(|preferred| preferred.patience_seconds <= 600),
                out("preferred", "callers wait 0 to 600 seconds for one agent"),
            ),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Waiting {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn callers_are_answered_where_there_is_something_to_hear_unless_it_is_said_otherwise() {
        assert!(!Waiting::default().answers());
        for something in [
            serde_json::json!({"music": "default"}),
            serde_json::json!({"announce": {"everySeconds": 30, "position": true}}),
            serde_json::json!({"exitKeys": [{"key": "1", "target": {"type": "callback"}}]}),
            serde_json::json!({"answer": true}),
        ] {
            assert!(read(something).answers());
        }
        assert!(!read(serde_json::json!({"music": "default", "answer": false})).answers());
    }

    #[test]
    fn what_was_stored_before_there_were_such_settings_is_read_and_nothing_is_stored_for_nothing() {
        assert_eq!(read(serde_json::json!({})), Waiting::default());
        let stored = serde_json::to_value(Waiting::default()).unwrap();
        assert_eq!(stored, serde_json::json!({"closeWaiting": false, "resumeSeconds": 0}));
        let customer = serde_json::json!({"closeWaiting": false, "resumeSeconds": 0, "callbackFirst": "customer"});
        assert_eq!(serde_json::to_value(read(customer.clone())).unwrap(), customer);
        let music = |word: &str| String::from(Music::from(word.to_owned()));
        assert!(["default", "ringing", "none", "jazz"].iter().all(|word| music(word) == *word));
    }

    #[test]
    fn each_fault_names_its_field() {
        let field = |json| {
            let faults = read(json).faults();
            let fields = faults.iter().map(|fault| crate::error::Refusal::field(fault).unwrap_or_default());
            fields.collect::<Vec<_>>().join(" ")
        };
        let key = |key: &str| serde_json::json!({"key": key, "target": {"type": "voicemail", "id": "sales"}});
        assert_eq!(field(serde_json::json!({"answer": false, "exitKeys": [key("1")]})), "answer");
        assert_eq!(field(serde_json::json!({"announce": {"everySeconds": 9, "wait": true}})), "announce");
        assert_eq!(field(serde_json::json!({"announce": {"everySeconds": 10}})), "announce");
        assert_eq!(field(serde_json::json!({"language": "english!"})), "language");
        assert_eq!(field(serde_json::json!({"exitKeys": [key("1"), key("1")]})), "exitKeys");
        assert_eq!(field(serde_json::json!({"resumeSeconds": 3601})), "resumeSeconds");
        let patience = serde_json::json!({"preferred": {"agent": "last", "patienceSeconds": 601}});
        assert_eq!(field(patience), "preferred");
        let late = serde_json::json!([{"afterSeconds": 7201, "target": {"type": "callback"}}]);
        assert_eq!(field(serde_json::json!({"overflow": late})), "overflow");
    }
}
