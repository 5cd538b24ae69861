//! Prompts.

use async_trait::async_trait;
use dialplane_core::flow::Prompt;
use dialplane_core::id::PromptId;
use dialplane_core::store::{PromptStore, StoreError};

use crate::statement::{Fields, Scoped, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "prompts";

macro_rules! columns {
    () => {
        "id, company_id, name, language, file_name, media_type, length_ms, bytes, sha256, created_at"
    };
}

const INSERT: &str = concat!("INSERT INTO prompts (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
const DELETE: Scoped = scoped!(["DELETE FROM prompts WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM prompts WHERE id = ?2"]);
const NAMED: Scoped =
    scoped!(["SELECT ", columns!(), " FROM prompts WHERE name = ?2"][" ORDER BY company_id, language"]);
const ALL: Scoped =
    scoped!(["SELECT ", columns!(), " FROM prompts WHERE TRUE"][" ORDER BY company_id, name, language"]);

fn read(row: &mut Fields<'_>) -> Result<Prompt, StoreError> {
    Ok(Prompt {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?,
        language: row.text("language")?,
        file_name: row.text("file_name")?,
        media_type: row.text("media_type")?,
        length_ms: row.count("length_ms")?,
        bytes: row.count("bytes")?,
        sha256: row.text("sha256")?,
        created_at: row.time("created_at")?,
    })
}

#[async_trait]
impl PromptStore for SqliteRepo<'_> {
    async fn insert_prompt(&mut self, prompt: &Prompt) -> Result<(), StoreError> {
        self.admits(prompt.company)?;
        let query = sqlx::query(INSERT)
            .bind(prompt.id.as_uuid())
            .bind(prompt.company.as_uuid())
            .bind(prompt.name.clone())
            .bind(prompt.language.clone())
            .bind(prompt.file_name.clone())
            .bind(prompt.media_type.clone())
            .bind(stored(prompt.length_ms))
            .bind(stored(prompt.bytes))
            .bind(prompt.sha256.clone())
            .bind(prompt.created_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn delete_prompt(&mut self, id: PromptId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn prompt(&mut self, id: PromptId) -> Result<Option<Prompt>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn prompts_named(&mut self, name: &str) -> Result<Vec<Prompt>, StoreError> {
        self.fetch(self.scoped(&NAMED).bind(name.to_owned())).await?.all(TABLE, read)
    }

    async fn prompts(&mut self) -> Result<Vec<Prompt>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
