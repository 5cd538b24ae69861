//! Leads as clients send them.

use dialplane_core::id::UserId;
use dialplane_core::lead::{
    Cents, CustomFields, LeadChange, LeadOrigin, LeadRefused, LeadStatus, Needs, NewLead, Owner, VALUE_MAX,
    contact_email, custom_fields, lead_name, long_text, tags,
};
use dialplane_core::phone::{Country, E164};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::MetaData;
use crate::http::faults::Faults;
use crate::http::input::nullable;

/// A lead to take in or to change; on a change what is absent stays, and null clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LeadInput {
    /// Their name; required of a new lead.
    name: Option<String>,
    /// Their e-mail address. A lead has this or a telephone number.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Their telephone number; without an international prefix it is one of the company's country.
    #[serde(deserialize_with = "nullable", alias = "phone_number")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Where they came from; manual when nothing is said.
    source: Option<String>,
    /// new, contacted, qualified, interested, converted, lost or do_not_call.
    status: Option<String>,
    /// low, medium (usual), high or urgent.
    priority: Option<String>,
    /// hot, warm (usual) or cold.
    quality: Option<String>,
    /// What they want.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    requirements: Option<Option<String>>,
    /// A note to add.
    notes: Option<String>,
    /// What they are worth, in the company's currency, with at most two decimals.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<f64>)]
    value: Option<Option<f64>>,
    /// Skills that whoever works on them should have.
    skills: Option<Vec<String>>,
    /// The language they speak.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    language: Option<Option<String>>,
    /// Where they are; the country of their number when nothing is said.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    territory: Option<Option<String>>,
    /// The company's own fields: texts, numbers and truth values; null removes one, the others stay.
    #[serde(alias = "custom_fields")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Object>>)]
    custom_fields: Option<serde_json::Map<String, serde_json::Value>>,
    /// The advertisement they answered.
    #[serde(alias = "meta_data")]
    #[schema(value_type = Option<MetaData>)]
    meta_data: Option<LeadOrigin>,
    /// Who works on them; null for nobody. For a new lead the company's routing decides when nothing is said.
    #[serde(deserialize_with = "nullable", alias = "assigned_to")]
    #[schema(value_type = Option<uuid::Uuid>)]
    assigned_to: Option<Option<UserId>>,
}

/// A change of a lead, and of who works on it.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) change: LeadChange,
    pub(crate) assign: Option<Option<UserId>>,
}

/// Reads a word of a closed set.
fn word<T, E>(text: Option<&String>, faults: &mut Faults) -> Option<T>
where
    T: std::str::FromStr<Err = E>,
    LeadRefused: From<E>,
{
    faults.rule(text.map(|text| text.trim().parse().map_err(LeadRefused::from)).transpose()).flatten()
}

/// Reads an amount.
pub(crate) fn cents(value: f64) -> Result<Cents, LeadRefused> {
    let hundredths = (value * 100.0).round();
    let exact = (value * 100.0 - hundredths).abs() < 1e-4;
    if exact && (0.0..=VALUE_MAX as f64).contains(&hundredths) {
        // In range, and whole.
        Ok(hundredths as Cents)
    } else {
        Err(LeadRefused::BadValue)
    }
}

impl LeadInput {
    /// Asks every rule that looks at one field, so that one answer names all that is wrong.
    fn check(&self, home: Country, faults: &mut Faults) {
        let mut ask = |result: Result<(), LeadRefused>| {
            faults.rule(result);
        };
        ask(self.name.as_deref().map_or(Ok(()), |name| lead_name(name).map(drop)));
        let given = |text: &Option<Option<String>>| text.clone().flatten().unwrap_or_default();
        ask(contact_email(&given(&self.email)).map(drop));
        let phone = given(&self.phone);
        if !phone.trim().is_empty() {
            ask(E164::parse(&phone, home).map(drop).map_err(LeadRefused::from));
        }
        ask(long_text("requirements", &given(&self.requirements)).map(drop));
        ask(long_text("notes", self.notes.as_deref().unwrap_or_default()).map(drop));
        ask(tags("skills", self.skills.clone().unwrap_or_default()).map(drop));
        for (field, text) in [("language", &self.language), ("territory", &self.territory)] {
            let text = text.clone().flatten().filter(|text| !text.trim().is_empty());
            ask(tags(field, text.into_iter().collect()).map(drop));
        }
        ask(self.meta_data.clone().unwrap_or_default().checked().map(drop));
        let fields = self.custom_fields.clone().unwrap_or_default();
        let fields = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        ask(custom_fields(CustomFields(fields)).map(drop));
    }

    fn needs(&self) -> Option<Needs> {
        let said = self.skills.is_some() || self.language.is_some() || self.territory.is_some();
        said.then(|| Needs {
            skills: self.skills.clone().unwrap_or_default(),
            language: self.language.clone().flatten(),
            territory: self.territory.clone().flatten(),
        })
    }

    /// A new lead.
    pub(crate) fn new_lead(self, home: Country, faults: &mut Faults) -> Option<NewLead> {
        self.check(home, faults);
        if self.name.is_none() {
            faults.add("name", "this is required");
        }
        let blank = |text: &Option<Option<String>>| text.clone().flatten().is_none_or(|text| text.trim().is_empty());
        if blank(&self.email) && blank(&self.phone) {
            faults.add("phone", LeadRefused::Unreachable.to_string());
        }
        let value = faults.rule(self.value.flatten().map(cents).transpose());
        Some(NewLead {
            needs: self.needs().unwrap_or_default(),
            source: word(self.source.as_ref(), faults).unwrap_or_default(),
            status: word(self.status.as_ref(), faults).unwrap_or_default(),
            priority: word(self.priority.as_ref(), faults).unwrap_or_default(),
            quality: word(self.quality.as_ref(), faults).unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            email: self.email.flatten(),
            phone: self.phone.flatten(),
            raw_phone: None,
            requirements: self.requirements.flatten(),
            notes: self.notes,
            custom: CustomFields(
                self.custom_fields.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null()).collect(),
            ),
            value: value.flatten(),
            origin: self.meta_data.unwrap_or_default(),
            owner: match self.assigned_to {
                None => Owner::Routed,
                Some(None) => Owner::Nobody,
                Some(Some(user)) => Owner::User(user),
            },
        })
    }

    /// A change of a lead.
    pub(crate) fn change(self, home: Country, faults: &mut Faults) -> Option<Change> {
        self.check(home, faults);
        let value = faults.rule(self.value.map(|value| value.map(cents).transpose()).transpose());
        let status: Option<LeadStatus> = word(self.status.as_ref(), faults);
        let change = LeadChange {
            needs: self.needs(),
            source: word(self.source.as_ref(), faults),
            status,
            priority: word(self.priority.as_ref(), faults),
            quality: word(self.quality.as_ref(), faults),
            name: self.name,
            email: self.email,
            phone: self.phone,
            requirements: self.requirements,
            notes: self.notes,
            custom: self.custom_fields.map(CustomFields),
            value: value.flatten(),
            origin: self.meta_data,
            contacted_at: None,
        };
        Some(Change { change, assign: self.assigned_to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals() {
        assert_eq!(cents(1999.99), Ok(199_999));
        assert_eq!(cents(0.1 + 0.2), Ok(30));
        assert_eq!(cents(1_000_000_000.0), Ok(VALUE_MAX));
        for bad in [-0.01, 0.001, 1_000_000_000.01, f64::NAN, f64::INFINITY] {
            assert_eq!(cents(bad), Err(LeadRefused::BadValue), "{bad}");
        }
    }
}
