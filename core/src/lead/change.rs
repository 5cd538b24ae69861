//! How a lead is made, changed, assigned, contacted and merged.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::record::{VALUE_MAX, contact_email, custom_fields, lead_name, long_text};
use super::{
    Cents, CustomFields, Lead, LeadOrigin, LeadRefused, LeadStatus, Needs, Priority, Quality, ScoreWeights, Source,
    Step,
};
use crate::id::{ClientId, CompanyId, LeadId, UserId};
use crate::phone::{Country, E164};
use crate::pii::Pii;

/// How long a lead that found nobody waits before it is looked at again.
const WAIT: TimeDelta = TimeDelta::seconds(60);

/// When something happens to a lead, and where the company is at home.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// The instant.
    pub now: DateTime<Utc>,
    /// The country of numbers typed without an international prefix.
    pub home: Country,
}

/// Who works on a new lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// Whom the company's routing finds.
    #[default]
    Routed,
    /// This person.
    User(UserId),
    /// Nobody, on purpose.
    Nobody,
}

/// What a lead is made of.
#[derive(Debug, Clone, Default)]
pub struct NewLead {
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their telephone number, as it was typed.
    pub phone: Option<String>,
    /// What they wrote in place of a telephone number when it is none: kept for people to read. `phone` comes first.
    pub raw_phone: Option<String>,
    /// Where they came from.
    pub source: Source,
    /// How far they have come already.
    pub status: LeadStatus,
    /// How urgent they are.
    pub priority: Priority,
    /// How good they are.
    pub quality: Quality,
    /// What they want.
    pub requirements: Option<String>,
    /// A first note.
    pub notes: Option<String>,
    /// What whoever works on them should bring.
    pub needs: Needs,
    /// The company's own fields.
    pub custom: CustomFields,
    /// What they are worth.
    pub value: Option<Cents>,
    /// The advertisement they answered.
    pub origin: LeadOrigin,
    /// Who works on them.
    pub owner: Owner,
}

/// A change of a lead: only what is `Some` changes.
#[derive(Debug, Clone, Default)]
pub struct LeadChange {
    /// A new name.
    pub name: Option<String>,
    /// A new e-mail address; `Some(None)` clears it.
    pub email: Option<Option<String>>,
    /// A new number, as it was typed; `Some(None)` clears it.
    pub phone: Option<Option<String>>,
    /// A new source.
    pub source: Option<Source>,
    /// A new status.
    pub status: Option<LeadStatus>,
    /// A new priority.
    pub priority: Option<Priority>,
    /// A new quality.
    pub quality: Option<Quality>,
    /// New requirements; `Some(None)` clears them.
    pub requirements: Option<Option<String>>,
    /// A note to add.
    pub notes: Option<String>,
    /// Other needs.
    pub needs: Option<Needs>,
    /// Custom fields to set; null removes one, the others stay.
    pub custom: Option<CustomFields>,
    /// A new value; `Some(None)` clears it.
    pub value: Option<Option<Cents>>,
    /// Another origin.
    pub origin: Option<LeadOrigin>,
    /// The next contact was made at this instant: it is counted.
    pub contacted_at: Option<DateTime<Utc>>,
}

fn value(value: Option<Cents>) -> Result<Option<Cents>, LeadRefused> {
    if value.is_some_and(|value| value > VALUE_MAX) { Err(LeadRefused::BadValue) } else { Ok(value) }
}

/// The number in international form, and as it was typed.
fn phone(text: Option<String>, home: Country) -> Result<(Option<E164>, Option<Pii<String>>), LeadRefused> {
    match text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) {
        Some(text) => Ok((Some(E164::parse(&text, home)?), Some(Pii::new(text)))),
        None => Ok((None, None)),
    }
}

