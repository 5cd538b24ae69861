//! A table as a document to print: a title, a chart of the calls by day, the table over as many pages as it takes.

mod chart;
mod text;

use std::fs::File;
use std::io::Write as _;

use chrono::{Datelike as _, Timelike as _};
use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use tokio::sync::mpsc::Receiver;

use self::text::{Fonts, Line, Weight};
use super::{Cell, Column, Kind, Row, Table, Totals, WriteError, clock};

/// A4 across, in points.
const PAGE: (f32, f32) = (841.89, 595.28);
const MARGIN: f32 = 36.0;
/// The lowest point of the table; the page number is below.
const BOTTOM: f32 = PAGE.1 - MARGIN - 16.0;
/// Text of cells.
const SIZE: f32 = 7.5;
const LEADING: f32 = 9.5;
const PADDING: f32 = 3.5;
/// The most lines of a text in a cell; a workbook shows all of it.
const LINES_MAX: usize = 4;
const CHART: f32 = 150.0;

const INK: (u8, u8, u8) = (0x22, 0x2a, 0x33);
const GREY: (u8, u8, u8) = (0x6b, 0x74, 0x80);
const BLUE: (u8, u8, u8) = (0x1f, 0x4e, 0x79);
const STRIPE: (u8, u8, u8) = (0xf3, 0xf6, 0xf9);
const RULE: (u8, u8, u8) = (0xc9, 0xd1, 0xd9);
const WHITE: (u8, u8, u8) = (0xff, 0xff, 0xff);

fn colour(surface: &mut Surface<'_>, (red, green, blue): (u8, u8, u8)) {
    surface.set_fill(Some(Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }));
}

/// Fills a rectangle; one without a size is nothing.
fn bar(surface: &mut Surface<'_>, (x, y): (f32, f32), (width, height): (f32, f32), shade: (u8, u8, u8)) {
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    if let Some(path) = path.finish() {
        colour(surface, shade);
        surface.draw_path(&path);
    }
}

/// A row, broken into lines.
struct Laid {
    cells: Vec<Vec<Line>>,
    height: f32,
}

/// A document being laid out.
struct Layout<'t> {
    table: &'t Table,
    fonts: Fonts,
    /// The left end and the width of each column.
    columns: Vec<(f32, f32)>,
}

impl<'t> Layout<'t> {
    fn new(table: &'t Table, fonts: Fonts) -> Self {
        let all: f32 = table.columns.iter().map(|column| f32::from(column.width)).sum();
        let unit = (PAGE.0 - 2.0 * MARGIN) / all.max(1.0);
        let mut left = MARGIN;
        let place = |column: &Column| {
            let width = f32::from(column.width) * unit;
            left += width;
            (left - width, width)
        };
        Self { fonts, columns: table.columns.iter().map(place).collect(), table }
    }

    fn lay(&self, cells: impl Iterator<Item = String>, weight: Weight, lines: usize) -> Laid {
        let cells: Vec<Vec<Line>> = cells
            .zip(&self.columns)
            .map(|(text, (_, width))| self.fonts.wrap(&text, SIZE, weight, width - 2.0 * PADDING, lines))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
        Laid { cells, height: lines as f32 * LEADING + 2.0 * PADDING }
    }

    fn header(&self) -> Laid {
        self.lay(self.table.columns.iter().map(|column| column.name.to_owned()), Weight::Bold, 2)
    }

    fn draw_row(&self, surface: &mut Surface<'_>, row: &Laid, top: f32, ink: (u8, u8, u8)) {
        colour(surface, ink);
        for ((lines, column), (left, width)) in row.cells.iter().zip(&self.table.columns).zip(&self.columns) {
            let right = !matches!(column.kind, Kind::Text | Kind::Day | Kind::Time | Kind::Flag);
            for (place, line) in lines.iter().enumerate() {
                let x = if right { left + width - PADDING - line.width() } else { left + PADDING };
                line.draw(surface, x, top + PADDING + SIZE + place as f32 * LEADING - 0.5);
            }
        }
    }

    /// The rows of each page: the first page has less room.
    fn pages(&self, rows: &[Laid], first: f32, header: f32) -> Vec<std::ops::Range<usize>> {
        let (mut pages, mut start, mut y) = (Vec::new(), 0, first + header);
        for (at, row) in rows.iter().enumerate() {
            if y + row.height > BOTTOM && at > start {
                pages.push(start..at);
                (start, y) = (at, MARGIN + header);
            }
            y += row.height;
        }
        pages.push(start..rows.len());
        pages
    }

    /// Title, origin and chart: how far down they reach.
    fn draw_top(&self, surface: &mut Surface<'_>) -> f32 {
        let width = PAGE.0 - 2.0 * MARGIN;
        colour(surface, BLUE);
        self.fonts.fitted(&self.table.title, 18.0, Weight::Bold, width, false).draw(surface, MARGIN, MARGIN + 16.0);
        colour(surface, GREY);
        self.fonts.fitted(&self.table.origin(), 9.0, Weight::Regular, width, false).draw(
            surface,
            MARGIN,
            MARGIN + 32.0,
        );
        if chart::is_worth_it(self.table) {
            chart::draw(&self.fonts, surface, self.table, (MARGIN, MARGIN + 44.0), (width, CHART));
        }
        self.top()
    }

