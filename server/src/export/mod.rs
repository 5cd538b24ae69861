//! Tables that people take with them: as a workbook, as a document to print, as text. What is in them comes from `content`; how
//! they are written is each format's own.

pub(crate) mod content;
pub(crate) mod csv;
mod excel;
pub(crate) mod files;
mod link;
mod pdf;

use std::path::Path;

use chrono::{NaiveDate, NaiveDateTime};
use tokio::sync::mpsc::Receiver;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Excel,
    Pdf,
    Csv,
}

impl Format {
    /// Reads the word of a query.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "excel" | "xlsx" => Some(Self::Excel),
            "pdf" => Some(Self::Pdf),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// The ending of its files.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Excel => "xlsx",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Excel => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// The most rows of a table: a workbook and a text are written as the rows come, a document is laid out as a whole.
    pub(crate) const fn rows_max(self) -> u64 {
        match self {
            Self::Excel | Self::Csv => 50_000,
            Self::Pdf => 5_000,
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Count,
    /// Seconds.
    Duration,
    Day,
    Time,
    Flag,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Its width, in characters.
    pub(crate) width: u16,
    /// Whether its sum means something.
    pub(crate) total: bool,
}

impl Column {
    pub(crate) const fn new(name: &'static str, kind: Kind, width: u16) -> Self {
        Self { name, kind, width, total: false }
    }

    pub(crate) const fn summed(self) -> Self {
        Self { total: true, ..self }
    }
}

/// A cell; of its column's kind, or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Count(u64),
    Seconds(u64),
    Day(NaiveDate),
    Time(NaiveDateTime),
    Flag(bool),
}

impl Cell {
    /// A text without the characters that no format can hold.
    pub(crate) fn text(text: &str) -> Self {
        let held = |letter: &char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
        let held = |letter: &char| held(letter) && !matches!(letter, '\u{fffe}' | '\u{ffff}');
        Self::Text(text.chars().filter(held).collect())
    }

    pub(crate) fn maybe_text(text: Option<&str>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    /// What it adds to the sum of its column.
    const fn amount(&self) -> u64 {
        match self {
            Self::Count(amount) | Self::Seconds(amount) => *amount,
            _ => 0,
        }
    }
}

/// A row: a cell for each column.
pub(crate) type Row = Vec<Cell>;

/// A table without its rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) company: String,
    /// The first and the last day.
    pub(crate) days: (NaiveDate, NaiveDate),
    /// The name of the zone whose days they are.
    pub(crate) zone: &'static str,
    /// When it was made, in that zone.
    pub(crate) made_at: NaiveDateTime,
    pub(crate) columns: Vec<Column>,
    /// Calls by day.
    pub(crate) calls: Vec<(NaiveDate, u64)>,
}

impl Table {
    /// The period in words.
    fn period(&self) -> String {
        let (from, to) = self.days;
        if from == to { from.to_string() } else { format!("{from} to {to}") }
    }

    /// Where the table comes from, in words.
    fn origin(&self) -> String {
        format!("{} · {} · {} · made {}", self.company, self.period(), self.zone, self.made_at.format("%Y-%m-%d %H:%M"))
    }
}

/// The sums of the columns that have one.
struct Totals(Vec<u64>);

impl Totals {
    fn of(table: &Table) -> Self {
        Self(vec![0; table.columns.len()])
    }

    fn add(&mut self, row: &[Cell]) {
        for (sum, cell) in self.0.iter_mut().zip(row) {
            *sum = sum.saturating_add(cell.amount());
        }
    }

    /// The sum of each column, where it means something.
    fn columns<'t>(&'t self, table: &'t Table) -> impl Iterator<Item = Option<(Kind, u64)>> + 't {
        table.columns.iter().zip(&self.0).map(|(column, sum)| column.total.then_some((column.kind, *sum)))
    }
}

/// Seconds as hours, minutes and seconds.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A table could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the file cannot be written: {0}")]
    Io(#[from] std::io::Error),
    #[error("the text cannot be written: {0}")]
    Csv(#[from] ::csv::Error),
    #[error("the workbook cannot be written: {0}")]
    Excel(#[from] rust_xlsxwriter::XlsxError),
    #[error("the document cannot be written: {0}")]
    Pdf(String),
}

/// Writes a table into a new file at `path`, with the rows as they come. Blocks.
///
/// # Errors
/// [`WriteError`].
pub(crate) fn write(format: Format, table: &Table, rows: Receiver<Vec<Row>>, path: &Path) -> Result<(), WriteError> {
    let file = files::create(path)?;
    match format {
        Format::Csv => csv::write(table, rows, file),
        Format::Excel => excel::write(table, rows, file, path.parent().unwrap_or(path)),
        Format::Pdf => pdf::write(table, rows, file),
    }
}
