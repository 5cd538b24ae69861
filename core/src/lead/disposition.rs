//! Dispositions: the words a company has for what came of a call, in two levels, and where each leads the lead of the call.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::LeadStatus;
use crate::error::refusal;
use crate::id::{CompanyId, DispositionId};

/// The most dispositions of a company.
pub const DISPOSITIONS_MAX: usize = 500;

/// What can come of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    /// Its id.
    pub id: DispositionId,
    /// The company.
    pub company: CompanyId,
    /// Its settings.
    pub settings: DispositionSettings,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be set about a disposition. Stored as one document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DispositionSettings {
    /// The word that a call's outcome holds, unique in the company: letters, digits, dashes and underscores in lower case.
    pub code: String,
    /// What people read.
    pub label: String,
    /// The disposition it refines; only those of the first level are refined.
    pub parent: Option<DispositionId>,
    /// Where it leads the lead; where its parent does when nothing is said, and nowhere when that says nothing either.
    pub lead_status: Option<LeadStatus>,
    /// Its place among its like.
    pub position: u16,
    /// Whether it is offered. One that is not still moves leads of calls that carry it.
    pub is_active: bool,
}

/// Why a disposition was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispositionRefused {
    /// The code is not a word.
    #[error("a code has 1 to 64 letters, digits, dashes and underscores")]
    BadCode,
    /// Another one has it.
    #[error("another disposition has this code")]
    CodeTaken,
    /// The label is empty or too long.
    #[error("a label has 1 to 100 characters")]
    BadLabel,
    /// The parent does not exist, is itself refined from another, or is the disposition itself.
    #[error("a disposition refines one of the first level")]
    BadParent,
    /// A new lead cannot come of a call.
    #[error("a call leads to contacted, qualified, interested, converted, lost or do_not_call")]
    BadStatus,
    /// There are too many.
    #[error("a company has at most 500 dispositions")]
    TooMany,
    /// Others refine it.
    #[error("other dispositions refine this one: change them first")]
    InUse,
    /// No such disposition.
    #[error("there is no such disposition")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(DispositionRefused {
    Self::BadCode => Invalid, "invalid_input", "code";
    Self::CodeTaken => Conflict, "code_taken", "code";
    Self::BadLabel => Invalid, "invalid_input", "label";
    Self::BadParent => Invalid, "invalid_input", "parentId";
    Self::BadStatus => Invalid, "invalid_input", "leadStatus";
    Self::TooMany => Refused, "too_many";
    Self::InUse => Conflict, "in_use";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});

impl DispositionSettings {
    /// Checks and cleans; the parent is checked against `others` of the company.
    ///
    /// # Errors
    /// [`DispositionRefused`] names the field.
    pub fn checked(mut self, id: DispositionId, others: &[Disposition]) -> Result<Self, DispositionRefused> {
        self.code = self.code.trim().to_lowercase();
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if self.code.is_empty() || self.code.chars().count() > 64 || !self.code.chars().all(word) {
            return Err(DispositionRefused::BadCode);
        }
        self.label = self.label.trim().to_owned();
        let length = self.label.chars().count();
        if length == 0 || length > 100 || self.label.chars().any(char::is_control) {
            return Err(DispositionRefused::BadLabel);
        }
        if self.lead_status == Some(LeadStatus::New) {
            return Err(DispositionRefused::BadStatus);
        }
        if let Some(parent) = self.parent {
            let first_level = others.iter().any(|other| other.id == parent && other.settings.parent.is_none());
            let refined = others.iter().any(|other| other.settings.parent == Some(id));
            if parent == id || !first_level || refined {
                return Err(DispositionRefused::BadParent);
            }
        }
        Ok(self)
    }
}

/// Where an outcome leads a lead, by the company's table. An outcome is compared without case; one that the table does not have
/// leads nowhere.
#[must_use]
pub fn leads_to(table: &[Disposition], outcome: &str) -> Option<LeadStatus> {
    let code = outcome.trim().to_lowercase();
    let found = table.iter().find(|disposition| disposition.settings.code == code)?;
    let parent = || {
        let parent = found.settings.parent?;
        table.iter().find(|disposition| disposition.id == parent)?.settings.lead_status
    };
    found.settings.lead_status.or_else(parent)
}

