//! Queues.

use async_trait::async_trait;
use dialplane_core::id::QueueId;
use dialplane_core::queue::Queue;
use dialplane_core::store::{QueueStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::{Document, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "queues";

macro_rules! columns {
    () => {
        "id, company_id, settings, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE queues SET settings = $3, version = $4, created_at = $5, updated_at = $6, name = $7 \
         WHERE id = $1 AND company_id = $2 AND version = $8"
    };
}

const INSERT: &str =
    concat!("INSERT INTO queues (", columns!(), ", name) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND name = $3) FROM queues \
     WHERE id = $1 OR (company_id = $2 AND name = $3)";
const UPDATE: &str = update!();
const UPDATE_SAME_NAME: &str = concat!(update!(), " AND name = $7");
const DELETE: &str = concat!("DELETE FROM queues WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM queues WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Queue, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Queue {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        settings: fields.json("settings")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, queue: &'q Queue) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(queue.id.as_uuid())
        .bind(queue.company.as_uuid())
        .bind(Document::of(&queue.settings)?)
        .bind(i64::from(queue.version))
        .bind(queue.created_at)
        .bind(queue.updated_at)
        .bind(text(&queue.settings.name));
    Ok(bound)
}

#[async_trait]
impl<L: Link> QueueStore for PgRepo<L> {
    async fn insert_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.admit(queue.company)?;
        let clash =
            query(CLASH).bind(queue.id.as_uuid()).bind(queue.company.as_uuid()).bind(text(&queue.settings.name));
        self.insert("queue", &["id", "name"], bind(INSERT, queue)?, clash).await
    }

    async fn update_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.reach(queue.company)?;
        let before = before(queue.version);
        self.replace_unique(bind(UPDATE_SAME_NAME, queue)?.bind(before), bind(UPDATE, queue)?.bind(before)).await
    }

    async fn delete_queue(&mut self, id: QueueId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn queue(&mut self, id: QueueId) -> Result<Option<Queue>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn queues(&mut self) -> Result<Vec<Queue>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