impl Lead {
    /// Makes a lead that nobody works on yet.
    ///
    /// # Errors
    /// [`LeadRefused`] names the field at fault.
    pub fn create(
        id: LeadId,
        company: CompanyId,
        new: NewLead,
        at: At,
        weights: &ScoreWeights,
    ) -> Result<Self, LeadRefused> {
        let (phone, raw_phone) = phone(new.phone, at.home)?;
        let converted = new.status == LeadStatus::Converted;
        let mut lead = Self {
            id,
            company,
            name: lead_name(&new.name)?.into(),
            email: contact_email(new.email.as_deref().unwrap_or_default())?.map(Pii::new),
            phone,
            raw_phone: match raw_phone {
                Some(typed) => Some(typed),
                None => long_text("phone", new.raw_phone.as_deref().unwrap_or_default())?.map(Pii::new),
            },
            source: new.source,
            status: new.status,
            priority: new.priority,
            quality: new.quality,
            score: 0,
            requirements: long_text("requirements", new.requirements.as_deref().unwrap_or_default())?.map(Pii::new),
            needs: new.needs.checked()?,
            custom: custom_fields(new.custom)?,
            value: value(new.value)?,
            origin: new.origin.checked()?,
            followup_count: 0,
            last_contact_at: None,
            assigned_to: None,
            assigned_at: None,
            is_waiting: false,
            route_at: None,
            returns: 0,
            client: None,
            converted_at: converted.then_some(at.now),
            converted_by: None,
            version: 1,
            created_at: at.now,
            updated_at: at.now,
        };
        lead.reachable()?;
        lead.score = weights.score(&lead);
        Ok(lead)
    }

    /// Whoever came from an advertisement can still be found there when they left no number and no address.
    fn reachable(&self) -> Result<(), LeadRefused> {
        let contact = self.phone.is_some() || self.email.is_some() || self.raw_phone.is_some();
        if contact || self.origin.lead_id.is_some() { Ok(()) } else { Err(LeadRefused::Unreachable) }
    }

    /// The lead after a change, as its next version. `manages` is the right to reopen.
    ///
    /// # Errors
    /// [`LeadRefused`] names the field at fault.
    pub fn change(
        &self,
        change: LeadChange,
        at: At,
        manages: bool,
        weights: &ScoreWeights,
    ) -> Result<Self, LeadRefused> {
        let mut lead = self.clone();
        if let Some(name) = change.name {
            lead.name = lead_name(&name)?.into();
        }
        if let Some(email) = change.email {
            lead.email = contact_email(email.as_deref().unwrap_or_default())?.map(Pii::new);
        }
        if let Some(text) = change.phone {
            (lead.phone, lead.raw_phone) = phone(text, at.home)?;
        }
        lead.reachable()?;
        lead.source = change.source.unwrap_or(lead.source);
        lead.priority = change.priority.unwrap_or(lead.priority);
        lead.quality = change.quality.unwrap_or(lead.quality);
        if let Some(text) = change.requirements {
            lead.requirements = long_text("requirements", text.as_deref().unwrap_or_default())?.map(Pii::new);
        }
        if let Some(needs) = change.needs {
            lead.needs = needs.checked()?;
        }
        if let Some(fields) = change.custom {
            for (name, value) in fields.0 {
                match value {
                    Value::Null => drop(lead.custom.0.remove(&name)),
                    value => drop(lead.custom.0.insert(name, value)),
                }
            }
            lead.custom = custom_fields(lead.custom)?;
        }
        if let Some(worth) = change.value {
            lead.value = value(worth)?;
        }
        if let Some(origin) = change.origin {
            lead.origin = origin.checked()?;
        }
        if let Some(contact) = change.contacted_at {
            lead.contacted(contact);
        }
        if let Some(status) = change.status {
            lead.move_to(status, at, manages)?;
        }
        Ok(lead.next(at.now, weights))
    }

    /// Counts a contact.
    pub fn contacted(&mut self, contact: DateTime<Utc>) {
        self.followup_count = self.followup_count.saturating_add(1);
        self.last_contact_at = self.last_contact_at.max(Some(contact));
        self.touched();
    }

    /// Takes back a contact that was none; `last` is the last of those that stay.
    pub fn retract(&mut self, last: Option<DateTime<Utc>>) {
        self.followup_count = self.followup_count.saturating_sub(1);
        self.last_contact_at = last;
    }

    /// Whoever has it has done something: it stays with them.
    pub fn touched(&mut self) {
        if !self.is_waiting {
            self.route_at = None;
        }
    }

    /// Nobody was found: the routing looks again later.
    pub fn wait(&mut self, now: DateTime<Utc>) {
        self.is_waiting = true;
        self.route_at = now.checked_add_signed(WAIT);
    }

