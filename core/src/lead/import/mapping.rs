//! Which column means what.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ImportRefused;
use crate::lead::{FIELD_NAME_MAX, FIELDS_MAX};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Field {
    /// The whole name.
    Name,
    /// The first name; goes before the last one.
    FirstName,
    /// The last name.
    LastName,
    /// The e-mail address.
    Email,
    /// The telephone number.
    Phone,
    /// Where they came from.
    Source,
    /// How far they have come.
    Status,
    /// How urgent they are.
    Priority,
    /// How good they are.
    Quality,
    /// What they want.
    Requirements,
    /// A note.
    Notes,
    /// What they are worth.
    Value,
    /// Who works on them: an e-mail address or an id.
    AssignedTo,
    /// Skills that whoever works on them should have, between commas or semicolons.
    Skills,
    /// The language they speak.
    Language,
    /// Where they are.
    Territory,
    /// The company's own fields, as a JSON object: how an export has them.
    CustomFields,
    /// One of the company's own fields.
    Custom(String),
    /// Nothing that is wanted.
    Ignore,
}

/// The word is no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a field is name, firstName, lastName, email, phone, source, status, priority, quality, requirements, notes, value, \
     assignedTo, skills, language, territory, customFields, ignore, or custom: with a name of up to 64 characters behind it"
)]
pub struct UnknownField;

/// What begins the word of a field of the company's own.
const CUSTOM: &str = "custom:";

/// The fields by their words, with what headers call them: in lower case, without blanks and punctuation. The first match of a
/// file wins, in the order of its columns; shorter lists of a few other languages spare the most frequent questions.
const WORDS: [(Field, &str, &[&str]); 18] = [
    (
        Field::Name,
        "name",
        &[
            "name",
            "fullname",
            "leadname",
            "customername",
            "clientname",
            "contactname",
            "contact",
            "customer",
            "client",
            "lead",
            "person",
            "displayname",
            "kunde",
            "vollstandigername",
            "nombre",
            "nombrecompleto",
            "nom",
            "nomcomplet",
        ],
    ),
    (
        Field::FirstName,
        "firstName",
        &["firstname", "givenname", "forename", "first", "vorname", "prenom", "nombredepila"],
    ),
    (
        Field::LastName,
        "lastName",
        &["lastname", "surname", "familyname", "last", "nachname", "apellido", "apellidos", "nomdefamille"],
    ),
    (
        Field::Email,
        "email",
        &[
            "email",
            "emailaddress",
            "mail",
            "emailid",
            "emails",
            "primaryemail",
            "workemail",
            "mailaddress",
            "correo",
            "correoelectronico",
            "courriel",
            "adresseemail",
        ],
    ),
    (
        Field::Phone,
        "phone",
        &[
            "phone",
            "phonenumber",
            "mobile",
            "mobilenumber",
            "mobilephone",
            "cell",
            "cellphone",
            "cellnumber",
            "telephone",
            "telephonenumber",
            "tel",
            "telno",
            "phoneno",
            "mobileno",
            "contactnumber",
            "contactno",
            "number",
            "msisdn",
            "whatsapp",
            "whatsappnumber",
            "primaryphone",
            "workphone",
            "telefon",
            "telefonnummer",
            "handy",
            "rufnummer",
            "telefono",
            "movil",
            "celular",
            "portable",
            "numerodetelephone",
        ],
    ),
    (Field::Source, "source", &["source", "leadsource", "channel", "origin", "referrer", "utmsource", "quelle"]),
    (Field::Status, "status", &["status", "leadstatus", "stage", "leadstage", "state"]),
    (Field::Priority, "priority", &["priority", "urgency", "prioritat"]),
    (Field::Quality, "quality", &["quality", "leadquality", "rating", "temperature", "leadrating"]),
    (
        Field::Requirements,
        "requirements",
        &[
            "requirements",
            "requirement",
            "needs",
            "interest",
            "interestedin",
            "interests",
            "enquiry",
            "inquiry",
            "product",
            "productinterest",
            "request",
        ],
    ),
    (
        Field::Notes,
        "notes",
        &["notes", "note", "comment", "comments", "remarks", "remark", "description", "message", "notiz", "bemerkung"],
    ),
    (
        Field::Value,
        "value",
        &[
            "value",
            "amount",
            "dealvalue",
            "leadvalue",
            "budget",
            "expectedrevenue",
            "revenue",
            "dealsize",
            "estimatedvalue",
        ],
    ),
    (
        Field::AssignedTo,
        "assignedTo",
        &[
            "assignedto",
            "assigned",
            "assignee",
            "owner",
            "leadowner",
            "agent",
            "salesperson",
            "salesrep",
            "telecaller",
            "caller",
            "rep",
            "assignedagent",
            "owneremail",
            "agentemail",
            "assignedtoemail",
        ],
    ),
    (Field::Skills, "skills", &["skills", "skill", "requiredskills"]),
    (Field::Language, "language", &["language", "lang", "preferredlanguage", "sprache", "idioma", "langue"]),
    (Field::Territory, "territory", &["territory", "region", "area", "zone"]),
    (Field::CustomFields, "customFields", &["customfields"]),
    // What our own file of failed rows and our export say beside the data.
    (
        Field::Ignore,
        "ignore",
        &["importerrors", "importrow", "leadid", "id", "score", "followups", "createdat", "updatedat", "lastcontact"],
    ),
];

