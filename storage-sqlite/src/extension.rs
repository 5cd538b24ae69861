//! Extensions.

use async_trait::async_trait;
use dialplane_core::id::ExtensionId;
use dialplane_core::phone::{Extension, SipSecret};
use dialplane_core::store::{ExtensionStore, StoreError};

use crate::statement::{Fields, Scoped, before, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "extensions";

macro_rules! columns {
    () => {
        "id, company_id, user_id, number, username, secret_md5, secret_sha256, version, created_at, updated_at"
    };
}

const INSERT: &str =
    concat!("INSERT INTO extensions (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");

const UPDATE: &str = "UPDATE extensions SET secret_md5 = ?4, secret_sha256 = ?5, version = ?6, updated_at = ?7 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?3";

const DELETE: Scoped = scoped!(["DELETE FROM extensions WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM extensions WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM extensions WHERE TRUE"][" ORDER BY company_id, number"]);

fn read(row: &mut Fields<'_>) -> Result<Extension, StoreError> {
    Ok(Extension {
        id: row.id("id")?,
        company: row.id("company_id")?,
        user: row.id("user_id")?,
        number: row.text("number")?,
        username: row.text("username")?,
        secret: SipSecret { md5: row.text("secret_md5")?, sha256: row.text("secret_sha256")? },
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

#[async_trait]
impl ExtensionStore for SqliteRepo<'_> {
    async fn insert_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        self.admits(extension.company)?;
        let query = sqlx::query(INSERT)
            .bind(extension.id.as_uuid())
            .bind(extension.company.as_uuid())
            .bind(extension.user.as_uuid())
            .bind(&*extension.number)
            .bind(&*extension.username)
            .bind(&*extension.secret.md5)
            .bind(&*extension.secret.sha256)
            .bind(extension.version)
            .bind(extension.created_at.timestamp_micros())
            .bind(extension.updated_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn update_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        self.reaches(extension.company)?;
        let query = sqlx::query(UPDATE)
            .bind(extension.id.as_uuid())
            .bind(extension.company.as_uuid())
            .bind(before(extension.version))
            .bind(&*extension.secret.md5)
            .bind(&*extension.secret.sha256)
            .bind(extension.version)
            .bind(extension.updated_at.timestamp_micros());
        self.change(query).await?.or_stale()
    }

    async fn delete_extension(&mut self, id: ExtensionId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn extension(&mut self, id: ExtensionId) -> Result<Option<Extension>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn extensions(&mut self) -> Result<Vec<Extension>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
