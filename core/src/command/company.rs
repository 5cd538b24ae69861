//! Companies.

use async_trait::async_trait;

use super::lead::first_dispositions;
use super::{figures, fresh};
use crate::company::{Company, CompanyRefused, company_name, country, timezone};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::id::CompanyId;
use crate::scope::Permission;
use crate::store::Repo;

/// Makes a company out of what was typed.
pub(super) fn new_company(cx: &Context<'_>, name: &str, zone: &str, country: &str) -> Result<Company, CompanyRefused> {
    Ok(Company {
        id: cx.id(),
        name: company_name(name)?,
        timezone: timezone(zone)?,
        default_country: self::country(country)?,
        is_active: true,
        version: 1,
        created_at: cx.now(),
        updated_at: cx.now(),
    })
}

/// Creates a company. For platform admins.
#[derive(Debug, Clone)]
pub struct CreateCompany {
    /// Its name.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
    /// Its default country.
    pub country: String,
}

#[async_trait]
impl Command for CreateCompany {
    type Output = Company;
    type Refused = CompanyRefused;
    const NAME: &'static str = "create_company";

    fn permission(&self) -> Permission {
        Permission::Platform
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Company, Failure<CompanyRefused>> {
        let company = new_company(cx, &self.name, &self.timezone, &self.country)?;
        repo.insert_company(&company).await?;
        first_dispositions(cx, repo, company.id).await?;
        cx.emit(company.id, Event::CompanyCreated {});
        Ok(company)
    }
}

/// Changes a company: only what is `Some` changes.
#[derive(Debug, Clone)]
pub struct UpdateCompany {
    /// Which.
    pub company: CompanyId,
    /// A new name.
    pub name: Option<String>,
    /// A new IANA time zone. Allowances of days that have begun keep their counts; the sums of calls
    /// and leads by day are counted anew.
    pub timezone: Option<String>,
    /// A new default country.
    pub country: Option<String>,
    /// Enables or disables the company. For platform admins.
    pub is_active: Option<bool>,
    /// The version the change was made from.
    pub expected_version: Option<u32>,
}

impl UpdateCompany {
    /// A change of nothing, to fill in.
    #[must_use]
    pub const fn nothing(company: CompanyId) -> Self {
        Self { company, name: None, timezone: None, country: None, is_active: None, expected_version: None }
    }
}

#[async_trait]
impl Command for UpdateCompany {
    type Output = Company;
    type Refused = CompanyRefused;
    const NAME: &'static str = "update_company";

    fn permission(&self) -> Permission {
        Permission::ManageCompany
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Company, Failure<CompanyRefused>> {
        if self.is_active.is_some() {
            cx.demand(Permission::Platform)?;
        }
        let mut company = repo.company(self.company).await?.ok_or(CompanyRefused::NotFound)?;
        if !fresh(self.expected_version, company.version) {
            return Err(CompanyRefused::Stale.into());
        }
        if let Some(name) = &self.name {
            company.name = company_name(name)?;
        }
        let old_zone = company.timezone;
        if let Some(zone) = &self.timezone {
            company.timezone = timezone(zone)?;
        }
        if let Some(country) = &self.country {
            company.default_country = self::country(country)?;
        }
        company.is_active = self.is_active.unwrap_or(company.is_active);
        company.version += 1;
        company.updated_at = cx.now();
        repo.update_company(&company).await?;
        if company.timezone != old_zone {
            // Written first: the row is locked now, and nobody counts a call or a lead by the old zone after this.
            figures::recount(repo, company.id, company.timezone).await?;
            super::lead::figures::recount(repo, company.id, company.timezone).await?;
        }
        cx.emit(company.id, Event::CompanyUpdated {});
        Ok(company)
    }
}
