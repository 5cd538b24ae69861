//! Routing leads again: those that wait for somebody, those that nobody touched in time, and those whose owner is gone.

use async_trait::async_trait;

use super::desk::{Before, Desk, previous_owner};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::lead::{Candidate, Lead, LeadDecision, LeadRefused, Strategy};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// How often a lead goes on to somebody else before it stays where it is.
pub const RETURNS_MAX: u32 = 10;

/// Looks again at the leads of the actor's company that are due: gives those that wait to somebody, those that were not touched in
/// time to somebody else, and takes those with work to do from who has left the company or was locked out. One that was not touched
/// and that nobody else can take stays with whom it is.
#[derive(Debug, Clone, Copy)]
pub struct RouteLeads {
    /// Leads looked at, at most.
    pub limit: u32,
}

#[async_trait]
impl Command for RouteLeads {
    /// How many leads were given to somebody.
    type Output = usize;
    type Refused = LeadRefused;
    const NAME: &'static str = "route_leads";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<usize, Failure<LeadRefused>> {
        let mut desk = Desk::locked(cx, repo).await?;
        let mut agents = repo.lead_candidates().await?;
        let mut given = 0;
        for (_, id) in repo.leads_to_route(cx.now(), self.limit).await? {
            let Some(before) = repo.lead_for_update(id).await? else { continue };
            let deserted = is_deserted(repo, &before, &agents).await?;
            if deserted || before.route_at.is_some_and(|at| at <= cx.now()) {
                let found = look_at(cx, repo, &mut desk, &mut agents, &before, deserted).await?;
                given += usize::from(found);
            }
        }
        desk.close(repo).await?;
        Ok(given)
    }
}

/// Whether there is work to do, and whoever has the lead cannot do it: they are no active user.
async fn is_deserted(repo: &mut dyn Repo, lead: &Lead, agents: &[Candidate]) -> Result<bool, StoreError> {
    let Some(owner) = lead.assigned_to.filter(|_| lead.status.is_open()) else { return Ok(false) };
    if agents.iter().any(|agent| agent.user == owner) {
        return Ok(false);
    }
    Ok(repo.user(owner).await?.is_none_or(|user| !user.is_active))
}

/// Looks for somebody for a lead; whether one was found.
async fn look_at(
    cx: &mut Context<'_>,
    repo: &mut dyn Repo,
    desk: &mut Desk,
    agents: &mut [Candidate],
    before: &Lead,
    deserted: bool,
) -> Result<bool, StoreError> {
    let settings = desk.routing.settings.clone();
    let by_hand = settings.strategy == Strategy::Manual;
    let returned = before.assigned_to.filter(|_| !before.is_waiting);
    let tired = returned.is_some() && (before.returns >= RETURNS_MAX || settings.return_after().is_none());
    if !deserted && (by_hand || tired || !before.status.is_open()) {
        // Nothing to do here any more; a lead that waits goes on waiting for a person.
        repo.set_lead_route_at(before.id, None).await?;
        return Ok(false);
    }
    let owner = if settings.sticky_owner && returned.is_none() { previous_owner(repo, before).await? } else { None };
    let routed = desk.route(before, Before { owner, returned_from: returned }, agents);
    let mut after = before.clone();
    match routed.decision.chosen.zip(routed.turns) {
        Some((chosen, (pass, turn))) => {
            after.assign(Some(chosen), cx.now(), settings.return_after());
            after.returns += u32::from(returned.is_some() && !deserted);
            desk.routing.turn = turn;
            repo.set_lead_turns(desk.company, turn, &[(chosen, pass)]).await?;
            moved(agents, returned, chosen, pass);
        }
        None if deserted => {
            after.assign(None, cx.now(), None);
            if !by_hand {
                after.wait(cx.now());
            }
        }
        None => {
            // That nobody was found again is no news.
            match returned {
                Some(_) => after.route_at = after_wait(cx, settings.return_after()),
                None => after.wait(cx.now()),
            }
            repo.set_lead_route_at(before.id, after.route_at).await?;
            return Ok(false);
        }
    }
    let after = after.next(cx.now(), &settings.score_weights);
    desk.replace(cx, repo, before, &after).await?;
    repo.insert_lead_decisions(&[LeadDecision { lead: before.id, company: desk.company, decision: routed.decision }])
        .await?;
    Ok(after.assigned_to.is_some())
}

fn after_wait(cx: &Context<'_>, wait: Option<chrono::TimeDelta>) -> Option<chrono::DateTime<chrono::Utc>> {
    wait.and_then(|wait| cx.now().checked_add_signed(wait))
}

/// Counts a lead that has moved from one agent to another.
fn moved(agents: &mut [Candidate], from: Option<crate::id::UserId>, to: crate::id::UserId, pass: u64) {
    for agent in agents {
        if agent.user == to {
            agent.pass = pass;
            agent.leads.total += 1;
            agent.leads.open += 1;
        } else if Some(agent.user) == from {
            agent.leads.total = agent.leads.total.saturating_sub(1);
            agent.leads.open = agent.leads.open.saturating_sub(1);
        }
    }
}
