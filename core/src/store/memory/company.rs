//! Companies in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;

use super::unit::{Unit, unless_taken};
use crate::company::Company;
use crate::id::CompanyId;
use crate::scope::Scope;
use crate::store::{CompanyStore, Listing, Page, Repo as _, StoreError};

#[async_trait]
impl CompanyStore for Unit<'_> {
    async fn insert_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.may_write()?;
        if self.scope() != Scope::System {
            return Err(StoreError::OutOfScope);
        }
        unless_taken::<Company>(self.state().companies.contains(&company.id), "id")?;
        self.change()?.companies.insert(company.id, Arc::new(company.clone()));
        Ok(())
    }

    async fn update_company(&mut self, company: &Company) -> Result<(), StoreError> {
        self.follows(self.state().companies.get(&company.id), company)?;
        self.change()?.companies.insert(company.id, Arc::new(company.clone()));
        Ok(())
    }

    async fn company(&mut self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        Ok(self.visible(self.state().companies.get(&id)))
    }

    async fn hold_timezone(&mut self, id: CompanyId) -> Result<Option<Tz>, StoreError> {
        self.may_write()?;
        Ok(self.visible(self.state().companies.get(&id)).map(|company| company.timezone))
    }

    async fn companies(&mut self, page: Page) -> Result<Listing<Company>, StoreError> {
        Ok(self.listing(self.state().companies.values().rev(), page, |_| true))
    }
}
