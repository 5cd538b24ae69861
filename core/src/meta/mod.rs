//! Leads from the advertisements of Meta: how a company is connected, what was delivered, and what a lead is made of. Everything here
//! is values and pure functions; the use cases are in [`crate::command::meta`].
//!
//! Meta delivers the *id* of a lead, at least once, and gives what the person filled in to whoever asks for that id. So a delivery is
//! kept before anything else is done ([`MetaLead`]), what was filled in is asked for until it is there, and the id makes sure that one
//! person becomes one lead.

mod answers;
mod delivery;
mod settings;

pub use answers::MetaAnswers;
pub use delivery::{Arrival, GIVE_UP_AFTER, MetaLead, REF_MAX, SignedBy, meta_ref, retry_after};
pub use settings::{MetaConnection, MetaSettings, PAGES_MAX};

use crate::error::{Kind, Refusal};

/// Why something could not be done about Meta.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaRefused {
    /// The text is no id of Meta's.
    #[error("an id of Meta's is 1 to 64 letters, digits, dashes and underscores")]
    BadRef(&'static str),
    /// There are too many pages.
    #[error("a company has at most 100 pages")]
    TooManyPages,
    /// A secret is too short, too long or has blanks in it.
    #[error("this is 8 to 1000 characters without blanks")]
    BadSecret(&'static str),
    /// A page belongs to another company.
    #[error("one of the pages is another company's")]
    PageTaken,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

impl Refusal for MetaRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::PageTaken | Self::Stale => Kind::Conflict,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::PageTaken => "page_taken",
            Self::Stale => "stale_version",
            _ => "invalid_input",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadRef(field) | Self::BadSecret(field) => Some(field),
            Self::TooManyPages | Self::PageTaken => Some("pageIds"),
            Self::Stale => None,
        }
    }
}
