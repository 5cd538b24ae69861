//! What agents bring for queues.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::queue::AgentProfile;
use dialplane_core::store::{AgentStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::Document;
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "agent_profiles";

macro_rules! columns {
    () => {
        "user_id, company_id, settings, version, updated_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO agent_profiles (", columns!(), ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT bool_or(user_id = $1) FROM agent_profiles WHERE user_id = $1";
const UPDATE: &str = "UPDATE agent_profiles SET settings = $3, version = $4, updated_at = $5 \
     WHERE user_id = $1 AND company_id = $2 AND version = $6";
const ONE: &str = concat!("SELECT ", columns!(), " FROM agent_profiles WHERE user_id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<AgentProfile, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(AgentProfile {
        user: fields.id("user_id")?,
        company: fields.id("company_id")?,
        settings: fields.json("settings")?,
        version: fields.count("version")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, profile: &'q AgentProfile) -> Result<Statement<'q>, StoreError> {
    Ok(query(sql)
        .bind(profile.user.as_uuid())
        .bind(profile.company.as_uuid())
        .bind(Document::of(&profile.settings)?)
        .bind(i64::from(profile.version))
        .bind(profile.updated_at))
}

#[async_trait]
impl<L: Link> AgentStore for PgRepo<L> {
    async fn insert_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.admit(profile.company)?;
        let clash = query(CLASH).bind(profile.user.as_uuid());
        self.insert("agent_profile", &["user"], bind(INSERT, profile)?, clash).await
    }

    async fn update_agent_profile(&mut self, profile: &AgentProfile) -> Result<(), StoreError> {
        self.reach(profile.company)?;
        self.replace(bind(UPDATE, profile)?.bind(before(profile.version))).await
    }

    async fn agent_profile(&mut self, user: UserId) -> Result<Option<AgentProfile>, StoreError> {
        let row = self.one(query(ONE).bind(self.company_filter()).bind(user.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn agent_profiles(&mut self) -> Result<Vec<AgentProfile>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, user_id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
