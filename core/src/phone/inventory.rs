//! The inventory of phone numbers (document 001).

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{BadNumber, Country, E164};
use crate::error::{Kind, Refusal};
use crate::id::{CompanyId, NumberId, UserId};

/// A number the company owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// Its id.
    pub id: NumberId,
    /// The company that owns it.
    pub company: CompanyId,
    /// The number. Unique over all companies: an incoming call to it must lead to one place.
    pub number: E164,
    /// The text that came in.
    pub raw: String,
    /// The carrier it is rented from, such as `telnyx`.
    pub provider: String,
    /// The country it belongs to.
    pub country: Country,
    /// What it can carry.
    pub capabilities: Capabilities,
    /// Whether it may be used.
    pub status: NumberStatus,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a number can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Calls.
    pub voice: bool,
    /// Text messages.
    pub sms: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { voice: true, sms: false }
    }
}

/// Whether a number may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStatus {
    /// It may.
    #[default]
    Active,
    /// It is kept but not used.
    Inactive,
}

impl NumberStatus {
    /// The word, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

impl FromStr for NumberStatus {
    type Err = NumberRefused;
    fn from_str(text: &str) -> Result<Self, NumberRefused> {
        match text {
            "active" => Ok(Self::Active),
            "inactive" => Ok(Self::Inactive),
            _ => Err(NumberRefused::BadStatus),
        }
    }
}

/// How often a number was used by an agent on one local day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberUsage {
    /// The number.
    pub number: NumberId,
    /// Who used it.
    pub agent: UserId,
    /// The company's local day.
    pub day: NaiveDate,
    /// How many calls were allowed on it.
    pub calls: u32,
}

/// Why a number was not accepted or may not be removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberRefused {
    /// The text is not a number.
    #[error("{0}")]
    Number(#[from] BadNumber),
    /// The country is unknown.
    #[error("unknown country, expected an ISO 3166 code such as US")]
    BadCountry,
    /// The provider is empty or too long.
    #[error("a provider has 1 to 100 characters")]
    BadProvider,
    /// The status word is unknown.
    #[error("a status is active or inactive")]
    BadStatus,
    /// Somebody has it already.
    #[error("this number is in the inventory already")]
    Duplicate,
    /// It is assigned.
    #[error("the number is assigned: unassign it first")]
    Assigned,
    /// An inbound route leads calls to it somewhere.
    #[error("an inbound route uses this number: remove the route first")]
    Routed,
    /// No such number.
    #[error("there is no such phone number")]
    NotFound,
    /// The caller's version is not the current one.
    #[error("somebody else changed this in between")]
    Stale,
    /// The upload holds more than [`super::import::LINES_MAX`] lines.
    #[error("an upload holds at most {0} lines")]
    TooManyLines(usize),
}

impl Refusal for NumberRefused {
    fn kind(&self) -> Kind {
        match self {
            Self::Duplicate | Self::Assigned | Self::Routed | Self::Stale => Kind::Conflict,
            Self::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Number(_) => "invalid_number",
            Self::Duplicate => "duplicate_number",
            Self::Assigned => "number_assigned",
            Self::Routed => "number_routed",
            Self::NotFound => "not_found",
            Self::Stale => "stale_version",
            _ => "invalid_input",
        }
    }
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Number(_) | Self::Duplicate => Some("phone_number"),
            Self::BadCountry => Some("country_code"),
            Self::BadProvider => Some("provider"),
            Self::BadStatus => Some("status"),
            Self::TooManyLines(_) => Some("numbers"),
            _ => None,
        }
    }
}

/// The provider of a number when nobody said whose it is.
pub const BY_HAND: &str = "manual";

/// Reads a provider's name; the carriers of document 001 are examples, not limits.
///
/// # Errors
/// [`NumberRefused::BadProvider`].
pub fn provider(text: &str) -> Result<String, NumberRefused> {
    let text = text.trim().to_lowercase();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(NumberRefused::BadProvider);
    }
    Ok(text)
}

/// A number to add, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct NewNumber {
    /// The number.
    pub number: String,
    /// The carrier.
    pub provider: Option<String>,
    /// The country; read from the number when absent.
    pub country: Option<String>,
    /// What it can carry.
    pub capabilities: Capabilities,
    /// Whether it may be used.
    pub status: NumberStatus,
}

impl NewNumber {
    /// Everything that is wrong with it. `home` is the company's default country.
    pub fn faults(&self, home: Country) -> impl Iterator<Item = NumberRefused> + use<> {
        let country = given_country(self.country.as_deref());
        let number = E164::parse(&self.number, country.clone().ok().flatten().unwrap_or(home));
        let provider = given_provider(self.provider.as_deref());
        [number.err().map(NumberRefused::from), country.err(), provider.err()].into_iter().flatten()
    }
}

/// The country that was given; nothing but blanks is none.
///
/// # Errors
/// [`NumberRefused::BadCountry`].
fn given_country(text: Option<&str>) -> Result<Option<Country>, NumberRefused> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(country).transpose()
}

/// Reads the country of a number.
///
/// # Errors
/// [`NumberRefused::BadCountry`].
pub fn country(text: &str) -> Result<Country, NumberRefused> {
    text.parse().map_err(|_| NumberRefused::BadCountry)
}

fn given_provider(text: Option<&str>) -> Result<String, NumberRefused> {
    provider(text.filter(|text| !text.trim().is_empty()).unwrap_or(BY_HAND))
}

impl PhoneNumber {
    /// Reads a number to add. `home` is the company's default country.
    ///
    /// # Errors
    /// [`NumberRefused`] names the field at fault.
    pub fn read(
        id: NumberId,
        company: CompanyId,
        new: &NewNumber,
        home: Country,
        now: DateTime<Utc>,
    ) -> Result<Self, NumberRefused> {
        let country = given_country(new.country.as_deref())?;
        let number = E164::parse(&new.number, country.unwrap_or(home))?;
        Ok(Self {
            id,
            company,
            country: country.or_else(|| number.country()).unwrap_or(home),
            number,
            raw: new.number.trim().to_owned(),
            provider: given_provider(new.provider.as_deref())?,
            capabilities: new.capabilities,
            status: new.status,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}
