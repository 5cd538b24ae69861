//! The words a lead is described by: where it came from, how urgent it is, how good it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a lead came from: an open word in lower case, as every company has channels of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source(String);

/// The text is no word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source is a word of 1 to 40 letters, digits, dashes and underscores")]
pub struct BadSource;

impl Source {
    /// Typed in by somebody: what a lead has when nothing is said.
    pub const MANUAL: &'static str = "manual";
    /// Read from a file.
    pub const IMPORT: &'static str = "import";
    /// An advertisement on Facebook.
    pub const FACEBOOK: &'static str = "facebook";
    /// An advertisement on Instagram.
    pub const INSTAGRAM: &'static str = "instagram";

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The network of Meta's that an advertisement was on, by Meta's word for it; Facebook when there is none.
    #[must_use]
    pub fn of_meta(platform: Option<&str>) -> Self {
        let instagram = platform.is_some_and(|word| matches!(word.trim().to_lowercase().as_str(), "ig" | "instagram"));
        Self(if instagram { Self::INSTAGRAM } else { Self::FACEBOOK }.to_owned())
    }
}

impl Default for Source {
    fn default() -> Self {
        Self(Self::MANUAL.to_owned())
    }
}

impl FromStr for Source {
    type Err = BadSource;
    fn from_str(text: &str) -> Result<Self, BadSource> {
        // Facebook, FACEBOOK and facebook are one channel; blanks become what figures can be grouped by.
        let word = text.trim().to_lowercase().replace(' ', "_");
        let fits = !word.is_empty()
            && word.chars().count() <= 40
            && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        if fits { Ok(Self(word)) } else { Err(BadSource) }
    }
}

impl TryFrom<String> for Source {
    type Error = BadSource;
    fn try_from(text: String) -> Result<Self, BadSource> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A closed set of words: its enum, the words as stored and sent, and how it is read.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $unknown:ident, $message:literal { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        /// The word is not one of them.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $unknown;

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, as stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = $unknown;
            fn from_str(text: &str) -> Result<Self, $unknown> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or($unknown)
            }
        }
    };
}

words! {
    /// How urgent a lead is.
    Priority, UnknownPriority, "a priority is low, medium, high or urgent" {
        /// When there is time.
        Low => "low",
        /// In turn.
        #[default]
        Medium => "medium",
        /// Before others.
        High => "high",
        /// Now.
        Urgent => "urgent",
    }
}

words! {
    /// How good a lead is.
    Quality, UnknownQuality, "a quality is hot, warm or cold" {
        /// Ready to buy.
        Hot => "hot",
        /// Wants to know more.
        #[default]
        Warm => "warm",
        /// Far from buying.
        Cold => "cold",
    }
}

impl Quality {
    /// What it counts in an average: hot 3, warm 2, cold 1.
    #[must_use]
    pub const fn points(self) -> u8 {
        match self {
            Self::Hot => 3,
            Self::Warm => 2,
            Self::Cold => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_word_however_it_is_typed() {
        assert_eq!(" Trade Fair ".parse::<Source>().unwrap().as_str(), "trade_fair");
        assert_eq!("Straße".parse::<Source>().unwrap().as_str(), "straße");
        for bad in ["", "  ", "a/b", "a\u{0}", &"x".repeat(41)] {
            assert_eq!(bad.parse::<Source>(), Err(BadSource), "{bad:?}");
        }
    }

    #[test]
    fn words_read_back() {
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse().as_ref(), Ok(priority));
        }
        for quality in Quality::ALL {
            assert_eq!(quality.as_str().parse().as_ref(), Ok(quality));
        }
        assert_eq!("HOT".parse::<Quality>(), Err(UnknownQuality));
    }
}
