//! Making one lead out of several that are the same person.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::change::remove;
use super::desk::Desk;
use crate::command::fresh;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::id::LeadId;
use crate::lead::{Lead, LeadRefused};
use crate::scope::Permission;
use crate::store::Repo;

/// The most duplicates of one merge.
pub const MERGE_MAX: usize = 50;

/// Merges duplicates into a lead: it takes over what it does not know, with their notes and calls, and they are gone. Its own
/// words, status and owner stay, unless one of theirs was sold or asked not to be called; without an owner it takes the first one
/// of theirs.
#[derive(Debug, Clone)]
pub struct MergeLeads {
    /// The lead that stays.
    pub lead: LeadId,
    /// Those that go.
    pub duplicates: Vec<LeadId>,
    /// The version of the lead that the caller has seen, if it is to be checked.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for MergeLeads {
    type Output = Lead;
    type Refused = LeadRefused;
    const NAME: &'static str = "merge_leads";

    fn permission(&self) -> Permission {
        Permission::ManageLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Lead, Failure<LeadRefused>> {
        let mut ids = self.duplicates.clone();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() || ids.len() > MERGE_MAX || ids.contains(&self.lead) {
            return Err(LeadRefused::BadMerge.into());
        }
        let mut desk = Desk::open(cx, repo).await?;
        let mut all = BTreeMap::new();
        ids.push(self.lead);
        ids.sort_unstable();
        for id in ids {
            let lead = repo.lead_for_update(id).await?;
            let absent = if id == self.lead { LeadRefused::NotFound } else { LeadRefused::BadMerge };
            all.insert(id, lead.ok_or(absent)?);
        }
        let before = all.remove(&self.lead).ok_or(LeadRefused::NotFound)?;
        if !fresh(self.expected_version, before.version) {
            return Err(LeadRefused::Stale.into());
        }
        let mut after = before.clone();
        for duplicate in all.values() {
            after.absorb(duplicate)?;
            if after.assigned_to.is_none() && duplicate.assigned_to.is_some() {
                after.assign(duplicate.assigned_to, cx.now(), None);
            }
        }
        let after = after.next(cx.now(), &desk.routing.settings.score_weights);
        for duplicate in all.values() {
            repo.move_lead_history(duplicate.id, self.lead).await?;
            remove(cx, repo, &mut desk, duplicate, Some(self.lead)).await?;
        }
        desk.replace(cx, repo, &before, &after).await?;
        desk.close(repo).await?;
        Ok(after)
    }
}
