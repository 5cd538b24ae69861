//! The storage traits of leads: the leads with their notes, their routing, their figures, and dispositions.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{LeadFilter, Listing, Page, StoreError};
use crate::id::{CompanyId, DispositionId, LeadId, UserId};
use crate::lead::{
    AgentLeads, CampaignFigures, Candidate, Disposition, KnownContacts, Lead, LeadCount, LeadDay, LeadDecision,
    LeadFigures, LeadNote, LeadProfile, LeadRouting,
};
use crate::phone::E164;
use crate::pii::Pii;

/// A contact that several leads share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedContact {
    /// A telephone number.
    Phone(E164),
    /// An e-mail address.
    Email(Pii<String>),
}

/// Leads and their notes.
#[async_trait]
pub trait LeadStore: Send {
    /// Adds leads. Duplicate: `id`.
    async fn insert_leads(&mut self, leads: &[Lead]) -> Result<(), StoreError>;
    /// Replaces a lead.
    async fn update_lead(&mut self, lead: &Lead) -> Result<(), StoreError>;
    /// Removes a lead with its notes and decisions; calls keep the id. `false` when there is none.
    async fn delete_lead(&mut self, id: LeadId) -> Result<bool, StoreError>;
    /// Reads a lead.
    async fn lead(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError>;
    /// Reads a lead and locks the row.
    async fn lead_for_update(&mut self, id: LeadId) -> Result<Option<Lead>, StoreError>;
    /// Lists leads, newest first.
    async fn leads(&mut self, filter: &LeadFilter, page: Page) -> Result<Listing<Lead>, StoreError>;
    /// The newest leads that the filter keeps, newest first, at most `limit`, without counting the others: for whoever goes through
    /// all of them by [`LeadFilter::before`].
    async fn newest_leads(&mut self, filter: &LeadFilter, limit: u32) -> Result<Vec<Lead>, StoreError>;
    /// Reads leads, in order of id; those that do not exist are left out.
    async fn leads_by_ids(&mut self, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError>;
    /// Leads with this number or this e-mail address, which is in lower case; newest first, at most 100.
    async fn leads_by_contact(&mut self, phone: Option<&E164>, email: Option<&str>) -> Result<Vec<Lead>, StoreError>;
    /// Which of these numbers, and of these addresses in lower case, leads of the company have. One read, however many are asked for.
    async fn known_contacts(
        &mut self,
        company: CompanyId,
        phones: &[E164],
        emails: &[Pii<String>],
    ) -> Result<KnownContacts, StoreError>;
    /// Numbers and then addresses that several leads of a company share, in their order; at most `limit` of each.
    async fn shared_contacts(&mut self, limit: u32) -> Result<Vec<SharedContact>, StoreError>;
    /// Leads that the routing looks at again at `now` or before; those that have waited for it longest first, then by id. After them
    /// those with work to do whose owner is not, or no longer, an active user of the company; by owner, company and id, and found by
    /// what the figures say the owner has. Each once, at most `limit` in all.
    async fn leads_to_route(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, LeadId)>, StoreError>;
    /// Sets when the routing looks at a lead again. Nobody who reads the lead sees a difference: its version stays.
    /// [`StoreError::Stale`] when there is none.
    async fn set_lead_route_at(&mut self, id: LeadId, at: Option<DateTime<Utc>>) -> Result<(), StoreError>;
    /// Moves the notes and the calls of one lead to another of the same company. [`StoreError::Stale`] when either is absent.
    async fn move_lead_history(&mut self, from: LeadId, to: LeadId) -> Result<(), StoreError>;
    /// Adds notes. Duplicate: `id`. [`StoreError::OutOfScope`] when a note's lead is not one of its company in the scope.
    async fn insert_lead_notes(&mut self, notes: &[LeadNote]) -> Result<(), StoreError>;
    /// The notes of a lead, newest first (by id), at most `limit`.
    async fn lead_notes(&mut self, lead: LeadId, limit: u32) -> Result<Vec<LeadNote>, StoreError>;
}

/// How leads are routed.
#[async_trait]
pub trait LeadRoutingStore: Send {
    /// Adds the state of a company. Duplicate: `company`.
    async fn insert_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError>;
    /// Replaces the settings of a company; its turn stays.
    async fn update_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError>;
    /// Reads the state of a company.
    async fn lead_routing(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError>;
    /// Reads the state of a company and locks the row.
    async fn lead_routing_for_update(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError>;
    /// Sets the company's turn, and the passes of agents. [`StoreError::Stale`] when the company has no state.
    async fn set_lead_turns(
        &mut self,
        company: CompanyId,
        turn: u64,
        passes: &[(UserId, u64)],
    ) -> Result<(), StoreError>;
    /// All active users of kind agent in the scope as they stand for routing, in order of id.
    async fn lead_candidates(&mut self) -> Result<Vec<Candidate>, StoreError>;
    /// Adds an agent's profile. Duplicate: `user`.
    async fn insert_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError>;
    /// Replaces an agent's profile.
    async fn update_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError>;
    /// Reads an agent's profile.
    async fn lead_profile(&mut self, user: UserId) -> Result<Option<LeadProfile>, StoreError>;
    /// Adds decisions. [`StoreError::OutOfScope`] when a decision's lead is not one of its company in the scope.
    async fn insert_lead_decisions(&mut self, decisions: &[LeadDecision]) -> Result<(), StoreError>;
    /// The decisions about a lead, newest first, at most 50.
    async fn lead_decisions(&mut self, lead: LeadId) -> Result<Vec<LeadDecision>, StoreError>;
}

/// What leads add up to. Commands add what a change of leads changes, in the same unit of work and after the leads; they have found
/// the days with [`CompanyStore::hold_timezone`](super::CompanyStore::hold_timezone).
#[async_trait]
pub trait LeadFiguresStore: Send {
    /// Adds figures, which may be negative, to those of a company; its rows are locked in their order.
    /// [`StoreError::OutOfScope`] for a company outside the scope.
    async fn add_lead_figures(&mut self, company: CompanyId, figures: &LeadFigures) -> Result<(), StoreError>;
    /// Leads by status, source and quality, in that order and by word; of several companies added up. What is nothing is left out.
    async fn lead_counts(&mut self) -> Result<Vec<LeadCount>, StoreError>;
    /// What these agents have, in order of id; who never had any is left out.
    async fn agent_leads(&mut self, users: &[UserId]) -> Result<Vec<(UserId, AgentLeads)>, StoreError>;
    /// What came and was sold from `from` to `to`, both included; of one user when given. By day, user and source; of several
    /// companies added up. What is nothing is left out; at most 100,000 rows.
    async fn lead_days(
        &mut self,
        from: NaiveDate,
        to: NaiveDate,
        user: Option<UserId>,
    ) -> Result<Vec<LeadDay>, StoreError>;
    /// What became of the leads of advertisements that came from `from` to `to`, both included; by id and name of the campaign, in
    /// that order; of several companies added up. Without leads it is left out; at most 10,000 rows.
    async fn lead_campaigns(&mut self, from: NaiveDate, to: NaiveDate) -> Result<Vec<CampaignFigures>, StoreError>;
    /// All figures of the scope's company exactly as they are kept, without what is nothing: to verify them. Only in a company's
    /// scope: [`StoreError::OutOfScope`] otherwise.
    async fn lead_figures(&mut self) -> Result<LeadFigures, StoreError>;
    /// Removes what goes by days, that of campaigns included, before it is counted anew. Only in a company's scope:
    /// [`StoreError::OutOfScope`] otherwise.
    async fn clear_lead_days(&mut self) -> Result<(), StoreError>;
}

/// Dispositions.
#[async_trait]
pub trait DispositionStore: Send {
    /// Adds dispositions. Duplicate: `id`, `code` (in the company).
    async fn insert_dispositions(&mut self, dispositions: &[Disposition]) -> Result<(), StoreError>;
    /// Replaces a disposition. Duplicate: `code`.
    async fn update_disposition(&mut self, disposition: &Disposition) -> Result<(), StoreError>;
    /// Removes a disposition. `false` when there is none.
    async fn delete_disposition(&mut self, id: DispositionId) -> Result<bool, StoreError>;
    /// Reads a disposition.
    async fn disposition(&mut self, id: DispositionId) -> Result<Option<Disposition>, StoreError>;
    /// All dispositions of the scope, by company and id.
    async fn dispositions(&mut self) -> Result<Vec<Disposition>, StoreError>;
}
