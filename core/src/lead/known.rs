//! Whether somebody is known: leads with the same telephone number or e-mail address.

use std::collections::BTreeMap;

use super::Lead;
use crate::id::{LeadId, UserId};
use crate::phone::E164;
use crate::pii::Pii;

/// The leads that have one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The newest of them.
    pub newest: LeadId,
    /// The newest of them that somebody has, and who.
    pub owned: Option<(LeadId, UserId)>,
}

/// Who is known by some contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownContacts {
    /// By telephone number.
    pub phones: BTreeMap<E164, Known>,
    /// By e-mail address, in lower case.
    pub emails: BTreeMap<Pii<String>, Known>,
}

impl Known {
    fn add(&mut self, other: Self) {
        self.newest = self.newest.max(other.newest);
        self.owned = match (self.owned, other.owned) {
            (Some(own), Some(other)) if own.0 > other.0 => Some(own),
            (own, other) => other.or(own),
        };
    }
}

impl KnownContacts {
    /// What is known of a lead's number and of its address.
    fn of(&self, lead: &Lead) -> impl Iterator<Item = Known> {
        let phone = lead.phone.as_ref().and_then(|phone| self.phones.get(phone));
        let email = lead.email.as_ref().and_then(|email| self.emails.get(email));
        [phone, email].into_iter().flatten().copied()
    }

    /// The newest lead with the contact of this one.
    #[must_use]
    pub fn newest(&self, lead: &Lead) -> Option<LeadId> {
        self.of(lead).map(|known| known.newest).max()
    }

    /// Who has the newest lead with the contact of this one that somebody has.
    #[must_use]
    pub fn owner(&self, lead: &Lead) -> Option<UserId> {
        self.of(lead).filter_map(|known| known.owned).max_by_key(|(lead, _)| *lead).map(|(_, owner)| owner)
    }

    /// A lead is known from now on.
    pub fn learn(&mut self, lead: &Lead) {
        let own = Known { newest: lead.id, owned: lead.assigned_to.map(|owner| (lead.id, owner)) };
        if let Some(phone) = &lead.phone {
            self.phones.entry(phone.clone()).and_modify(|known| known.add(own)).or_insert(own);
        }
        if let Some(email) = &lead.email {
            self.emails.entry(email.clone()).and_modify(|known| known.add(own)).or_insert(own);
        }
    }

    /// Takes what is known of the contact of a lead from `current`, which was read after the lead lost it.
    pub fn correct(&mut self, lead: &Lead, current: Self) {
        self.phones.retain(|phone, _| lead.phone.as_ref() != Some(phone));
        self.emails.retain(|email, _| lead.email.as_ref() != Some(email));
        self.phones.extend(current.phones);
        self.emails.extend(current.emails);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::id::{CompanyId, IdSource, SeededIds};
    use crate::lead::{At, NewLead, ScoreWeights};

    #[test]
    fn the_newest_lead_and_the_newest_owner_are_found_by_either_contact() {
        let source = SeededIds::new(7);
        let ids: &dyn IdSource = &source;
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let company: CompanyId = ids.id(now);
        let made = std::cell::Cell::new(0);
        let lead = |phone: &str, email: &str, owner: Option<UserId>| {
            made.set(made.get() + 1);
            let now = now + chrono::TimeDelta::milliseconds(made.get());
            let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let new = NewLead { name: "Ann".into(), phone: text(phone), email: text(email), ..NewLead::default() };
            let at = At { now, home: "US".parse().unwrap() };
            let mut lead = Lead::create(ids.id(now), company, new, at, &ScoreWeights::default()).unwrap();
            lead.assigned_to = owner;
            lead
        };
        let (ann, bob): (UserId, UserId) = (ids.id(now), ids.id(now));
        let by_phone = lead("+12025550100", "", Some(ann));
        let by_email = lead("", "x@example.com", Some(bob));
        let again = lead("+12025550100", "", None);
        let mut known = KnownContacts::default();
        let both = lead("+12025550100", "x@example.com", None);
        assert_eq!((known.newest(&both), known.owner(&both)), (None, None));
        known.learn(&by_phone);
        assert_eq!((known.newest(&both), known.owner(&both)), (Some(by_phone.id), Some(ann)));
        known.learn(&by_email);
        assert_eq!((known.newest(&both), known.owner(&both)), (Some(by_email.id), Some(bob)));
        known.learn(&again);
        assert_eq!((known.newest(&both), known.owner(&both)), (Some(again.id), Some(bob)), "nobody has the newest");
        assert_eq!(known.owner(&lead("+12025550100", "", None)), Some(ann));
        assert_eq!(known.newest(&lead("+12025550199", "y@example.com", None)), None);
        known.learn(&by_phone);
        assert_eq!(known.newest(&both), Some(again.id), "an older lead does not hide a newer one");
        known.correct(&again, KnownContacts::default());
        assert_eq!((known.newest(&both), known.owner(&both)), (Some(by_email.id), Some(bob)), "nobody has the number");
    }
}
