//! Taking leads in.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::desk::{Before, Desk, assigned, check_assignee, note_of};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{LeadId, UserId};
pub use crate::lead::OnDuplicate;
use crate::lead::{
    Candidate, Decision, KnownContacts, Lead, LeadChange, LeadDecision, LeadNote, LeadOrigin, LeadRefused, LeadStatus,
    Needs, NewLead, Owner, Strategy,
};
use crate::people::RoleKind;
use crate::phone::E164;
use crate::pii::Pii;
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// What became of a lead that was to be taken in.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is there.
    Created(Lead),
    /// It was left out: this one has the same contact.
    Skipped(LeadId),
    /// This one was there before, and knows more now.
    Updated(Lead),
    /// It was not accepted; the others are not concerned.
    Refused(LeadRefused),
}

/// What became of a lead, and who got it and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// What became of it.
    pub outcome: Outcome,
    /// Who got it and why, when it was routed.
    pub decision: Option<Decision>,
}

/// Takes in many leads in one unit of work. One that is refused does not keep the others out.
#[derive(Debug, Clone)]
pub struct CreateLeads {
    /// The leads.
    pub leads: Vec<NewLead>,
    /// What to do with those that are known.
    pub on_duplicate: OnDuplicate,
}

/// Takes in one lead.
#[derive(Debug, Clone)]
pub struct CreateLead {
    /// The lead.
    pub lead: NewLead,
}

/// Says who would get a lead, and changes nothing.
#[derive(Debug, Clone)]
pub struct PreviewRoute {
    /// The lead.
    pub lead: NewLead,
}

/// A lead that was read and fits, before anybody looked whether it is known.
struct Draft {
    lead: Lead,
    note: Option<LeadNote>,
}

/// Takes leads in one after another, and writes what belongs to all of them at the end.
struct Intake {
    desk: Desk,
    /// As they stand now, the leads of this unit of work included.
    agents: Vec<Candidate>,
    known: KnownContacts,
    /// People whom leads can be given to, as far as was asked.
    assignees: BTreeSet<UserId>,
    passes: BTreeMap<UserId, u64>,
    /// Leads that are to be written.
    leads: Vec<Lead>,
    notes: Vec<LeadNote>,
    decisions: Vec<LeadDecision>,
}

/// Whether the company's routing decides: leads that an agent takes in are their own.
fn is_routed(cx: &Context<'_>, new: &NewLead) -> bool {
    new.owner == Owner::Routed && cx.actor().role_kind() != Some(RoleKind::Agent)
}

impl Intake {
    async fn open(cx: &Context<'_>, repo: &mut dyn Repo, routes: bool) -> Result<Self, Failure<LeadRefused>> {
        let desk = if routes { Desk::locked(cx, repo).await? } else { Desk::open(cx, repo).await? };
        // The agents are read under the lock: what they have counts up to the lead before.
        let asks = routes && desk.routing.settings.strategy != Strategy::Manual;
        let agents = if asks { repo.lead_candidates().await? } else { Vec::new() };
        Ok(Self::at(desk, agents))
    }

    fn at(desk: Desk, agents: Vec<Candidate>) -> Self {
        Self {
            desk,
            agents,
            known: KnownContacts::default(),
            assignees: BTreeSet::new(),
            passes: BTreeMap::new(),
            leads: Vec::new(),
            notes: Vec::new(),
            decisions: Vec::new(),
        }
    }

    fn draft(&self, cx: &Context<'_>, new: &NewLead) -> Result<Draft, LeadRefused> {
        let weights = &self.desk.routing.settings.score_weights;
        let lead = Lead::create(cx.id(), self.desk.company, new.clone(), self.desk.at, weights)?;
        let note = note_of(cx, &lead, new.notes.as_deref())?;
        Ok(Draft { lead, note })
    }

    /// Whether the routing asks who had somebody before.
    fn is_sticky(&self) -> bool {
        self.desk.routing.settings.sticky_owner && !self.agents.is_empty()
    }

