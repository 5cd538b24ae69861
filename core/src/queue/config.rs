//! How a queue is set up.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::refusal;
use crate::id::{CompanyId, QueueId, UserId};

/// The most members of a queue.
pub const MEMBERS_MAX: usize = 10_000;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// The company.
    pub company: CompanyId,
    /// Its settings.
    pub settings: QueueSettings,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set about a queue. Stored as one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSettings {
    /// Its name, unique in the company.
    pub name: String,
    /// Who is offered a call first.
    #[serde(default)]
    pub strategy: Strategy,
    /// Seconds an agent's phone rings before the next is tried; 5 to 120.
    #[serde(default = "ring_seconds")]
    pub ring_seconds: u32,
    /// Seconds after a call in which an agent is offered none; 0 to 3,600.
    #[serde(default)]
    pub wrap_up_seconds: u32,
    /// Seconds a caller waits at most; 0 to 7,200, and 0 means as long as they like.
    #[serde(default)]
    pub max_wait_seconds: u32,
    /// Who takes its calls.
    #[serde(default)]
    pub members: Vec<Member>,
}

const fn ring_seconds() -> u32 {
    20
}

/// A member of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The agent.
    pub agent_id: UserId,
    /// Lower tiers are asked first.
    #[serde(default = "first")]
    pub tier: u16,
    /// The place within the tier.
    #[serde(default = "first")]
    pub position: u16,
}

const fn first() -> u16 {
    1
}

/// Who is offered a call first, among the available members of the lowest tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Whoever has been without a call longest.
    #[default]
    LongestIdle,
    /// The first by position.
    TopDown,
}

impl FromStr for Strategy {
    type Err = QueueRefused;
    fn from_str(text: &str) -> Result<Self, QueueRefused> {
        match text {
            "longest_idle" => Ok(Self::LongestIdle),
            "top_down" => Ok(Self::TopDown),
            _ => Err(QueueRefused::UnsupportedStrategy),
        }
    }
}

/// Why a queue was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueRefused {
    /// The name is empty or too long.
    #[error("a queue's name has 1 to 100 characters")]
    BadName,
    /// Another queue of the company has the name.
    #[error("another queue has this name")]
    NameTaken,
    /// The strategy is not available.
    #[error("a strategy is longest_idle or top_down")]
    UnsupportedStrategy,
    /// The ring time is out of range.
    #[error("an agent's phone rings 5 to 120 seconds")]
    BadRingSeconds,
    /// The wrap-up time is out of range.
    #[error("wrap-up lasts 0 to 3600 seconds")]
    BadWrapUp,
    /// The waiting time is out of range.
    #[error("the longest wait is 0 to 7200 seconds")]
    BadMaxWait,
    /// A member twice, too many, or one that is no agent of the company.
    #[error("every member is a different active user of the company")]
    BadMembers,
    /// An inbound route leads to it.
    #[error("an inbound route leads to this queue: change the route first")]
    InUse,
    /// An active flow leads calls to it.
    #[error("the active flow {0:?} leads to this queue: change the flow first")]
    InFlow(String),
    /// No such queue.
    #[error("there is no such queue")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(QueueRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::NameTaken => Conflict, "name_taken", "name";
    Self::UnsupportedStrategy => Invalid, "unsupported", "strategy";
    Self::BadRingSeconds => Invalid, "invalid_input", "ringSeconds";
    Self::BadWrapUp => Invalid, "invalid_input", "wrapUpSeconds";
    Self::BadMaxWait => Invalid, "invalid_input", "maxWaitSeconds";
    Self::BadMembers => Invalid, "invalid_input", "members";
    Self::InUse => Conflict, "in_use";
    Self::InFlow(_) => Conflict, "in_use";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

impl QueueSettings {
    /// Checks and cleans the settings.
    ///
    /// # Errors
    /// [`QueueRefused`] names the field at fault.
    pub fn checked(mut self) -> Result<Self, QueueRefused> {
        self.name = self.name.trim().to_owned();
        self.faults().next().map_or(Ok(self), Err)
    }

    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> impl Iterator<Item = QueueRefused> + use<> {
        let name = self.name.trim();
        let mut agents: Vec<UserId> = self.members.iter().map(|m| m.agent_id).collect();
        agents.sort_unstable();
        agents.dedup();
        let rules = [
            (
                !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control),
                QueueRefused::BadName,
            ),
            ((5..=120).contains(&self.ring_seconds), QueueRefused::BadRingSeconds),
            (self.wrap_up_seconds <= 3_600, QueueRefused::BadWrapUp),
            (self.max_wait_seconds <= 7_200, QueueRefused::BadMaxWait),
            (agents.len() == self.members.len() && agents.len() <= MEMBERS_MAX, QueueRefused::BadMembers),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused)
    }
}
