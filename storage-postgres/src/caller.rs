//! Caller records and their figures.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::id::UserId;
use dialplane_core::people::{Caller, DayFigures, Figures};
use dialplane_core::store::{CallerStore, Listing, Page, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::tx::{Fields, Link, List, PgRepo, amount, day_bound, within};

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
/// The figures by day go by their foreign key.
const DELETE: &str = concat!("DELETE FROM callers WHERE user_id = $2 AND ", within!("company_id"));
const BY_USER: &str = concat!("SELECT ", columns!(), " FROM callers WHERE user_id = $2 AND ", within!("company_id"));
const BY_USER_LOCKED: &str =
    concat!("SELECT ", columns!(), " FROM callers WHERE user_id = $2 AND ", within!("company_id"), " FOR UPDATE");
/// The record and the day in one round trip: the day is only counted when the record is there.
const RECORD: &str = concat!(
    "WITH recorded AS (UPDATE callers SET total_calls = $3, connected_calls = $4, talk_seconds = $5, first_call_at = $6, \
     last_call_at = $7 WHERE user_id = $2 AND ",
    within!("company_id"),
    " RETURNING company_id, user_id) \
     INSERT INTO caller_days AS sum (company_id, user_id, day, calls, connected, talk_seconds) \
     SELECT company_id, user_id, $8, $9, $10, $11 FROM recorded \
     ON CONFLICT (user_id, day) DO UPDATE SET calls = sum.calls + excluded.calls, \
     connected = sum.connected + excluded.connected, talk_seconds = sum.talk_seconds + excluded.talk_seconds"
);
const DAYS: &str = concat!(
    "SELECT user_id, day, calls, connected, talk_seconds FROM caller_days WHERE user_id = $2 AND day >= $3 AND ",
    within!("company_id"),
    " ORDER BY day"
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

fn read_day(row: &PgRow) -> Result<(NaiveDate, DayFigures), StoreError> {
    let mut fields = Fields::from(row, "caller_days", 0);
    let _: UserId = fields.id("user_id")?;
    let day = fields.get("day")?;
    let figures = DayFigures {
        calls: fields.count("calls")?,
        connected: fields.count("connected")?,
        talk_seconds: fields.count("talk_seconds")?,
    };
    Ok((day, figures))
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

    async fn record_figures(
        &mut self,
        user: UserId,
        figures: &Figures,
        day: NaiveDate,
        added: &DayFigures,
    ) -> Result<(), StoreError> {
        self.may_write()?;
        let record = query(RECORD)
            .bind(self.company_filter())
            .bind(user.as_uuid())
            .bind(amount(figures.total_calls))
            .bind(amount(figures.connected_calls))
            .bind(amount(figures.talk_seconds))
            .bind(figures.first_call_at)
            .bind(figures.last_call_at)
            .bind(day)
            .bind(amount(added.calls))
            .bind(amount(added.connected))
            .bind(amount(added.talk_seconds));
        self.replace(record).await
    }

    async fn day_figures(&mut self, user: UserId, from: NaiveDate) -> Result<Vec<(NaiveDate, DayFigures)>, StoreError> {
        let days = query(DAYS).bind(self.company_filter()).bind(user.as_uuid()).bind(day_bound(from));
        self.all(days).await?.iter().map(read_day).collect()
    }
}
