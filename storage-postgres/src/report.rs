//! Reports.

use async_trait::async_trait;
use chrono::NaiveDate;
use dialplane_core::call::CallSums;
use dialplane_core::id::{ReportId, UserId};
use dialplane_core::pii::Pii;
use dialplane_core::report::{Period, PeriodSums, Report, ReportType, Statement};
use dialplane_core::store::{Listing, Page, ReportFilter, ReportStore, StoreError};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::text::text;
use crate::tx::{Fields, Link, List, PgRepo, Statement as Sql, bare, before, day_bound, within};

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
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING"
);
const CLASH: &str = "SELECT bool_or(id = $1), bool_or(company_id = $2 AND user_id = $3 AND kind = $4 AND day = $5) FROM reports \
     WHERE id = $1 OR (company_id = $2 AND user_id = $3 AND kind = $4 AND day = $5)";
const UPDATE: &str = "UPDATE reports SET stated_calls = $3, stated_completed = $4, stated_follow_ups = $5, stated_converted = $6, \
     daily_notes = $7, notes = $8, author_id = $9, version = $10, created_at = $11, updated_at = $12 \
     WHERE id = $1 AND company_id = $2 AND version = $13";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM reports WHERE id = $2 AND ", within!("company_id"));
const OF_PERIOD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM reports WHERE user_id = $2 AND kind = $3 AND day = $4 AND ",
    within!("company_id")
);
/// Goes by the keys of the sums for each of the periods that are asked for.
const SUMS: &str = concat!(
    "SELECT calls.*, leads.* \
     FROM UNNEST($2::uuid[], $3::date[], $4::date[]) WITH ORDINALITY AS asked (user_id, first, last, place) \
     CROSS JOIN LATERAL (SELECT coalesce(sum(inbound), 0)::bigint, coalesce(sum(outbound), 0)::bigint, \
     coalesce(sum(internal), 0)::bigint, coalesce(sum(connected), 0)::bigint, coalesce(sum(follow_ups), 0)::bigint, \
     coalesce(sum(talk_seconds), 0)::bigint FROM call_days d \
     WHERE d.agent_id = asked.user_id AND d.day BETWEEN asked.first AND asked.last AND ",
    within!("d.company_id"),
    ") AS calls CROSS JOIN LATERAL (SELECT coalesce(sum(created), 0)::bigint, coalesce(sum(converted), 0)::bigint \
     FROM lead_days d WHERE d.user_id = asked.user_id AND d.day BETWEEN asked.first AND asked.last AND ",
    within!("d.company_id"),
    ") AS leads ORDER BY place"
);

/// Rows of `written_reports`, at most.
const WRITTEN_MAX: u64 = 100_000;

fn read(row: &PgRow) -> Result<Report, StoreError> {
    let mut fields = Fields::of(row, TABLE);
    let (id, company, user) = (fields.id("id")?, fields.id("company_id")?, fields.id("user_id")?);
    let kind = fields.word("kind", |word| word.parse::<ReportType>().ok())?;
    Ok(Report {
        id,
        company,
        user,
        period: Period::around(kind, fields.get("day")?),
        stated: Statement {
            total_calls: fields.maybe_count("stated_calls")?,
            completed_calls: fields.maybe_count("stated_completed")?,
            follow_ups_completed: fields.maybe_count("stated_follow_ups")?,
            converted_leads: fields.maybe_count("stated_converted")?,
        },
        daily_notes: fields.maybe_text("daily_notes")?.map(Pii::new),
        notes: fields.maybe_text("notes")?.map(Pii::new),
        author: fields.reference("author_id")?,
        version: fields.count("version")?,
        created_at: fields.get("created_at")?,
        updated_at: fields.get("updated_at")?,
    })
}

fn read_sums(row: &PgRow) -> Result<PeriodSums, StoreError> {
    let mut fields = Fields::of(row, "call_days");
    Ok(PeriodSums {
        calls: CallSums {
            inbound: fields.count("inbound")?,
            outbound: fields.count("outbound")?,
            internal: fields.count("internal")?,
            connected: fields.count("connected")?,
            follow_ups: fields.count("follow_ups")?,
            talk_seconds: fields.count("talk_seconds")?,
        },
        new_leads: fields.count("created")?,
        converted_leads: fields.count("converted")?,
    })
}