    /// Moves to another status, with what follows from it.
    ///
    /// # Errors
    /// [`LeadRefused::IllegalStep`], [`LeadRefused::ReopenDenied`].
    pub fn move_to(&mut self, status: LeadStatus, at: At, manages: bool) -> Result<(), LeadRefused> {
        match self.status.step(status)? {
            Step::None => return Ok(()),
            Step::Reopen if !manages => return Err(LeadRefused::ReopenDenied(self.status)),
            Step::Usual | Step::Reopen => {}
        }
        if status == LeadStatus::Converted {
            (self.converted_at, self.converted_by) = (Some(at.now), self.assigned_to);
        } else if self.status == LeadStatus::Converted {
            (self.converted_at, self.converted_by) = (None, None);
        }
        self.status = status;
        // Who needs no work needs nobody to do it.
        self.is_waiting &= status.is_open();
        self.touched();
        Ok(())
    }

    /// Gives it to somebody, or takes it back. `return_after` is when it goes on to somebody else unless it is touched.
    pub fn assign(&mut self, user: Option<UserId>, now: DateTime<Utc>, return_after: Option<TimeDelta>) {
        self.assigned_to = user;
        self.assigned_at = user.map(|_| now);
        self.is_waiting = false;
        let untouched = self.status == LeadStatus::New && user.is_some();
        self.route_at = return_after.filter(|_| untouched).and_then(|wait| now.checked_add_signed(wait));
    }

    /// Names the client they became.
    pub fn became(&mut self, client: ClientId) {
        self.client = Some(client);
    }

    /// Takes over what a duplicate knows and this one does not; texts of both are kept. Contacts add up. A sale stays a sale, and
    /// whoever asked not to be called is not.
    ///
    /// # Errors
    /// [`LeadRefused::MergeConflict`].
    pub fn absorb(&mut self, other: &Self) -> Result<(), LeadRefused> {
        match (self.status, other.status) {
            (LeadStatus::Converted, LeadStatus::DoNotCall) | (LeadStatus::DoNotCall, LeadStatus::Converted) => {
                return Err(LeadRefused::MergeConflict);
            }
            (_, LeadStatus::DoNotCall) => self.status = LeadStatus::DoNotCall,
            (before, LeadStatus::Converted) if before != LeadStatus::Converted => {
                self.status = LeadStatus::Converted;
                (self.converted_at, self.converted_by) = (other.converted_at, other.converted_by);
            }
            _ => {}
        }
        self.is_waiting &= self.status.is_open();
        if self.email.is_none() {
            self.email.clone_from(&other.email);
        }
        if self.phone.is_none() {
            self.phone.clone_from(&other.phone);
            self.raw_phone.clone_from(&other.raw_phone);
        }
        if self.requirements.is_none() {
            self.requirements.clone_from(&other.requirements);
        }
        if self.value.is_none() {
            self.value = other.value;
        }
        if self.client.is_none() {
            self.client = other.client;
        }
        if self.origin == LeadOrigin::default() {
            self.origin.clone_from(&other.origin);
        }
        if self.needs == Needs::default() {
            self.needs.clone_from(&other.needs);
        }
        for (name, value) in &other.custom.0 {
            if !self.custom.0.contains_key(name) && self.custom.0.len() < super::record::FIELDS_MAX {
                self.custom.0.insert(name.clone(), value.clone());
            }
        }
        self.priority = self.priority.max(other.priority);
        self.followup_count = self.followup_count.saturating_add(other.followup_count);
        self.last_contact_at = self.last_contact_at.max(other.last_contact_at);
        if other.last_contact_at.is_some() || !self.status.is_open() {
            self.touched();
        }
        Ok(())
    }

    /// The next version, scored anew.
    #[must_use]
    pub fn next(mut self, now: DateTime<Utc>, weights: &ScoreWeights) -> Self {
        self.version += 1;
        self.updated_at = now;
        self.score = weights.score(&self);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource, SeededIds};
    use crate::lead::tests::{home, lead};
    use serde_json::json;

    fn at() -> At {
        let now: DateTime<Utc> = "2026-06-02T10:00:00Z".parse().unwrap();
        At { now, home: home() }
    }

    fn changed(lead: &Lead, change: LeadChange) -> Result<Lead, LeadRefused> {
        lead.change(change, at(), false, &ScoreWeights::default())
    }

    #[test]
    fn contact_data_is_kept_in_one_form_beside_what_was_typed() {
        let lead = lead();
        assert_eq!(lead.phone.as_ref().map(E164::as_str), Some("+12025550123"));
        assert_eq!(lead.raw_phone.as_ref().map(|raw| raw.expose().as_str()), Some("2025550123"));
        assert_eq!(lead.email.as_ref().map(|email| email.expose().as_str()), Some("john.doe@example.com"));
        assert!(!format!("{lead:?}").contains("2025550"), "a log shows no number");
    }

