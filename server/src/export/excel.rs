//! A table as a workbook, written row by row: what is in memory does not grow with the table.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use rust_xlsxwriter::{
    Chart, ChartType, Color, DocProperties, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet,
};
use tokio::sync::mpsc::Receiver;

use super::{Cell, Kind, Row, Table, Totals, WriteError};

/// The row of the column names; title and origin are above.
const HEADER: u32 = 3;
const BLUE: Color = Color::RGB(0x1F_4E_79);
/// The most characters of a text that are shown; a cell holds at most 32,767.
const TEXT_MAX: usize = 15_000;

/// How the cells look.
struct Looks {
    header: Format,
    count: Format,
    duration: Format,
    day: Format,
    time: Format,
    text: Format,
}

impl Looks {
    fn new() -> Self {
        let top = || Format::new().set_align(FormatAlign::Top);
        Self {
            header: Format::new()
                .set_bold()
                .set_font_color(Color::White)
                .set_background_color(BLUE)
                .set_align(FormatAlign::VerticalCenter)
                .set_text_wrap(),
            count: top().set_num_format("#,##0"),
            duration: top().set_num_format("[h]:mm:ss"),
            day: top().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            time: top().set_num_format("yyyy-mm-dd hh:mm:ss").set_align(FormatAlign::Left),
            text: top().set_text_wrap(),
        }
    }
}

/// Seconds as the part of a day that spreadsheets count in.
fn part_of_day(seconds: u64) -> f64 {
    seconds as f64 / 86_400.0
}

pub(super) fn write(table: &Table, mut rows: Receiver<Vec<Row>>, file: File, folder: &Path) -> Result<(), WriteError> {
    let mut workbook = Workbook::new();
    workbook.set_tempdir(folder)?;
    workbook.set_properties(&DocProperties::new().set_title(&table.title).set_company(&table.company));
    let looks = Looks::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    open(sheet, table, &looks)?;
    let (mut at, mut totals) = (HEADER + 1, Totals::of(table));
    while let Some(rows) = rows.blocking_recv() {
        for row in rows {
            totals.add(&row);
            for (column, cell) in (0..).zip(&row) {
                put(sheet, at, column, cell, &looks)?;
            }
            at += 1;
        }
    }
    close(sheet, table, at, &totals)?;
    if table.calls.iter().any(|(_, calls)| *calls > 0) {
        chart(&mut workbook, table, &looks)?;
    }
    workbook.save_to_writer(BufWriter::new(file))?;
    Ok(())
}

/// Title, origin, column names, and how it is seen and printed.
fn open(sheet: &mut Worksheet, table: &Table, looks: &Looks) -> Result<(), WriteError> {
    sheet.set_name("Report")?;
    for (column, one) in (0..).zip(&table.columns) {
        sheet.set_column_width(column, f64::from(one.width) + 2.0)?;
    }
    sheet.set_freeze_panes(HEADER + 1, 0)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(HEADER, HEADER)?;
    sheet.set_footer("&L&A&RPage &P of &N");
    let title = Format::new().set_bold().set_font_size(14).set_font_color(BLUE);
    sheet.write_string_with_format(0, 0, &table.title, &title)?;
    sheet.write_string_with_format(1, 0, table.origin(), &Format::new().set_font_color(Color::Gray))?;
    sheet.set_row_height(HEADER, 30)?;
    for (column, one) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(HEADER, column, one.name, &looks.header)?;
    }
    Ok(())
}

fn put(sheet: &mut Worksheet, row: u32, column: u16, cell: &Cell, looks: &Looks) -> Result<(), WriteError> {
    match cell {
        Cell::Empty => {}
        // Always a string: what looks like a formula stays a text.
        Cell::Text(text) => {
            let text: String = text.replace('\r', "\n").chars().take(TEXT_MAX).collect();
            sheet.write_string_with_format(row, column, text, &looks.text)?;
        }
        Cell::Count(amount) => {
            sheet.write_number_with_format(row, column, *amount as f64, &looks.count)?;
        }
        Cell::Seconds(seconds) => {
            sheet.write_number_with_format(row, column, part_of_day(*seconds), &looks.duration)?;
        }
        Cell::Day(day) => {
            sheet.write_datetime_with_format(row, column, day, &looks.day)?;
        }
        Cell::Time(at) => {
            sheet.write_datetime_with_format(row, column, at, &looks.time)?;
        }
        Cell::Flag(flag) => {
            sheet.write_string_with_format(row, column, if *flag { "yes" } else { "no" }, &looks.text)?;
        }
    }
    Ok(())
}

/// The filter over the rows and their sums below: a formula that follows the filter, with its value for readers that do not count.
fn close(sheet: &mut Worksheet, table: &Table, end: u32, totals: &Totals) -> Result<(), WriteError> {
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(0);
    if end == HEADER + 1 {
        sheet.write_string(end, 0, "No rows in this period")?;
        return Ok(());
    }
    sheet.autofilter(HEADER, 0, end - 1, last)?;
    if !table.columns.iter().any(|column| column.total) {
        return Ok(());
    }
    let bold = Format::new().set_bold().set_border_top(FormatBorder::Thin);
    sheet.write_string_with_format(end, 0, "Total", &bold)?;
    for (column, total) in (0..).zip(totals.columns(table)).skip(1) {
        let Some((kind, sum)) = total else {
            sheet.write_blank(end, column, &bold)?;
            continue;
        };
        let (first, last) = (cell_name(HEADER + 1, column), cell_name(end - 1, column));
        let (value, format) = match kind {
            Kind::Duration => (part_of_day(sum), bold.clone().set_num_format("[h]:mm:ss")),
            _ => (sum as f64, bold.clone().set_num_format("#,##0")),
        };
        let formula = Formula::new(format!("=SUBTOTAL(109,{first}:{last})")).set_result(value.to_string());
        sheet.write_formula_with_format(end, column, formula, &format)?;
    }
    Ok(())
}

/// A second sheet with the calls of each day and their chart.
fn chart(workbook: &mut Workbook, table: &Table, looks: &Looks) -> Result<(), WriteError> {
    const NAME: &str = "Calls per day";
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name(NAME)?;
    sheet.set_column_width(0, 12)?;
    let last = u32::try_from(table.calls.len()).unwrap_or(1);
    let mut chart = Chart::new(ChartType::Column);
    chart.add_series().set_name("Calls").set_categories((NAME, 1, 0, last, 0)).set_values((NAME, 1, 1, last, 1));
    chart.title().set_name(NAME);
    chart.legend().set_hidden();
    chart.set_width(900).set_height(360);
    sheet.insert_chart(1, 3, &chart)?;
    sheet.write_string_with_format(0, 0, "Day", &looks.header)?;
    sheet.write_string_with_format(0, 1, "Calls", &looks.header)?;
    for (row, (day, calls)) in (1..).zip(&table.calls) {
        put(sheet, row, 0, &Cell::Day(*day), looks)?;
        put(sheet, row, 1, &Cell::Count(*calls), looks)?;
    }
    Ok(())
}

fn cell_name(row: u32, column: u16) -> String {
    rust_xlsxwriter::utility::row_col_to_cell(row, column)
}
