//! Exporting leads: read from the store page by page and written as they come, so that a million take no more memory than ten.

use std::collections::BTreeMap;
use std::io::Write;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use dialplane_core::id::UserId;
use dialplane_core::lead::Lead;
use dialplane_core::phone::E164;
use dialplane_core::sheet::defused;
use dialplane_core::store::{LeadFilter, Page};
use dialplane_core::{Error, Permission};
use futures::TryStreamExt as _;
use futures::stream::{self, Stream};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::api::leads::list::LeadQuery;
use crate::http::guard::Authed;
use crate::http::input::Params;
use crate::problem::{Problem, Reply};
use crate::state::Shared;

/// Leads that are read at a time.
const PAGE: u32 = 500;
/// Rows of a worksheet below its header.
const SHEET_ROWS_MAX: u64 = 1_048_575;
/// Bytes of a workbook that are sent at a time.
const CHUNK: usize = 64 * 1024;

/// The columns; an import understands every one of them.
const HEADERS: [&str; 20] = [
    "Name",
    "Email",
    "Phone",
    "Source",
    "Status",
    "Priority",
    "Quality",
    "Score",
    "Requirements",
    "Value",
    "Assigned to",
    "Skills",
    "Language",
    "Territory",
    "Follow-ups",
    "Last contact",
    "Created at",
    "Updated at",
    "Lead ID",
    "Custom fields",
];

/// In which form leads are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    #[default]
    Csv,
    Xlsx,
}

/// How leads are exported.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// csv (usual) or xlsx.
    #[param(value_type = Option<String>)]
    format: ExportFormat,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Instant(DateTime<Utc>),
}

fn text(text: Option<&str>) -> Cell {
    text.filter(|text| !text.is_empty()).map_or(Cell::Empty, |text| Cell::Text(text.to_owned()))
}

fn row(lead: &Lead, people: &BTreeMap<UserId, String>) -> [Cell; HEADERS.len()] {
    let assignee = lead.assigned_to.and_then(|user| people.get(&user));
    let custom = if lead.custom.0.is_empty() { None } else { serde_json::to_string(&lead.custom).ok() };
    [
        text(Some(lead.name.expose())),
        text(lead.email.as_ref().map(|email| email.expose().as_str())),
        text(lead.phone.as_ref().map(E164::as_str)),
        text(Some(lead.source.as_str())),
        text(Some(lead.status.as_str())),
        text(Some(lead.priority.as_str())),
        text(Some(lead.quality.as_str())),
        Cell::Number(f64::from(lead.score)),
        text(lead.requirements.as_ref().map(|text| text.expose().as_str())),
        lead.value.map_or(Cell::Empty, |cents| Cell::Number(cents as f64 / 100.0)),
        text(assignee.map(String::as_str)),
        text(Some(&lead.needs.skills.join(", "))),
        text(lead.needs.language.as_deref()),
        text(lead.needs.territory.as_deref()),
        Cell::Number(f64::from(lead.followup_count)),
        lead.last_contact_at.map_or(Cell::Empty, Cell::Instant),
        Cell::Instant(lead.created_at),
        Cell::Instant(lead.updated_at),
        Cell::Text(lead.id.to_string()),
        text(custom.as_deref()),
    ]
}

/// The rows of an export, page by page. The addresses of people are kept, as a company has few of them.
fn pages(
    app: Shared,
    authed: Authed,
    filter: LeadFilter,
) -> impl Stream<Item = Result<Vec<[Cell; HEADERS.len()]>, Error>> + Send {
    stream::try_unfold(Some((filter, BTreeMap::new())), move |state| {
        let (app, authed) = (Shared::clone(&app), authed.clone());
        async move {
            let Some((filter, mut people)) = state else { return Ok(None) };
            let mut tx = app.engine.read(&authed.actor).await?;
            let leads = tx.newest_leads(&filter, PAGE).await?;
            let Some(last) = leads.last().map(|lead| lead.id) else { return Ok(None) };
            let mut unknown: Vec<UserId> = leads.iter().filter_map(|lead| lead.assigned_to).collect();
            unknown.sort_unstable();
            unknown.dedup();
            unknown.retain(|user| !people.contains_key(user));
            for user in tx.users_by_ids(&unknown).await? {
                people.insert(user.id, user.email.expose().clone());
            }
            let rows = leads.iter().map(|lead| row(lead, &people)).collect();
            let more = leads.len() == PAGE as usize;
            Ok(Some((rows, more.then_some((LeadFilter { before: Some(last), ..filter }, people)))))
        }
    })
}

