//! What is known of a lead.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LeadRefused, LeadStatus, Priority, Quality, Source};
use crate::id::{ClientId, CompanyId, LeadId, LeadNoteId, UserId};
use crate::people::user::{email, person_name};
use crate::phone::E164;
use crate::pii::Pii;
use crate::search::Entries;

/// The most characters of requirements and of a note.
pub const TEXT_MAX: usize = 10_000;
/// The most custom fields, and the most characters of a name and of a text among them.
pub const FIELDS_MAX: usize = 50;
/// See [`FIELDS_MAX`].
pub const FIELD_NAME_MAX: usize = 64;
/// See [`FIELDS_MAX`].
pub const FIELD_TEXT_MAX: usize = 1_000;
/// The most skills, languages or territories of a lead or an agent.
pub const TAGS_MAX: usize = 50;
/// The most that a lead can be worth, in hundredths.
pub const VALUE_MAX: u64 = 100_000_000_000;

/// Hundredths of the company's currency.
pub type Cents = u64;

/// A company's own fields of a lead: texts, numbers and truth values by name. Printing shows how many there are.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomFields(pub Map<String, Value>);

impl fmt::Debug for CustomFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields", self.0.len())
    }
}

/// A person who may buy.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// The company.
    pub company: CompanyId,
    /// Their name.
    pub name: Pii<String>,
    /// Their e-mail address, in lower case.
    pub email: Option<Pii<String>>,
    /// Their telephone number.
    pub phone: Option<E164>,
    /// The number as it was typed.
    pub raw_phone: Option<Pii<String>>,
    /// Where they came from.
    pub source: Source,
    /// How far they have come.
    pub status: LeadStatus,
    /// How urgent they are.
    pub priority: Priority,
    /// How good they are.
    pub quality: Quality,
    /// 0 to 100, by the company's weights.
    pub score: u8,
    /// What they want.
    pub requirements: Option<Pii<String>>,
    /// What whoever works on them should bring.
    pub needs: Needs,
    /// The company's own fields.
    pub custom: CustomFields,
    /// What they are worth.
    pub value: Option<Cents>,
    /// The advertisement they answered.
    pub origin: LeadOrigin,
    /// Contacts so far.
    pub followup_count: u32,
    /// The last contact.
    pub last_contact_at: Option<DateTime<Utc>>,
    /// Who works on them.
    pub assigned_to: Option<UserId>,
    /// Since when.
    pub assigned_at: Option<DateTime<Utc>>,
    /// Whether nobody could be found and the lead waits for somebody.
    pub is_waiting: bool,
    /// When the routing looks at it again: a waiting one to find somebody, one that was routed to give it to somebody else unless it is
    /// touched before.
    pub route_at: Option<DateTime<Utc>>,
    /// How often it went back.
    pub returns: u32,
    /// The client they became.
    pub client: Option<ClientId>,
    /// When they bought.
    pub converted_at: Option<DateTime<Utc>>,
    /// Who is credited with it.
    pub converted_by: Option<UserId>,
    /// Counts the changes; a stale write is refused.
    pub version: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an agent should bring for a lead; compared word for word in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Needs {
    /// Skills, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// The language they speak, such as `es`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where they are; the country of their number when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub territory: Option<String>,
}

/// The advertisement that a lead answered, by Meta's words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeadOrigin {
    /// The name of the advertisement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_name: Option<String>,
    /// The name of the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_name: Option<String>,
    /// The name of the form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_gen_form_name: Option<String>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The advertisement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_id: Option<String>,
    /// The form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form_id: Option<String>,
    /// Their id of the lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
}

/// A note about a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadNote {
    /// Its id.
    pub id: LeadNoteId,
    /// The lead.
    pub lead: LeadId,
    /// The company.
    pub company: CompanyId,
    /// Who wrote it; nobody when it came with the lead from outside.
    pub author: Option<UserId>,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: Pii<String>,
}

impl Lead {
    /// What it is found by: the number, and the words of everything that people wrote but the notes.
    #[must_use]
    pub fn entries(&self) -> Entries {
        let mut entries = Entries::default();
        self.phone.iter().for_each(|number| entries.number(number));
        entries.text(self.name.expose());
        let texts = [&self.email, &self.raw_phone, &self.requirements];
        texts.into_iter().flatten().for_each(|text| entries.text(text.expose()));
        self.custom.0.values().filter_map(Value::as_str).for_each(|text| entries.text(text));
        entries
    }

    /// The words that an agent is looked for by, in lower case; the territory is the country of the number when none was named.
    #[must_use]
    pub fn wanted(&self) -> Needs {
        let country = || Some(self.phone.as_ref()?.country()?.as_str().to_lowercase());
        Needs { territory: self.needs.territory.clone().or_else(country), ..self.needs.clone() }
    }
}

/// Reads a lead's name.
///
/// # Errors
/// [`LeadRefused::BadName`].
pub fn lead_name(text: &str) -> Result<String, LeadRefused> {
    person_name(text).map_err(|_| LeadRefused::BadName)
}

