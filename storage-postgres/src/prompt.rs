//! Prompts.

use async_trait::async_trait;
use dialplane_core::flow::Prompt;
use dialplane_core::id::PromptId;
use dialplane_core::store::{PromptStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, amount, within};

const TABLE: &str = "prompts";

macro_rules! columns {
    () => {
        "id, company_id, name, language, file_name, media_type, length_ms, bytes, sha256, created_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO prompts (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND name = $3 AND language = $4) FROM prompts \
     WHERE id = $1 OR (company_id = $2 AND name = $3 AND language = $4)";
const DELETE: &str = concat!("DELETE FROM prompts WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM prompts WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Prompt, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Prompt {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: fields.text("name")?,
        language: fields.text("language")?,
        file_name: fields.text("file_name")?,
        media_type: fields.text("media_type")?,
        length_ms: fields.count("length_ms")?,
        bytes: fields.count("bytes")?,
        sha256: fields.text("sha256")?,
        created_at: fields.get("created_at")?,
    })
}

#[async_trait]
impl<L: Link> PromptStore for PgRepo<L> {
    async fn insert_prompt(&mut self, prompt: &Prompt) -> Result<(), StoreError> {
        self.admit(prompt.company)?;
        let insert = query(INSERT)
            .bind(prompt.id.as_uuid())
            .bind(prompt.company.as_uuid())
            .bind(text(&prompt.name))
            .bind(text(&prompt.language))
            .bind(text(&prompt.file_name))
            .bind(text(&prompt.media_type))
            .bind(amount(prompt.length_ms))
            .bind(amount(prompt.bytes))
            .bind(text(&prompt.sha256))
            .bind(prompt.created_at);
        let clash = query(CLASH).bind(prompt.id.as_uuid()).bind(prompt.company.as_uuid());
        let clash = clash.bind(text(&prompt.name)).bind(text(&prompt.language));
        self.insert("prompt", &["id", "name"], insert, clash).await
    }

    async fn delete_prompt(&mut self, id: PromptId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn prompt(&mut self, id: PromptId) -> Result<Option<Prompt>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn prompts_named(&mut self, name: &str) -> Result<Vec<Prompt>, StoreError> {
        let columns = (columns!(), TABLE, "company_id, language");
        let list = List::of(TABLE, columns, "company_id", self.scoped_to());
        let named = list.equal("name", Some(text(name).into_owned()));
        self.all(named.whole().build()).await?.iter().map(read).collect()
    }

    async fn prompts(&mut self) -> Result<Vec<Prompt>, StoreError> {
        let columns = (columns!(), TABLE, "company_id, name, language");
        let list = List::of(TABLE, columns, "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
