//! Call flows as they are kept: a draft, numbered versions that never change, and which of them calls run through. What a
//! document says is the business of `dialplane_ivr`; here it is a text.

mod calendar;
pub mod diff;
pub mod document;
mod prompt;
mod trace;
mod voicemail;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::refusal;
use crate::id::{CompanyId, FlowId, UserId};

pub use dialplane_ivr::{Problem, Severity};

pub use calendar::{CALENDARS_MAX, Calendar, CalendarRefused};
pub use prompt::{NewPrompt, PROMPTS_MAX, Prompt, PromptRefused, language};
pub use trace::{FlowTrace, TRACE_BYTES_MAX};
pub use voicemail::{Voicemail, VoicemailRefused};

/// The most flows of a company.
pub const FLOWS_MAX: usize = 1_000;
/// The longest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 2 << 20;
/// The longest note to a version, in characters.
pub const NOTE_MAX: usize = 1_000;
/// The longest name of a flow, a calendar, a prompt or a mailbox, in characters.
const NAME_MAX: usize = 100;

/// A flow. Its draft and the documents of its versions are read apart, as they are large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// The company.
    pub company: CompanyId,
    /// Its name, unique in the company.
    pub name: String,
    /// The number of the version that calls run through; none when calls cannot be led here.
    pub active: Option<u32>,
    /// How many versions were published: the number of the newest.
    pub published: u32,
    /// Counts the changes, those of the draft included; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Where a flow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowStatus {
    /// Nothing of it was published yet.
    Draft,
    /// Calls can be led to it.
    Active,
    /// It was active once.
    Inactive,
}

impl FlowStatus {
    /// The word, as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

impl Flow {
    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> FlowStatus {
        match (self.active, self.published) {
            (Some(_), _) => FlowStatus::Active,
            (None, 0) => FlowStatus::Draft,
            (None, _) => FlowStatus::Inactive,
        }
    }

    /// The flow after a change.
    #[must_use]
    pub fn changed(self, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }
}

/// A published version of a flow. It never changes; its document is read apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowVersion {
    /// The flow.
    pub flow: FlowId,
    /// The company.
    pub company: CompanyId,
    /// Its number in the flow, from 1.
    pub number: u32,
    /// What the author says about it.
    pub note: Option<String>,
    /// Who published it; nobody when the application did.
    pub author: Option<UserId>,
    /// What its document refers to.
    pub uses: FlowUses,
    /// When it was published.
    pub created_at: DateTime<Utc>,
}

/// What a document refers to, as it is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowUses {
    /// Other flows.
    pub flows: Vec<String>,
    /// Prompts, by name.
    pub prompts: Vec<String>,
    /// Calendars.
    pub calendars: Vec<String>,
    /// Queues.
    pub queues: Vec<String>,
}

/// Why something could not be done with a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowRefused {
    /// The name is empty or too long.
    #[error("a flow's name has 1 to 100 characters")]
    BadName,
    /// Another flow of the company has the name.
    #[error("another flow has this name")]
    NameTaken,
    /// The note is too long.
    #[error("a note has at most {NOTE_MAX} characters")]
    BadNote,
    /// The document is too long.
    #[error("a document has at most {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// The document has errors: all its problems, warnings included.
    #[error("the flow has {} errors and cannot be activated; the first: {}", errors(.0).count(), first(.0))]
    Invalid(Vec<Problem>),
    /// An active flow that goes through this one would break.
    #[error("the active flow {0:?} goes through this one and would break: change that flow first")]
    Breaks(String),
    /// There is neither a draft nor a version.
    #[error("the flow has neither a draft nor a version")]
    Empty,
    /// No such version.
    #[error("the flow has no such version")]
    NoSuchVersion,
    /// The company has [`FLOWS_MAX`].
    #[error("a company has at most {FLOWS_MAX} flows")]
    TooMany,
    /// An inbound route leads to it.
    #[error("an inbound route leads to this flow: change the route first")]
    Routed,
    /// An active flow goes through it.
    #[error("the active flow {0:?} goes through this one: change that flow first")]
    InUse(String),
    /// A queue leads callers to it.
    #[error("the queue {0:?} leads callers to this flow: change the queue first")]
    InQueue(String),
    /// No such flow.
    #[error("there is no such flow")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(FlowRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::NameTaken => Conflict, "name_taken", "name";
    Self::BadNote => Invalid, "invalid_input", "note";
    Self::TooLong => Invalid, "too_large", "flow";
    Self::Invalid(_) => Refused, "flow_invalid", "flow";
    Self::Breaks(_) => Conflict, "breaks_flow";
    Self::Empty => Refused, "flow_empty", "flow";
    Self::NoSuchVersion => NotFound, "version_not_found", "version";
    Self::TooMany => Refused, "too_many";
    Self::Routed => Conflict, "in_use";
    Self::InUse(_) => Conflict, "in_use";
    Self::InQueue(_) => Conflict, "in_use";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

fn errors(problems: &[Problem]) -> impl Iterator<Item = &Problem> {
    problems.iter().filter(|problem| problem.is_error())
}

fn first(problems: &[Problem]) -> String {
    errors(problems).next().map(ToString::to_string).unwrap_or_default()
}

impl Flow {
    /// Reads a name.
    ///
    /// # Errors
    /// [`FlowRefused::BadName`].
    pub fn name(text: &str) -> Result<String, FlowRefused> {
        name(text).ok_or(FlowRefused::BadName)
    }

    /// Reads a note to a version; nothing but blanks is none.
    ///
    /// # Errors
    /// [`FlowRefused::BadNote`].
    pub fn note(text: Option<&str>) -> Result<Option<String>, FlowRefused> {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) if text.chars().count() > NOTE_MAX => Err(FlowRefused::BadNote),
            text => Ok(text.map(str::to_owned)),
        }
    }
}

/// A name as it is kept; none when it is empty, too long or holds control characters.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
