//! Trunks.

use async_trait::async_trait;
use dialplane_core::id::TrunkId;
use dialplane_core::phone::Trunk;
use dialplane_core::store::{StoreError, TrunkStore};
use sqlx::postgres::PgRow;
use sqlx::query;
use sqlx::types::Json;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, Purpose, Statement, before, within};

const TABLE: &str = "trunks";

macro_rules! columns {
    () => {
        "id, company_id, name, transport, host, port, auth, is_default, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE trunks SET name = $3, transport = $4, host = $5, port = $6, auth = $7, is_default = $8, version = $9, \
         created_at = $10, updated_at = $11 WHERE id = $1 AND company_id = $2 AND version = $12"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO trunks (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND name = $3) FROM trunks \
     WHERE id = $1 OR (company_id = $2 AND name = $3)";
const UPDATE: &str = update!();
const UPDATE_SAME_NAME: &str = concat!(update!(), " AND name = $3");
const NO_DEFAULT: &str = "UPDATE trunks SET is_default = false WHERE company_id = $1 AND is_default";
const MAKE_DEFAULT: &str = "UPDATE trunks SET is_default = true WHERE company_id = $1 AND id = $2";
const DELETE: &str = concat!("DELETE FROM trunks WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM trunks WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Trunk, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Trunk {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        name: fields.text("name")?,
        transport: fields.word("transport", |text| text.parse().ok())?,
        host: fields.text("host")?,
        port: fields.count("port")?,
        auth: fields.json("auth")?,
        is_default: fields.get("is_default")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

/// Never as the default: [`PgRepo::make_default`] comes after it, when the row is in and no other is the default.
fn bind<'q>(sql: &'static str, trunk: &'q Trunk) -> Statement<'q> {
    query(sql)
        .bind(trunk.id.as_uuid())
        .bind(trunk.company.as_uuid())
        .bind(text(&trunk.name))
        .bind(trunk.transport.as_str())
        .bind(text(&trunk.host))
        .bind(i64::from(trunk.port))
        .bind(Json(&trunk.auth))
        .bind(false)
        .bind(i64::from(trunk.version))
        .bind(trunk.created_at)
        .bind(trunk.updated_at)
}

#[async_trait]
impl<L: Link> TrunkStore for PgRepo<L> {
    async fn insert_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        self.admit(trunk.company)?;
        self.hold_default(trunk).await?;
        let clash = query(CLASH).bind(trunk.id.as_uuid()).bind(trunk.company.as_uuid()).bind(text(&trunk.name));
        self.insert("trunk", &["id", "name"], bind(INSERT, trunk), clash).await?;
        self.make_default(trunk).await
    }

    async fn update_trunk(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        self.reach(trunk.company)?;
        self.hold_default(trunk).await?;
        let before = before(trunk.version);
        self.replace_unique(bind(UPDATE_SAME_NAME, trunk).bind(before), bind(UPDATE, trunk).bind(before)).await?;
        self.make_default(trunk).await
    }

    async fn delete_trunk(&mut self, id: TrunkId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn trunk(&mut self, id: TrunkId) -> Result<Option<Trunk>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn trunks(&mut self) -> Result<Vec<Trunk>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}

impl<L: Link> PgRepo<L> {
    /// Two units of work that choose a default at once would not see each other's choice: they take turns.
    async fn hold_default(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        if trunk.is_default { self.hold(Purpose::DefaultTrunk, trunk.company).await } else { Ok(()) }
    }

    /// Two statements, because the unique index on defaults looks at every row as it changes.
    async fn make_default(&mut self, trunk: &Trunk) -> Result<(), StoreError> {
        if !trunk.is_default {
            return Ok(());
        }
        self.run(query(NO_DEFAULT).bind(trunk.company.as_uuid())).await?;
        self.replace(query(MAKE_DEFAULT).bind(trunk.company.as_uuid()).bind(trunk.id.as_uuid())).await
    }
}
