//! Leads and their notes in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, unless_taken};
use crate::call::Call;
use crate::id::{CallId, CompanyId, LeadId, UserId};
use crate::lead::{KnownContacts, Lead, LeadNote};
use crate::phone::E164;
use crate::pii::Pii;
use crate::store::{LeadFilter, LeadStore, Listing, Page, SharedContact, StoreError};

/// Rows of [`LeadStore::leads_by_contact`], at most.
const SAME_CONTACT_MAX: usize = 100;

#[async_trait]
impl LeadStore for Unit<'_> {
    async fn insert_leads(&mut self, leads: &[Lead]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut own = BTreeSet::new();
        for lead in leads {
            self.admits(lead)?;
            unless_taken::<Lead>(self.state().leads.contains(&lead.id) || !own.insert(lead.id), "id")?;
        }
        let state = self.change()?;
        for lead in leads {
            state.leads.insert(lead.id, Arc::new(lead.clone()));
        }
        Ok(())
    }

    async fn update_lead(&mut self, lead: &Lead) -> Result<(), StoreError> {
        self.follows(self.state().leads.get(&lead.id), lead)?;
        self.change()?.leads.insert(lead.id, Arc::new(lead.clone()));
        Ok(())
    }

    async fn delete_lead(&mut self, id: LeadId) -> Result<bool, StoreError> {
        self.may_write()?;
        if self.visible(self.state().leads.get(&id)).is_none() {
            return Ok(false);
        }
        let notes: Vec<LeadNote> = self.notes_of(id).cloned().collect();
        let decisions = self.state().lead_decisions.from(&(id, 0)).take_while(|((own, _), _)| *own == id);
        let decisions: Vec<_> = decisions.map(|(key, _)| *key).collect();
        let state = self.change()?;
        for note in notes {
            state.lead_notes.remove(&(id, note.id));
            state.lead_note_ids.remove(&note.id);
        }
        for key in decisions {
            state.lead_decisions.remove(&key);
        }
        state.leads.remove(&id);
        Ok(true)
    }

    async fn lead(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        Ok(self.visible(self.state().leads.get(&id)))
    }

    async fn lead_for_update(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        self.may_write()?;
        self.lead(id).await
    }

    async fn leads(&mut self, filter: &LeadFilter, page: Page) -> Result<Listing<Lead>, StoreError> {
        let leads = &self.state().leads;
        Ok(match filter.before {
            Some(before) => {
                let older = leads.before(&before).rev().map(|(_, lead)| lead);
                self.listing(older, page, |lead| matches(filter, lead))
            }
            None => self.listing(leads.values().rev(), page, |lead| matches(filter, lead)),
        })
    }

    async fn newest_leads(&mut self, filter: &LeadFilter, limit: u32) -> Result<Vec<Lead>, StoreError> {
        let leads = &self.state().leads;
        let keep = |lead: &&Arc<Lead>| self.sees(lead.company) && matches(filter, lead);
        let take = |lead: &Arc<Lead>| Lead::clone(lead);
        Ok(match filter.before {
            Some(before) => {
                let older = leads.before(&before).rev().map(|(_, lead)| lead);
                older.filter(keep).take(limit as usize).map(take).collect()
            }
            None => leads.values().rev().filter(keep).take(limit as usize).map(take).collect(),
        })
    }

    async fn leads_by_ids(&mut self, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
        let ids: BTreeSet<&LeadId> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| self.visible(self.state().leads.get(id))).collect())
    }

    async fn leads_by_contact(&mut self, phone: Option<&E164>, email: Option<&str>) -> Result<Vec<Lead>, StoreError> {
        let same = |lead: &&Arc<Lead>| {
            let own = lead.email.as_ref().map(|email| email.expose().as_str());
            (phone.is_some() && lead.phone.as_ref() == phone) || (email.is_some() && own == email)
        };
        let found = self.state().leads.values().rev().filter(|lead| self.sees(lead.company)).filter(same);
        Ok(found.take(SAME_CONTACT_MAX).map(|lead| Lead::clone(lead)).collect())
    }

    async fn known_contacts(
        &mut self,
        company: CompanyId,
        phones: &[E164],
        emails: &[Pii<String>],
    ) -> Result<KnownContacts, StoreError> {
        let mut known = KnownContacts::default();
        let leads = self.state().leads.values().filter(|lead| lead.company == company && self.sees(company));
        leads.for_each(|lead| known.learn(lead));
        known.phones.retain(|phone, _| phones.contains(phone));
        known.emails.retain(|email, _| emails.contains(email));
        Ok(known)
    }

    async fn shared_contacts(&mut self, limit: u32) -> Result<Vec<SharedContact>, StoreError> {
        let (mut phones, mut emails) = (BTreeMap::new(), BTreeMap::new());
        for lead in self.state().leads.values().filter(|lead| self.sees(lead.company)) {
            if let Some(phone) = &lead.phone {
                *phones.entry((lead.company, phone.clone())).or_insert(0) += 1;
            }
            if let Some(email) = &lead.email {
                *emails.entry((lead.company, email.clone())).or_insert(0) += 1;
            }
        }
        let limit = limit as usize;
        let phones = phones.into_iter().filter(|(_, leads)| *leads > 1).take(limit);
        let emails = emails.into_iter().filter(|(_, leads)| *leads > 1).take(limit);
        let phones = phones.map(|((_, phone), _)| SharedContact::Phone(phone));
        Ok(phones.chain(emails.map(|((_, email), _)| SharedContact::Email(email))).collect())
    }

    async fn leads_to_route(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, LeadId)>, StoreError> {
        let leads = self.state().leads.values().filter(|lead| self.sees(lead.company));
        let due = leads.filter_map(|lead| lead.route_at.filter(|at| *at <= now).map(|at| (at, lead.id, lead.company)));
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        let due = due.into_iter().map(|(_, lead, company)| (company, lead));
        Ok(due.chain(self.deserted_leads(now)).take(limit as usize).collect())
    }

    async fn set_lead_route_at(&mut self, id: LeadId, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        self.may_write()?;
        let lead = self.visible(self.state().leads.get(&id)).ok_or(StoreError::Stale)?;
        self.change()?.leads.insert(id, Arc::new(Lead { route_at: at, ..lead }));
        Ok(())
    }

    async fn move_lead_history(&mut self, from: LeadId, to: LeadId) -> Result<(), StoreError> {
        self.may_write()?;
        let (old, new) = (self.visible(self.state().leads.get(&from)), self.visible(self.state().leads.get(&to)));
        let (Some(old), Some(new)) = (old, new) else { return Err(StoreError::Stale) };
        if old.company != new.company {
            return Err(StoreError::Stale);
        }
        let notes: Vec<LeadNote> = self.notes_of(from).cloned().collect();
        let calls =
            self.state().calls.iter().filter(|(_, call)| call.lead == Some(from) && call.company == old.company);
        let calls: Vec<(CallId, Call)> = calls.map(|(id, call)| (*id, Call::clone(call))).collect();
        let state = self.change()?;
        for note in notes {
            state.lead_notes.remove(&(from, note.id));
            state.lead_note_ids.insert(note.id, to);
            state.lead_notes.insert((to, note.id), Arc::new(LeadNote { lead: to, ..note }));
        }
        for (id, call) in calls {
            state.calls.insert(id, Arc::new(Call { lead: Some(to), ..call }));
        }
        Ok(())
    }

    async fn insert_lead_notes(&mut self, notes: &[LeadNote]) -> Result<(), StoreError> {
        self.may_write()?;
        let mut own = BTreeSet::new();
        for note in notes {
            let lead = self.visible(self.state().leads.get(&note.lead));
            if lead.is_none_or(|lead| lead.company != note.company) {
                return Err(StoreError::OutOfScope);
            }
            unless_taken::<LeadNote>(self.state().lead_note_ids.contains(&note.id) || !own.insert(note.id), "id")?;
        }
        let state = self.change()?;
        for note in notes {
            state.lead_note_ids.insert(note.id, note.lead);
            state.lead_notes.insert((note.lead, note.id), Arc::new(note.clone()));
        }
        Ok(())
    }

    async fn lead_notes(&mut self, lead: LeadId, limit: u32) -> Result<Vec<LeadNote>, StoreError> {
        if self.visible(self.state().leads.get(&lead)).is_none() {
            return Ok(Vec::new());
        }
        let mut notes: Vec<LeadNote> = self.notes_of(lead).cloned().collect();
        notes.reverse();
        notes.truncate(limit as usize);
        Ok(notes)
    }
}

