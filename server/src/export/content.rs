//! What is in the tables: reports, calls, and what each person did.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dialplane_core::Actor;
use dialplane_core::call::Call;
use dialplane_core::company::Company;
use dialplane_core::id::UserId;
use dialplane_core::report::{PeriodSums, Report, ReportFigures, ReportType};
use dialplane_core::store::{CallFilter, Page, ReportFilter, Tx};
use tokio::sync::mpsc::Sender;

use super::{Cell, Column, Format, Kind, Row, Table};
use crate::http::days::DayRange;
use crate::problem::{Problem, Reply};
use crate::state::App;

/// Who is named in place of nobody.
const NOBODY: &str = "(nobody)";
/// Who is named in place of somebody whose account is gone.
const GONE: &str = "(former user)";

/// What a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The reports of a kind.
    Reports(ReportType),
    /// The call log.
    Calls,
    /// What each person did.
    Summary,
}

impl Subject {
    /// Reads the word of a path.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "calls" => Some(Self::Calls),
            "summary" => Some(Self::Summary),
            _ => word.parse().ok().map(Self::Reports),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Reports(ReportType::Daily) => "Daily reports",
            Self::Reports(ReportType::Weekly) => "Weekly reports",
            Self::Reports(ReportType::Monthly) => "Monthly reports",
            Self::Calls => "Call log",
            Self::Summary => "Summary by person",
        }
    }

    fn columns(self) -> Vec<Column> {
        let text = |name, width| Column::new(name, Kind::Text, width);
        let count = |name| Column::new(name, Kind::Count, 9).summed();
        let talk = Column::new("Talk time", Kind::Duration, 10).summed();
        match self {
            Self::Reports(kind) => {
                let last = Column::new("To", Kind::Day, 11);
                let mut columns =
                    vec![Column::new(if kind == ReportType::Daily { "Day" } else { "From" }, Kind::Day, 11)];
                columns.extend((kind != ReportType::Daily).then_some(last));
                columns.push(text("Person", 22));
                columns.extend([count("Calls"), Column { width: 12, ..count("Completed") }, talk]);
                columns.extend([count("Follow-ups"), count("Converted")].map(|column| Column { width: 12, ..column }));
                columns.push(count("New leads"));
                let stated = ["Stated calls", "Stated completed", "Stated follow-ups", "Stated converted"];
                columns.extend(stated.map(|name| Column { width: 11, ..count(name) }));
                columns.extend([Column::new("Differs", Kind::Flag, 8), text("Notes", 32)]);
                columns
            }
            Self::Calls => vec![
                Column::new("Began", Kind::Time, 18),
                text("Person", 20),
                text("Direction", 10),
                text("From", 17),
                text("To", 17),
                text("Status", 12),
                talk,
                text("Outcome", 16),
                text("Notes", 36),
            ],
            Self::Summary => {
                let mut columns = vec![text("Person", 26)];
                columns.extend(["Calls", "Inbound", "Outbound", "Internal"].map(count));
                columns.extend([Column { width: 11, ..count("Completed") }, talk]);
                columns.push(Column::new("Average talk time", Kind::Duration, 11));
                columns.extend([count("Follow-ups"), count("Converted")].map(|column| Column { width: 12, ..column }));
                columns.push(Column { width: 11, ..count("New leads") });
                columns
            }
        }
    }
}

/// A table that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) subject: Subject,
    pub(crate) range: DayRange,
    /// Of one person only.
    pub(crate) user: Option<UserId>,
    pub(crate) format: Format,
}

/// Names of people, read as they come up.
#[derive(Default)]
struct People(BTreeMap<UserId, String>);

impl People {
    async fn read(&mut self, tx: &mut dyn Tx, ids: impl Iterator<Item = UserId>) -> Reply<()> {
        let mut new: Vec<UserId> = ids.filter(|id| !self.0.contains_key(id)).collect();
        new.sort_unstable();
        new.dedup();
        for ids in new.chunks(Page::LIMIT_MAX as usize) {
            let users = tx.users_by_ids(ids).await?;
            self.0.extend(users.into_iter().map(|user| (user.id, user.name.into_inner())));
        }
        Ok(())
    }

    fn name(&self, id: Option<UserId>) -> &str {
        id.map_or(NOBODY, |id| self.0.get(&id).map_or(GONE, String::as_str))
    }
}

