//! How a company deals with leads, and what its agents bring for them.

use async_trait::async_trait;

use super::desk::Desk;
use crate::command::{company_of, fresh, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::UserId;
use crate::lead::{LeadProfile, LeadProfileSettings, LeadRefused, LeadRouting, LeadSettings};
use crate::scope::Permission;
use crate::store::Repo;

/// Says how leads are routed and scored.
#[derive(Debug, Clone)]
pub struct UpdateLeadSettings {
    /// How.
    pub settings: LeadSettings,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateLeadSettings {
    type Output = LeadRouting;
    type Refused = LeadRefused;
    const NAME: &'static str = "update_lead_settings";

    fn permission(&self) -> Permission {
        Permission::ConfigureLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<LeadRouting, Failure<LeadRefused>> {
        let desk = Desk::locked(cx, repo).await?;
        if !fresh(self.expected_version, desk.routing.version) {
            return Err(LeadRefused::Stale.into());
        }
        let routing = LeadRouting {
            settings: self.settings.clone().checked()?,
            version: desk.routing.version + 1,
            updated_at: cx.now(),
            ..desk.routing
        };
        repo.update_lead_routing(&routing).await?;
        cx.emit(routing.company, Event::LeadSettingsUpdated {});
        Ok(routing)
    }
}

/// Says what an agent brings for leads.
#[derive(Debug, Clone)]
pub struct UpdateLeadProfile {
    /// The agent.
    pub user: UserId,
    /// What they bring.
    pub settings: LeadProfileSettings,
    /// The version the change was made from; 0 is that of a profile that was never set.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateLeadProfile {
    type Output = LeadProfile;
    type Refused = LeadRefused;
    const NAME: &'static str = "update_lead_profile";

    fn permission(&self) -> Permission {
        Permission::ConfigureLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<LeadProfile, Failure<LeadRefused>> {
        let company = company_of(cx)?;
        repo.user_for_update(self.user).await?.ok_or(LeadRefused::NotFound)?;
        let old = repo.lead_profile(self.user).await?;
        let version = old.as_ref().map_or(0, |old| old.version);
        if !fresh(self.expected_version, version) {
            return Err(LeadRefused::Stale.into());
        }
        let profile = LeadProfile {
            user: self.user,
            company,
            settings: self.settings.clone().checked()?,
            version: version + 1,
            updated_at: cx.now(),
        };
        match old {
            Some(_) => repo.update_lead_profile(&profile).await?,
            None => on_duplicate(repo.insert_lead_profile(&profile).await, "user", LeadRefused::Stale)?,
        }
        cx.emit(company, Event::LeadSettingsUpdated {});
        Ok(profile)
    }
}
