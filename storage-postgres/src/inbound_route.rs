//! Inbound routes.

use async_trait::async_trait;
use dialplane_core::id::InboundRouteId;
use dialplane_core::phone::{E164, InboundRoute};
use dialplane_core::store::{InboundRouteStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use sqlx::types::Json;

use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "inbound_routes";

macro_rules! columns {
    () => {
        "id, company_id, number, target, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE inbound_routes SET number = $3, target = $4, version = $5, created_at = $6, updated_at = $7 \
         WHERE id = $1 AND company_id = $2 AND version = $8"
    };
}

const INSERT: &str =
    concat!("INSERT INTO inbound_routes (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING");
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(number = $2) FROM inbound_routes WHERE id = $1 OR number = $2";
const UPDATE: &str = update!();
const UPDATE_SAME_NUMBER: &str = concat!(update!(), " AND number = $3");
const DELETE: &str = concat!("DELETE FROM inbound_routes WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM inbound_routes WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<InboundRoute, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(InboundRoute {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        number: fields.word("number", E164::from_stored)?,
        target: fields.json("target")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, route: &'q InboundRoute) -> Statement<'q> {
    query(sql)
        .bind(route.id.as_uuid())
        .bind(route.company.as_uuid())
        .bind(route.number.as_str())
        .bind(Json(route.target))
        .bind(i64::from(route.version))
        .bind(route.created_at)
        .bind(route.updated_at)
}

#[async_trait]
impl<L: Link> InboundRouteStore for PgRepo<L> {
    async fn insert_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        self.admit(route.company)?;
        let clash = query(CLASH).bind(route.id.as_uuid()).bind(route.number.as_str());
        self.insert("inbound_route", &["id", "number"], bind(INSERT, route), clash).await
    }

    async fn update_inbound_route(&mut self, route: &InboundRoute) -> Result<(), StoreError> {
        self.reach(route.company)?;
        let before = before(route.version);
        self.replace_unique(bind(UPDATE_SAME_NUMBER, route).bind(before), bind(UPDATE, route).bind(before)).await
    }

    async fn delete_inbound_route(&mut self, id: InboundRouteId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn inbound_route(&mut self, id: InboundRouteId) -> Result<Option<InboundRoute>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn inbound_routes(&mut self) -> Result<Vec<InboundRoute>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, number"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
