//! Extensions in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::ExtensionId;
use crate::phone::Extension;
use crate::store::{ExtensionStore, StoreError};

#[async_trait]
impl ExtensionStore for Unit<'_> {
    async fn insert_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        self.admits(extension)?;
        let number = (extension.company, extension.number.clone());
        unless_taken::<Extension>(self.state().extensions.contains(&extension.id), "id")?;
        unless_taken::<Extension>(self.state().extension_numbers.contains(&number), "number")?;
        unless_taken::<Extension>(self.state().usernames.contains(&extension.username), "username")?;
        let state = self.change()?;
        state.extension_numbers.insert(number, extension.id);
        state.usernames.insert(extension.username.clone(), extension.id);
        state.extensions.insert(extension.id, Arc::new(extension.clone()));
        Ok(())
    }

    async fn update_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        let stored = Extension::clone(self.follows(self.state().extensions.get(&extension.id), extension)?);
        let changed = Extension {
            secret: extension.secret.clone(),
            version: extension.version,
            updated_at: extension.updated_at,
            ..stored
        };
        self.change()?.extensions.insert(changed.id, Arc::new(changed));
        Ok(())
    }

    async fn delete_extension(&mut self, id: ExtensionId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(extension) = self.visible(self.state().extensions.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.extensions.remove(&id);
        state.usernames.remove(&extension.username);
        state.extension_numbers.remove(&(extension.company, extension.number));
        Ok(true)
    }

    async fn extension(&mut self, id: ExtensionId) -> Result<Option<Extension>, StoreError> {
        Ok(self.visible(self.state().extensions.get(&id)))
    }

    async fn extensions(&mut self) -> Result<Vec<Extension>, StoreError> {
        Ok(self.by_company(self.state().extensions.values(), |extension| extension.number.clone()))
    }
}
