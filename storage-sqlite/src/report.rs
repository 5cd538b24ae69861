//! Reports.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::call::CallSums;
use dialplane_core::id::{ReportId, UserId};
use dialplane_core::pii::Pii;
use dialplane_core::report::{Period, PeriodSums, Report, ReportType, Statement};
use dialplane_core::store::{Listing, Page, Repo as _, ReportFilter, ReportStore, StoreError};
use serde_json::json;

use crate::statement::{Fields, Filter, Query, Scoped, before, scoped};
use crate::tx::SqliteRepo;

const TABLE: &str = "reports";

macro_rules! columns {
    () => {
        "id, company_id, user_id, kind, day, stated_calls, stated_completed, stated_follow_ups, stated_converted, daily_notes, \
         notes, author_id, version, created_at, updated_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO reports (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
);
const UPDATE: &str = "UPDATE reports SET stated_calls = ?3, stated_completed = ?4, stated_follow_ups = ?5, stated_converted = ?6, \
    daily_notes = ?7, notes = ?8, author_id = ?9, version = ?10, created_at = ?11, updated_at = ?12 \
    WHERE id = ?1 AND company_id = ?2 AND version = ?13";
const ONE: Scoped = scoped!(["SELECT ", columns!(), " FROM reports WHERE id = ?2"]);
const OF_PERIOD: Scoped =
    scoped!(["SELECT ", columns!(), " FROM reports WHERE user_id = ?2 AND kind = ?3 AND day = ?4"]);
pub(crate) const WRITTEN: Scoped = scoped!(
    ["SELECT day, user_id FROM reports WHERE kind = ?2 AND day BETWEEN ?3 AND ?4"][" ORDER BY day, user_id LIMIT 100000"]
);

/// The sums of calls and of leads for each period of a list, in the order of the list. `within` is the condition on the company.
macro_rules! sums {
    ($within:literal) => {
        concat!(
            "WITH asked AS (SELECT key AS place, unhex(value ->> 0) AS user_id, value ->> 1 AS first, value ->> 2 AS last \
             FROM json_each(?2)), \
             calls AS (SELECT place, sum(inbound) AS inbound, sum(outbound) AS outbound, sum(internal) AS internal, \
             sum(connected) AS connected, sum(follow_ups) AS follow_ups, sum(talk_seconds) AS talk_seconds \
             FROM asked CROSS JOIN call_days d INDEXED BY call_days_agent ON d.agent_id = user_id AND d.day BETWEEN first AND last",
            $within,
            " GROUP BY place), \
             leads AS (SELECT place, sum(created) AS created, sum(converted) AS converted \
             FROM asked CROSS JOIN lead_days d INDEXED BY lead_days_user ON d.user_id = asked.user_id AND d.day BETWEEN first AND last",
            $within,
            " GROUP BY place) \
             SELECT coalesce(inbound, 0), coalesce(outbound, 0), coalesce(internal, 0), coalesce(connected, 0), \
             coalesce(follow_ups, 0), coalesce(talk_seconds, 0), coalesce(created, 0), coalesce(converted, 0) \
             FROM asked LEFT JOIN calls USING (place) LEFT JOIN leads USING (place) ORDER BY place"
        )
    };
}
const SUMS: Scoped = Scoped { company: sums!(" AND d.company_id = ?1"), system: sums!("") };

fn read(row: &mut Fields<'_>) -> Result<Report, StoreError> {
    let (id, company, user) = (row.id("id")?, row.id("company_id")?, row.id("user_id")?);
    let kind = row.word("kind", |word| word.parse::<ReportType>().ok())?;
    Ok(Report {
        id,
        company,
        user,
        period: Period::around(kind, row.day("day")?),
        stated: Statement {
            total_calls: row.count_opt("stated_calls")?,
            completed_calls: row.count_opt("stated_completed")?,
            follow_ups_completed: row.count_opt("stated_follow_ups")?,
            converted_leads: row.count_opt("stated_converted")?,
        },
        daily_notes: row.text_opt("daily_notes")?.map(Pii::new),
        notes: row.text_opt("notes")?.map(Pii::new),
        author: row.id_opt("author_id")?,
        version: row.count("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_sums(row: &mut Fields<'_>) -> Result<PeriodSums, StoreError> {
    Ok(PeriodSums {
        calls: CallSums {
            inbound: row.count("inbound")?,
            outbound: row.count("outbound")?,
            internal: row.count("internal")?,
            connected: row.count("connected")?,
            follow_ups: row.count("follow_ups")?,
            talk_seconds: row.count("talk_seconds")?,
        },
        new_leads: row.count("created")?,
        converted_leads: row.count("converted")?,
    })
}

/// Binds what can change, in its order.
fn bind(query: Query<'static>, report: &Report) -> Query<'static> {
    let text = |text: &Option<Pii<String>>| text.as_ref().map(|text| text.expose().clone());
    query
        .bind(report.stated.total_calls)
        .bind(report.stated.completed_calls)
        .bind(report.stated.follow_ups_completed)
        .bind(report.stated.converted_leads)
        .bind(text(&report.daily_notes))
        .bind(text(&report.notes))
        .bind(report.author.map(|id| id.as_uuid()))
        .bind(report.version)
        .bind(report.created_at.timestamp_micros())
        .bind(report.updated_at.timestamp_micros())
}

#[async_trait]
impl ReportStore for SqliteRepo<'_> {
    async fn insert_report(&mut self, report: &Report) -> Result<(), StoreError> {
        self.admits(report.company)?;
        let query = sqlx::query(INSERT)
            .bind(report.id.as_uuid())
            .bind(report.company.as_uuid())
            .bind(report.user.as_uuid())
            .bind(report.period.kind().as_str())
            .bind(report.period.first().to_epoch_days());
        self.change(bind(query, report)).await.map(|_| ())
    }

    async fn update_report(&mut self, report: &Report) -> Result<(), StoreError> {
        self.reaches(report.company)?;
        let query = sqlx::query(UPDATE).bind(report.id.as_uuid()).bind(report.company.as_uuid());
        self.change(bind(query, report).bind(before(report.version))).await?.or_stale()
    }

    async fn report(&mut self, id: ReportId) -> Result<Option<Report>, StoreError> {
        self.fetch(self.scoped(&ONE).bind(id.as_uuid())).await?.one(TABLE, read)
    }

    async fn report_of(&mut self, user: UserId, period: Period) -> Result<Option<Report>, StoreError> {
        let query = self.scoped(&OF_PERIOD).bind(user.as_uuid()).bind(period.kind().as_str());
        self.fetch(query.bind(period.first().to_epoch_days())).await?.one(TABLE, read)
    }

    async fn reports(&mut self, filter: &ReportFilter, page: Page) -> Result<Listing<Report>, StoreError> {
        let mut rows = Filter::of(self.scope(), "company_id");
        rows.id("user_id = ", filter.user);
        rows.text("kind = ", filter.kind.map(|kind| kind.as_str().to_owned()));
        rows.number("day >= ", filter.from.map(|day| day.to_epoch_days().into()));
        rows.number("day <= ", filter.to.map(|day| day.to_epoch_days().into()));
        self.fetch(rows.listing(TABLE, columns!(), "day DESC, id", page)).await?.listing(TABLE, read)
    }

    async fn written_reports(
        &mut self,
        kind: ReportType,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, UserId)>, StoreError> {
        let query = self.scoped(&WRITTEN).bind(kind.as_str()).bind(from.to_epoch_days()).bind(to.to_epoch_days());
        self.fetch(query).await?.all(TABLE, |row| Ok((row.day("day")?, row.id("user_id")?)))
    }

    async fn period_sums(&mut self, asked: &[(UserId, NaiveDate, NaiveDate)]) -> Result<Vec<PeriodSums>, StoreError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let period = |(user, from, to): &(UserId, NaiveDate, NaiveDate)| {
            json!([user.as_uuid().simple().to_string(), from.to_epoch_days(), to.to_epoch_days()])
        };
        let list = serde_json::Value::Array(asked.iter().map(period).collect()).to_string();
        self.fetch(self.scoped(&SUMS).bind(list)).await?.all("call_days", read_sums)
    }
}