impl Field {
    /// Whether it fills the field of a lead that a rule names.
    #[must_use]
    pub fn fills(&self, field: &str) -> bool {
        match self {
            Self::FirstName | Self::LastName => field == "name",
            Self::Custom(_) => field == "customFields",
            Self::Ignore => false,
            other => WORDS.iter().any(|(own, word, _)| own == other && *word == field),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(name) => write!(f, "{CUSTOM}{name}"),
            other => f.write_str(WORDS.iter().find(|(own, ..)| own == other).map_or("ignore", |(_, word, _)| word)),
        }
    }
}

impl FromStr for Field {
    type Err = UnknownField;
    fn from_str(text: &str) -> Result<Self, UnknownField> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix(CUSTOM).map(str::trim) {
            let fits =
                !name.is_empty() && name.chars().count() <= FIELD_NAME_MAX && !name.chars().any(char::is_control);
            return if fits { Ok(Self::Custom(name.to_owned())) } else { Err(UnknownField) };
        }
        let word = |(_, word, _): &&(Self, &str, &[&str])| word.eq_ignore_ascii_case(&text.replace('_', ""));
        WORDS.iter().find(word).map(|(field, ..)| field.clone()).ok_or(UnknownField)
    }
}

impl TryFrom<String> for Field {
    type Error = UnknownField;
    fn try_from(text: String) -> Result<Self, UnknownField> {
        text.parse()
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

/// What the columns of a file mean, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping(pub Vec<Field>);

/// A header as it is compared: letters and digits in lower case, accents left off.
fn plain(header: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    header.nfkd().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Guesses what columns mean from their headers. A column that means nothing known becomes a field of the company's own.
#[must_use]
pub fn guess(headers: &[String]) -> Mapping {
    completed(&vec![None; headers.len()], headers)
}

/// Completes a mapping that names some columns by a guess for the others.
fn completed(given: &[Option<Field>], headers: &[String]) -> Mapping {
    let mut taken: BTreeSet<Field> = given.iter().flatten().cloned().collect();
    let mut fields = given.to_vec();
    let plain: Vec<String> = headers.iter().map(|header| plain(header)).collect();
    // "Home phone" and "E-mail (work)" are understood when no column says it better.
    let says = |header: &str, word: &str, is_near: bool| {
        header == word || is_near && ["phone", "mobile", "email"].contains(&word) && header.contains(word)
    };
    for is_near in [false, true] {
        for (slot, header) in fields.iter_mut().zip(&plain) {
            if slot.is_some() || header.is_empty() {
                continue;
            }
            let found = WORDS
                .iter()
                .find(|(_, _, words)| words.iter().any(|word| says(header, word, is_near)))
                .map(|(field, ..)| field.clone());
            if let Some(field) = found.filter(|field| *field == Field::Ignore || !taken.contains(field)) {
                taken.insert(field.clone());
                *slot = Some(field);
            }
        }
    }
    let mut own = taken.iter().filter(|field| matches!(field, Field::Custom(_))).count();
    let fields = fields.into_iter().zip(headers).map(|(slot, header)| {
        slot.unwrap_or_else(|| {
            let name: String =
                header.trim().chars().filter(|letter| !letter.is_control()).take(FIELD_NAME_MAX).collect();
            let field = Field::Custom(name.trim().to_owned());
            if header.trim().is_empty() || own >= FIELDS_MAX || !taken.insert(field.clone()) {
                return Field::Ignore;
            }
            own += 1;
            field
        })
    });
    Mapping(fields.collect())
}

impl Mapping {
    /// The mapping of a file's columns: what was said about some, by their headers, and a guess for the others. A header that the
    /// file does not have is an error, as it is a slip of whoever wrote it.
    ///
    /// # Errors
    /// The header that the file does not have.
    pub fn given(said: &[(String, Field)], headers: &[String]) -> Result<Self, String> {
        let mut fields = vec![None; headers.len()];
        for (header, field) in said {
            let at = headers.iter().position(|own| own.trim() == header.trim()).ok_or_else(|| header.clone())?;
            if let Some(slot) = fields.get_mut(at) {
                *slot = Some(field.clone());
            }
        }
        Ok(completed(&fields, headers))
    }

    /// Checks that leads can be made with it of a file with so many columns.
    ///
    /// # Errors
    /// [`ImportRefused`].
    pub fn check(&self, columns: usize) -> Result<(), ImportRefused> {
        if self.0.len() != columns {
            return Err(ImportRefused::BadMapping { named: self.0.len(), columns });
        }
        let mut seen = BTreeSet::new();
        for field in self.0.iter().filter(|field| **field != Field::Ignore) {
            if !seen.insert(field) {
                return Err(ImportRefused::Twice(field.to_string()));
            }
        }
        if ![Field::Name, Field::FirstName, Field::LastName].iter().any(|field| seen.contains(field)) {
            return Err(ImportRefused::NoName);
        }
        if ![Field::Phone, Field::Email].iter().any(|field| seen.contains(field)) {
            return Err(ImportRefused::NoContact);
        }
        Ok(())
    }
}
