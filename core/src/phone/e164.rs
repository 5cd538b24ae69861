//! E.164 numbers (ITU-T E.164): read with a default country, kept in international form.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Country;
use crate::pii::redacted;

/// A number in international form: `+` and 3 to 15 digits. Printing it with `{:?}` shows its last two digits only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// The text is not a telephone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNumber {
    /// Nothing is there.
    #[error("the number is empty")]
    Empty,
    /// Longer than anything that people type.
    #[error("the number is too long")]
    TooLong,
    /// It cannot be read as a number of any country.
    #[error("this is not a telephone number")]
    Malformed,
    /// Its form is right, but no such number can exist.
    #[error("no such number can exist in its country")]
    Impossible,
}

impl E164 {
    /// Reads what a person typed. Numbers without `+` or `00` are numbers of `home`.
    ///
    /// # Errors
    /// [`BadNumber`].
    pub fn parse(text: &str, home: Country) -> Result<Self, BadNumber> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadNumber::Empty);
        }
        if text.len() > 64 {
            return Err(BadNumber::TooLong);
        }
        // Letters would be read as vanity digits ("call me" is 225563): a number is digits and their punctuation.
        if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
        {
            return Err(BadNumber::Malformed);
        }
        let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
        let text = international.as_deref().unwrap_or(text);
        // A number that names its country is read without ours, whose own prefixes would be taken off it.
        let country = (!text.starts_with('+')).then(|| home.metadata()).flatten();
        let number = phonenumber::parse(country, text).map_err(|_| BadNumber::Malformed)?;
        let formatted = number.format().mode(phonenumber::Mode::E164).to_string();
        let parsed = Self::from_stored(&formatted).ok_or(BadNumber::Malformed)?;
        let digits = parsed.digits().len();
        if !(7..=15).contains(&digits) || number.code().value() == 0 {
            return Err(BadNumber::Impossible);
        }
        Ok(parsed)
    }

    /// Wraps text that is already in international form, as stores and signalling have it; `None` when it is not.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits =
            (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        fits.then(|| Self(text.to_owned()))
    }

    /// The number with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits after the `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.get(1..).unwrap_or_default()
    }

    /// The country the number belongs to, as far as the numbering plan tells.
    ///
    /// The metadata names no country for some ranges (Italian landlines) and a Channel Island for some British mobiles
    /// (+44 7911); those fall back to the main country of the calling code.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        if self.0.starts_with("+447911") {
            return "GB".parse().ok();
        }
        let number = phonenumber::parse(None, &self.0).ok()?;
        let found = number.country().id().and_then(|id| id.as_ref().parse().ok());
        found.or_else(|| {
            let regions = phonenumber::metadata::DATABASE.region(&number.code().value())?;
            regions.first()?.parse().ok()
        })
    }

    /// How many leading digits two numbers share: the measure of local presence.
    #[must_use]
    pub fn shared_prefix(&self, other: &Self) -> usize {
        self.digits().bytes().zip(other.digits().bytes()).take_while(|(a, b)| a == b).count()
    }
}

impl TryFrom<String> for E164 {
    type Error = BadNumber;
    fn try_from(text: String) -> Result<Self, BadNumber> {
        Self::from_stored(&text).ok_or(BadNumber::Malformed)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Country {
        "US".parse().unwrap()
    }

    fn read(text: &str, home: &str) -> Result<String, BadNumber> {
        E164::parse(text, home.parse().unwrap()).map(|n| n.as_str().to_owned())
    }

    #[test]
    fn numbers_are_read_with_the_companys_country() {
        assert_eq!(read("(202) 555-0123", "US").unwrap(), "+12025550123");
        assert_eq!(read("030 1234567", "DE").unwrap(), "+49301234567");
        assert_eq!(read("9876543210", "IN").unwrap(), "+919876543210");
        assert_eq!(read("+1 202.555.0123", "DE").unwrap(), "+12025550123");
        assert_eq!(read("0049 30 1234567", "US").unwrap(), "+49301234567");
    }

    #[test]
    fn a_number_that_names_its_country_means_the_same_in_every_company() {
        let numbers = [
            "+4917612345678",
            "+4916090000000",
            "+33142685300",
            "+390612345678",
            "+12025550123",
            "+441234567890",
            "+74951234567",
            "+79161234567",
            "+3612345678",
            "+919876543210",
            "+861012345678",
            "+5511987654321",
        ];
        for number in numbers {
            for home in ["US", "DE", "FR", "IT", "GB", "RU", "HU", "IN", "CN", "BR"] {
                assert_eq!(read(number, home).as_deref(), Ok(number), "in {home}");
                assert_eq!(read(&number.replacen('+', "00", 1), home).as_deref(), Ok(number), "in {home}");
            }
        }
        assert_eq!(read("+49 (0)30 1234567", "US").as_deref(), Ok("+49301234567"));
    }

    #[test]
    fn countries_come_from_the_numbering_plan_with_a_fallback() {
        let country = |text| E164::from_stored(text).unwrap().country().map(|c: Country| c.to_string());
        assert_eq!(country("+12025550123").as_deref(), Some("US"));
        assert_eq!(country("+14165550123").as_deref(), Some("CA"));
        assert_eq!(country("+390612345678").as_deref(), Some("IT"));
        assert_eq!(country("+447911123456").as_deref(), Some("GB"));
        assert_eq!(country("+442071838750").as_deref(), Some("GB"));
        assert_eq!(country("+999123456789"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "   ", "hello", "12", "+", "+0123456789", "٣٤٥", "+1202555012345678901", "1;DROP TABLE"] {
            assert!(read(text, "US").is_err(), "{text}");
        }
        assert_eq!(E164::parse(&"1".repeat(1_000), us()), Err(BadNumber::TooLong));
    }

    #[test]
    fn debug_output_hides_the_number() {
        let number = E164::from_stored("+12025550123").unwrap();
        assert_eq!(format!("{number:?}"), "…23");
    }

    #[test]
    fn shared_prefixes_are_counted_in_digits() {
        let (a, b) = (E164::from_stored("+12025550123").unwrap(), E164::from_stored("+12025559999").unwrap());
        assert_eq!(a.shared_prefix(&b), 7);
    }
}
