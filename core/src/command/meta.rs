//! Meta: connecting a company, keeping what is delivered, and making leads of it.
//!
//! Everybody locks a delivery before anything of leads.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::lead::CreateLead;
use super::{company_of, fresh, on_duplicate, own_company};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::lead::{Lead, LeadRefused};
use crate::meta::{Arrival, MetaAnswers, MetaConnection, MetaLead, MetaRefused, MetaSettings};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Says how a company is connected. Which pages are whose is said by a platform admin: a company that could name any page would get
/// the leads of another.
#[derive(Debug, Clone)]
pub struct UpdateMetaSettings {
    /// How.
    pub connection: MetaConnection,
    /// The version the change was made from; 0 is that of a connection that was never set.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateMetaSettings {
    type Output = MetaSettings;
    type Refused = MetaRefused;
    const NAME: &'static str = "update_meta_settings";

    fn permission(&self) -> Permission {
        Permission::ManageCompany
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<MetaSettings, Failure<MetaRefused>> {
        let company = company_of(cx)?;
        let old = repo.meta_settings(company).await?;
        let version = old.as_ref().map_or(0, |old| old.version);
        if !fresh(self.expected_version, version) {
            return Err(MetaRefused::Stale.into());
        }
        let connection = self.connection.clone().checked()?;
        let pages = old.as_ref().map(|old| old.connection.page_ids.as_slice()).unwrap_or_default();
        if connection.page_ids != pages {
            cx.demand(Permission::Platform)?;
        }
        let settings = MetaSettings { company, connection, version: version + 1, updated_at: cx.now() };
        let stored = match old {
            Some(_) => repo.update_meta_settings(&settings).await,
            None => match repo.insert_meta_settings(&settings).await {
                Err(StoreError::Duplicate { constraint: "company", .. }) => return Err(MetaRefused::Stale.into()),
                other => other,
            },
        };
        on_duplicate(stored, "page", MetaRefused::PageTaken)?;
        // What could not be opened so far may open now.
        repo.wake_meta_leads(cx.now()).await?;
        cx.emit(company, Event::MetaSettingsUpdated {});
        Ok(settings)
    }
}

/// Keeps what was delivered to a company. What it has already is passed over.
#[derive(Debug, Clone)]
pub struct ReceiveMetaLeads {
    /// What was delivered.
    pub arrivals: Vec<Arrival>,
}

#[async_trait]
impl Command for ReceiveMetaLeads {
    /// How many were new.
    type Output = u64;
    type Refused = MetaRefused;
    const NAME: &'static str = "receive_meta_leads";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<u64, Failure<MetaRefused>> {
        let company = company_of(cx)?;
        let leads = self.arrivals.iter().map(|arrival| MetaLead::new(company, arrival.clone(), cx.now()));
        let leads: Vec<MetaLead> = leads.collect();
        Ok(repo.insert_meta_leads(&leads).await?)
    }
}

/// Makes a lead of what was delivered and filled in: once, however often and however many at once do it.
#[derive(Debug, Clone)]
pub struct TakeMetaLead {
    /// What was delivered.
    pub arrival: Arrival,
    /// What was filled in.
    pub answers: MetaAnswers,
}

#[async_trait]
impl Command for TakeMetaLead {
    /// The lead, which somebody may have removed since it was made.
    type Output = Option<Lead>;
    type Refused = LeadRefused;
    const NAME: &'static str = "take_meta_lead";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Option<Lead>, Failure<LeadRefused>> {
        let company = own_company(cx, repo).await?;
        let new = MetaLead::new(company.id, self.arrival.clone(), cx.now());
        repo.insert_meta_leads(std::slice::from_ref(&new)).await?;
        // Whoever comes second waits here until the first has ended, and then finds what it made.
        let kept = repo.meta_lead_for_update(company.id, &self.arrival.lead_id).await?;
        let kept = kept.ok_or(StoreError::Contention)?;
        if let Some(lead) = kept.lead {
            return Ok(repo.lead(lead).await?);
        }
        let create = CreateLead { lead: self.answers.lead(company.default_country) };
        let (lead, _) = create.run(cx, repo).await?;
        repo.set_meta_lead(&kept.taken(lead.id)).await?;
        Ok(Some(lead))
    }
}

/// Puts off what could not be asked for.
#[derive(Debug, Clone)]
pub struct DeferMetaLead {
    /// Meta's id of the lead.
    pub lead_id: String,
    /// What kept it from being asked for, without anything personal or secret.
    pub fault: String,
    /// Until when.
    pub pause: TimeDelta,
}

#[async_trait]
impl Command for DeferMetaLead {
    /// The delivery as it is now; none when there is no such delivery.
    type Output = Option<MetaLead>;
    type Refused = MetaRefused;
    const NAME: &'static str = "defer_meta_lead";

    fn permission(&self) -> Permission {
        Permission::Internal
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Option<MetaLead>, Failure<MetaRefused>> {
        let company = company_of(cx)?;
        let Some(kept) = repo.meta_lead_for_update(company, &self.lead_id).await? else { return Ok(None) };
        // It may have come by another way in between.
        if kept.lead.is_some() {
            return Ok(Some(kept));
        }
        let deferred = kept.deferred(self.fault.clone(), self.pause, cx.now());
        repo.set_meta_lead(&deferred).await?;
        Ok(Some(deferred))
    }
}
