//! Queues.

use async_trait::async_trait;
use dialplane_core::id::QueueId;
use dialplane_core::queue::Queue;
use dialplane_core::store::{QueueStore, StoreError};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "queues";

macro_rules! columns {
    () => {
        "id, company_id, settings, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!("INSERT INTO queues (", columns!(), ", name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");

const UPDATE: &str = "UPDATE queues SET settings = ?3, version = ?4, created_at = ?5, updated_at = ?6, name = ?7 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?8";

const DELETE: Scoped = scoped!(["DELETE FROM queues WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM queues WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM queues WHERE TRUE"][" ORDER BY company_id, id"]);

fn read(row: &mut Fields<'_>) -> Result<Queue, StoreError> {
    Ok(Queue {
        id: row.id("id")?,
        company: row.id("company_id")?,
        settings: row.document("settings")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, queue: &Queue) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(queue.id.as_uuid())
        .bind(queue.company.as_uuid())
        .bind(document(&queue.settings)?)
        .bind(queue.version)
        .bind(queue.created_at.timestamp_micros())
        .bind(queue.updated_at.timestamp_micros())
        .bind(&*queue.settings.name))
}

#[async_trait]
impl QueueStore for SqliteRepo<'_> {
    async fn insert_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.admits(queue.company)?;
        self.change(bind(INSERT, queue)?).await.map(|_| ())
    }

    async fn update_queue(&mut self, queue: &Queue) -> Result<(), StoreError> {
        self.reaches(queue.company)?;
        self.change(bind(UPDATE, queue)?.bind(before(queue.version))).await?.or_stale()
    }

    async fn delete_queue(&mut self, id: QueueId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn queue(&mut self, id: QueueId) -> Result<Option<Queue>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn queues(&mut self) -> Result<Vec<Queue>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