/// What a new company begins with: code, label, where it leads, and what refines it.
type First = (&'static str, &'static str, Option<LeadStatus>, &'static [(&'static str, &'static str)]);

const FIRST: [First; 7] = [
    (
        "interested",
        "Interested",
        Some(LeadStatus::Interested),
        &[("offer_wanted", "Wants an offer"), ("meeting", "Meeting agreed")],
    ),
    ("callback", "Call back later", Some(LeadStatus::Contacted), &[]),
    ("qualified", "Fits", Some(LeadStatus::Qualified), &[]),
    ("sale", "Sale", Some(LeadStatus::Converted), &[]),
    (
        "not_interested",
        "Not interested",
        Some(LeadStatus::Lost),
        &[("too_expensive", "Too expensive"), ("has_supplier", "Has a supplier"), ("wrong_number", "Wrong number")],
    ),
    ("do_not_call", "Do not call again", Some(LeadStatus::DoNotCall), &[]),
    ("not_reached", "Not reached", None, &[("no_answer", "No answer"), ("busy", "Busy"), ("voicemail", "Voicemail")]),
];

/// The dispositions of a new company; `id` gives fresh ids.
pub fn first(company: CompanyId, now: DateTime<Utc>, mut id: impl FnMut() -> DispositionId) -> Vec<Disposition> {
    let mut table = Vec::new();
    let mut add = |code: &str, label: &str, lead_status, parent, position: usize| {
        let settings = DispositionSettings {
            code: code.to_owned(),
            label: label.to_owned(),
            parent,
            lead_status,
            position: u16::try_from(position + 1).unwrap_or(u16::MAX),
            is_active: true,
        };
        let id = id();
        table.push(Disposition { id, company, settings, version: 1, created_at: now, updated_at: now });
        id
    };
    for (position, (code, label, status, refined)) in FIRST.into_iter().enumerate() {
        let parent = add(code, label, status, None, position);
        for (position, (code, label)) in refined.iter().enumerate() {
            add(code, label, None, Some(parent), position);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};

    fn table() -> Vec<Disposition> {
        let ids = SeededIds::new(5);
        let ids: &dyn IdSource = &ids;
        let now = DateTime::UNIX_EPOCH;
        first(ids.id(now), now, || ids.id(now))
    }

    #[test]
    fn an_outcome_leads_where_its_disposition_or_its_parent_does() {
        let table = table();
        assert_eq!(leads_to(&table, " Sale "), Some(LeadStatus::Converted));
        assert_eq!(leads_to(&table, "too_expensive"), Some(LeadStatus::Lost));
        assert_eq!(leads_to(&table, "voicemail"), None);
        assert_eq!(leads_to(&table, "went well"), None);
    }

    #[test]
    fn there_are_two_levels_and_no_more() {
        let table = table();
        let id = |code: &str| table.iter().find(|one| one.settings.code == code).unwrap().id;
        let new = |parent| DispositionSettings {
            code: "New-One".to_owned(),
            label: "新しい 🦜".to_owned(),
            parent: Some(parent),
            ..DispositionSettings::default()
        };
        let fresh = DispositionId::from_uuid(uuid::Uuid::nil());
        assert_eq!(new(id("sale")).checked(fresh, &table).unwrap().code, "new-one");
        assert_eq!(new(id("busy")).checked(fresh, &table), Err(DispositionRefused::BadParent));
        assert_eq!(new(fresh).checked(fresh, &table), Err(DispositionRefused::BadParent));
        assert_eq!(new(id("sale")).checked(id("interested"), &table), Err(DispositionRefused::BadParent));
        let bad = DispositionSettings { lead_status: Some(LeadStatus::New), parent: None, ..new(fresh) };
        assert_eq!(bad.checked(fresh, &table), Err(DispositionRefused::BadStatus));
    }

    #[test]
    fn what_a_company_begins_with_is_sound() {
        let table = table();
        for one in &table {
            assert_eq!(one.settings.clone().checked(one.id, &table).as_ref(), Ok(&one.settings));
        }
        let codes: std::collections::BTreeSet<_> = table.iter().map(|one| &one.settings.code).collect();
        assert_eq!(codes.len(), table.len());
    }
}
