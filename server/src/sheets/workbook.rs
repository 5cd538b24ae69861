//! XLSX: a zip archive of XML. Its parts are unpacked once to see how large they really are before anything is made of them, and
//! cells are read one by one: a sheet of two cells may claim a billion.

use std::io::{Cursor, Read as _};

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, Xlsx};

use super::{BadSheet, Builder, UNPACKED_MAX};

/// The most parts of an archive.
const PARTS_MAX: usize = 5_000;

/// Reads the first sheet that holds something.
pub(super) fn read(file: &[u8], builder: &mut Builder) -> Result<(), BadSheet> {
    measure(file)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(file)).map_err(|_| BadSheet::Damaged)?;
    for name in workbook.sheet_names() {
        let mut cells = workbook.worksheet_cells_reader(&name).map_err(|_| BadSheet::Damaged)?;
        let (mut row, mut texts): (u32, Vec<String>) = (0, Vec::new());
        while let Some(cell) = cells.next_cell().map_err(|_| BadSheet::Damaged)? {
            let (at, column) = cell.get_position();
            if at != row {
                push(builder, row, &texts)?;
                texts.clear();
                row = at;
            }
            let text = shown(cell.get_value());
            let column = column as usize;
            if text.is_empty() {
                continue;
            }
            if column > super::COLUMNS_MAX {
                return Err(BadSheet::TooManyColumns(row.saturating_add(1)));
            }
            if texts.len() <= column {
                texts.resize(column + 1, String::new());
            }
            if let Some(slot) = texts.get_mut(column) {
                *slot = text;
            }
        }
        push(builder, row, &texts)?;
        if builder.headers.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

fn push(builder: &mut Builder, row: u32, texts: &[String]) -> Result<(), BadSheet> {
    let cells: Vec<&str> = texts.iter().map(String::as_str).collect();
    builder.push(row as usize + 1, &cells)
}

/// Unpacks all that will be looked at, and keeps nothing of it.
fn measure(file: &[u8]) -> Result<(), BadSheet> {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).map_err(|_| BadSheet::Damaged)?;
    if archive.len() > PARTS_MAX {
        return Err(BadSheet::TooLarge);
    }
    let mut left = UNPACKED_MAX as u64;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| BadSheet::Damaged)?;
        let name = part.name().map_err(|_| BadSheet::Damaged)?.to_ascii_lowercase();
        if name.ends_with(".xml") || name.ends_with(".rels") {
            let size = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|_| BadSheet::Damaged)?;
            left = left.checked_sub(size).ok_or(BadSheet::TooLarge)?;
        }
    }
    Ok(())
}

/// A cell as a text. A formula is what it came to when the file was saved.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        // Whole numbers have no decimals: a telephone number that was typed as a number stays one.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::DateTime(at) => instant(at),
        // A formula that came to nothing says nothing.
        DataRef::Error(_) | DataRef::Empty => String::new(),
        other => Data::from(other.clone()).to_string(),
    }
}

fn instant(at: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    if hour == 0 && minute == 0 && second == 0 {
        return format!("{year:04}-{month:02}-{day:02}");
    }
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}
