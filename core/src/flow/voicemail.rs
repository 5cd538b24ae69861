//! Voicemails: what callers left. The audio itself is kept in files of the server.

use chrono::{DateTime, Utc};

use super::name;
use crate::error::refusal;
use crate::id::{CallId, CompanyId, FlowId, UserId, VoicemailId};
use crate::pii::Pii;

/// A voicemail. It goes with its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voicemail {
    /// Its id, by which its file is named.
    pub id: VoicemailId,
    /// The company.
    pub company: CompanyId,
    /// The call in which it was left.
    pub call: CallId,
    /// The flow that took it.
    pub flow: Option<FlowId>,
    /// The mailbox it was left in.
    pub mailbox: String,
    /// The caller's number, as the carrier told it.
    pub from: Pii<String>,
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
    /// What the file is, such as `audio/wav`.
    pub media_type: String,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// When somebody first heard it.
    pub heard_at: Option<DateTime<Utc>>,
    /// Who did.
    pub heard_by: Option<UserId>,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was left.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Voicemail {
    /// Reads the name of a mailbox.
    ///
    /// # Errors
    /// [`VoicemailRefused::BadMailbox`].
    pub fn mailbox(text: &str) -> Result<String, VoicemailRefused> {
        name(text).ok_or(VoicemailRefused::BadMailbox)
    }

    /// The voicemail once it was heard, by a user or the application; or once it is to be heard again.
    #[must_use]
    pub fn heard(self, is_heard: bool, who: Option<UserId>, now: DateTime<Utc>) -> Self {
        let (heard_at, heard_by) = (is_heard.then_some(now), who.filter(|_| is_heard));
        Self { heard_at, heard_by, version: self.version + 1, updated_at: now, ..self }
    }
}

/// Why something could not be done with a voicemail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoicemailRefused {
    /// The mailbox's name is empty or too long.
    #[error("a mailbox's name has 1 to 100 characters")]
    BadMailbox,
    /// No such voicemail.
    #[error("there is no such voicemail")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
}

refusal!(VoicemailRefused {
    Self::BadMailbox => Invalid, "invalid_input", "mailbox";
    Self::NotFound => NotFound, "not_found";
    Self::Stale => Conflict, "stale_version";
});
