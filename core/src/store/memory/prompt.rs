//! Prompts in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::flow::Prompt;
use crate::id::PromptId;
use crate::store::{PromptStore, StoreError};

#[async_trait]
impl PromptStore for Unit<'_> {
    async fn insert_prompt(&mut self, prompt: &Prompt) -> Result<(), StoreError> {
        self.admits(prompt)?;
        let name = (prompt.company, prompt.name.clone(), prompt.language.clone());
        unless_taken::<Prompt>(self.state().prompts.contains(&prompt.id), "id")?;
        unless_taken::<Prompt>(self.state().prompt_names.contains(&name), "name")?;
        let state = self.change()?;
        state.prompt_names.insert(name, prompt.id);
        state.prompts.insert(prompt.id, Arc::new(prompt.clone()));
        Ok(())
    }

    async fn delete_prompt(&mut self, id: PromptId) -> Result<bool, StoreError> {
        self.may_write()?;
        let Some(prompt) = self.visible(self.state().prompts.get(&id)) else { return Ok(false) };
        let state = self.change()?;
        state.prompts.remove(&id);
        state.prompt_names.remove(&(prompt.company, prompt.name, prompt.language));
        Ok(true)
    }

    async fn prompt(&mut self, id: PromptId) -> Result<Option<Prompt>, StoreError> {
        Ok(self.visible(self.state().prompts.get(&id)))
    }

    async fn prompts_named(&mut self, name: &str) -> Result<Vec<Prompt>, StoreError> {
        let named = self.state().prompts.values().filter(|prompt| prompt.name == name);
        Ok(self.by_company(named, |prompt| prompt.language.clone()))
    }

    async fn prompts(&mut self) -> Result<Vec<Prompt>, StoreError> {
        Ok(self.by_company(self.state().prompts.values(), |prompt| (prompt.name.clone(), prompt.language.clone())))
    }
}
