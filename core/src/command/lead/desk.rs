//! What commands about leads share: the company as it is, and one way to write a lead with its figures and events.

use chrono_tz::Tz;

use crate::command::company_of;
use crate::engine::Context;
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CompanyId, LeadId, UserId};
use crate::lead::routing::{Question, Routed, route};
use crate::lead::{At, Candidate, Lead, LeadFigures, LeadNote, LeadRefused, LeadRouting, LeadStatus, long_text};
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// The company in which leads are worked on, at one instant, and what the changes of its leads add up to.
///
/// Its time zone is held: the day that a lead counts for stays the same until the unit of work ends.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) company: CompanyId,
    pub(super) zone: Tz,
    pub(super) at: At,
    pub(super) routing: LeadRouting,
    figures: LeadFigures,
}

impl Desk {
    /// The actor's company.
    pub(super) async fn open<R>(cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Self, Failure<R>> {
        Ok(Self::of(cx, repo, company_of(cx)?).await?)
    }

    /// Any company: for what the engine itself does.
    pub(super) async fn of(cx: &Context<'_>, repo: &mut dyn Repo, company: CompanyId) -> Result<Self, StoreError> {
        let mut desk = Self::without_routing(cx, repo, company).await?;
        if let Some(routing) = repo.lead_routing(company).await? {
            desk.routing = routing;
        }
        Ok(desk)
    }

    /// The actor's company, with its routing locked.
    pub(super) async fn locked<R>(cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Self, Failure<R>> {
        let mut desk = Self::without_routing(cx, repo, company_of(cx)?).await?;
        match repo.lead_routing_for_update(desk.company).await? {
            Some(routing) => desk.routing = routing,
            None => match repo.insert_lead_routing(&desk.routing).await {
                // Another unit of work made it in between: from the start, this one sees it.
                Err(StoreError::Duplicate { .. }) => return Err(StoreError::Contention.into()),
                other => other?,
            },
        }
        Ok(desk)
    }

    async fn without_routing(cx: &Context<'_>, repo: &mut dyn Repo, id: CompanyId) -> Result<Self, StoreError> {
        let company = repo.company(id).await?.ok_or(StoreError::OutOfScope)?;
        Ok(Self {
            company: id,
            zone: repo.hold_timezone(id).await?.ok_or(StoreError::OutOfScope)?,
            at: At { now: cx.now(), home: company.default_country },
            routing: LeadRouting::first(id, cx.now()),
            figures: LeadFigures::default(),
        })
    }

    /// Notes a change for the figures. Absent before: it is new. Absent after: it is gone.
    pub(super) fn note(&mut self, before: Option<&Lead>, after: Option<&Lead>) {
        self.figures.change(self.zone, before, after);
    }

    /// Replaces a lead and says what happened to it.
    pub(super) async fn replace(
        &mut self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
        before: &Lead,
        after: &Lead,
    ) -> Result<(), StoreError> {
        repo.update_lead(after).await?;
        self.note(Some(before), Some(after));
        announce(cx, before, after);
        Ok(())
    }

    /// Adds what was noted to the figures: the last that a command does with leads.
    pub(super) async fn close(self, repo: &mut dyn Repo) -> Result<(), StoreError> {
        let figures = self.figures.without_zeros();
        if figures == LeadFigures::default() {
            return Ok(());
        }
        repo.add_lead_figures(self.company, &figures).await
    }

    /// Decides who gets a lead.
    pub(super) fn route(&self, lead: &Lead, before: Before, agents: &[Candidate]) -> Routed {
        let needs = lead.wanted();
        let question = Question {
            needs: &needs,
            previous: before.owner,
            returned_from: before.returned_from,
            turn: self.routing.turn,
            settings_version: self.routing.version,
            zone: self.zone,
            now: self.at.now,
        };
        route(&self.routing.settings, &question, agents)
    }
}

/// Who had the lead, or the same person, before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) owner: Option<UserId>,
    pub(super) returned_from: Option<UserId>,
}

/// Who had the person of a lead before: of the newest lead with the same contact that somebody has or had.
pub(super) async fn previous_owner(repo: &mut dyn Repo, lead: &Lead) -> Result<Option<UserId>, StoreError> {
    let email = lead.email.as_ref().map(|email| email.expose().as_str());
    let same = repo.leads_by_contact(lead.phone.as_ref(), email).await?;
    Ok(same.into_iter().filter(|other| other.id != lead.id).find_map(|other| other.assigned_to))
}

/// Says what happened to a lead.
pub(super) fn announce(cx: &mut Context<'_>, before: &Lead, after: &Lead) {
    let (company, lead, owner) = (after.company, after.id, after.assigned_to);
    let (from, to) = (before.status, after.status);
    if from != to {
        cx.emit(company, Event::LeadStatusChanged { lead, from, to, owner });
    }
    if from != to && to == LeadStatus::Converted {
        cx.emit(company, Event::LeadConverted { lead, user: after.converted_by, client: after.client, owner });
    }
    if before.assigned_to != after.assigned_to {
        assigned(cx, after, before.assigned_to);
    } else if from == to {
        cx.emit(company, Event::LeadUpdated { lead, owner });
    }
}

/// Says that a lead was given to somebody, or taken back.
pub(super) fn assigned(cx: &mut Context<'_>, lead: &Lead, previous: Option<UserId>) {
    let at = lead.assigned_at.unwrap_or(cx.now());
    cx.emit(lead.company, Event::LeadAssigned { lead: lead.id, user: lead.assigned_to, previous, at });
}

/// Whether a lead is the actor's to work on: to everybody else it does not exist.
pub(in crate::command) fn own(cx: &Context<'_>, lead: &Lead) -> bool {
    let actor = cx.actor();
    actor.may(Permission::ManageLeads) || lead.assigned_to.is_some_and(|user| actor.user_id() == Some(user))
}

/// Reads a lead that is the actor's to work on, and locks it.
pub(super) async fn own_lead(cx: &Context<'_>, repo: &mut dyn Repo, id: LeadId) -> Result<Lead, Failure<LeadRefused>> {
    let lead = repo.lead_for_update(id).await?.filter(|lead| own(cx, lead));
    lead.ok_or(Failure::Refused(LeadRefused::NotFound))
}

/// Checks that leads can be given to this person.
pub(super) async fn check_assignee(repo: &mut dyn Repo, user: UserId) -> Result<(), Failure<LeadRefused>> {
    let active = repo.user(user).await?.is_some_and(|user| user.is_active);
    if active { Ok(()) } else { Err(LeadRefused::NoSuchAssignee.into()) }
}

/// Makes a note of what was written; blank is none.
pub(super) fn note_of(cx: &Context<'_>, lead: &Lead, text: Option<&str>) -> Result<Option<LeadNote>, LeadRefused> {
    let text = long_text("notes", text.unwrap_or_default())?;
    let (company, author, at) = (lead.company, cx.actor().user_id(), cx.now());
    Ok(text.map(|text| LeadNote { id: cx.id(), lead: lead.id, company, author, at, text: Pii::new(text) }))
}