/// The company's leads as a file, with the filters of their list; an agent's are their own.
#[utoipa::path(get, path = "/leads/export", tag = "leads", params(LeadQuery, ExportQuery), responses((status = 200,
    content((String = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
pub(crate) async fn export_leads(
    State(app): State<Shared>,
    authed: Authed,
    Params(query): Params<LeadQuery>,
    Params(ExportQuery { format }): Params<ExportQuery>,
) -> Reply<Response> {
    authed.demand(Permission::WorkLeads)?;
    let filter = query.visible_filter(&authed)?;
    let zone = authed.company.timezone;
    let (kind, ending) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    };
    let body = match format {
        ExportFormat::Csv => csv_body(pages(app, authed, filter), zone),
        ExportFormat::Xlsx => {
            let one = Page { offset: 0, limit: 1 };
            if app.engine.read(&authed.actor).await?.leads(&filter, one).await?.total > SHEET_ROWS_MAX {
                let message = format!("a worksheet holds {SHEET_ROWS_MAX} rows: narrow the list, or ask for csv");
                return Err(Problem::field("format", message));
            }
            workbook_body(pages(app, authed, filter), zone)
        }
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"leads.{ending}\"")),
    ];
    Ok((headers, body).into_response())
}

fn csv_body(pages: impl Stream<Item = Result<Vec<[Cell; HEADERS.len()]>, Error>> + Send + 'static, zone: Tz) -> Body {
    // A mark that lets spreadsheets read UTF-8.
    let mut start = "\u{feff}".as_bytes().to_vec();
    start.extend(HEADERS.join(",").as_bytes());
    start.extend(b"\r\n");
    let lines = pages.map_err(std::io::Error::other).and_then(move |rows| async move { lines(&rows, zone) });
    Body::from_stream(futures::StreamExt::chain(stream::iter([Ok(start)]), lines))
}

fn lines(rows: &[[Cell; HEADERS.len()]], zone: Tz) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => defused(text).into_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Instant(at) => at.with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        });
        writer.write_record(cells)?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

/// Writes a workbook beside the requests: rows come to it page by page, wait in a temporary file of the operating system, and leave
/// it piece by piece.
fn workbook_body(
    pages: impl Stream<Item = Result<Vec<[Cell; HEADERS.len()]>, Error>> + Send + 'static,
    zone: Tz,
) -> Body {
    let (rows, mut taken) = mpsc::channel::<Vec<[Cell; HEADERS.len()]>>(2);
    let (sender, chunks) = mpsc::channel::<std::io::Result<Bytes>>(4);
    let failed = sender.clone();
    tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe { chunks: sender, buffer: Vec::with_capacity(CHUNK) };
        let written = workbook(&mut pipe, std::iter::from_fn(|| taken.blocking_recv()), zone);
        if let Err(error) = written {
            // A client that went away is no news.
            let _ = pipe.chunks.blocking_send(Err(std::io::Error::other(error.to_string())));
        }
    });
    tokio::spawn(async move {
        let mut pages = std::pin::pin!(pages);
        loop {
            match pages.try_next().await {
                Ok(Some(page)) => {
                    if rows.send(page).await.is_err() {
                        // The writer has gone because the client has.
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "an export broke off");
                    let _ = failed.send(Err(std::io::Error::other(error))).await;
                    return;
                }
            }
        }
    });
    Body::from_stream(stream::unfold(
        chunks,
        |mut chunks| async move { chunks.recv().await.map(|chunk| (chunk, chunks)) },
    ))
}

fn workbook(
    pipe: &mut Pipe,
    pages: impl Iterator<Item = Vec<[Cell; HEADERS.len()]>>,
    zone: Tz,
) -> Result<(), XlsxError> {
    let mut workbook = Workbook::new();
    let (bold, date) = (Format::new().set_bold(), Format::new().set_num_format("yyyy-mm-dd hh:mm"));
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name("Leads")?.set_freeze_panes(1, 0)?;
    for (column, header) in (0..).zip(HEADERS) {
        sheet.set_column_width(column, if header.len() < 6 { 24 } else { 18 })?;
        sheet.write_string_with_format(0, column, header, &bold)?;
    }
    for (at, row) in (1..).zip(pages.flatten()) {
        for (column, cell) in (0..).zip(row) {
            write_cell(sheet, (at, column), cell, zone, &date)?;
        }
    }
    workbook.save_to_writer(&mut *pipe)?;
    pipe.flush().map_err(XlsxError::IoError)
}

/// A text of a workbook is a text, whatever it begins with.
fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: Cell,
    zone: Tz,
    date: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) => sheet.write_string(row, column, text)?,
        Cell::Number(number) => sheet.write_number(row, column, number)?,
        Cell::Instant(at) => {
            sheet.write_datetime_with_format(row, column, at.with_timezone(&zone).naive_local(), date)?
        }
    };
    Ok(())
}

/// Passes what is written on to the client, and waits while the client is slow.
struct Pipe {
    chunks: mpsc::Sender<std::io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}