/// Binds what can change, in its order.
fn bind<'q>(sql: Sql<'q>, report: &'q Report) -> Sql<'q> {
    let note = |note: &'q Option<Pii<String>>| note.as_ref().map(|note| text(note.expose()));
    sql.bind(report.stated.total_calls.map(i64::from))
        .bind(report.stated.completed_calls.map(i64::from))
        .bind(report.stated.follow_ups_completed.map(i64::from))
        .bind(report.stated.converted_leads.map(i64::from))
        .bind(note(&report.daily_notes))
        .bind(note(&report.notes))
        .bind(bare(report.author))
        .bind(i64::from(report.version))
        .bind(report.created_at)
        .bind(report.updated_at)
}

/// Binds what a report is known by.
fn bind_identity(sql: &'static str, report: &Report) -> Sql<'static> {
    query(sql)
        .bind(report.id.as_uuid())
        .bind(report.company.as_uuid())
        .bind(report.user.as_uuid())
        .bind(report.period.kind().as_str())
        .bind(report.period.first())
}

#[async_trait]
impl<L: Link> ReportStore for PgRepo<L> {
    async fn insert_report(&mut self, report: &Report) -> Result<(), StoreError> {
        self.admit(report.company)?;
        let insert = bind(bind_identity(INSERT, report), report);
        self.insert("report", &["id", "period"], insert, bind_identity(CLASH, report)).await
    }

    async fn update_report(&mut self, report: &Report) -> Result<(), StoreError> {
        self.reach(report.company)?;
        let update = query(UPDATE).bind(report.id.as_uuid()).bind(report.company.as_uuid());
        self.replace(bind(update, report).bind(before(report.version))).await
    }

    async fn report(&mut self, id: ReportId) -> Result<Option<Report>, StoreError> {
        let row = self.one(query(BY_ID).bind(self.company_filter()).bind(id.as_uuid())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn report_of(&mut self, user: UserId, period: Period) -> Result<Option<Report>, StoreError> {
        let sql = query(OF_PERIOD).bind(self.company_filter()).bind(user.as_uuid());
        let row = self.one(sql.bind(period.kind().as_str()).bind(period.first())).await?;
        row.as_ref().map(read).transpose()
    }

    async fn reports(&mut self, filter: &ReportFilter, page: Page) -> Result<Listing<Report>, StoreError> {
        let list = List::of(TABLE, (columns!(), TABLE, "day DESC, id DESC"), "company_id", self.scoped_to())
            .equal("user_id", bare(filter.user))
            .equal("kind", filter.kind.map(ReportType::as_str))
            .compare("day", " >= ", filter.from.map(day_bound))
            .compare("day", " <= ", filter.to.map(day_bound));
        self.listing(list, page, read).await
    }

    async fn written_reports(
        &mut self,
        kind: ReportType,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<(NaiveDate, UserId)>, StoreError> {
        let list = List::of(TABLE, ("day, user_id", TABLE, "day, user_id"), "company_id", self.scoped_to())
            .equal("kind", Some(kind.as_str()))
            .compare("day", " >= ", Some(day_bound(from)))
            .compare("day", " <= ", Some(day_bound(to)));
        let rows = self.all(list.page(0, WRITTEN_MAX).build()).await?;
        let read = |row: &PgRow| {
            let mut fields = Fields::of(row, TABLE);
            Ok((fields.get("day")?, fields.id("user_id")?))
        };
        rows.iter().map(read).collect()
    }

    async fn period_sums(&mut self, asked: &[(UserId, NaiveDate, NaiveDate)]) -> Result<Vec<PeriodSums>, StoreError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<Uuid> = asked.iter().map(|(user, ..)| user.as_uuid()).collect();
        let from: Vec<NaiveDate> = asked.iter().map(|(_, from, _)| day_bound(*from)).collect();
        let to: Vec<NaiveDate> = asked.iter().map(|(.., to)| day_bound(*to)).collect();
        let sums = query(SUMS).bind(self.company_filter()).bind(users).bind(from).bind(to);
        self.all(sums).await?.iter().map(read_sums).collect()
    }
}
