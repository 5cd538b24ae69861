//! The routing of leads in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::{CompanyId, LeadId, UserId};
use crate::lead::routing::DECISIONS_MAX;
use crate::lead::{Candidate, LeadDecision, LeadProfile, LeadRouting};
use crate::store::{LeadRoutingStore, StoreError};

#[async_trait]
impl LeadRoutingStore for Unit<'_> {
    async fn insert_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        self.admits(routing)?;
        unless_taken::<LeadRouting>(self.state().lead_routings.contains(&routing.company), "company")?;
        self.change()?.lead_routings.insert(routing.company, Arc::new(routing.clone()));
        Ok(())
    }

    async fn update_lead_routing(&mut self, routing: &LeadRouting) -> Result<(), StoreError> {
        let turn = self.follows(self.state().lead_routings.get(&routing.company), routing)?.turn;
        self.change()?.lead_routings.insert(routing.company, Arc::new(LeadRouting { turn, ..routing.clone() }));
        Ok(())
    }

    async fn lead_routing(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        Ok(self.visible(self.state().lead_routings.get(&company)))
    }

    async fn lead_routing_for_update(&mut self, company: CompanyId) -> Result<Option<LeadRouting>, StoreError> {
        self.may_write()?;
        self.lead_routing(company).await
    }

    async fn set_lead_turns(
        &mut self,
        company: CompanyId,
        turn: u64,
        passes: &[(UserId, u64)],
    ) -> Result<(), StoreError> {
        self.may_write()?;
        let Some(routing) = self.visible(self.state().lead_routings.get(&company)) else {
            return Err(StoreError::Stale);
        };
        let state = self.change()?;
        state.lead_routings.insert(company, Arc::new(LeadRouting { turn, ..routing }));
        for (user, pass) in passes {
            state.lead_passes.insert((*user, company), *pass);
        }
        Ok(())
    }

    async fn lead_candidates(&mut self) -> Result<Vec<Candidate>, StoreError> {
        let state = self.state();
        let agents = state.users.values().filter(|user| user.is_agent() && user.is_active && self.sees(user.company));
        let candidate = |user: &Arc<crate::people::User>| {
            let key = (user.id, user.company);
            let leads = state.agent_leads.get(&key).map(|leads| super::lead_figures::shown(*leads));
            let profile = self.visible(state.lead_profiles.get(&user.id));
            Candidate {
                user: user.id,
                availability: user.availability,
                profile: profile.map(|profile| profile.settings).unwrap_or_default(),
                leads: leads.unwrap_or_default(),
                pass: state.lead_passes.get(&key).copied().unwrap_or(0),
            }
        };
        Ok(agents.map(candidate).collect())
    }

    async fn insert_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.admits(profile)?;
        unless_taken::<LeadProfile>(self.state().lead_profiles.contains(&profile.user), "user")?;
        self.change()?.lead_profiles.insert(profile.user, Arc::new(profile.clone()));
        Ok(())
    }

    async fn update_lead_profile(&mut self, profile: &LeadProfile) -> Result<(), StoreError> {
        self.follows(self.state().lead_profiles.get(&profile.user), profile)?;
        self.change()?.lead_profiles.insert(profile.user, Arc::new(profile.clone()));
        Ok(())
    }

    async fn lead_profile(&mut self, user: UserId) -> Result<Option<LeadProfile>, StoreError> {
        Ok(self.visible(self.state().lead_profiles.get(&user)))
    }

    async fn insert_lead_decisions(&mut self, decisions: &[LeadDecision]) -> Result<(), StoreError> {
        self.may_write()?;
        for decision in decisions {
            let lead = self.visible(self.state().leads.get(&decision.lead));
            if lead.is_none_or(|lead| lead.company != decision.company) {
                return Err(StoreError::OutOfScope);
            }
        }
        let state = self.change()?;
        for decision in decisions {
            state.last_decision += 1;
            state.lead_decisions.insert((decision.lead, state.last_decision), Arc::new(decision.clone()));
        }
        Ok(())
    }

    async fn lead_decisions(&mut self, lead: LeadId) -> Result<Vec<LeadDecision>, StoreError> {
        if self.visible(self.state().leads.get(&lead)).is_none() {
            return Ok(Vec::new());
        }
        let decisions = self.state().lead_decisions.from(&(lead, 0)).take_while(|((own, _), _)| *own == lead);
        let mut decisions: Vec<LeadDecision> = decisions.map(|(_, one)| LeadDecision::clone(one)).collect();
        decisions.reverse();
        decisions.truncate(DECISIONS_MAX);
        Ok(decisions)
    }
}
