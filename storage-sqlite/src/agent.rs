//! What agents bring for queues.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::queue::AgentProfile;
use dialplane_core::store::{AgentStore, StoreError};

use crate::statement::{Fields, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "agent_profiles";

const INSERT: &str =
    "INSERT INTO agent_profiles (user_id, company_id, settings, version, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const UPDATE: &str = "UPDATE agent_profiles SET settings = ?3, version = ?4, updated_at = ?5 \
    WHERE user_id = ?1 AND company_id = ?2 AND version = ?6";
const ONE: Scoped =
    scoped!(["SELECT user_id, company_id, settings, version, updated_at FROM agent_profiles WHERE user_id = ?2"]);
const ALL: Scoped = scoped!(
    ["SELECT user_id, company_id, settings, version, updated_at FROM agent_profiles WHERE TRUE"][" ORDER BY company_id, user_id"]
);

fn read(row: &mut Fields<'_>) -> Result<AgentProfile, StoreError> {
    Ok(AgentProfile {
        user: row.id("user_id")?,
        company: row.id("company_id")?,
        settings: row.document("settings")?,
        version: row.count("version")?,
        updated_at: row.time("updated_at")?,
    })
}

#[async_trait]
impl AgentStore for SqliteRepo<'_> {
    async fn insert_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.admits(profile.company)?;
        let query = sqlx::query(INSERT)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(document(&profile.settings)?)
            .bind(profile.version)
            .bind(profile.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.reaches(profile.company)?;
        let query = sqlx::query(UPDATE)
            .bind(profile.user.as_uuid())
            .bind(profile.company.as_uuid())
            .bind(document(&profile.settings)?)
            .bind(profile.version)
            .bind(profile.updated_at.timestamp_micros())
            .bind(before(profile.version));
        self.change(query).await?.or_stale()
    }

    async fn agent_profile(&mut self, user: UserId) -> Result<Option<AgentProfile>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(user.as_uuid())).await?.one(TABLE, read)
    }

    async fn agent_profiles(&mut self) -> Result<Vec<AgentProfile>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
