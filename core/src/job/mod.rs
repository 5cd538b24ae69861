//! Jobs: work that takes longer than a request. What one is to do, how far it has come, and who runs it at the moment.
//!
//! ```text
//! queued ──take──▶ running ──finish──▶ done
//!   ▲  │             │ │ └────fail───▶ failed
//!   │  └───cancel────┼─┼────cancel───▶ cancelled
//!   └────release─────┘ └─ take, when its lease has run out
//! ```
//!
//! Whoever runs a job holds it by a lease, which every step renews, and by the number of the attempt: one whose lease ran out
//! and who comes back late finds another number, and writes nothing. A job whose process died is taken up where it was, as a step
//! and what it did are one unit of work; one that ends its processes again and again is failed.

mod lifecycle;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use lifecycle::{ANNOUNCE, LEASE, TAKEOVERS_MAX};

use crate::error::{Kind, Refusal};
use crate::id::{CompanyId, JobId, UserId};
use crate::pii::Pii;
use crate::scope::Permission;

/// The most jobs of a company that wait or run.
pub const OPEN_MAX: u64 = 20;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Takes in the leads of a file.
    LeadImport,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// Somebody works on it.
    Running,
    /// All of it was done.
    Done,
    /// It ended before all of it was done.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// The word is not one of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such word for a job")]
pub struct UnknownJobWord;

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::LeadImport];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeadImport => "lead_import",
        }
    }

    /// The right to start, see and stop jobs of this kind.
    #[must_use]
    pub const fn permission(self) -> Permission {
        match self {
            Self::LeadImport => Permission::ManageLeads,
        }
    }
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether there is still something to do.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

impl FromStr for JobKind {
    type Err = UnknownJobWord;
    fn from_str(text: &str) -> Result<Self, UnknownJobWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or(UnknownJobWord)
    }
}

impl FromStr for JobState {
    type Err = UnknownJobWord;
    fn from_str(text: &str) -> Result<Self, UnknownJobWord> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or(UnknownJobWord)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of the items that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobCounts {
    /// Made anew.
    pub created: u64,
    /// Written onto what was there.
    pub updated: u64,
    /// Left out.
    pub skipped: u64,
    /// Refused.
    pub failed: u64,
}

impl JobCounts {
    /// How many items are done.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.created + self.updated + self.skipped + self.failed
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            created: self.created + other.created,
            updated: self.updated + other.updated,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The company.
    pub company: CompanyId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// What exactly it is to do; a document of its kind.
    pub params: Value,
    /// Items in all.
    pub total: u64,
    /// What became of those that are done.
    pub counts: JobCounts,
    /// What came of it; a document of its kind, once it is done.
    pub result: Option<Value>,
    /// Why it failed, for people.
    pub reason: Option<String>,
    /// Who started it.
    pub created_by: Option<UserId>,
    /// Whether it is to stop at its next step.
    pub is_cancelling: bool,
    /// How often somebody has begun to run it.
    pub attempt: u32,
    /// How often it was taken over from somebody who was gone, since it last came forward.
    pub takeovers: u32,
    /// Until when whoever runs it is taken to be alive.
    pub lease_until: Option<DateTime<Utc>>,
    /// When its progress was last announced.
    pub announced_at: Option<DateTime<Utc>>,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When somebody first began to run it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, however it did.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An item of a job that was refused: kept so that it can be put right and sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFault {
    /// The job.
    pub job: JobId,
    /// The company.
    pub company: CompanyId,
    /// Its place in what was sent in: the row of a file, from 1.
    pub row: u32,
    /// What was sent in, cell by cell.
    pub cells: Vec<Pii<String>>,
    /// What is wrong, cell by cell.
    pub faults: Vec<CellFault>,
}

/// What is wrong with one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFault {
    /// The column, by its header; or what is missing.
    pub column: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Why something could not be done with a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobRefused {
    /// No such job, or not one's to see.
    #[error("there is no such job")]
    NotFound,
    /// It has ended.
    #[error("this job has ended already: it is {0}")]
    Ended(JobState),
    /// Somebody else runs it, or another one of the company.
    #[error("somebody else runs this job, or another one of the company")]
    Taken,
    /// Too many wait already.
    #[error("20 jobs of this company wait or run already: let one end first")]
    TooMany,
    /// What it is to do cannot be read.
    #[error("the plan of this job cannot be read")]
    BadParams,
}

impl Refusal for JobRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Ended(_) | Self::Taken => Kind::Conflict,
            Self::TooMany => Kind::RateLimited,
            Self::BadParams => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Ended(_) => "job_ended",
            Self::Taken => "job_taken",
            Self::TooMany => "too_many_jobs",
            Self::BadParams => "internal",
        }
    }
    fn field(&self) -> Option<&'static str> {
        None
    }
}
