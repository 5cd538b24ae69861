//! Countries by their ISO 3166 code.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A country or territory, by its two-letter ISO 3166-1 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// The text is not a country with telephone numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown country, expected an ISO 3166 code such as US")]
pub struct UnknownCountry;

impl Country {
    /// The two letters, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }

    pub(super) fn metadata(self) -> Option<phonenumber::country::Id> {
        self.as_str().parse().ok()
    }

    /// How the numbers begin that somebody in this country means by these digits, typed without an international prefix: in
    /// international form, as a number of the country, or as they stand for an internal number.
    pub(crate) fn begin_numbers(self, digits: &str) -> Vec<String> {
        let mut starts = vec![digits.to_owned(), format!("+{digits}")];
        if let Some(plan) = phonenumber::metadata::DATABASE.by_id(self.as_str()) {
            let trunk = plan.national_prefix().unwrap_or_default();
            // Where the plan has no trunk prefix a leading zero belongs to the number, as in Italy.
            let national = digits.strip_prefix(trunk).filter(|rest| !rest.is_empty()).unwrap_or(digits);
            starts.push(format!("+{}{national}", plan.country_code()));
        }
        starts
    }
}

impl FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        let text = text.trim().to_ascii_uppercase();
        let code: [u8; 2] = text.as_bytes().try_into().map_err(|_| UnknownCountry)?;
        let country = Self(code);
        country.metadata().map(|_| country).ok_or(UnknownCountry)
    }
}

impl TryFrom<String> for Country {
    type Error = UnknownCountry;
    fn try_from(text: String) -> Result<Self, UnknownCountry> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