    /// Looks up who of all of them is known, in one read.
    async fn look_up<'d>(
        &mut self,
        repo: &mut dyn Repo,
        drafts: impl Iterator<Item = &'d Draft> + Clone,
    ) -> Result<(), StoreError> {
        let phones: Vec<E164> = drafts.clone().filter_map(|draft| draft.lead.phone.clone()).collect();
        let emails: Vec<Pii<String>> = drafts.filter_map(|draft| draft.lead.email.clone()).collect();
        self.known = repo.known_contacts(self.desk.company, &phones, &emails).await?;
        Ok(())
    }

    /// The draft of a single lead, which is taken in whoever is known; its person is looked up when the routing asks.
    async fn draft_one(
        &mut self,
        cx: &Context<'_>,
        repo: &mut dyn Repo,
        new: &NewLead,
    ) -> Result<Draft, Failure<LeadRefused>> {
        let draft = self.draft(cx, new)?;
        if self.is_sticky() {
            self.look_up(repo, std::iter::once(&draft)).await?;
        }
        Ok(draft)
    }

    async fn take(
        &mut self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
        (new, draft): (&NewLead, Draft),
        on_duplicate: OnDuplicate,
    ) -> Result<Created, Failure<LeadRefused>> {
        let Draft { mut lead, note } = draft;
        if on_duplicate != OnDuplicate::Create
            && let Some(known) = self.known.newest(&lead)
        {
            if on_duplicate == OnDuplicate::Skip {
                return Ok(Created { outcome: Outcome::Skipped(known), decision: None });
            }
            let updated = self.update(cx, repo, known, new).await?;
            return Ok(Created { outcome: Outcome::Updated(updated), decision: None });
        }
        let decision = self.settle(cx, repo, &mut lead, new).await?;
        self.known.learn(&lead);
        self.desk.note(None, Some(&lead));
        self.notes.extend(note);
        let (id, owner) = (lead.id, lead.assigned_to);
        cx.emit(lead.company, Event::LeadCreated { lead: id, source: lead.source.clone(), owner });
        if lead.assigned_to.is_some() {
            assigned(cx, &lead, None);
        }
        if lead.status == LeadStatus::Converted {
            cx.emit(lead.company, Event::LeadConverted { lead: id, user: lead.converted_by, client: None, owner });
        }
        if let Some(decision) = &decision {
            let (lead, company) = (lead.id, lead.company);
            self.decisions.push(LeadDecision { lead, company, decision: decision.clone() });
        }
        self.leads.push(lead.clone());
        Ok(Created { outcome: Outcome::Created(lead), decision })
    }

    /// Finds somebody to work on a new lead.
    async fn settle(
        &mut self,
        cx: &Context<'_>,
        repo: &mut dyn Repo,
        lead: &mut Lead,
        new: &NewLead,
    ) -> Result<Option<Decision>, Failure<LeadRefused>> {
        let user = match new.owner {
            Owner::Nobody => {
                cx.demand(Permission::ManageLeads)?;
                None
            }
            Owner::User(user) => {
                if cx.actor().user_id() != Some(user) {
                    cx.demand(Permission::ManageLeads)?;
                }
                if !self.assignees.contains(&user) {
                    check_assignee(repo, user).await?;
                    self.assignees.insert(user);
                }
                Some(user)
            }
            Owner::Routed if is_routed(cx, new) => return Ok(Some(self.route(lead))),
            Owner::Routed => cx.actor().user_id(),
        };
        lead.assign(user, cx.now(), None);
        credit(lead);
        Ok(None)
    }

    /// Gives a new lead to whom the company's routing finds.
    fn route(&mut self, lead: &mut Lead) -> Decision {
        let owner = if self.is_sticky() { self.known.owner(lead) } else { None };
        let routed = self.desk.route(lead, Before { owner, returned_from: None }, &self.agents);
        let settings = &self.desk.routing.settings;
        match routed.decision.chosen.zip(routed.turns) {
            Some((chosen, (pass, turn))) => {
                lead.assign(Some(chosen), self.desk.at.now, settings.return_after());
                self.desk.routing.turn = turn;
                self.passes.insert(chosen, pass);
                if let Some(agent) = self.agents.iter_mut().find(|agent| agent.user == chosen) {
                    agent.pass = pass;
                    agent.leads.total += 1;
                    agent.leads.open += u64::from(lead.status.is_open());
                }
            }
            None if settings.strategy != Strategy::Manual && lead.status.is_open() => lead.wait(self.desk.at.now),
            None => {}
        }
        credit(lead);
        routed.decision
    }

    /// Writes what is said of a lead onto one that is known.
    async fn update(
        &mut self,
        cx: &mut Context<'_>,
        repo: &mut dyn Repo,
        known: LeadId,
        new: &NewLead,
    ) -> Result<Lead, Failure<LeadRefused>> {
        if self.leads.iter().any(|lead| lead.id == known) {
            self.write(repo).await?;
        }
        let before = repo.lead_for_update(known).await?.ok_or(StoreError::Contention)?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty()).map(Some);
        let change = LeadChange {
            name: Some(new.name.clone()),
            email: given(&new.email),
            phone: given(&new.phone),
            requirements: given(&new.requirements),
            needs: (new.needs != Needs::default()).then(|| new.needs.clone()),
            custom: Some(new.custom.clone()),
            value: new.value.map(Some),
            origin: (new.origin != LeadOrigin::default()).then(|| new.origin.clone()),
            ..LeadChange::default()
        };
        let after = before.change(change, self.desk.at, false, &self.desk.routing.settings.score_weights)?;
        self.notes.extend(note_of(cx, &after, new.notes.as_deref())?);
        self.desk.replace(cx, repo, &before, &after).await?;
        let lost_phone = before.phone.is_some() && before.phone != after.phone;
        let lost_email = before.email.is_some() && before.email != after.email;
        if lost_phone || lost_email {
            // What the lead was known by is another's now, or nobody's.
            self.write(repo).await?;
            let (phone, email) = (before.phone.as_slice(), before.email.as_slice());
            let current = repo.known_contacts(self.desk.company, phone, email).await?;
            self.known.correct(&before, current);
        }
        self.known.learn(&after);
        Ok(after)
    }

    async fn write(&mut self, repo: &mut dyn Repo) -> Result<(), StoreError> {
        if !self.leads.is_empty() {
            repo.insert_leads(&std::mem::take(&mut self.leads)).await?;
        }
        Ok(())
    }

    /// Writes what belongs to all leads.
    async fn close(mut self, repo: &mut dyn Repo) -> Result<(), StoreError> {
        self.write(repo).await?;
        repo.insert_lead_notes(&self.notes).await?;
        repo.insert_lead_decisions(&self.decisions).await?;
        if !self.passes.is_empty() {
            let passes: Vec<(UserId, u64)> = self.passes.into_iter().collect();
            repo.set_lead_turns(self.desk.company, self.desk.routing.turn, &passes).await?;
        }
        self.desk.close(repo).await
    }
}

