//! Dispositions in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::DispositionId;
use crate::lead::Disposition;
use crate::store::{DispositionStore, StoreError};

#[async_trait]
impl DispositionStore for Unit<'_> {
    async fn insert_dispositions(&mut self, dispositions: &[Disposition]) -> Result<(), StoreError> {
        self.may_write()?;
        let (mut ids, mut codes) = (BTreeSet::new(), BTreeSet::new());
        for one in dispositions {
            self.admits(one)?;
            let code = (one.company, one.settings.code.clone());
            let taken = self.state().dispositions.contains(&one.id) || !ids.insert(one.id);
            unless_taken::<Disposition>(taken, "id")?;
            let taken = self.state().disposition_codes.contains(&code) || !codes.insert(code);
            unless_taken::<Disposition>(taken, "code")?;
        }
        let state = self.change()?;
        for one in dispositions {
            state.disposition_codes.insert((one.company, one.settings.code.clone()), one.id);
            state.dispositions.insert(one.id, Arc::new(one.clone()));
        }
        Ok(())
    }

    async fn update_disposition(&mut self, disposition: &Disposition) -> Result<(), StoreError> {
        let stored = Arc::clone(self.follows(self.state().dispositions.get(&disposition.id), disposition)?);
        let code = (disposition.company, disposition.settings.code.clone());
        let owner = self.state().disposition_codes.get(&code);
        unless_taken::<Disposition>(owner.is_some_and(|owner| *owner != disposition.id), "code")?;
        let state = self.change()?;
        state.disposition_codes.remove(&(stored.company, stored.settings.code.clone()));
        state.disposition_codes.insert(code, disposition.id);
        state.dispositions.insert(disposition.id, Arc::new(disposition.clone()));
        Ok(())
    }

    async fn delete_disposition(&mut self, id: DispositionId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(one) = self.visible(self.state().dispositions.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.dispositions.remove(&id);
        state.disposition_codes.remove(&(one.company, one.settings.code));
        Ok(true)
    }

    async fn disposition(&mut self, id: DispositionId) -> Result<Option<Disposition>, StoreError> {
        Ok(self.visible(self.state().dispositions.get(&id)))
    }

    async fn dispositions(&mut self) -> Result<Vec<Disposition>, StoreError> {
        Ok(self.by_company(self.state().dispositions.values(), |one| one.id))
    }
}
