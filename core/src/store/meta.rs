//! The storage trait of what Meta delivers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::id::CompanyId;
use crate::meta::{MetaLead, MetaSettings};

/// How companies are connected to Meta, and what was delivered to them.
///
/// # Contract
/// A delivery is known by its company and Meta's id of the lead. Whoever adds one that another unit of work is adding waits until that
/// one ends.
#[async_trait]
pub trait MetaStore: Send {
    /// Adds the connection of a company. Duplicate: `company`, `page` (over all companies).
    async fn insert_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError>;
    /// Replaces the connection of a company. Duplicate: `page`.
    async fn update_meta_settings(&mut self, settings: &MetaSettings) -> Result<(), StoreError>;
    /// Reads the connection of a company.
    async fn meta_settings(&mut self, company: CompanyId) -> Result<Option<MetaSettings>, StoreError>;
    /// The company whose page this is.
    async fn meta_page_owner(&mut self, page: &str) -> Result<Option<CompanyId>, StoreError>;
    /// Adds deliveries, in order of their ids; those that are known stay as they are. How many were added.
    async fn insert_meta_leads(&mut self, leads: &[MetaLead]) -> Result<u64, StoreError>;
    /// Reads a delivery and locks the row.
    async fn meta_lead_for_update(&mut self, company: CompanyId, lead_id: &str)
    -> Result<Option<MetaLead>, StoreError>;
    /// Replaces a delivery. [`StoreError::Stale`] when there is none.
    async fn set_meta_lead(&mut self, lead: &MetaLead) -> Result<(), StoreError>;
    /// Claims up to `limit` deliveries that are due at `now`, those that have been due longest first, and makes them due again at
    /// `lease_until`. Two units of work never claim the same delivery. They come as they are afterwards, in no order.
    async fn claim_meta_leads(
        &mut self,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MetaLead>, StoreError>;
    /// Makes every delivery of the scope that no lead was made of due at `now`, those that were given up included. How many.
    async fn wake_meta_leads(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Deliveries of the scope that no lead was made of, those that came last first (then by id of Meta's, backwards); at most
    /// `limit`.
    async fn open_meta_leads(&mut self, limit: u32) -> Result<Vec<MetaLead>, StoreError>;
}
