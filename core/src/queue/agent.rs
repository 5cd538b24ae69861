//! What is set about an agent for queues.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::AgentSkill;
use super::skill::{SKILLS_MAX, are_sound};
use crate::error::refusal;
use crate::id::{CompanyId, UserId};

/// The most calls that an agent takes at once.
pub const CAPACITY_MAX: u8 = 20;
/// The longest wrap-up, in seconds.
pub const WRAP_UP_MAX: u32 = 3_600;

/// What an agent brings for queues, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProfile {
    /// The agent.
    pub user: UserId,
    /// The company.
    pub company: CompanyId,
    /// The settings.
    pub settings: AgentSettings,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set about an agent. Stored as one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentSettings {
    /// What they can do.
    pub skills: Vec<AgentSkill>,
    /// Calls at once: 1 to [`CAPACITY_MAX`].
    pub capacity: u8,
    /// Seconds of wrap-up after each call, 0 to [`WRAP_UP_MAX`]; the queue's when nothing is said.
    pub wrap_up_seconds: Option<u32>,
    /// Offers in a row that may go unanswered before the agent is put on a break; 0 means without end.
    pub missed_max: u8,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { skills: Vec::new(), capacity: 1, wrap_up_seconds: None, missed_max: 0 }
    }
}

/// Why the settings of an agent were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentRefused {
    /// Skills that cannot be.
    #[error(
        "skills have a name of 1 to 50 characters, none twice, and a level of 1 to 10; there are at most {SKILLS_MAX}"
    )]
    BadSkills,
    /// The capacity is out of range.
    #[error("an agent takes 1 to {CAPACITY_MAX} calls at once")]
    BadCapacity,
    /// The wrap-up time is out of range.
    #[error("wrap-up lasts 0 to {WRAP_UP_MAX} seconds")]
    BadWrapUp,
    /// No such agent.
    #[error("there is no such agent")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(AgentRefused {
    Self::BadSkills => Invalid, "invalid_input", "skills";
    Self::BadCapacity => Invalid, "invalid_input", "capacity";
    Self::BadWrapUp => Invalid, "invalid_input", "wrapUpSeconds";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

impl AgentSettings {
    /// Cleans the names of skills, as they are compared letter by letter.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        for skill in &mut self.skills {
            skill.name = skill.name.trim().to_owned();
        }
        self
    }

    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> impl Iterator<Item = AgentRefused> + use<> {
        let skills = self.skills.iter().map(|skill| (skill.name.as_str(), skill.level));
        let rules = [
            (are_sound(skills), AgentRefused::BadSkills),
            ((1..=CAPACITY_MAX).contains(&self.capacity), AgentRefused::BadCapacity),
            (self.wrap_up_seconds.is_none_or(|seconds| seconds <= WRAP_UP_MAX), AgentRefused::BadWrapUp),
        ];
        rules.into_iter().filter(|(holds, _)| !holds).map(|(_, refused)| refused)
    }

    /// Checks and cleans.
    ///
    /// # Errors
    /// [`AgentRefused`] names the field at fault.
    pub fn checked(self) -> Result<Self, AgentRefused> {
        let clean = self.cleaned();
        clean.faults().next().map_or(Ok(clean), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skilled(skills: &[(&str, u8)]) -> AgentSettings {
        let skills =
            skills.iter().map(|(name, level)| AgentSkill { name: (*name).to_owned(), level: *level }).collect();
        AgentSettings { skills, ..AgentSettings::default() }
    }

    #[test]
    fn settings_within_their_ranges_are_taken_and_cleaned() {
        let settings = AgentSettings {
            capacity: 20,
            wrap_up_seconds: Some(3_600),
            missed_max: 255,
            ..skilled(&[(" german ", 10)])
        };
        assert_eq!(settings.checked().unwrap().skills, skilled(&[("german", 10)]).skills);
        assert_eq!(AgentSettings::default().checked(), Ok(AgentSettings::default()));
    }

    #[test]
    fn each_setting_out_of_its_range_is_named() {
        let bad = AgentSettings { capacity: 0, wrap_up_seconds: Some(3_601), ..skilled(&[("german", 11)]) };
        let faults: Vec<AgentRefused> = bad.faults().collect();
        assert_eq!(faults, [AgentRefused::BadSkills, AgentRefused::BadCapacity, AgentRefused::BadWrapUp]);
        assert_eq!(skilled(&[("german", 1), ("german ", 2)]).checked(), Err(AgentRefused::BadSkills), "twice");
        assert_eq!(
            AgentSettings { capacity: 21, ..AgentSettings::default() }.checked(),
            Err(AgentRefused::BadCapacity)
        );
    }

    #[test]
    fn a_document_without_anything_is_an_agent_of_one_call() {
        assert_eq!(serde_json::from_str::<AgentSettings>("{}").unwrap(), AgentSettings::default());
    }
}
