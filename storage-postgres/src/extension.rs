//! Extensions.

use async_trait::async_trait;
use dialplane_core::id::ExtensionId;
use dialplane_core::phone::{Extension, SipSecret};
use dialplane_core::store::{ExtensionStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, before, within};

const TABLE: &str = "extensions";

macro_rules! columns {
    () => {
        "id, company_id, user_id, number, username, secret_md5, secret_sha256, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO extensions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND number = $3), bool_or(username = $4) \
     FROM extensions WHERE id = $1 OR (company_id = $2 AND number = $3) OR username = $4";
const UPDATE: &str = "UPDATE extensions SET secret_md5 = $3, secret_sha256 = $4, version = $5, updated_at = $6 \
     WHERE id = $1 AND company_id = $2 AND version = $7";
const DELETE: &str = concat!("DELETE FROM extensions WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM extensions WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Extension, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Extension {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        user: fields.id("user_id")?,
        number: fields.text("number")?,
        username: fields.text("username")?,
        secret: SipSecret { md5: fields.get("secret_md5")?, sha256: fields.get("secret_sha256")? },
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

#[async_trait]
impl<L: Link> ExtensionStore for PgRepo<L> {
    async fn insert_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        self.admit(extension.company)?;
        let insert = query(INSERT)
            .bind(extension.id.as_uuid())
            .bind(extension.company.as_uuid())
            .bind(extension.user.as_uuid())
            .bind(text(&extension.number))
            .bind(text(&extension.username))
            .bind(&extension.secret.md5)
            .bind(&extension.secret.sha256)
            .bind(i64::from(extension.version))
            .bind(extension.created_at)
            .bind(extension.updated_at);
        let clash = query(CLASH)
            .bind(extension.id.as_uuid())
            .bind(extension.company.as_uuid())
            .bind(text(&extension.number))
            .bind(text(&extension.username));
        self.insert("extension", &["id", "number", "username"], insert, clash).await
    }

    async fn update_extension(&mut self, extension: &Extension) -> Result<(), StoreError> {
        self.reach(extension.company)?;
        let update = query(UPDATE)
            .bind(extension.id.as_uuid())
            .bind(extension.company.as_uuid())
            .bind(&extension.secret.md5)
            .bind(&extension.secret.sha256)
            .bind(i64::from(extension.version))
            .bind(extension.updated_at)
            .bind(before(extension.version));
        self.replace(update).await
    }

    async fn delete_extension(&mut self, id: ExtensionId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn extension(&mut self, id: ExtensionId) -> Result<Option<Extension>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn extensions(&mut self) -> Result<Vec<Extension>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, number"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