    fn top(&self) -> f32 {
        let chart = if chart::is_worth_it(self.table) { CHART + 12.0 } else { 0.0 };
        MARGIN + 46.0 + chart
    }

    fn draw_foot(&self, surface: &mut Surface<'_>, page: usize, pages: usize) {
        colour(surface, GREY);
        let y = PAGE.1 - MARGIN;
        let number = self.fonts.line(&format!("Page {page} of {pages}"), 8.0, Weight::Regular);
        let right = PAGE.0 - MARGIN - number.width();
        number.draw(surface, right, y);
        let words = format!("{} · {}", self.table.title, self.table.company);
        self.fonts.fitted(&words, 8.0, Weight::Regular, right - MARGIN - 20.0, false).draw(surface, MARGIN, y);
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Count(amount) => amount.to_string(),
        Cell::Seconds(seconds) => clock(*seconds),
        Cell::Day(day) => day.to_string(),
        Cell::Time(at) => at.format("%Y-%m-%d %H:%M").to_string(),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
    }
}

/// The sums below the table, when there are any.
fn totals(table: &Table, rows: &[Row]) -> Option<Row> {
    let mut totals = Totals::of(table);
    rows.iter().for_each(|row| totals.add(row));
    let cell = |total: Option<(Kind, u64)>| match total {
        Some((Kind::Duration, sum)) => Cell::Seconds(sum),
        Some((_, sum)) => Cell::Count(sum),
        None => Cell::Empty,
    };
    let mut cells: Row = totals.columns(table).map(cell).collect();
    if rows.is_empty() || cells.iter().all(|cell| *cell == Cell::Empty) {
        return None;
    }
    if let Some(first) = cells.first_mut() {
        *first = Cell::Text("Total".to_owned());
    }
    Some(cells)
}

fn metadata(table: &Table) -> Metadata {
    let (at, number) = (table.made_at, |part: u32| u8::try_from(part).unwrap_or(0));
    let made = DateTime::new(u16::try_from(at.year()).unwrap_or(0)).month(number(at.month())).day(number(at.day()));
    Metadata::new()
        .title(format!("{} {}", table.title, table.period()))
        .authors(vec![table.company.clone()])
        .creator("Dialplane".to_owned())
        .language("en".to_owned())
        .creation_date(made.hour(number(at.hour())).minute(number(at.minute())))
}

pub(super) fn write(table: &Table, mut rows: Receiver<Vec<Row>>, mut file: File) -> Result<(), WriteError> {
    let mut all: Vec<Row> = Vec::new();
    while let Some(rows) = rows.blocking_recv() {
        all.extend(rows);
    }
    let fonts = Fonts::load().ok_or_else(|| WriteError::Pdf("the fonts cannot be read".to_owned()))?;
    let layout = Layout::new(table, fonts);
    let header = layout.header();
    let lay = |row: &Row, weight| layout.lay(row.iter().map(shown), weight, LINES_MAX);
    let mut laid: Vec<Laid> = all.iter().map(|row| lay(row, Weight::Regular)).collect();
    let total = totals(table, &all).map(|row| lay(&row, Weight::Bold));
    let has_total = total.is_some();
    laid.extend(total);
    let pages = layout.pages(&laid, layout.top(), header.height);
    let mut document = Document::new();
    document.set_metadata(metadata(table));
    let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| WriteError::Pdf("no page".to_owned()))?;
    for (number, range) in pages.iter().enumerate() {
        let mut page = document.start_page_with(settings.clone());
        let mut surface = page.surface();
        let mut y = if number == 0 { layout.draw_top(&mut surface) } else { MARGIN };
        let width = PAGE.0 - 2.0 * MARGIN;
        bar(&mut surface, (MARGIN, y), (width, header.height), BLUE);
        layout.draw_row(&mut surface, &header, y, WHITE);
        y += header.height;
        for at in range.clone() {
            let Some(row) = laid.get(at) else { continue };
            let is_total = has_total && at + 1 == laid.len();
            if is_total {
                bar(&mut surface, (MARGIN, y), (width, 0.8), INK);
            } else if at % 2 == 1 {
                bar(&mut surface, (MARGIN, y), (width, row.height), STRIPE);
            }
            layout.draw_row(&mut surface, row, y, INK);
            y += row.height;
        }
        if laid.is_empty() {
            colour(&mut surface, GREY);
            layout.fonts.line("No rows in this period", 9.0, Weight::Regular).draw(&mut surface, MARGIN, y + 16.0);
        } else {
            bar(&mut surface, (MARGIN, y), (width, 0.5), RULE);
        }
        layout.draw_foot(&mut surface, number + 1, pages.len());
        surface.finish();
        page.finish();
    }
    let bytes = document.finish().map_err(|error| WriteError::Pdf(format!("{error:?}")))?;
    file.write_all(&bytes)?;
    Ok(())
}
