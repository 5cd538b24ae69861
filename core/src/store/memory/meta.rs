//! What Meta delivers, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, unless_taken};
use crate::id::CompanyId;
use crate::meta::{MetaLead, MetaSettings};
use crate::store::{MetaStore, StoreError};

impl Unit<'_> {
    fn free_pages(&self, settings: &MetaSettings) -> Result<(), StoreError> {
        let owner = |page: &String| self.state().meta_pages.get(page).copied();
        let foreign = |page: &String| owner(page).is_some_and(|owner| owner != settings.company);
        unless_taken::<MetaSettings>(settings.connection.page_ids.iter().any(foreign), "page")
    }

    fn keep_meta_settings(&mut self, old: &[String], settings: &MetaSettings) -> Result<(), StoreError> {
        let state = self.change()?;
        for page in old {
            state.meta_pages.remove(page);
        }
        for page in &settings.connection.page_ids {
            state.meta_pages.insert(page.clone(), settings.company);
        }
        state.meta_settings.insert(settings.company, Arc::new(settings.clone()));
        Ok(())
    }

    /// Deliveries of the scope that no lead was made of.
    fn open_deliveries(&self) -> impl Iterator<Item = &MetaLead> {
        let all = self.state().meta_leads.values().map(|lead| &**lead);
        all.filter(|lead| self.sees(lead.company) && lead.lead.is_none())
    }

    fn set_due(&mut self, leads: &[MetaLead], due_at: DateTime<Utc>) -> Result<(), StoreError> {
        let state = self.change()?;
        for lead in leads {
            let key = (lead.company, lead.arrival.lead_id.clone());
            state.meta_leads.insert(key, Arc::new(MetaLead { due_at: Some(due_at), ..lead.clone() }));
        }
        Ok(())
    }
}

#[async_trait]
impl MetaStore for Unit<'_> {
    async fn insert_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        self.admits(settings)?;
        unless_taken::<MetaSettings>(self.state().meta_settings.contains(&settings.company), "company")?;
        self.free_pages(settings)?;
        self.keep_meta_settings(&[], settings)
    }

    async fn update_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().meta_settings.get(&settings.company), settings)?);
        self.free_pages(settings)?;
        self.keep_meta_settings(&stored.connection.page_ids, settings)
    }

    async fn meta_settings(&mut self, company: CompanyId) -> Result<Option<MetaSettings>, StoreError> {
        Ok(self.visible(self.state().meta_settings.get(&company)))
    }

    async fn meta_page_owner(&mut self, page: &str) -> Result<Option<CompanyId>, StoreError> {
        let owner = self.state().meta_pages.get(&page.to_owned()).copied();
        Ok(owner.filter(|owner| self.sees(*owner)))
    }

    async fn insert_meta_leads(&mut self, leads: &[MetaLead]) -> Result<u64, StoreError> {
        self.may_write()?;
        leads.iter().try_for_each(|lead| self.admits(lead))?;
        let mut added = 0;
        let state = self.change()?;
        for lead in leads {
            let key = (lead.company, lead.arrival.lead_id.clone());
            if !state.meta_leads.contains(&key) {
                state.meta_leads.insert(key, Arc::new(lead.clone()));
                added += 1;
            }
        }
        Ok(added)
    }

    async fn meta_lead_for_update(
        &mut self,
        company: CompanyId,
        lead_id: &str,
    ) -> Result<Option<MetaLead>, StoreError> {
        self.may_write()?;
        Ok(self.visible(self.state().meta_leads.get(&(company, lead_id.to_owned()))))
    }

    async fn set_meta_lead(&mut self, lead: &MetaLead) -> Result<(), StoreError> {
        self.may_write()?;
        let key = (lead.company, lead.arrival.lead_id.clone());
        if !self.sees(lead.company) || !self.state().meta_leads.contains(&key) {
            return Err(StoreError::Stale);
        }
        self.change()?.meta_leads.insert(key, Arc::new(lead.clone()));
        Ok(())
    }

    async fn claim_meta_leads(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MetaLead>, StoreError> {
        self.may_write()?;
        let due = self.open_deliveries().filter(|lead| lead.due_at.is_some_and(|at| at <= now));
        let mut due: Vec<MetaLead> = due.cloned().collect();
        due.sort_by(|a, b| (a.due_at, a.company, &a.arrival.lead_id).cmp(&(b.due_at, b.company, &b.arrival.lead_id)));
        due.truncate(limit as usize);
        self.set_due(&due, lease_until)?;
        Ok(due.into_iter().map(|lead| MetaLead { due_at: Some(lease_until), ..lead }).collect())
    }

    async fn wake_meta_leads(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.may_write()?;
        let open: Vec<MetaLead> = self.open_deliveries().cloned().collect();
        self.set_due(&open, now)?;
        Ok(open.len() as u64)
    }

    async fn open_meta_leads(&mut self, limit: u32) -> Result<Vec<MetaLead>, StoreError> {
        let mut open: Vec<MetaLead> = self.open_deliveries().cloned().collect();
        open.sort_by(|a, b| (b.received_at, &b.arrival.lead_id).cmp(&(a.received_at, &a.arrival.lead_id)));
        open.truncate(limit as usize);
        Ok(open)
    }
}
