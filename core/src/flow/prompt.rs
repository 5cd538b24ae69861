//! Prompts: recorded audio that flows play, by name and language. The audio itself is kept in files of the server.

use chrono::{DateTime, Utc};

use super::name;
use crate::error::refusal;
use crate::id::{CompanyId, PromptId};

/// The most prompts of a company, all languages counted.
pub const PROMPTS_MAX: usize = 5_000;
/// The longest language tag, in bytes (RFC 5646 §4.4.1).
const LANGUAGE_MAX: usize = 35;

/// A prompt in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its id.
    pub id: PromptId,
    /// The company.
    pub company: CompanyId,
    /// Its name: what flows call it by.
    pub name: String,
    /// Its language. Unique in the company together with the name.
    pub language: String,
    /// What the file was called that it was made of.
    pub file_name: String,
    /// What that file was, such as `audio/mpeg`.
    pub media_type: String,
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
    /// The size of the file that is played, in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file that is played, in hexadecimal.
    pub sha256: String,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
}

/// A prompt to add, whose file is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrompt {
    /// Its id, by which its file was named.
    pub id: PromptId,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What the uploaded file was called.
    pub file_name: String,
    /// What it was.
    pub media_type: String,
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
    /// The size of the file that is played, in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file that is played, in hexadecimal.
    pub sha256: String,
}

impl Prompt {
    /// Reads a name.
    ///
    /// # Errors
    /// [`PromptRefused::BadName`].
    pub fn name(text: &str) -> Result<String, PromptRefused> {
        name(text).ok_or(PromptRefused::BadName)
    }

    /// Reads a prompt to add.
    ///
    /// # Errors
    /// [`PromptRefused`] names the field at fault.
    pub fn read(company: CompanyId, new: &NewPrompt, now: DateTime<Utc>) -> Result<Self, PromptRefused> {
        // What a file is called is only shown: what cannot be is left out.
        let shown = new.file_name.chars().filter(|letter| !letter.is_control()).take(255).collect();
        Ok(Self {
            id: new.id,
            company,
            name: Self::name(&new.name)?,
            language: language(&new.language)?,
            file_name: shown,
            media_type: new.media_type.clone(),
            length_ms: new.length_ms,
            bytes: new.bytes,
            sha256: new.sha256.clone(),
            created_at: now,
        })
    }
}

/// Reads a language tag such as `en` or `pt-BR`: the form of RFC 5646 §2.1, in its usual case (§2.1.1).
///
/// # Errors
/// [`PromptRefused::BadLanguage`].
pub fn language(text: &str) -> Result<String, PromptRefused> {
    let text = text.trim();
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let is_primary = (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_primary || text.len() > LANGUAGE_MAX || !parts.clone().all(fits) {
        return Err(PromptRefused::BadLanguage);
    }
    let mut tag = first.to_ascii_lowercase();
    for part in parts {
        tag.push('-');
        match part.len() {
            2 => tag.push_str(&part.to_ascii_uppercase()),
            4 if part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                let (head, rest) = part.split_at(1);
                tag.push_str(&head.to_ascii_uppercase());
                tag.push_str(&rest.to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Ok(tag)
}

/// Why a prompt was not accepted or may not be removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptRefused {
    /// The name is empty or too long.
    #[error("a prompt's name has 1 to 100 characters")]
    BadName,
    /// The language is not a tag.
    #[error("a language is a tag such as en or pt-BR")]
    BadLanguage,
    /// The company has a prompt of this name in this language.
    #[error("there is a prompt of this name in this language")]
    NameTaken,
    /// The company has [`PROMPTS_MAX`].
    #[error("a company has at most {PROMPTS_MAX} prompts")]
    TooMany,
    /// An active flow uses it.
    #[error("the active flow {0:?} uses this prompt: change the flow first")]
    InUse(String),
    /// A queue plays it.
    #[error("the queue {0:?} plays this prompt: change the queue first")]
    InQueue(String),
    /// No such prompt.
    #[error("there is no such prompt")]
    NotFound,
}

refusal!(PromptRefused {
    Self::BadName => Invalid, "invalid_input", "name";
    Self::BadLanguage => Invalid, "invalid_input", "language";
    Self::NameTaken => Conflict, "name_taken", "name";
    Self::TooMany => Refused, "too_many";
    Self::InUse(_) => Conflict, "in_use";
    Self::InQueue(_) => Conflict, "in_use";
    Self::NotFound => NotFound, "not_found";
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_are_kept_in_their_usual_case() {
        for (typed, kept) in [("en", "en"), (" DE ", "de"), ("pt-br", "pt-BR"), ("ZH-hANT-tw", "zh-Hant-TW")] {
            assert_eq!(language(typed).as_deref(), Ok(kept));
        }
        assert_eq!(language("es-419").as_deref(), Ok("es-419"));
    }

    #[test]
    fn what_is_no_language_tag_is_refused() {
        for text in ["", "e", "english-uk-", "12", "en_US", "en--US", "en-ü", "en-123456789", "ñandú"] {
            assert_eq!(language(text), Err(PromptRefused::BadLanguage), "{text}");
        }
        assert_eq!(language(&format!("en{}", "-abcdefgh".repeat(4))), Err(PromptRefused::BadLanguage));
    }
}
