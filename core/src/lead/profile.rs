//! What an agent brings for leads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::record::tags;
use super::{LeadRefused, WorkingHours};
use crate::id::{CompanyId, UserId};

/// The most open leads that a capacity allows.
pub const CAPACITY_MAX: u32 = 1_000_000;

/// What an agent brings for leads, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadProfile {
    /// The agent.
    pub user: UserId,
    /// The company.
    pub company: CompanyId,
    /// The settings.
    pub settings: LeadProfileSettings,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set about it. Without any, an agent takes every lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeadProfileSettings {
    /// Whether leads are routed to them at all.
    pub takes_leads: bool,
    /// Open leads at most; the company's capacity when nothing is said, and 0 means without limit.
    pub capacity: Option<u32>,
    /// What they can do.
    pub skills: Vec<String>,
    /// What they speak.
    pub languages: Vec<String>,
    /// Where they sell.
    pub territories: Vec<String>,
    /// When they work; the company's hours when nothing is said.
    pub working_hours: Option<WorkingHours>,
}

impl Default for LeadProfileSettings {
    fn default() -> Self {
        Self {
            takes_leads: true,
            capacity: None,
            skills: Vec::new(),
            languages: Vec::new(),
            territories: Vec::new(),
            working_hours: None,
        }
    }
}

impl LeadProfileSettings {
    /// Checks and cleans.
    ///
    /// # Errors
    /// [`LeadRefused`] names the field.
    pub fn checked(self) -> Result<Self, LeadRefused> {
        if self.capacity.is_some_and(|capacity| capacity > CAPACITY_MAX) {
            return Err(LeadRefused::BadSettings("capacity", "a capacity is 0 to 1000000, and 0 means no limit"));
        }
        if self.working_hours.as_ref().is_some_and(|hours| !hours.is_sound()) {
            return Err(LeadRefused::BadSettings("workingHours", "a span of hours ends after it begins"));
        }
        Ok(Self {
            skills: tags("skills", self.skills)?,
            languages: tags("languages", self.languages)?,
            territories: tags("territories", self.territories)?,
            ..self
        })
    }
}
