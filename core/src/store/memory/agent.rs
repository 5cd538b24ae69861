//! What agents bring for queues, in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::unit::{Unit, unless_taken};
use crate::id::UserId;
use crate::queue::AgentProfile;
use crate::store::{AgentStore, StoreError};

#[async_trait]
impl AgentStore for Unit<'_> {
    async fn insert_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.admits(profile)?;
        unless_taken::<AgentProfile>(self.state().agent_profiles.contains(&profile.user), "user")?;
        self.change()?.agent_profiles.insert(profile.user, Arc::new(profile.clone()));
        Ok(())
    }

    async fn update_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.follows(self.state().agent_profiles.get(&profile.user), profile)?;
        self.change()?.agent_profiles.insert(profile.user, Arc::new(profile.clone()));
        Ok(())
    }

    async fn agent_profile(&mut self, user: UserId) -> Result<Option<AgentProfile>, StoreError> {
        Ok(self.visible(self.state().agent_profiles.get(&user)))
    }

    async fn agent_profiles(&mut self) -> Result<Vec<AgentProfile>, StoreError> {
        Ok(self.by_company(self.state().agent_profiles.values(), |profile| profile.user))
    }
}