impl Asked {
    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.range.zone).naive_local()
    }

    /// The table without its rows.
    ///
    /// # Errors
    /// 400 when it has more rows than the format takes, 404 when there is no such person.
    pub(crate) async fn table(&self, app: &App, actor: &Actor, company: &Company) -> Reply<Table> {
        let mut tx = app.engine.read(actor).await?;
        let DayRange { zone, from, to } = self.range;
        let mut title = self.subject.title().to_owned();
        if let Some(user) = self.user {
            let user = tx.user(user).await?.ok_or_else(|| Problem::not_found("user"))?;
            title = format!("{title}: {}", user.name.expose());
        }
        let one = Page { offset: 0, limit: 1 };
        let rows = match self.subject {
            Subject::Reports(kind) => tx.reports(&self.reports(kind), one).await?.total,
            Subject::Calls => tx.calls(&self.calls(), one).await?.total,
            Subject::Summary => 0,
        };
        let most = self.format.rows_max();
        if rows > most {
            let message = format!("this has {rows} rows, and the format takes {most}: ask for fewer days");
            return Err(Problem::field("dateFrom", message));
        }
        let some: BTreeMap<NaiveDate, u64> = tx
            .call_volumes(self.user, from, to)
            .await?
            .into_iter()
            .map(|(day, sums)| (day, u64::try_from(sums.calls()).unwrap_or(0)))
            .collect();
        Ok(Table {
            title,
            company: company.name.clone(),
            days: (from, to),
            zone: zone.name(),
            made_at: self.local(app.engine.now()),
            columns: self.subject.columns(),
            calls: self.range.iter().map(|day| (day, some.get(&day).copied().unwrap_or(0))).collect(),
        })
    }

    /// Sends the rows, some at a time.
    ///
    /// # Errors
    /// Those of the store. Whoever writes may have given up: that is theirs to say.
    pub(crate) async fn rows(&self, app: &App, actor: &Actor, to: Sender<Vec<Row>>) -> Reply<()> {
        let mut tx = app.engine.read(actor).await?;
        match self.subject {
            Subject::Reports(kind) => self.report_rows(&mut *tx, kind, to).await,
            Subject::Calls => self.call_rows(&mut *tx, to).await,
            Subject::Summary => self.summary_rows(&mut *tx, to).await,
        }
    }

    fn reports(&self, kind: ReportType) -> ReportFilter {
        ReportFilter { user: self.user, kind: Some(kind), from: Some(self.range.from), to: Some(self.range.to) }
    }

    fn calls(&self) -> CallFilter {
        let (from, to) = self.range.instants();
        CallFilter { agent: self.user, from: Some(from), to: Some(to), ..CallFilter::default() }
    }

    async fn report_rows(&self, tx: &mut dyn Tx, kind: ReportType, to: Sender<Vec<Row>>) -> Reply<()> {
        let (filter, mut people) = (self.reports(kind), People::default());
        for number in 1.. {
            let reports = tx.reports(&filter, Page::number(number, Page::LIMIT_MAX)).await?.items;
            let figures = figures(tx, &reports).await?;
            people.read(tx, reports.iter().map(|report| report.user)).await?;
            let row = |(report, figures)| report_row(report, figures, people.name(Some(report.user)));
            let rows = reports.iter().zip(&figures).map(row).collect();
            if to.send(rows).await.is_err() || reports.len() < Page::LIMIT_MAX as usize {
                break;
            }
        }
        Ok(())
    }

    async fn call_rows(&self, tx: &mut dyn Tx, to: Sender<Vec<Row>>) -> Reply<()> {
        let (mut filter, mut people) = (self.calls(), People::default());
        loop {
            let calls = tx.calls(&filter, Page { offset: 0, limit: Page::LIMIT_MAX }).await?.items;
            people.read(tx, calls.iter().filter_map(|call| call.agent)).await?;
            let rows = calls.iter().map(|call| self.call_row(call, people.name(call.agent))).collect();
            filter.before = calls.last().map(|call| call.id);
            if to.send(rows).await.is_err() || calls.len() < Page::LIMIT_MAX as usize {
                return Ok(());
            }
        }
    }

    fn call_row(&self, call: &Call, person: &str) -> Row {
        vec![
            Cell::Time(self.local(call.started_at)),
            Cell::text(person),
            Cell::text(call.direction.as_str()),
            Cell::text(call.from.expose()),
            Cell::text(call.to.expose()),
            Cell::text(&call.status.as_str().replace('_', " ")),
            Cell::Seconds(u64::from(call.talk_seconds())),
            Cell::maybe_text(call.outcome.as_deref()),
            Cell::maybe_text(call.notes.as_deref()),
        ]
    }

    async fn summary_rows(&self, tx: &mut dyn Tx, to: Sender<Vec<Row>>) -> Reply<()> {
        let DayRange { from, to: until, .. } = self.range;
        let mut sums: BTreeMap<Option<UserId>, PeriodSums> = BTreeMap::new();
        if let Some(user) = self.user {
            let own = tx.period_sums(&[(user, from, until)]).await?.into_iter().next();
            sums.insert(Some(user), own.unwrap_or_default());
        } else {
            for (user, calls) in tx.call_sums(from, until).await? {
                sums.entry(user).or_default().calls += calls;
            }
            for day in tx.lead_days(from, until, None).await? {
                let own = sums.entry(day.user).or_default();
                own.new_leads += i64::try_from(day.created).unwrap_or(0);
                own.converted_leads += i64::try_from(day.converted).unwrap_or(0);
            }
        }
        let mut people = People::default();
        people.read(tx, sums.keys().copied().flatten()).await?;
        let mut rows: Vec<(&str, Row)> =
            sums.iter().map(|(user, sums)| (people.name(*user), summary_row(sums, people.name(*user)))).collect();
        rows.sort_by_key(|(name, _)| name.to_lowercase());
        // Nobody is left to tell when the writer has gone.
        let _ = to.send(rows.into_iter().map(|(_, row)| row).collect()).await;
        Ok(())
    }
}

