//! Changing many leads at once.

use async_trait::async_trait;

use super::change::{apply, remove};
use super::desk::{Desk, own_lead};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::id::{LeadId, UserId};
use crate::lead::{LeadChange, LeadRefused};
use crate::scope::Permission;
use crate::store::Repo;

/// The most leads of one change.
pub const BULK_MAX: usize = 500;

/// What to do with each of them.
#[derive(Debug, Clone)]
pub enum BulkAction {
    /// Give it to somebody, or take it back.
    Assign(Option<UserId>),
    /// Change it.
    Change(Box<LeadChange>),
    /// Remove it. For admins.
    Delete,
}

/// Changes many leads in one unit of work. One that is refused does not keep the others from changing.
#[derive(Debug, Clone)]
pub struct BulkLeads {
    /// Which: 1 to 500.
    pub leads: Vec<LeadId>,
    /// What to do with each.
    pub action: BulkAction,
}

#[async_trait]
impl Command for BulkLeads {
    /// What became of each, in the order of their ids.
    type Output = Vec<(LeadId, Result<(), LeadRefused>)>;
    type Refused = LeadRefused;
    const NAME: &'static str = "bulk_leads";

    fn permission(&self) -> Permission {
        match self.action {
            BulkAction::Assign(_) => Permission::ManageLeads,
            BulkAction::Change(_) => Permission::WorkLeads,
            BulkAction::Delete => Permission::ManageCompany,
        }
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Self::Output, Failure<LeadRefused>> {
        let mut leads = self.leads.clone();
        leads.sort_unstable();
        leads.dedup();
        if leads.is_empty() || leads.len() > BULK_MAX {
            return Err(LeadRefused::BadBulk.into());
        }
        let mut desk = Desk::open(cx, repo).await?;
        let mut done = Vec::with_capacity(leads.len());
        for lead in leads {
            match self.one(cx, repo, &mut desk, lead).await {
                Ok(()) => done.push((lead, Ok(()))),
                // Every check comes before the first write: what was refused has left nothing.
                Err(Failure::Refused(refused)) => done.push((lead, Err(refused))),
                Err(failure) => return Err(failure),
            }
        }
        desk.close(repo).await?;
        Ok(done)
    }
}

impl BulkLeads {
    async fn one(
        &self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
        desk: &mut Desk,
        id: LeadId,
    ) -> Result<(), Failure<LeadRefused>> {
        let (change, assign) = match &self.action {
            BulkAction::Delete => {
                let lead = repo.lead_for_update(id).await?.ok_or(LeadRefused::NotFound)?;
                return Ok(remove(cx, repo, desk, &lead, None).await?);
            }
            BulkAction::Assign(user) => (LeadChange::default(), Some(*user)),
            BulkAction::Change(change) => (LeadChange::clone(change), None),
        };
        let before = own_lead(cx, repo, id).await?;
        apply(cx, repo, desk, &before, change, assign).await.map(|_| ())
    }
}
