//! What calls do to leads.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::desk::Desk;
use crate::call::Call;
use crate::engine::Context;
use crate::id::{CompanyId, LeadId};
use crate::lead::disposition::leads_to;
use crate::lead::{At, Lead, LeadStatus};
use crate::scope::Permission;
use crate::store::{CallFilter, Page, Repo, StoreError};

/// An ended call with a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) struct Contact {
    lead: LeadId,
    company: CompanyId,
    at: DateTime<Utc>,
    talked: bool,
}

impl Contact {
    /// What a call is to its lead, when it has one.
    pub(in crate::command) fn of(call: &Call) -> Option<Self> {
        let at = call.ended_at.unwrap_or(call.started_at);
        Some(Self { lead: call.lead?, company: call.company, at, talked: call.answered_at.is_some() })
    }

    /// Counts it for its lead: one in which somebody was talked to makes a new lead a contacted one.
    fn count(self, lead: &mut Lead, at: At) {
        lead.contacted(self.at);
        if self.talked && lead.status == LeadStatus::New {
            // Whatever is new can be contacted.
            let _ = lead.move_to(LeadStatus::Contacted, at, false);
        }
    }
}

/// Brings leads in line with a call that was corrected, or deleted, after that was written: the lead that it was about has one
/// contact less, and the one that it is about has one more. Where a status went because of it, it stays.
pub(in crate::command) async fn move_contact(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    before: &Call,
    after: Option<&Call>,
) -> Result<(), StoreError> {
    let contact = |call: &Call| Contact::of(call).filter(|_| call.ended_at.is_some());
    let (old, new) = (contact(before), after.and_then(contact));
    if old == new {
        return Ok(());
    }
    let mut desk = Desk::of(cx, repo, before.company).await?;
    let leads: BTreeSet<LeadId> = [old, new].into_iter().flatten().map(|contact| contact.lead).collect();
    for id in leads {
        let found = repo.lead_for_update(id).await?;
        let Some(lead) = found.filter(|lead| lead.company == before.company) else { continue };
        let mut changed = lead.clone();
        if let Some(old) = old.filter(|contact| contact.lead == id) {
            let is_last = lead.last_contact_at == Some(old.at);
            let last = if is_last { last_call(repo, id).await? } else { lead.last_contact_at };
            changed.retract(last);
        }
        if let Some(new) = new.filter(|contact| contact.lead == id) {
            new.count(&mut changed, desk.at);
        }
        let changed = changed.next(cx.now(), &desk.routing.settings.score_weights);
        desk.replace(cx, repo, &lead, &changed).await?;
    }
    desk.close(repo).await
}

/// When the last of a lead's newest calls ended.
async fn last_call(repo: &mut dyn Repo, lead: LeadId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let own = CallFilter { lead: Some(lead), ..CallFilter::default() };
    let calls = repo.calls(&own, Page { offset: 0, limit: Page::LIMIT_MAX }).await?.items;
    Ok(calls.iter().filter_map(|call| call.ended_at).max())
}

/// Counts ended calls as contacts of their leads. The calls are locked; leads are locked in order of id, after them.
pub(in crate::command) async fn touch_leads(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    contacts: Vec<Contact>,
) -> Result<(), StoreError> {
    let (mut by_lead, mut desks) = (BTreeMap::<LeadId, Vec<Contact>>::new(), BTreeMap::new());
    for contact in contacts {
        if let Entry::Vacant(place) = desks.entry(contact.company) {
            place.insert(Desk::of(cx, repo, contact.company).await?);
        }
        by_lead.entry(contact.lead).or_default().push(contact);
    }
    for (id, contacts) in by_lead {
        // A lead may be gone while people talk.
        let Some(before) = repo.lead_for_update(id).await? else { continue };
        let Some(desk) = desks.get_mut(&before.company) else { continue };
        let mut after = before.clone();
        for contact in contacts.into_iter().filter(|contact| contact.company == before.company) {
            contact.count(&mut after, desk.at);
        }
        let after = after.next(cx.now(), &desk.routing.settings.score_weights);
        desk.replace(cx, repo, &before, &after).await?;
    }
    for desk in desks.into_values() {
        desk.close(repo).await?;
    }
    Ok(())
}

/// Moves the lead of a call where the company's table says that this outcome leads. A lead that cannot go there stays: the word of
/// the call counts all the same.
pub(in crate::command) async fn move_by_outcome(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    call: &Call,
) -> Result<(), StoreError> {
    let (Some(id), Some(outcome)) = (call.lead, &call.outcome) else { return Ok(()) };
    let Some(status) = leads_to(&repo.dispositions().await?, outcome) else { return Ok(()) };
    let mut desk = Desk::of(cx, repo, call.company).await?;
    let Some(before) = repo.lead_for_update(id).await?.filter(|lead| lead.company == call.company) else {
        return Ok(());
    };
    let mut after = before.clone();
    let manages = cx.actor().may(Permission::ManageLeads);
    if before.status == status || after.move_to(status, desk.at, manages).is_err() {
        return Ok(());
    }
    let after = after.next(cx.now(), &desk.routing.settings.score_weights);
    desk.replace(cx, repo, &before, &after).await?;
    desk.close(repo).await
}
