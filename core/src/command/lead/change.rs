//! Working on leads.

use async_trait::async_trait;

use super::desk::{Desk, check_assignee, note_of, own, own_lead};
use crate::client::ClientChange;
use crate::command::client::CreateClient;
use crate::command::fresh;
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{ClientId, LeadId, UserId};
use crate::lead::{Cents, Lead, LeadChange, LeadRefused, LeadStatus};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Changes a lead: one's own, or any with the right to manage leads.
#[derive(Debug, Clone)]
pub struct UpdateLead {
    /// Which.
    pub lead: LeadId,
    /// What changes.
    pub change: LeadChange,
    /// Gives it to somebody, or takes it back with `Some(None)`. For those who manage leads.
    pub assign: Option<Option<UserId>>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateLead {
    type Output = Lead;
    type Refused = LeadRefused;
    const NAME: &'static str = "update_lead";

    fn permission(&self) -> Permission {
        Permission::WorkLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Lead, Failure<LeadRefused>> {
        let mut desk = Desk::open(cx, repo).await?;
        let before = own_lead(cx, repo, self.lead).await?;
        if !fresh(self.expected_version, before.version) {
            return Err(LeadRefused::Stale.into());
        }
        let after = apply(cx, repo, &mut desk, &before, self.change.clone(), self.assign).await?;
        desk.close(repo).await?;
        Ok(after)
    }
}

/// Changes a lead that is locked.
pub(super) async fn apply(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    desk: &mut Desk,
    before: &Lead,
    change: LeadChange,
    assign: Option<Option<UserId>>,
) -> Result<Lead, Failure<LeadRefused>> {
    let note = note_of(cx, before, change.notes.as_deref())?;
    let manages = cx.actor().may(Permission::ManageLeads);
    let weights = &desk.routing.settings.score_weights;
    let mut after = before.change(change, desk.at, manages, weights)?;
    if let Some(user) = assign.filter(|user| *user != before.assigned_to) {
        cx.demand(Permission::ManageLeads)?;
        if let Some(user) = user {
            check_assignee(repo, user).await?;
        }
        after.assign(user, cx.now(), None);
    }
    // Whoever has it has touched it.
    if before.assigned_to.is_some() && before.assigned_to == cx.actor().user_id() {
        after.touched();
    }
    desk.replace(cx, repo, before, &after).await?;
    if let Some(note) = note {
        repo.insert_lead_notes(&[note]).await?;
    }
    Ok(after)
}

/// Gives a lead to somebody, or takes it back.
#[derive(Debug, Clone, Copy)]
pub struct AssignLead {
    /// Which.
    pub lead: LeadId,
    /// To whom.
    pub user: Option<UserId>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for AssignLead {
    type Output = Lead;
    type Refused = LeadRefused;
    const NAME: &'static str = "assign_lead";

    fn permission(&self) -> Permission {
        Permission::ManageLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Lead, Failure<LeadRefused>> {
        let before = own_lead(cx, repo, self.lead).await?;
        if !fresh(self.expected_version, before.version) {
            return Err(LeadRefused::Stale.into());
        }
        if before.assigned_to == self.user && !before.is_waiting {
            return Ok(before);
        }
        let update = UpdateLead {
            lead: self.lead,
            change: LeadChange::default(),
            assign: Some(self.user),
            expected_version: None,
        };
        update.run(cx, repo).await
    }
}

/// Notes that a lead was sold, and makes a client of it: the one who has its number, or else a new one.
#[derive(Debug, Clone, Copy)]
pub struct ConvertLead {
    /// Which.
    pub lead: LeadId,
    /// For how much; what is known of it stays when nothing is said.
    pub value: Option<Cents>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for ConvertLead {
    type Output = Lead;
    type Refused = LeadRefused;
    const NAME: &'static str = "convert_lead";

    fn permission(&self) -> Permission {
        Permission::WorkLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Lead, Failure<LeadRefused>> {
        let found = repo.lead(self.lead).await?.filter(|lead| own(cx, lead)).ok_or(LeadRefused::NotFound)?;
        // The client comes first: its calls are locked before leads are, as everywhere.
        let client = match found.client {
            Some(client) => client,
            None => client_of(cx, repo, &found).await?,
        };
        let mut desk = Desk::open(cx, repo).await?;
        let before = own_lead(cx, repo, self.lead).await?;
        if !fresh(self.expected_version, before.version) {
            return Err(LeadRefused::Stale.into());
        }
        let change =
            LeadChange { status: Some(LeadStatus::Converted), value: self.value.map(Some), ..LeadChange::default() };
        let manages = cx.actor().may(Permission::ManageLeads);
        let mut after = before.change(change, desk.at, manages, &desk.routing.settings.score_weights)?;
        after.became(client);
        desk.replace(cx, repo, &before, &after).await?;
        desk.close(repo).await?;
        Ok(after)
    }
}

/// The client that a lead becomes.
async fn client_of(cx: &mut Context<'_>, repo: &mut dyn Repo, lead: &Lead) -> Result<ClientId, Failure<LeadRefused>> {
    if let Some(phone) = &lead.phone {
        let owners = repo.number_owners_for_update(&[(lead.company, phone.clone())]).await?;
        if let Some(owner) = owners.first() {
            return Ok(owner.client);
        }
    }
    let owner = match lead.assigned_to {
        Some(user) => repo.user(user).await?.filter(|user| user.is_active).map(|user| user.id),
        None => None,
    };
    let change = ClientChange {
        name: Some(lead.name.expose().clone()),
        email: Some(lead.email.as_ref().map(|email| email.expose().clone())),
        phone: Some(lead.phone.as_ref().map(|phone| phone.as_str().to_owned())),
        owner: Some(owner),
        ..ClientChange::default()
    };
    let create = CreateClient { change, allow_duplicate: true };
    Ok(create.run(cx, repo).await.map_err(Failure::widen)?.id)
}

/// Removes a lead with its notes. For admins.
#[derive(Debug, Clone, Copy)]
pub struct DeleteLead {
    /// Which.
    pub lead: LeadId,
    /// The version that the caller has seen, if it is to be checked.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for DeleteLead {
    type Output = ();
    type Refused = LeadRefused;
    const NAME: &'static str = "delete_lead";

    fn permission(&self) -> Permission {
        Permission::ManageCompany
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<LeadRefused>> {
        let mut desk = Desk::open(cx, repo).await?;
        let lead = repo.lead_for_update(self.lead).await?.ok_or(LeadRefused::NotFound)?;
        if !fresh(self.expected_version, lead.version) {
            return Err(LeadRefused::Stale.into());
        }
        remove(cx, repo, &mut desk, &lead, None).await?;
        desk.close(repo).await?;
        Ok(())
    }
}

/// Removes a lead that is locked.
pub(super) async fn remove(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    desk: &mut Desk,
    lead: &Lead,
    merged_into: Option<LeadId>,
) -> Result<(), StoreError> {
    repo.delete_lead(lead.id).await?;
    desk.note(Some(lead), None);
    cx.emit(lead.company, Event::LeadDeleted { lead: lead.id, merged_into, owner: lead.assigned_to });
    Ok(())
}
