//! Roles: a role keeps the word it was given and maps to one kind, which carries the rights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a role may do. Ordered by rank: a registrar gives only kinds up to their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleKind {
    /// Own calls, leads, numbers and availability; nothing of others.
    Agent,
    /// Leads, campaigns and dashboards; no calls of others.
    Marketing,
    /// The company's people, leads, calls, queues and reports.
    Manager,
    /// Everything in the company.
    Admin,
}

/// The word a role was given, as the source documents spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Documents 000, 001, 003, 004.
    Admin,
    /// Documents 000, 001, 004.
    Manager,
    /// Document 003's word for a manager.
    Supervisor,
    /// Document 000.
    Marketing,
    /// Documents 001 and 004.
    Agent,
    /// Document 000's word for an agent.
    Caller,
    /// Document 003's word for an agent.
    Telecaller,
    /// Document 002's word for an agent.
    Officer,
}

impl Role {
    /// Every role word.
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Manager,
        Self::Supervisor,
        Self::Marketing,
        Self::Agent,
        Self::Caller,
        Self::Telecaller,
        Self::Officer,
    ];

    /// The kind that carries the rights.
    #[must_use]
    pub const fn kind(self) -> RoleKind {
        match self {
            Self::Admin => RoleKind::Admin,
            Self::Manager | Self::Supervisor => RoleKind::Manager,
            Self::Marketing => RoleKind::Marketing,
            Self::Agent | Self::Caller | Self::Telecaller | Self::Officer => RoleKind::Agent,
        }
    }

    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Supervisor => "supervisor",
            Self::Marketing => "marketing",
            Self::Agent => "agent",
            Self::Caller => "caller",
            Self::Telecaller => "telecaller",
            Self::Officer => "officer",
        }
    }
}

impl RoleKind {
    /// Every kind, lowest rank first.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Marketing, Self::Manager, Self::Admin];

    /// The word for the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Marketing => "marketing",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    /// The role words of this kind.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| role.kind() == self)
    }
}

/// The text is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role, expected one of admin, manager, supervisor, marketing, agent, caller, telecaller, officer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

impl FromStr for RoleKind {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_keeps_its_kind() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert!(role.kind().roles().any(|other| other == role));
        }
        assert_eq!("Admin".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn four_words_mean_agent() {
        assert_eq!(RoleKind::Agent.roles().count(), 4);
    }
}