/// What was done in the periods of reports, in their order.
///
/// # Errors
/// Those of the store.
pub(crate) async fn figures(tx: &mut dyn Tx, reports: &[Report]) -> Reply<Vec<ReportFigures>> {
    let asked = |report: &Report| (report.user, report.period.first(), report.period.last());
    let asked: Vec<_> = reports.iter().map(asked).collect();
    Ok(tx.period_sums(&asked).await?.into_iter().map(ReportFigures::from).collect())
}

fn report_row(report: &Report, done: &ReportFigures, person: &str) -> Row {
    let stated = |figure: Option<u32>| figure.map_or(Cell::Empty, |figure| Cell::Count(figure.into()));
    let mut row = vec![Cell::Day(report.period.first())];
    row.extend((report.period.kind() != ReportType::Daily).then(|| Cell::Day(report.period.last())));
    row.extend([
        Cell::text(person),
        Cell::Count(done.total_calls),
        Cell::Count(done.completed_calls),
        Cell::Seconds(done.talk_seconds),
        Cell::Count(done.follow_ups_completed),
        Cell::Count(done.converted_leads),
        Cell::Count(done.new_leads),
        stated(report.stated.total_calls),
        stated(report.stated.completed_calls),
        stated(report.stated.follow_ups_completed),
        stated(report.stated.converted_leads),
        Cell::Flag(report.stated.differs(done)),
    ]);
    let notes: Vec<&str> =
        report.daily_notes.iter().chain(&report.notes).map(|notes| notes.expose().as_str()).collect();
    row.push(if notes.is_empty() { Cell::Empty } else { Cell::text(&notes.join("\n")) });
    row
}

fn summary_row(sums: &PeriodSums, person: &str) -> Row {
    let count = |sum: i64| Cell::Count(u64::try_from(sum).unwrap_or(0));
    let done = ReportFigures::from(*sums);
    vec![
        Cell::text(person),
        Cell::Count(done.total_calls),
        count(sums.calls.inbound),
        count(sums.calls.outbound),
        count(sums.calls.internal),
        Cell::Count(done.completed_calls),
        Cell::Seconds(done.talk_seconds),
        done.talk_seconds.checked_div(done.completed_calls).map_or(Cell::Empty, Cell::Seconds),
        Cell::Count(done.follow_ups_completed),
        Cell::Count(done.converted_leads),
        Cell::Count(done.new_leads),
    ]
}
