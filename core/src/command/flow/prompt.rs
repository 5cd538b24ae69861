//! Prompts: recorded audio that flows play.

use async_trait::async_trait;

use super::active_user;
use crate::command::queue::queue_user;
use crate::command::{company_of, on_duplicate};
use crate::engine::{Command, Context};
use crate::error::Failure;
use crate::event::Event;
use crate::flow::{NewPrompt, PROMPTS_MAX, Prompt, PromptRefused};
use crate::id::PromptId;
use crate::queue::QueueSettings;
use crate::scope::Permission;
use crate::store::Repo;

/// Adds a prompt whose file is in its place.
#[derive(Debug, Clone)]
pub struct AddPrompt {
    /// What it is.
    pub new: NewPrompt,
}

#[async_trait]
impl Command for AddPrompt {
    type Output = Prompt;
    type Refused = PromptRefused;
    const NAME: &'static str = "add_prompt";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Prompt, Failure<PromptRefused>> {
        let prompt = Prompt::read(company_of(cx)?, &self.new, cx.now())?;
        if repo.prompts().await?.len() >= PROMPTS_MAX {
            return Err(PromptRefused::TooMany.into());
        }
        on_duplicate(repo.insert_prompt(&prompt).await, "name", PromptRefused::NameTaken)?;
        cx.emit(prompt.company, Event::PromptUpdated { prompt: prompt.id });
        Ok(prompt)
    }
}

/// Removes a prompt that no active flow and no queue uses. Its file is the caller's to remove, once this has been told to have happened.
#[derive(Debug, Clone, Copy)]
pub struct DeletePrompt {
    /// Which.
    pub prompt: PromptId,
}

#[async_trait]
impl Command for DeletePrompt {
    type Output = Prompt;
    type Refused = PromptRefused;
    const NAME: &'static str = "delete_prompt";

    fn permission(&self) -> Permission {
        Permission::ManageFlows
    }

    async fn run(&self, cx: &mut Context<'_>, repo: &mut dyn Repo) -> Result<Prompt, Failure<PromptRefused>> {
        let prompt = repo.prompt(self.prompt).await?.ok_or(PromptRefused::NotFound)?;
        if let Some(flow) = active_user(repo, |uses| uses.prompts.contains(&prompt.name)).await? {
            return Err(PromptRefused::InUse(flow).into());
        }
        let plays = |queue: &QueueSettings| queue.waiting.prompts().any(|name| name == prompt.name);
        if let Some(queue) = queue_user(repo, prompt.company, plays).await? {
            return Err(PromptRefused::InQueue(queue).into());
        }
        if !repo.delete_prompt(prompt.id).await? {
            return Err(PromptRefused::NotFound.into());
        }
        cx.emit(prompt.company, Event::PromptUpdated { prompt: prompt.id });
        Ok(prompt)
    }
}
