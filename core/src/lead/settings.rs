//! How a company deals with leads.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::profile::CAPACITY_MAX;
use super::{LeadRefused, ScoreWeights, Strategy, WorkingHours};
use crate::id::CompanyId;

/// The longest return timer: 30 days, in minutes.
pub const RETURN_MINUTES_MAX: u32 = 43_200;

/// The state of a company's routing: its settings, and where its turns stand. The row is locked while a lead is routed, so that
/// turns are exact however many leads come at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadRouting {
    /// The company.
    pub company: CompanyId,
    /// The settings.
    pub settings: LeadSettings,
    /// Where the turns stand; see [`super::routing`].
    pub turn: u64,
    /// Counts the changes of the settings; a stale write is refused.
    pub version: u32,
    /// When the settings were last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set. Stored as one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeadSettings {
    /// Who gets a new lead.
    pub strategy: Strategy,
    /// Whether whoever had the same person before comes first.
    pub sticky_owner: bool,
    /// Whether only those who are available get leads.
    pub online_only: bool,
    /// Whether agents who lack a skill, the language or the territory are passed over.
    pub require_match: bool,
    /// Open leads of an agent, at most; 0 means without limit.
    pub capacity: u32,
    /// When leads are given out; always when nothing is said.
    pub working_hours: Option<WorkingHours>,
    /// Minutes after which an untouched lead goes to somebody else; 0 means never.
    pub return_after_minutes: u32,
    /// How leads are scored.
    pub score_weights: ScoreWeights,
}

impl Default for LeadSettings {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            sticky_owner: true,
            online_only: false,
            require_match: false,
            capacity: 0,
            working_hours: None,
            return_after_minutes: 0,
            score_weights: ScoreWeights::default(),
        }
    }
}

impl LeadSettings {
    /// Checks.
    ///
    /// # Errors
    /// [`LeadRefused::BadSettings`] names the field.
    pub fn checked(self) -> Result<Self, LeadRefused> {
        if self.capacity > CAPACITY_MAX {
            return Err(LeadRefused::BadSettings("capacity", "a capacity is 0 to 1000000, and 0 means no limit"));
        }
        if self.return_after_minutes > RETURN_MINUTES_MAX {
            return Err(LeadRefused::BadSettings("returnAfterMinutes", "the return timer is 0 to 43200 minutes"));
        }
        if self.working_hours.as_ref().is_some_and(|hours| !hours.is_sound()) {
            return Err(LeadRefused::BadSettings("workingHours", "a span of hours ends after it begins"));
        }
        if !self.score_weights.in_range() {
            return Err(LeadRefused::BadSettings("scoreWeights", "weights are -100 to 100, for up to 100 sources"));
        }
        Ok(self)
    }

    /// The return timer, when it is on.
    #[must_use]
    pub fn return_after(&self) -> Option<TimeDelta> {
        (self.return_after_minutes > 0).then(|| TimeDelta::minutes(i64::from(self.return_after_minutes)))
    }
}

impl LeadRouting {
    /// The state of a company that has set nothing.
    #[must_use]
    pub fn first(company: CompanyId, now: DateTime<Utc>) -> Self {
        Self { company, settings: LeadSettings::default(), turn: 0, version: 1, updated_at: now }
    }
}
