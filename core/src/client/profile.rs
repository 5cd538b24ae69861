//! What is known about a client, and how it is read from what people type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ClientRefused;
use crate::id::UserId;
use crate::people::user::{email, person_name};
use crate::phone::{BadNumber, Country, E164};
use crate::pii::Pii;
use crate::search;

/// The most further numbers, tags and own fields of a client.
const FURTHER_MAX: usize = 10;
const TAGS_MAX: usize = 50;
const CUSTOM_MAX: usize = 50;

/// A number as it was typed, and in international form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPhone {
    /// In international form.
    pub number: E164,
    /// As it was typed.
    pub raw: Pii<String>,
}

impl ClientPhone {
    fn parse(text: &str, home: Country) -> Result<Self, BadNumber> {
        Ok(Self { number: E164::parse(text, home)?, raw: text.trim().into() })
    }
}

/// What is known about a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientProfile {
    /// Its name.
    pub name: Pii<String>,
    /// The firm it belongs to, or is.
    pub organization: Option<String>,
    /// Its e-mail address, in lower case.
    pub email: Option<Pii<String>>,
    /// Its main number.
    pub phone: Option<ClientPhone>,
    /// Further numbers.
    pub further_phones: Vec<ClientPhone>,
    /// Its postal address.
    pub address: Option<Pii<String>>,
    /// Labels, in the order they were given.
    pub tags: Vec<String>,
    /// Who looks after it. Kept when the user is removed.
    pub owner: Option<UserId>,
    /// Fields of the company's own.
    pub custom: BTreeMap<String, Pii<String>>,
}

/// What somebody wants to be known about a client; what is absent stays. In doubled options `Some(None)` clears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientChange {
    /// Its name.
    pub name: Option<String>,
    /// The firm it belongs to, or is.
    pub organization: Option<Option<String>>,
    /// Its e-mail address.
    pub email: Option<Option<String>>,
    /// Its main number, as it was typed.
    pub phone: Option<Option<String>>,
    /// Its further numbers, as they were typed.
    pub further_phones: Option<Vec<String>>,
    /// Its postal address.
    pub address: Option<Option<String>>,
    /// Labels.
    pub tags: Option<Vec<String>>,
    /// Who looks after it.
    pub owner: Option<Option<UserId>>,
    /// Fields of the company's own; all of them.
    pub custom: Option<BTreeMap<String, String>>,
}

/// A text without blanks around it, of at most `most` characters; none when nothing is left.
fn short(text: Option<&String>, most: usize, refused: ClientRefused) -> Result<Option<String>, ClientRefused> {
    match text.map(|text| text.trim()).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > most => Err(refused),
        other => Ok(other.map(str::to_owned)),
    }
}

/// Keeps what is good, and what is wrong with the rest.
fn kept<T>(faults: &mut Vec<ClientRefused>, read: Result<T, ClientRefused>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn given(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.trim().is_empty())
}

impl ClientChange {
    /// The profile after the change. Numbers without a prefix are numbers of `home`.
    ///
    /// # Errors
    /// [`ClientRefused`] names the first field at fault.
    pub fn apply(&self, old: &ClientProfile, home: Country) -> Result<ClientProfile, ClientRefused> {
        let (new, faults) = self.read(old, home);
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None if new.name.expose().is_empty() => Err(ClientRefused::BadName),
            None => Ok(new),
        }
    }

    /// Everything that is wrong with it, whatever the client.
    #[must_use]
    pub fn faults(&self, home: Country) -> Vec<ClientRefused> {
        self.read(&ClientProfile::default(), home).1
    }

    /// The profile with all that is good of the change, and what is wrong with the rest.
    fn read(&self, old: &ClientProfile, home: Country) -> (ClientProfile, Vec<ClientRefused>) {
        let (mut new, mut faults) = (old.clone(), Vec::new());
        let faulty = &mut faults;
        if let Some(name) = &self.name
            && let Some(name) = kept(faulty, person_name(name).map_err(|_| ClientRefused::BadName))
        {
            new.name = name.into();
        }
        if let Some(text) = &self.organization
            && let Some(organization) = kept(faulty, short(text.as_ref(), 200, ClientRefused::BadOrganization))
        {
            new.organization = organization;
        }
        if let Some(text) = &self.email {
            let read = given(text.as_ref()).map(|text| email(text)).transpose();
            if let Some(email) = kept(faulty, read.map_err(|_| ClientRefused::BadEmail)) {
                new.email = email.map(Pii::new);
            }
        }
        if let Some(text) = &self.phone {
            let read = given(text.as_ref()).map(|text| ClientPhone::parse(text, home)).transpose();
            if let Some(phone) = kept(faulty, read.map_err(ClientRefused::Phone)) {
                new.phone = phone;
            }
        }
        match &self.further_phones {
            Some(texts) if texts.len() > FURTHER_MAX => faulty.push(ClientRefused::TooManyPhones),
            Some(texts) => {
                let read = |(n, text): (usize, &String)| {
                    ClientPhone::parse(text, home).map_err(|reason| ClientRefused::FurtherPhone(n, reason))
                };
                new.further_phones = texts.iter().enumerate().filter_map(|one| kept(faulty, read(one))).collect();
            }
            None => {}
        }
        if let Some(text) = &self.address
            && let Some(address) = kept(faulty, short(text.as_ref(), 1_000, ClientRefused::BadAddress))
        {
            new.address = address.map(Pii::new);
        }
        if let Some(tags) = self.tags.as_deref().and_then(|tags| kept(faulty, checked_tags(tags))) {
            new.tags = tags;
        }
        if let Some(custom) = self.custom.as_ref().and_then(|custom| kept(faulty, checked_custom(custom))) {
            new.custom = custom;
        }
        new.owner = self.owner.unwrap_or(new.owner);
        (new, faults)
    }
}

