//! Leads: people who may buy. What is known of one, how far they have come, who works on them and why, and what all of them add
//! up to. Everything here is values and pure functions; the use cases are in [`crate::command::lead`].

pub mod campaign;
mod change;
pub mod disposition;
pub mod figures;
pub mod hours;
pub mod import;
mod known;
pub mod profile;
mod record;
pub mod routing;
pub mod score;
pub mod settings;
mod status;
mod words;

pub use campaign::{Campaign, CampaignFigures, CampaignKey};
pub use change::{At, LeadChange, NewLead, Owner};
pub use disposition::{Disposition, DispositionRefused, DispositionSettings};
pub use figures::{AgentLeads, CountBy, LeadCount, LeadDay, LeadFigures};
pub use hours::WorkingHours;
pub use import::{ImportPlan, ImportRefused, ImportRow, OnDuplicate};
pub use known::{Known, KnownContacts};
pub use profile::{LeadProfile, LeadProfileSettings};
pub use record::{
    Cents, CustomFields, FIELD_NAME_MAX, FIELD_TEXT_MAX, FIELDS_MAX, Lead, LeadNote, LeadOrigin, Needs, TAGS_MAX,
    TEXT_MAX, VALUE_MAX, contact_email, custom_fields, lead_name, long_text, tags,
};
pub use routing::{Candidate, Considered, Decision, LeadDecision, Strategy};
pub use score::ScoreWeights;
pub use settings::{LeadRouting, LeadSettings};
pub use status::{IllegalStep, LeadStatus, Step, UnknownStatus};
pub use words::{BadSource, Priority, Quality, Source, UnknownPriority, UnknownQuality};

use crate::client::ClientRefused;
use crate::error::{Kind, Refusal};
use crate::phone::BadNumber;

/// Why something could not be done with a lead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeadRefused {
    /// The name is empty or too long.
    #[error("a lead's name has 1 to 200 characters")]
    BadName,
    /// The text is not an e-mail address.
    #[error("this is not an e-mail address")]
    BadEmail,
    /// The text is not a telephone number.
    #[error("{0}")]
    BadPhone(#[from] BadNumber),
    /// Nobody could ever reach them.
    #[error("a lead has a telephone number or an e-mail address")]
    Unreachable,
    /// A text is too long or has control characters.
    #[error("this text is too long, or has characters that no text has")]
    BadText(&'static str),
    /// The status is not a word.
    #[error(transparent)]
    UnknownStatus(#[from] UnknownStatus),
    /// The source is no word.
    #[error(transparent)]
    BadSource(#[from] BadSource),
    /// The priority is not a word.
    #[error(transparent)]
    UnknownPriority(#[from] UnknownPriority),
    /// The quality is not a word.
    #[error(transparent)]
    UnknownQuality(#[from] UnknownQuality),
    /// The custom fields are too many, too large, or hold more than texts, numbers and truth values.
    #[error(
        "custom fields are at most 50 texts (up to 1000 characters), numbers and truth values, by names of up to 64 characters"
    )]
    BadCustomFields,
    /// The value is negative, too large, or has more than two decimals.
    #[error("a value is 0 to 1000000000, with at most two decimals")]
    BadValue,
    /// The status cannot follow.
    #[error(transparent)]
    IllegalStep(#[from] IllegalStep),
    /// The status can follow, but not by this person.
    #[error("only those who manage leads take up a lead that is {0}")]
    ReopenDenied(LeadStatus),
    /// The person to work on it does not exist, is not active, or does not work on leads.
    #[error("there is no such active user to assign leads to")]
    NoSuchAssignee,
    /// The lead was merged into itself or nothing was named.
    #[error("name 1 to 50 other leads to merge")]
    BadMerge,
    /// One of the leads was sold and another asked not to be called: merged, one of the two would be forgotten.
    #[error("one of these leads was sold and another asked not to be called: decide about their statuses first")]
    MergeConflict,
    /// A bulk change names too many leads, or none.
    #[error("name 1 to 500 leads")]
    BadBulk,
    /// Another lead has the telephone number or the e-mail address, and the caller did not want a second one.
    #[error("another lead has this telephone number or e-mail address")]
    Duplicate,
    /// No such lead, or it is somebody else's.
    #[error("there is no such lead")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
    /// The client that it becomes was not accepted.
    #[error("{0}")]
    Client(#[from] ClientRefused),
    /// The settings are wrong.
    #[error("{1}")]
    BadSettings(&'static str, &'static str),
}

impl Refusal for LeadRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::IllegalStep(_) | Self::Stale | Self::Duplicate | Self::MergeConflict => Kind::Conflict,
            Self::ReopenDenied(_) => Kind::Forbidden,
            Self::Client(refused) => refused.kind(),
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::BadPhone(_) => "invalid_number",
            Self::IllegalStep(_) => "illegal_transition",
            Self::ReopenDenied(_) => "reopen_denied",
            Self::Client(refused) => refused.code(),
            Self::NoSuchAssignee => "unknown_assignee",
            Self::Duplicate => "duplicate_lead",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            Self::MergeConflict => "merge_conflict",
            _ => "invalid_input",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadName => Some("name"),
            Self::BadEmail => Some("email"),
            Self::BadPhone(_) | Self::Unreachable => Some("phone"),
            Self::BadText(field) | Self::BadSettings(field, _) => Some(field),
            Self::UnknownStatus(_) | Self::IllegalStep(_) | Self::ReopenDenied(_) => Some("status"),
            Self::BadSource(_) => Some("source"),
            Self::UnknownPriority(_) => Some("priority"),
            Self::UnknownQuality(_) => Some("quality"),
            Self::BadCustomFields => Some("customFields"),
            Self::BadValue => Some("value"),
            Self::NoSuchAssignee => Some("assignedTo"),
            Self::BadMerge | Self::MergeConflict => Some("duplicates"),
            Self::BadBulk => Some("leads"),
            Self::Client(refused) => refused.field(),
            Self::Duplicate | Self::NotFound | Self::Stale => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::phone::Country;

    pub(crate) fn home() -> Country {
        "US".parse().unwrap()
    }

    /// A lead with nothing but a name, a number and an address.
    pub(crate) fn lead() -> Lead {
        let ids = SeededIds::new(4);
        let ids: &dyn IdSource = &ids;
        let now = "2026-06-01T10:00:00Z".parse().unwrap();
        let new = NewLead {
            name: "John Doe".to_owned(),
            email: Some("John.Doe@example.com".to_owned()),
            phone: Some("2025550123".to_owned()),
            ..NewLead::default()
        };
        let at = change::At { now, home: home() };
        Lead::create(ids.id(now), ids.id(now), new, at, &ScoreWeights::default()).unwrap()
    }
}
