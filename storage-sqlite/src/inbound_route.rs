//! Inbound routes.

use async_trait::async_trait;
use dialplane_core::id::InboundRouteId;
use dialplane_core::phone::{E164, InboundRoute};
use dialplane_core::store::{InboundRouteStore, StoreError};

use crate::statement::{Fields, Query, Scoped, before, document, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "inbound_routes";

macro_rules! columns {
    () => {
        "id, company_id, number, target, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!("INSERT INTO inbound_routes (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");

const UPDATE: &str = "UPDATE inbound_routes SET number = ?3, target = ?4, version = ?5, created_at = ?6, updated_at = ?7 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?8";

const DELETE: Scoped = scoped!(["DELETE FROM inbound_routes WHERE id = ?2"]);
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM inbound_routes WHERE id = ?2"]);
const ALL: Scoped = scoped!(["SELECT ", columns!(), " FROM inbound_routes WHERE TRUE"][" ORDER BY company_id, number"]);

fn read(row: &mut Fields<'_>) -> Result<InboundRoute, StoreError> {
    Ok(InboundRoute {
        id: row.id("id")?,
        company: row.id("company_id")?,
        number: row.word("number", E164::from_stored)?,
        target: row.document("target")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// Binds all columns in their order.
fn bind(text: &'static str, route: &InboundRoute) -> Result<Query<'static>, StoreError> {
    Ok(sqlx::query(text)
        .bind(route.id.as_uuid())
        .bind(route.company.as_uuid())
        .bind(route.number.as_str())
        .bind(document(&route.target)?)
        .bind(route.version)
        .bind(route.created_at.timestamp_micros())
        .bind(route.updated_at.timestamp_micros()))
}

#[async_trait]
impl InboundRouteStore for SqliteRepo<'_> {
    async fn insert_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        self.admits(route.company)?;
        self.change(bind(INSERT, route)?).await.map(|_| ())
    }

    async fn update_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        self.reaches(route.company)?;
        self.change(bind(UPDATE, route)?.bind(before(route.version))).await?.or_stale()
    }

    async fn delete_inbound_route(&mut self, id: InboundRouteId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(id.as_uuid())).await?.changed())
    }

    async fn inbound_route(&mut self, id: InboundRouteId) -> Result<Option<InboundRoute>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn inbound_routes(&mut self) -> Result<Vec<InboundRoute>, StoreError> {
        self.fetch(self.scoped(&ALL)).await?.all(TABLE, read)
    }
}
