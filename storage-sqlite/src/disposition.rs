//! Dispositions.

use async_trait::async_trait;
use dialplane_core::id::DispositionId;
use dialplane_core::lead::Disposition;
use dialplane_core::store::{DispositionStore, StoreError};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "dispositions";

macro_rules! columns {
    () => {
        "id, company_id, settings, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!("INSERT INTO dispositions (", columns!(), ", code) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");

const UPDATE: &str = "UPDATE dispositions SET settings = ?3, version = ?4, created_at = ?5, updated_at = ?6, code = ?7 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?8";

const DELETE: Scoped = scoped!(["DELETE FROM dispositions WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM dispositions WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM dispositions WHERE TRUE"][" ORDER BY company_id, id"]);

fn read(row: &mut Fields<'_>) -> Result<Disposition, StoreError> {
    Ok(Disposition {
        id: row.id("id")?,
        company: row.id("company_id")?,
        settings: row.document("settings")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, disposition: &Disposition) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(disposition.id.as_uuid())
        .bind(disposition.company.as_uuid())
        .bind(document(&disposition.settings)?)
        .bind(disposition.version)
        .bind(disposition.created_at.timestamp_micros())
        .bind(disposition.updated_at.timestamp_micros())
        .bind(&*disposition.settings.code))
}

#[async_trait]
impl DispositionStore for SqliteRepo<'_> {
    async fn insert_dispositions(&mut self, dispositions: &[Disposition]) -> Result<(), StoreError> {
        self.may_write()?;
        dispositions.iter().try_for_each(|one| self.admits(one.company))?;
        self.begin_slice(dispositions.len()).await?;
        let mut result = Ok(());
        for one in dispositions {
            result = self.change(bind(INSERT, one)?).await.map(|_| ());
            if result.is_err() {
                break;
            }
        }
        self.end_slice(dispositions.len(), result).await
    }

    async fn update_disposition(&mut self, disposition: &Disposition) -> Result<(), StoreError> {
        self.reaches(disposition.company)?;
        self.change(bind(UPDATE, disposition)?.bind(before(disposition.version))).await?.or_stale()
    }

    async fn delete_disposition(&mut self, id: DispositionId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn disposition(&mut self, id: DispositionId) -> Result<Option<Disposition>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn dispositions(&mut self) -> Result<Vec<Disposition>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