/// A lead that came as sold is credited to whoever got it.
fn credit(lead: &mut Lead) {
    if lead.status == LeadStatus::Converted {
        lead.converted_by = lead.assigned_to;
    }
}

#[async_trait]
impl Command for CreateLeads {
    type Output = Vec<Created>;
    type Refused = LeadRefused;
    const NAME: &'static str = "create_leads";

    fn permission(&self) -> Permission {
        Permission::WorkLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Vec<Created>, Failure<LeadRefused>> {
        let routes = self.leads.iter().any(|new| is_routed(cx, new));
        let mut intake = Intake::open(cx, repo, routes).await?;
        let drafts: Vec<_> = self.leads.iter().map(|new| (new, intake.draft(cx, new))).collect();
        if self.on_duplicate != OnDuplicate::Create || intake.is_sticky() {
            intake.look_up(repo, drafts.iter().filter_map(|(_, draft)| draft.as_ref().ok())).await?;
        }
        let mut made = Vec::with_capacity(drafts.len());
        for (new, draft) in drafts {
            let taken = match draft {
                Ok(draft) => intake.take(cx, repo, (new, draft), self.on_duplicate).await,
                Err(refused) => Err(refused.into()),
            };
            made.push(match taken {
                // Every check comes before the first write: what was refused has left nothing.
                Err(Failure::Refused(refused)) => Created { outcome: Outcome::Refused(refused), decision: None },
                other => other?,
            });
        }
        intake.close(repo).await?;
        Ok(made)
    }
}

#[async_trait]
impl Command for CreateLead {
    /// The lead, and who got it and why when it was routed.
    type Output = (Lead, Option<Decision>);
    type Refused = LeadRefused;
    const NAME: &'static str = "create_lead";

    fn permission(&self) -> Permission {
        Permission::WorkLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Self::Output, Failure<LeadRefused>> {
        let mut intake = Intake::open(cx, repo, is_routed(cx, &self.lead)).await?;
        let draft = intake.draft_one(cx, repo, &self.lead).await?;
        let made = intake.take(cx, repo, (&self.lead, draft), OnDuplicate::Create).await?;
        intake.close(repo).await?;
        match made.outcome {
            Outcome::Created(lead) | Outcome::Updated(lead) => Ok((lead, made.decision)),
            Outcome::Skipped(_) => Err(LeadRefused::Duplicate.into()),
            Outcome::Refused(refused) => Err(refused.into()),
        }
    }
}

#[async_trait]
impl Command for PreviewRoute {
    /// The lead as it would be, and who would get it and why.
    type Output = (Lead, Option<Decision>);
    type Refused = LeadRefused;
    const NAME: &'static str = "preview_route";

    fn permission(&self) -> Permission {
        Permission::WorkLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Self::Output, Failure<LeadRefused>> {
        let desk = Desk::open(cx, repo).await?;
        let agents = if is_routed(cx, &self.lead) { repo.lead_candidates().await? } else { Vec::new() };
        let mut intake = Intake::at(desk, agents);
        let draft = intake.draft_one(cx, repo, &self.lead).await?;
        let mut lead = draft.lead;
        let decision = intake.settle(cx, repo, &mut lead, &self.lead).await?;
        Ok((lead, decision))
    }
}
