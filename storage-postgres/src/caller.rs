//! Caller records and their figures.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::people::{Caller, Figures};
use dialplane_core::store::{CallerStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::tx::{Fields, Link, List, PgRepo, amount, within};

const TABLE: &str = "callers";

macro_rules! columns {
    () => {
        "id, user_id, company_id, total_calls, connected_calls, talk_seconds, first_call_at, last_call_at, created_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO callers (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(user_id = $2) FROM callers WHERE id = $1 OR user_id = $2";
const DELETE: &str = concat!("DELETE FROM callers WHERE user_id = $2 AND ", within!("company_id"));
const BY_USER: &str = concat!("SELECT ", columns!(), " FROM callers WHERE user_id = $2 AND ", within!("company_id"));
const OF_USERS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM callers WHERE user_id = ANY($2) AND ",
    within!("company_id"),
    " ORDER BY user_id"
);
const BY_USER_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM callers WHERE user_id = $2 AND ", within!("company_id"), " FOR UPDATE");
const SET_FIGURES: &str = concat!(
    "UPDATE callers SET total_calls = $3, connected_calls = $4, talk_seconds = $5, first_call_at = $6, last_call_at = $7 \
     WHERE user_id = $2 AND ",
    within!("company_id")
);

fn read(row: &PgRow) -> Result<Caller, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    Ok(Caller {
        id: fields.id("id")?,
        user: fields.id("user_id")?,
        company: fields.id("company_id")?,
        figures: Figures {
            total_calls: fields.count("total_calls")?,
            connected_calls: fields.count("connected_calls")?,
            talk_seconds: fields.count("talk_seconds")?,
            first_call_at: fields.get("first_call_at")?,
            last_call_at: fields.get("last_call_at")?,
        },
        created_at: fields.get("created_at")?,
    })
}

#[async_trait]
impl<L: Link> CallerStore for PgRepo<L> {
    async fn insert_caller(&mut self, caller: &Caller) -> Result<(), StoreError> {
        self.admit(caller.company)?;
        let figures = &caller.figures;
        let insert = query(INSERT)
            .bind(caller.id.as_uuid())
            .bind(caller.user.as_uuid())
            .bind(caller.company.as_uuid())
            .bind(amount(figures.total_calls))
            .bind(amount(figures.connected_calls))
            .bind(amount(figures.talk_seconds))
            .bind(figures.first_call_at)
            .bind(figures.last_call_at)
            .bind(caller.created_at);
        let clash = query(CLASH).bind(caller.id.as_uuid()).bind(caller.user.as_uuid());
        let inserted = self.run_alone(insert).await?;
        self.inserted(inserted, "caller", &["id", "user"], clash).await
    }

    async fn delete_caller(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.may_write()?;
        Ok(self.run_alone(query(DELETE).bind(self.company_filter()).bind(user.as_uuid())).await? > 0)
    }

    async fn caller(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        let row = self.one(query(BY_USER).bind(self.company_filter()).bind(user.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn callers_of_users(&mut self, users: &[UserId]) -> Result<Vec<Caller>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<Uuid> = users.iter().map(|user| user.as_uuid()).collect();
        self.all(query(OF_USERS).bind(self.company_filter()).bind(users)).await?.iter().map(read).collect()
    }

    async fn caller_for_update(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        self.may_write()?;
        let row = self.one(query(BY_USER_LOCKED).bind(self.company_filter()).bind(user.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn callers(&mut self, page: Page) -> Result<Listing<Caller>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "id DESC"), "company_id", self.scoped_to());
        self.listing(list, page, read).await
    }

    async fn caller_users(&mut self) -> Result<Vec<UserId>, StoreError> {
        let list = List::of(TABLE, ("user_id", TABLE, "user_id"), "company_id", self.scoped_to());
        let rows = self.all(list.whole().build()).await?;
        rows.iter().map(|row| Fields::of(row, TABLE).id("user_id")).collect()
    }

    async fn set_figures(&mut self, user: UserId, figures: &Figures) -> Result<(), StoreError> {
        self.may_write()?;
        let set = query(SET_FIGURES)
            .bind(self.company_filter())
            .bind(user.as_uuid())
            .bind(amount(figures.total_calls))
            .bind(amount(figures.connected_calls))
            .bind(amount(figures.talk_seconds))
            .bind(figures.first_call_at)
            .bind(figures.last_call_at);
        self.replace(set).await
    }
}
