//! Caller records and their figures.

use async_trait::async_trait;
use dialplane_core::id::UserId;
use dialplane_core::people::{Caller, Figures};
use dialplane_core::store::{CallerStore, Listing, Page, Repo as _, StoreError};

use crate::client::id_list;
use crate::statement::{Fields, Filter, Scoped, scoped, stored};
use crate::tx::SqliteRepo;

const TABLE: &str = "callers";

macro_rules! columns {
    () => {
        "id, user_id, company_id, total_calls, connected_calls, talk_seconds, first_call_at, last_call_at, created_at"
    };
}

const INSERT: &str = concat!("INSERT INTO callers (", columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
const DELETE: Scoped = scoped!(["DELETE FROM callers WHERE user_id = ?2"]);
pub(crate) const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM callers WHERE user_id = ?2"]);
// The sign keeps SQLite from going through all records of the company for the few that are asked for.
pub(crate) const OF_USERS: Scoped = scoped!([
    "SELECT ", columns!(), " FROM callers WHERE user_id IN (SELECT unhex(value) FROM json_each(?2))"
] and "+company_id" [" ORDER BY user_id"]);
const USERS: Scoped = scoped!(["SELECT user_id FROM callers WHERE TRUE"][" ORDER BY user_id"]);

const SET_FIGURES: Scoped = scoped!([
    "UPDATE callers SET total_calls = ?3, connected_calls = ?4, talk_seconds = ?5, first_call_at = ?6, last_call_at = ?7 \
    WHERE user_id = ?2"
]);

fn read(row: &mut Fields<'_>) -> Result<Caller, StoreError> {
    Ok(Caller {
        id: row.id("id")?,
        user: row.id("user_id")?,
        company: row.id("company_id")?,
        figures: Figures {
            total_calls: row.count("total_calls")?,
            connected_calls: row.count("connected_calls")?,
            talk_seconds: row.count("talk_seconds")?,
            first_call_at: row.time_opt("first_call_at")?,
            last_call_at: row.time_opt("last_call_at")?,
        },
        created_at: row.time("created_at")?,
    })
}

#[async_trait]
impl CallerStore for SqliteRepo<'_> {
    async fn insert_caller(&mut self, caller: &Caller) -> Result<(), StoreError> {
        self.admits(caller.company)?;
        let query = sqlx::query(INSERT)
            .bind(caller.id.as_uuid())
            .bind(caller.user.as_uuid())
            .bind(caller.company.as_uuid())
            .bind(stored(caller.figures.total_calls))
            .bind(stored(caller.figures.connected_calls))
            .bind(stored(caller.figures.talk_seconds))
            .bind(caller.figures.first_call_at.map(|at| at.timestamp_micros()))
            .bind(caller.figures.last_call_at.map(|at| at.timestamp_micros()))
            .bind(caller.created_at.timestamp_micros());
        self.change(query).await.map(|_| ())
    }

    async fn delete_caller(&mut self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.change(self.scoped(&DELETE).bind(user.as_uuid())).await?.changed())
    }

    async fn caller(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(user.as_uuid())).await?.one(TABLE, read)
    }

    async fn callers_of_users(&mut self, users: &[UserId]) -> Result<Vec<Caller>, StoreError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch(self.scoped(&OF_USERS).bind(id_list(users))).await?.all(TABLE, read)
    }

    async fn caller_for_update(&mut self, user: UserId) -> Result<Option<Caller>, StoreError> {
        self.change(self.scoped(&ONE).bind(user.as_uuid())).await?.one(TABLE, read)
    }

    async fn callers(&mut self, page: Page) -> Result<Listing<Caller>, StoreError> {
        let query = Filter::of(self.scope(), "company_id").listing(TABLE, columns!(), "id", page);
        self.fetch(query).await?.listing(TABLE, read)
    }

    async fn caller_users(&mut self) -> Result<Vec<UserId>, StoreError> {
        self.fetch(self.scoped(&USERS)).await?.all(TABLE, |row| row.id("user_id"))
    }

    async fn set_figures(&mut self, user: UserId, figures: &Figures) -> Result<(), StoreError> {
        let query = self
            .scoped(&SET_FIGURES)
            .bind(user.as_uuid())
            .bind(stored(figures.total_calls))
            .bind(stored(figures.connected_calls))
            .bind(stored(figures.talk_seconds))
            .bind(figures.first_call_at.map(|at| at.timestamp_micros()))
            .bind(figures.last_call_at.map(|at| at.timestamp_micros()));
        self.change(query).await?.or_stale()
    }
}
