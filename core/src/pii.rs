//! Personal data that must not reach a log.
//!
//! [`Pii<T>`] shows only a hint of its content when printed with `{:?}` or `{}`; the value itself is reached by
//! [`Pii::expose`], which makes every place that uses it easy to find.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value about a person: a number, a name, an e-mail address, a session description.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks `value` as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Not for logs.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out. Not for logs.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Pii<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T: AsRef<str>> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.0.as_ref()))
    }
}

impl<T: AsRef<str>> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.0.as_ref()))
    }
}

/// The fewest characters of a secret of another service.
pub const SECRET_MIN: usize = 8;
/// The most characters of a secret of another service.
pub const SECRET_MAX: usize = 1_000;

/// A text that opens something: a password or a token of another service. Printing shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Marks `text` as secret.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text. Not for logs, and not for answers.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it can be one that another service gave out: [`SECRET_MIN`] to [`SECRET_MAX`] characters without blanks.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        (SECRET_MIN..=SECRET_MAX).contains(&self.0.len()) && self.0.bytes().all(|b| b.is_ascii_graphic())
    }

    /// What whoever knows it recognises it by: its last four characters, when it is long enough to hide the rest.
    #[must_use]
    pub fn hint(&self) -> String {
        let count = self.0.chars().count();
        let tail: String = self.0.chars().skip(count.saturating_sub(4)).collect();
        if count < 16 { "…".to_owned() } else { format!("…{tail}") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a log may show of a personal text: its last two characters, when it is long enough to hide the rest.
#[must_use]
pub fn redacted(text: &str) -> String {
    let count = text.chars().count();
    if count < 5 {
        return "…".to_owned();
    }
    let tail: String = text.chars().skip(count - 2).collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_the_last_two_characters_only() {
        let number = Pii::new("+12025550123".to_owned());
        assert_eq!(format!("{number:?} {number}"), "…23 …23");
        assert_eq!(format!("{:?}", Pii::new("Ann")), "…");
        assert_eq!(number.expose(), "+12025550123");
    }

    #[test]
    fn a_secret_is_never_printed_and_hints_at_its_end_only() {
        let long = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
        assert_eq!((format!("{long:?}"), long.hint()), ("Secret(…)".to_owned(), "…cdef".to_owned()));
        assert_eq!(Secret::new("short-secret".to_owned()).hint(), "…");
    }
}
