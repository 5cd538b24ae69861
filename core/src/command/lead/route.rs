//! Routing leads again: those that wait for somebody, and those that nobody touched in time.

use async_trait::async_trait;

use super::desk::{Before, Desk, Ledger, previous_owner};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::lead::{Candidate, LeadDecision, LeadRefused, Strategy};
use crate::scope::Permission;
use crate::store::Repo;

/// How often a lead goes on to somebody else before it stays where it is.
pub const RETURNS_MAX: u32 = 10;

/// Looks again at the leads of the actor's company that are due: gives those that wait to somebody, and those that were not touched
/// in time to somebody else. One that nobody else can take stays with whom it is.
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
        let (mut ledger, mut given) = (Ledger::default(), 0);
        for (_, id) in repo.leads_to_route(cx.now(), self.limit).await? {
            let Some(before) = repo.lead_for_update(id).await? else { continue };
            if before.route_at.is_none_or(|at| at > cx.now()) {
                continue;
            }
            let settings = desk.routing.settings.clone();
            let mut after = before.clone();
            let returned = before.assigned_to.filter(|_| !before.is_waiting);
            let tired = returned.is_some() && before.returns >= RETURNS_MAX;
            let off =
                settings.strategy == Strategy::Manual || (returned.is_some() && settings.return_after().is_none());
            let mut decision = None;
            if tired || off || !before.status.is_open() {
                // Nothing to do here any more; a lead that waits goes on waiting for a person.
                after.route_at = None;
            } else {
                let owner = if settings.sticky_owner && returned.is_none() {
                    previous_owner(repo, &before).await?
                } else {
                    None
                };
                let routed = desk.route(&before, Before { owner, returned_from: returned }, &agents);
                match routed.decision.chosen.zip(routed.turns) {
                    Some((chosen, (pass, turn))) => {
                        after.assign(Some(chosen), cx.now(), settings.return_after());
                        after.returns += u32::from(returned.is_some());
                        desk.routing.turn = turn;
                        repo.set_lead_turns(desk.company, turn, &[(chosen, pass)]).await?;
                        moved(&mut agents, returned, chosen, pass);
                        decision = Some(routed.decision);
                        given += 1;
                    }
                    None if returned.is_some() => after.route_at = after_wait(cx, settings.return_after()),
                    None => after.wait(cx.now()),
                }
            }
            let after = after.next(cx.now(), &settings.score_weights);
            let Some(decision) = decision else {
                // That nobody was found again is no news.
                repo.update_lead(&after).await?;
                continue;
            };
            ledger.replace(cx, repo, &before, &after).await?;
            repo.insert_lead_decisions(&[LeadDecision { lead: id, company: desk.company, decision }]).await?;
        }
        ledger.close(repo).await?;
        Ok(given)
    }
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
