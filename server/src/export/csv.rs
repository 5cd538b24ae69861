//! A table as text: RFC 4180 in UTF-8 with the mark that spreadsheets know it by.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use csv::{Terminator, WriterBuilder};
use tokio::sync::mpsc::Receiver;

use super::{Cell, Row, Table, WriteError};

/// What a spreadsheet takes for a formula when a text begins with it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub(super) fn write(table: &Table, mut rows: Receiver<Vec<Row>>, file: File) -> Result<(), WriteError> {
    let mut file = BufWriter::new(file);
    file.write_all("\u{feff}".as_bytes())?;
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file);
    writer.write_record(table.columns.iter().map(|column| column.name))?;
    while let Some(rows) = rows.blocking_recv() {
        for row in rows {
            writer.write_record(row.into_iter().map(field))?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// A small table as text, in memory.
///
/// # Errors
/// [`WriteError`].
pub(crate) fn text(columns: &[&str], rows: Vec<Row>) -> Result<Vec<u8>, WriteError> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row.into_iter().map(field))?;
    }
    writer.into_inner().map_err(|error| WriteError::from(error.into_error()))
}

/// Figures and times as programs read them, and texts that no spreadsheet takes for a formula.
fn field(cell: Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) if text.starts_with(FORMULA) => format!("'{text}"),
        Cell::Text(text) => text,
        Cell::Count(amount) | Cell::Seconds(amount) => amount.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Time(at) => at.format("%Y-%m-%d %H:%M:%S").to_string(),
        Cell::Flag(flag) => flag.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_like_formulas_are_made_texts_and_figures_are_left_alone() {
        for text in ["=1+1", "+12025550123", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(field(Cell::text(text)), format!("'{text}"));
        }
        assert_eq!(field(Cell::text("a=b")), "a=b");
        assert_eq!(field(Cell::text("a\0b\u{ffff}")), "ab");
        assert_eq!(field(Cell::Seconds(61)), "61");
    }
}
