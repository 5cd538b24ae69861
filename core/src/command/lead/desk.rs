//! What commands about leads share: the company as it is, and one way to write a lead with its figures and events.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::command::own_company;
use crate::company::{Company, local_day};
use crate::engine::Context;
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CompanyId, LeadId, UserId};
use crate::lead::routing::{Question, Routed, route};
use crate::lead::{At, Candidate, Lead, LeadFigures, LeadNote, LeadRefused, LeadRouting, LeadStatus, long_text};
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// The company in which leads are worked on, at one instant.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) company: CompanyId,
    pub(super) zone: Tz,
    pub(super) at: At,
    pub(super) routing: LeadRouting,
}

impl Desk {
    /// The actor's company.
    pub(super) async fn open<R>(cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Self, Failure<R>> {
        let company = own_company(cx, repo).await?;
        let routing = repo.lead_routing(company.id).await?;
        Ok(Self::of(cx, &company, routing))
    }

    /// The actor's company, with its routing locked.
    pub(super) async fn locked<R>(cx: &Context<'_>, repo: &mut dyn Repo) -> Result<Self, Failure<R>> {
        let company = own_company(cx, repo).await?;
        let mut routing = repo.lead_routing_for_update(company.id).await?;
        if routing.is_none() {
            let first = LeadRouting::first(company.id, cx.now());
            match repo.insert_lead_routing(&first).await {
                // Another unit of work made it in between: from the start, this one sees it.
                Err(StoreError::Duplicate { .. }) => return Err(StoreError::Contention.into()),
                other => other?,
            }
            routing = Some(first);
        }
        Ok(Self::of(cx, &company, routing))
    }

    /// Any company: for what the engine itself does.
    pub(super) fn of(cx: &Context<'_>, company: &Company, routing: Option<LeadRouting>) -> Self {
        let day = local_day(company.timezone, cx.now());
        Self {
            company: company.id,
            zone: company.timezone,
            at: At { now: cx.now(), day, home: company.default_country },
            routing: routing.unwrap_or_else(|| LeadRouting::first(company.id, cx.now())),
        }
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

/// Keeps the figures of what is written, and adds them at the end.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    figures: BTreeMap<CompanyId, LeadFigures>,
}

impl Ledger {
    /// Notes a change. Absent before: it is new. Absent after: it is gone.
    pub(super) fn note(&mut self, before: Option<&Lead>, after: Option<&Lead>) {
        if let Some(company) = before.or(after).map(|lead| lead.company) {
            self.figures.entry(company).or_default().change(before, after);
        }
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

    /// Adds all that was noted.
    pub(super) async fn close(self, repo: &mut dyn Repo) -> Result<(), StoreError> {
        for (company, figures) in self.figures {
            let figures = figures.without_zeros();
            if figures != LeadFigures::default() {
                repo.add_lead_figures(company, &figures).await?;
            }
        }
        Ok(())
    }
}

/// Says what happened to a lead.
pub(super) fn announce(cx: &mut Context<'_>, before: &Lead, after: &Lead) {
    let (company, lead) = (after.company, after.id);
    let (from, to) = (before.status, after.status);
    if from != to {
        cx.emit(company, Event::LeadStatusChanged { lead, from, to });
    }
    if from != to && to == LeadStatus::Converted {
        cx.emit(company, Event::LeadConverted { lead, user: after.converted_by, client: after.client });
    }
    if before.assigned_to != after.assigned_to {
        assigned(cx, after, before.assigned_to);
    } else if from == to {
        cx.emit(company, Event::LeadUpdated { lead });
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