impl Unit<'_> {
    /// The open leads that are not due and whose owner is no active user.
    fn deserted_leads(&self, now: DateTime<Utc>) -> Vec<(CompanyId, LeadId)> {
        let state = self.state();
        let is_gone = |user: UserId, company: CompanyId| {
            let counted = state.agent_leads.get(&(user, company)).is_some_and(|[_, open, _]| *open > 0);
            counted && state.users.get(&user).is_none_or(|user| !user.is_active || user.company != company)
        };
        let leads = state.leads.values().filter(|lead| self.sees(lead.company) && lead.status.is_open());
        let leads = leads.filter(|lead| lead.route_at.is_none_or(|at| at > now));
        let owned = leads.filter_map(|lead| Some((lead.assigned_to?, lead.company, lead.id)));
        let mut gone: Vec<_> = owned.filter(|(user, company, _)| is_gone(*user, *company)).collect();
        gone.sort_unstable();
        gone.into_iter().map(|(_, company, lead)| (company, lead)).collect()
    }

    /// The notes of a lead, oldest first.
    fn notes_of(&self, lead: LeadId) -> impl Iterator<Item = &LeadNote> {
        let first = (lead, crate::id::LeadNoteId::from_uuid(uuid::Uuid::nil()));
        let notes = self.state().lead_notes.from(&first);
        notes.take_while(move |((own, _), _)| *own == lead).map(|(_, note)| &**note)
    }
}

fn matches(filter: &LeadFilter, lead: &Lead) -> bool {
    filter.status.is_none_or(|status| lead.status == status)
        && filter.source.as_ref().is_none_or(|source| lead.source == *source)
        && filter.priority.is_none_or(|priority| lead.priority == priority)
        && filter.quality.is_none_or(|quality| lead.quality == quality)
        && filter.agent.is_none_or(|agent| lead.assigned_to == Some(agent))
        && filter.assigned.is_none_or(|assigned| lead.assigned_to.is_some() == assigned)
        && filter.from.is_none_or(|from| lead.created_at >= from)
        && filter.to.is_none_or(|to| lead.created_at < to)
        && filter.search.as_ref().is_none_or(|search| search.finds(&lead.entries()))
}
