//! Clients: the people and firms that a company calls and is called by, and the notes about them.

mod profile;

pub use profile::{ClientChange, ClientPhone, ClientProfile};

use chrono::{DateTime, Utc};

use crate::error::{Kind, Refusal};
use crate::id::{ClientId, ClientNoteId, CompanyId, UserId};
use crate::phone::{BadNumber, E164};
use crate::pii::Pii;
use crate::search::Entries;

/// The most characters of a note.
pub const NOTE_MAX: usize = 10_000;

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The company that knows it.
    pub company: CompanyId,
    /// What is known about it.
    pub profile: ClientProfile,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Client {
    /// Its numbers, each once, the main one first.
    #[must_use]
    pub fn numbers(&self) -> Vec<&E164> {
        let mut numbers: Vec<&E164> = Vec::new();
        for phone in self.profile.phone.iter().chain(&self.profile.further_phones) {
            if !numbers.contains(&&phone.number) {
                numbers.push(&phone.number);
            }
        }
        numbers
    }

    /// What it is found by: words of everything that is known about it, its tags as labels, its numbers.
    #[must_use]
    pub fn entries(&self) -> Entries {
        let profile = &self.profile;
        let mut entries = Entries::default();
        self.numbers().into_iter().for_each(|number| entries.number(number));
        entries.name(profile.name.expose());
        profile.organization.iter().for_each(|name| entries.name(name));
        profile.tags.iter().for_each(|tag| entries.label(tag));
        profile.email.iter().chain(&profile.address).for_each(|text| entries.text(text.expose()));
        profile.custom.values().for_each(|value| entries.text(value.expose()));
        entries
    }
}

/// A note about a client: written once, never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientNote {
    /// Its id.
    pub id: ClientNoteId,
    /// The company.
    pub company: CompanyId,
    /// Whom it is about.
    pub client: ClientId,
    /// Who wrote it; `None` when no user did.
    pub author: Option<UserId>,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: Pii<String>,
}

/// Reads the text of a note.
///
/// # Errors
/// [`ClientRefused::BadNote`].
pub fn note_text(text: &str) -> Result<Pii<String>, ClientRefused> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NOTE_MAX {
        return Err(ClientRefused::BadNote);
    }
    Ok(text.into())
}

/// Why something could not be done with a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefused {
    /// The name is missing, empty, too long or has control characters.
    #[error("a client's name has 1 to 200 characters")]
    BadName,
    /// The e-mail address is none.
    #[error("this is not an e-mail address")]
    BadEmail,
    /// The main number cannot be read.
    #[error("{0}")]
    Phone(BadNumber),
    /// A further number cannot be read.
    #[error("further number {place}: {reason}", place = .0 + 1, reason = .1)]
    FurtherPhone(usize, BadNumber),
    /// Too many further numbers.
    #[error("a client has at most 10 further numbers")]
    TooManyPhones,
    /// The name of the firm is too long.
    #[error("the name of a firm has at most 200 characters")]
    BadOrganization,
    /// The address is too long.
    #[error("an address has at most 1000 characters")]
    BadAddress,
    /// A tag is empty or too long, or there are too many.
    #[error("a client has at most 50 tags of 1 to 50 characters, each with a letter or a digit")]
    BadTags,
    /// A field of one's own has an empty or too long name, a too long value, or there are too many.
    #[error("a client has at most 50 own fields, with names of 1 to 50 and values of at most 1000 characters")]
    BadCustom,
    /// The owner is no active user of the company.
    #[error("the owner is an active user of the company")]
    UnknownOwner,
    /// Another client has the number.
    #[error("another client has this number")]
    DuplicatePhone {
        /// That client.
        existing: ClientId,
    },
    /// The note is empty or too long.
    #[error("a note has 1 to 10000 characters")]
    BadNote,
    /// No such client.
    #[error("there is no such client")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

impl Refusal for ClientRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::DuplicatePhone { .. } | Self::Stale => Kind::Conflict,
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Phone(_) | Self::FurtherPhone(..) => "invalid_number",
            Self::DuplicatePhone { .. } => "duplicate_phone",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            _ => "invalid_input",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadName => Some("name"),
            Self::BadEmail => Some("email"),
            Self::Phone(_) | Self::DuplicatePhone { .. } => Some("phone"),
            Self::FurtherPhone(..) | Self::TooManyPhones => Some("furtherPhones"),
            Self::BadOrganization => Some("company"),
            Self::BadAddress => Some("address"),
            Self::BadTags => Some("tags"),
            Self::BadCustom => Some("custom"),
            Self::UnknownOwner => Some("owner"),
            Self::BadNote => Some("text"),
            Self::NotFound | Self::Stale => None,
        }
    }
}
