//! Tables that people send as files: CSV in its many manners, and XLSX. Both become the same plain form, which is all that is kept
//! of a file: lines of CSV in UTF-8 whose first cell is the row of the file.
//!
//! A file comes from outside: nothing in it is trusted, everything has a limit, and what it says of its own size is not believed.

mod text;
mod workbook;

use std::num::TryFromIntError;

use csv::StringRecord;
use dialplane_core::lead::import::{CELL_MAX, COLUMNS_MAX, ROWS_MAX};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// The most bytes of a table in its plain form, and of a workbook when it is unpacked.
const UNPACKED_MAX: usize = 128 << 20;

/// Files read at once: each may take a multiple of its size in memory, and a processor.
static READERS: Semaphore = Semaphore::const_new(2);

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSheet {
    #[error("this is neither a CSV file nor an Excel workbook (.xlsx)")]
    NotASheet,
    #[error("workbooks of Excel 97 to 2003 (.xls) are not read: save it as .xlsx or CSV")]
    OldWorkbook,
    #[error("the workbook cannot be read: it is damaged, encrypted or not an .xlsx file")]
    Damaged,
    #[error("the file holds no table: its first row must name the columns")]
    Empty,
    #[error("the file unpacks to more than {} MB", UNPACKED_MAX >> 20)]
    TooLarge,
    #[error("the file has more than {ROWS_MAX} rows: split it")]
    TooManyRows,
    #[error("row {0} has more than {COLUMNS_MAX} columns")]
    TooManyColumns(u32),
    #[error("a cell of row {0} is longer than {CELL_MAX} characters: is a quote missing?")]
    LongCell(u32),
    #[error("the quote that is opened in line {0} is never closed: all rows below it would be one cell")]
    OpenQuote(u32),
}

impl From<BadSheet> for Problem {
    fn from(bad: BadSheet) -> Self {
        Self::field("file", bad.to_string())
    }
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its place in the file, from 1.
    pub(crate) row: u32,
    pub(crate) cells: Vec<String>,
}

/// A table in its plain form.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) headers: Vec<String>,
    /// Rows below the header.
    pub(crate) rows: u64,
    /// The rows, without the header.
    pub(crate) plain: Vec<u8>,
}

/// Reads a file.
///
/// # Errors
/// 400 says what is wrong with it.
pub(crate) async fn read(file: bytes::Bytes) -> Result<Table, Problem> {
    let _place = READERS.acquire().await.map_err(|error| Problem::internal(&error))?;
    // A file that brings a reader down is a bad file.
    let read = tokio::task::spawn_blocking(move || read_now(&file)).await.unwrap_or(Err(BadSheet::Damaged));
    Ok(read?)
}

fn read_now(file: &[u8]) -> Result<Table, BadSheet> {
    let mut builder = Builder::default();
    if file.starts_with(b"PK\x03\x04") {
        workbook::read(file, &mut builder)?;
    } else if file.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(BadSheet::OldWorkbook);
    } else {
        text::read(file, &mut builder)?;
    }
    builder.end()
}

/// The rows of a table in its plain form.
pub(crate) fn rows(plain: &[u8]) -> impl Iterator<Item = Row> + '_ {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(plain);
    // We wrote it: what cannot be read was not written by us.
    reader.into_records().map_while(Result::ok).filter_map(|record| row_of(&record))
}

fn row_of(record: &StringRecord) -> Option<Row> {
    let mut cells = record.iter();
    let row = cells.next()?.parse().ok()?;
    Some(Row { row, cells: cells.map(str::to_owned).collect() })
}

/// Takes rows in, one after another, within the limits.
#[derive(Default)]
struct Builder {
    headers: Option<Vec<String>>,
    rows: usize,
    writer: Option<csv::Writer<Vec<u8>>>,
    size: usize,
}

impl Builder {
    /// Takes a row; one without anything in it is passed over.
    fn push(&mut self, place: usize, cells: &[&str]) -> Result<(), BadSheet> {
        let place = u32::try_from(place).map_err(|_: TryFromIntError| BadSheet::TooManyRows)?;
        let filled = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let Some(cells) = cells.get(..filled).filter(|cells| !cells.is_empty()) else { return Ok(()) };
        if cells.len() > COLUMNS_MAX {
            return Err(BadSheet::TooManyColumns(place));
        }
        if cells.iter().any(|cell| cell.len() > CELL_MAX && cell.chars().count() > CELL_MAX) {
            return Err(BadSheet::LongCell(place));
        }
        if self.headers.is_none() {
            self.headers = Some(cells.iter().map(|cell| cell.trim().to_owned()).collect());
            return Ok(());
        }
        self.rows += 1;
        self.size += cells.iter().map(|cell| cell.len() + 3).sum::<usize>() + 8;
        if self.rows > ROWS_MAX {
            return Err(BadSheet::TooManyRows);
        }
        if self.size > UNPACKED_MAX {
            return Err(BadSheet::TooLarge);
        }
        let writer =
            self.writer.get_or_insert_with(|| csv::WriterBuilder::new().flexible(true).from_writer(Vec::new()));
        let place = place.to_string();
        let record = std::iter::once(place.as_str()).chain(cells.iter().copied());
        // Memory takes everything.
        writer.write_record(record).map_err(|_| BadSheet::TooLarge)
    }

    fn end(self) -> Result<Table, BadSheet> {
        let headers = self.headers.ok_or(BadSheet::Empty)?;
        let plain = match self.writer {
            Some(writer) => writer.into_inner().map_err(|_| BadSheet::TooLarge)?,
            None => Vec::new(),
        };
        Ok(Table { headers, rows: self.rows as u64, plain })
    }
}

#[cfg(test)]
mod tests;
