//! Trunks.

use async_trait::async_trait;
use dialplane_core::id::TrunkId;
use dialplane_core::phone::Trunk;
use dialplane_core::store::{StoreError, TrunkStore};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "trunks";

macro_rules! columns {
    () => {
        "id, company_id, name, transport, host, port, auth, is_default, version, created_at, updated_at"
    };
}

/// Runs after the trunk itself was stored; `?8` tells whether it is the default, and then no other is. Only a stored trunk
/// takes that from others.
macro_rules! only_default {
    () => {
        "; UPDATE trunks SET is_default = 0 WHERE company_id = ?2 AND id <> ?1 AND is_default AND ?8 \
         AND EXISTS (SELECT 1 FROM trunks stored WHERE stored.id = ?1 AND stored.company_id = ?2 AND stored.version = ?9)"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO trunks (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    only_default!()
);

const UPDATE: &str = concat!(
    "UPDATE trunks SET name = ?3, transport = ?4, host = ?5, port = ?6, auth = ?7, is_default = ?8, version = ?9, \
     created_at = ?10, updated_at = ?11 WHERE id = ?1 AND company_id = ?2 AND version = ?12",
    only_default!()
);

const DELETE: Scoped = scoped!(["DELETE FROM trunks WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM trunks WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM trunks WHERE TRUE"][" ORDER BY company_id, id"]);

fn read(row: &mut Fields<'_>) -> Result<Trunk, StoreError> {
    Ok(Trunk {
        id: row.id("id")?,
        company: row.id("company_id")?,
        name: row.text("name")?,
        transport: row.word("transport", |word| word.parse().ok())?,
        host: row.text("host")?,
        port: row.count("port")?,
        auth: row.document("auth")?,
        is_default: row.flag("is_default")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, trunk: &Trunk) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(trunk.id.as_uuid())
        .bind(trunk.company.as_uuid())
        .bind(&*trunk.name)
        .bind(trunk.transport.as_str())
        .bind(&*trunk.host)
        .bind(trunk.port)
        .bind(document(&trunk.auth)?)
        .bind(trunk.is_default)
        .bind(trunk.version)
        .bind(trunk.created_at.timestamp_micros())
        .bind(trunk.updated_at.timestamp_micros()))
}

#[async_trait]
impl TrunkStore for SqliteRepo<'_> {
    async fn insert_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        self.admits(trunk.company)?;
        self.change(bind(INSERT, trunk)?).await.map(|_| ())
    }

    async fn update_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        self.reaches(trunk.company)?;
        self.change(bind(UPDATE, trunk)?.bind(before(trunk.version))).await?.or_stale()
    }

    async fn delete_trunk(&mut self, id: TrunkId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn trunk(&mut self, id: TrunkId) -> Result<Option<Trunk>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn trunks(&mut self) -> Result<Vec<Trunk>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
