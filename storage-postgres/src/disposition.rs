//! Dispositions.

use async_trait::async_trait;
use dialplane_core::id::DispositionId;
use dialplane_core::lead::Disposition;
use dialplane_core::store::{DispositionStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::{Document, text};
use crate::tx::{Fields, Link, List, PgRepo, Statement, before, within};

const TABLE: &str = "dispositions";

macro_rules! columns {
    () => {
        "id, company_id, settings, version, created_at, updated_at"
    };
}

macro_rules! update {
    () => {
        "UPDATE dispositions SET settings = $3, version = $4, created_at = $5, updated_at = $6, code = $7 \
         WHERE id = $1 AND company_id = $2 AND version = $8"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO dispositions (",
    columns!(),
    ", code) SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::jsonb[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], \
     $7::text[]) ON CONFLICT DO NOTHING RETURNING id"
);
const UNDO_INSERT: &str = "DELETE FROM dispositions WHERE id = ANY($1)";
const TAKEN: &str = "SELECT id FROM dispositions WHERE id = ANY($1) LIMIT 1";
const UPDATE: &str = update!();
const UPDATE_SAME_CODE: &str = concat!(update!(), " AND code = $7");
const DELETE: &str = concat!("DELETE FROM dispositions WHERE id = $2 AND ", within!("company_id"));
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM dispositions WHERE id = $2 AND ", within!("company_id"));

fn read(row: &PgRow) -> Result<Disposition, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Disposition {
        id: fields.id("id")?,
        company: fields.id("company_id")?,
        settings: fields.json("settings")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn bind<'q>(sql: &'static str, disposition: &'q Disposition) -> Result<Statement<'q>, StoreError> {
    let bound = query(sql)
        .bind(disposition.id.as_uuid())
        .bind(disposition.company.as_uuid())
        .bind(Document::of(&disposition.settings)?)
        .bind(i64::from(disposition.version))
        .bind(disposition.created_at)
        .bind(disposition.updated_at)
        .bind(text(&disposition.settings.code));
    Ok(bound)
}

#[async_trait]
impl<L: Link> DispositionStore for PgRepo<L> {
    async fn insert_dispositions(&mut self, dispositions: &[Disposition]) -> Result<(), StoreError> {
        for one in dispositions {
            self.admit(one.company)?;
        }
        if dispositions.is_empty() {
            return self.may_write();
        }
        let ids: Vec<Uuid> = dispositions.iter().map(|one| one.id.as_uuid()).collect();
        let companies: Vec<Uuid> = dispositions.iter().map(|one| one.company.as_uuid()).collect();
        let codes: Vec<_> = dispositions.iter().map(|one| text(&one.settings.code)).collect();
        let settings = dispositions.iter().map(|one| Document::of(&one.settings)).collect::<Result<Vec<_>, _>>()?;
        let versions: Vec<i64> = dispositions.iter().map(|one| i64::from(one.version)).collect();
        let created: Vec<_> = dispositions.iter().map(|one| one.created_at).collect();
        let updated: Vec<_> = dispositions.iter().map(|one| one.updated_at).collect();
        let insert = query(INSERT)
            .bind(&ids)
            .bind(companies)
            .bind(settings)
            .bind(versions)
            .bind(created)
            .bind(updated)
            .bind(codes);
        let key = |row: &PgRow| Fields::of(row, TABLE).get::<Uuid>("id");
        if self.insert_all(dispositions.len(), insert, key, |ids| query(UNDO_INSERT).bind(ids)).await? {
            return Ok(());
        }
        let taken = self.one(query(TAKEN).bind(&ids)).await?;
        let mut own = ids.clone();
        own.sort_unstable();
        own.dedup();
        let id = taken.is_some() || own.len() < ids.len();
        Err(StoreError::Duplicate { entity: "disposition", constraint: if id { "id" } else { "code" } })
    }

    async fn update_disposition(&mut self, disposition: &Disposition) -> Result<(), StoreError> {
        self.reach(disposition.company)?;
        let before = before(disposition.version);
        self.replace_unique(bind(UPDATE_SAME_CODE, disposition)?.bind(before), bind(UPDATE, disposition)?.bind(before))
            .await
    }

    async fn delete_disposition(&mut self, id: DispositionId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run(query(DELETE).bind(self.company_filter()).bind(id.as_uuid())).await? > 0)
    }

    async fn disposition(&mut self, id: DispositionId) -> Result<Option<Disposition>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn dispositions(&mut self) -> Result<Vec<Disposition>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "company_id, id"), "company_id", self.scoped_to());
        self.all(list.whole().build()).await?.iter().map(read).collect()
    }
}
