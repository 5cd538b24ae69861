//! The storage trait of the accounts that companies have at Twilio.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::call::account::TwilioSettings;
use crate::id::CompanyId;

/// The accounts that companies have at Twilio.
#[async_trait]
pub trait TwilioStore: Send {
    /// Adds the accounts of a company. Duplicate: `company`.
    async fn insert_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError>;
    /// Replaces the accounts of a company.
    async fn update_twilio_settings(&mut self, settings: &TwilioSettings) -> Result<(), StoreError>;
    /// Reads the accounts of a company.
    async fn twilio_settings(&mut self, company: CompanyId) -> Result<Option<TwilioSettings>, StoreError>;
    /// Accounts of which one is to be forgotten at `now`, the longest due first (then by company), at most `limit`.
    async fn due_twilio_settings(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<TwilioSettings>, StoreError>;
}