/// Reads an e-mail address; blank is none.
///
/// # Errors
/// [`LeadRefused::BadEmail`].
pub fn contact_email(text: &str) -> Result<Option<String>, LeadRefused> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    email(text).map(Some).map_err(|_| LeadRefused::BadEmail)
}

/// Reads a text of several lines; blank is none.
///
/// # Errors
/// [`LeadRefused::BadText`] names `field`.
pub fn long_text(field: &'static str, text: &str) -> Result<Option<String>, LeadRefused> {
    let text = text.trim();
    if text.chars().count() > TEXT_MAX || text.contains('\0') {
        return Err(LeadRefused::BadText(field));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Reads words such as skills: trimmed, in lower case, each once, in order.
///
/// # Errors
/// [`LeadRefused::BadText`] names `field`.
pub fn tags(field: &'static str, words: Vec<String>) -> Result<Vec<String>, LeadRefused> {
    let mut words: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
    words.sort_unstable();
    words.dedup();
    let bad = |word: &String| word.is_empty() || word.chars().count() > 64 || word.chars().any(char::is_control);
    if words.len() > TAGS_MAX || words.iter().any(bad) { Err(LeadRefused::BadText(field)) } else { Ok(words) }
}

/// Checks custom fields.
///
/// # Errors
/// [`LeadRefused::BadCustomFields`].
pub fn custom_fields(fields: CustomFields) -> Result<CustomFields, LeadRefused> {
    let fits = |(name, value): (&String, &Value)| {
        let named =
            !name.trim().is_empty() && name.chars().count() <= FIELD_NAME_MAX && !name.chars().any(char::is_control);
        named
            && match value {
                Value::String(text) => text.chars().count() <= FIELD_TEXT_MAX && !text.contains('\0'),
                Value::Number(_) | Value::Bool(_) => true,
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            }
    };
    if fields.0.len() <= FIELDS_MAX && fields.0.iter().all(fits) {
        Ok(fields)
    } else {
        Err(LeadRefused::BadCustomFields)
    }
}

impl Needs {
    /// Checks and cleans.
    ///
    /// # Errors
    /// [`LeadRefused::BadText`] names the field.
    pub fn checked(self) -> Result<Self, LeadRefused> {
        let one = |field, word: Option<String>| -> Result<Option<String>, LeadRefused> {
            let word = word.filter(|word| !word.trim().is_empty());
            Ok(tags(field, word.into_iter().collect())?.pop())
        };
        Ok(Self {
            skills: tags("skills", self.skills)?,
            language: one("language", self.language)?,
            territory: one("territory", self.territory)?,
        })
    }
}

impl LeadOrigin {
    /// Checks and cleans: every text is trimmed and has at most 200 characters.
    ///
    /// # Errors
    /// [`LeadRefused::BadText`] names `metaData`.
    pub fn checked(self) -> Result<Self, LeadRefused> {
        let text = |text: Option<String>| match text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        {
            Some(text) if text.chars().count() > 200 || text.chars().any(char::is_control) => {
                Err(LeadRefused::BadText("metaData"))
            }
            other => Ok(other),
        };
        Ok(Self {
            ad_name: text(self.ad_name)?,
            campaign_name: text(self.campaign_name)?,
            lead_gen_form_name: text(self.lead_gen_form_name)?,
            campaign_id: text(self.campaign_id)?,
            ad_id: text(self.ad_id)?,
            form_id: text(self.form_id)?,
            lead_id: text(self.lead_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn custom_fields_are_bounded_scalars() {
        let read = |value: Value| custom_fields(CustomFields(value.as_object().unwrap().clone()));
        assert!(read(json!({"Größe": "XL", "n": 1.5, "vip": true, "🦜": ""})).is_ok());
        let bad = [
            json!({"a": null}),
            json!({"a": [1]}),
            json!({"a": {}}),
            json!({" ": 1}),
            json!({"x".repeat(65): 1}),
            json!({"a": "y".repeat(1_001)}),
        ];
        for value in bad {
            assert_eq!(read(value.clone()), Err(LeadRefused::BadCustomFields), "{value}");
        }
        let many = (0..51).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(custom_fields(CustomFields(many)), Err(LeadRefused::BadCustomFields));
    }

    #[test]
    fn words_are_compared_as_they_are_meant() {
        let words = vec![" Sales ".to_owned(), "sales".to_owned(), "ES".to_owned()];
        assert_eq!(tags("skills", words), Ok(vec!["es".to_owned(), "sales".to_owned()]));
        assert_eq!(tags("skills", vec![String::new()]), Err(LeadRefused::BadText("skills")));
    }

    #[test]
    fn the_territory_is_the_country_of_the_number_unless_named() {
        let mut lead = crate::lead::tests::lead();
        assert_eq!(lead.wanted().territory.as_deref(), Some("us"));
        lead.needs.territory = Some("bavaria".to_owned());
        assert_eq!(lead.wanted().territory.as_deref(), Some("bavaria"));
    }
}