/// Tags without those that say the same again.
fn checked_tags(tags: &[String]) -> Result<Vec<String>, ClientRefused> {
    let mut checked: Vec<String> = Vec::new();
    for tag in tags.iter().map(|tag| tag.trim()) {
        let label = search::label(tag);
        if label.is_empty() || tag.chars().count() > 50 {
            return Err(ClientRefused::BadTags);
        }
        if !checked.iter().any(|known| search::label(known) == label) {
            checked.push(tag.to_owned());
        }
    }
    if checked.len() > TAGS_MAX { Err(ClientRefused::BadTags) } else { Ok(checked) }
}

fn checked_custom(custom: &BTreeMap<String, String>) -> Result<BTreeMap<String, Pii<String>>, ClientRefused> {
    let fits = |(name, value): (&String, &String)| {
        !name.trim().is_empty() && name.chars().count() <= 50 && value.chars().count() <= 1_000
    };
    if custom.len() > CUSTOM_MAX || !custom.iter().all(fits) {
        return Err(ClientRefused::BadCustom);
    }
    Ok(custom.iter().map(|(name, value)| (name.clone(), Pii::new(value.clone()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str) -> ClientChange {
        ClientChange { name: Some(name.to_owned()), ..ClientChange::default() }
    }

    fn apply(change: &ClientChange) -> Result<ClientProfile, ClientRefused> {
        change.apply(&ClientProfile::default(), "DE".parse().unwrap())
    }

    #[test]
    fn a_client_needs_a_name_and_keeps_what_is_not_said() {
        assert_eq!(apply(&ClientChange::default()), Err(ClientRefused::BadName));
        let made =
            apply(&ClientChange { phone: Some(Some(" 0171 2345678 ".to_owned())), ..change(" Žofie ") }).unwrap();
        let phone = made.phone.clone().unwrap();
        assert_eq!(
            (made.name.expose().as_str(), phone.number.as_str(), phone.raw.expose().as_str()),
            ("Žofie", "+491712345678", "0171 2345678")
        );
        let next = change("Ann").apply(&made, "US".parse().unwrap()).unwrap();
        assert_eq!(next.phone, made.phone, "a number is not read anew");
        let cleared = ClientChange { phone: Some(None), ..ClientChange::default() }.apply(&next, "DE".parse().unwrap());
        assert_eq!(cleared.unwrap().phone, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        use crate::error::Refusal as _;
        let text = |n: usize| Some(Some("x".repeat(n)));
        let many = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
        let own = |name: &str, value: &str| Some([(name.to_owned(), value.to_owned())].into());
        let cases = [
            ("name", change(&"x".repeat(201))),
            ("email", ClientChange { email: Some(Some("nobody".to_owned())), ..change("A") }),
            ("phone", ClientChange { phone: Some(Some("call me".to_owned())), ..change("A") }),
            ("furtherPhones", ClientChange { further_phones: Some(vec!["1".to_owned()]), ..change("A") }),
            ("furtherPhones", ClientChange { further_phones: Some(many(11)), ..change("A") }),
            ("company", ClientChange { organization: text(201), ..change("A") }),
            ("address", ClientChange { address: text(1_001), ..change("A") }),
            ("tags", ClientChange { tags: Some(many(51)), ..change("A") }),
            ("tags", ClientChange { tags: Some(vec!["!".to_owned()]), ..change("A") }),
            ("custom", ClientChange { custom: own(" ", "x"), ..change("A") }),
            ("custom", ClientChange { custom: own("x", &"x".repeat(1_001)), ..change("A") }),
        ];
        for (field, change) in cases {
            assert_eq!(apply(&change).unwrap_err().field(), Some(field), "{change:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        use crate::error::Refusal as _;
        let text = |text: &str| Some(Some(text.to_owned()));
        let further = Some(["x", "+4930123456", "y"].map(str::to_owned).to_vec());
        let wrong = ClientChange { email: text("x"), phone: text("x"), further_phones: further, ..change("") };
        let fields: Vec<_> = wrong.faults("DE".parse().unwrap()).iter().filter_map(|fault| fault.field()).collect();
        assert_eq!(fields, ["name", "email", "phone", "furtherPhones", "furtherPhones"]);
        assert_eq!(ClientChange::default().faults("DE".parse().unwrap()), [], "what is not said is not wrong");
    }

    #[test]
    fn a_tag_is_there_once() {
        let tags = ["VIP", "vip", "Žofie 🦜"].map(str::to_owned).to_vec();
        assert_eq!(apply(&ClientChange { tags: Some(tags), ..change("A") }).unwrap().tags, ["VIP", "Žofie 🦜"]);
    }
}
