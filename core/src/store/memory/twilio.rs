//! The accounts that companies have at Twilio, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::unit::{Unit, unless_taken};
use crate::call::account::TwilioSettings;
use crate::id::CompanyId;
use crate::store::{StoreError, TwilioStore};

#[async_trait]
impl TwilioStore for Unit<'_> {
    async fn insert_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.admits(settings)?;
        unless_taken::<TwilioSettings>(self.state().twilio_settings.contains(&settings.company), "company")?;
        self.change()?.twilio_settings.insert(settings.company, Arc::new(settings.clone()));
        Ok(())
    }

    async fn update_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError> {
        self.follows(self.state().twilio_settings.get(&settings.company), settings)?;
        self.change()?.twilio_settings.insert(settings.company, Arc::new(settings.clone()));
        Ok(())
    }

    async fn twilio_settings(&mut self, company: CompanyId) -> Result<Option<TwilioSettings>, StoreError> {
        Ok(self.visible(self.state().twilio_settings.get(&company)))
    }

    async fn due_twilio_settings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<TwilioSettings>, StoreError> {
        let is_due = |row: &&Arc<TwilioSettings>| row.accounts.forget_at().is_some_and(|due| due <= now);
        let rows = self.state().twilio_settings.values().filter(is_due);
        let mut due: Vec<TwilioSettings> = rows.filter_map(|row| self.visible(Some(row))).collect();
        due.sort_by_key(|row| (row.accounts.forget_at(), row.company));
        due.truncate(limit as usize);
        Ok(due)
    }
}