    #[test]
    fn nobody_is_left_unreachable() {
        let gone = LeadChange { email: Some(None), phone: Some(Some(" ".to_owned())), ..LeadChange::default() };
        assert_eq!(changed(&lead(), gone), Err(LeadRefused::Unreachable));
        let no_phone = LeadChange { phone: Some(None), ..LeadChange::default() };
        assert_eq!(changed(&lead(), no_phone).unwrap().raw_phone, None);
    }

    #[test]
    fn a_conversion_is_credited_and_a_reopening_takes_it_back() {
        let user = (&crate::id::SeededIds::new(1) as &dyn crate::id::IdSource).id(at().now);
        let mut lead = lead();
        lead.assign(Some(user), at().now, Some(TimeDelta::minutes(5)));
        assert!(lead.route_at.is_some());
        let sold = LeadChange { status: Some(LeadStatus::Converted), ..LeadChange::default() };
        let sold = changed(&lead, sold).unwrap();
        assert_eq!((sold.converted_by, sold.converted_at, sold.route_at), (Some(user), Some(at().now), None));
        let back = LeadChange { status: Some(LeadStatus::Interested), ..LeadChange::default() };
        assert_eq!(changed(&sold, back.clone()), Err(LeadRefused::ReopenDenied(LeadStatus::Converted)));
        let open = sold.change(back, at(), true, &ScoreWeights::default()).unwrap();
        assert_eq!((open.converted_by, open.converted_at, open.version), (None, None, 3));
    }

    #[test]
    fn custom_fields_are_set_and_removed_one_by_one() {
        let set =
            |value: Value| LeadChange { custom: value.as_object().cloned().map(CustomFields), ..LeadChange::default() };
        let lead = changed(&lead(), set(json!({"size": "XL", "seats": 3}))).unwrap();
        let lead = changed(&lead, set(json!({"size": null, "vip": true}))).unwrap();
        assert_eq!(Value::Object(lead.custom.0.clone()), json!({"seats": 3, "vip": true}));
        assert_eq!(changed(&lead, set(json!({"a": []}))), Err(LeadRefused::BadCustomFields));
    }

    #[test]
    fn a_duplicate_fills_gaps_and_changes_nothing_that_is_known() {
        let mut kept = lead();
        let mut other = lead();
        other.name = "Johnny".into();
        other.requirements = Some("a boat".into());
        other.followup_count = 2;
        other.custom.0.insert("size".to_owned(), json!("M"));
        kept.custom.0.insert("size".to_owned(), json!("XL"));
        kept.absorb(&other).unwrap();
        assert_eq!((kept.name.expose().as_str(), kept.followup_count), ("John Doe", 2));
        assert_eq!((kept.requirements, kept.custom.0["size"].clone()), (other.requirements, json!("XL")));
    }

    #[test]
    fn a_merge_forgets_neither_a_sale_nor_who_asked_not_to_be_called() {
        let (user, with) = (SeededIds::new(9), |status| Lead { status, ..lead() });
        let user: Option<UserId> = Some((&user as &dyn IdSource).id(at().now));
        let sold = Lead { converted_at: Some(at().now), converted_by: user, ..with(LeadStatus::Converted) };
        let mut kept = with(LeadStatus::New);
        kept.absorb(&sold).unwrap();
        assert_eq!((kept.status, kept.converted_at, kept.converted_by), (LeadStatus::Converted, Some(at().now), user));
        let mut kept = sold.clone();
        kept.absorb(&with(LeadStatus::Lost)).unwrap();
        assert_eq!((kept.status, kept.converted_by), (LeadStatus::Converted, user));
        let mut kept = with(LeadStatus::Interested);
        kept.wait(at().now);
        kept.absorb(&with(LeadStatus::DoNotCall)).unwrap();
        assert_eq!((kept.status, kept.is_waiting, kept.route_at), (LeadStatus::DoNotCall, false, None));
        assert_eq!(sold.clone().absorb(&with(LeadStatus::DoNotCall)), Err(LeadRefused::MergeConflict));
        assert_eq!(with(LeadStatus::DoNotCall).absorb(&sold), Err(LeadRefused::MergeConflict));
    }
}
