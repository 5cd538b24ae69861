//! What can come of a call.

use async_trait::async_trait;

use crate::command::{company_of, fresh, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::{CompanyId, DispositionId};
use crate::lead::disposition::{DISPOSITIONS_MAX, first};
use crate::lead::{Disposition, DispositionRefused, DispositionSettings};
use crate::scope::Permission;
use crate::store::{Repo, StoreError};

/// Gives a new company the dispositions it begins with.
pub(in crate::command) async fn first_dispositions(
    cx: &Context<'_>,
    repo: &mut dyn Repo,
    company: CompanyId,
) -> Result<(), StoreError> {
    repo.insert_dispositions(&first(company, cx.now(), || cx.id())).await
}

/// Adds something that can come of a call.
#[derive(Debug, Clone)]
pub struct CreateDisposition {
    /// What.
    pub settings: DispositionSettings,
}

#[async_trait]
impl Command for CreateDisposition {
    type Output = Disposition;
    type Refused = DispositionRefused;
    const NAME: &'static str = "create_disposition";

    fn permission(&self) -> Permission {
        Permission::ConfigureLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Disposition, Failure<DispositionRefused>> {
        let (id, company) = (cx.id(), company_of(cx)?);
        let others = repo.dispositions().await?;
        if others.len() >= DISPOSITIONS_MAX {
            return Err(DispositionRefused::TooMany.into());
        }
        let settings = self.settings.clone().checked(id, &others)?;
        let made = Disposition { id, company, settings, version: 1, created_at: cx.now(), updated_at: cx.now() };
        let inserted = repo.insert_dispositions(std::slice::from_ref(&made)).await;
        on_duplicate(inserted, "code", DispositionRefused::CodeTaken)?;
        cx.emit(company, Event::LeadSettingsUpdated {});
        Ok(made)
    }
}

/// Changes something that can come of a call.
#[derive(Debug, Clone)]
pub struct UpdateDisposition {
    /// Which.
    pub disposition: DispositionId,
    /// Its new settings.
    pub settings: DispositionSettings,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

#[async_trait]
impl Command for UpdateDisposition {
    type Output = Disposition;
    type Refused = DispositionRefused;
    const NAME: &'static str = "update_disposition";

    fn permission(&self) -> Permission {
        Permission::ConfigureLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Disposition, Failure<DispositionRefused>> {
        let mut one = repo.disposition(self.disposition).await?.ok_or(DispositionRefused::NotFound)?;
        if !fresh(self.expected_version, one.version) {
            return Err(DispositionRefused::Stale.into());
        }
        one.settings = self.settings.clone().checked(one.id, &repo.dispositions().await?)?;
        one.version += 1;
        one.updated_at = cx.now();
        on_duplicate(repo.update_disposition(&one).await, "code", DispositionRefused::CodeTaken)?;
        cx.emit(one.company, Event::LeadSettingsUpdated {});
        Ok(one)
    }
}

/// Removes something that can come of a call. Calls keep the word.
#[derive(Debug, Clone, Copy)]
pub struct DeleteDisposition {
    /// Which.
    pub disposition: DispositionId,
}

#[async_trait]
impl Command for DeleteDisposition {
    type Output = ();
    type Refused = DispositionRefused;
    const NAME: &'static str = "delete_disposition";

    fn permission(&self) -> Permission {
        Permission::ConfigureLeads
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<(), Failure<DispositionRefused>> {
        let all = repo.dispositions().await?;
        if all.iter().any(|one| one.settings.parent == Some(self.disposition)) {
            return Err(DispositionRefused::InUse.into());
        }
        if !repo.delete_disposition(self.disposition).await? {
            return Err(DispositionRefused::NotFound.into());
        }
        cx.emit(company_of(cx)?, Event::LeadSettingsUpdated {});
        Ok(())
    }
}
